//! I/O: the instances that `targets.instanceTags` and resolved Auto Scaling groups name.
//!
//! Looked up at the health interval, too: these change without an event here. What could not be read stays as it was
//! known, and then the registered set is not shrunk. One that a list lacks is looked for once more before it counts as gone.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::found::Lookups;
use crate::api::message;
use crate::api::{AutoScalingGroupMode, ClassicLoadBalancerStatus, InstanceStatus, Targets};
use crate::aws::View;
use crate::controller::memory::SECOND_LOOK;
use crate::elb::InstanceId;
use crate::plan::targets::{Member, Members, SOURCE_AUTO_SCALING_GROUP, SOURCE_INSTANCE_TAGS};
use crate::plan::{Problem, Track};

/// Whether anything has to be looked up.
pub(in crate::controller) fn is_needed(targets: Option<&Targets>) -> bool {
    let Some(targets) = targets else { return false };
    targets.instance_tags.as_ref().is_some_and(|tags| !tags.is_empty()) || !resolved_groups(targets).is_empty()
}

/// Whether the VPC of the load balancer tells where to look.
pub(in crate::controller) fn needs_vpc(targets: Option<&Targets>) -> bool {
    let tags = targets
        .iter()
        .flat_map(|targets| targets.instance_tags.iter().flatten());
    tags.into_iter().any(|tags| tags.vpc_id.is_none())
}

/// Whether groups are looked up.
pub(in crate::controller) fn has_groups(targets: &Targets) -> bool {
    !resolved_groups(targets).is_empty()
}

fn resolved_groups(targets: &Targets) -> BTreeSet<String> {
    let groups = targets.auto_scaling_groups.iter().flatten();
    groups
        .filter(|group| group.mode == Some(AutoScalingGroupMode::Resolve))
        .map(|group| group.name.clone())
        .collect()
}

/// A look at them.
#[derive(Clone, Copy, Debug)]
pub(in crate::controller) struct Look<'a> {
    /// Where it is made.
    pub(in crate::controller) region: &'a str,
    /// The spec that it is made for.
    pub(in crate::controller) generation: i64,
    /// What it sees is not older than this: others may have read it.
    pub(in crate::controller) since: Instant,
    /// When it is made.
    pub(in crate::controller) now: Instant,
}

/// Looks them up anew. `vpc` is the load balancer's, where that is known.
pub(in crate::controller) async fn look_up(
    targets: Option<&Targets>,
    view: &View,
    vpc: Option<&str>,
    previous: &ClassicLoadBalancerStatus,
    lookups: &mut Lookups,
    look: Look<'_>,
) {
    let known = std::mem::take(&mut lookups.members);
    let vanished = std::mem::take(&mut lookups.vanished);
    lookups.vanished.generation = Some(look.generation);
    lookups.suspicion = None;
    lookups.absent_groups = None;
    let Some(targets) = targets else { return };
    let mut found = Members::new();
    let mut problem = by_tags(targets, view, vpc, &mut found).await.err();
    match by_groups(targets, view, look.region, &mut found).await {
        Ok(absent) => lookups.absent_groups = absent,
        Err(unread) => problem = problem.or(Some(unread)),
    }
    if problem.is_some() {
        // A part of the answer proves nothing about the rest.
        for (id, member) in known {
            found.entry(id).or_insert(member);
        }
        lookups.vanished.since = vanished.since;
        (lookups.suspicion, lookups.members) = (problem, found);
        return;
    }
    lookups.suspicion = suspect(targets, &found, previous);
    // Of another spec it is asked for no more, and that is a wish.
    let before = match vanished.generation {
        Some(of) if of == look.generation => known,
        None if previous.observed_generation == Some(look.generation) => told(targets, previous),
        _ => Members::new(),
    };
    for (id, member) in before {
        if found.contains_key(&id) {
            continue;
        }
        let since = vanished.since.get(&id).copied().unwrap_or(look.now);
        if look.since.saturating_duration_since(since) < SECOND_LOOK {
            lookups.vanished.since.insert(id.clone(), since);
            found.insert(id, member);
        }
    }
    lookups.members = found;
}

/// When what the last look lacked is looked for once more.
pub(in crate::controller) fn second_look(lookups: &Lookups) -> Option<Instant> {
    let since = lookups.vanished.since.values().min()?;
    Some(*since + SECOND_LOOK)
}

/// The instances that a status tells to come from what is looked up.
fn told(targets: &Targets, status: &ClassicLoadBalancerStatus) -> Members {
    let groups = resolved_groups(targets);
    let looked_up = |source: &&String| {
        let group = source.strip_prefix(SOURCE_AUTO_SCALING_GROUP);
        *source == SOURCE_INSTANCE_TAGS || group.is_some_and(|group| groups.contains(group))
    };
    let items = status.instances.iter().flat_map(|instances| instances.items.iter());
    let member = |item: &InstanceStatus| {
        let sources: BTreeSet<String> = item.sources.iter().filter(looked_up).cloned().collect();
        let (id, zone) = (item.id.clone(), item.zone.clone());
        (!sources.is_empty()).then_some((
            id,
            Member {
                node: None,
                zone,
                sources,
            },
        ))
    };
    items.filter_map(member).collect()
}

/// EC2 `DescribeInstances` for each entry.
async fn by_tags(targets: &Targets, view: &View, vpc: Option<&str>, found: &mut Members) -> Result<(), Problem> {
    for entry in targets.instance_tags.iter().flatten() {
        // Before the load balancer exists its VPC is not known; the reconcile after its creation looks again.
        let Some(vpc) = entry.vpc_id.as_deref().or(vpc) else {
            continue;
        };
        let instances = view.instances_by_tags(&entry.tags, vpc).await.map_err(|error| {
            let message = message::tags_not_looked_up(error.reason(), &error);
            Problem::missing(Track::Instances, message)
        })?;
        for (id, zone) in instances {
            add(found, id, zone, SOURCE_INSTANCE_TAGS.to_owned());
        }
    }
    Ok(())
}

/// Auto Scaling `DescribeAutoScalingGroups`. Tells of groups that do not exist.
async fn by_groups(
    targets: &Targets,
    view: &View,
    region: &str,
    found: &mut Members,
) -> Result<Option<Problem>, Problem> {
    let names = resolved_groups(targets);
    if names.is_empty() {
        return Ok(None);
    }
    let groups = view.auto_scaling_groups(&names).await.map_err(|error| {
        let message = message::groups_not_looked_up(error.reason(), &error);
        Problem::missing(Track::AutoScalingGroups, message)
    })?;
    let mut absent = names;
    for group in groups {
        absent.remove(&group.name);
        let source = format!("{SOURCE_AUTO_SCALING_GROUP}{}", group.name);
        for (id, zone) in group.instances {
            if group.in_service.contains(&id) {
                add(found, id, zone, source.clone());
            }
        }
    }
    Ok((!absent.is_empty()).then(|| {
        let absent = absent.into_iter().collect::<Vec<_>>().join(", ");
        Problem::missing(Track::AutoScalingGroups, message::no_such_groups(absent, region))
    }))
}

fn add(found: &mut Members, id: InstanceId, zone: Option<String>, source: String) {
    let member = found.entry(id).or_default();
    member.sources.insert(source);
    member.zone = member.zone.take().or(zone);
}

/// A source that finds nothing though registered instances came from it is more likely a mistake than a wish.
fn suspect(targets: &Targets, found: &Members, previous: &ClassicLoadBalancerStatus) -> Option<Problem> {
    let items = || previous.instances.iter().flat_map(|instances| instances.items.iter());
    let came = |source: &str| items().any(|item| item.sources.iter().any(|other| other == source));
    let finds = |source: &str| found.values().any(|member| member.sources.contains(source));
    let empty = |source: &str| came(source) && !finds(source);
    let tags = targets.instance_tags.iter().flatten().next().is_some() && empty(SOURCE_INSTANCE_TAGS);
    let group = resolved_groups(targets)
        .into_iter()
        .find(|name| empty(&format!("{SOURCE_AUTO_SCALING_GROUP}{name}")));
    match group {
        _ if tags => Some(Problem::missing(Track::Instances, message::no_tagged_instance())),
        Some(group) => Some(Problem::missing(Track::AutoScalingGroups, message::empty_group(group))),
        None => None,
    }
}
