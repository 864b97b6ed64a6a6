//! VPCs, subnets and Internet gateways.

use super::filter::{Filters, one};
use super::paging::{Paging, write_token};
use super::state::{Gateway, Subnet, parse_cidr};
use super::{Vpc, done, named, not_found, require_all, required, tags};
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};
use crate::world::Call;

pub(super) fn create_vpc(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let cidr = required(call, "CidrBlock")?;
    if parse_cidr(cidr).is_none_or(|(_, prefix)| !(16..=28).contains(&prefix)) {
        let message = format!("The CIDR '{}' is invalid.", short(cidr));
        return Err(ApiError::sender("InvalidVpc.Range", message));
    }
    let id = call.region.ec2.add_vpc(cidr, false, call.ids);
    if let Some(vpc) = call.region.ec2.vpcs.get_mut(&id) {
        vpc.tags = tags::of_new(call.params, "vpc");
        let account = call.account;
        xml.element("vpc", |xml| write_vpc(xml, &id, vpc, account));
    }
    Ok(())
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
            "is-default" | "isDefault" => one(vpc.is_default.to_string()),
            "state" => one("available"),
            "owner-id" => one(call.account),
            _ => None,
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

fn write_vpc(xml: &mut Xml, id: &str, vpc: &Vpc, account: &str) {
    xml.text("vpcId", id)
        .text("ownerId", account)
        .text("state", "available")
        .text("cidrBlock", &vpc.cidr);
    xml.items("cidrBlockAssociationSet", "item", [&vpc.cidr], |xml, cidr| {
        xml.text("associationId", &id.replace("vpc-", "vpc-cidr-assoc-"))
            .text("cidrBlock", cidr);
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
    let ec2 = &mut call.region.ec2;
    let vpc = ec2
        .vpcs
        .get(vpc_id)
        .ok_or_else(|| not_found("InvalidVpcID.NotFound", "vpc", vpc_id))?;
    let (Some((base, prefix)), Some((vpc_base, vpc_prefix))) = (parse_cidr(cidr), parse_cidr(&vpc.cidr)) else {
        return Err(ApiError::sender("InvalidParameterValue", "The CIDR block is invalid."));
    };
    let inside = prefix >= vpc_prefix && prefix <= 28 && (base ^ vpc_base).leading_zeros() >= u32::from(vpc_prefix);
    if !inside {
        return Err(ApiError::sender(
            "InvalidSubnet.Range",
            format!("The CIDR '{cidr}' is invalid."),
        ));
    }
    let overlaps = |other: &Subnet| {
        let (other_base, other_prefix) = parse_cidr(&other.cidr).unwrap_or_default();
        other.vpc_id == vpc_id && (base ^ other_base).leading_zeros() >= u32::from(prefix.min(other_prefix))
    };
    if ec2.subnets.values().any(overlaps) {
        let message = format!("The CIDR '{cidr}' conflicts with another subnet");
        return Err(ApiError::sender("InvalidSubnet.Conflict", message));
    }
    let zone = match call.params.non_empty("AvailabilityZone") {
        Some(zone) if call.facts.has_zone(zone) || call.facts.local_zones().any(|local| local == zone) => {
            zone.to_owned()
        }
        Some(zone) => {
            let message = format!("Value ({}) for parameter availabilityZone is invalid.", short(zone));
            return Err(ApiError::sender("InvalidParameterValue", message));
        }
        None => call.facts.zone_names().next().unwrap_or_default(),
    };
    let subnet = Subnet {
        tags: tags::of_new(call.params, "subnet"),
        ..Subnet::new(vpc_id, zone, cidr.to_owned())
    };
    let id = call.ids.resource("subnet");
    xml.element("subnet", |xml| {
        write_subnet(xml, &id, &subnet, call.account, call.facts);
    });
    ec2.subnets.insert(id, subnet);
    Ok(())
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
            "availability-zone-id" | "availabilityZoneId" => {
                one(super::catalog::zone_id(call.facts.name, &subnet.zone))
            }
            "available-ip-address-count" => one(subnet.free_addresses().to_string()),
            "subnet-arn" => one(subnet_arn(id, call.account, call.facts)),
            "cidr" | "cidr-block" | "cidrBlock" => one(&subnet.cidr),
            "default-for-az" | "defaultForAz" => one(subnet.default_for_zone.to_string()),
            "map-public-ip-on-launch" => one(subnet.public_ip_on_launch.to_string()),
            "state" => one("available"),
            "owner-id" => one(call.account),
            _ => None,
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

fn subnet_arn(id: &str, account: &str, facts: &crate::region::RegionFacts) -> String {
    format!("arn:{}:ec2:{}:{account}:subnet/{id}", facts.partition(), facts.name)
}

fn write_subnet(xml: &mut Xml, id: &str, subnet: &Subnet, account: &str, facts: &crate::region::RegionFacts) {
    xml.text("subnetId", id)
        .text("subnetArn", &subnet_arn(id, account, facts))
        .text("state", "available")
        .text("ownerId", account)
        .text("vpcId", &subnet.vpc_id)
        .text("cidrBlock", &subnet.cidr)
        .show("availableIpAddressCount", subnet.free_addresses())
        .text("availabilityZone", &subnet.zone)
        .text("availabilityZoneId", &super::catalog::zone_id(facts.name, &subnet.zone))
        .show("defaultForAz", subnet.default_for_zone)
        .show("mapPublicIpOnLaunch", subnet.public_ip_on_launch)
        .show("assignIpv6AddressOnCreation", false);
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

pub(super) fn create_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = call.ids.resource("igw");
    let gateway = Gateway {
        vpc_id: None,
        tags: tags::of_new(call.params, "internet-gateway"),
    };
    xml.element("internetGateway", |xml| write_gateway(xml, &id, &gateway, call.account));
    call.region.ec2.gateways.insert(id, gateway);
    Ok(())
}

pub(super) fn attach_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let ec2 = &mut call.region.ec2;
    if !ec2.vpcs.contains_key(vpc_id) {
        return Err(not_found("InvalidVpcID.NotFound", "vpc", vpc_id));
    }
    let taken = ec2.has_internet_gateway(vpc_id);
    let gateway = ec2.gateways.get_mut(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.is_some() || taken {
        let message = format!("resource {id} is already attached to network {vpc_id}");
        return Err(ApiError::sender("Resource.AlreadyAssociated", message));
    }
    gateway.vpc_id = Some(vpc_id.to_owned());
    done(xml);
    Ok(())
}

pub(super) fn detach_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (id, vpc_id) = (required(call, "InternetGatewayId")?, required(call, "VpcId")?);
    let gateway = call.region.ec2.gateways.get_mut(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.as_deref() != Some(vpc_id) {
        let message = format!("resource {id} is not attached to network {}", short(vpc_id));
        return Err(ApiError::sender("Gateway.NotAttached", message));
    }
    gateway.vpc_id = None;
    done(xml);
    Ok(())
}

pub(super) fn delete_gateway(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = required(call, "InternetGatewayId")?;
    let gateway = call.region.ec2.gateways.get(id).ok_or_else(|| no_gateway(id))?;
    if gateway.vpc_id.is_some() {
        return Err(dependency(format!(
            "The internetGateway '{id}' has dependencies and cannot be deleted."
        )));
    }
    call.region.ec2.gateways.remove(id);
    done(xml);
    Ok(())
}

pub(super) fn describe_gateways(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("InternetGatewayId"), Filters::read(call.params));
    let paging = Paging::read(call, named("internetGatewayIds", &ids))?;
    require_all("InvalidInternetGatewayID.NotFound", "internetGateway", &ids, |id| {
        call.region.ec2.gateways.contains_key(id)
    })?;
    let mut listed = Vec::new();
    for (id, gateway) in &call.region.ec2.gateways {
        let admitted = filters.admit(&gateway.tags, |name| match name {
            "internet-gateway-id" => one(id),
            "attachment.vpc-id" => Some(gateway.vpc_id.iter().cloned().collect()),
            "attachment.state" => Some(gateway.vpc_id.iter().map(|_| "available".to_owned()).collect()),
            "owner-id" => one(call.account),
            _ => None,
        })?;
        if admitted && (ids.is_empty() || ids.contains(id)) {
            listed.push((id, gateway));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("internetGatewaySet", "item", listed, |xml, (id, gateway)| {
        write_gateway(xml, id, gateway, call.account);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

fn write_gateway(xml: &mut Xml, id: &str, gateway: &Gateway, account: &str) {
    xml.text("internetGatewayId", id).text("ownerId", account);
    xml.items("attachmentSet", "item", &gateway.vpc_id, |xml, vpc_id| {
        xml.text("vpcId", vpc_id).text("state", "available");
    });
    tags::write(xml, &gateway.tags);
}

fn no_gateway(id: &str) -> ApiError {
    not_found("InvalidInternetGatewayID.NotFound", "internetGateway", id)
}

pub(super) fn dependency(message: String) -> ApiError {
    ApiError::sender("DependencyViolation", message)
}
