//! Pure: what the status shall remember, and what it remembers of instances.

use std::collections::{BTreeMap, BTreeSet};

use super::from_status;
use super::groups::Groups;
use super::resolution::Resolution;
use crate::api::{Applied, ClassicLoadBalancerSpec, ClassicLoadBalancerStatus};
use crate::controller::claims::Others;
use crate::elb::{Declared, InstanceId, LoadBalancer};
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
    /// What other objects want and made of the same load balancer.
    pub(super) others: &'a Others,
    /// Instances that were registered and that AWS may only not show yet.
    pub(super) unseen: &'a BTreeSet<InstanceId>,
}

/// What the status shall remember.
pub(super) fn applied(made: &Made<'_>) -> Applied {
    let before = from_status::applied_to(made.previous, made.lb);
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
    // One that another object of the operator attached as well, so that the last one detaches it.
    let shared = declared.intersection(&made.others.attached);
    groups.extend(shared.filter(|name| attached.contains(*name)).cloned());
    groups.retain(|name| !made.groups_read || declared.contains(name) || attached.contains(name));
    groups.into_iter().collect()
}

/// How many instances a status remembers.
pub(super) const REMEMBERED: usize = 1000;

/// Where others register instances too, the status remembers who was registered for this object, also where another object
/// of the operator registered it as well: the last one that wants it takes it out.
fn registered(made: &Made<'_>, before: &Applied) -> Vec<String> {
    let Some(registration) = &made.declared.registration else {
        return before.instance_ids.clone();
    };
    if registration.only.is_none() {
        return Vec::new();
    }
    let left: BTreeSet<&String> = made
        .done
        .iter()
        .flat_map(|step| match step {
            Step::DeregisterInstances(ids) => ids.iter().collect(),
            _ => Vec::new(),
        })
        .collect();
    let now = made.done.iter().filter_map(|step| match step {
        Step::RegisterInstances(ids) => Some(ids),
        _ => None,
    });
    let ids: BTreeSet<&String> = before
        .instance_ids
        .iter()
        .chain(now.flatten())
        .chain(registration.wanted.intersection(&made.others.registered))
        .filter(|id| made.lb.instances.contains(*id) || (made.unseen.contains(*id) && !left.contains(id)))
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

/// Adds the registered instances that bindings want of a load balancer that is this object's.
pub(super) fn add_shared(members: &mut Members, others: &Others, registered: &BTreeSet<InstanceId>) {
    for (id, theirs) in others.instances.iter().filter(|(id, _)| registered.contains(*id)) {
        let member = members.entry(id.clone()).or_default();
        member.sources.extend(theirs.sources.iter().cloned());
        member.node = member.node.take().or_else(|| theirs.node.clone());
        member.zone = member.zone.take().or_else(|| theirs.zone.clone());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::targets::Member;

    #[test]
    fn an_instance_that_a_binding_brings_is_told_with_its_node() {
        let id = "i-0abc".to_owned();
        let registered = [id.clone()].into();
        let theirs = Member {
            node: Some("one".to_owned()),
            zone: Some("us-east-1a".to_owned()),
            sources: ["binding/shop/web".to_owned()].into(),
        };
        let others = Others {
            instances: [(id.clone(), theirs.clone()), ("i-0def".to_owned(), theirs.clone())].into(),
            ..Others::default()
        };
        let mut members = Members::new();
        add_shared(&mut members, &others, &registered);
        assert_eq!(members, [(id, theirs)].into());
    }
}
