//! Pure: all the calls that would be made, of a balancer that answers each of them as it should.

use super::{Facts, Plan, Step};
use crate::elb::{Attributes, Declared, LoadBalancer};

/// How often planning goes on from what the calls before made of the balancer.
const ROUNDS: usize = 10;

/// The calls that make `observed` as declared, in order; `None`: there is no balancer yet.
pub fn forecast(declared: &Declared, observed: Option<&LoadBalancer>, mut facts: Facts) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut lb = match observed {
        Some(observed) => observed.clone(),
        None => {
            steps.extend(Plan::create(declared).steps().cloned());
            facts.new = true;
            let mut made = declared.at_creation();
            made.attributes = Attributes::at_creation();
            made
        }
    };
    for _ in 0..ROUNDS {
        let plan = Plan::update(declared, &lb, &facts);
        if plan.is_empty() {
            break;
        }
        for step in plan.steps() {
            step.apply_to(&mut lb);
            facts.note(step);
            steps.push(step.clone());
        }
    }
    steps
}
