//! Pure: the health check of a spec.

use std::collections::BTreeSet;

use super::listeners::Read;
use super::{Refusal, fields};
use crate::api::message;
use crate::api::{CheckProtocol, HealthCheck as HealthCheckSpec};
use crate::elb::{Declared, HealthCheck, LoadBalancer, Member, Part, Protocol};
use crate::plan::{Problem, Track};

/// `None`: as AWS has it. So it stays, too, while the port it depends on is not known.
pub(super) fn declare(
    spec: Option<&HealthCheckSpec>,
    listeners: &Read,
    before: &BTreeSet<&str>,
) -> Result<Option<HealthCheck>, Refusal> {
    let Some(spec) = spec else {
        let reset = before.contains(fields::HEALTH_CHECK) && listeners.is_lowest_known();
        return Ok(reset.then(|| HealthCheck::of(HealthCheck::default_target(&listeners.listeners))));
    };
    let Some(target) = target(spec, listeners) else {
        return Ok(None);
    };
    let check = HealthCheck {
        target,
        interval: spec.interval_seconds.unwrap_or(HealthCheck::INTERVAL),
        timeout: spec.timeout_seconds.unwrap_or(HealthCheck::TIMEOUT),
        unhealthy_threshold: spec.unhealthy_threshold.unwrap_or(HealthCheck::UNHEALTHY_THRESHOLD),
        healthy_threshold: spec.healthy_threshold.unwrap_or(HealthCheck::HEALTHY_THRESHOLD),
    };
    let printable = check.target.bytes().all(|byte| byte.is_ascii_graphic());
    if check.port().is_none_or(|port| port == 0) || !printable {
        return Err(message::bad_health_check());
    }
    if check.timeout >= check.interval {
        return Err(message::long_timeout());
    }
    Ok(Some(check))
}

/// A check that AWS would refuse, of what is declared and what AWS has.
pub fn unfit(declared: &Declared, observed: &LoadBalancer) -> Option<Problem> {
    let check = declared.over(observed).health_check;
    let matters = declared.health_check.is_some() && !declared.ignored.contains(&Part::HealthCheck);
    (matters && check.timeout >= check.interval).then(|| {
        Problem::invalid(
            Track::HealthCheck,
            message::timeout_over_interval(check.timeout, check.interval),
        )
    })
}

/// A declared check that is not set, since only a listener brings the port it checks, and listeners are left as AWS has
/// them: it would take every instance out.
pub fn unserved(declared: &Declared, observed: &LoadBalancer) -> Option<Problem> {
    let ignores = |part| declared.ignored.contains(&part);
    if declared.ungiven.contains(&Member::CheckTarget) {
        return None;
    }
    let check = declared
        .health_check
        .as_ref()
        .filter(|check| **check != observed.health_check)?;
    let port = check.port()?;
    let would_bring = declared
        .listeners
        .values()
        .any(|listener| listener.instance_port == port);
    let waits = ignores(Part::Listeners) && !ignores(Part::HealthCheck);
    (waits && would_bring && !observed.uses_instance_port(port))
        .then(|| Problem::missing(Track::HealthCheck, message::listener_ignored(&check.target, port)))
}

fn read(protocol: CheckProtocol) -> Protocol {
    match protocol {
        CheckProtocol::Http => Protocol::Http,
        CheckProtocol::Https => Protocol::Https,
        CheckProtocol::Tcp => Protocol::Tcp,
        CheckProtocol::Ssl => Protocol::Ssl,
    }
}

/// The target as given, or put together; `None` while the port it takes from a listener is not known.
fn target(spec: &HealthCheckSpec, listeners: &Read) -> Option<String> {
    if let Some(target) = &spec.target {
        return Some(target.clone());
    }
    let Some(protocol) = spec.protocol.map(read) else {
        return listeners
            .is_lowest_known()
            .then(|| HealthCheck::default_target(&listeners.listeners));
    };
    let lowest = || {
        let listener = listeners
            .listeners
            .values()
            .next()
            .filter(|_| listeners.is_lowest_known())?;
        Some(i32::from(listener.instance_port))
    };
    let port = spec.port.or_else(lowest)?;
    let path = spec.path.as_deref().unwrap_or_default();
    Some(format!("{protocol}:{port}{path}"))
}
