//! Subnets, VPCs and security groups.

use crate::api::reason::{self, AWS_CODE};

messages! { NETWORK:
    fn not_for_balancers(field, subnet, zone) [reason::INVALID]
        "{field}: {subnet} is in {zone}: Classic load balancers cannot be in Local Zones, Wavelength Zones or on \
         Outposts; take it out";
    fn subnet_of_another_vpc(field, subnet, vpc, vpc_of_the_balancer) [reason::INVALID]
        "{field}: {subnet} is in {vpc}, but the load balancer is in {vpc_of_the_balancer} and cannot move to another \
         VPC: give subnets of its VPC, or set spec.replacement to BlueGreen to have one in {vpc} take its place";
    fn zones_of_another_vpc(name, vpc, zones) [reason::INVALID]
        "spec.availabilityZones: the load balancer {name} is in {vpc}, and AWS takes zones in the default VPC alone: give the \
         zones that it is in ({zones}), or delete this object, which leaves a load balancer that was not made for it alone, \
         and make it again with spec.subnets";
    fn zones_of_the_default_vpc(name, vpc, zones) [reason::INVALID]
        "spec.availabilityZones: the load balancer {name} is in {vpc}, and AWS takes zones in the default VPC alone: give the \
         zones that it is in ({zones}), or set spec.replacement to BlueGreen to have one in the default VPC take its place";
    fn zone_without_subnet(zone, region, zones) [reason::INVALID]
        "spec.availabilityZones: {zone} is no zone of {region} that has a default subnet: name some of {zones}, or give \
         spec.subnets";
    fn several_vpcs(field, subnets) [reason::INVALID]
        "{field}: all subnets must be of one VPC, but {subnets}: take the others out";
    part subnet_in_vpc(subnet, vpc) [reason::INVALID] "{subnet} is in {vpc}";
    fn same_zone(field, subnet, other_subnet, zone) [reason::INVALID]
        "{field}: at most one subnet of each Availability Zone can be given, but {subnet} and {other_subnet} are both in \
         {zone}: take one of them out";
    fn same_zone_says_aws(message_of_aws) [reason::INVALID]
        "spec.subnets: at most one subnet of each Availability Zone can be given: {message_of_aws}";
    fn another_vpc_selected(field, vpc_of_the_balancer, vpc) [reason::INVALID]
        "{field}.vpcId: the load balancer is in {vpc_of_the_balancer} and cannot move to {vpc}: set it back, or set \
         spec.replacement to BlueGreen to have one in {vpc} take its place";

    fn no_such_subnets(field, ids) [reason::SUBNET_NOT_FOUND]
        "{field}: not in this account and region: {ids}; correct the ids, or create the subnets";
    fn none_of_the_subnets() [reason::SUBNET_NOT_FOUND]
        "spec.subnets: none of them is in this account and region: correct the ids, or create the subnets";
    fn no_tagged_subnet(field, place) [reason::SUBNET_NOT_FOUND]
        "{field}: no subnet in {place} has all the tags and lies in an Availability Zone: correct the tags, or tag the \
         subnets";
    fn no_public_subnet(field, count) [reason::SUBNET_NOT_FOUND]
        "{field}: {count} subnets have the tags, but none of them is public, that is, has a route to an Internet gateway: \
         correct the route tables, the tags or the role";
    fn no_private_subnet(field, count) [reason::SUBNET_NOT_FOUND]
        "{field}: {count} subnets have the tags, but none of them is private, that is, has no route to an Internet \
         gateway: correct the route tables, the tags or the role";
    fn no_default_vpc() [reason::VPC_NOT_FOUND]
        "spec.availabilityZones: the region has no default VPC, which load balancers that name zones are made in: \
         name subnets instead";
    fn subnets_of_several_vpcs(field, vpcs) [reason::AMBIGUOUS_VPC]
        "{field}: subnets of several VPCs match ({vpcs}): set {field}.vpcId to one of them";
    fn groups_of_several_vpcs(field, vpcs) [reason::AMBIGUOUS_VPC]
        "{field}: groups of several VPCs match ({vpcs}), and which one the load balancer will be in cannot be told: \
         give the ids in spec.securityGroups";
    part subnets_not_found(ids) [reason::REPLACING] "not in this account and region: {ids}";
    part of_several_vpcs(vpcs) [reason::REPLACING] "what it names is of several VPCs ({vpcs})";
    part account_not_entered() [reason::REPLACING] "the account does not let this object in";
    fn no_tagged_group(field, vpc) [reason::SECURITY_GROUP_NOT_FOUND]
        "{field}.tags: no security group in {vpc} has all these tags: correct them, or tag the groups";
    part any_vpc() [reason::SECURITY_GROUP_NOT_FOUND] "any VPC";
    fn no_named_group(field, vpc, names) [reason::SECURITY_GROUP_NOT_FOUND]
        "{field}.names: no security group in {vpc} has the name {names}: create it, or correct the name";

    fn not_enough_addresses(field, count, subnets) [reason::NOT_ENOUGH_ADDRESSES]
        "{field}: fewer than {count} addresses are free in {subnets}: free some, or take other subnets";
    fn only_subnet_not_found(field) [reason::NEEDS_TEMPORARY_SUBNET]
        "{field}: the subnet that is attached now was not found, so none can be borrowed to exchange it: attach a subnet of \
         another zone yourself";
    fn may_borrow(field, subnet, only_subnet, zone) [reason::NEEDS_TEMPORARY_SUBNET]
        "{field}: {subnet} shall take the place of {only_subnet}, the only subnet and of the same Availability Zone \
         {zone}, and a load balancer has at least one subnet and one of each zone: set spec.allowTemporarySubnet to \
         true to let the operator attach a subnet of another zone for a moment, or add one yourself";
    fn none_to_borrow(field, subnet, only_subnet, zone, vpc) [reason::NEEDS_TEMPORARY_SUBNET]
        "{field}: {subnet} shall take the place of {only_subnet}, the only subnet and of the same Availability Zone \
         {zone}, and a load balancer has at least one subnet and one of each zone: no other zone of {vpc} has a \
         subnet with room to borrow: create one";

    under network_not_looked_up(field, message_of_aws) [AWS_CODE] "{field} cannot be looked up: {message_of_aws}";
    under network_not_permitted(field, message_of_aws, operation) [AWS_CODE]
        "{field} cannot be looked up: {message_of_aws}; give the operator's IAM role the permission ec2:{operation}";
}
