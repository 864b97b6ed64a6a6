//! Pure: what a status, or a load balancer as it was, still knows.

use std::collections::BTreeMap;

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
