//! Calls that are kept for one reconcile, since it has waited for its turn to make them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::add;
use crate::elb::Calls;

/// How many calls of each bucket are kept.
#[derive(Debug, Default)]
pub(in crate::aws) struct Kept(Mutex<Calls>);

impl Kept {
    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of these, what is not kept.
    pub(super) fn lacking(&self, calls: &Calls) -> Calls {
        let kept = self.calls();
        std::array::from_fn(|bucket| calls[bucket].saturating_sub(kept[bucket]))
    }

    /// Whether all of these are kept.
    pub(in crate::aws) fn holds(&self, calls: &Calls) -> bool {
        self.lacking(calls) == Calls::default()
    }

    /// Of these, what is kept is used.
    pub(super) fn use_up(&self, calls: &Calls) {
        for (kept, calls) in self.calls().iter_mut().zip(calls) {
            *kept = kept.saturating_sub(*calls);
        }
    }

    /// These are paid for.
    pub(in crate::aws) fn add(&self, calls: &Calls) {
        add(&mut self.calls(), calls);
    }

    /// What is left.
    pub(super) fn take(&self) -> Calls {
        std::mem::take(&mut *self.calls())
    }
}
