//! Pure: steps for policies. A policy is made before it is put in force, and deleted when nothing refers to it.

use std::collections::BTreeSet;

use super::Step;
use crate::elb::{DEFAULT_TLS_POLICY, LoadBalancer, POLICIES, Policy, PolicyName, Port};

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

/// What is wanted, as far as a load balancer can have the new policies beside the old ones: where they do not all fit, some
/// listeners and instance ports are as they were, and the next round makes the next of them. Where not even one fits, it is left to
/// AWS to say so.
pub(super) fn as_far_as_they_fit(mut wanted: LoadBalancer, observed: &LoadBalancer) -> LoadBalancer {
    let lacking: BTreeSet<PolicyName> = create(observed, &wanted).iter().filter_map(made).cloned().collect();
    let free = POLICIES + making_room(observed, &wanted).len();
    let mut room = free.saturating_sub(observed.policies.len());
    if lacking.len() <= room {
        return wanted;
    }
    let mut needs: Vec<(Need, BTreeSet<PolicyName>)> = needs(&wanted, &lacking);
    needs.sort_by_key(|(_, names)| names.len());
    let (mut granted, mut later): (BTreeSet<PolicyName>, Vec<Need>) = (BTreeSet::new(), Vec::new());
    for (need, names) in needs {
        let more = names.difference(&granted).count();
        if more <= room {
            room -= more;
            granted.extend(names);
        } else {
            later.push(need);
        }
    }
    if granted.is_empty() {
        return wanted;
    }
    wanted
        .policies
        .retain(|name, _| granted.contains(name) || !lacking.contains(name));
    put_off(&mut wanted, observed, &later);
    wanted.keep_policies_of(observed);
    wanted
}

/// What needs policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Listener(Port),
    Backend(Port),
}

/// The policies that listeners and instance ports need of those that are lacking, with those that these refer to.
fn needs(wanted: &LoadBalancer, lacking: &BTreeSet<PolicyName>) -> Vec<(Need, BTreeSet<PolicyName>)> {
    let all = |names: &BTreeSet<PolicyName>| -> BTreeSet<PolicyName> {
        let behind = names.iter().filter_map(|name| match wanted.policies.get(name) {
            Some(Policy::BackendAuthentication(keys)) => Some(keys),
            _ => None,
        });
        let all = names.iter().chain(behind.flatten());
        all.filter(|name| lacking.contains(*name)).cloned().collect()
    };
    let listeners = wanted.listeners.values();
    let listeners = listeners.map(|listener| (Need::Listener(listener.port), all(&listener.policies)));
    let backends = wanted
        .backends
        .iter()
        .map(|(port, names)| (Need::Backend(*port), all(names)));
    listeners
        .chain(backends)
        .filter(|(_, names)| !names.is_empty())
        .collect()
}

/// Leaves as it was what cannot have its policies yet. Ports that open, close or are rebuilt depend on one another, so that with one
/// of them all wait.
fn put_off(wanted: &mut LoadBalancer, observed: &LoadBalancer, later: &[Need]) {
    let ports: BTreeSet<Port> = observed
        .listeners
        .keys()
        .chain(wanted.listeners.keys())
        .copied()
        .collect();
    let moves = |port: &Port| match (observed.listeners.get(port), wanted.listeners.get(port)) {
        (Some(old), Some(new)) => old.needs_rebuild(new),
        _ => true,
    };
    let moving: BTreeSet<Port> = ports.into_iter().filter(moves).collect();
    let all = moving.iter().any(|port| later.contains(&Need::Listener(*port)));
    let mut stay: BTreeSet<Port> = if all { moving } else { BTreeSet::new() };
    for need in later {
        match need {
            Need::Listener(port) => drop(stay.insert(*port)),
            Need::Backend(port) => stay_backend(wanted, observed, *port),
        }
    }
    for port in stay {
        match observed.listeners.get(&port) {
            Some(old) => {
                stay_backend(wanted, observed, old.instance_port);
                wanted.listeners.insert(port, old.clone());
            }
            None => drop(wanted.listeners.remove(&port)),
        }
    }
}

fn stay_backend(wanted: &mut LoadBalancer, observed: &LoadBalancer, port: Port) {
    match observed.backends.get(&port) {
        Some(names) => drop(wanted.backends.insert(port, names.clone())),
        None => drop(wanted.backends.remove(&port)),
    }
}

/// The policy that a step makes.
fn made(step: &Step) -> Option<&PolicyName> {
    match step {
        Step::CreatePolicy { name, .. } => Some(name),
        _ => None,
    }
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
