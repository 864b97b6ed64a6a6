//! I/O that only reads: whether the account lets the object use what it asks for, once that is resolved and before anything is
//! written.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::lookup;
use super::resolution::Resolution;
use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::api::message::{self, Message};
use crate::aws::{Error, Filters, View};
use crate::controller::memory::{Due, Memory};
use crate::elb::{Declared, Placement};
use crate::plan::allow::{Allowance, Tagged, Tags, withhold};
use crate::plan::desired::Desired;
use crate::plan::{Problem, Track};

/// Things of one kind that an object asks for.
struct Asked {
    kind: Tagged,
    field: &'static str,
    track: Track,
    ids: BTreeSet<String>,
}

/// Its tags, and what it is called where it is not what the object names.
type Found = BTreeMap<String, (Option<String>, Tags)>;

/// Looks at everything that the account has rules for. What was found to be allowed is not looked at again until the next full
/// reconcile; what AWS does not show is taken out of what is desired, since nobody knows what it carries. `Ok`: the object may
/// have all that is left.
pub(super) async fn allowed(
    subject: &Subject<'_>,
    resolution: &Resolution,
    desired: &mut Desired,
    memory: &mut Memory,
    full: bool,
    now: Instant,
) -> Result<(), Stop> {
    let (spec, declared) = (&subject.object.spec, &mut desired.declared);
    if !subject.object.is_binding() {
        let scheme = subject.terms.check_scheme(spec.scheme);
        scheme.map_err(|problem| Halt::not_found(&problem))?;
    }
    let Some(allowance) = subject.terms.allowance() else {
        return Ok(());
    };
    if full {
        memory.known.admitted.clear();
    }
    allowance.check_values(spec, declared).map_err(kept_out)?;
    let is_there = spec.adopt == Some(true) || subject.object.is_binding();
    let makes = subject.previous.created_time.is_none() && !is_there;
    if makes {
        may_be_made(subject, declared)?;
    }
    if makes && memory.known.awaits_vpc() && allowance.tags(Tagged::Instance).is_some() {
        return Err(kept_out(message::vpc_must_be_named(allowance.account())).into());
    }
    let mut not_shown = false;
    for asked in asked(subject, resolution, declared) {
        let (kind, field, track) = (asked.kind, asked.field, asked.track);
        let lacking = check(subject, &allowance, asked, memory).await?;
        if !lacking.is_empty() {
            withhold(kind, &lacking, declared);
            let message = allowance.not_shown(kind, field, &lacking);
            desired.missing.push(Problem::missing(track, message));
            not_shown = true;
        }
    }
    let again = memory.known.not_shown(not_shown, now);
    memory.schedule.set_sooner(Due::Lacking, again);
    Ok(())
}

/// Whether all that a new load balancer would get is named, where the account judges it: AWS would choose the rest, and nobody
/// would have looked at that.
pub(super) fn may_be_made(subject: &Subject<'_>, declared: &Declared) -> Result<(), Stop> {
    let unnamed = declared.security_groups.is_none() && subject.object.spec.security_group_selector.is_none();
    match subject.terms.allowance() {
        Some(allowance) if unnamed && allowance.tags(Tagged::SecurityGroup).is_some() => {
            Err(kept_out(message::groups_must_be_named(allowance.account())).into())
        }
        _ => Ok(()),
    }
}

/// What the object asks for.
fn asked(subject: &Subject<'_>, resolution: &Resolution, declared: &Declared) -> [Asked; 5] {
    let spec = &subject.object.spec;
    let (field, places) = match &declared.placement {
        Some(Placement::AvailabilityZones(zones)) => ("spec.availabilityZones", zones.clone()),
        Some(Placement::Subnets(ids)) if spec.subnet_selector.is_some() => ("spec.subnetSelector", ids.clone()),
        Some(Placement::Subnets(ids)) => ("spec.subnets", ids.clone()),
        None => ("spec.subnets", BTreeSet::new()),
    };
    let groups = spec
        .targets
        .iter()
        .flat_map(|targets| targets.auto_scaling_groups.iter().flatten());
    let certificates = declared
        .listeners
        .values()
        .filter_map(|listener| listener.certificate.clone());
    let selected = spec.security_group_selector.is_some();
    let asked = |kind, field, track, ids| Asked {
        kind,
        field,
        track,
        ids,
    };
    [
        asked(Tagged::Subnet, field, Track::Placement, places),
        asked(
            Tagged::SecurityGroup,
            if selected {
                "spec.securityGroupSelector"
            } else {
                "spec.securityGroups"
            },
            Track::SecurityGroups,
            declared.security_groups.clone().unwrap_or_default(),
        ),
        asked(
            Tagged::AutoScalingGroup,
            "spec.targets.autoScalingGroups",
            Track::AutoScalingGroups,
            groups.map(|group| group.name.clone()).collect(),
        ),
        asked(
            Tagged::Instance,
            "spec.targets",
            Track::Instances,
            resolution.resolved.members.keys().cloned().collect(),
        ),
        asked(
            Tagged::Certificate,
            "spec.listeners[].certificate",
            Track::Listeners,
            certificates.collect(),
        ),
    ]
}

/// Looks at the tags of what is asked for, where there is a rule. Tells what AWS does not show.
async fn check(
    subject: &Subject<'_>,
    allowance: &Allowance<'_>,
    asked: Asked,
    memory: &mut Memory,
) -> Result<BTreeSet<String>, Stop> {
    let Asked {
        kind,
        field,
        track,
        ids,
    } = asked;
    let Some(wanted) = allowance.tags(kind) else {
        return Ok(BTreeSet::new());
    };
    let admitted = |id: &String| (kind, id.clone(), wanted.clone());
    let unknown: BTreeSet<String> = ids
        .into_iter()
        .filter(|id| !memory.known.admitted.contains(&admitted(id)))
        .collect();
    if unknown.is_empty() {
        return Ok(unknown);
    }
    let view = &subject.region.view;
    let found = match kind {
        Tagged::Subnet if field == "spec.availabilityZones" => default_subnets(view, &unknown).await,
        Tagged::Subnet => subnets(view, memory, &unknown).await,
        Tagged::SecurityGroup => groups(view, &unknown).await,
        Tagged::AutoScalingGroup => view.tags_of_groups(&unknown).await.map(by_id),
        Tagged::Instance => view.tags_of_instances(&unknown).await.map(by_id),
        Tagged::Certificate => certificates(view, &unknown).await,
    };
    let found = match found {
        Ok(found) => found,
        Err(error) if error.wait.is_some() => return Err(subject.unreadable(&error)),
        Err(error) => return Err(unread(allowance, kind, field, track, &error).into()),
    };
    for (id, (called, tags)) in &found {
        let what = called.as_ref().unwrap_or(id);
        allowance.check_tags(kind, field, what, tags).map_err(kept_out)?;
    }
    let (shown, lacking): (BTreeSet<_>, BTreeSet<_>) = unknown.into_iter().partition(|id| found.contains_key(id));
    memory.known.admitted.extend(shown.iter().map(admitted));
    Ok(lacking)
}

fn by_id(found: BTreeMap<String, Tags>) -> Found {
    found.into_iter().map(|(id, tags)| (id, (None, tags))).collect()
}

/// The subnets that AWS takes for these zones.
async fn default_subnets(view: &View, zones: &BTreeSet<String>) -> Result<Found, Error> {
    let filters = Filters::default()
        .with("default-for-az", ["true".to_owned()])
        .with("availability-zone", zones.iter().cloned());
    let found = view.subnets(&filters).await?.into_iter();
    Ok(found
        .filter(|subnet| zones.contains(&subnet.zone))
        .map(|subnet| {
            let called = message::default_subnet(&subnet.id, &subnet.zone);
            (subnet.zone, (Some(called), subnet.tags))
        })
        .collect())
}

async fn subnets(view: &View, memory: &Memory, ids: &BTreeSet<String>) -> Result<Found, Error> {
    let known = &memory.known.lookups.subnets;
    let found = lookup::subnets_of(view, ids, known).await?;
    Ok(found
        .into_iter()
        .map(|(id, subnet)| (id, (None, subnet.tags)))
        .collect())
}

async fn groups(view: &View, ids: &BTreeSet<String>) -> Result<Found, Error> {
    let filters = Filters::default().with("group-id", ids.iter().cloned());
    let found = view.security_groups(&filters).await?.into_iter();
    Ok(found.map(|group| (group.id, (None, group.tags))).collect())
}

async fn certificates(view: &View, arns: &BTreeSet<String>) -> Result<Found, Error> {
    let mut found = BTreeMap::new();
    for arn in arns {
        let tags = view.tags_of_certificate(arn).await?;
        found.extend(tags.map(|tags| (arn.clone(), (None, tags))));
    }
    Ok(found)
}

fn kept_out(message: Message) -> Halt {
    Halt::not_found(&Problem::blocked(message))
}

fn unread(allowance: &Allowance<'_>, kind: Tagged, field: &str, track: Track, error: &Error) -> Halt {
    let message = message::tags_of_account_unread(error.reason(), field, kind.rule(), allowance.account(), error);
    Halt::not_found(&Problem::missing(track, message))
}
