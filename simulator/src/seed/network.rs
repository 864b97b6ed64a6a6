//! VPCs, subnets and security groups of a seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::SeedError;
use crate::call::Call;
use crate::ec2::plant::{self, NewSubnet};

/// A VPC besides the default one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VpcSeed {
    /// `vpc-` and 8 or 17 hexadecimal digits.
    pub id: String,
    /// `10.0.0.0/16` if absent.
    pub cidr_block: Option<String>,
    /// Whether it has an Internet gateway, which public subnets bring along.
    pub internet_gateway: bool,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A subnet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SubnetSeed {
    /// `subnet-` and 8 or 17 hexadecimal digits.
    pub id: String,
    /// The default VPC if absent.
    pub vpc_id: Option<String>,
    /// An Availability Zone or a Local Zone; the first zone of the region if absent.
    pub availability_zone: Option<String>,
    /// The next free /24 of the VPC if absent.
    pub cidr_block: Option<String>,
    /// Whether its route table leads to an Internet gateway; as the VPC's main route table says if absent.
    pub public: Option<bool>,
    /// How many addresses are left; all if absent.
    pub available_ip_addresses: Option<u32>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A security group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SecurityGroupSeed {
    /// `sg-` and 8 or 17 hexadecimal digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its description; its name if absent.
    pub description: Option<String>,
    /// The default VPC if absent.
    pub vpc_id: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

pub(super) fn plant_vpc(call: &mut Call<'_>, seed: &VpcSeed) -> Result<(), SeedError> {
    check_id("vpc", &seed.id)?;
    let cidr = seed.cidr_block.as_deref().unwrap_or("10.0.0.0/16");
    plant::plant_vpc(call, &seed.id, cidr, seed.internet_gateway, seed.tags.clone())
        .map_err(|error| SeedError::new(format!("VPC {}", seed.id), error.message))
}

pub(super) fn plant_subnet(call: &mut Call<'_>, seed: &SubnetSeed) -> Result<(), SeedError> {
    check_id("subnet", &seed.id)?;
    let subnet = NewSubnet {
        vpc_id: seed.vpc_id.as_deref(),
        zone: seed.availability_zone.as_deref(),
        cidr: seed.cidr_block.as_deref(),
        public: seed.public,
        available: seed.available_ip_addresses,
        tags: seed.tags.clone(),
    };
    plant::plant_subnet(call, &seed.id, subnet)
        .map_err(|error| SeedError::new(format!("subnet {}", seed.id), error.message))
}

pub(super) fn plant_group(call: &mut Call<'_>, seed: &SecurityGroupSeed) -> Result<(), SeedError> {
    check_id("sg", &seed.id)?;
    let description = seed.description.as_deref().unwrap_or(&seed.name);
    plant::plant_group(
        call,
        &seed.id,
        seed.vpc_id.as_deref(),
        (&seed.name, description),
        seed.tags.clone(),
    )
    .map_err(|error| SeedError::new(format!("security group {}", seed.id), error.message))
}

/// Ids of EC2 are a prefix and 8 or, since 2016, 17 hexadecimal digits.
pub(super) fn check_id(prefix: &str, id: &str) -> Result<(), SeedError> {
    let hex = id.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('-'));
    let well_formed =
        |hex: &str| matches!(hex.len(), 8 | 17) && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if hex.is_some_and(well_formed) {
        return Ok(());
    }
    let why = format!("an id is {prefix}- and 8 or 17 hexadecimal digits");
    Err(SeedError::new(format!("id {id}"), why))
}
