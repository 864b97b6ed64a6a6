//! EC2 as far as users of Classic load balancers need it.

use crate::wire::{ApiError, Xml};
use crate::world::Call;

mod addresses;
mod answers;
mod catalog;
mod filter;
mod gateways;
mod groups;
mod instances;
mod interfaces;
mod listing;
mod network;
mod paging;
mod plant;
mod routes;
mod state;
mod tags;

pub(crate) use answers::HealthAnswer;
pub(crate) use instances::{Launch, launch, terminate};
pub(crate) use plant::{NewSubnet, plant_group, plant_subnet, plant_vpc};
pub(crate) use state::{Ec2, Instance, InstanceState, Phase, Route, SecurityGroup, Subnet, Vpc};

/// The namespace of replies.
pub(crate) const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// Writes what a reply holds besides its request id.
type Handler = fn(&mut Call<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: [(&str, Handler); 50] = [
    ("AssociateRouteTable", routes::associate),
    ("AttachInternetGateway", gateways::attach_gateway),
    ("AuthorizeSecurityGroupEgress", groups::authorize_egress),
    ("AuthorizeSecurityGroupIngress", groups::authorize_ingress),
    ("CreateInternetGateway", gateways::create_gateway),
    ("CreateRoute", routes::create_route),
    ("CreateRouteTable", routes::create),
    ("CreateSecurityGroup", groups::create),
    ("CreateSubnet", network::create_subnet),
    ("CreateTags", tags::create),
    ("CreateVpc", network::create_vpc),
    ("DeleteInternetGateway", gateways::delete_gateway),
    ("DeleteRoute", routes::delete_route),
    ("DeleteRouteTable", routes::delete),
    ("DeleteSecurityGroup", groups::delete),
    ("DeleteSubnet", network::delete_subnet),
    ("DeleteTags", tags::delete),
    ("DeleteVpc", network::delete_vpc),
    ("DescribeAccountAttributes", catalog::account_attributes),
    ("DescribeAvailabilityZones", catalog::availability_zones),
    ("DescribeImages", catalog::images),
    ("DescribeInstanceAttribute", listing::describe_attribute),
    ("DescribeInstanceStatus", listing::describe_status),
    ("DescribeInstanceTypes", catalog::instance_types),
    ("DescribeInstances", listing::describe),
    ("DescribeInternetGateways", gateways::describe_gateways),
    ("DescribeNetworkInterfaces", interfaces::describe),
    ("DescribeRegions", catalog::regions),
    ("DescribeRouteTables", routes::describe),
    ("DescribeSecurityGroupRules", groups::describe_rules),
    ("DescribeSecurityGroups", groups::describe),
    ("DescribeSubnets", network::describe_subnets),
    ("DescribeTags", tags::describe),
    ("DescribeVpcAttribute", network::describe_vpc_attribute),
    ("DescribeVpcs", network::describe_vpcs),
    ("DetachInternetGateway", gateways::detach_gateway),
    ("DisassociateRouteTable", routes::disassociate),
    ("ModifyInstanceAttribute", instances::modify_attribute),
    ("ModifySubnetAttribute", network::modify_subnet),
    ("ModifyVpcAttribute", network::modify_vpc),
    ("RebootInstances", instances::reboot),
    ("ReplaceRoute", routes::create_route),
    ("ReplaceRouteTableAssociation", routes::replace_association),
    ("RevokeSecurityGroupEgress", groups::revoke_egress),
    ("RevokeSecurityGroupIngress", groups::revoke_ingress),
    ("RunInstances", instances::run),
    ("StartInstances", instances::start),
    ("StopInstances", instances::stop),
    ("TerminateInstances", instances::terminate_named),
    ("UnmonitorInstances", instances::unmonitor),
];

/// Answers a request with what its reply holds besides the request id.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS
        .binary_search_by_key(&operation, |(name, _)| *name)
        .ok()
        .and_then(|index| OPERATIONS.get(index))
        .map(|(_, handler)| handler)
        .ok_or_else(|| {
            let shown = crate::wire::params::short(operation);
            ApiError::sender(
                "InvalidAction",
                format!("The action {shown} is not valid for this web service."),
            )
        })?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}

/// The error for an id of which there is nothing, in the form all EC2 resources share.
fn not_found(code: &'static str, kind: &str, id: &str) -> ApiError {
    none_of(code, kind, &[id])
}

/// The same for several, which AWS names together.
fn none_of(code: &'static str, kind: &str, ids: &[&str]) -> ApiError {
    let shown: Vec<String> = ids.iter().map(|id| crate::wire::params::short(id)).collect();
    let (ending, verb) = if ids.len() == 1 { ("", "does") } else { ("s", "do") };
    let shown = crate::wire::params::shorter(&shown.join(", "), 2000);
    ApiError::sender(code, format!("The {kind} ID{ending} '{shown}' {verb} not exist"))
}

/// Refuses a request that names what does not exist.
fn require_all(code: &'static str, kind: &str, ids: &[String], exists: impl Fn(&str) -> bool) -> Result<(), ApiError> {
    let unknown: Vec<&str> = ids.iter().map(String::as_str).filter(|id| !exists(id)).collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(none_of(code, kind, &unknown))
    }
}

/// The name of a request's list of ids, for [`paging::Paging`], when there is any in it.
fn named<'n>(set: &'n str, ids: &[String]) -> Option<&'n str> {
    (!ids.is_empty()).then_some(set)
}

/// The error for a required parameter that is absent.
fn missing(name: &str) -> ApiError {
    ApiError::sender(
        "MissingParameter",
        format!("The request must contain the parameter {name}"),
    )
}

/// A required parameter, or EC2's error for its absence.
fn required<'p>(call: &Call<'p>, name: &str) -> Result<&'p str, ApiError> {
    call.params.non_empty(name).ok_or_else(|| missing(name))
}

/// Most changes answer only this.
fn done(xml: &mut Xml) {
    xml.show("return", true);
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_dispatch_tables_are_sorted() {
        assert!(super::OPERATIONS.is_sorted_by_key(|(name, _)| *name));
    }
}
