//! Pure: steps for policies. A policy is made before it is put in force, and deleted when nothing refers to it.

use std::collections::BTreeSet;

use super::Step;
use crate::elb::{DEFAULT_TLS_POLICY, LoadBalancer, POLICIES, Policy, PolicyName};

/// The policies to make, those first that others refer to. AWS's default one comes with the listener that needs it.
pub(super) fn create(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let mut missing: Vec<_> = wanted
        .policies
        .iter()
        .filter(|(name, _)| !observed.policies.contains_key(*name) && *name != DEFAULT_TLS_POLICY)
        .collect();
    missing.sort_by_key(|(_, policy)| refers(policy));
    missing
        .into_iter()
        .map(|(name, policy)| Step::CreatePolicy {
            name: name.clone(),
            policy: policy.clone(),
        })
        .collect()
}

/// The policies to delete, those last that others refer to.
pub(super) fn delete(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let mut surplus: Vec<_> = observed
        .policies
        .iter()
        .filter(|(name, _)| !wanted.policies.contains_key(*name))
        .collect();
    surplus.sort_by_key(|(_, policy)| !refers(policy));
    surplus
        .into_iter()
        .map(|(name, _)| Step::DeletePolicy(name.clone()))
        .collect()
}

/// Where a load balancer cannot have all of them at once: those to delete that nothing refers to even now.
pub(super) fn making_room(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    if observed.policies.len() + create(observed, wanted).len() <= POLICIES {
        return Vec::new();
    }
    let of_listeners = observed.listeners.values().flat_map(|listener| &listener.policies);
    let of_policies = observed.policies.values().filter_map(|policy| match policy {
        Policy::BackendAuthentication(names) => Some(names),
        _ => None,
    });
    let used: BTreeSet<&PolicyName> = of_listeners
        .chain(observed.backends.values().flatten())
        .chain(of_policies.flatten())
        .collect();
    let mut idle = delete(observed, wanted);
    idle.retain(|step| matches!(step, Step::DeletePolicy(name) if !used.contains(name)));
    idle
}

fn refers(policy: &Policy) -> bool {
    matches!(policy, Policy::BackendAuthentication(_))
}

/// The full list of each listener that stays and whose list differs. Listeners that are built anew bring theirs.
pub(super) fn of_listeners(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let changed = wanted.listeners.values().filter(|new| {
        let old = observed.listeners.get(&new.port);
        old.is_some_and(|old| !old.needs_rebuild(new) && old.policies != new.policies)
    });
    changed
        .map(|new| Step::SetPolicies {
            port: new.port,
            policies: new.policies.clone(),
        })
        .collect()
}

/// The full list of each instance port whose list differs.
pub(super) fn of_backends(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Step> {
    let ports: BTreeSet<_> = observed
        .backends
        .keys()
        .chain(wanted.backends.keys())
        .copied()
        .collect();
    let none = BTreeSet::new();
    ports
        .into_iter()
        .filter_map(|port| {
            let new = wanted.backends.get(&port).unwrap_or(&none);
            let old = observed.backends.get(&port).unwrap_or(&none);
            (old != new).then(|| Step::SetBackendPolicies {
                port,
                policies: new.clone(),
            })
        })
        .collect()
}

/// The policies that a step puts in force or refers to.
pub(super) fn named(step: &Step) -> impl Iterator<Item = &PolicyName> {
    let names = match step {
        Step::SetPolicies { policies, .. }
        | Step::SetBackendPolicies { policies, .. }
        | Step::CreatePolicy {
            policy: Policy::BackendAuthentication(policies),
            ..
        } => Some(policies),
        _ => None,
    };
    names.into_iter().flatten()
}
