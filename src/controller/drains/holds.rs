//! Pure: the instances that one load balancer still holds though they leave it with their Nodes.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::api::ClassicLoadBalancerStatus;
use crate::controller::memory::Health;
use crate::controller::nodes::Drain;
use crate::elb::{Declared, InstanceHealth, InstanceId, LoadBalancer, Part};
use crate::plan::targets::{Members, SOURCE_NODE_SELECTOR};

/// What a load balancer holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Holds {
    /// Those that are registered and that this operator deregisters when their Nodes go.
    registered: BTreeSet<InstanceId>,
    /// Those that finish their connections, and since when; only what AWS says after that tells that they are done.
    draining: BTreeMap<InstanceId, Instant>,
    /// There may be others: all that is known of it is its status, which lists so many.
    more: bool,
    /// This process has looked at it, so that its status is old.
    looked: bool,
    /// This process has tried to. What another one did at last stands in no status.
    tried: bool,
    /// A reconcile is under way that saw the Nodes as they were then.
    under_way: Option<Timestamp>,
}

impl Holds {
    /// What a status says, as long as this process has not looked itself.
    pub(super) fn by_status(&mut self, status: Option<&ClassicLoadBalancerStatus>, now: Instant) {
        if self.looked {
            return;
        }
        *self = Self {
            tried: self.tried,
            under_way: self.under_way,
            ..Self::default()
        };
        let Some(instances) = status.and_then(|status| status.instances.as_ref()) else {
            return;
        };
        let listed = usize::try_from(instances.registered).unwrap_or_default();
        self.more = listed > instances.items.len();
        for item in instances.items.iter() {
            let told = InstanceHealth {
                id: item.id.clone(),
                state: InstanceHealth::word(item.state.clone()),
                reason: item.reason.clone().map(InstanceHealth::word),
                description: item.description.clone().map(InstanceHealth::word),
            };
            if told.is_draining() {
                self.draining.insert(item.id.clone(), now);
            } else if item.sources.iter().all(|source| source == SOURCE_NODE_SELECTOR) {
                self.registered.insert(item.id.clone());
            }
        }
    }

    /// A reconcile begins with the Nodes as they are.
    pub(super) fn begins(&mut self, at: Timestamp) {
        self.under_way = Some(at);
    }

    /// A reconcile ended, and this is registered now. `health` is what was last read.
    pub(super) fn take(&mut self, registered: BTreeSet<InstanceId>, health: &Health, now: Instant) {
        let left = self.registered.difference(&registered).cloned();
        self.draining.extend(left.map(|id| (id, now)));
        let read = health.reading().map(|(read, _)| read).unwrap_or_default();
        let listed: BTreeSet<&InstanceId> = read.iter().map(|instance| &instance.id).collect();
        let read_at = health.read_at();
        self.draining.retain(|id, since| {
            let later = read_at.is_some_and(|at| at > *since);
            !registered.contains(id) && (listed.contains(id) || !later)
        });
        for instance in read.iter().filter(|instance| instance.is_draining()) {
            if !registered.contains(&instance.id) {
                self.draining.entry(instance.id.clone()).or_insert(now);
            }
        }
        (self.registered, self.more, self.looked) = (registered, false, true);
    }

    /// Nothing leaves it with a Node.
    pub(super) fn none(&mut self) {
        *self = Self {
            looked: true,
            tried: true,
            under_way: self.under_way,
            ..Self::default()
        };
    }

    /// A reconcile ended, whatever it found out.
    pub(super) fn ends(&mut self) {
        (self.tried, self.under_way) = (true, None);
    }

    /// Another operator may have worked on it since this process looked.
    pub(super) fn is_old(&mut self) {
        (self.looked, self.tried) = (false, false);
    }

    /// What it holds of an instance.
    pub(super) fn of(&self, id: &InstanceId) -> Drain {
        if self.more || !self.tried || self.registered.contains(id) {
            Drain::Registered
        } else if self.draining.contains_key(id) {
            Drain::Draining
        } else {
            Drain::Done
        }
    }

    /// Whether a reconcile is under way that may register an instance, since it did not see that its Node leaves.
    pub(super) fn may_register(&self, leaving_since: Timestamp) -> bool {
        self.under_way.is_some_and(|at| at <= leaving_since)
    }
}

/// The registered instances that leave when their Nodes go: those that nothing but their Nodes makes targets, and those that
/// leave anyway.
pub(in crate::controller) fn with_nodes(
    lb: &LoadBalancer,
    declared: &Declared,
    members: &Members,
) -> BTreeSet<InstanceId> {
    let registration = declared.registration.as_ref();
    let Some(registration) = registration.filter(|_| !declared.ignored.contains(&Part::Instances)) else {
        return BTreeSet::new();
    };
    let by_node_alone = |id: &InstanceId| {
        let sources = members.get(id).map(|member| &member.sources);
        sources.is_some_and(|sources| sources.iter().all(|source| source == SOURCE_NODE_SELECTOR))
    };
    let leaves =
        |id: &&InstanceId| !registration.keeps(id) && (!registration.wanted.contains(*id) || by_node_alone(id));
    lb.instances.iter().filter(leaves).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    const DRAINING: &str = "Instance deregistration currently in progress.";

    fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn health(draining: &[&str], at: Instant) -> Health {
        let mut health = Health::default();
        let instances = draining.iter().map(|id| InstanceHealth {
            id: (*id).into(),
            state: "InService".into(),
            reason: None,
            description: Some(DRAINING.into()),
        });
        health.take(instances.collect(), &ids(&[]), Duration::ZERO, at);
        health
    }

    #[test]
    fn what_was_deregistered_drains_until_aws_says_later_that_it_is_gone() {
        let (mut holds, start) = (Holds::default(), Instant::now());
        let [second, third, fourth] = [1, 2, 3].map(|seconds| start + Duration::from_secs(seconds));
        let id = "i-1".to_owned();
        assert_eq!(holds.of(&id), Drain::Registered, "nobody has looked yet");
        holds.ends();
        assert_eq!(holds.of(&id), Drain::Done);
        holds.take(ids(&["i-1"]), &Health::default(), start);
        assert_eq!(holds.of(&id), Drain::Registered);
        // Health that was read before it left says nothing of it.
        holds.take(ids(&[]), &health(&[], start), second);
        assert_eq!(holds.of(&id), Drain::Draining, "nobody asked since");
        holds.take(ids(&[]), &health(&["i-1"], third), third);
        assert_eq!(holds.of(&id), Drain::Draining);
        holds.take(ids(&[]), &health(&[], fourth), fourth);
        assert_eq!(holds.of(&id), Drain::Done);
        holds.take(ids(&["i-1"]), &health(&[], fourth), fourth);
        assert_eq!(holds.of(&id), Drain::Registered, "it came back");
    }

    #[test]
    fn a_status_counts_until_this_process_has_looked() {
        let status = |registered: i32| -> ClassicLoadBalancerStatus {
            serde_json::from_value(json!({"instances": {
                "summary": "1/1", "desired": 1, "registered": registered, "inService": 1, "outOfService": 0, "draining": 1,
                "items": [
                    {"id": "i-1", "sources": ["nodeSelector"], "state": "InService"},
                    {"id": "i-2", "sources": ["instanceIds", "nodeSelector"], "state": "InService"},
                    {"id": "i-3", "sources": [], "state": "InService", "description": DRAINING},
                ],
            }}))
            .expect("a status")
        };
        let (mut holds, now) = (Holds::default(), Instant::now());
        holds.by_status(Some(&status(2)), now);
        holds.ends();
        let of = |holds: &Holds| ["i-1", "i-2", "i-3", "i-4"].map(|id| holds.of(&id.to_owned()));
        let (registered, draining, done) = (Drain::Registered, Drain::Draining, Drain::Done);
        assert_eq!(
            of(&holds),
            [registered, done, draining, done],
            "an id that a user names stays"
        );
        holds.by_status(Some(&status(251)), now);
        assert_eq!(
            holds.of(&"i-4".to_owned()),
            registered,
            "it may be one that the status does not list"
        );
        holds.none();
        holds.by_status(Some(&status(2)), now);
        assert_eq!(holds.of(&"i-1".to_owned()), done);
        holds.is_old();
        holds.by_status(None, now);
        assert_eq!(
            holds.of(&"i-1".to_owned()),
            registered,
            "whoever led since may have registered it"
        );
    }

    #[test]
    fn a_reconcile_that_began_before_a_node_left_may_still_register_it() {
        let mut holds = Holds::default();
        let [before, left, after] = [1, 2, 3].map(|at| Timestamp::from_second(at).expect("a time"));
        assert!(!holds.may_register(left));
        holds.begins(before);
        assert!(holds.may_register(left));
        holds.ends();
        assert!(!holds.may_register(left));
        holds.begins(after);
        assert!(!holds.may_register(left), "it saw the Node leave");
    }
}
