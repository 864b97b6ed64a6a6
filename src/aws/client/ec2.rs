//! Subnets, their routes, and security groups.
//!
//! All are asked for by filters: EC2 answers those with what there is, and an id that it does not know makes no error
//! of the others.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types;

use super::Client;
use crate::aws::Error;
use crate::elb::{RouteTable, SecurityGroup, Subnet};

/// The most entries of one page. A request that names no size counts as unpaged, for which EC2 has smaller buckets.
const PAGE: i32 = 1000;
/// The same for `DescribeRouteTables`.
const PAGE_OF_TABLES: i32 = 100;

/// What a resource must have: the name of one of EC2's filters, and its possible values.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Filters(Vec<(String, Vec<String>)>);

impl Filters {
    /// Of one VPC, where one is given.
    pub fn of_vpc(vpc: Option<&str>) -> Self {
        Self::default().with("vpc-id", vpc.map(ToOwned::to_owned))
    }

    /// Adds a filter. Without values it would match nothing and is left out, and so is one that EC2 would read as a
    /// pattern with escapes: what comes back is compared in full all the same.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, values: impl IntoIterator<Item = String>) -> Self {
        let values: Vec<String> = values.into_iter().collect();
        if !values.is_empty() && !values.iter().any(|value| value.contains('\\')) {
            self.0.push((name.into(), values));
        }
        self
    }

    /// Adds a filter for each tag.
    #[must_use]
    pub fn with_tags(self, tags: &BTreeMap<String, String>) -> Self {
        let add = |filters: Self, (key, value): (&String, &String)| filters.with(format!("tag:{key}"), [value.clone()]);
        tags.iter().fold(self, add)
    }

    fn to_sdk(&self) -> Option<Vec<types::Filter>> {
        let filters = self.0.iter().map(|(name, values)| {
            let filter = types::Filter::builder().name(name);
            filter.set_values(Some(values.clone())).build()
        });
        Some(filters.collect::<Vec<_>>()).filter(|filters| !filters.is_empty())
    }
}

impl Client {
    /// EC2 `DescribeSubnets`, all pages.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn subnets(&self, filters: &Filters) -> Result<Vec<Subnet>, Error> {
        let (mut subnets, mut next) = (Vec::new(), None);
        loop {
            let request = self.ec2.describe_subnets().max_results(PAGE);
            let request = request.set_filters(filters.to_sdk()).set_next_token(next);
            let reply = self.call("DescribeSubnets", request.send()).await?;
            subnets.extend(reply.subnets.unwrap_or_default().into_iter().filter_map(subnet));
            next = reply.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(subnets);
            }
        }
    }

    /// EC2 `DescribeRouteTables` of these VPCs, all pages.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn route_tables(&self, vpcs: &BTreeSet<String>) -> Result<Vec<RouteTable>, Error> {
        let filters = Filters::default().with("vpc-id", vpcs.iter().cloned());
        let (mut tables, mut next) = (Vec::new(), None);
        loop {
            let request = self.ec2.describe_route_tables().max_results(PAGE_OF_TABLES);
            let request = request.set_filters(filters.to_sdk()).set_next_token(next);
            let reply = self.call("DescribeRouteTables", request.send()).await?;
            tables.extend(
                reply
                    .route_tables
                    .unwrap_or_default()
                    .into_iter()
                    .filter_map(route_table),
            );
            next = reply.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(tables);
            }
        }
    }

    /// EC2 `DescribeSecurityGroups`, all pages.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn security_groups(&self, filters: &Filters) -> Result<Vec<SecurityGroup>, Error> {
        let (mut groups, mut next) = (Vec::new(), None);
        loop {
            let request = self.ec2.describe_security_groups().max_results(PAGE);
            let request = request.set_filters(filters.to_sdk()).set_next_token(next);
            let reply = self.call("DescribeSecurityGroups", request.send()).await?;
            let found = reply.security_groups.unwrap_or_default().into_iter();
            groups.extend(found.filter_map(security_group));
            next = reply.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(groups);
            }
        }
    }
}

fn subnet(subnet: types::Subnet) -> Option<Subnet> {
    Some(Subnet {
        id: subnet.subnet_id?,
        vpc_id: subnet.vpc_id?,
        zone: subnet.availability_zone?,
        free_addresses: subnet.available_ip_address_count.unwrap_or_default(),
        on_outpost: subnet.outpost_arn.is_some(),
        tags: tags(subnet.tags),
    })
}

/// A route whose gateway was detached leads nowhere; AWS calls it a black hole. Classic load balancers speak IPv4.
fn route_table(table: types::RouteTable) -> Option<RouteTable> {
    let to_internet_gateway = table.routes.unwrap_or_default().iter().any(|route| {
        route.gateway_id.as_deref().is_some_and(|id| id.starts_with("igw-"))
            && route.state != Some(types::RouteState::Blackhole)
            && route.destination_ipv6_cidr_block.is_none()
    });
    let associations = table.associations.unwrap_or_default();
    Some(RouteTable {
        vpc_id: table.vpc_id?,
        main: associations.iter().any(|association| association.main == Some(true)),
        subnets: associations
            .into_iter()
            .filter_map(|association| association.subnet_id)
            .collect(),
        to_internet_gateway,
    })
}

fn security_group(group: types::SecurityGroup) -> Option<SecurityGroup> {
    Some(SecurityGroup {
        id: group.group_id?,
        name: group.group_name.unwrap_or_default(),
        vpc_id: group.vpc_id?,
        tags: tags(group.tags),
    })
}

fn tags(tags: Option<Vec<types::Tag>>) -> BTreeMap<String, String> {
    let tags = tags.unwrap_or_default().into_iter();
    tags.filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_zones_wavelength_zones_and_outposts_are_not_for_load_balancers() {
        let in_zone = |zone: &str, on_outpost| Subnet {
            id: "subnet-1".into(),
            vpc_id: "vpc-1".into(),
            zone: zone.into(),
            free_addresses: 100,
            on_outpost,
            tags: BTreeMap::new(),
        };
        let takes = |zone: &str| in_zone(zone, false).is_for_load_balancers("us-east-1");
        assert!(takes("us-east-1a"));
        assert!(!takes("us-east-1-bos-1a") && !takes("us-east-1-wl1-bos-wlz-1") && !takes("us-east-2a"));
        assert!(!in_zone("us-east-1a", true).is_for_load_balancers("us-east-1"));
    }
}
