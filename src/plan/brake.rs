//! Pure: the brake. Removals that nobody asked for by name are let go step by step.
//!
//! A selector that matches too little, a tag that was renamed, a group that was scaled to nothing: seen from here they
//! all ask to deregister instances that serve. So only a part leaves at once, the next part when the last has drained,
//! and never the last ones in service. Instances whose Nodes are about to go leave at once, but for the last ones in service:
//! their time is counted, and connections that are not drained by then are cut. To detach an Auto Scaling group takes all
//! its members out at once, so it waits until enough others serve.

use std::collections::{BTreeMap, BTreeSet};

use super::Facts;
use crate::elb::{InstanceId, LoadBalancer, Registration};

/// What the brake holds back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// How many instances wait.
    pub waiting: usize,
    /// What for.
    pub why: Why,
}

/// Why instances are held back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// So many that left before still drain.
    Draining(usize),
    /// It could not be read who is in service.
    Unread,
    /// So many only are in service, and so many must stay.
    MinInService {
        /// In service now.
        in_service: usize,
        /// What must stay.
        minimum: usize,
    },
    /// The members of groups leave at once, and so few others are in service.
    Group {
        /// In service besides them.
        others: usize,
        /// What must stay.
        minimum: usize,
    },
}

/// Of the instances that shall leave, those that leave now.
pub(super) fn release(
    observed: &LoadBalancer,
    leave: &BTreeSet<InstanceId>,
    registration: &Registration,
    facts: &Facts,
) -> BTreeSet<InstanceId> {
    let (inferred, mut now): (BTreeSet<_>, BTreeSet<_>) = leave.iter().cloned().partition(|id| is_inferred(id, facts));
    let Some(in_service) = &facts.brake.in_service else {
        return now;
    };
    let serves = |id: &&InstanceId| in_service.contains(*id);
    let next = |of: &BTreeSet<InstanceId>, gone: &BTreeSet<InstanceId>, most: usize| {
        let remain = observed.instances.difference(gone).filter(serves).count();
        let spare = remain.saturating_sub(registration.min_in_service);
        // What does not serve is missed by nobody, so it goes first.
        let idle = of.iter().filter(|id| !serves(id));
        let busy = of.iter().filter(serves).take(spare);
        idle.chain(busy).take(most).cloned().collect::<BTreeSet<_>>()
    };
    let (departing, inferred): (BTreeSet<_>, BTreeSet<_>) =
        inferred.into_iter().partition(|id| facts.brake.departing.contains(id));
    let depart = next(&departing, &now, usize::MAX);
    let most = (observed.instances.len() * usize::from(registration.max_deregister_percent) / 100).max(1);
    let most = most.saturating_sub(depart.len());
    now.extend(depart);
    if drain(observed, registration, facts).is_empty() {
        now.extend(next(&inferred, &now, most));
    }
    now
}

/// Those that finish their connections, with those whose group was detached in this reconcile: AWS deregisters them
/// though the description lists them still. What leaves next waits until it is read that they have drained.
fn drain<'a>(observed: &'a LoadBalancer, registration: &'a Registration, facts: &'a Facts) -> BTreeSet<&'a InstanceId> {
    let left = detached(observed, facts).filter(|id| !registration.wanted.contains(*id));
    facts.brake.draining.iter().chain(left).collect()
}

/// The registered members of the groups that were detached in this reconcile.
fn detached<'a>(observed: &'a LoadBalancer, facts: &'a Facts) -> impl Iterator<Item = &'a InstanceId> {
    let groups = facts.brake.groups.iter();
    let detached = groups.filter(|(name, _)| !observed.auto_scaling_groups.contains(*name));
    detached.flat_map(|(_, members)| members.intersection(&observed.instances))
}

/// Of the groups that shall be detached, those that wait: their members leave at once, and too few others serve. Members
/// that another source wants are registered again at once, and no waiting would spare them the gap. `gone` leave in the
/// same plan. Who shall leave, or is about to, replaces nobody.
pub(super) fn held_groups(
    observed: &LoadBalancer,
    gone: &BTreeSet<InstanceId>,
    registration: &Registration,
    facts: &Facts,
) -> BTreeMap<String, BTreeSet<InstanceId>> {
    let brake = &facts.brake;
    let drains = !drain(observed, registration, facts).is_empty();
    let leaving: BTreeSet<&InstanceId> = detached(observed, facts).chain(&brake.inferred).chain(gone).collect();
    let mut serving: Option<BTreeSet<&InstanceId>> = brake.in_service.as_ref().filter(|_| !drains).map(|in_service| {
        let stay = observed.instances.iter().filter(|id| !leaving.contains(*id));
        stay.filter(|id| in_service.contains(*id)).collect()
    });
    let mut held = BTreeMap::new();
    for (name, members) in &brake.groups {
        let registered = members.intersection(&observed.instances);
        let leave: BTreeSet<InstanceId> = registered
            .filter(|id| !registration.wanted.contains(*id))
            .cloned()
            .collect();
        if leave.is_empty() || !observed.auto_scaling_groups.contains(name) {
            continue;
        }
        let others = serving.as_ref().map(|serving| {
            let others = serving.iter().filter(|id| !members.contains(**id));
            others.copied().collect::<BTreeSet<_>>()
        });
        match others {
            Some(others) if others.len() >= registration.min_in_service => serving = Some(others),
            _ => drop(held.insert(name.clone(), leave)),
        }
    }
    held
}

/// What still waits after the last step of a reconcile, and not since AWS refused it.
pub(super) fn held(
    observed: &LoadBalancer,
    leave: &BTreeSet<InstanceId>,
    groups: &BTreeMap<String, BTreeSet<InstanceId>>,
    registration: &Registration,
    facts: &Facts,
) -> Option<Held> {
    let of_groups: BTreeSet<&InstanceId> = groups.values().flatten().collect();
    let inferred: BTreeSet<&InstanceId> = leave.iter().filter(|id| is_inferred(id, facts)).collect();
    let waiting = inferred.len() + of_groups.len();
    if waiting == 0 {
        return None;
    }
    let drain = drain(observed, registration, facts);
    // Those that depart do not wait for others to drain.
    let depart = groups.is_empty() && inferred.iter().all(|id| facts.brake.departing.contains(*id));
    let why = match &facts.brake.in_service {
        _ if !drain.is_empty() && !depart => Why::Draining(drain.len()),
        None => Why::Unread,
        Some(in_service) => {
            let minimum = registration.min_in_service;
            let serving = in_service.intersection(&observed.instances);
            let in_service = serving.filter(|id| !of_groups.contains(id)).count();
            if !groups.is_empty() {
                Why::Group {
                    others: in_service,
                    minimum,
                }
            } else if in_service > minimum {
                return None;
            } else {
                Why::MinInService { in_service, minimum }
            }
        }
    };
    Some(Held { waiting, why })
}

fn is_inferred(id: &InstanceId, facts: &Facts) -> bool {
    // Those that EC2 says are terminated serve nobody.
    facts.brake.inferred.contains(id) && !facts.terminated.contains(id)
}
