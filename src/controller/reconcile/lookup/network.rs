//! I/O: `subnetSelector` and `securityGroupSelector`, and the VPC that both mean.

use super::found::{Lookups, Subnets};
use super::unread::unread;
use super::{security_groups, subnets};
use crate::api::ClassicLoadBalancerStatus;
use crate::api::message;
use crate::aws::{self, Filters, View};
use crate::controller::object::Object;
use crate::controller::reconcile::subject::Subject;
use crate::elb::{Class, Subnet};
use crate::plan::desired::Lookup;
use crate::plan::{Problem, Track};

/// `subnetSelector` and `securityGroupSelector`.
pub(super) async fn look_up(
    lookups: &mut Lookups,
    object: &Object,
    subject: &Subject<'_>,
    previous: &ClassicLoadBalancerStatus,
) {
    let spec = &object.spec;
    let stays = object.stays;
    if let Some(selector) = spec.subnet_selector.as_ref().filter(|_| !stays.place) {
        let wish = subnets::Wish::new(selector, spec.scheme, &subject.region.region, previous);
        lookups.references.subnets = Some(match wish.find(&subject.region.view).await {
            Ok(found) => {
                lookups.subnets = found;
                Ok(lookups.subnets.keys().cloned().collect())
            }
            Err(missing) => Err(missing),
        });
    }
    let groups = spec.security_group_selector.as_ref();
    if let Some(selector) = groups.filter(|_| !stays.place && !stays.members) {
        lookups.references.security_groups = Some(match vpc_of(lookups, object, subject, previous).await {
            Ok(vpc) => security_groups::find(selector, &subject.region.view, vpc.as_deref()).await,
            Err(missing) => Err(missing),
        });
    }
}

/// The VPC that the load balancer is in, or will be made in: that of its subnets, or the default one. `None`: EC2 may
/// not be asked.
pub(in crate::controller::reconcile) async fn vpc_of(
    lookups: &mut Lookups,
    object: &Object,
    subject: &Subject<'_>,
    previous: &ClassicLoadBalancerStatus,
) -> Lookup<Option<String>> {
    if previous.vpc_id.is_some() {
        return Ok(previous.vpc_id.clone());
    }
    let (field, filters) = match (&lookups.references.subnets, &object.spec.subnets) {
        (Some(Ok(_)), _) => return Ok(lookups.subnets.values().next().map(|subnet| subnet.vpc_id.clone())),
        (Some(Err(missing)), _) => return Err(missing.clone()),
        (None, Some(ids)) => (
            "spec.subnets",
            Filters::default().with("subnet-id", ids.iter().cloned()),
        ),
        (None, None) => {
            let filters = Filters::default().with("default-for-az", ["true".to_owned()]);
            ("spec.availabilityZones", filters)
        }
    };
    let found = match subject.region.view.subnets(&filters).await {
        Ok(found) => found,
        Err(error) if error.class == Class::Denied => return Ok(None),
        Err(error) => return Err(unread(Track::SecurityGroups, field, &error)),
    };
    if object.spec.subnets.is_some() {
        lookups.subnets = by_id(found.clone());
    }
    match found.into_iter().next() {
        Some(subnet) => Ok(Some(subnet.vpc_id)),
        None if object.spec.subnets.is_some() => {
            Err(Problem::missing(Track::Placement, message::none_of_the_subnets()))
        }
        None => Err(Problem::missing(Track::SecurityGroups, message::no_default_vpc())),
    }
}

/// Of these subnets, those that exist, as EC2 `DescribeSubnets` tells them now; those that are known are not asked for.
pub(in crate::controller) async fn subnets_of<'a>(
    view: &View,
    ids: impl IntoIterator<Item = &'a String>,
    known: &Subnets,
) -> Result<Subnets, aws::Error> {
    let (mut found, mut ask) = (Subnets::new(), Vec::new());
    for id in ids {
        match known.get(id) {
            Some(subnet) => drop(found.insert(id.clone(), subnet.clone())),
            None => ask.push(id.clone()),
        }
    }
    if !ask.is_empty() {
        found.extend(by_id(view.subnets(&Filters::default().with("subnet-id", ask)).await?));
    }
    Ok(found)
}

fn by_id(subnets: Vec<Subnet>) -> Subnets {
    subnets.into_iter().map(|subnet| (subnet.id.clone(), subnet)).collect()
}
