//! Single members of groups.

use std::time::Duration;

use smol_str::SmolStr;

use super::activities::write as write_activity;
use super::groups;
use super::membership::{deregister, draining_seconds, register};
use super::request::group_name;
use super::state::{Activity, Group, Lifecycle, Member};
use crate::call::Call;
use crate::clock::Timestamp;
use crate::ec2::instances;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn attach(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (name, ids) = (group_name(call)?, call.params.strings("InstanceIds"));
    let mut group = call.region.autoscaling.get(name)?.clone();
    for id in &ids {
        let known = call
            .region
            .ec2
            .instances
            .get(id.as_str())
            .is_some_and(|instance| !instance.is_gone());
        let taken = call
            .region
            .autoscaling
            .by_name
            .values()
            .any(|group| group.members.contains_key(id.as_str()));
        if !known || taken {
            let message = format!(
                "Invalid Instance ID(s): {}. Instance(s) not found or already in a group.",
                short(id)
            );
            return Err(ApiError::validation(message));
        }
        // Pending, so that the next look brings it into service and registers it.
        let member = Member::new(Lifecycle::Pending, call.now);
        group.members.insert(SmolStr::new(id), member);
    }
    group.desired = group.desired.max(groups::active(&group));
    if group.desired > group.max {
        let message = "AutoScalingGroup would exceed its max size by attaching the specified instances.";
        return Err(ApiError::validation(message));
    }
    groups::put(call, name, group);
    call.region.autoscaling.wake(call.now);
    Ok(())
}

pub(super) fn detach(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let ids = member_ids(call, name)?;
    let mut group = call.region.autoscaling.get(name)?.clone();
    shrink(call, name, &mut group, ids.len(), "detach")?;
    let drained = leave_balancers(call, &group, &ids);
    for id in &ids {
        if drained.is_some() {
            group
                .members
                .insert(id.clone(), waiting(Lifecycle::Detaching, call.now, drained));
        } else {
            group.members.remove(id);
        }
    }
    write_activities(call, xml, &ids, "Detaching EC2 instance");
    groups::put(call, name, group);
    Ok(())
}

pub(super) fn enter_standby(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let ids = member_ids(call, name)?;
    let mut group = call.region.autoscaling.get(name)?.clone();
    require_lifecycle(&group, &ids, Lifecycle::InService)?;
    shrink(call, name, &mut group, ids.len(), "place into standby")?;
    let drained = leave_balancers(call, &group, &ids);
    let state = match drained {
        Some(_) => Lifecycle::EnteringStandby,
        None => Lifecycle::Standby,
    };
    for id in &ids {
        group.members.insert(id.clone(), waiting(state, call.now, drained));
    }
    write_activities(call, xml, &ids, "Moving EC2 instance to Standby");
    groups::put(call, name, group);
    Ok(())
}

pub(super) fn exit_standby(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let ids = member_ids(call, name)?;
    let mut group = call.region.autoscaling.get(name)?.clone();
    require_lifecycle(&group, &ids, Lifecycle::Standby)?;
    for id in &ids {
        group
            .members
            .insert(id.clone(), Member::new(Lifecycle::Pending, call.now));
    }
    group.desired = group.desired.max(groups::active(&group)).min(group.max);
    write_activities(call, xml, &ids, "Moving EC2 instance out of Standby");
    groups::put(call, name, group);
    call.region.autoscaling.wake(call.now);
    Ok(())
}

pub(super) fn terminate(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = SmolStr::new(call.params.required("InstanceId")?);
    let name = group_of(call, &id)?;
    let mut group = call.region.autoscaling.get(&name)?.clone();
    if should_decrement(call)? {
        if group.desired <= group.min {
            return Err(ApiError::validation(format!(
                "Currently, desiredSize equals minSize ({}). Terminating instance without replacement will violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false or lower group's min size.",
                group.min
            )));
        }
        group.desired -= 1;
    }
    instances::terminate(&mut call.region.ec2, &id, call.now);
    let activity = Activity {
        id: call.ids.uuid(),
        at: call.now,
        description: format!("Terminating EC2 instance: {id}"),
    };
    xml.element("Activity", |xml| write_activity(xml, &name, &activity));
    groups::put(call, &name, group);
    Ok(())
}

/// An unhealthy member is replaced.
pub(super) fn set_health(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let id = SmolStr::new(call.params.required("InstanceId")?);
    group_of(call, &id)?;
    if call.params.required("HealthStatus")? == "Unhealthy" {
        instances::terminate(&mut call.region.ec2, &id, call.now);
        call.region
            .autoscaling
            .wake(call.now.plus(call.settings.timing.scaling));
    }
    Ok(())
}

pub(super) fn set_protection(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let ids = member_ids(call, name)?;
    let protected = call.params.bool("ProtectedFromScaleIn").unwrap_or(false);
    let group = call.region.autoscaling.get_mut(name)?;
    for id in &ids {
        if let Some(member) = group.members.get_mut(id) {
            member.protected = protected;
        }
    }
    Ok(())
}

fn waiting(lifecycle: Lifecycle, since: Timestamp, until: Option<Timestamp>) -> Member {
    Member {
        until,
        ..Member::new(lifecycle, since)
    }
}

/// Takes members out of the group's balancers and tells when the last of them has let go of its connections.
fn leave_balancers(call: &mut Call<'_>, group: &Group, ids: &[SmolStr]) -> Option<Timestamp> {
    let mut drained = None;
    for name in group.balancers.keys() {
        let seconds = draining_seconds(call, name);
        if seconds > 0 {
            drained = drained.max(Some(call.now.plus(Duration::from_secs(seconds))));
        }
        deregister(call, name, ids, call.now);
    }
    if let Some(drained) = drained {
        call.region.autoscaling.wake(drained);
    }
    drained
}

/// Makes an instance a member in a lifecycle state of a seed's choosing, beyond those that the group wanted before.
pub(crate) fn plant(call: &mut Call<'_>, group: &str, id: &str, lifecycle: &str) -> Result<(), ApiError> {
    let state: Lifecycle = serde_json::from_value(lifecycle.into())
        .map_err(|_| ApiError::validation(format!("there is no lifecycle state {lifecycle}")))?;
    let instance = call.region.ec2.instances.get(id).filter(|instance| !instance.is_gone());
    if instance.is_none() {
        return Err(ApiError::validation(format!("there is no instance {id}")));
    }
    let taken = call
        .region
        .autoscaling
        .by_name
        .values()
        .any(|group| group.members.contains_key(id));
    if taken {
        return Err(ApiError::validation(format!("{id} is in a group already")));
    }
    let mut planted = call.region.autoscaling.get(group)?.clone();
    let id = SmolStr::new(id);
    planted.members.insert(id.clone(), Member::new(state, call.now));
    planted.desired += u32::from(state.is_active());
    planted.max = planted.max.max(planted.desired);
    if state == Lifecycle::InService {
        let names: Vec<String> = planted.balancers.keys().cloned().collect();
        for name in names {
            register(call, &name, std::slice::from_ref(&id), call.now);
        }
    }
    groups::put(call, group, planted);
    Ok(())
}

/// Members leave the capacity with their place in it, or leave the place to a new member.
fn shrink(call: &Call<'_>, name: &str, group: &mut Group, by: usize, what: &str) -> Result<(), ApiError> {
    if !should_decrement(call)? {
        return Ok(());
    }
    let left = u32::try_from(by).ok().and_then(|by| group.desired.checked_sub(by));
    let Some(left) = left.filter(|left| *left >= group.min) else {
        let Group { min, max, desired, .. } = group;
        return Err(ApiError::validation(format!(
            "AutoScalingGroup {name} has min-size={min}, max-size={max}, and desired-size={desired}. To {what} {by} instance(s), please update the AutoScalingGroup sizes appropriately."
        )));
    };
    group.desired = left;
    Ok(())
}

/// Required wherever a member can leave its group.
fn should_decrement(call: &Call<'_>) -> Result<bool, ApiError> {
    call.params.required("ShouldDecrementDesiredCapacity")?;
    Ok(call.params.bool("ShouldDecrementDesiredCapacity").unwrap_or(false))
}

fn require_lifecycle(group: &Group, ids: &[SmolStr], wanted: Lifecycle) -> Result<(), ApiError> {
    let elsewhere = |id: &&SmolStr| group.members.get(*id).is_none_or(|member| member.lifecycle != wanted);
    match ids.iter().find(elsewhere) {
        Some(id) => {
            let message = format!("The instance {} is not in {}.", short(id), wanted.name());
            Err(ApiError::validation(message))
        }
        None => Ok(()),
    }
}

/// The members named in a request, each of which is in the group.
fn member_ids(call: &Call<'_>, name: &str) -> Result<Vec<SmolStr>, ApiError> {
    let group = call.region.autoscaling.get(name)?;
    let ids: Vec<SmolStr> = call
        .params
        .strings("InstanceIds")
        .into_iter()
        .map(SmolStr::new)
        .collect();
    match ids.iter().find(|id| !group.members.contains_key(*id)) {
        Some(stranger) => Err(ApiError::validation(format!(
            "The instance {} is not part of Auto Scaling group {name}.",
            short(stranger)
        ))),
        None => Ok(ids),
    }
}

fn group_of(call: &Call<'_>, id: &SmolStr) -> Result<String, ApiError> {
    let mut groups = call.region.autoscaling.by_name.iter();
    let found = groups
        .find(|(_, group)| group.members.contains_key(id))
        .map(|(name, _)| name.clone());
    found.ok_or_else(|| {
        ApiError::validation(format!(
            "Instance Id not found - No managed instance found for instance ID: {}",
            short(id)
        ))
    })
}

fn write_activities(call: &mut Call<'_>, xml: &mut Xml, ids: &[SmolStr], what: &str) {
    let name = call.params.str("AutoScalingGroupName").unwrap_or_default();
    xml.members("Activities", ids, |xml, id| {
        let activity = Activity {
            id: call.ids.uuid(),
            at: call.now,
            description: format!("{what}: {id}"),
        };
        write_activity(xml, name, &activity);
    });
}
