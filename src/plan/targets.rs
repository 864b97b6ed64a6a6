//! Pure: steps for instances and Auto Scaling groups, and where instances come from.

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Step};
use crate::elb::{InstanceId, LoadBalancer};

/// The source of an instance that is named in `targets.instanceIds`.
pub const SOURCE_INSTANCE_IDS: &str = "instanceIds";
/// The source of an instance whose node matches `targets.nodeSelector`.
pub const SOURCE_NODE_SELECTOR: &str = "nodeSelector";
/// The source of a member of an attached Auto Scaling group, before its name.
pub const SOURCE_AUTO_SCALING_GROUP: &str = "autoScalingGroup/";

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

/// Registers before it deregisters, so that capacity never dips for a replacement.
pub(super) fn register(observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) -> Vec<Step> {
    let come: BTreeSet<_> = wanted
        .instances
        .difference(&observed.instances)
        .filter(|id| !facts.suspects.contains(*id) && !facts.refused.contains(*id))
        .cloned()
        .collect();
    let leave: BTreeSet<_> = observed
        .instances
        .difference(&wanted.instances)
        .filter(|id| !facts.unregistered.contains(*id))
        .cloned()
        .collect();
    let mut steps = Vec::new();
    if facts.singly {
        steps.extend(come.into_iter().map(|id| Step::RegisterInstances([id].into())));
    } else if !come.is_empty() {
        steps.push(Step::RegisterInstances(come));
    }
    if !leave.is_empty() {
        steps.push(Step::DeregisterInstances(leave));
    }
    steps
}

/// Each group alone: one that is missing must not stop the others.
pub(super) fn auto_scaling_groups(observed: &LoadBalancer, wanted: &LoadBalancer) -> Vec<Vec<Step>> {
    let attach = wanted.auto_scaling_groups.difference(&observed.auto_scaling_groups);
    let detach = observed.auto_scaling_groups.difference(&wanted.auto_scaling_groups);
    attach
        .map(|name| vec![Step::AttachAutoScalingGroup(name.clone())])
        .chain(detach.map(|name| vec![Step::DetachAutoScalingGroup(name.clone())]))
        .collect()
}
