//! Which share of the work each object is of, where replicas share it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::object::Watched;
use crate::api::ClassicLoadBalancerSpec;
use crate::lease::{Leaders, Share};

/// The share of an object that declares this; `None`: one process has them all.
pub(super) fn share_of(leaders: &Leaders, spec: &ClassicLoadBalancerSpec) -> Option<Share> {
    let account = spec.account_ref.as_ref().map(|account| account.name.as_str());
    leaders.share(account, spec.region.as_deref())
}

/// The same of an object as it is watched.
pub(super) fn share_of_object(leaders: &Leaders, object: &impl Watched) -> Option<Share> {
    leaders.are_many().then(|| share_of(leaders, &object.spec())).flatten()
}

/// The shares of all objects, by UID.
#[derive(Debug, Default)]
pub(super) struct Shares {
    objects: Mutex<HashMap<String, Share>>,
    /// The term in which this process led last, by share.
    terms: Mutex<BTreeMap<Option<Share>, u64>>,
}

impl Shares {
    fn objects(&self) -> MutexGuard<'_, HashMap<String, Share>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event brought an object of this share.
    pub(super) fn arrived(&self, uid: &str, share: Share) {
        self.objects().insert(uid.to_owned(), share);
    }

    /// The object is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.objects().remove(uid);
    }

    /// The share that an object is of; `None`: of none, or nobody can say.
    pub(super) fn of(&self, uid: &str) -> Option<Share> {
        self.objects().get(uid).cloned()
    }

    /// Whether an object is of this share.
    pub(super) fn is_of(&self, uid: &str, share: Option<&Share>) -> bool {
        self.objects().get(uid) == share
    }

    /// Every share that an object is of.
    pub(super) fn used(&self) -> BTreeSet<Share> {
        self.objects().values().cloned().collect()
    }

    /// This process leads in this term. Where it has led in another one before, or never, this is done first, before anything is
    /// done in this one.
    pub(super) fn begin_term(&self, share: Option<&Share>, term: u64, begins: impl FnOnce()) {
        let mut terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        if terms.insert(share.cloned(), term) != Some(term) {
            begins();
        }
    }
}
