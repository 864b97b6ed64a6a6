//! Health checks and what they say of instances.

use std::time::Duration;

use smol_str::SmolStr;

use super::instances;
use super::state::{HealthCheck, LoadBalancer};
use crate::call::Call;
use crate::clock::Timestamp;
use crate::config::Timing;
use crate::ec2::state::InstanceState;
use crate::wire::{ApiError, Xml};
use crate::world::Region;

pub(super) fn configure(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let empty = crate::wire::Value::default();
    let given = call.params.get("HealthCheck").unwrap_or(&empty);
    let number = |name: &str| -> Result<u16, ApiError> {
        let text = given.required(name)?;
        text.parse()
            .map_err(|_| ApiError::constraint(text, name, "Member must be an integer"))
    };
    let (protocol, rest) = given.required("Target")?.split_once(':').unwrap_or_default();
    let check = HealthCheck {
        target: format!("{}:{rest}", protocol.to_ascii_uppercase()),
        interval: number("Interval")?,
        timeout: number("Timeout")?,
        unhealthy_threshold: number("UnhealthyThreshold")?,
        healthy_threshold: number("HealthyThreshold")?,
    };
    call.edit(|balancer, _| {
        write_check(xml, &check);
        balancer.health_check = check;
        Ok(())
    })
}

pub(super) fn write_check(xml: &mut Xml, check: &HealthCheck) {
    xml.element("HealthCheck", |xml| {
        xml.text("Target", &check.target)
            .show("Interval", check.interval)
            .show("Timeout", check.timeout)
            .show("UnhealthyThreshold", check.unhealthy_threshold)
            .show("HealthyThreshold", check.healthy_threshold);
    });
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let balancer = call.balancer()?;
    let mut ids = instances::read_ids(call)?;
    if ids.is_empty() {
        let draining = balancer
            .deregistered
            .iter()
            .filter(|(_, until)| **until > call.now)
            .map(|(id, _)| id);
        ids = balancer.instances.keys().chain(draining).cloned().collect();
    } else if let Some(stranger) = ids
        .iter()
        .find(|id| !balancer.instances.contains_key(*id) && !balancer.deregistered.contains_key(*id))
    {
        return Err(instances::not_found(stranger));
    }
    let told = ids.iter().filter(|id| !call.is_hidden(id)).filter_map(|id| {
        Some((
            id,
            health_of(balancer, call.region, id, call.now, call.settings.timing)?,
        ))
    });
    xml.members("InstanceStates", told, |xml, (id, health)| {
        xml.text("InstanceId", id)
            .text("State", health.state)
            .text("ReasonCode", health.reason)
            .text("Description", health.description);
    });
    Ok(())
}

/// What `DescribeInstanceHealth` says of one instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InstanceHealth {
    pub(crate) state: &'static str,
    pub(crate) reason: &'static str,
    pub(crate) description: &'static str,
}

const fn in_service(description: &'static str) -> InstanceHealth {
    InstanceHealth {
        state: "InService",
        reason: "N/A",
        description,
    }
}

const fn out_of_service(reason: &'static str, description: &'static str) -> InstanceHealth {
    InstanceHealth {
        state: "OutOfService",
        reason,
        description,
    }
}

const SERVING: InstanceHealth = in_service("N/A");
const DRAINING: InstanceHealth = in_service("Instance deregistration currently in progress.");
const ZONE_LEAVING: InstanceHealth = in_service("Disable Availability Zone is currently in progress.");
const REGISTERING: InstanceHealth = out_of_service("ELB", "Instance registration is still in progress.");
const ZONE_DISABLED: InstanceHealth = out_of_service(
    "ELB",
    "Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.",
);
const NOT_REGISTERED: InstanceHealth = out_of_service(
    "Instance",
    "Instance is not currently registered with the LoadBalancer.",
);
const PENDING: InstanceHealth = out_of_service("Instance", "Instance is in pending state.");
const STOPPED: InstanceHealth = out_of_service("Instance", "Instance is in stopped state.");
const FAILED: InstanceHealth = out_of_service(
    "Instance",
    "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
);
const WARMING: InstanceHealth = out_of_service(
    "Instance",
    "Instance has not passed the configured HealthyThreshold number of health checks consecutively.",
);

/// The health of a member or former member; `None` for a terminated instance, which is not reported.
pub(crate) fn health_of(
    balancer: &LoadBalancer,
    region: &Region,
    id: &SmolStr,
    now: Timestamp,
    timing: Timing,
) -> Option<InstanceHealth> {
    let Some(registration) = balancer.instances.get(id) else {
        let draining = balancer.deregistered.get(id).is_some_and(|until| *until > now);
        return Some(if draining { DRAINING } else { NOT_REGISTERED });
    };
    let instance = region.ec2.instances.get(id)?;
    let (state, since) = instance.state(now, timing.instance_state);
    match state {
        InstanceState::ShuttingDown | InstanceState::Terminated => return None,
        InstanceState::Pending => return Some(PENDING),
        InstanceState::Stopping | InstanceState::Stopped => return Some(STOPPED),
        InstanceState::Running => {}
    }
    if !balancer.placement.contains_key(&instance.zone) {
        let leaving = balancer
            .leaving_zones
            .get(&instance.zone)
            .is_some_and(|until| *until > now);
        return Some(if leaving { ZONE_LEAVING } else { ZONE_DISABLED });
    }
    let checked_from = registration.at.plus(timing.registration);
    if now < checked_from {
        return Some(REGISTERING);
    }
    Some(checked(balancer, region, id, now, checked_from.max(since), timing))
}

/// What the health checks have found out since they began.
fn checked(
    balancer: &LoadBalancer,
    region: &Region,
    id: &SmolStr,
    now: Timestamp,
    from: Timestamp,
    timing: Timing,
) -> InstanceHealth {
    let check = &balancer.health_check;
    let needed = |healthy: bool| {
        let threshold = if healthy {
            check.healthy_threshold
        } else {
            check.unhealthy_threshold
        };
        let checks = if timing.health_checks { threshold } else { 0 };
        Duration::from_secs(u64::from(checks) * u64::from(check.interval))
    };
    let changes = region.ec2.health_answers.changes(id, check.port());
    let mut healthy = changes.first().is_none_or(|first| !first.healthy);
    let (mut since, mut found) = (from, WARMING);
    // Each stretch of equal answers counts only if it is as long as its threshold: a short lapse goes unnoticed.
    for change in changes.iter().map(Some).chain([None]) {
        let until = change.map_or(now, |change| change.since.min(now));
        if until > from || change.is_none() {
            if until.since(since) >= needed(healthy) {
                found = if healthy { SERVING } else { FAILED };
            }
            since = until;
        }
        healthy = change.map_or(healthy, |change| change.healthy);
    }
    found
}
