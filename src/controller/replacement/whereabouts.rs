//! I/O that only reads: the VPC that a spec asks for.
//!
//! It is told by the spec and the status where these suffice, so that an object which is not being moved costs no read.

use std::collections::BTreeSet;

use crate::api::message;
use crate::api::{ClassicLoadBalancerSpec, ClassicLoadBalancerStatus, Part};
use crate::aws::Filters;
use crate::controller::memory::Memory;
use crate::controller::reconcile::entry::enter;
use crate::controller::reconcile::subject::Subject;
use crate::elb::Subnet;
use crate::plan::desired::fields::SUBNETS;
use crate::plan::replacement::Vpc;

/// What tells the VPC.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    /// The spec and the status.
    By(Vpc),
    /// These subnets, or those of the default VPC where there are none.
    BySubnets(BTreeSet<String>),
}

/// The VPC that the spec asks for, or why it cannot be told.
pub(super) async fn asked_for(subject: &Subject<'_>, memory: &mut Memory) -> Result<Vpc, String> {
    let ids = match told(&subject.object.spec, &subject.previous) {
        Told::By(vpc) => return Ok(vpc),
        Told::BySubnets(ids) => ids,
    };
    if let Some((of, vpc)) = &memory.asked_vpc
        && *of == ids
    {
        return Ok(Vpc::Of(vpc.clone()));
    }
    // Nothing is asked of an account that does not let the object in.
    let entered = enter(subject).await;
    entered.map_err(|_stop| message::account_not_entered())?;
    let filters = if ids.is_empty() {
        Filters::default().with("default-for-az", ["true".to_owned()])
    } else {
        Filters::default().with("subnet-id", ids.iter().cloned())
    };
    let found = subject.region.view.subnets(&filters).await;
    let vpc = vpc_of(&ids, &found.map_err(|error| error.to_string())?)?;
    // A subnet never leaves its VPC; which one is the default may change.
    if !ids.is_empty() {
        memory.asked_vpc = Some((ids, vpc.clone()));
    }
    Ok(Vpc::Of(vpc))
}

/// What tells the VPC that the spec asks for; `status` is that of the load balancer which clients are sent to.
fn told(spec: &ClassicLoadBalancerSpec, status: &ClassicLoadBalancerStatus) -> Told {
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    if spec
        .ignore_differences
        .iter()
        .flatten()
        .any(|part| *part == Part::Placement)
    {
        return Told::By(Vpc::Any);
    }
    if let Some(selector) = &spec.subnet_selector {
        // One that names none never leaves the VPC of the load balancer.
        let vpc = selector.vpc_id.as_ref().or(status.vpc_id.as_ref());
        return Told::By(vpc.cloned().map_or(Vpc::Any, Vpc::Of));
    }
    if let Some(ids) = &spec.subnets {
        let (ids, vpc) = (set(ids), status.vpc_id.as_ref());
        return match vpc.filter(|_| !ids.is_disjoint(&set(&status.subnets))) {
            Some(vpc) => Told::By(Vpc::Of(vpc.clone())),
            None => Told::BySubnets(ids),
        };
    }
    // One that was taken over may be declared by the zones that it is in, whatever its VPC, and what somebody changes of these in
    // AWS asks for no other. Only who was declared by subnets goes to the default VPC.
    let mut applied = status.applied.iter().flat_map(|applied| &applied.fields);
    if applied.any(|field| field == SUBNETS) {
        Told::BySubnets(BTreeSet::new())
    } else {
        Told::By(Vpc::Any)
    }
}

/// The one VPC of all these subnets; no ids: of whatever was found.
fn vpc_of(ids: &BTreeSet<String>, found: &[Subnet]) -> Result<String, String> {
    let lacking: Vec<&str> = ids
        .iter()
        .map(String::as_str)
        .filter(|id| found.iter().all(|subnet| subnet.id != **id))
        .collect();
    if !lacking.is_empty() {
        return Err(message::subnets_not_found(lacking.join(", ")));
    }
    let vpcs: BTreeSet<&str> = found.iter().map(|subnet| subnet.vpc_id.as_str()).collect();
    match Vec::from_iter(vpcs).as_slice() {
        [] => Err(message::no_default_vpc().text().to_owned()),
        [vpc] => Ok((*vpc).to_owned()),
        several => Err(message::of_several_vpcs(several.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;

    fn subnet(id: &str, vpc: &str) -> Subnet {
        Subnet {
            id: id.into(),
            vpc_id: vpc.into(),
            zone: "us-east-1a".into(),
            free_addresses: 100,
            on_outpost: false,
            tags: BTreeMap::new(),
        }
    }

    /// What tells it, by a spec and by the status of a load balancer in `vpc-1`.
    fn told_by(spec: &Value, applied: &[&str]) -> Told {
        let mut spec = spec.clone();
        spec["listeners"] = json!([]);
        let status = json!({
            "vpcId": "vpc-1", "subnets": ["subnet-1"], "availabilityZones": ["us-east-1a"],
            "applied": {"fields": applied},
        });
        let spec = serde_json::from_value(spec).expect("a spec");
        told(&spec, &serde_json::from_value(status).expect("a status"))
    }

    #[test]
    fn a_spec_that_moves_nothing_costs_no_read() {
        let of = |vpc: &str| Told::By(Vpc::Of(vpc.to_owned()));
        let any = || Told::By(Vpc::Any);
        let by = |ids: &[&str]| Told::BySubnets(ids.iter().map(|id| (*id).to_owned()).collect());
        for (spec, expected) in [
            (json!({"subnets": ["subnet-1", "subnet-2"]}), of("vpc-1")),
            (json!({"subnets": ["subnet-2"]}), by(&["subnet-2"])),
            (
                json!({"subnets": ["subnet-2"], "ignoreDifferences": ["Placement"]}),
                any(),
            ),
            (json!({"subnetSelector": {}}), of("vpc-1")),
            (json!({"subnetSelector": {"vpcId": "vpc-2"}}), of("vpc-2")),
            (json!({"availabilityZones": ["us-east-1a"]}), any()),
            (json!({"availabilityZones": ["us-east-1b"]}), any()),
        ] {
            assert_eq!(told_by(&spec, &[]), expected, "{spec}");
        }
        // The zones that its subnets are in.
        assert_eq!(
            told_by(&json!({"availabilityZones": ["us-east-1a"]}), &[SUBNETS]),
            by(&[])
        );
    }

    #[test]
    fn only_subnets_that_are_all_there_and_of_one_vpc_tell_it() {
        let ids = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>();
        let found = [subnet("a", "vpc-1"), subnet("b", "vpc-1"), subnet("c", "vpc-2")];
        assert_eq!(vpc_of(&ids(&["a", "b"]), &found[..2]), Ok("vpc-1".to_owned()));
        assert_eq!(vpc_of(&ids(&[]), &found[2..]), Ok("vpc-2".to_owned()));
        for (asked, seen) in [(&["a", "x"][..], &found[..1]), (&["a", "c"], &found), (&[], &[])] {
            assert!(vpc_of(&ids(asked), seen).is_err(), "{asked:?}");
        }
    }
}
