//! Pure: what a status, or a load balancer as it was, still knows.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::condition::READY;
use crate::api::{Applied, ClassicLoadBalancerStatus, ListenerStatus};
use crate::elb::{Declared, Listener, LoadBalancer, Port};
use crate::plan::Facts;
use crate::plan::targets::{Member, Members};

/// Listeners that this reconcile, or one before it, took away and that nothing has replaced yet.
pub(super) fn displaced(
    before: &LoadBalancer,
    facts: &Facts,
    after: &LoadBalancer,
    declared: &Declared,
) -> BTreeMap<Port, Listener> {
    let known = facts.displaced.iter().chain(&before.listeners);
    known
        .filter(|(port, _)| declared.listeners.contains_key(port) && !after.listeners.contains_key(port))
        .map(|(port, listener)| (*port, listener.clone()))
        .collect()
}

/// Whether AWS was asked for a load balancer, by this process or one before it, that was not seen since.
pub(in crate::controller) fn was_being_made(status: &ClassicLoadBalancerStatus) -> bool {
    status.created_time.is_none() && status.creation_pending == Some(true)
}

/// Whether the load balancer was lost and its successor not seen yet. A first creation that AWS has refused so far leaves
/// no DNS name.
pub(super) fn awaits_successor(status: &ClassicLoadBalancerStatus) -> bool {
    was_being_made(status) && status.dns_name.is_some()
}

/// What the status says was applied to this load balancer. What was applied to one before it of the same name is gone with
/// that.
pub(super) fn applied_to(status: &ClassicLoadBalancerStatus, lb: &LoadBalancer) -> Applied {
    let known = status.created_time.as_ref();
    if known.is_some_and(|known| lb.identity.created_time.as_ref() != Some(known)) {
        return Applied::default();
    }
    status.applied.clone().unwrap_or_default()
}

/// The instances that a status knows, with their sources.
pub(super) fn members_of(status: &ClassicLoadBalancerStatus) -> Members {
    let items = status.instances.iter().flat_map(|instances| instances.items.iter());
    items
        .map(|item| {
            let sources = item.sources.iter().cloned().collect();
            (
                item.id.clone(),
                Member {
                    node: item.node.clone(),
                    zone: item.zone.clone(),
                    sources,
                },
            )
        })
        .collect()
}

/// The listeners that a status knows.
pub(super) fn listeners_of(status: &ClassicLoadBalancerStatus) -> BTreeMap<Port, Listener> {
    let read = |listener: &ListenerStatus| {
        Some(Listener {
            port: Port::try_from(listener.port).ok()?,
            protocol: listener.protocol.parse().ok()?,
            instance_port: Port::try_from(listener.instance_port).ok()?,
            instance_protocol: listener.instance_protocol.parse().ok()?,
            certificate: listener.certificate.as_ref().map(|certificate| certificate.arn.clone()),
            policies: listener.policies.iter().cloned().collect(),
        })
    };
    status
        .listeners
        .iter()
        .filter_map(read)
        .map(|listener| (listener.port, listener))
        .collect()
}

/// Whether this load balancer, which a status says was as the present spec declares it, is not as that status tells it any more, in
/// what does not follow from anything else than the spec. Instances come and go with Nodes, tags and groups.
pub(super) fn was_changed(status: &ClassicLoadBalancerStatus, generation: i64, lb: &LoadBalancer) -> bool {
    let ready = |condition: &Condition| {
        condition.type_ == READY && condition.reason == READY && condition.observed_generation == Some(generation)
    };
    let was_made = status.conditions.iter().any(ready) && status.observed_generation == Some(generation);
    if !was_made || status.created_time.is_none() || status.created_time != lb.identity.created_time {
        return false;
    }
    let same = |told: &[String], has: &BTreeSet<String>| told.iter().eq(has);
    let check = status.health_check.as_ref().is_none_or(|told| {
        let (target, has) = (&told.target, &lb.health_check);
        *target == has.target
            && told.interval_seconds == has.interval
            && told.timeout_seconds == has.timeout
            && told.unhealthy_threshold == has.unhealthy_threshold
            && told.healthy_threshold == has.healthy_threshold
    });
    !(check
        && listeners_of(status) == lb.listeners
        && same(&status.availability_zones, &lb.availability_zones)
        && same(&status.subnets, &lb.subnets)
        && same(&status.security_groups, &lb.security_groups))
}

/// The listeners that would have to be rebuilt and that a status tells to be as declared: an earlier process may have rebuilt them a
/// moment ago, and AWS not show it yet.
pub(super) fn rebuilt(
    status: &ClassicLoadBalancerStatus,
    lb: &LoadBalancer,
    declared: &BTreeMap<Port, Listener>,
) -> BTreeMap<Port, Listener> {
    if status.created_time.is_none() || status.created_time != lb.identity.created_time {
        return BTreeMap::new();
    }
    let differs = |port: &Port, told: &mut Listener| {
        let has = lb.listeners.get(port).filter(|has| has.needs_rebuild(told));
        has.is_some() && declared.get(port).is_some_and(|declared| !told.needs_rebuild(declared))
    };
    let mut listeners = listeners_of(status);
    listeners.retain(|port, told| differs(port, told));
    listeners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Protocol;

    fn listener(port: Port, instance_port: Port) -> Listener {
        Listener {
            port,
            protocol: Protocol::Http,
            instance_port,
            instance_protocol: Protocol::Http,
            certificate: None,
            policies: BTreeSet::new(),
        }
    }

    /// A load balancer with a listener, and the status of an object that was ready then.
    fn ready() -> (ClassicLoadBalancerStatus, LoadBalancer) {
        let mut lb = LoadBalancer::bare("web");
        lb.identity.created_time = Some("2026-01-31T00:00:00Z".to_owned());
        lb.listeners.insert(80, listener(80, 8080));
        lb.availability_zones = ["us-east-1a".to_owned()].into();
        let condition = serde_json::json!({"type": "Ready", "status": "True", "reason": "Ready", "message": "",
            "observedGeneration": 2, "lastTransitionTime": "2026-01-31T00:00:00Z"});
        let check = &lb.health_check;
        let status = serde_json::json!({
            "observedGeneration": 2, "createdTime": lb.identity.created_time, "conditions": [condition],
            "availabilityZones": ["us-east-1a"],
            "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080, "instanceProtocol": "HTTP"}],
            "healthCheck": {"target": check.target, "intervalSeconds": check.interval, "timeoutSeconds": check.timeout,
                "unhealthyThreshold": check.unhealthy_threshold, "healthyThreshold": check.healthy_threshold},
        });
        (serde_json::from_value(status).expect("a status"), lb)
    }

    #[test]
    fn what_was_changed_while_nobody_looked_is_told_by_the_status() {
        let (status, lb) = ready();
        assert!(!was_changed(&status, 2, &lb));
        let changed = |change: &dyn Fn(&mut LoadBalancer)| {
            let mut lb = lb.clone();
            change(&mut lb);
            (was_changed(&status, 2, &lb), was_changed(&status, 3, &lb))
        };
        let told = (true, false);
        assert_eq!(changed(&|lb| drop(lb.listeners.remove(&80))), told);
        assert_eq!(changed(&|lb| drop(lb.listeners.insert(80, listener(80, 8081)))), told);
        assert_eq!(changed(&|lb| lb.health_check.interval += 1), told);
        assert_eq!(
            changed(&|lb| lb.availability_zones.extend(["us-east-1b".to_owned()])),
            told
        );
        assert_eq!(changed(&|lb| lb.security_groups.extend(["sg-1".to_owned()])), told);
        assert_eq!(
            changed(&|lb| lb.identity.created_time = None),
            (false, false),
            "another one"
        );
        assert_eq!(changed(&|lb| lb.instances.extend(["i-1".to_owned()])), (false, false));
        let lost = ClassicLoadBalancerStatus::default();
        assert!(!was_changed(&lost, 2, &LoadBalancer::bare("web")));
    }

    #[test]
    fn only_a_listener_that_would_be_rebuilt_is_told_by_the_status() {
        let (status, mut lb) = ready();
        let declared = lb.listeners.clone();
        assert!(rebuilt(&status, &lb, &declared).is_empty());
        lb.listeners.insert(81, listener(81, 8081));
        assert!(
            rebuilt(&status, &lb, &declared).is_empty(),
            "of a port that it does not name it tells nothing"
        );
        lb.listeners.insert(80, listener(80, 8111));
        assert_eq!(rebuilt(&status, &lb, &declared), declared);
        let other = [(80, listener(80, 8111))].into();
        assert!(
            rebuilt(&status, &lb, &other).is_empty(),
            "it is as declared, and the status is behind"
        );
        lb.listeners.remove(&80);
        assert!(
            rebuilt(&status, &lb, &declared).is_empty(),
            "to open a port closes none"
        );
        lb.listeners.insert(80, listener(80, 8111));
        lb.identity.created_time = None;
        assert!(rebuilt(&status, &lb, &declared).is_empty(), "another load balancer");
    }
}
