//! What seeds put into EC2, with ids of their choosing and by the rules of the ordinary calls.

use ipnet::Ipv4Net;

use super::addresses::{overlap, parse_cidr, usable_addresses};
use super::network::{check_vpc_cidr, default_or_named_vpc, fit_subnet};
use super::routes::new_table;
use super::state::{Ec2, Gateway, Route, Subnet, Tags};
use crate::call::Call;
use crate::ids::Ids;
use crate::wire::ApiError;

/// A subnet as a seed asks for it.
#[derive(Debug)]
pub(crate) struct NewSubnet<'s> {
    pub(crate) vpc_id: Option<&'s str>,
    pub(crate) zone: Option<&'s str>,
    pub(crate) cidr: Option<&'s str>,
    pub(crate) public: Option<bool>,
    /// How many addresses are to be left.
    pub(crate) available: Option<u32>,
    pub(crate) tags: Tags,
}

/// The destination that leads out of a VPC.
const ANYWHERE: &str = "0.0.0.0/0";

fn taken(id: &str) -> ApiError {
    ApiError::validation(format!("{id} is there already"))
}

pub(crate) fn plant_vpc(
    call: &mut Call<'_>,
    id: &str,
    cidr: &str,
    with_gateway: bool,
    tags: Tags,
) -> Result<(), ApiError> {
    let ec2 = &mut call.region.ec2;
    if ec2.vpcs.contains_key(id) {
        return Err(taken(id));
    }
    check_vpc_cidr(cidr)?;
    ec2.add_vpc_as(id, cidr, false, call.ids);
    if let Some(vpc) = ec2.vpcs.get_mut(id) {
        vpc.tags = tags;
    }
    if with_gateway {
        gateway_of(ec2, call.ids, id);
    }
    Ok(())
}

pub(crate) fn plant_group(
    call: &mut Call<'_>,
    id: &str,
    vpc_id: Option<&str>,
    (name, description): (&str, &str),
    tags: Tags,
) -> Result<(), ApiError> {
    let vpc_id = default_or_named_vpc(&call.region.ec2, vpc_id)?;
    let ec2 = &mut call.region.ec2;
    if ec2.security_groups.contains_key(id) {
        return Err(taken(id));
    }
    if name.is_empty() || ec2.group_named(&vpc_id, name).is_some() {
        let message = format!("the name '{name}' is taken or empty");
        return Err(ApiError::validation(message));
    }
    ec2.add_group_as(id, &vpc_id, name, description);
    if let Some(group) = ec2.security_groups.get_mut(id) {
        group.tags = tags;
    }
    Ok(())
}

pub(crate) fn plant_subnet(call: &mut Call<'_>, id: &str, new: NewSubnet<'_>) -> Result<(), ApiError> {
    if call.region.ec2.subnets.contains_key(id) {
        return Err(taken(id));
    }
    let vpc_id = default_or_named_vpc(&call.region.ec2, new.vpc_id)?;
    let cidr = match new.cidr {
        Some(cidr) => cidr.to_owned(),
        None => free_block(&call.region.ec2, &vpc_id)?,
    };
    let fitting = fit_subnet(&call.region.ec2, call.facts, &vpc_id, &cidr, new.zone)?;
    let usable = usable_addresses(&cidr);
    let available = new.available.unwrap_or(usable);
    if available > usable {
        let message = format!("{available} addresses cannot be free in {cidr}: it has {usable}");
        return Err(ApiError::validation(message));
    }
    let subnet = Subnet {
        public_ip_on_launch: new.public == Some(true),
        reserved: usable - available,
        tags: new.tags,
        ..fitting
    };
    call.region.ec2.subnets.insert(id.to_owned(), subnet);
    if let Some(public) = new.public {
        lead(&mut call.region.ec2, call.ids, id, &vpc_id, public);
    }
    Ok(())
}

/// The next block of 256 addresses that no subnet of the VPC touches.
fn free_block(ec2: &Ec2, vpc_id: &str) -> Result<String, ApiError> {
    let vpc = ec2.vpcs.get(vpc_id).and_then(|vpc| parse_cidr(&vpc.cidr));
    let used: Vec<Ipv4Net> = ec2
        .subnets
        .values()
        .filter(|subnet| subnet.vpc_id == vpc_id)
        .filter_map(|subnet| parse_cidr(&subnet.cidr))
        .collect();
    vpc.and_then(|vpc| vpc.subnets(24).ok())
        .into_iter()
        .flatten()
        .find(|block| !used.iter().any(|other| overlap(*block, *other)))
        .map(|block| block.to_string())
        .ok_or_else(|| ApiError::validation(format!("{vpc_id} has no room for another subnet: give its cidrBlock")))
}

/// Gives a subnet a route table that leads out, or one that does not, unless its VPC's main one is such.
fn lead(ec2: &mut Ec2, ids: &mut Ids, subnet_id: &str, vpc_id: &str, public: bool) {
    let gateway = if public {
        Some(gateway_of(ec2, ids, vpc_id))
    } else {
        None
    };
    let leads_out = |routes: &[Route]| {
        routes
            .iter()
            .any(|route| route.destination == ANYWHERE && route.target.starts_with("igw-"))
    };
    let fitting = |ec2: &Ec2, main: bool| {
        let mut tables = ec2.route_tables.iter();
        tables
            .find(|(_, it)| it.vpc_id == vpc_id && it.main == main && leads_out(&it.routes) == public)
            .map(|(id, _)| id.clone())
    };
    if fitting(ec2, true).is_some() {
        return;
    }
    let id = fitting(ec2, false).unwrap_or_else(|| {
        let id = ids.resource("rtb");
        let out = gateway.map(|target| Route {
            destination: ANYWHERE.to_owned(),
            target,
        });
        let mut table = new_table(ec2, vpc_id);
        table.routes.extend(out);
        ec2.route_tables.insert(id.clone(), table);
        id
    });
    if let Some(table) = ec2.route_tables.get_mut(&id) {
        table
            .associations
            .insert(ids.resource("rtbassoc"), Some(subnet_id.to_owned()));
    }
}

/// The Internet gateway of a VPC, made where there is none.
fn gateway_of(ec2: &mut Ec2, ids: &mut Ids, vpc_id: &str) -> String {
    let mut gateways = ec2.gateways.iter();
    let found = gateways
        .find(|(_, gateway)| gateway.vpc_id.as_deref() == Some(vpc_id))
        .map(|(id, _)| id.clone());
    found.unwrap_or_else(|| {
        let id = ids.resource("igw");
        let gateway = Gateway {
            vpc_id: Some(vpc_id.to_owned()),
            tags: Tags::new(),
        };
        ec2.gateways.insert(id.clone(), gateway);
        id
    })
}
