//! I/O: a subnet that a load balancer borrows for a moment.

use std::collections::BTreeSet;

use super::subnets::is_public;
use crate::aws::{Error, Filters, View};
use crate::elb::{Class, FREE_ADDRESSES, Scheme, Subnet};
use crate::plan::allow::{Tags, carries_all};

/// A subnet of another zone of the same VPC with room for the load balancer's addresses: EC2 `DescribeSubnets`, and
/// `DescribeRouteTables` for an internet-facing load balancer, since clients do not reach it in a private subnet.
pub(in crate::controller) async fn find(
    view: &View,
    region: &str,
    scheme: Scheme,
    of: &Subnet,
    must_carry: &Tags,
) -> Result<Option<Subnet>, Error> {
    let mut subnets = view.subnets(&Filters::of_vpc(Some(&of.vpc_id))).await?;
    subnets.retain(|subnet| {
        subnet.vpc_id == of.vpc_id
            && subnet.zone != of.zone
            && subnet.is_for_load_balancers(region)
            && subnet.free_addresses >= FREE_ADDRESSES
            && carries_all(&subnet.tags, must_carry)
    });
    subnets.sort_by(|a, b| a.id.cmp(&b.id));
    if scheme == Scheme::InternetFacing && !subnets.is_empty() {
        match view.route_tables(&BTreeSet::from([of.vpc_id.clone()])).await {
            Ok(tables) => subnets.sort_by_key(|subnet| !is_public(subnet, &tables)),
            Err(error) if error.class == Class::Denied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(subnets.into_iter().next())
}
