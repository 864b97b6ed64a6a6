//! Pure: the placement and the security groups of a spec.

use std::collections::BTreeSet;

use super::{References, Refusal, found};
use crate::api::ClassicLoadBalancerSpec;
use crate::api::message;
use crate::elb::Placement;
use crate::plan::Problem;

/// `None`: what the spec asks for was not found, so it stays as AWS has it.
pub(super) fn declare(
    spec: &ClassicLoadBalancerSpec,
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Option<Placement>, Refusal> {
    let set = |list: &Vec<String>| list.iter().cloned().collect::<BTreeSet<_>>();
    match (&spec.availability_zones, &spec.subnets, &spec.subnet_selector) {
        (Some(zones), None, None) if !zones.is_empty() => Ok(Some(Placement::AvailabilityZones(set(zones)))),
        (None, Some(subnets), None) if !subnets.is_empty() => Ok(Some(Placement::Subnets(set(subnets)))),
        (None, None, Some(_)) => Ok(found(references.subnets.as_ref(), missing).map(Placement::Subnets)),
        _ => Err(message::no_placement()),
    }
}

/// `None`: as AWS has them.
pub(super) fn security_groups(
    spec: &ClassicLoadBalancerSpec,
    references: &References,
    missing: &mut Vec<Problem>,
) -> Option<BTreeSet<String>> {
    if spec.security_group_selector.is_some() {
        return found(references.security_groups.as_ref(), missing);
    }
    spec.security_groups
        .as_ref()
        .map(|groups| groups.iter().cloned().collect())
}
