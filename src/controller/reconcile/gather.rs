//! I/O that only reads: what a report tells besides what the steps of the reconcile made.

use std::collections::BTreeSet;

use super::groups::Groups;
use super::lookup::instances;
use super::resolution::Resolution;
use super::subject::Subject;
use super::{applied, from_status, zones};
use crate::api::AutoScalingGroupStatus;
use crate::api::message::{self, Message};
use crate::controller::memory::Memory;
use crate::elb::{Account, Declared, InstanceHealth, InstanceId, LoadBalancer, Part};
use crate::plan::Explained;
use crate::plan::targets::Members;

/// The most calls that a status lists, and the longest text of one.
const LINES: usize = 100;
const LINE: usize = 500;

/// The account that the load balancer is in. It was found where it was made: an identity that changed since then is not its
/// account's.
pub(super) async fn account_of(subject: &Subject<'_>) -> Option<Account> {
    let account = subject.region.account().await;
    let account = account.inspect_err(|error| tracing::warn!(%error, "the AWS account could not be read"));
    let known = subject.previous.account_id.as_ref();
    account
        .ok()
        .filter(|account| known.is_none_or(|known| *known == account.id))
}

/// The health as last read, and of which instances.
pub(super) type Reading = (Vec<InstanceHealth>, BTreeSet<InstanceId>);

/// A load balancer and the health of its instances as the status shows them: of one that is somebody else's, no instances
/// but those that are, or were, this object's.
pub(super) fn shown(
    subject: &Subject<'_>,
    members: &Members,
    mut lb: LoadBalancer,
    mut health: Option<Reading>,
) -> (LoadBalancer, Option<Reading>) {
    if subject.object.is_binding() {
        let previous = &subject.previous;
        let listed = previous.instances.iter().flat_map(|instances| instances.items.iter());
        let made = previous.applied.iter().flat_map(|applied| &applied.instance_ids);
        let mine: BTreeSet<&InstanceId> = members.keys().chain(made).chain(listed.map(|item| &item.id)).collect();
        lb.instances.retain(|id| mine.contains(id));
        if let Some((health, _)) = &mut health {
            health.retain(|instance| mine.contains(&instance.id));
        }
    }
    (lb, health)
}

/// Which sources of targets were looked at and have none, and what to do.
pub(super) fn found_none(subject: &Subject<'_>, memory: &Memory) -> Option<Message> {
    let targets = subject.object.spec.targets.as_ref()?;
    let lookups = &memory.known.lookups;
    let known = lookups.suspicion.is_none() && lookups.absent_groups.is_none();
    let tags = targets.instance_tags.iter().flatten();
    let vpc = memory
        .known
        .load_balancer()
        .and_then(|lb| lb.identity.vpc_id.as_deref());
    let vpcs: BTreeSet<&str> = tags.filter_map(|tags| tags.vpc_id.as_deref().or(vpc)).collect();
    let selected = memory.known.selected().filter(|selected| !selected.matched);
    let why = [
        selected.map(|selected| message::selects_none(selected.total)),
        (known && !vpcs.is_empty()).then(|| message::tags_match_none(Vec::from_iter(vpcs).join(", "))),
        (known && instances::has_groups(targets)).then(message::groups_hold_none),
    ];
    let why: Vec<String> = why.into_iter().flatten().collect();
    (!why.is_empty()).then(|| message::found_none(why.join("; ")))
}

/// The instances with their sources and zones. They are remembered.
pub(super) async fn members(
    subject: &Subject<'_>,
    memory: &mut Memory,
    resolution: &Resolution,
    declared: Option<&Declared>,
    groups: Option<&Groups>,
    lb: &LoadBalancer,
) -> Members {
    let mut members = resolution.resolved.members.clone();
    if let (Some(groups), Some(declared)) = (groups, declared) {
        applied::add_group_members(&mut members, groups, lb, declared.auto_scaling_groups.as_ref());
    }
    let remembered = memory.known.members(|| from_status::members_of(&subject.previous));
    applied::add_remembered(&mut members, remembered, lb, groups.is_some(), resolution);
    if !subject.object.is_binding() {
        applied::add_shared(&mut members, &resolution.others, &lb.instances);
    }
    zones::find_zones(subject, memory, &mut members).await;
    memory.known.keep_members(members.clone());
    members
}

pub(super) fn group_status(
    declared: &Declared,
    missing: &BTreeSet<String>,
    lb: &LoadBalancer,
) -> Vec<AutoScalingGroupStatus> {
    let declared = declared.auto_scaling_groups.iter().flatten();
    let names: BTreeSet<&String> = declared.chain(&lb.auto_scaling_groups).chain(missing).collect();
    let status = |name: &String| AutoScalingGroupStatus {
        name: name.clone(),
        attached: lb.auto_scaling_groups.contains(name),
    };
    names.into_iter().map(status).collect()
}

/// Ids that AWS refused though a source named them, but for those that the user named, registered ones that EC2 says are
/// terminated, and those that AWS lists though it says that they are not registered.
pub(super) fn stale(subject: &Subject<'_>, memory: &Memory) -> Vec<String> {
    let named = subject.named();
    let refused = memory.refusals.instances().union(memory.brake.terminated());
    let refused = refused.filter(|id| !named.contains(*id));
    let stale: BTreeSet<_> = refused.chain(memory.refusals.unregistered()).cloned().collect();
    stale.into_iter().collect()
}

/// Whether the spec says which instances are wanted. If not, those that are registered are.
pub(super) fn wants_targets(declared: &Declared) -> bool {
    declared.registration.is_some() && !declared.ignored.contains(&Part::Instances)
}

/// A call in words, and whether it takes something away that clients or people may miss.
pub(in crate::controller) fn in_words(call: &Explained) -> String {
    if call.takes_away {
        message::takes_away(&call.step)
    } else {
        call.step.to_string()
    }
}

/// The calls in words, no more than a status should hold.
pub(super) fn lines(calls: &[Explained]) -> Vec<String> {
    let shown = calls.iter().take(LINES);
    let mut lines: Vec<String> = shown.map(|call| in_words(call).chars().take(LINE).collect()).collect();
    if calls.len() > LINES {
        lines.push(message::further_calls(calls.len() - LINES));
    }
    lines
}
