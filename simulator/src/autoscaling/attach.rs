//! Balancers of groups.

use std::time::Duration;

use super::membership::{deregister, draining_seconds, serving};
use super::request::group_name;
use super::state::{Attachment, Group};
use crate::call::Call;
use crate::elb::health::health_of;
use crate::wire::{ApiError, Xml};

pub(super) fn attach(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (group, names) = (group_name(call)?, call.params.strings("LoadBalancerNames"));
    call.region.autoscaling.get(group)?;
    check(call, &names)?;
    let from = call.now.plus(call.settings.timing.scaling);
    let group = call.region.autoscaling.get_mut(group)?;
    for name in names {
        if !matches!(
            group.balancers.get(&name),
            Some(Attachment::Adding(_) | Attachment::Added)
        ) {
            group.balancers.insert(name, Attachment::Adding(from));
        }
    }
    call.region.autoscaling.wake(from);
    Ok(())
}

/// Refuses balancers that do not exist, in AWS's words.
pub(super) fn check(call: &Call<'_>, names: &[String]) -> Result<(), ApiError> {
    if names.len() > 10 {
        return Err(ApiError::constraint(
            &format!("[{}]", names.len()),
            "loadBalancerNames",
            "Member must have length less than or equal to 10",
        ));
    }
    if names.iter().all(|name| call.region.elb.get(name).is_some()) {
        return Ok(());
    }
    let message = "Provided Load Balancers may not be valid. Please ensure they exist and try again.";
    Err(ApiError::validation(message))
}

pub(super) fn detach(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let (group_name, names) = (group_name(call)?, call.params.strings("LoadBalancerNames"));
    let group = call.region.autoscaling.get(group_name)?;
    if names.iter().any(|name| !group.balancers.contains_key(name)) {
        let message = "Trying to remove Load Balancers that are not part of the group.";
        return Err(ApiError::validation(message));
    }
    let members = serving(group);
    for name in &names {
        let seconds = draining_seconds(call, name);
        let gone = call
            .now
            .plus(call.settings.timing.scaling)
            .plus(Duration::from_secs(seconds));
        deregister(call, name, &members, call.now);
        call.region
            .autoscaling
            .get_mut(group_name)?
            .balancers
            .insert(name.clone(), Attachment::Removing(gone));
        call.region.autoscaling.wake(gone);
    }
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let group = call.region.autoscaling.get(group_name(call)?)?;
    xml.members("LoadBalancers", &group.balancers, |xml, (name, attachment)| {
        xml.text("LoadBalancerName", name)
            .text("State", state(call, group, name, *attachment));
    });
    Ok(())
}

/// The newer operation that reports balancers along with target groups.
pub(super) fn describe_traffic_sources(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let group = call.region.autoscaling.get(group_name(call)?)?;
    let asked = call
        .params
        .non_empty("TrafficSourceType")
        .is_none_or(|kind| kind == "elb");
    xml.members(
        "TrafficSources",
        group.balancers.iter().filter(|_| asked),
        |xml, (name, attachment)| {
            xml.text("Identifier", name)
                .text("Type", "elb")
                .text("TrafficSource", name);
            xml.text("State", state(call, group, name, *attachment));
        },
    );
    Ok(())
}

/// `InService` is told only to groups that use ELB's health checks.
fn state(call: &Call<'_>, group: &Group, name: &str, attachment: Attachment) -> &'static str {
    match attachment {
        Attachment::Adding(_) => "Adding",
        Attachment::Removing(_) => "Removing",
        Attachment::Added if group.health_check_type != "ELB" => "Added",
        Attachment::Added => {
            let healthy = call.region.elb.get(name).is_some_and(|balancer| {
                group.members.keys().any(|id| {
                    health_of(balancer, call.region, id, call.now, call.settings.timing)
                        .is_some_and(|health| health.state == "InService")
                })
            });
            if healthy { "InService" } else { "Added" }
        }
    }
}
