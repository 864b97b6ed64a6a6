//! The network interfaces that balancers have in their subnets, which is how one sees that a deletion has ended.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::filter::{Filters, one};
use super::state::Tags;
use crate::elb::LoadBalancer;
use crate::wire::{ApiError, Xml};
use crate::world::Call;

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("NetworkInterfaceId"), Filters::read(call.params));
    let (mut listed, mut unknown) = (Vec::new(), ids.clone());
    for balancer in call.region.elb.iter() {
        for (zone, subnet) in &balancer.placement {
            let id = interface_id(balancer, subnet);
            unknown.retain(|given| *given != id);
            let description = format!("ELB {}", balancer.name);
            let admitted = filters.admit(&Tags::new(), |name| match name {
                "description" => one(&description),
                "requester-id" | "attachment.instance-owner-id" => one("amazon-elb"),
                "requester-managed" => one("true"),
                "vpc-id" => one(&balancer.vpc_id),
                "subnet-id" => one(subnet),
                "availability-zone" => one(zone),
                "group-id" => Some(balancer.security_groups.clone()),
                "network-interface-id" => one(&id),
                "status" => one("in-use"),
                "interface-type" => one("interface"),
                "owner-id" => one(call.account),
                _ => None,
            })?;
            if admitted && (ids.is_empty() || ids.contains(&id)) {
                listed.push((id, zone, subnet, balancer));
            }
        }
    }
    if let Some(unknown) = unknown.first() {
        return Err(super::not_found(
            "InvalidNetworkInterfaceID.NotFound",
            "networkInterface",
            unknown,
        ));
    }
    xml.items(
        "networkInterfaceSet",
        "item",
        listed,
        |xml, (id, zone, subnet, balancer)| {
            write(xml, &id, zone, subnet, balancer, call);
        },
    );
    Ok(())
}

fn write(xml: &mut Xml, id: &str, zone: &str, subnet: &str, balancer: &LoadBalancer, call: &Call<'_>) {
    xml.text("networkInterfaceId", id)
        .text("subnetId", subnet)
        .text("vpcId", &balancer.vpc_id);
    xml.text("availabilityZone", zone)
        .text("description", &format!("ELB {}", balancer.name))
        .text("ownerId", call.account);
    xml.text("requesterId", "amazon-elb")
        .show("requesterManaged", true)
        .text("status", "in-use");
    xml.text("interfaceType", "interface").show("sourceDestCheck", true);
    xml.items("groupSet", "item", &balancer.security_groups, |xml, group| {
        let name = call
            .region
            .ec2
            .security_groups
            .get(group)
            .map_or("", |group| group.name.as_str());
        xml.text("groupId", group).text("groupName", name);
    });
    xml.element("attachment", |xml| {
        xml.text("attachmentId", &id.replace("eni-", "ela-attach-"))
            .text("instanceOwnerId", "amazon-elb");
        xml.show("deviceIndex", 1)
            .text("status", "attached")
            .show("deleteOnTermination", false);
    });
    xml.items("tagSet", "item", [(); 0], |_, ()| {});
}

/// Interfaces are not kept: a balancer has the same one in a subnet for as long as it is there.
fn interface_id(balancer: &LoadBalancer, subnet: &str) -> String {
    let mut hasher = DefaultHasher::new();
    (&balancer.dns_name, subnet).hash(&mut hasher);
    format!("eni-0{:016x}", hasher.finish())
}
