//! What EC2 shows of instances.

use std::time::Duration;

use smol_str::SmolStr;

use super::filter::{Filters, one};
use super::paging::{Paging, write_token};
use super::request::{is_well_formed, named, no_instance, require_all, required};
use super::state::{Instance, Phase};
use super::{catalog, interfaces, tags};
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

/// How long EC2 goes on showing terminated instances.
const TERMINATED_SHOWN: Duration = Duration::from_hours(1);

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let ids = call.params.strings("InstanceId");
    let paging = Paging::read(call, named("instancesSet", &ids))?;
    let (page, token) = paging.page(select(call)?, |(id, _)| id);
    // Instances of one reservation that follow each other share its element.
    let reservations = page.chunk_by(|a, b| a.1.reservation_id == b.1.reservation_id);
    xml.items("reservationSet", "item", reservations, |xml, instances| {
        xml.maybe(
            "reservationId",
            instances.first().map(|(_, instance)| instance.reservation_id.as_str()),
        );
        xml.text("ownerId", call.account);
        xml.items("groupSet", "item", [(); 0], |_, ()| {});
        xml.items("instancesSet", "item", instances, |xml, (id, instance)| {
            write(xml, id, instance, call, None);
        });
    });
    write_token(xml, token.as_deref());
    Ok(())
}

/// The instances a request asks for, by id and by filter, without those a fault hides.
pub(super) fn select<'c>(call: &'c Call<'_>) -> Result<Vec<(&'c SmolStr, &'c Instance)>, ApiError> {
    let (mut ids, filters) = (call.params.strings("InstanceId"), Filters::read(call.params));
    let instances = &call.region.ec2.instances;
    let forgotten = call.now.minus(TERMINATED_SHOWN);
    let shown = |instance: &Instance| instance.terminated_at().is_none_or(|at| at > forgotten);
    if let Some(malformed) = ids.iter().find(|id| !is_well_formed(id)) {
        return Err(no_instance(malformed));
    }
    require_all("InvalidInstanceID.NotFound", "instance", &ids, |id| {
        instances.get(id).is_some_and(shown)
    })?;
    ids.sort();
    ids.dedup();
    let chosen: Box<dyn Iterator<Item = (&SmolStr, &Instance)>> = if ids.is_empty() {
        Box::new(instances.iter().filter(|(_, instance)| shown(instance)))
    } else {
        Box::new(ids.iter().filter_map(|id| instances.get_key_value(id.as_str())))
    };
    let mut listed = Vec::new();
    for (id, instance) in chosen.filter(|(id, _)| !call.is_hidden(id)) {
        let admitted = filters.admit(&instance.tags, |name| property(call, id, instance, name))?;
        if admitted {
            listed.push((id, instance));
        }
    }
    Ok(listed)
}

fn property(call: &Call<'_>, id: &str, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let state = || instance.state(call.now, call.settings.timing.instance_state).0;
    match name {
        "instance-id" => one(id),
        "instance-state-name" => one(state().name()),
        "instance-state-code" => one(state().code().to_string()),
        "instance-type" => one(&instance.type_name),
        "image-id" => one(&instance.image_id),
        "vpc-id" | "network-interface.vpc-id" => one(&instance.vpc_id),
        "subnet-id" | "network-interface.subnet-id" => one(&instance.subnet_id),
        "availability-zone" => one(&instance.zone),
        "private-dns-name" | "network-interface.private-dns-name" => one(instance.private_dns(call.facts.name)),
        "private-ip-address" | "network-interface.addresses.private-ip-address" => one(instance.private_ip.to_string()),
        "dns-name" => Some(public_dns(instance, call).into_iter().collect()),
        "architecture" => one("x86_64"),
        "root-device-type" => one("ebs"),
        "availability-zone-id" => one(catalog::zone_id(call.facts.name, &instance.zone)),
        "ip-address" => Some(instance.public_ip.iter().map(ToString::to_string).collect()),
        "reservation-id" => one(&instance.reservation_id),
        "key-name" => Some(instance.key_name.iter().cloned().collect()),
        "owner-id" => one(call.account),
        "instance.group-id" | "group-id" | "network-interface.group-id" => Some(instance.security_groups.clone()),
        _ => None,
    }
}

pub(super) fn write(xml: &mut Xml, id: &str, instance: &Instance, call: &Call<'_>, state: Option<(u16, &str)>) {
    let region = call.facts.name;
    let (code, name) = state.unwrap_or_else(|| {
        let state = instance.state(call.now, call.settings.timing.instance_state).0;
        (state.code(), state.name())
    });
    let present = name != "terminated";
    xml.text("instanceId", id).text("imageId", &instance.image_id);
    xml.element("instanceState", |xml| {
        xml.show("code", code).text("name", name);
    });
    xml.text(
        "privateDnsName",
        &if present {
            instance.private_dns(region)
        } else {
            String::new()
        },
    );
    let public = instance.public_ip.filter(|_| present && name != "stopped");
    let public_dns = public.and_then(|_| public_dns(instance, call));
    xml.text("dnsName", public_dns.as_deref().unwrap_or_default());
    xml.text("reason", reason(instance));
    xml.maybe("keyName", instance.key_name.as_deref());
    xml.show("amiLaunchIndex", 0)
        .text("instanceType", &instance.type_name)
        .show("launchTime", instance.launched);
    xml.element("placement", |xml| {
        xml.text("availabilityZone", &instance.zone)
            .text("groupName", "")
            .text("tenancy", "default");
    });
    xml.element("monitoring", |xml| {
        xml.text("state", "disabled");
    });
    if present {
        xml.text("subnetId", &instance.subnet_id)
            .text("vpcId", &instance.vpc_id);
        xml.show("privateIpAddress", instance.private_ip);
        if let Some(ip) = public {
            xml.show("ipAddress", ip);
        }
        let named = |group: &String| call.region.ec2.security_groups.get(group).map(|it| it.name.clone());
        xml.items("groupSet", "item", &instance.security_groups, |xml, group| {
            xml.text("groupId", group)
                .text("groupName", &named(group).unwrap_or_default());
        });
    }
    xml.show("sourceDestCheck", true)
        .text("architecture", "x86_64")
        .text("rootDeviceType", "ebs");
    xml.text("rootDeviceName", "/dev/xvda")
        .text("virtualizationType", "hvm")
        .text("hypervisor", "xen");
    xml.show("ebsOptimized", false);
    for empty in ["productCodes", "blockDeviceMapping"] {
        xml.items(empty, "item", [(); 0], |_, ()| {});
    }
    let interface = present.then_some(id);
    xml.items("networkInterfaceSet", "item", interface, |xml, id| {
        interfaces::write_of_instance(xml, id, instance, call);
    });
    tags::write(xml, &instance.tags);
}

/// The name of its public address in DNS; the oldest region has a form of its own.
fn public_dns(instance: &Instance, call: &Call<'_>) -> Option<String> {
    let dashed = instance.public_ip?.to_string().replace('.', "-");
    let (region, suffix) = (call.facts.name, call.facts.dns_suffix());
    Some(if region == "us-east-1" {
        format!("ec2-{dashed}.compute-1.{suffix}")
    } else {
        format!("ec2-{dashed}.{region}.compute.{suffix}")
    })
}

/// Why it is in its state, for those that somebody brought there.
fn reason(instance: &Instance) -> &'static str {
    match instance.phase {
        Phase::Started(_) => "",
        Phase::Stopped(_) | Phase::Terminated(_) => "User initiated",
    }
}

pub(super) fn describe_status(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let all = call.params.bool("IncludeAllInstances").unwrap_or(false);
    let lag = call.settings.timing.instance_state;
    let listed = select(call)?
        .into_iter()
        .map(|(id, it)| (id, it, it.state(call.now, lag).0));
    let shown = listed.filter(|(_, _, state)| all || state.name() == "running");
    xml.items("instanceStatusSet", "item", shown, |xml, (id, instance, state)| {
        xml.text("instanceId", id).text("availabilityZone", &instance.zone);
        xml.element("instanceState", |xml| {
            xml.show("code", state.code()).text("name", state.name());
        });
        for tag in ["systemStatus", "instanceStatus"] {
            xml.element(tag, |xml| {
                xml.text(
                    "status",
                    if state.name() == "running" {
                        "ok"
                    } else {
                        "not-applicable"
                    },
                );
            });
        }
    });
    Ok(())
}

pub(super) fn describe_attribute(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "InstanceId")?;
    let instance = call.region.ec2.instances.get(id).ok_or_else(|| no_instance(id))?;
    xml.text("instanceId", id);
    let (tag, value) = match required(call, "Attribute")? {
        "instanceType" => ("instanceType", instance.type_name.clone()),
        "sourceDestCheck" => ("sourceDestCheck", "true".to_owned()),
        "disableApiTermination" => ("disableApiTermination", "false".to_owned()),
        "instanceInitiatedShutdownBehavior" => ("instanceInitiatedShutdownBehavior", "stop".to_owned()),
        other => {
            let message = format!("Value ({}) for parameter attribute is invalid.", short(other));
            return Err(ApiError::sender("InvalidParameterValue", message));
        }
    };
    xml.element(tag, |xml| {
        xml.text("value", &value);
    });
    Ok(())
}
