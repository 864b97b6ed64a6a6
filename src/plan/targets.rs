//! Pure: steps for instances and Auto Scaling groups, and where instances come from.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Held, Step, brake};
use crate::elb::{Declared, INSTANCES, InstanceId, LoadBalancer};

/// The source of an instance that is named in `targets.instanceIds`.
pub const SOURCE_INSTANCE_IDS: &str = "instanceIds";
/// The source of an instance whose node matches `targets.nodeSelector`.
pub const SOURCE_NODE_SELECTOR: &str = "nodeSelector";
/// The source of an instance that has the tags of an entry of `targets.instanceTags`.
pub const SOURCE_INSTANCE_TAGS: &str = "instanceTags";
/// The source of a member of an Auto Scaling group, before the group's name.
pub const SOURCE_AUTO_SCALING_GROUP: &str = "autoScalingGroup/";

/// The source of an instance that a binding wants of a load balancer that is another object's, before its namespace and name.
pub const SOURCE_BINDING: &str = "binding/";

/// Why an instance is a target, and what is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// The node on it.
    pub node: Option<String>,
    /// Its zone.
    pub zone: Option<String>,
    /// The sources that name it.
    pub sources: BTreeSet<String>,
}

/// Instances by id.
pub type Members = BTreeMap<InstanceId, Member>;

/// The instances to register: in one call, but for parts of a batch that AWS refused.
pub(super) fn register(observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) -> Vec<Step> {
    let mut come: BTreeSet<_> = wanted
        .instances
        .difference(&observed.instances)
        .filter(|id| !facts.suspects.contains(*id) && !facts.refused.contains(*id))
        .cloned()
        .collect();
    let mut batches: Vec<BTreeSet<InstanceId>> = Vec::new();
    for batch in &facts.batches {
        batches.push(come.intersection(batch).cloned().collect());
        come.retain(|id| !batch.contains(id));
    }
    batches.push(come);
    batches.retain(|batch| !batch.is_empty());
    batches.into_iter().map(Step::RegisterInstances).collect()
}

/// Whether more would be registered at once than AWS takes, though it takes all that are wanted.
pub(super) fn are_crowded(observed: &LoadBalancer, wanted: &LoadBalancer) -> bool {
    let many = observed.instances.len() + wanted.instances.len() > INSTANCES;
    many && wanted.instances.len() <= INSTANCES && observed.instances.union(&wanted.instances).count() > INSTANCES
}

/// Of the steps that register instances as much as there is room for, once those that leave now have left.
pub(super) fn fitting(observed: &LoadBalancer, leave: Option<&Step>, come: Vec<Step>) -> Vec<Step> {
    let mut left = observed.clone();
    if let Some(leave) = leave {
        leave.apply_to(&mut left);
    }
    let mut room = INSTANCES.saturating_sub(left.instances.len());
    let mut fitting = Vec::new();
    for step in come {
        let Step::RegisterInstances(ids) = step else { continue };
        let some: BTreeSet<InstanceId> = ids.into_iter().take(room).collect();
        room -= some.len();
        if !some.is_empty() {
            fitting.push(Step::RegisterInstances(some));
        }
    }
    fitting
}

/// The instances to deregister, as far as the brake lets them go.
pub(super) fn deregister(
    declared: &Declared,
    observed: &LoadBalancer,
    wanted: &LoadBalancer,
    facts: &Facts,
) -> Option<Step> {
    let leave = leaving(observed, wanted, facts);
    let registration = declared.registration.as_ref().filter(|_| !leave.is_empty())?;
    let now = brake::release(observed, &leave, registration, facts);
    (!now.is_empty()).then_some(Step::DeregisterInstances(now))
}

/// What the brake holds back.
pub(super) fn held(declared: &Declared, observed: &LoadBalancer, facts: &Facts) -> Option<Held> {
    let wanted = facts.temper(declared.over(observed), observed);
    let leave = leaving(observed, &wanted, facts);
    let groups = held_groups(declared, observed, &wanted, facts);
    brake::held(observed, &leave, &groups, declared.registration.as_ref()?, facts)
}

/// The groups that must not be detached yet, with the members that nothing else wants.
fn held_groups(
    declared: &Declared,
    observed: &LoadBalancer,
    wanted: &LoadBalancer,
    facts: &Facts,
) -> BTreeMap<String, BTreeSet<InstanceId>> {
    let Some(registration) = &declared.registration else {
        return BTreeMap::new();
    };
    let leave = leaving(observed, wanted, facts);
    let gone = brake::release(observed, &leave, registration, facts);
    brake::held_groups(observed, &gone, registration, facts)
}

fn leaving(observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) -> BTreeSet<InstanceId> {
    let leave = observed.instances.difference(&wanted.instances);
    leave.filter(|id| !facts.unregistered.contains(*id)).cloned().collect()
}

/// Each group alone: one that is missing must not stop the others. Those to detach go as far as the brake lets them.
pub(super) fn auto_scaling_groups(
    declared: &Declared,
    observed: &LoadBalancer,
    wanted: &LoadBalancer,
    facts: &Facts,
) -> Vec<Vec<Step>> {
    let attach = wanted.auto_scaling_groups.difference(&observed.auto_scaling_groups);
    let mut detach: BTreeSet<&String> = observed
        .auto_scaling_groups
        .difference(&wanted.auto_scaling_groups)
        .collect();
    if !detach.is_empty() {
        let held = held_groups(declared, observed, wanted, facts);
        detach.retain(|name| !held.contains_key(*name));
    }
    let detach = detach.into_iter();
    attach
        .map(|name| vec![Step::AttachAutoScalingGroup(name.clone())])
        .chain(detach.map(|name| vec![Step::DetachAutoScalingGroup(name.clone())]))
        .collect()
}
