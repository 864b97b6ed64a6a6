//! Pure: why instances are targets, as far as a pass and what is remembered can tell.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Applied, ClassicLoadBalancerStatus};
use crate::controller::observe::Groups;
use crate::controller::resolve::Resolution;
use crate::elb::{Declared, LoadBalancer};
use crate::plan::Step;
use crate::plan::targets::{Member, Members, SOURCE_AUTO_SCALING_GROUP, SOURCE_INSTANCE_TAGS, SOURCE_NODE_SELECTOR};

/// With `registration.mode: Additive` the status remembers who was registered for this object.
pub(super) fn with_registered(
    mut applied: Applied,
    declared: &Declared,
    previous: &ClassicLoadBalancerStatus,
    lb: &LoadBalancer,
    done: &[Step],
) -> Applied {
    const REMEMBERED: usize = 1000;
    if declared
        .registration
        .as_ref()
        .is_some_and(|registration| registration.only.is_some())
    {
        let before = previous.applied.iter().flat_map(|applied| applied.instance_ids.clone());
        let now = done.iter().filter_map(|step| match step {
            Step::RegisterInstances(ids) => Some(ids.iter().cloned()),
            _ => None,
        });
        let ids: BTreeSet<String> = before
            .chain(now.flatten())
            .filter(|id| lb.instances.contains(id))
            .collect();
        applied.instance_ids = ids.into_iter().take(REMEMBERED).collect();
    }
    applied
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

/// Adds what is remembered of registered instances that this pass found no source for: members of groups, where the
/// groups were not read, and nodes, where their view is not trusted. Forgetting why an instance is there would let the
/// next pass take it for one that nobody wants.
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

/// The instances that a status knows, with their sources.
pub(super) fn members_of(status: &ClassicLoadBalancerStatus) -> Members {
    let items = status.instances.iter().flat_map(|instances| &instances.items);
    items
        .map(|item| {
            let sources = item.sources.iter().cloned().collect();
            (
                item.id.clone(),
                Member {
                    node: item.node.clone(),
                    zone: item.zone.clone(),
                    sources,
                },
            )
        })
        .collect()
}
