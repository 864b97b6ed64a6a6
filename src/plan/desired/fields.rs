//! Pure: the optional fields of a spec, as `status.applied.fields` remembers them.
//!
//! A field that was applied and is no longer in the spec goes back to AWS's default once, and is then forgotten.

use std::collections::BTreeSet;

use crate::api::ClassicLoadBalancerSpec;
use crate::elb::{Declared, LoadBalancer, Part, Port};

pub(super) const HEALTH_CHECK: &str = "healthCheck";
pub(super) const CROSS_ZONE: &str = "attributes.crossZone";
pub(super) const IDLE_TIMEOUT: &str = "attributes.idleTimeoutSeconds";
pub(super) const CONNECTION_DRAINING: &str = "attributes.connectionDraining";
pub(super) const ACCESS_LOG: &str = "attributes.accessLog";
pub(super) const DESYNC_MITIGATION_MODE: &str = "attributes.desyncMitigationMode";

const LISTENER: &str = "listeners[";
const BACKEND: &str = "backends[";

pub(super) fn ssl_policy(port: Port) -> String {
    format!("{LISTENER}{port}].sslPolicy")
}

pub(super) fn stickiness(port: Port) -> String {
    format!("{LISTENER}{port}].stickiness")
}

pub(super) fn proxy_protocol(port: Port) -> String {
    format!("{BACKEND}{port}].proxyProtocol")
}

pub(super) fn public_keys(port: Port) -> String {
    format!("{BACKEND}{port}].publicKeys")
}

/// The instance ports that these fields speak of.
pub(super) fn backend_ports(fields: &BTreeSet<&str>) -> BTreeSet<Port> {
    let port = |field: &&str| field.strip_prefix(BACKEND)?.split(']').next()?.parse().ok();
    fields.iter().filter_map(port).collect()
}

/// The fields that a spec declares.
pub fn declared(spec: &ClassicLoadBalancerSpec) -> BTreeSet<String> {
    let mut fields = BTreeSet::new();
    let mut add = |present: bool, field: &str| {
        if present {
            fields.insert(field.to_owned());
        }
    };
    add(spec.health_check.is_some(), HEALTH_CHECK);
    if let Some(attributes) = &spec.attributes {
        add(attributes.cross_zone.is_some(), CROSS_ZONE);
        add(attributes.idle_timeout_seconds.is_some(), IDLE_TIMEOUT);
        add(attributes.connection_draining.is_some(), CONNECTION_DRAINING);
        add(attributes.access_log.is_some(), ACCESS_LOG);
        add(attributes.desync_mitigation_mode.is_some(), DESYNC_MITIGATION_MODE);
    }
    for listener in &spec.listeners {
        let port = Port::try_from(listener.port).unwrap_or_default();
        add(listener.ssl_policy.is_some(), &ssl_policy(port));
        add(listener.stickiness.is_some(), &stickiness(port));
    }
    for backend in spec.backends.iter().flatten() {
        let port = Port::try_from(backend.instance_port).unwrap_or_default();
        add(backend.proxy_protocol.is_some(), &proxy_protocol(port));
        add(backend.public_keys.is_some(), &public_keys(port));
    }
    fields
}

/// Of the fields that were applied before and are not declared any more, those that are not back at their default in
/// AWS yet, or may not be.
pub fn pending<'a>(
    before: &'a [String],
    spec: &ClassicLoadBalancerSpec,
    declared: &Declared,
    lb: &LoadBalancer,
) -> Vec<&'a String> {
    let now = self::declared(spec);
    let wanted = declared.over(lb);
    let differs = |field: &str| {
        if field == HEALTH_CHECK {
            return wanted.health_check != lb.health_check;
        }
        if field.starts_with("attributes.") {
            return wanted.attributes != lb.attributes;
        }
        if field.starts_with(LISTENER) {
            return wanted.listeners.values().any(|new| {
                let old = lb.listeners.get(&new.port);
                field.starts_with(&format!("{LISTENER}{}]", new.port))
                    && old.is_some_and(|old| old.policies != new.policies)
            });
        }
        field.starts_with(BACKEND) && wanted.backends != lb.backends
    };
    // What is ignored now goes back to its default when it is ignored no more.
    let ignored = |field: &str| {
        let part = match field {
            HEALTH_CHECK => Part::HealthCheck,
            _ if field.starts_with("attributes.") => Part::Attributes,
            _ => Part::Policies,
        };
        declared.ignored.contains(&part)
    };
    before
        .iter()
        .filter(|field| !now.contains(*field) && (ignored(field) || differs(field)))
        .collect()
}
