//! Instances.

use smol_str::SmolStr;

use super::listing::{select, write};
use super::request::{done, is_well_formed, missing, no_instance, not_found, require_all, required};
use super::state::{Ec2, Instance, Phase, Tags};
use super::tags;
use crate::call::Call;
use crate::clock::Timestamp;
use crate::config::Timing;
use crate::ids::Ids;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};

/// What an instance is launched with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Launch {
    pub(crate) subnet_id: String,
    pub(crate) image_id: String,
    pub(crate) instance_type: String,
    pub(crate) key_name: Option<String>,
    /// Empty for the default group of the VPC.
    pub(crate) security_groups: Vec<String>,
    pub(crate) tags: Tags,
    /// `None` for a new id.
    pub(crate) id: Option<SmolStr>,
}

/// Launches one instance; `None` when the subnet does not exist.
pub(crate) fn launch(ec2: &mut Ec2, ids: &mut Ids, now: Timestamp, launch: Launch) -> Option<SmolStr> {
    let private_ip = ec2.take_address(&launch.subnet_id)?;
    let subnet = ec2.subnets.get(&launch.subnet_id)?;
    let public = subnet.public_ip_on_launch;
    let (vpc_id, zone) = (subnet.vpc_id.clone(), subnet.zone.clone());
    let [_, b, c, d] = private_ip.octets();
    let security_groups = if launch.security_groups.is_empty() {
        ec2.default_group(&vpc_id).map(str::to_owned).into_iter().collect()
    } else {
        launch.security_groups
    };
    let id = launch.id.unwrap_or_else(|| SmolStr::new(ids.resource("i")));
    let instance = Instance {
        reservation_id: ids.resource("r"),
        vpc_id,
        subnet_id: launch.subnet_id,
        zone,
        private_ip,
        public_ip: public.then(|| std::net::Ipv4Addr::new(54, b, c, d)),
        image_id: launch.image_id,
        type_name: launch.instance_type,
        key_name: launch.key_name,
        security_groups,
        launched: now,
        phase: Phase::Started(now),
        tags: launch.tags,
    };
    ec2.instances.insert(id.clone(), instance);
    Some(id)
}

/// Terminates one instance.
pub(crate) fn terminate(ec2: &mut Ec2, id: &str, now: Timestamp) {
    if let Some(instance) = ec2.instances.get_mut(id)
        && !instance.is_gone()
    {
        instance.phase = Phase::Terminated(now);
        let subnet_id = instance.subnet_id.clone();
        ec2.give_back_address(&subnet_id);
    }
}

pub(super) fn run(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let params = call.params;
    let image_id = required(call, "ImageId")?.to_owned();
    let max = params.int("MaxCount")?.ok_or_else(|| missing("MaxCount"))?;
    let min = params.int("MinCount")?.ok_or_else(|| missing("MinCount"))?;
    if min < 1 || max < min || max > 10_000 {
        let message = format!("Value ({max}) for parameter maxCount is invalid.");
        return Err(ApiError::sender("InvalidParameterValue", message));
    }
    let interface = params.list("NetworkInterface").into_iter().next();
    let ec2 = &mut call.region.ec2;
    let subnet_id = match params
        .non_empty("SubnetId")
        .or_else(|| interface?.non_empty("SubnetId"))
    {
        Some(id) => id.to_owned(),
        None => default_subnet(
            ec2,
            params
                .get("Placement")
                .and_then(|placement| placement.non_empty("AvailabilityZone")),
        )?,
    };
    let subnet = ec2.subnets.get(&subnet_id).ok_or_else(|| no_subnet(&subnet_id))?;
    let free = i64::from(subnet.free_addresses());
    if free < min {
        let message = format!("There are not enough free addresses in subnet '{subnet_id}' to satisfy the request.");
        return Err(ApiError::sender("InsufficientFreeAddressesInSubnet", message));
    }
    let security_groups = read_groups(ec2, params, &subnet.vpc_id)?;
    let template = Launch {
        subnet_id,
        image_id,
        instance_type: params.non_empty("InstanceType").unwrap_or("m1.small").to_owned(),
        key_name: params.non_empty("KeyName").map(str::to_owned),
        security_groups,
        tags: tags::of_new(params, "instance"),
        id: None,
    };
    let reservation = call.ids.resource("r");
    let mut launched = Vec::new();
    // As many as there is room for, between the two figures.
    for _ in 0..max.min(free) {
        launched.extend(launch(ec2, call.ids, call.now, template.clone()));
    }
    for id in &launched {
        if let Some(instance) = ec2.instances.get_mut(id) {
            instance.reservation_id.clone_from(&reservation);
        }
    }
    let listed: Vec<_> = launched
        .iter()
        .filter_map(|id| Some((id, call.region.ec2.instances.get(id)?)))
        .collect();
    xml.text("reservationId", &reservation).text("ownerId", call.account);
    xml.items("groupSet", "item", [(); 0], |_, ()| {});
    xml.items("instancesSet", "item", listed, |xml, (id, instance)| {
        write(xml, id, instance, call, Some((0, "pending")));
    });
    Ok(())
}

/// The security groups of a request, by id or name, its own or its network interface's.
fn read_groups(ec2: &Ec2, params: &Value, vpc_id: &str) -> Result<Vec<String>, ApiError> {
    let interface = params.list("NetworkInterface").into_iter().next();
    let mut security_groups = params.strings("SecurityGroupId");
    security_groups.extend(interface.map(|it| it.strings("SecurityGroupId")).unwrap_or_default());
    for name in params.strings("SecurityGroup") {
        let id = ec2.group_named(vpc_id, &name).unwrap_or(&name);
        security_groups.push(id.to_owned());
    }
    if let Some(unknown) = security_groups.iter().find(|id| !ec2.security_groups.contains_key(*id)) {
        let message = format!("The security group '{}' does not exist", short(unknown));
        return Err(ApiError::sender("InvalidGroup.NotFound", message));
    }
    Ok(security_groups)
}

fn default_subnet(ec2: &Ec2, zone: Option<&str>) -> Result<String, ApiError> {
    let mut subnets = ec2.subnets.iter().filter(|(_, subnet)| subnet.default_for_zone);
    let found = match zone {
        Some(zone) => subnets.find(|(_, subnet)| subnet.zone == zone),
        None => subnets.min_by_key(|(_, subnet)| &subnet.zone),
    };
    found.map(|(id, _)| id.clone()).ok_or_else(|| {
        ApiError::sender(
            "MissingInput",
            "No subnets found for the default VPC. Please specify a subnet.",
        )
    })
}

fn no_subnet(id: &str) -> ApiError {
    not_found("InvalidSubnetID.NotFound", "subnet", id)
}

pub(super) fn start(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    change(call, xml, |instance, now| match instance.phase {
        Phase::Stopped(_) => {
            instance.phase = Phase::Started(now);
            Ok(())
        }
        Phase::Started(_) => Ok(()),
        Phase::Terminated(_) => Err("running"),
    })
}

pub(super) fn stop(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    change(call, xml, |instance, now| match instance.phase {
        Phase::Started(_) => {
            instance.phase = Phase::Stopped(now);
            Ok(())
        }
        Phase::Stopped(_) => Ok(()),
        Phase::Terminated(_) => Err("stopped"),
    })
}

pub(super) fn terminate_named(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    change(call, xml, |instance, now| {
        if !instance.is_gone() {
            instance.phase = Phase::Terminated(now);
        }
        Ok(())
    })
}

/// Changes the named instances, all or none, and tells their states before and after.
fn change(
    call: &mut Call<'_>,
    xml: &mut Xml,
    each: impl Fn(&mut Instance, Timestamp) -> Result<(), &'static str>,
) -> Result<(), ApiError> {
    let ids = call.params.strings("InstanceId");
    if ids.is_empty() {
        return Err(missing("InstanceId"));
    }
    if ids.iter().all(|id| is_well_formed(id)) {
        let instances = &call.region.ec2.instances;
        let exists = |id: &str| instances.contains_key(id);
        require_all("InvalidInstanceID.NotFound", "instance", &ids, exists)?;
    }
    let Timing {
        instance_state: lag, ..
    } = call.settings.timing;
    let mut changed = Vec::new();
    for id in &ids {
        let mut instance = call
            .region
            .ec2
            .instances
            .get(id.as_str())
            .ok_or_else(|| no_instance(id))?
            .clone();
        let before = instance.state(call.now, lag).0;
        each(&mut instance, call.now).map_err(|wanted| {
            let message = format!("The instance '{id}' is not in a state from which it can be {wanted}.");
            ApiError::sender("IncorrectInstanceState", message)
        })?;
        let after = instance.state(call.now, lag).0;
        changed.push((id, instance, before, after));
    }
    xml.items("instancesSet", "item", changed, |xml, (id, instance, before, after)| {
        xml.text("instanceId", id);
        for (tag, state) in [("currentState", after), ("previousState", before)] {
            xml.element(tag, |xml| {
                xml.show("code", state.code()).text("name", state.name());
            });
        }
        let gone = instance.is_gone().then(|| instance.subnet_id.clone());
        let before = call.region.ec2.instances.insert(SmolStr::new(id), instance);
        if let (Some(subnet_id), Some(false)) = (gone, before.map(|before| before.is_gone())) {
            call.region.ec2.give_back_address(&subnet_id);
        }
    });
    call.region
        .autoscaling
        .wake(call.now.plus(call.settings.timing.scaling));
    Ok(())
}

pub(super) fn reboot(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    select(call)?;
    done(xml);
    Ok(())
}

/// Answered for clients that call it as a matter of course; monitoring has no effect here.
pub(super) fn unmonitor(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let listed = select(call)?;
    xml.items("instancesSet", "item", listed, |xml, (id, _)| {
        xml.text("instanceId", id).element("monitoring", |xml| {
            xml.text("state", "disabled");
        });
    });
    Ok(())
}

pub(super) fn modify_attribute(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "InstanceId")?;
    let groups = call.params.strings("GroupId");
    let instance = call.region.ec2.instances.get_mut(id).ok_or_else(|| no_instance(id))?;
    if !groups.is_empty() {
        instance.security_groups = groups;
    }
    done(xml);
    Ok(())
}
