//! Network interfaces: those of instances, and those that balancers have in their subnets, which is how one sees that
//! a deletion has ended.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::catalog::zone_id;
use super::filter::{Filters, absent, maybe, one};
use super::paging::{Paging, write_token};
use super::request::{named, require_all};
use super::state::{Instance, Tags};
use crate::call::Call;
use crate::elb::state::LoadBalancer;
use crate::wire::{ApiError, Xml};

/// One interface. None are kept: an instance has the same one always, a balancer in a subnet for as long as it is there.
pub(super) struct Interface<'c> {
    id: String,
    zone: &'c str,
    subnet: &'c str,
    vpc_id: &'c str,
    groups: &'c [String],
    description: String,
    /// Whether it is attached: those of instances always are.
    attached: bool,
    /// `None` for those of balancers, which belong to AWS.
    instance: Option<(&'c str, &'c Instance)>,
}

impl Interface<'_> {
    fn status(&self) -> &'static str {
        if self.attached { "in-use" } else { "available" }
    }

    fn attachment_id(&self) -> String {
        let kind = if self.instance.is_some() {
            "eni-attach-"
        } else {
            "ela-attach-"
        };
        self.id.replace("eni-", kind)
    }
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("NetworkInterfaceId"), Filters::read(call.params));
    let paging = Paging::read(call, named("networkInterfaceIds", &ids))?;
    let all = all(call);
    require_all("InvalidNetworkInterfaceID.NotFound", "networkInterface", &ids, |id| {
        all.iter().any(|interface| interface.id == id)
    })?;
    let mut listed = Vec::new();
    for interface in all {
        let admitted = filters.admit(&Tags::new(), |name| property(&interface, name, call))?;
        if admitted && (ids.is_empty() || ids.contains(&interface.id)) {
            listed.push(interface);
        }
    }
    let (listed, token) = paging.page(listed, |interface| &interface.id);
    xml.items("networkInterfaceSet", "item", listed, |xml, interface| {
        write(xml, &interface, call);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

fn all<'c>(call: &'c Call<'_>) -> Vec<Interface<'c>> {
    let mut all = Vec::new();
    // Those of a deleted balancer stay for a while.
    let attaching = call.settings.timing.attaching;
    for balancer in call.region.elb.iter().chain(call.region.elb.departed(call.now)) {
        all.extend(balancer.placement.iter().map(|(zone, subnet)| Interface {
            id: id_of(&(&balancer.dns_name, subnet)),
            zone,
            subnet,
            vpc_id: &balancer.vpc_id,
            groups: &balancer.security_groups,
            description: description(balancer),
            attached: balancer.has_attached(zone, call.now, attaching),
            instance: None,
        }));
    }
    let instances = call.region.ec2.instances.iter().filter(|(_, it)| !it.is_gone());
    all.extend(instances.map(|(id, it)| of_instance(id, it)));
    all
}

fn description(balancer: &LoadBalancer) -> String {
    format!("ELB {}", balancer.name)
}

pub(super) fn of_instance<'c>(id: &'c str, instance: &'c Instance) -> Interface<'c> {
    Interface {
        id: id_of(&id),
        zone: &instance.zone,
        subnet: &instance.subnet_id,
        vpc_id: &instance.vpc_id,
        groups: &instance.security_groups,
        description: String::new(),
        attached: true,
        instance: Some((id, instance)),
    }
}

fn id_of(what: &impl Hash) -> String {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    format!("eni-0{:016x}", hasher.finish())
}

/// The values that an interface has for a filter of the EC2 API reference; `None` when there is no such filter.
pub(super) fn property(interface: &Interface<'_>, name: &str, call: &Call<'_>) -> Option<Vec<String>> {
    let managed = interface.instance.is_none();
    let instance = interface.instance.map(|(_, instance)| instance);
    let values = match name {
        "description" => one(&interface.description),
        "requester-id" => maybe(managed.then_some("amazon-elb")),
        "requester-managed" | "operator.managed" => one(managed.to_string()),
        "attachment.instance-owner-id" => one(if managed { "amazon-elb" } else { call.account }),
        "attachment.instance-id" => maybe(interface.instance.map(|(id, _)| id)),
        "attachment.attachment-id" => one(interface.attachment_id()),
        "attachment.attach-time" => maybe(instance.map(|instance| instance.launched)),
        "attachment.delete-on-termination" => one((!managed).to_string()),
        "attachment.device-index" => one(u8::from(managed).to_string()),
        "attachment.status" => one("attached"),
        "addresses.private-ip-address" | "private-ip-address" => maybe(instance.map(|it| it.private_ip)),
        "private-dns-name" => maybe(instance.map(|it| it.private_dns(call.facts.name))),
        "addresses.primary" | "source-dest-check" => one("true"),
        "vpc-id" => one(interface.vpc_id),
        "subnet-id" => one(interface.subnet),
        "availability-zone" => one(interface.zone),
        "availability-zone-id" => one(zone_id(call.facts.name, interface.zone)),
        "group-id" => Some(interface.groups.to_vec()),
        "network-interface-id" => one(&interface.id),
        "status" => one(interface.status()),
        "interface-type" => one("interface"),
        "owner-id" => one(call.account),
        _ => absent(name, &ABSENT),
    };
    let detached = !interface.attached && name.starts_with("attachment.");
    values.map(|values| if detached { Vec::new() } else { values })
}

const ABSENT: [&str; 10] = [
    "addresses.association.owner-id",
    "addresses.association.public-ip",
    "association.allocation-id",
    "association.association-id",
    "association.ip-owner-id",
    "association.public-dns-name",
    "association.public-ip",
    "ipv6-addresses.ipv6-address",
    "mac-address",
    "operator.principal",
];

fn write(xml: &mut Xml, interface: &Interface<'_>, call: &Call<'_>) {
    xml.text("availabilityZone", interface.zone);
    let managed = interface.instance.is_none();
    if managed {
        xml.text("requesterId", "amazon-elb");
    }
    xml.show("requesterManaged", managed);
    write_common(xml, interface, call);
    if interface.attached {
        xml.element("attachment", |xml| {
            xml.text("attachmentId", &interface.attachment_id());
            match interface.instance {
                Some((id, _)) => xml.text("instanceId", id).text("instanceOwnerId", call.account),
                None => xml.text("instanceOwnerId", "amazon-elb"),
            };
            xml.show("deviceIndex", u8::from(managed))
                .text("status", "attached")
                .show("deleteOnTermination", !managed);
        });
    }
    xml.items("tagSet", "item", [(); 0], |_, ()| {});
}

/// An instance's interface as `DescribeInstances` shows it.
pub(super) fn write_of_instance(xml: &mut Xml, id: &str, instance: &Instance, call: &Call<'_>) {
    let interface = of_instance(id, instance);
    write_common(xml, &interface, call);
    xml.element("attachment", |xml| {
        xml.text("attachmentId", &interface.attachment_id())
            .show("deviceIndex", 0)
            .text("status", "attached")
            .show("attachTime", instance.launched)
            .show("deleteOnTermination", true)
            .show("networkCardIndex", 0);
    });
}

fn write_common(xml: &mut Xml, interface: &Interface<'_>, call: &Call<'_>) {
    xml.text("networkInterfaceId", &interface.id)
        .text("subnetId", interface.subnet)
        .text("vpcId", interface.vpc_id)
        .text("description", &interface.description)
        .text("ownerId", call.account)
        .text("status", interface.status())
        .text("interfaceType", "interface")
        .show("sourceDestCheck", true);
    if let Some((_, instance)) = interface.instance {
        let dns = instance.private_dns(call.facts.name);
        xml.show("privateIpAddress", instance.private_ip)
            .text("privateDnsName", &dns);
        xml.items("privateIpAddressesSet", "item", [instance], |xml, instance| {
            xml.show("privateIpAddress", instance.private_ip)
                .text("privateDnsName", &dns)
                .show("primary", true);
        });
    }
    xml.items("groupSet", "item", interface.groups, |xml, group| {
        let found = call.region.ec2.security_groups.get(group);
        xml.text("groupId", group)
            .text("groupName", found.map_or("", |group| group.name.as_str()));
    });
    xml.items("ipv6AddressesSet", "item", [(); 0], |_, ()| {});
}
