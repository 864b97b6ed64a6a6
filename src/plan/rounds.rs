//! Pure: the rounds of one pass. A plan runs, what AWS refused is taken in, and what that teaches is planned with.

use super::facts::Lesson;
use super::{Facts, Held, Plan, Step, targets};
use crate::elb::{Declared, LoadBalancer};

/// How often a pass plans again with what it learned; then the object is queued again. Rounds that only search for an
/// unknown instance, by halving the batch that holds it, are not counted: all batches are halved in each of them, so they
/// end after log2 of the largest.
const PLANNED_AGAIN: usize = 3;

/// A step that AWS refused.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// The step.
    pub step: &'a Step,
    /// AWS's code.
    pub code: &'a str,
    /// AWS's message.
    pub message: &'a str,
    /// What was deleted for the step was put back.
    pub put_back: bool,
}

/// The rounds of one pass.
#[derive(Clone, Debug)]
pub struct Rounds {
    /// All that is known of refusals, from earlier passes and this one.
    pub facts: Facts,
    refused: Vec<Step>,
    left: usize,
}

impl Rounds {
    /// Begins a pass.
    pub fn new(facts: Facts) -> Self {
        Self {
            facts,
            refused: Vec::new(),
            left: PLANNED_AGAIN + 1,
        }
    }

    /// What to run next; `None` when nothing is left to do in this pass.
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

    /// Takes in what became of a plan. Tells of each refusal whether it changes what is planned next; the others are for
    /// people to read.
    pub fn take(&mut self, done: &[Step], refusals: &[Refused<'_>]) -> Vec<bool> {
        for step in done {
            self.facts.note(step);
        }
        let lessons: Vec<Lesson> = refusals.iter().map(|refusal| self.facts.learn(refusal)).collect();
        if lessons.contains(&Lesson::New) {
            self.left -= 1;
        } else if !lessons.contains(&Lesson::Narrowed) {
            self.left = 0;
        }
        let mut learned: Vec<bool> = lessons.iter().map(|lesson| *lesson != Lesson::Nothing).collect();
        if self.left == 0 {
            learned.fill(false);
        }
        let final_ones = refusals.iter().zip(&learned).filter(|(_, learned)| !**learned);
        self.refused.extend(final_ones.map(|(refusal, _)| refusal.step.clone()));
        learned
    }
}
