//! I/O: the subnets that `subnetSelector` finds, and which of them are taken.

use std::collections::{BTreeMap, BTreeSet};

use super::found::Subnets;
use super::unread::unread;
use crate::api::message::{self, Message};
use crate::api::{ClassicLoadBalancerStatus, Scheme, SubnetRole, SubnetSelector};
use crate::aws::{Filters, View};
use crate::elb::{FREE_ADDRESSES, RouteTable, Subnet};

use crate::plan::{Problem, Track};

const FIELD: &str = "spec.subnetSelector";

/// What is asked for.
pub(super) struct Wish<'a> {
    pub(super) selector: &'a SubnetSelector,
    pub(super) scheme: Scheme,
    pub(super) region: &'a str,
    /// Of what the load balancer has already.
    pub(super) vpc: Option<&'a str>,
    pub(super) attached: BTreeSet<&'a str>,
}

impl<'a> Wish<'a> {
    pub(super) fn new(
        selector: &'a SubnetSelector,
        scheme: Scheme,
        region: &'a str,
        previous: &'a ClassicLoadBalancerStatus,
    ) -> Self {
        Self {
            selector,
            scheme,
            region,
            vpc: previous.vpc_id.as_deref(),
            attached: previous.subnets.iter().map(String::as_str).collect(),
        }
    }

    /// Looks them up: EC2 `DescribeSubnets`, then `DescribeRouteTables` of their VPCs.
    pub(super) async fn find(&self, view: &View) -> Result<Subnets, Problem> {
        let vpc = self.vpc()?;
        let tags = self.selector.tags.clone().unwrap_or_default();
        let filters = Filters::of_vpc(vpc).with_tags(&tags);
        let failed = |error| unread(Track::Placement, FIELD, &error);
        let mut subnets = view.subnets(&filters).await.map_err(failed)?;
        let has = |subnet: &Subnet| tags.iter().all(|(key, value)| subnet.tags.get(key) == Some(value));
        subnets.retain(|subnet| has(subnet) && subnet.is_for_load_balancers(self.region));
        if subnets.is_empty() {
            let place = vpc.unwrap_or(self.region);
            return Err(missing(message::no_tagged_subnet(FIELD, place)));
        }
        let vpcs = subnets.iter().map(|subnet| subnet.vpc_id.clone()).collect();
        let tables = view.route_tables(&vpcs).await.map_err(failed)?;
        self.choose(subnets, &tables)
    }

    /// The VPC that is asked for, or else that of the load balancer, which never leaves it.
    fn vpc(&self) -> Result<Option<&'a str>, Problem> {
        match (self.selector.vpc_id.as_deref(), self.vpc) {
            (Some(asked), Some(has)) if asked != has => {
                let message = message::another_vpc_selected(FIELD, has, asked);
                Err(Problem::invalid(Track::Placement, message))
            }
            (asked, has) => Ok(asked.or(has)),
        }
    }

    /// One subnet for each zone. One that is attached already stays as long as it fits; of the others one with room for
    /// the load balancer's addresses, then a private one for an internal load balancer, then the lowest id.
    fn choose(&self, mut subnets: Vec<Subnet>, tables: &[RouteTable]) -> Result<Subnets, Problem> {
        let role = self.selector.role.unwrap_or_default();
        let must = match (role, self.scheme) {
            (SubnetRole::Public, _) | (SubnetRole::Auto, Scheme::InternetFacing) => Some(true),
            (SubnetRole::Private, _) => Some(false),
            (SubnetRole::Auto, Scheme::Internal) => None,
        };
        let tagged = subnets.len();
        subnets.retain(|subnet| must.is_none_or(|public| is_public(subnet, tables) == public));
        if subnets.is_empty() {
            return Err(missing(match must {
                Some(true) => message::no_public_subnet(FIELD, tagged),
                _ => message::no_private_subnet(FIELD, tagged),
            }));
        }
        let vpcs: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
        if vpcs.len() > 1 {
            let vpcs = vpcs.into_iter().collect::<Vec<_>>().join(", ");
            return Err(missing(message::subnets_of_several_vpcs(FIELD, vpcs)));
        }
        let rank = |subnet: &Subnet| {
            let attached = self.attached.contains(subnet.id.as_str());
            let full = !attached && subnet.free_addresses < FREE_ADDRESSES;
            let public = must.is_none() && is_public(subnet, tables);
            (!attached, full, public, subnet.id.clone())
        };
        subnets.sort_by_key(rank);
        let mut by_zone: BTreeMap<String, Subnet> = BTreeMap::new();
        for subnet in subnets {
            by_zone.entry(subnet.zone.clone()).or_insert(subnet);
        }
        Ok(by_zone
            .into_values()
            .map(|subnet| (subnet.id.clone(), subnet))
            .collect())
    }
}

/// Whether a subnet's own route table, or else the main one of its VPC, leads to an Internet gateway.
pub(super) fn is_public(subnet: &Subnet, tables: &[RouteTable]) -> bool {
    let own = tables.iter().find(|table| table.subnets.contains(&subnet.id));
    let main = || tables.iter().find(|table| table.main && table.vpc_id == subnet.vpc_id);
    own.or_else(main).is_some_and(|table| table.to_internet_gateway)
}

fn missing(message: Message) -> Problem {
    Problem::missing(Track::Placement, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(id: &str, zone: &str, vpc: &str) -> Subnet {
        Subnet {
            id: id.into(),
            vpc_id: vpc.into(),
            zone: zone.into(),
            free_addresses: 100,
            on_outpost: false,
            tags: BTreeMap::new(),
        }
    }

    fn table(vpc: &str, main: bool, subnets: &[&str], public: bool) -> RouteTable {
        RouteTable {
            vpc_id: vpc.into(),
            main,
            subnets: subnets.iter().map(|id| (*id).to_owned()).collect(),
            to_internet_gateway: public,
        }
    }

    /// Two zones with a private subnet (p) and a public one (q) each; in the third only a public one.
    fn network() -> (Vec<Subnet>, Vec<RouteTable>) {
        let subnets = [
            ("p1", "a"),
            ("q1", "a"),
            ("q2", "b"),
            ("p2", "b"),
            ("q3", "c"),
            ("q0", "a"),
        ];
        (
            subnets.iter().map(|(id, zone)| subnet(id, zone, "vpc-1")).collect(),
            vec![
                table("vpc-1", true, &[], true),
                table("vpc-1", false, &["p1", "p2"], false),
            ],
        )
    }

    fn chosen(scheme: Scheme, role: Option<SubnetRole>, attached: &[&'static str]) -> Vec<String> {
        let selector = SubnetSelector {
            role,
            ..SubnetSelector::default()
        };
        let wish = Wish {
            selector: &selector,
            scheme,
            region: "us-east-1",
            vpc: None,
            attached: attached.iter().copied().collect(),
        };
        let (subnets, tables) = network();
        wish.choose(subnets, &tables).expect("found").into_keys().collect()
    }

    #[test]
    fn one_of_each_zone_by_role_and_lowest_id() {
        assert_eq!(chosen(Scheme::InternetFacing, None, &[]), ["q0", "q2", "q3"]);
        assert_eq!(
            chosen(Scheme::InternetFacing, Some(SubnetRole::Private), &[]),
            ["p1", "p2"]
        );
        assert_eq!(
            chosen(Scheme::Internal, None, &[]),
            ["p1", "p2", "q3"],
            "private ones first"
        );
        assert_eq!(
            chosen(Scheme::Internal, Some(SubnetRole::Public), &[]),
            ["q0", "q2", "q3"]
        );
    }

    #[test]
    fn what_is_attached_stays_as_long_as_it_fits() {
        assert_eq!(chosen(Scheme::InternetFacing, None, &["q1"]), ["q1", "q2", "q3"]);
        assert_eq!(
            chosen(Scheme::InternetFacing, None, &["p1"]),
            ["q0", "q2", "q3"],
            "it does not fit"
        );
        assert_eq!(chosen(Scheme::Internal, None, &["q1"]), ["p2", "q1", "q3"]);
    }

    #[test]
    fn subnets_without_room_come_last_and_two_vpcs_are_one_too_many() {
        let selector = SubnetSelector::default();
        let wish = Wish {
            selector: &selector,
            scheme: Scheme::InternetFacing,
            region: "us-east-1",
            vpc: None,
            attached: BTreeSet::new(),
        };
        let (mut subnets, mut tables) = network();
        subnets[5].free_addresses = 7;
        let found = wish.choose(subnets.clone(), &tables).expect("found");
        assert!(found.contains_key("q1") && !found.contains_key("q0"));

        subnets.push(subnet("r1", "a", "vpc-2"));
        tables.push(table("vpc-2", true, &[], true));
        let missing = wish.choose(subnets, &tables).expect_err("two VPCs");
        assert_eq!(missing.message.reason(), "AmbiguousVpc");
        assert!(
            missing.message.text().contains("set spec.subnetSelector.vpcId"),
            "{}",
            missing.message
        );
    }

    #[test]
    fn a_balancer_stays_in_its_vpc() {
        let selector = SubnetSelector {
            vpc_id: Some("vpc-2".into()),
            ..SubnetSelector::default()
        };
        let mut wish = Wish {
            selector: &selector,
            scheme: Scheme::Internal,
            region: "us-east-1",
            vpc: Some("vpc-1"),
            attached: BTreeSet::new(),
        };
        assert!(wish.vpc().expect_err("another VPC").is_invalid());
        wish.vpc = None;
        assert_eq!(wish.vpc(), Ok(Some("vpc-2")));
    }
}
