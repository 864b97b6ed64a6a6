//! Pure: the optional fields of a spec, as `status.applied.fields` remembers them.
//!
//! A field that was applied and is no longer in the spec goes back to AWS's default once, and is then forgotten.

use std::collections::BTreeSet;

use crate::api::ClassicLoadBalancerSpec;
use crate::elb::{Declared, LoadBalancer, Member, Part, Port};

/// Subnets, named or selected, where a later spec may name the zones that they are in.
pub const SUBNETS: &str = "subnets";
pub(super) const HEALTH_CHECK: &str = "healthCheck";
pub(super) const CROSS_ZONE: &str = "attributes.crossZone";
pub(super) const IDLE_TIMEOUT: &str = "attributes.idleTimeoutSeconds";
pub(super) const CONNECTION_DRAINING: &str = "attributes.connectionDraining";
pub(super) const ACCESS_LOG: &str = "attributes.accessLog";
pub(super) const DESYNC_MITIGATION_MODE: &str = "attributes.desyncMitigationMode";

/// Members of the health check and of attributes, of which each goes back to its default on its own.
const MEMBERS: [(Member, &str); 8] = [
    (Member::CheckTarget, "healthCheck.target"),
    (Member::CheckInterval, "healthCheck.intervalSeconds"),
    (Member::CheckTimeout, "healthCheck.timeoutSeconds"),
    (Member::CheckUnhealthy, "healthCheck.unhealthyThreshold"),
    (Member::CheckHealthy, "healthCheck.healthyThreshold"),
    (Member::DrainingTimeout, "attributes.connectionDraining.timeoutSeconds"),
    (Member::LogPrefix, "attributes.accessLog.prefix"),
    (Member::LogInterval, "attributes.accessLog.emitIntervalMinutes"),
];

/// The members that a spec gives a value.
fn given(spec: &ClassicLoadBalancerSpec) -> BTreeSet<Member> {
    let check = spec.health_check.as_ref();
    let attributes = spec.attributes.as_ref();
    let draining = attributes.and_then(|attributes| attributes.connection_draining.as_ref());
    let log = attributes.and_then(|attributes| attributes.access_log.as_ref());
    let all = [
        (
            Member::CheckTarget,
            check.is_some_and(|check| check.target.is_some() || check.protocol.is_some()),
        ),
        (
            Member::CheckInterval,
            check.is_some_and(|check| check.interval_seconds.is_some()),
        ),
        (
            Member::CheckTimeout,
            check.is_some_and(|check| check.timeout_seconds.is_some()),
        ),
        (
            Member::CheckUnhealthy,
            check.is_some_and(|check| check.unhealthy_threshold.is_some()),
        ),
        (
            Member::CheckHealthy,
            check.is_some_and(|check| check.healthy_threshold.is_some()),
        ),
        (
            Member::DrainingTimeout,
            draining.is_some_and(|draining| draining.timeout_seconds.is_some()),
        ),
        (Member::LogPrefix, log.is_some_and(|log| log.prefix.is_some())),
        (
            Member::LogInterval,
            log.is_some_and(|log| log.emit_interval_minutes.is_some()),
        ),
    ];
    all.into_iter()
        .filter(|(_, given)| *given)
        .map(|(member, _)| member)
        .collect()
}

/// The members that a spec gives no value, and gave none before: they are left as AWS has them.
pub(super) fn ungiven(spec: &ClassicLoadBalancerSpec, before: &BTreeSet<&str>) -> BTreeSet<Member> {
    let given = given(spec);
    // Before there were members, the whole was applied.
    let whole = before.contains(HEALTH_CHECK) && spec.health_check.is_none() && !names_members(before);
    let was = |name: &str| before.contains(name) || (whole && name.starts_with(HEALTH_CHECK));
    let left = MEMBERS
        .iter()
        .filter(|(member, name)| !given.contains(member) && !was(name));
    left.map(|(member, _)| *member).collect()
}

/// Whether a member of the health check was applied before, so that the others were not.
fn names_members(before: &BTreeSet<&str>) -> bool {
    before.iter().any(|field| field.starts_with("healthCheck."))
}

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
    add(spec.subnets.is_some() || spec.subnet_selector.is_some(), SUBNETS);
    add(spec.health_check.is_some(), HEALTH_CHECK);
    if let Some(attributes) = &spec.attributes {
        add(attributes.cross_zone.is_some(), CROSS_ZONE);
        add(attributes.idle_timeout_seconds.is_some(), IDLE_TIMEOUT);
        add(attributes.connection_draining.is_some(), CONNECTION_DRAINING);
        add(attributes.access_log.is_some(), ACCESS_LOG);
        add(attributes.desync_mitigation_mode.is_some(), DESYNC_MITIGATION_MODE);
    }
    let given = given(spec);
    for (member, name) in MEMBERS {
        add(given.contains(&member), name);
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
        if field == SUBNETS {
            // It stays where it is: the spec is about another load balancer.
            return declared.placement.is_none();
        }
        if field.starts_with(HEALTH_CHECK) {
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
            _ if field.starts_with(HEALTH_CHECK) => Part::HealthCheck,
            _ if field.starts_with("attributes.") => Part::Attributes,
            SUBNETS => Part::Placement,
            _ => Part::Policies,
        };
        declared.ignored.contains(&part)
    };
    before
        .iter()
        .filter(|field| !now.contains(*field) && (ignored(field) || differs(field)))
        .collect()
}
