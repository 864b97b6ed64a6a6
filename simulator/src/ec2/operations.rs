//! The operations of EC2.

use super::{catalog, gateways, groups, images, instances, interfaces, listing, network, routes, rules, tags};
use crate::call::Call;
use crate::wire::{ApiError, Service, Table, Xml};

/// Writes what a reply holds besides its request id.
type Handler = fn(&mut Call<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Ec2,
    &[
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
        ("DescribeImages", images::describe),
        ("DescribeInstanceAttribute", listing::describe_attribute),
        ("DescribeInstanceStatus", listing::describe_status),
        ("DescribeInstanceTypes", catalog::instance_types),
        ("DescribeInstances", listing::describe),
        ("DescribeInternetGateways", gateways::describe_gateways),
        ("DescribeNetworkInterfaces", interfaces::describe),
        ("DescribeRegions", catalog::regions),
        ("DescribeRouteTables", routes::describe),
        ("DescribeSecurityGroupRules", rules::describe),
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
    ],
);

/// Answers a request with what its reply holds besides the request id.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS.find(operation)?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}
