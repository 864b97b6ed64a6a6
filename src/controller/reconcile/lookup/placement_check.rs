//! Pure: what AWS would refuse a set of subnets for, told before it is asked.

use std::collections::{BTreeMap, BTreeSet};

use super::found::Subnets;
use crate::api::message::{self, Message};
use crate::elb::{FREE_ADDRESSES, Subnet};

use crate::plan::{Problem, Track};

/// A placement to be looked at.
pub(in crate::controller) struct PlacementCheck<'a> {
    /// The field that asks for it, for messages.
    pub(in crate::controller) field: &'a str,
    pub(in crate::controller) region: &'a str,
    pub(in crate::controller) wanted: &'a BTreeSet<String>,
    /// The subnets that the load balancer has; empty before it exists.
    pub(in crate::controller) attached: &'a BTreeSet<String>,
    /// The VPC that it is in.
    pub(in crate::controller) vpc: Option<&'a str>,
}

impl PlacementCheck<'_> {
    /// Whether AWS will take it, as far as can be told.
    pub(in crate::controller) fn run(&self, known: &Subnets) -> Result<(), Problem> {
        let lacking: Vec<&str> = self.names(|id| !known.contains_key(id));
        if !lacking.is_empty() {
            return Err(missing(message::no_such_subnets(self.field, lacking.join(", "))));
        }
        let subnets: Vec<&Subnet> = self.wanted.iter().filter_map(|id| known.get(id)).collect();
        if let Some(subnet) = subnets.iter().find(|subnet| !subnet.is_for_load_balancers(self.region)) {
            let message = message::not_for_balancers(self.field, &subnet.id, &subnet.zone);
            return Err(invalid(message));
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
        let message = message::not_enough_addresses(self.field, FREE_ADDRESSES, full.join(", "));
        Err(missing(message))
    }

    fn check_vpc(&self, subnets: &[&Subnet]) -> Result<(), Problem> {
        let mut of_vpc: BTreeMap<&str, &str> = BTreeMap::new();
        for subnet in subnets {
            of_vpc.entry(&subnet.vpc_id).or_insert(&subnet.id);
        }
        if let Some((vpc, subnet)) = of_vpc.iter().find(|(vpc, _)| self.vpc.is_some_and(|has| has != **vpc)) {
            let of_the_balancer = self.vpc.unwrap_or_default();
            let message = message::subnet_of_another_vpc(self.field, subnet, vpc, of_the_balancer);
            return Err(invalid(message));
        }
        if of_vpc.len() > 1 {
            let list = of_vpc.iter().map(|(vpc, subnet)| message::subnet_in_vpc(subnet, vpc));
            let list = list.collect::<Vec<_>>().join(", ");
            return Err(invalid(message::several_vpcs(self.field, list)));
        }
        Ok(())
    }

    fn check_zones(&self, subnets: &[&Subnet]) -> Result<(), Problem> {
        let mut of_zone: BTreeMap<&str, &str> = BTreeMap::new();
        for subnet in subnets {
            if let Some(other) = of_zone.insert(&subnet.zone, &subnet.id) {
                let message = message::same_zone(self.field, other, &subnet.id, &subnet.zone);
                return Err(invalid(message));
            }
        }
        Ok(())
    }

    fn names(&self, test: impl Fn(&str) -> bool) -> Vec<&str> {
        self.wanted.iter().map(String::as_str).filter(|id| test(id)).collect()
    }
}

fn invalid(message: Message) -> Problem {
    Problem::invalid(Track::Placement, message)
}

fn missing(message: Message) -> Problem {
    Problem::missing(Track::Placement, message)
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
        let preflight = PlacementCheck {
            field: "spec.subnets",
            region: REGION,
            wanted: &set(wanted),
            attached: &set(attached),
            vpc,
        };
        preflight
            .run(&network())
            .map_err(|missing| missing.message.reason().to_owned())
    }

    #[test]
    fn what_aws_would_refuse_is_told_by_its_kind() {
        let failed = |reason: &str| Err(reason.to_owned());
        assert_eq!(check(&["a1"], &[], None), Ok(()));
        assert_eq!(check(&["a1", "x1"], &[], None), failed("SubnetNotFound"));
        assert_eq!(check(&["a1", "a2"], &[], None), failed("Invalid"));
        assert_eq!(check(&["a1", "c1"], &[], None), failed("Invalid"));
        assert_eq!(check(&["c1"], &["a1"], Some("vpc-1")), failed("Invalid"));
        assert_eq!(check(&["l1"], &[], None), failed("Invalid"));
        assert_eq!(check(&["a1", "b1"], &[], None), failed("NotEnoughAddresses"));
        assert_eq!(
            check(&["a1", "b1"], &["b1"], Some("vpc-1")),
            Ok(()),
            "it has its addresses"
        );
    }
}
