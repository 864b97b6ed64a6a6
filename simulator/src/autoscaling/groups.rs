//! Groups and what is asked of them.

use std::collections::BTreeMap;

use super::attach;
use super::membership::deregister;
use super::request::group_name;
use super::state::{Attachment, Group, GroupTag};
use crate::call::Call;
use crate::ec2::instances;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};

pub(super) fn create(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (name, params) = (group_name(call)?, call.params);
    if call.region.autoscaling.by_name.contains_key(name) {
        let message =
            format!("AutoScalingGroup by this name already exists - A group with the name {name} already exists");
        return Err(ApiError::sender("AlreadyExists", message));
    }
    let (min, max) = (size(params, "MinSize")?, size(params, "MaxSize")?);
    let (Some(min), Some(max)) = (min, max) else {
        return Err(ApiError::missing("minSize and maxSize"));
    };
    let desired = size(params, "DesiredCapacity")?.unwrap_or(min);
    check_sizes(min, max, desired)?;
    let launch_configuration = read_configuration(call)?;
    let launch_template = read_template(params);
    if launch_configuration.is_none() && launch_template.is_none() {
        return Err(ApiError::validation(
            "Valid requests must contain either LaunchTemplate, LaunchConfigurationName, InstanceId or MixedInstancesPolicy parameter.",
        ));
    }
    let (subnets, zones) = read_placement(call)?
        .ok_or_else(|| ApiError::validation("At least one Availability Zone or VPC Subnet is required."))?;
    let balancers = params.strings("LoadBalancerNames");
    attach::check(call, &balancers)?;
    let acts_from = call.now.plus(call.settings.timing.scaling);
    let group = Group {
        launch_configuration,
        launch_template,
        min,
        max,
        desired,
        subnets,
        by_subnet: params.non_empty("VPCZoneIdentifier").is_some(),
        zones,
        balancers: balancers
            .into_iter()
            .map(|name| (name, Attachment::Adding(call.now)))
            .collect(),
        members: BTreeMap::new(),
        tags: params.list("Tags").into_iter().map(read_tag).collect(),
        health_check_type: params.non_empty("HealthCheckType").unwrap_or("EC2").to_owned(),
        grace_period: size(params, "HealthCheckGracePeriod")?.unwrap_or(0),
        cooldown: size(params, "DefaultCooldown")?.unwrap_or(300),
        created: call.now,
        acts_from,
        activities: Vec::new(),
    };
    call.region.autoscaling.by_name.insert(name.to_owned(), group);
    call.region.autoscaling.wake(call.now);
    Ok(())
}

pub(super) fn update(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (name, params) = (group_name(call)?, call.params);
    let mut group = call.region.autoscaling.get(name)?.clone();
    group.min = size(params, "MinSize")?.unwrap_or(group.min);
    group.max = size(params, "MaxSize")?.unwrap_or(group.max);
    group.desired = match size(params, "DesiredCapacity")? {
        Some(desired) => desired,
        None => group.desired.clamp(group.min, group.max.max(group.min)),
    };
    check_sizes(group.min, group.max, group.desired)?;
    if let Some(configuration) = read_configuration(call)? {
        (group.launch_configuration, group.launch_template) = (Some(configuration), None);
    } else if let Some(template) = read_template(params) {
        (group.launch_configuration, group.launch_template) = (None, Some(template));
    }
    if let Some((subnets, zones)) = read_placement(call)? {
        (group.subnets, group.zones) = (subnets, zones);
        group.by_subnet = params.non_empty("VPCZoneIdentifier").is_some();
    }
    if let Some(kind) = params.non_empty("HealthCheckType") {
        kind.clone_into(&mut group.health_check_type);
    }
    group.grace_period = size(params, "HealthCheckGracePeriod")?.unwrap_or(group.grace_period);
    group.cooldown = size(params, "DefaultCooldown")?.unwrap_or(group.cooldown);
    group.acts_from = call.now.plus(call.settings.timing.scaling);
    put(call, name, group);
    Ok(())
}

pub(super) fn set_desired(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let desired = size(call.params, "DesiredCapacity")?.ok_or_else(|| ApiError::missing("desiredCapacity"))?;
    let mut group = call.region.autoscaling.get(name)?.clone();
    if desired > group.max {
        let message = format!(
            "New SetDesiredCapacity value {desired} is above max value {} for the AutoScalingGroup.",
            group.max
        );
        return Err(ApiError::validation(message));
    }
    if desired < group.min {
        let message = format!(
            "New SetDesiredCapacity value {desired} is below min value {} for the AutoScalingGroup.",
            group.min
        );
        return Err(ApiError::validation(message));
    }
    group.desired = desired;
    group.acts_from = call.now.plus(call.settings.timing.scaling);
    put(call, name, group);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = group_name(call)?;
    let group = call.region.autoscaling.get(name)?;
    let members: Vec<_> = group.members.keys().cloned().collect();
    if !members.is_empty() {
        if !call.params.bool("ForceDelete").unwrap_or(false) {
            let message = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s) still in the group.";
            return Err(ApiError::sender("ResourceInUse", message));
        }
        let balancers: Vec<String> = group.balancers.keys().cloned().collect();
        for balancer in balancers {
            deregister(call, &balancer, &members, call.now);
        }
        for id in &members {
            instances::terminate(&mut call.region.ec2, id, call.now);
        }
    }
    call.region.autoscaling.by_name.remove(name);
    Ok(())
}

pub(super) fn put_tags(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    for given in call.params.list("Tags") {
        let (key, tag) = read_tag(given);
        let name = given.str("ResourceId").unwrap_or_default();
        call.region.autoscaling.get_mut(name)?.tags.insert(key, tag);
    }
    Ok(())
}

pub(super) fn delete_tags(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    for given in call.params.list("Tags") {
        let name = given.str("ResourceId").unwrap_or_default();
        call.region
            .autoscaling
            .get_mut(name)?
            .tags
            .remove(given.str("Key").unwrap_or_default());
    }
    Ok(())
}

/// Puts a changed group back and has it act.
pub(super) fn put(call: &mut Call<'_>, name: &str, group: Group) {
    let acts_from = group.acts_from;
    call.region.autoscaling.by_name.insert(name.to_owned(), group);
    call.region.autoscaling.wake(acts_from);
}

/// How many members count towards the desired capacity.
pub(super) fn active(group: &Group) -> u32 {
    let active = group.members.values().filter(|it| it.lifecycle.is_active());
    u32::try_from(active.count()).unwrap_or(u32::MAX)
}

fn size(params: &Value, name: &str) -> Result<Option<u32>, ApiError> {
    let Some(number) = params.int(name)? else {
        return Ok(None);
    };
    u32::try_from(number)
        .ok()
        .filter(|number| *number <= 10_000)
        .map(Some)
        .ok_or_else(|| ApiError::constraint(&number.to_string(), name, "Member must have value between 0 and 10000"))
}

fn check_sizes(min: u32, max: u32, desired: u32) -> Result<(), ApiError> {
    if min > max {
        return Err(ApiError::validation(format!(
            "Max bound, {max}, must be greater than or equal to min bound, {min}"
        )));
    }
    if desired < min || desired > max {
        let message =
            format!("Desired capacity:{desired} must be between the specified min size:{min} and max size:{max}");
        return Err(ApiError::validation(message));
    }
    Ok(())
}

fn read_configuration(call: &Call<'_>) -> Result<Option<String>, ApiError> {
    let Some(name) = call.params.non_empty("LaunchConfigurationName") else {
        return Ok(None);
    };
    if call.region.autoscaling.configurations.contains_key(name) {
        return Ok(Some(name.to_owned()));
    }
    let message = format!(
        "Launch configuration name not found - Launch configuration {} not found",
        short(name)
    );
    Err(ApiError::validation(message))
}

fn read_template(params: &Value) -> Option<String> {
    let mixed = || {
        params
            .get("MixedInstancesPolicy")?
            .get("LaunchTemplate")?
            .get("LaunchTemplateSpecification")
    };
    let template = params.get("LaunchTemplate").or_else(mixed)?;
    template
        .non_empty("LaunchTemplateName")
        .or_else(|| template.non_empty("LaunchTemplateId"))
        .map(str::to_owned)
}

/// Subnets and the zones they are in.
type Placement = (Vec<String>, Vec<String>);

/// The subnets and zones of a request, if it names any.
fn read_placement(call: &Call<'_>) -> Result<Option<Placement>, ApiError> {
    let ec2 = &call.region.ec2;
    if let Some(list) = call.params.non_empty("VPCZoneIdentifier") {
        let mut zones = Vec::new();
        let subnets: Vec<String> = list.split(',').map(|subnet| subnet.trim().to_owned()).collect();
        for id in &subnets {
            let subnet = ec2
                .subnets
                .get(id)
                .ok_or_else(|| ApiError::validation(format!("The subnet ID '{}' does not exist", short(id))))?;
            zones.push(subnet.zone.clone());
        }
        zones.sort();
        zones.dedup();
        return Ok(Some((subnets, zones)));
    }
    let zones = call.params.strings("AvailabilityZones");
    if zones.is_empty() {
        return Ok(None);
    }
    let mut subnets = Vec::new();
    for zone in &zones {
        let subnet = ec2.default_subnet(zone).ok_or_else(|| {
            ApiError::validation(format!("The availability zone '{}' is not available.", short(zone)))
        })?;
        subnets.push(subnet.to_owned());
    }
    Ok(Some((subnets, zones)))
}

fn read_tag(given: &Value) -> (String, GroupTag) {
    let key = given.str("Key").unwrap_or_default().to_owned();
    let value = given.str("Value").unwrap_or_default().to_owned();
    (
        key,
        GroupTag {
            value,
            propagate: given.bool("PropagateAtLaunch").unwrap_or(true),
        },
    )
}
