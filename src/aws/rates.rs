//! What may be asked of AWS, and what becomes of a call that is too many.

use super::budget::Limits;
use super::gate::WhenOverBudget;

/// What may be asked of AWS, and what becomes of a call that is too many.
#[derive(Clone, Debug)]
pub struct Rates {
    /// What AWS lets an account ask for in a region, and our share.
    pub limits: Limits,
    /// What becomes of a call for which nothing is left.
    pub when_over_budget: WhenOverBudget,
}

impl Rates {
    /// For an operator, whose objects wait in its queue.
    pub fn queued(limits: Limits) -> Self {
        Self {
            limits,
            when_over_budget: WhenOverBudget::Fails,
        }
    }

    /// For a person, whose command waits.
    pub fn waited_for(limits: Limits) -> Self {
        Self {
            limits,
            when_over_budget: WhenOverBudget::Waits,
        }
    }
}
