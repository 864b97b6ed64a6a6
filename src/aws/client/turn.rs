//! What became of the calls of one reconcile: which were made, and how long to wait since one had no turn.

use std::sync::{Mutex, PoisonError};

use crate::aws::Error;
use crate::aws::budget::{Budget, Who};
use crate::elb::{Bucket, Lane, Wait};

/// The calls of one reconcile.
#[derive(Debug, Default)]
pub(super) struct Turn(Mutex<State>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    wait: Option<Wait>,
    /// How many were made of each bucket.
    made: [u32; Bucket::ALL.len()],
}

impl Turn {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How long to wait, since a call had no turn.
    pub(super) fn wait(&self) -> Option<Wait> {
        self.with(|state| state.wait)
    }

    /// A call had its turn; or else it waits until there is one for it and for those that will be made again before it.
    pub(super) fn note<T>(&self, operation: &str, answer: &Result<T, Error>, budget: &Budget, lane: Lane, who: Who) {
        let Err(Error { wait: Some(wait), .. }) = answer else {
            let buckets = Bucket::of(operation).iter();
            return self.with(|state| buckets.for_each(|bucket| state.made[*bucket as usize] += 1));
        };
        let calls = wait.calls + self.with(|state| state.made[wait.bucket as usize]);
        let longer = budget.still(wait.bucket, calls, lane, who).unwrap_or_default();
        let time = wait.time.max(longer);
        let wait = Wait { time, calls, ..*wait };
        self.with(|state| state.wait = state.wait.max(Some(wait)));
    }
}
