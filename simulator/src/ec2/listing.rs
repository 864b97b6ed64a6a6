//! What EC2 shows of instances.

use std::time::Duration;

use smol_str::SmolStr;

use super::filter::Filters;
use super::instance_filters::when_running;
use super::paging::{Paging, write_token};
use super::request::{is_well_formed, named, no_instance, require_all, required};
use super::state::{Instance, Phase, ROOT_DEVICE};
use super::{instance_filters, interfaces, tags};
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
        let admitted = filters.admit(&instance.tags, |name| {
            instance_filters::property(call, id, instance, name)
        })?;
        if admitted {
            listed.push((id, instance));
        }
    }
    Ok(listed)
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
    let public_dns = public.and_then(|_| instance.public_dns(call.facts));
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
    xml.text("rootDeviceName", ROOT_DEVICE)
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
                xml.text("status", when_running(state, "ok"));
            });
        }
    });
    Ok(())
}

/// The attributes are those of `InstanceAttributeName` in the EC2 API reference.
pub(super) fn describe_attribute(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "InstanceId")?;
    let instance = call.region.ec2.instances.get(id).ok_or_else(|| no_instance(id))?;
    xml.text("instanceId", id);
    // Element names come from this list and not from the request.
    let (tag, value) = match required(call, "Attribute")? {
        "instanceType" => ("instanceType", instance.type_name.as_str()),
        "sourceDestCheck" => ("sourceDestCheck", "true"),
        "disableApiTermination" => ("disableApiTermination", "false"),
        "disableApiStop" => ("disableApiStop", "false"),
        "instanceInitiatedShutdownBehavior" => ("instanceInitiatedShutdownBehavior", "stop"),
        "rootDeviceName" => ("rootDeviceName", ROOT_DEVICE),
        "ebsOptimized" => ("ebsOptimized", "false"),
        "enaSupport" => ("enaSupport", "true"),
        "groupSet" => {
            xml.items("groupSet", "item", &instance.security_groups, |xml, group| {
                xml.text("groupId", group);
            });
            return Ok(());
        }
        "enclaveOptions" => {
            xml.element("enclaveOptions", |xml| {
                xml.show("enabled", false);
            });
            return Ok(());
        }
        // What no instance here has.
        "kernel" => return empty(xml, "kernel"),
        "ramdisk" => return empty(xml, "ramdisk"),
        "userData" => return empty(xml, "userData"),
        "sriovNetSupport" => return empty(xml, "sriovNetSupport"),
        "blockDeviceMapping" => return empty(xml, "blockDeviceMapping"),
        "productCodes" => return empty(xml, "productCodes"),
        other => {
            let message = format!("Value ({}) for parameter attribute is invalid.", short(other));
            return Err(ApiError::sender("InvalidParameterValue", message));
        }
    };
    xml.element(tag, |xml| {
        xml.text("value", value);
    });
    Ok(())
}

fn empty(xml: &mut Xml, tag: &str) -> Result<(), ApiError> {
    xml.text(tag, "");
    Ok(())
}
