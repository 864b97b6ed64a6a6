//! VPCs and subnets.

use super::addresses::{overlap, parse_cidr};
use super::filter::{Filters, absent, one};
use super::paging::{Paging, write_token};
use super::request::{done, named, not_found, require_all, required};
use super::state::{Ec2, Subnet, Vpc};
use super::{catalog, tags};
use crate::call::Call;
use crate::region::RegionFacts;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn create_vpc(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let cidr = required(call, "CidrBlock")?;
    check_vpc_cidr(cidr)?;
    let id = call.region.ec2.add_vpc(cidr, false, call.ids);
    if let Some(vpc) = call.region.ec2.vpcs.get_mut(&id) {
        vpc.tags = tags::of_new(call.params, "vpc");
        let account = call.account;
        xml.element("vpc", |xml| write_vpc(xml, &id, vpc, account));
    }
    Ok(())
}

pub(super) fn check_vpc_cidr(cidr: &str) -> Result<(), ApiError> {
    if parse_cidr(cidr).is_some_and(|block| (16..=28).contains(&block.prefix_len())) {
        return Ok(());
    }
    let message = format!("The CIDR '{}' is invalid.", short(cidr));
    Err(ApiError::sender("InvalidVpc.Range", message))
}

pub(super) fn describe_vpcs(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("VpcId"), Filters::read(call.params));
    let paging = Paging::read(call, named("vpcIds", &ids))?;
    require_all("InvalidVpcID.NotFound", "vpc", &ids, |id| {
        call.region.ec2.vpcs.contains_key(id)
    })?;
    let mut listed = Vec::new();
    for (id, vpc) in &call.region.ec2.vpcs {
        let admitted = filters.admit(&vpc.tags, |name| match name {
            "vpc-id" => one(id),
            "cidr" | "cidr-block" | "cidr-block-association.cidr-block" => one(&vpc.cidr),
            "cidr-block-association.association-id" => one(cidr_association(id)),
            "cidr-block-association.state" => one("associated"),
            "dhcp-options-id" => one("default"),
            "is-default" | "isDefault" => one(vpc.is_default.to_string()),
            "state" => one("available"),
            "owner-id" => one(call.account),
            _ => absent(name, &WITHOUT_IPV6),
        })?;
        if admitted && (ids.is_empty() || ids.contains(id)) {
            listed.push((id, vpc));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("vpcSet", "item", listed, |xml, (id, vpc)| {
        write_vpc(xml, id, vpc, call.account);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

fn cidr_association(vpc_id: &str) -> String {
    vpc_id.replace("vpc-", "vpc-cidr-assoc-")
}

/// What neither VPCs nor subnets have here.
const WITHOUT_IPV6: [&str; 7] = [
    "customer-owned-ipv4-pool",
    "enable-lni-at-device-index",
    "ipv6-cidr-block-association.association-id",
    "ipv6-cidr-block-association.ipv6-cidr-block",
    "ipv6-cidr-block-association.ipv6-pool",
    "ipv6-cidr-block-association.state",
    "outpost-arn",
];

fn write_vpc(xml: &mut Xml, id: &str, vpc: &Vpc, account: &str) {
    xml.text("vpcId", id)
        .text("ownerId", account)
        .text("state", "available")
        .text("cidrBlock", &vpc.cidr);
    xml.items("cidrBlockAssociationSet", "item", [&vpc.cidr], |xml, cidr| {
        xml.text("associationId", &cidr_association(id)).text("cidrBlock", cidr);
        xml.element("cidrBlockState", |xml| {
            xml.text("state", "associated");
        });
    });
    xml.text("dhcpOptionsId", "default")
        .text("instanceTenancy", "default")
        .show("isDefault", vpc.is_default);
    tags::write(xml, &vpc.tags);
}

pub(super) fn describe_vpc_attribute(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "VpcId")?;
    let vpc = call
        .region
        .ec2
        .vpcs
        .get(id)
        .ok_or_else(|| not_found("InvalidVpcID.NotFound", "vpc", id))?;
    // Element names come from this list and not from the request.
    let (tag, value) = match required(call, "Attribute")? {
        "enableDnsSupport" => ("enableDnsSupport", true),
        "enableDnsHostnames" => ("enableDnsHostnames", vpc.dns_hostnames),
        "enableNetworkAddressUsageMetrics" => ("enableNetworkAddressUsageMetrics", false),
        other => {
            let message = format!("Value ({}) for parameter attribute is invalid.", short(other));
            return Err(ApiError::sender("InvalidParameterValue", message));
        }
    };
    xml.text("vpcId", id).element(tag, |xml| {
        xml.show("value", value);
    });
    Ok(())
}

pub(super) fn modify_vpc(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "VpcId")?;
    let vpc = call
        .region
        .ec2
        .vpcs
        .get_mut(id)
        .ok_or_else(|| not_found("InvalidVpcID.NotFound", "vpc", id))?;
    if let Some(enabled) = call
        .params
        .get("EnableDnsHostnames")
        .and_then(|value| value.bool("Value"))
    {
        vpc.dns_hostnames = enabled;
    }
    done(xml);
    Ok(())
}

pub(super) fn delete_vpc(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "VpcId")?;
    let ec2 = &mut call.region.ec2;
    if !ec2.vpcs.contains_key(id) {
        return Err(not_found("InvalidVpcID.NotFound", "vpc", id));
    }
    let used = ec2.subnets.values().any(|subnet| subnet.vpc_id == id)
        || ec2.has_internet_gateway(id)
        || ec2
            .security_groups
            .values()
            .any(|group| group.vpc_id == id && group.name != "default");
    if used {
        return Err(dependency(format!(
            "The vpc '{id}' has dependencies and cannot be deleted."
        )));
    }
    ec2.vpcs.remove(id);
    ec2.security_groups.retain(|_, group| group.vpc_id != id);
    ec2.route_tables.retain(|_, table| table.vpc_id != id);
    done(xml);
    Ok(())
}

pub(super) fn create_subnet(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (vpc_id, cidr) = (required(call, "VpcId")?, required(call, "CidrBlock")?);
    let zone = call.params.non_empty("AvailabilityZone");
    let subnet = Subnet {
        tags: tags::of_new(call.params, "subnet"),
        ..fit_subnet(&call.region.ec2, call.facts, vpc_id, cidr, zone)?
    };
    let id = call.ids.resource("subnet");
    xml.element("subnet", |xml| {
        write_subnet(xml, &id, &subnet, call.account, call.facts);
    });
    call.region.ec2.subnets.insert(id, subnet);
    Ok(())
}

/// A subnet that fits into its VPC, beside those that are there.
pub(super) fn fit_subnet(
    ec2: &Ec2,
    facts: &RegionFacts,
    vpc_id: &str,
    cidr: &str,
    zone: Option<&str>,
) -> Result<Subnet, ApiError> {
    let vpc = ec2
        .vpcs
        .get(vpc_id)
        .ok_or_else(|| not_found("InvalidVpcID.NotFound", "vpc", vpc_id))?;
    let (Some(block), Some(whole)) = (parse_cidr(cidr), parse_cidr(&vpc.cidr)) else {
        return Err(ApiError::sender("InvalidParameterValue", "The CIDR block is invalid."));
    };
    if block.prefix_len() > 28 || !whole.contains(&block) {
        return Err(ApiError::sender(
            "InvalidSubnet.Range",
            format!("The CIDR '{}' is invalid.", short(cidr)),
        ));
    }
    let conflicts =
        |other: &Subnet| other.vpc_id == vpc_id && parse_cidr(&other.cidr).is_some_and(|other| overlap(block, other));
    if ec2.subnets.values().any(conflicts) {
        let message = format!("The CIDR '{}' conflicts with another subnet", short(cidr));
        return Err(ApiError::sender("InvalidSubnet.Conflict", message));
    }
    let zone = match zone {
        Some(zone) if facts.has_zone(zone) || facts.local_zones().any(|local| local == zone) => zone.to_owned(),
        Some(zone) => {
            let message = format!("Value ({}) for parameter availabilityZone is invalid.", short(zone));
            return Err(ApiError::sender("InvalidParameterValue", message));
        }
        None => facts.zone_names().next().unwrap_or_default(),
    };
    Ok(Subnet::new(vpc_id, zone, cidr.to_owned()))
}

/// The VPC of that id, or the default one when none is named.
pub(super) fn default_or_named_vpc(ec2: &Ec2, id: Option<&str>) -> Result<String, ApiError> {
    match id {
        Some(id) if ec2.vpcs.contains_key(id) => Ok(id.to_owned()),
        Some(id) => Err(not_found("InvalidVpcID.NotFound", "vpc", id)),
        None => ec2
            .default_vpc_id()
            .map(str::to_owned)
            .ok_or_else(|| ApiError::sender("VPCIdNotSpecified", "No default VPC for this user")),
    }
}

pub(super) fn describe_subnets(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("SubnetId"), Filters::read(call.params));
    let paging = Paging::read(call, named("subnetIds", &ids))?;
    require_all("InvalidSubnetID.NotFound", "subnet", &ids, |id| {
        call.region.ec2.subnets.contains_key(id)
    })?;
    let mut listed = Vec::new();
    for (id, subnet) in &call.region.ec2.subnets {
        let admitted = filters.admit(&subnet.tags, |name| match name {
            "subnet-id" => one(id),
            "vpc-id" => one(&subnet.vpc_id),
            "availability-zone" | "availabilityZone" => one(&subnet.zone),
            "availability-zone-id" | "availabilityZoneId" => one(catalog::zone_id(call.facts.name, &subnet.zone)),
            "available-ip-address-count" => one(subnet.free_addresses().to_string()),
            "subnet-arn" => one(subnet_arn(id, call.account, call.facts)),
            "cidr" | "cidr-block" | "cidrBlock" => one(&subnet.cidr),
            "default-for-az" | "defaultForAz" => one(subnet.default_for_zone.to_string()),
            "map-public-ip-on-launch" => one(subnet.public_ip_on_launch.to_string()),
            "state" => one("available"),
            "owner-id" => one(call.account),
            "private-dns-name-options-on-launch.hostname-type" => one("ip-name"),
            "enable-dns64"
            | "ipv6-native"
            | "map-customer-owned-ip-on-launch"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-a-record"
            | "private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record" => one("false"),
            _ => absent(name, &WITHOUT_IPV6),
        })?;
        if admitted && (ids.is_empty() || ids.contains(id)) {
            listed.push((id, subnet));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("subnetSet", "item", listed, |xml, (id, subnet)| {
        write_subnet(xml, id, subnet, call.account, call.facts);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

fn subnet_arn(id: &str, account: &str, facts: &RegionFacts) -> String {
    format!("arn:{}:ec2:{}:{account}:subnet/{id}", facts.partition(), facts.name)
}

fn write_subnet(xml: &mut Xml, id: &str, subnet: &Subnet, account: &str, facts: &RegionFacts) {
    xml.text("subnetId", id)
        .text("subnetArn", &subnet_arn(id, account, facts))
        .text("state", "available")
        .text("ownerId", account)
        .text("vpcId", &subnet.vpc_id)
        .text("cidrBlock", &subnet.cidr)
        .show("availableIpAddressCount", subnet.free_addresses())
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", &catalog::zone_id(facts.name, &subnet.zone))
        .show("defaultForAz", subnet.default_for_zone)
        .show("mapPublicIpOnLaunch", subnet.public_ip_on_launch)
        .show("assignIpv6AddressOnCreation", false)
        .show("mapCustomerOwnedIpOnLaunch", false)
        .show("ipv6Native", false);
    xml.items("ipv6CidrBlockAssociationSet", "item", [(); 0], |_, ()| {});
    tags::write(xml, &subnet.tags);
}

pub(super) fn modify_subnet(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "SubnetId")?;
    let subnets = &mut call.region.ec2.subnets;
    let subnet = subnets
        .get_mut(id)
        .ok_or_else(|| not_found("InvalidSubnetID.NotFound", "subnet", id))?;
    if let Some(enabled) = call
        .params
        .get("MapPublicIpOnLaunch")
        .and_then(|value| value.bool("Value"))
    {
        subnet.public_ip_on_launch = enabled;
    }
    done(xml);
    Ok(())
}

pub(super) fn delete_subnet(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "SubnetId")?;
    if !call.region.ec2.subnets.contains_key(id) {
        return Err(not_found("InvalidSubnetID.NotFound", "subnet", id));
    }
    let used = call
        .region
        .elb
        .iter()
        .any(|balancer| balancer.subnets().any(|subnet| subnet == id))
        || call
            .region
            .elb
            .departed(call.now)
            .any(|it| it.placement.values().any(|subnet| subnet == id))
        || call
            .region
            .ec2
            .instances
            .values()
            .any(|instance| instance.subnet_id == id && !instance.is_gone());
    if used {
        return Err(dependency(format!(
            "The subnet '{id}' has dependencies and cannot be deleted."
        )));
    }
    call.region.ec2.subnets.remove(id);
    for table in call.region.ec2.route_tables.values_mut() {
        table.associations.retain(|_, subnet| subnet.as_deref() != Some(id));
    }
    done(xml);
    Ok(())
}

pub(super) fn dependency(message: String) -> ApiError {
    ApiError::sender("DependencyViolation", message)
}
