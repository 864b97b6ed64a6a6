//! Pure: declared policies over observed ones: what is in force with the declared content stays, under whatever name.

use std::collections::BTreeSet;

use super::{Backend, Declared, ListenerPolicies};
use crate::elb::{DEFAULT_TLS_POLICY, LoadBalancer, Policy, PolicyKind, PolicyName, Port, TlsPolicy, is_own_policy};

/// Puts the declared policies on listeners and instance ports of `wanted`, which holds the wanted listeners and the
/// observed policies. Policies of our own that nothing refers to afterwards are left out.
pub(super) fn put(declared: &Declared, wanted: &mut LoadBalancer) {
    for (port, policies) in &declared.listener_policies {
        put_on_listener(*port, policies, wanted);
    }
    for (port, backend) in &declared.backends {
        if wanted.uses_instance_port(*port) {
            put_on_backend(*port, backend, wanted);
        }
    }
    clear_unused_backends(wanted);
    drop_unreferenced(wanted);
}

fn put_on_listener(port: Port, policies: &ListenerPolicies, wanted: &mut LoadBalancer) {
    let Some(listener) = wanted.listeners.get(&port) else {
        return;
    };
    let (protocol, mut names) = (listener.protocol, listener.policies.clone());
    if let Some(tls) = policies.tls.as_ref().filter(|_| protocol.is_secure()) {
        replace(&mut names, PolicyKind::Tls, Some(&Policy::Tls(tls.clone())), wanted);
    }
    if let Some(stickiness) = policies.stickiness.as_ref().filter(|_| protocol.is_http()) {
        let policy = stickiness.clone().map(Policy::Stickiness);
        replace(&mut names, PolicyKind::Stickiness, policy.as_ref(), wanted);
    }
    if let Some(listener) = wanted.listeners.get_mut(&port) {
        listener.policies = names;
    }
}

fn put_on_backend(port: Port, backend: &Backend, wanted: &mut LoadBalancer) {
    let mut names = wanted.backends.get(&port).cloned().unwrap_or_default();
    if let Some(on) = backend.proxy_protocol {
        let policy = on.then_some(Policy::ProxyProtocol(true));
        replace(&mut names, PolicyKind::ProxyProtocol, policy.as_ref(), wanted);
    }
    if let Some(keys) = &backend.public_keys {
        let authentication = authentication(keys, &names, wanted);
        replace(
            &mut names,
            PolicyKind::BackendAuthentication,
            authentication.as_ref(),
            wanted,
        );
    }
    if names.is_empty() {
        wanted.backends.remove(&port);
    } else {
        wanted.backends.insert(port, names);
    }
}

/// The policy that refers to these keys. The one in force is kept where its keys are the same, whatever their policies
/// are called.
fn authentication(keys: &BTreeSet<String>, names: &BTreeSet<PolicyName>, wanted: &mut LoadBalancer) -> Option<Policy> {
    if keys.is_empty() {
        return None;
    }
    let key_of = |name: &PolicyName| match wanted.policies.get(name) {
        Some(Policy::PublicKey(key)) => Some(key.clone()),
        _ => None,
    };
    let in_force = names.iter().filter_map(|name| wanted.policies.get(name));
    let same = in_force.into_iter().find(|policy| match policy {
        Policy::BackendAuthentication(policies) => {
            policies.iter().map(key_of).collect::<Option<BTreeSet<_>>>().as_ref() == Some(keys)
        }
        _ => false,
    });
    if let Some(policy) = same {
        return Some(policy.clone());
    }
    let policies = keys
        .iter()
        .map(|key| name_of(&Policy::PublicKey(key.clone()), &BTreeSet::new(), wanted))
        .collect();
    Some(Policy::BackendAuthentication(policies))
}

/// Exchanges the policies of a kind among `names` for the one that has this content, or for none.
fn replace(names: &mut BTreeSet<PolicyName>, kind: PolicyKind, policy: Option<&Policy>, wanted: &mut LoadBalancer) {
    let name = policy.map(|policy| name_of(policy, names, wanted));
    names.retain(|name| wanted.policy_kind(name) != kind);
    names.extend(name);
}

/// The name of a policy with this content: one in force, else one that is there, else a new one of our own.
fn name_of(policy: &Policy, in_force: &BTreeSet<PolicyName>, wanted: &mut LoadBalancer) -> PolicyName {
    let same = |name: &&PolicyName| wanted.policies.get(*name) == Some(policy);
    // What AWS makes for a new listener is what its name says; what stands under that name may be somebody's.
    let not_seen = |name: &&PolicyName| wanted.policies.get(*name).is_none_or(|there| *there == Policy::UNREAD);
    let brought = |name: &&PolicyName| {
        *name == DEFAULT_TLS_POLICY && *policy == Policy::Tls(TlsPolicy::default()) && not_seen(name)
    };
    let here = |name: &&PolicyName| same(name) || brought(name);
    if let Some(name) = in_force.iter().find(here).or_else(|| wanted.policies.keys().find(same)) {
        return name.clone();
    }
    // Under the name that says this content somebody may have put another.
    let taken = |name: &PolicyName| wanted.policies.get(name).is_some_and(|other| *other != Policy::UNREAD);
    let mut names = (1..).map(|number| policy.own_name_of(number));
    let name = names.find(|name| !taken(name)).unwrap_or_else(|| policy.own_name());
    wanted.policies.insert(name.clone(), policy.clone());
    name
}

/// Policies of an instance port outlive its last listener and would come into force again with the next one, so ours
/// are cleared.
fn clear_unused_backends(wanted: &mut LoadBalancer) {
    let used: BTreeSet<Port> = wanted
        .listeners
        .values()
        .map(|listener| listener.instance_port)
        .collect();
    wanted
        .backends
        .retain(|port, names| used.contains(port) || !names.iter().all(|name| is_own_policy(name)));
}

/// Leaves out those of our own policies that nothing refers to. While some were not read, one of those may refer to
/// them.
fn drop_unreferenced(wanted: &mut LoadBalancer) {
    if wanted.policies.values().any(|policy| *policy == Policy::UNREAD) {
        return;
    }
    loop {
        let mut referenced: BTreeSet<PolicyName> = wanted.backends.values().flatten().cloned().collect();
        referenced.extend(
            wanted
                .listeners
                .values()
                .flat_map(|listener| listener.policies.iter().cloned()),
        );
        for policy in wanted.policies.values() {
            if let Policy::BackendAuthentication(names) = policy {
                referenced.extend(names.iter().cloned());
            }
        }
        let before = wanted.policies.len();
        wanted
            .policies
            .retain(|name, _| referenced.contains(name) || !is_own_policy(name));
        if wanted.policies.len() == before {
            return;
        }
    }
}
