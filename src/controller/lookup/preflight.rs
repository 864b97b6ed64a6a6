//! Pure: what AWS would refuse a set of subnets for, told before it is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::Subnets;
use crate::api::reason;
use crate::aws::Subnet;
use crate::elb::FREE_ADDRESSES;
use crate::plan::desired::Missing;
use crate::plan::track;

/// A placement to be looked at.
pub(in crate::controller) struct Preflight<'a> {
    /// The field that asks for it, for messages.
    pub(in crate::controller) field: &'a str,
    pub(in crate::controller) region: &'a str,
    pub(in crate::controller) wanted: &'a BTreeSet<String>,
    /// The subnets that the balancer has; empty before it exists.
    pub(in crate::controller) attached: &'a BTreeSet<String>,
    /// The VPC that it is in.
    pub(in crate::controller) vpc: Option<&'a str>,
}

impl Preflight<'_> {
    /// Whether AWS will take it, as far as can be told.
    pub(in crate::controller) fn check(&self, known: &Subnets) -> Result<(), Missing> {
        let lacking: Vec<&str> = self.names(|id| !known.contains_key(id));
        if !lacking.is_empty() {
            let message = format!(
                "{}: not in this account and region: {}; correct the ids, or create the subnets",
                self.field,
                lacking.join(", ")
            );
            return Err(missing(reason::SUBNET_NOT_FOUND, message));
        }
        let subnets: Vec<&Subnet> = self.wanted.iter().filter_map(|id| known.get(id)).collect();
        if let Some(subnet) = subnets.iter().find(|subnet| !subnet.is_for_load_balancers(self.region)) {
            return Err(self.invalid(&format!(
                "{} is in {}: Classic balancers cannot be in Local Zones, Wavelength Zones or on Outposts; take it out",
                subnet.id, subnet.zone
            )));
        }
        self.check_vpc(&subnets)?;
        self.check_zones(&subnets)?;
        let full = |id: &str| {
            let subnet = known.get(id).filter(|_| !self.attached.contains(id));
            subnet.is_some_and(|subnet| subnet.free_addresses < FREE_ADDRESSES)
        };
        let full = self.names(full);
        if full.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{}: fewer than {FREE_ADDRESSES} addresses are free in {}: free some, or take other subnets",
            self.field,
            full.join(", ")
        );
        Err(missing(reason::NOT_ENOUGH_ADDRESSES, message))
    }

    fn check_vpc(&self, subnets: &[&Subnet]) -> Result<(), Missing> {
        let mut of_vpc: BTreeMap<&str, &str> = BTreeMap::new();
        for subnet in subnets {
            of_vpc.entry(&subnet.vpc_id).or_insert(&subnet.id);
        }
        if let Some((vpc, subnet)) = of_vpc.iter().find(|(vpc, _)| self.vpc.is_some_and(|has| has != **vpc)) {
            return Err(self.invalid(&format!(
                "{subnet} is in {vpc}, but the balancer is in {} and cannot move to another VPC: give subnets of its \
                 VPC, or make a new object",
                self.vpc.unwrap_or_default()
            )));
        }
        if of_vpc.len() > 1 {
            let list = of_vpc.iter().map(|(vpc, subnet)| format!("{subnet} is in {vpc}"));
            let list = list.collect::<Vec<_>>().join(", ");
            return Err(self.invalid(&format!(
                "all subnets must be of one VPC, but {list}: take the others out"
            )));
        }
        Ok(())
    }

    fn check_zones(&self, subnets: &[&Subnet]) -> Result<(), Missing> {
        let mut of_zone: BTreeMap<&str, &str> = BTreeMap::new();
        for subnet in subnets {
            if let Some(other) = of_zone.insert(&subnet.zone, &subnet.id) {
                return Err(self.invalid(&format!(
                    "at most one subnet of each Availability Zone can be given, but {other} and {} are both in {}: take \
                     one of them out",
                    subnet.id, subnet.zone
                )));
            }
        }
        Ok(())
    }

    fn names(&self, test: impl Fn(&str) -> bool) -> Vec<&str> {
        self.wanted.iter().map(String::as_str).filter(|id| test(id)).collect()
    }

    fn invalid(&self, message: &str) -> Missing {
        Missing::invalid(track::PLACEMENT, format!("{}: {message}", self.field))
    }
}

fn missing(reason: &str, message: String) -> Missing {
    Missing {
        track: track::PLACEMENT,
        reason: reason.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGION: &str = "us-east-1";

    fn network() -> Subnets {
        let subnet = |id: &str, zone: &str, vpc: &str, free_addresses| {
            let subnet = Subnet {
                id: id.into(),
                vpc_id: vpc.into(),
                zone: format!("{REGION}{zone}"),
                free_addresses,
                on_outpost: false,
                tags: BTreeMap::new(),
            };
            (id.to_owned(), subnet)
        };
        [
            subnet("a1", "a", "vpc-1", 8),
            subnet("a2", "a", "vpc-1", 8),
            subnet("b1", "b", "vpc-1", 7),
            subnet("l1", "-bos-1a", "vpc-1", 99),
            subnet("c1", "c", "vpc-2", 99),
        ]
        .into()
    }

    fn check(wanted: &[&str], attached: &[&str], vpc: Option<&str>) -> Result<(), String> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let preflight = Preflight {
            field: "spec.subnets",
            region: REGION,
            wanted: &set(wanted),
            attached: &set(attached),
            vpc,
        };
        preflight.check(&network()).map_err(|missing| missing.reason)
    }

    #[test]
    fn what_aws_would_refuse_is_told_by_its_kind() {
        let told = |reason: &str| Err(reason.to_owned());
        assert_eq!(check(&["a1"], &[], None), Ok(()));
        assert_eq!(check(&["a1", "x1"], &[], None), told("SubnetNotFound"));
        assert_eq!(check(&["a1", "a2"], &[], None), told("Invalid"));
        assert_eq!(check(&["a1", "c1"], &[], None), told("Invalid"));
        assert_eq!(check(&["c1"], &["a1"], Some("vpc-1")), told("Invalid"));
        assert_eq!(check(&["l1"], &[], None), told("Invalid"));
        assert_eq!(check(&["a1", "b1"], &[], None), told("NotEnoughAddresses"));
        assert_eq!(
            check(&["a1", "b1"], &["b1"], Some("vpc-1")),
            Ok(()),
            "it has its addresses"
        );
    }
}
