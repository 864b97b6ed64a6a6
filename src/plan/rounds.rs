//! Pure: the rounds of one reconcile. A plan runs, what AWS refused is taken in, and what that teaches is planned with.

use super::facts::Lesson;
use super::{Facts, Held, Plan, Ran, Refusal, Step, targets};
use crate::elb::{Declared, LoadBalancer};

/// How often a reconcile plans again with what it learned or did; then the object is queued again. Rounds that only
/// search for an unknown instance, by halving the batch that holds it, are not counted: all batches are halved in each
/// of them, so they end after log2 of the largest.
const PLANNED_AGAIN: usize = 3;

/// The rounds of one reconcile.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// All that is known of refusals, from earlier reconciles and this one.
    pub facts: Facts,
    refused: Vec<Step>,
    left: usize,
}

impl Rounds {
    /// Begins a reconcile.
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            refused: Vec::new(),
            left: PLANNED_AGAIN + 1,
        }
    }

    /// What to run next; `None` when nothing is left to do in this reconcile.
    pub fn next(&self, declared: &Declared, observed: &LoadBalancer) -> Option<Plan> {
        if self.left == 0 {
            return None;
        }
        Some(Plan::update(declared, observed, &self.facts).without(&self.refused)).filter(|plan| !plan.is_empty())
    }

    /// What is not deregistered yet though nobody wants it.
    pub fn held(&self, declared: &Declared, observed: &LoadBalancer) -> Option<Held> {
        targets::held(declared, observed, &self.facts)
    }

    /// Takes in what became of a plan. Tells of each refusal whether it changes what is planned next; the others are
    /// for people to read.
    pub fn take<E: Refusal>(&mut self, ran: &Ran<E>) -> Vec<bool> {
        for step in &ran.done {
            self.facts.note(step);
        }
        let lessons: Vec<Lesson> = ran.failures.iter().map(|failure| self.facts.learn(failure)).collect();
        if ran.failures.is_empty() && makes_way(&ran.done) {
            // Policies that a load balancer cannot have all at once are exchanged round after round, and each is one less.
        } else if ran.failures.is_empty() || lessons.contains(&Lesson::New) {
            self.left = self.left.saturating_sub(1);
        } else if !lessons.contains(&Lesson::Narrowed) {
            self.left = 0;
        }
        let mut learned: Vec<bool> = lessons.iter().map(|lesson| *lesson != Lesson::Nothing).collect();
        if self.left == 0 {
            learned.fill(false);
        }
        let final_ones = ran.failures.iter().zip(&learned).filter(|(_, learned)| !**learned);
        self.refused.extend(final_ones.map(|(failure, _)| failure.step.clone()));
        learned
    }
}

/// Whether a policy was made and another one deleted.
fn makes_way(done: &[Step]) -> bool {
    let made = |step: &Step| matches!(step, Step::CreatePolicy { .. });
    let deleted = |step: &Step| matches!(step, Step::DeletePolicy(_));
    done.iter().any(made) && done.iter().any(deleted)
}
