//! Zones, subnets and security groups of a balancer.

use std::collections::BTreeMap;
use std::time::Duration;

use super::request::invalid_configuration;
use super::state::LoadBalancer;
use crate::call::Call;
use crate::clock::Timestamp;
use crate::ec2::state::Subnet;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn attach_subnets(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let subnets = call.params.strings("Subnets");
    call.edit(|balancer, call| {
        let known = balancer.placement.values().cloned().collect::<Vec<_>>();
        let mut all = known.clone();
        all.extend(subnets.into_iter().filter(|subnet| !known.contains(subnet)));
        let (placement, _) = of_subnets(call, &all)?;
        check_settled(balancer, &placement, call.now)?;
        check_room(call, placement.values().filter(|subnet| !known.contains(subnet)))?;
        for (zone, subnet) in placement {
            balancer.enter(zone, subnet, call.now);
        }
        xml.strings("Subnets", balancer.subnets());
        Ok(())
    })
}

pub(super) fn detach_subnets(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let subnets = call.params.strings("Subnets");
    call.edit(|balancer, call| {
        let zones: Vec<String> = balancer
            .placement
            .iter()
            .filter(|(_, subnet)| subnets.contains(subnet))
            .map(|(zone, _)| zone.clone())
            .collect();
        let before = balancer.placement.clone();
        leave_zones(balancer, &zones, call.now, call.settings.timing.draining).map_err(|()| {
            invalid_configuration("All subnets cannot be detached: a load balancer needs at least one subnet.")
        })?;
        let until = call.now.plus(call.settings.timing.settling);
        if until > call.now {
            let left = before.into_iter().filter(|(zone, _)| zones.contains(zone));
            balancer
                .leaving_subnets
                .extend(left.map(|(zone, subnet)| (zone, (subnet, until))));
        }
        xml.strings("Subnets", balancer.subnets());
        Ok(())
    })
}

pub(super) fn enable_zones(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let zones = call.params.strings("AvailabilityZones");
    call.edit(|balancer, call| {
        let (added, vpc_id) = of_zones(call, &zones)?;
        if vpc_id != balancer.vpc_id {
            return Err(not_in_default_vpc(&balancer.name));
        }
        for (zone, subnet) in added {
            balancer.enter(zone, subnet, call.now);
        }
        xml.strings("AvailabilityZones", balancer.zones());
        Ok(())
    })
}

pub(super) fn disable_zones(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let zones = call.params.strings("AvailabilityZones");
    call.edit(|balancer, call| {
        if call.region.ec2.default_vpc_id() != Some(balancer.vpc_id.as_str()) {
            return Err(not_in_default_vpc(&balancer.name));
        }
        check_zones(call, &zones)?;
        leave_zones(balancer, &zones, call.now, call.settings.timing.draining).map_err(|()| {
            invalid_configuration("All Availability Zones cannot be disabled: a load balancer needs at least one.")
        })?;
        xml.strings("AvailabilityZones", balancer.zones());
        Ok(())
    })
}

pub(super) fn apply_security_groups(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let mut groups = call.params.strings("SecurityGroups");
    groups.dedup();
    call.edit(|balancer, call| {
        if groups.is_empty() {
            return Err(invalid_configuration(
                "A load balancer in a VPC needs at least one security group.",
            ));
        }
        check_security_groups(call, &groups, &balancer.vpc_id)?;
        xml.strings("SecurityGroups", groups.iter().map(String::as_str));
        balancer.security_groups = groups;
        Ok(())
    })
}

/// The default subnets of zones, which is what a balancer made by zone gets, and their VPC.
pub(super) fn of_zones(call: &Call<'_>, zones: &[String]) -> Result<(BTreeMap<String, String>, String), ApiError> {
    check_zones(call, zones)?;
    let vpc_id = call
        .region
        .ec2
        .default_vpc_id()
        .ok_or_else(|| invalid_configuration("Default VPC not found"))?;
    let mut placement = BTreeMap::new();
    for zone in zones {
        let subnet =
            call.region.ec2.default_subnet(zone).ok_or_else(|| {
                invalid_configuration(format!("Default subnet not found in Availability Zone {zone}"))
            })?;
        placement.insert(zone.clone(), subnet.to_owned());
    }
    Ok((placement, vpc_id.to_owned()))
}

/// Zones of subnets, of which there may be one in each, and the VPC they share.
pub(super) fn of_subnets(call: &Call<'_>, subnets: &[String]) -> Result<(BTreeMap<String, String>, String), ApiError> {
    let mut placement = BTreeMap::new();
    let mut vpc_id: Option<&str> = None;
    for id in subnets {
        let subnet: &Subnet = call.region.ec2.subnets.get(id).ok_or_else(|| {
            ApiError::sender(
                "SubnetNotFound",
                format!("The subnet ID '{}' does not exist", short(id)),
            )
        })?;
        if !call.facts.has_zone(&subnet.zone) {
            return Err(invalid_configuration(format!(
                "Subnet {id} is in {}: Classic load balancers cannot use Local Zones.",
                subnet.zone
            )));
        }
        if *vpc_id.get_or_insert(&subnet.vpc_id) != subnet.vpc_id {
            return Err(invalid_configuration("All subnets must belong to the same VPC."));
        }
        if placement
            .insert(subnet.zone.clone(), id.clone())
            .is_some_and(|other| other != *id)
        {
            return Err(same_zone());
        }
    }
    Ok((placement, vpc_id.unwrap_or_default().to_owned()))
}

fn same_zone() -> ApiError {
    invalid_configuration("ELB cannot be attached to multiple subnets in the same AZ.")
}

/// For a while after a subnet was detached AWS takes no other of its zone.
fn check_settled(
    balancer: &mut LoadBalancer,
    placement: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<(), ApiError> {
    balancer.leaving_subnets.retain(|_, (_, until)| *until > now);
    let taken =
        |(zone, (left, _)): (&String, &(String, Timestamp))| placement.get(zone).is_some_and(|subnet| subnet != left);
    if balancer.leaving_subnets.iter().any(taken) {
        return Err(same_zone());
    }
    Ok(())
}

/// ELB has to put more interfaces into a subnet when traffic grows.
pub(super) fn check_room<'s>(call: &Call<'_>, subnets: impl Iterator<Item = &'s String>) -> Result<(), ApiError> {
    for id in subnets {
        let subnet = call.region.ec2.subnets.get(id);
        if subnet.is_some_and(|subnet| subnet.free_addresses() < MIN_FREE_ADDRESSES) {
            return Err(ApiError::sender(
                "InvalidSubnet",
                format!(
                    "Not enough IP space available in {id}. ELB requires at least {MIN_FREE_ADDRESSES} free IP addresses in each subnet."
                ),
            ));
        }
    }
    Ok(())
}

const MIN_FREE_ADDRESSES: u32 = 8;

pub(super) fn check_security_groups(call: &Call<'_>, groups: &[String], vpc_id: &str) -> Result<(), ApiError> {
    for id in groups {
        let group = call.region.ec2.security_groups.get(id).ok_or_else(|| {
            ApiError::sender(
                "InvalidSecurityGroup",
                format!(
                    "One or more of the specified security groups do not exist: {}",
                    short(id)
                ),
            )
        })?;
        if group.vpc_id != vpc_id {
            let message = format!("Security group {id} does not belong to VPC {vpc_id}");
            return Err(invalid_configuration(message));
        }
    }
    Ok(())
}

pub(super) fn require_internet_gateway(call: &Call<'_>, vpc_id: &str) -> Result<(), ApiError> {
    if call.region.ec2.has_internet_gateway(vpc_id) {
        return Ok(());
    }
    Err(ApiError::sender(
        "InvalidSubnet",
        format!("VPC {vpc_id} has no internet gateway"),
    ))
}

fn check_zones(call: &Call<'_>, zones: &[String]) -> Result<(), ApiError> {
    match zones.iter().find(|zone| !call.facts.has_zone(zone)) {
        Some(zone) => {
            let message = format!(
                "One or more of the specified AvailabilityZones are not valid: {}",
                short(zone)
            );
            Err(ApiError::validation(message))
        }
        None => Ok(()),
    }
}

/// Takes zones out of service, unless none would be left.
fn leave_zones(balancer: &mut LoadBalancer, zones: &[String], now: Timestamp, slow: bool) -> Result<(), ()> {
    if balancer.placement.keys().all(|zone| zones.contains(zone)) {
        return Err(());
    }
    let draining = slow && balancer.attributes.draining;
    let timeout = if draining {
        u64::from(balancer.attributes.draining_timeout)
    } else {
        0
    };
    let until = now.plus(Duration::from_secs(timeout));
    for zone in zones {
        balancer.entered.remove(zone);
        if balancer.placement.remove(zone).is_some() {
            balancer.leaving_zones.insert(zone.clone(), until);
        }
    }
    Ok(())
}

fn not_in_default_vpc(name: &str) -> ApiError {
    invalid_configuration(format!(
        "Load balancer {name} is not in the default VPC: attach and detach subnets instead of Availability Zones."
    ))
}
