//! Pure: what the status shall remember, and what it remembers of instances.

use std::collections::{BTreeMap, BTreeSet};

use super::groups::Groups;
use super::resolution::Resolution;
use crate::api::{Applied, ClassicLoadBalancerSpec, ClassicLoadBalancerStatus};

use crate::elb::{Declared, LoadBalancer};
use crate::plan::Step;
use crate::plan::desired::{auto_scaling_groups, fields};
use crate::plan::targets::{Members, SOURCE_AUTO_SCALING_GROUP, SOURCE_INSTANCE_TAGS, SOURCE_NODE_SELECTOR};

/// What a reconcile made, and of what.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) spec: &'a ClassicLoadBalancerSpec,
    pub(super) declared: &'a Declared,
    pub(super) previous: &'a ClassicLoadBalancerStatus,
    /// As AWS has it now.
    pub(super) lb: &'a LoadBalancer,
    /// What AWS accepted.
    pub(super) done: &'a [Step],
    /// Whether the Auto Scaling groups could be read.
    pub(super) groups_read: bool,
}

/// What the status shall remember.
pub(super) fn applied(made: &Made<'_>) -> Applied {
    let before = made.previous.applied.clone().unwrap_or_default();
    let mut fields = fields::declared(made.spec);
    fields.extend(
        fields::pending(&before.fields, made.spec, made.declared, made.lb)
            .into_iter()
            .cloned(),
    );
    Applied {
        fields: fields.into_iter().collect(),
        tag_keys: tag_keys(made, &before),
        auto_scaling_groups: groups(made, &before),
        instance_ids: registered(made, &before),
    }
}

/// Only what is there as declared was set; a key that is ignored now may be somebody else's later.
fn tag_keys(made: &Made<'_>, before: &Applied) -> Vec<String> {
    let tags = &made.lb.tags;
    let ours = |(key, value): &(&String, &String)| tags.get(*key) == Some(*value);
    let ignored: BTreeSet<&String> = made.spec.ignored_tag_keys.iter().flatten().collect();
    let stays = |key: &&String| tags.contains_key(*key) && !ignored.contains(*key);
    let set = made.declared.tags.iter().filter(ours).map(|(key, _)| key);
    let keys: BTreeSet<&String> = set.chain(before.tag_keys.iter().filter(stays)).collect();
    keys.into_iter().cloned().collect()
}

/// The groups that were attached for this object. One that is not declared and not attached is not ours any more,
/// whoever detached or deleted it.
fn groups(made: &Made<'_>, before: &Applied) -> Vec<String> {
    let declared = made.spec.targets.as_ref().map(auto_scaling_groups).unwrap_or_default();
    let mut groups: BTreeSet<String> = before.auto_scaling_groups.iter().cloned().collect();
    for step in made.done {
        match step {
            Step::AttachAutoScalingGroup(name) => groups.insert(name.clone()),
            Step::DetachAutoScalingGroup(name) => groups.remove(name),
            _ => false,
        };
    }
    let attached = &made.lb.auto_scaling_groups;
    groups.retain(|name| !made.groups_read || declared.contains(name) || attached.contains(name));
    groups.into_iter().collect()
}

/// With `registration.mode: Additive` the status remembers who was registered for this object.
fn registered(made: &Made<'_>, before: &Applied) -> Vec<String> {
    const REMEMBERED: usize = 1000;
    let registration = made.declared.registration.as_ref();
    if registration.is_none_or(|registration| registration.only.is_none()) {
        return Vec::new();
    }
    let now = made.done.iter().filter_map(|step| match step {
        Step::RegisterInstances(ids) => Some(ids),
        _ => None,
    });
    let ids: BTreeSet<&String> = before
        .instance_ids
        .iter()
        .chain(now.flatten())
        .filter(|id| made.lb.instances.contains(*id))
        .collect();
    ids.into_iter().take(REMEMBERED).cloned().collect()
}

/// Adds the members of attached groups, with their zones.
pub(super) fn add_group_members(
    members: &mut Members,
    groups: &Groups,
    lb: &LoadBalancer,
    declared: Option<&BTreeSet<String>>,
) {
    let zones: BTreeMap<_, _> = groups.found.values().flat_map(|group| &group.instances).collect();
    for (id, group) in groups.members(&lb.name, declared) {
        let zone = zones.get(&id).and_then(|zone| (*zone).clone());
        let member = members.entry(id).or_default();
        member.sources.insert(format!("{SOURCE_AUTO_SCALING_GROUP}{group}"));
        member.zone = member.zone.take().or(zone);
    }
}

/// Adds what is remembered of registered instances that this reconcile found no source for: members of groups, where
/// the groups were not read, and nodes, where their view is not trusted. Forgetting why an instance is there would let
/// the next reconcile take it for one that nobody wants.
pub(super) fn add_remembered(
    members: &mut Members,
    remembered: &Members,
    lb: &LoadBalancer,
    groups_read: bool,
    resolution: &Resolution,
) {
    let remote = resolution.remote_suspect;
    let holds = |source: &String| {
        ((!groups_read || remote) && source.starts_with(SOURCE_AUTO_SCALING_GROUP))
            || (remote && source == SOURCE_INSTANCE_TAGS)
            || (resolution.suspicion.is_some() && source == SOURCE_NODE_SELECTOR)
    };
    for (id, known) in remembered.iter().filter(|(id, _)| lb.instances.contains(*id)) {
        for source in known.sources.iter().filter(|source| holds(source)) {
            let member = members.entry(id.clone()).or_default();
            member.sources.insert(source.clone());
            member.zone = member.zone.take().or_else(|| known.zone.clone());
            member.node = member.node.take().or_else(|| known.node.clone());
        }
    }
}
