//! Questions by the lanes that they are asked in. Those of instances wait for none that are still to come of changes, and
//! nobody is refused with those of a lane behind its own, which leaves a part of each bucket to others. An answer serves all.

use super::joined::Joined;
use crate::elb::Lane;

/// Questions that come together in one lane are one call.
#[derive(Debug)]
pub(super) struct ByLane<K, A> {
    /// Of instances, of changes, and of what is only looked at. The first keeps the answers.
    lanes: [Joined<K, A>; 3],
}

impl<K: Ord + Clone, A: Clone> Default for ByLane<K, A> {
    fn default() -> Self {
        Self {
            lanes: [Joined::brisk(), Joined::default(), Joined::default()],
        }
    }
}

impl<K: Ord + Clone, A: Clone> ByLane<K, A> {
    /// The answers that are kept.
    pub(super) fn answers(&self) -> &Joined<K, A> {
        let [answers, ..] = &self.lanes;
        answers
    }

    /// As [`Joined::ask`], together with whoever asks in the same lane.
    pub(super) async fn ask<F, R>(&self, lane: Lane, question: &K, answer: F) -> A
    where
        F: Fn(Vec<K>) -> R,
        R: Future<Output = Vec<(K, A)>>,
    {
        let [instances, changes, looks] = &self.lanes;
        let lane = match lane {
            Lane::Instances => instances,
            Lane::Change => changes,
            Lane::Repair | Lane::Sweep => looks,
        };
        lane.ask(question, answer).await
    }
}
