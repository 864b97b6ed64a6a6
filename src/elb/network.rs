//! Pure: subnets, their routes, and security groups, as far as placement asks.

use std::collections::{BTreeMap, BTreeSet};

/// A subnet, as far as placement asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// The id.
    pub id: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its Availability Zone, Local Zone or Wavelength Zone.
    pub zone: String,
    /// How many addresses are free.
    pub free_addresses: i32,
    /// Whether it is on somebody's own hardware.
    pub on_outpost: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Subnet {
    /// Whether Classic load balancers can be there: not in Local Zones and Wavelength Zones, whose names are longer
    /// than that of the region and a letter, and not on Outposts.
    pub fn is_for_load_balancers(&self, region: &str) -> bool {
        let letter = self.zone.strip_prefix(region).unwrap_or_default();
        !self.on_outpost && letter.len() == 1 && letter.chars().all(|c| c.is_ascii_lowercase())
    }
}

/// A route table, as far as it makes subnets public.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc_id: String,
    /// Whether it holds for subnets that have none of their own.
    pub main: bool,
    /// The subnets that it is given to.
    pub subnets: BTreeSet<String>,
    /// Whether it has a route to an Internet gateway.
    pub to_internet_gateway: bool,
}

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityGroup {
    /// The id.
    pub id: String,
    /// The name, unique in its VPC.
    pub name: String,
    /// Its VPC.
    pub vpc_id: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}
