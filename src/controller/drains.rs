//! What load balancers still hold of the Nodes that are about to go, so that those who take them away can wait for it.

mod holds;
mod tell;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::holds::Holds;
use super::memory::Health;
use super::nodes::Drain;
use crate::api::ClassicLoadBalancerStatus;
use crate::elb::InstanceId;

pub(super) use holds::with_nodes;
pub(super) use tell::tell_nodes;

/// What each load balancer holds, by the UID of its object.
#[derive(Debug, Default)]
pub(super) struct Drains {
    objects: Mutex<BTreeMap<String, Holds>>,
    changed: Notify,
}

impl Drains {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Holds>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, uid: &str, change: impl FnOnce(&mut Holds)) {
        change(self.objects().entry(uid.to_owned()).or_default());
        self.changed.notify_one();
    }

    /// An object that cannot be decoded is worked on by nobody.
    pub(super) fn arrived_undecodable(&self, uid: &str) {
        self.change(uid, Holds::none);
    }

    /// An event brought an object with this status.
    pub(super) fn arrived(&self, uid: &str, status: Option<&ClassicLoadBalancerStatus>, now: Instant) {
        self.change(uid, |holds| holds.by_status(status, now));
    }

    /// A reconcile of an object begins with the Nodes as they are.
    pub(super) fn begins(&self, uid: &str, at: Timestamp) {
        self.change(uid, |holds| holds.begins(at));
    }

    /// It found out that these instances are registered and leave with their Nodes.
    pub(super) fn holds(&self, uid: &str, registered: BTreeSet<InstanceId>, health: &Health, now: Instant) {
        self.change(uid, |holds| holds.take(registered, health, now));
    }

    /// Nothing leaves a load balancer with a Node.
    pub(super) fn holds_nothing(&self, uid: &str) {
        self.change(uid, Holds::none);
    }

    /// It ended, whatever it found out.
    pub(super) fn ends(&self, uid: &str) {
        self.change(uid, Holds::ends);
    }

    /// The object is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.objects().remove(uid);
        self.changed.notify_one();
    }

    /// Another operator may have worked on all objects since this process looked.
    pub(super) fn begin_term(&self) {
        self.objects().values_mut().for_each(Holds::is_old);
        self.changed.notify_one();
    }

    /// Waits until something changed since this was last asked.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// A Node changed.
    pub(super) fn nodes_changed(&self) {
        self.changed.notify_one();
    }

    /// How far an instance has drained from all load balancers; `leaving_since` is when its Node said that it goes.
    fn of(&self, id: &InstanceId, leaving_since: Option<Timestamp>) -> Drain {
        let objects = self.objects();
        let drains: Vec<Drain> = objects.values().map(|holds| holds.of(id)).collect();
        let may_register = || {
            let mut objects = objects.values();
            leaving_since.is_some_and(|since| objects.any(|holds| holds.may_register(since)))
        };
        if drains.contains(&Drain::Registered) || may_register() {
            Drain::Registered
        } else if drains.contains(&Drain::Draining) {
            Drain::Draining
        } else {
            Drain::Done
        }
    }
}
