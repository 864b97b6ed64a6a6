//! What EC2 remembers.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::answers::HealthAnswers;
use crate::clock::Timestamp;
use crate::ids::Ids;
use crate::region::RegionFacts;

/// The root device of every instance and image.
pub(super) const ROOT_DEVICE: &str = "/dev/xvda";

pub(crate) type Tags = BTreeMap<String, String>;

/// EC2 in one region of one account.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Ec2 {
    pub(crate) vpcs: BTreeMap<String, Vpc>,
    pub(crate) subnets: BTreeMap<String, Subnet>,
    /// Internet gateways.
    pub(crate) gateways: BTreeMap<String, Gateway>,
    pub(crate) route_tables: BTreeMap<String, RouteTable>,
    pub(crate) security_groups: BTreeMap<String, SecurityGroup>,
    pub(crate) instances: BTreeMap<SmolStr, Instance>,
    pub(crate) health_answers: HealthAnswers,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vpc {
    pub(crate) cidr: String,
    pub(crate) is_default: bool,
    pub(crate) dns_hostnames: bool,
    pub(crate) tags: Tags,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Subnet {
    pub(crate) vpc_id: String,
    pub(crate) zone: String,
    pub(crate) cidr: String,
    pub(crate) default_for_zone: bool,
    pub(crate) public_ip_on_launch: bool,
    /// How many addresses were handed out so far, of which the next is made.
    pub(crate) used: u32,
    /// How many are taken by instances that live.
    pub(crate) taken: u32,
    /// How many a seed says are taken by others.
    pub(crate) reserved: u32,
    pub(crate) tags: Tags,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Gateway {
    pub(crate) vpc_id: Option<String>,
    pub(crate) tags: Tags,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteTable {
    pub(crate) vpc_id: String,
    pub(crate) main: bool,
    pub(crate) routes: Vec<Route>,
    /// Association id to subnet; the main association names none.
    pub(crate) associations: BTreeMap<String, Option<String>>,
    pub(crate) tags: Tags,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    pub(crate) destination: String,
    /// The id of a gateway, NAT gateway, interface and so on, or `local`.
    pub(crate) target: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SecurityGroup {
    pub(crate) vpc_id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) ingress: Vec<Rule>,
    pub(crate) egress: Vec<Rule>,
    pub(crate) tags: Tags,
}

/// One permission: one protocol, one range of ports, one peer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Rule {
    pub(crate) protocol: String,
    pub(crate) from: Option<i64>,
    pub(crate) to: Option<i64>,
    pub(crate) peer: Peer,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Peer {
    Cidr(String),
    Cidr6(String),
    Group(String),
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) reservation_id: String,
    pub(crate) vpc_id: String,
    pub(crate) subnet_id: String,
    pub(crate) zone: String,
    pub(crate) private_ip: Ipv4Addr,
    pub(crate) public_ip: Option<Ipv4Addr>,
    pub(crate) image_id: String,
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    pub(crate) key_name: Option<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) launched: Timestamp,
    pub(crate) phase: Phase,
    pub(crate) tags: Tags,
}

/// The last thing an instance was told, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Phase {
    Started(Timestamp),
    Stopped(Timestamp),
    Terminated(Timestamp),
}

/// The states of an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
    Stopping,
    Stopped,
}

impl InstanceState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }

    pub(crate) fn code(self) -> u16 {
        match self {
            Self::Pending => 0,
            Self::Running => 16,
            Self::ShuttingDown => 32,
            Self::Terminated => 48,
            Self::Stopping => 64,
            Self::Stopped => 80,
        }
    }
}

impl Instance {
    /// Its state, and since when it is in it.
    pub(crate) fn state(&self, now: Timestamp, lag: Duration) -> (InstanceState, Timestamp) {
        let (at, passing, lasting) = match self.phase {
            Phase::Started(at) => (at, InstanceState::Pending, InstanceState::Running),
            Phase::Stopped(at) => (at, InstanceState::Stopping, InstanceState::Stopped),
            Phase::Terminated(at) => (at, InstanceState::ShuttingDown, InstanceState::Terminated),
        };
        let settled = at.plus(lag);
        if now < settled {
            (passing, at)
        } else {
            (lasting, settled)
        }
    }

    pub(crate) fn terminated_at(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Terminated(at) => Some(at),
            Phase::Started(_) | Phase::Stopped(_) => None,
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.terminated_at().is_some()
    }

    /// The name of its public address in DNS; the oldest region has a form of its own.
    pub(super) fn public_dns(&self, facts: &RegionFacts) -> Option<String> {
        let dashed = self.public_ip?.to_string().replace('.', "-");
        let (region, suffix) = (facts.name, facts.dns_suffix());
        Some(if region == "us-east-1" {
            format!("ec2-{dashed}.compute-1.{suffix}")
        } else {
            format!("ec2-{dashed}.{region}.compute.{suffix}")
        })
    }

    /// The name of its private address in DNS.
    pub(crate) fn private_dns(&self, region: &str) -> String {
        let dashed = self.private_ip.to_string().replace('.', "-");
        if region == "us-east-1" {
            format!("ip-{dashed}.ec2.internal")
        } else {
            format!("ip-{dashed}.{region}.compute.internal")
        }
    }
}

impl Ec2 {
    /// What a new account finds: a default VPC with a public subnet in every zone.
    pub(crate) fn with_default_vpc(facts: &RegionFacts, ids: &mut Ids) -> Self {
        let mut ec2 = Self::default();
        let vpc_id = ec2.add_vpc("172.31.0.0/16", true, ids);
        for (index, zone) in facts.zone_names().enumerate() {
            let subnet = Subnet {
                default_for_zone: true,
                public_ip_on_launch: true,
                ..Subnet::new(&vpc_id, zone, format!("172.31.{}.0/20", index * 16))
            };
            ec2.subnets.insert(ids.resource("subnet"), subnet);
        }
        let gateway = ids.resource("igw");
        let route = Route {
            destination: "0.0.0.0/0".to_owned(),
            target: gateway.clone(),
        };
        ec2.gateways.insert(
            gateway,
            Gateway {
                vpc_id: Some(vpc_id),
                tags: Tags::new(),
            },
        );
        ec2.route_tables
            .values_mut()
            .for_each(|table| table.routes.push(route.clone()));
        ec2
    }

    /// A VPC with what comes along: its default security group and its main route table.
    pub(crate) fn add_vpc(&mut self, cidr: &str, is_default: bool, ids: &mut Ids) -> String {
        let id = ids.resource("vpc");
        self.add_vpc_as(&id, cidr, is_default, ids);
        id
    }

    /// The same with an id that somebody chose.
    pub(super) fn add_vpc_as(&mut self, id: &str, cidr: &str, is_default: bool, ids: &mut Ids) {
        let vpc = Vpc {
            cidr: cidr.to_owned(),
            is_default,
            dns_hostnames: is_default,
            tags: Tags::new(),
        };
        self.vpcs.insert(id.to_owned(), vpc);
        let group_id = self.add_group(id, "default", "default VPC security group", ids);
        if let Some(group) = self.security_groups.get_mut(&group_id) {
            let peer = Peer::Group(group_id);
            group.ingress.push(Rule {
                protocol: "-1".to_owned(),
                from: None,
                to: None,
                peer,
            });
        }
        let local = Route {
            destination: cidr.to_owned(),
            target: "local".to_owned(),
        };
        let associations = BTreeMap::from([(ids.resource("rtbassoc"), None)]);
        let table = RouteTable {
            vpc_id: id.to_owned(),
            main: true,
            routes: vec![local],
            associations,
            tags: Tags::new(),
        };
        self.route_tables.insert(ids.resource("rtb"), table);
    }

    /// A security group that lets everything out and nothing in.
    pub(crate) fn add_group(&mut self, vpc_id: &str, name: &str, description: &str, ids: &mut Ids) -> String {
        let id = ids.resource("sg");
        self.add_group_as(&id, vpc_id, name, description);
        id
    }

    /// The same with an id that somebody chose.
    pub(super) fn add_group_as(&mut self, id: &str, vpc_id: &str, name: &str, description: &str) {
        let peer = Peer::Cidr("0.0.0.0/0".to_owned());
        let group = SecurityGroup {
            vpc_id: vpc_id.to_owned(),
            name: name.to_owned(),
            description: description.to_owned(),
            ingress: Vec::new(),
            egress: vec![Rule {
                protocol: "-1".to_owned(),
                from: None,
                to: None,
                peer,
            }],
            tags: Tags::new(),
        };
        self.security_groups.insert(id.to_owned(), group);
    }

    pub(crate) fn default_vpc_id(&self) -> Option<&str> {
        self.vpcs
            .iter()
            .find(|(_, vpc)| vpc.is_default)
            .map(|(id, _)| id.as_str())
    }

    pub(crate) fn default_subnet(&self, zone: &str) -> Option<&str> {
        self.subnets
            .iter()
            .find(|(_, subnet)| subnet.default_for_zone && subnet.zone == zone)
            .map(|(id, _)| id.as_str())
    }

    pub(crate) fn default_group(&self, vpc_id: &str) -> Option<&str> {
        self.group_named(vpc_id, "default")
    }

    pub(crate) fn group_named(&self, vpc_id: &str, name: &str) -> Option<&str> {
        let mut groups = self.security_groups.iter();
        groups
            .find(|(_, group)| group.vpc_id == vpc_id && group.name == name)
            .map(|(id, _)| id.as_str())
    }

    pub(crate) fn has_internet_gateway(&self, vpc_id: &str) -> bool {
        self.gateways
            .values()
            .any(|gateway| gateway.vpc_id.as_deref() == Some(vpc_id))
    }

    /// The group of a balancer that named none: in the default VPC one that all such balancers share, made when first
    /// needed; in another VPC its default group.
    pub(crate) fn default_balancer_group(&mut self, vpc_id: &str, ids: &mut Ids) -> String {
        if self.default_vpc_id() != Some(vpc_id) {
            return self.default_group(vpc_id).unwrap_or_default().to_owned();
        }
        let shared = self
            .security_groups
            .iter()
            .find(|(_, group)| group.vpc_id == vpc_id && group.name.starts_with("default_elb_"))
            .map(|(id, _)| id.clone());
        if let Some(id) = shared {
            return id;
        }
        let name = format!("default_elb_{}", ids.uuid());
        let text = "ELB created security group used when no security group is specified during ELB creation";
        let id = self.add_group(vpc_id, &name, text, ids);
        if let Some(group) = self.security_groups.get_mut(&id) {
            let peer = Peer::Cidr("0.0.0.0/0".to_owned());
            group.ingress.push(Rule {
                protocol: "tcp".to_owned(),
                from: Some(0),
                to: Some(65_535),
                peer,
            });
        }
        id
    }
}
