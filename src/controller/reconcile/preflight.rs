//! I/O: looks at subnets before they are attached, so that what AWS would refuse is told in words that name the field,
//! and a swap is planned in knowledge of the zones. Where EC2 may not be asked, AWS's own refusal tells.

use std::collections::BTreeSet;

use super::lookup::placement_check::PlacementCheck;
use super::lookup::{self, Subnets};
use super::met::Met;
use super::stop::Halt;
use super::subject::Subject;
use crate::api::message::{self, Message};
use crate::aws::{Error, Filters};
use crate::elb::{Class, Declared, LoadBalancer, Ownership, Placement};
use crate::plan::allow::Tagged;
use crate::plan::desired::{brings_certificates, withhold_foreign_certificates};
use crate::plan::{Facts, Problem, Track, needs_spare};

/// Why a placement cannot be made.
enum Obstacle {
    /// It is known why.
    Known(Problem),
    /// It could not be looked at.
    Unread(Error),
}

impl From<Problem> for Obstacle {
    fn from(problem: Problem) -> Self {
        Self::Known(problem)
    }
}

impl From<Error> for Obstacle {
    fn from(error: Error) -> Self {
        Self::Unread(error)
    }
}

/// Before `CreateLoadBalancer`.
pub(super) async fn before_creation(subject: &Subject<'_>, declared: &Declared, known: &Subnets) -> Result<(), Halt> {
    let Some(Placement::Subnets(wanted)) = &declared.placement else {
        return Ok(());
    };
    match look_at(subject, wanted, None, known).await {
        Ok(_) => Ok(()),
        Err(Obstacle::Known(problem)) => Err(Halt::not_found(&problem)),
        Err(Obstacle::Unread(error)) if error.class == Class::Denied => Ok(()),
        Err(Obstacle::Unread(error)) => Err(Halt::not_created(&error)),
    }
}

/// The zones in which AWS can place a load balancer without being told subnets; none where EC2 cannot be asked.
pub(super) async fn usable_zones(subject: &Subject<'_>) -> Vec<String> {
    let of_the_default = Filters::default().with("default-for-az", ["true".to_owned()]);
    let subnets = subject.region.client.subnets(&of_the_default).await;
    let subnets = subnets.inspect_err(|error| tracing::debug!(%error, "the zones of the region could not be read"));
    let zones: BTreeSet<String> = subnets.into_iter().flatten().map(|subnet| subnet.zone).collect();
    zones.into_iter().collect()
}

/// Before the zones of a load balancer change: AWS takes zones in the default VPC alone. Where EC2 cannot tell which that is,
/// AWS's own refusal will.
pub(super) async fn check_zones(
    subject: &Subject<'_>,
    wanted: Option<&BTreeSet<String>>,
    lb: &LoadBalancer,
) -> Result<(), Problem> {
    let (Some(wanted), Some(vpc)) = (wanted, lb.identity.vpc_id.as_deref()) else {
        return Ok(());
    };
    if *wanted == lb.availability_zones {
        return Ok(());
    }
    let of_the_default = Filters::default().with("default-for-az", ["true".to_owned()]);
    match subject.region.client.subnets(&of_the_default).await {
        Ok(subnets) if subnets.iter().all(|subnet| subnet.vpc_id != vpc) => {
            let zones = lb.availability_zones.iter().cloned().collect::<Vec<_>>().join(", ");
            // Only one that is the object's own can be replaced.
            let message = if subject.judge(&lb.tags) == Ownership::Ours {
                message::zones_of_the_default_vpc(&lb.name, vpc, zones)
            } else {
                message::zones_of_another_vpc(&lb.name, vpc, zones)
            };
            Err(Problem::invalid(Track::Placement, message))
        }
        Ok(subnets) => {
            let usable: BTreeSet<String> = subnets.into_iter().map(|subnet| subnet.zone).collect();
            let known = &lb.availability_zones;
            let unusable: Vec<&String> = wanted
                .difference(&usable)
                .filter(|zone| !known.contains(*zone))
                .collect();
            match unusable.first() {
                Some(zone) => {
                    let zones: Vec<&str> = usable.iter().map(String::as_str).collect();
                    let message = message::zone_without_subnet(zone, &subject.region.region, zones.join(", "));
                    Err(Problem::invalid(Track::Placement, message))
                }
                None => Ok(()),
            }
        }
        Err(error) => {
            tracing::info!(%error, "the default VPC cannot be looked for; AWS will tell");
            Ok(())
        }
    }
}

/// Before a load balancer is taken over: what can never be put on this one, subnets of another VPC and certificates of another
/// region or account, is told before anything is written to it.
pub(super) async fn fits(subject: &Subject<'_>, declared: &Declared, lb: &LoadBalancer) -> Result<(), Problem> {
    let wanted = declared.over(lb).subnets;
    if wanted != lb.subnets
        && let Err(Obstacle::Known(problem)) = look_at(subject, &wanted, Some(lb), &Subnets::new()).await
        && problem.is_invalid()
    {
        return Err(problem);
    }
    let mut declared = declared.clone();
    foreign_certificates(subject, &mut declared, lb)
        .await
        .into_iter()
        .next()
        .map_or(Ok(()), Err)
}

/// Takes out of what is declared the listeners with certificates that can be on none here, and tells why.
pub(super) async fn foreign_certificates(
    subject: &Subject<'_>,
    declared: &mut Declared,
    lb: &LoadBalancer,
) -> Vec<Problem> {
    if !brings_certificates(declared, lb) {
        return Vec::new();
    }
    let (region, account) = (&subject.region.region, account_of(subject).await);
    withhold_foreign_certificates(declared, lb, region, account.as_deref())
}

/// The account that the load balancer is in, as the status knows it, or else that of who answers.
async fn account_of(subject: &Subject<'_>) -> Option<String> {
    match &subject.previous.account_id {
        Some(known) => Some(known.clone()),
        None => subject.region.account().await.ok().map(|account| account.id),
    }
}

/// Before the subnets or zones of a load balancer change. On an obstacle they stay as they are in this reconcile.
pub(super) async fn before_change(
    subject: &Subject<'_>,
    declared: &mut Declared,
    facts: &mut Facts,
    lb: &LoadBalancer,
    known: &Subnets,
    met: &mut Met,
) {
    let LoadBalancer {
        subnets: wanted,
        availability_zones: zones,
        ..
    } = declared.over(lb);
    if let Err(problem) = check_zones(subject, Some(&zones), lb).await {
        declared.placement = None;
        met.problems.push(problem);
        return;
    }
    if wanted == lb.subnets {
        return;
    }
    match look_at_change(subject, &wanted, facts, lb, known).await {
        Ok(()) => {}
        Err(Obstacle::Known(problem)) => {
            declared.placement = None;
            met.problems.push(problem);
        }
        Err(Obstacle::Unread(error)) if error.class == Class::Denied => {
            tracing::info!(%error, "the subnets cannot be looked at; AWS will tell");
        }
        Err(Obstacle::Unread(error)) => {
            declared.placement = None;
            met.unread(Track::Placement, &error);
        }
    }
}

async fn look_at_change(
    subject: &Subject<'_>,
    wanted: &BTreeSet<String>,
    facts: &mut Facts,
    lb: &LoadBalancer,
    known: &Subnets,
) -> Result<(), Obstacle> {
    let found = look_at(subject, wanted, Some(lb), known).await?;
    if !lb.subnets.iter().all(|subnet| found.contains_key(subnet)) {
        return Ok(());
    }
    let zones = found.iter().map(|(id, subnet)| (id.clone(), subnet.zone.clone()));
    let zones = zones.collect();
    if needs_spare(&lb.subnets, wanted, &zones) {
        facts.spare = Some(spare(subject, wanted, lb, &found).await?);
    }
    facts.zones = zones;
    Ok(())
}

/// The subnets wanted and attached, when AWS will take those that are wanted.
async fn look_at(
    subject: &Subject<'_>,
    wanted: &BTreeSet<String>,
    lb: Option<&LoadBalancer>,
    known: &Subnets,
) -> Result<Subnets, Obstacle> {
    let none = BTreeSet::new();
    let attached = lb.map_or(&none, |lb| &lb.subnets);
    let all: BTreeSet<&String> = wanted.union(attached).collect();
    let found = lookup::subnets_of(&subject.region.view, all, known).await?;
    let check = PlacementCheck {
        field: placement_field(subject),
        region: &subject.region.region,
        wanted,
        attached,
        vpc: lb.and_then(|lb| lb.identity.vpc_id.as_deref()),
    };
    check.run(&found)?;
    Ok(found)
}

/// The subnet to borrow, where that is permitted.
async fn spare(
    subject: &Subject<'_>,
    wanted: &BTreeSet<String>,
    lb: &LoadBalancer,
    found: &Subnets,
) -> Result<String, Obstacle> {
    let field = placement_field(subject);
    let (Some(old), Some(new)) = (lb.subnets.first().and_then(|id| found.get(id)), wanted.first()) else {
        return Err(needs_temporary(message::only_subnet_not_found(field)));
    };
    if subject.object.spec.allow_temporary_subnet != Some(true) {
        return Err(needs_temporary(message::may_borrow(field, new, &old.id, &old.zone)));
    }
    let region = &subject.region;
    let allowance = subject.terms.allowance();
    let must_carry = allowance
        .and_then(|allowance| allowance.tags(Tagged::Subnet))
        .unwrap_or_default();
    let spare = lookup::spare_subnet(&region.view, &region.region, lb.scheme, old, &must_carry).await?;
    spare.map(|spare| spare.id).ok_or_else(|| {
        let message = message::none_to_borrow(field, new, &old.id, &old.zone, &old.vpc_id);
        needs_temporary(message)
    })
}

fn placement_field(subject: &Subject<'_>) -> &'static str {
    if subject.object.spec.subnet_selector.is_some() {
        "spec.subnetSelector"
    } else {
        "spec.subnets"
    }
}

fn needs_temporary(message: Message) -> Obstacle {
    Obstacle::Known(Problem::missing(Track::Placement, message))
}
