//! I/O: the instances that `targets.instanceTags` and resolved Auto Scaling groups name.
//!
//! Looked up at the health interval, too: these change without an event here. What could not be read stays as it was
//! known, and then the registered set is not shrunk.

use std::collections::BTreeSet;

use super::found::Lookups;
use crate::api::message;
use crate::api::{AutoScalingGroupMode, ClassicLoadBalancerStatus, Targets};
use crate::aws::View;
use crate::elb::InstanceId;
use crate::plan::targets::{Members, SOURCE_AUTO_SCALING_GROUP, SOURCE_INSTANCE_TAGS};
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

/// Looks them up anew. `vpc` is the load balancer's, where that is known.
pub(in crate::controller) async fn look_up(
    targets: Option<&Targets>,
    view: &View,
    vpc: Option<&str>,
    previous: &ClassicLoadBalancerStatus,
    lookups: &mut Lookups,
) {
    let known = std::mem::take(&mut lookups.members);
    lookups.suspicion = None;
    lookups.absent_groups = None;
    let Some(targets) = targets else { return };
    let mut found = Members::new();
    let mut problem = by_tags(targets, view, vpc, &mut found).await.err();
    match by_groups(targets, view, &mut found).await {
        Ok(absent) => lookups.absent_groups = absent,
        Err(unread) => problem = problem.or(Some(unread)),
    }
    if problem.is_some() {
        // A part of the answer proves nothing about the rest.
        for (id, member) in known {
            found.entry(id).or_insert(member);
        }
    }
    lookups.suspicion = problem.or_else(|| suspect(targets, &found, previous));
    lookups.members = found;
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
async fn by_groups(targets: &Targets, view: &View, found: &mut Members) -> Result<Option<Problem>, Problem> {
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
        Problem::missing(Track::AutoScalingGroups, message::no_such_groups(absent))
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
