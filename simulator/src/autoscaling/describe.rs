//! What Auto Scaling shows.

use super::filter::Filters;
use super::state::{Attachment, Group, GroupTag, Member};
use crate::call::Call;
use crate::wire::{ApiError, Xml};

pub(super) fn groups(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("AutoScalingGroupNames");
    let filters = Filters::read(call.params, &["tag-key", "tag-value", "tag:"])?;
    let size = call
        .params
        .int("MaxRecords")?
        .and_then(|size| usize::try_from(size).ok())
        .unwrap_or(50)
        .clamp(1, 100);
    let from = call.params.non_empty("NextToken").unwrap_or_default();
    let mut listed = call.region.autoscaling.by_name.iter().filter(|(name, group)| {
        (names.is_empty() || names.contains(name))
            && name.as_str() > from
            && filters.admit(|kind, values| tag_matches(group, kind, values))
    });
    let page: Vec<_> = listed.by_ref().take(size).collect();
    let more = listed.next().is_some();
    xml.members("AutoScalingGroups", &page, |xml, (name, group)| {
        write(xml, name, group, call);
    });
    if let (Some((last, _)), true) = (page.last(), more) {
        xml.text("NextToken", last);
    }
    Ok(())
}

fn tag_matches(group: &Group, filter: &str, values: &[String]) -> bool {
    match filter.split_once(':') {
        Some(("tag", key)) => group.tags.get(key).is_some_and(|tag| values.contains(&tag.value)),
        _ if filter == "tag-key" => group.tags.keys().any(|key| values.contains(key)),
        _ => group.tags.values().any(|tag| values.contains(&tag.value)),
    }
}

fn arn(call: &Call<'_>, name: &str) -> String {
    let (partition, region) = (call.facts.partition(), call.facts.name);
    format!(
        "arn:{partition}:autoscaling:{region}:{}:autoScalingGroup:00000000-0000-4000-8000-000000000000:autoScalingGroupName/{name}",
        call.account
    )
}

fn write(xml: &mut Xml, name: &str, group: &Group, call: &Call<'_>) {
    xml.text("AutoScalingGroupName", name)
        .text("AutoScalingGroupARN", &arn(call, name));
    write_launch(xml, group);
    xml.show("MinSize", group.min)
        .show("MaxSize", group.max)
        .show("DesiredCapacity", group.desired);
    xml.show("DefaultCooldown", group.cooldown);
    xml.strings("AvailabilityZones", group.zones.iter().map(String::as_str));
    let attached = group
        .balancers
        .iter()
        .filter(|(_, state)| !matches!(state, Attachment::Removing(_)));
    xml.strings("LoadBalancerNames", attached.map(|(name, _)| name.as_str()));
    xml.strings("TargetGroupARNs", []);
    xml.text("HealthCheckType", &group.health_check_type)
        .show("HealthCheckGracePeriod", group.grace_period);
    let shown = group.members.iter().filter(|(id, _)| !call.is_hidden(id));
    xml.members("Instances", shown, |xml, (id, member)| {
        write_member(xml, id, *member, group, call);
    });
    xml.show("CreatedTime", group.created).strings("SuspendedProcesses", []);
    let subnets = if group.by_subnet {
        group.subnets.join(",")
    } else {
        String::new()
    };
    xml.text("VPCZoneIdentifier", &subnets).strings("EnabledMetrics", []);
    xml.members("Tags", &group.tags, |xml, (key, tag)| write_tag(xml, name, key, tag));
    xml.strings("TerminationPolicies", ["Default"])
        .show("NewInstancesProtectedFromScaleIn", false);
    let role = format!(
        "arn:{}:iam::{}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        call.facts.partition(),
        call.account
    );
    xml.text("ServiceLinkedRoleARN", &role);
    xml.members("TrafficSources", group.balancers.keys(), |xml, name| {
        xml.text("Identifier", name).text("Type", "elb");
    });
}

fn write_launch(xml: &mut Xml, group: &Group) {
    xml.maybe("LaunchConfigurationName", group.launch_configuration.as_deref());
    if let Some(template) = &group.launch_template {
        xml.element("LaunchTemplate", |xml| {
            let by_id = template.starts_with("lt-");
            xml.text(
                if by_id {
                    "LaunchTemplateId"
                } else {
                    "LaunchTemplateName"
                },
                template,
            );
        });
    }
}

fn write_member(xml: &mut Xml, id: &str, member: Member, group: &Group, call: &Call<'_>) {
    let instance = call.region.ec2.instances.get(id);
    xml.text("InstanceId", id);
    xml.maybe("InstanceType", instance.map(|it| it.type_name.as_str()));
    xml.text("AvailabilityZone", instance.map_or("", |it| it.zone.as_str()));
    xml.text("LifecycleState", member.lifecycle.name());
    let healthy = !member.lifecycle.is_leaving();
    xml.text("HealthStatus", if healthy { "Healthy" } else { "Unhealthy" });
    write_launch(xml, group);
    xml.show("ProtectedFromScaleIn", member.protected);
}

fn write_tag(xml: &mut Xml, group: &str, key: &str, tag: &GroupTag) {
    xml.text("ResourceId", group).text("ResourceType", "auto-scaling-group");
    xml.text("Key", key)
        .text("Value", &tag.value)
        .show("PropagateAtLaunch", tag.propagate);
}

pub(super) fn instances(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let ids = call.params.strings("InstanceIds");
    let groups = &call.region.autoscaling.by_name;
    let all = groups
        .iter()
        .flat_map(|(name, group)| group.members.iter().map(move |(id, it)| (name, group, id, it)));
    let listed = all
        .filter(|(_, _, id, _)| ids.is_empty() || ids.iter().any(|given| given == id.as_str()))
        .filter(|(_, _, id, _)| !call.is_hidden(id));
    xml.members("AutoScalingInstances", listed, |xml, (name, group, id, member)| {
        write_member(xml, id, *member, group, call);
        xml.text("AutoScalingGroupName", name);
    });
    Ok(())
}

pub(super) fn tags(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let kinds = ["auto-scaling-group", "key", "propagate-at-launch", "value"];
    let filters = Filters::read(call.params, &kinds)?;
    let groups = &call.region.autoscaling.by_name;
    let all = groups
        .iter()
        .flat_map(|(name, group)| group.tags.iter().map(move |(key, tag)| (name, key, tag)));
    let listed = all.filter(|(group, key, tag)| {
        filters.admit(|kind, values| match kind {
            "auto-scaling-group" => values.contains(group),
            "key" => values.contains(key),
            "value" => values.contains(&tag.value),
            _ => values.contains(&tag.propagate.to_string()),
        })
    });
    xml.members("Tags", listed, |xml, (name, key, tag)| write_tag(xml, name, key, tag));
    Ok(())
}
