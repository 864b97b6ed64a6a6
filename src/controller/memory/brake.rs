//! Pure: what the brake must know of registered instances that shall leave.

use std::collections::BTreeSet;

use super::Health;
use crate::elb::InstanceId;
use crate::plan::{Held, Why};

/// What the brake held back at the last full reconcile.
#[derive(Clone, Copy, Debug)]
struct HeldBack {
    /// How many instances wait.
    waiting: usize,
    /// It waits for instances that drain.
    drains: bool,
    /// How many were in service.
    in_service: usize,
}

/// Registered instances that shall leave, and what is known of them.
#[derive(Debug, Default)]
pub(in crate::controller) struct BrakeLedger {
    held: Option<HeldBack>,
    /// Those that were taken out of `targets.instanceIds`, which the brake lets go.
    removed_by_user: BTreeSet<InstanceId>,
    /// Those that EC2 says are terminated.
    terminated: BTreeSet<InstanceId>,
    /// Those that AWS leaves out of their health and that EC2 was asked about.
    asked_ec2: BTreeSet<InstanceId>,
    /// Those whose Nodes are about to go.
    departing: BTreeSet<InstanceId>,
}

impl BrakeLedger {
    /// Of the omitted instances, those that EC2 must be asked about now. They count as asked, also where EC2 cannot be
    /// asked: then the next resync, which asks anew, does.
    pub(in crate::controller) fn ask_about(
        &mut self,
        registered: &BTreeSet<InstanceId>,
        omitted: &BTreeSet<InstanceId>,
        anew: bool,
    ) -> BTreeSet<InstanceId> {
        self.terminated.retain(|id| registered.contains(id));
        if anew {
            self.asked_ec2.clear();
        }
        self.asked_ec2.retain(|id| omitted.contains(id));
        let unknown: BTreeSet<InstanceId> = omitted.difference(&self.asked_ec2).cloned().collect();
        self.asked_ec2.extend(unknown.iter().cloned());
        unknown
    }

    /// EC2 says that these are terminated.
    pub(in crate::controller) fn terminated_are(&mut self, ids: BTreeSet<InstanceId>) {
        self.terminated.extend(ids);
    }

    /// Those that EC2 says are terminated.
    pub(in crate::controller) fn terminated(&self) -> &BTreeSet<InstanceId> {
        &self.terminated
    }

    /// Keeps which instances a user took out of the spec by name, as long as `leaves` holds for them: that is a wish,
    /// not an inference.
    pub(in crate::controller) fn keep_removed_by_user(
        &mut self,
        named: impl IntoIterator<Item = InstanceId>,
        leaves: impl Fn(&InstanceId) -> bool,
    ) {
        self.removed_by_user.extend(named);
        self.removed_by_user.retain(leaves);
    }

    /// Whether a user took it out of the spec by name.
    pub(in crate::controller) fn is_removed_by_user(&self, id: &InstanceId) -> bool {
        self.removed_by_user.contains(id)
    }

    /// Keeps what is held back, so that reads of the health can tell when to go on.
    pub(in crate::controller) fn keep_held(&mut self, held: Option<&Held>, health: &Health) {
        self.held = held.map(|held| HeldBack {
            waiting: held.waiting,
            drains: matches!(held.why, Why::Draining(_) | Why::Unread),
            in_service: health.in_service().len(),
        });
    }

    /// These are the registered instances whose Nodes are about to go. Returns whether that may let some go that are held back.
    pub(in crate::controller) fn depart(&mut self, departing: BTreeSet<InstanceId>) -> bool {
        let news = self.held.is_some() && !departing.is_subset(&self.departing);
        self.departing = departing;
        news
    }

    /// How many instances are held back.
    pub(in crate::controller) fn waiting(&self) -> usize {
        self.held.map_or(0, |held| held.waiting)
    }

    /// Whether health that was just read lets the next instances go, or tells of one that left without a word.
    pub(in crate::controller) fn calls_for_a_step(&self, health: &Health, registered: &BTreeSet<InstanceId>) -> bool {
        let releases = self.held.is_some_and(|held| {
            if held.drains {
                health.draining().is_empty()
            } else {
                health.in_service().len() != held.in_service
            }
        });
        releases || !health.omitted(registered).is_subset(&self.asked_ec2)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;
    use crate::elb::InstanceHealth;

    fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    /// Health that tells of these, in service or draining, of four registered ones.
    fn health(serving: &[&str], draining: &[&str]) -> Health {
        let instance = |id: &str, description: &str| InstanceHealth {
            id: id.into(),
            state: "InService".into(),
            reason: None,
            description: Some(InstanceHealth::word(description)),
        };
        let serving = serving.iter().map(|id| instance(id, "N/A"));
        let draining = draining
            .iter()
            .map(|id| instance(id, "Instance deregistration currently in progress."));
        let mut health = Health::default();
        let all = ids(&["i-1", "i-2", "i-3", "i-4"]);
        health.take(serving.chain(draining).collect(), &all, Duration::ZERO, Instant::now());
        health
    }

    #[test]
    fn ec2_is_asked_once_about_what_elb_leaves_out_and_again_at_a_resync() {
        let mut ledger = BrakeLedger::default();
        let all = ids(&["i-1", "i-2"]);
        assert_eq!(ledger.ask_about(&all, &ids(&["i-2"]), false), ids(&["i-2"]));
        assert!(ledger.ask_about(&all, &ids(&["i-2"]), false).is_empty());
        assert_eq!(ledger.ask_about(&all, &ids(&["i-2"]), true), ids(&["i-2"]));
        ledger.terminated_are(ids(&["i-2"]));
        assert_eq!(ledger.terminated(), &ids(&["i-2"]));
        ledger.ask_about(&ids(&["i-1"]), &ids(&[]), false);
        assert!(ledger.terminated().is_empty(), "it is not registered any more");
    }

    #[test]
    fn a_wish_lasts_until_the_instance_left() {
        let mut ledger = BrakeLedger::default();
        ledger.keep_removed_by_user(ids(&["i-1", "i-2"]), |_| true);
        assert!(ledger.is_removed_by_user(&"i-1".into()));
        ledger.keep_removed_by_user(ids(&[]), |id| id == "i-2");
        assert!(!ledger.is_removed_by_user(&"i-1".into()) && ledger.is_removed_by_user(&"i-2".into()));
    }

    #[test]
    fn the_next_step_waits_until_the_last_has_drained() {
        let mut ledger = BrakeLedger::default();
        let all = ids(&["i-1", "i-2"]);
        let held = Held {
            waiting: 1,
            why: Why::Draining(1),
        };
        let before = health(&["i-1", "i-2", "i-3", "i-4"], &[]);
        assert!(!ledger.calls_for_a_step(&before, &all), "nothing is held");
        ledger.keep_held(Some(&held), &before);
        assert!(!ledger.calls_for_a_step(&health(&["i-1", "i-2"], &["i-3"]), &all));
        assert!(ledger.calls_for_a_step(&health(&["i-1", "i-2"], &[]), &all));
    }

    #[test]
    fn a_minimum_waits_until_others_serve() {
        let mut ledger = BrakeLedger::default();
        let all = ids(&["i-1", "i-2"]);
        let held = Held {
            waiting: 1,
            why: Why::MinInService {
                in_service: 2,
                minimum: 2,
            },
        };
        ledger.keep_held(Some(&held), &health(&["i-1", "i-2"], &[]));
        assert!(!ledger.calls_for_a_step(&health(&["i-1", "i-2"], &[]), &all));
        assert!(ledger.calls_for_a_step(&health(&["i-1", "i-2", "i-3"], &[]), &all));
    }

    #[test]
    fn one_whose_node_goes_calls_for_a_step_once_where_something_is_held() {
        let mut ledger = BrakeLedger::default();
        assert!(!ledger.depart(ids(&["i-1"])), "nothing is held");
        let held = Held {
            waiting: 2,
            why: Why::Draining(1),
        };
        ledger.keep_held(Some(&held), &health(&["i-1", "i-2", "i-3"], &["i-4"]));
        assert!(!ledger.depart(ids(&["i-1"])), "it is no news");
        assert!(ledger.depart(ids(&["i-1", "i-2"])));
        assert!(!ledger.depart(ids(&["i-2"])));
    }

    #[test]
    fn an_instance_that_left_without_a_word_calls_for_a_step() {
        let ledger = BrakeLedger::default();
        assert!(ledger.calls_for_a_step(&health(&["i-1"], &[]), &ids(&["i-1", "i-2"])));
    }
}
