//! Pure: the policies of a spec.

use std::collections::{BTreeMap, BTreeSet};

use super::listeners::Read;
use super::{References, Refusal, fields};
use crate::api::message;
use crate::api::{
    Backend as BackendSpec, ClassicLoadBalancerSpec, Listener as ListenerSpec, PublicKey, SslPolicy,
    Stickiness as StickinessSpec,
};
use crate::elb::{Backend, Listener, ListenerPolicies, Port, Stickiness, TlsPolicy, canonical_key};
use crate::plan::{Problem, Track};

/// The attribute that lets the load balancer's order of ciphers decide.
const SERVER_ORDER: &str = "Server-Defined-Cipher-Order";

/// The policies of listeners: those declared, and the default where one is declared no more.
pub(super) fn of_listeners(
    specs: &[ListenerSpec],
    before: &BTreeSet<&str>,
) -> Result<BTreeMap<Port, ListenerPolicies>, Refusal> {
    let mut all = BTreeMap::new();
    for spec in specs {
        let Ok(port) = Port::try_from(spec.port) else { continue };
        let secure = super::listeners::protocol(spec.protocol).is_secure();
        let http = super::listeners::protocol(spec.protocol).is_http();
        if spec.ssl_policy.is_some() && !secure {
            return Err(message::ssl_policy_not_allowed(port));
        }
        if spec.stickiness.is_some() && !http {
            return Err(message::stickiness_not_allowed(port));
        }
        let tls = match &spec.ssl_policy {
            Some(policy) => Some(tls(policy).ok_or_else(|| message::one_ssl_policy(port))?),
            None => before.contains(&*fields::ssl_policy(port)).then(TlsPolicy::default),
        };
        let stickiness = match &spec.stickiness {
            Some(kind) => Some(Some(stickiness(kind).ok_or_else(|| message::one_stickiness(port))?)),
            None => before.contains(&*fields::stickiness(port)).then_some(None),
        };
        let policies = ListenerPolicies { tls, stickiness };
        if policies != ListenerPolicies::default() {
            all.insert(port, policies);
        }
    }
    Ok(all)
}

fn tls(spec: &SslPolicy) -> Option<TlsPolicy> {
    match (&spec.predefined, &spec.custom) {
        (Some(name), None) => Some(TlsPolicy::Predefined(name.clone())),
        (None, Some(custom)) => {
            let mut on: BTreeSet<String> = custom.ciphers.iter().cloned().collect();
            on.extend(custom.protocols.iter().map(|protocol| format!("Protocol-{protocol}")));
            if custom.server_order_preference == Some(true) {
                on.insert(SERVER_ORDER.to_owned());
            }
            Some(TlsPolicy::Custom(on))
        }
        _ => None,
    }
}

fn stickiness(spec: &StickinessSpec) -> Option<Stickiness> {
    match (&spec.load_balancer_cookie, &spec.application_cookie) {
        (Some(cookie), None) => Some(Stickiness::LoadBalancerCookie(cookie.expiration_seconds.map(i64::from))),
        (None, Some(cookie)) => Some(Stickiness::ApplicationCookie(cookie.name.clone())),
        _ => None,
    }
}

/// The policies of instance ports: those declared, and none where one is declared no more.
pub(super) fn of_backends(
    spec: &ClassicLoadBalancerSpec,
    read: &Read,
    references: &References,
    before: &BTreeSet<&str>,
    missing: &mut Vec<Problem>,
) -> Result<BTreeMap<Port, Backend>, Refusal> {
    let mut all: BTreeMap<Port, Backend> = BTreeMap::new();
    for port in fields::backend_ports(before) {
        let backend = Backend {
            proxy_protocol: before.contains(&*fields::proxy_protocol(port)).then_some(false),
            public_keys: before.contains(&*fields::public_keys(port)).then(BTreeSet::new),
        };
        all.insert(port, backend);
    }
    for backend in spec.backends.iter().flatten() {
        let Ok(port) = Port::try_from(backend.instance_port) else {
            continue;
        };
        check(port, backend, &read.listeners)?;
        let used: BTreeSet<Port> = read.listeners.values().map(|listener| listener.instance_port).collect();
        // Services move their ports, which no rule can see before. Where one was not found, it may be this one.
        if read.unresolved.is_empty() && !used.contains(&port) {
            let ports: Vec<String> = used.iter().map(ToString::to_string).collect();
            let message = message::backend_without_listener(port, ports.join(", "));
            missing.push(Problem::invalid(Track::Backends, message));
        }
        let declared = all.entry(port).or_default();
        declared.proxy_protocol = backend.proxy_protocol.or(declared.proxy_protocol);
        if let Some(keys) = &backend.public_keys {
            declared.public_keys = self::public_keys(port, keys, references, missing)?;
        }
    }
    Ok(all)
}

fn check(port: Port, backend: &BackendSpec, listeners: &BTreeMap<Port, Listener>) -> Result<(), Refusal> {
    let mut in_front = listeners.values().filter(|listener| listener.instance_port == port);
    if backend.proxy_protocol == Some(true) && in_front.clone().any(|listener| listener.protocol.is_http()) {
        return Err(message::proxy_protocol_not_allowed(port));
    }
    let keys = backend.public_keys.as_ref().is_some_and(|keys| !keys.is_empty());
    if keys && in_front.any(|listener| !listener.instance_protocol.is_secure()) {
        return Err(message::public_keys_not_allowed(port));
    }
    Ok(())
}

/// `None`: one of them was not found, so they stay as AWS has them.
fn public_keys(
    port: Port,
    specs: &[PublicKey],
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Option<BTreeSet<String>>, Refusal> {
    let mut keys = BTreeSet::new();
    let mut complete = true;
    for (index, spec) in specs.iter().enumerate() {
        let pem = match (&spec.pem, &spec.config_map_key_ref) {
            (Some(pem), None) => Some(pem),
            (None, Some(reference)) => match references.public_keys.get(reference) {
                Some(Ok(pem)) => Some(pem),
                Some(Err(problem)) => {
                    missing.push(problem.clone());
                    None
                }
                None => None,
            },
            _ => return Err(message::one_public_key(port, index)),
        };
        complete &= pem.is_some();
        keys.extend(pem.map(|pem| canonical_key(pem)));
    }
    Ok(complete.then_some(keys))
}
