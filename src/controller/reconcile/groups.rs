//! I/O: the Auto Scaling groups that are attached to a load balancer, and their members.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::subject::Subject;
use crate::api::ClassicLoadBalancerStatus;
use crate::aws::{AccountRegion, Error, View};
use crate::controller::executor::Executor;
use crate::controller::memory::Lifecycle;
use crate::elb::{AutoScalingGroup, Declared, InstanceId, LoadBalancer};
use crate::plan::Step;

/// The Auto Scaling groups that matter to a load balancer.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Those that exist.
    pub(super) found: BTreeMap<String, AutoScalingGroup>,
    /// Those that do not.
    missing: BTreeSet<String>,
}

impl Groups {
    /// Those that do not exist.
    pub(super) fn missing(&self) -> &BTreeSet<String> {
        &self.missing
    }

    /// Of the groups found, those that list the load balancer.
    pub(super) fn attached(&self, load_balancer: &str) -> BTreeSet<String> {
        let lists = |group: &&AutoScalingGroup| group.load_balancers.contains(load_balancer);
        self.found
            .values()
            .filter(lists)
            .map(|group| group.name.clone())
            .collect()
    }

    /// Of the groups that are declared, those that do not exist.
    pub(super) fn missing_of(&self, declared: Option<&BTreeSet<String>>) -> BTreeSet<String> {
        declared
            .into_iter()
            .flatten()
            .filter(|name| self.missing.contains(*name))
            .cloned()
            .collect()
    }

    /// The members of groups that list the load balancer, or soon will.
    pub(super) fn members(
        &self,
        load_balancer: &str,
        declared: Option<&BTreeSet<String>>,
    ) -> BTreeMap<InstanceId, String> {
        let ours = |group: &&AutoScalingGroup| {
            group.load_balancers.contains(load_balancer) || declared.is_some_and(|names| names.contains(&group.name))
        };
        let of = |group: &AutoScalingGroup| -> Vec<(InstanceId, String)> {
            group
                .instances
                .keys()
                .map(|id| (id.clone(), group.name.clone()))
                .collect()
        };
        self.found.values().filter(ours).flat_map(of).collect()
    }
}

/// Reads the groups of these names.
pub(super) async fn read(view: &View, names: &BTreeSet<String>) -> Result<Groups, Error> {
    if names.is_empty() {
        return Ok(Groups::default());
    }
    let found: BTreeMap<_, _> = view
        .auto_scaling_groups(names)
        .await?
        .into_iter()
        .map(|group| (group.name.clone(), group))
        .collect();
    let missing = names
        .iter()
        .filter(|name| !found.contains_key(*name))
        .cloned()
        .collect();
    Ok(Groups { found, missing })
}

/// Members of groups that were detached a short while ago, which AWS takes out itself. Nobody else may count on them.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    pub(super) members: BTreeSet<InstanceId>,
    /// By when they should have left.
    pub(super) until: Option<Instant>,
}

/// Finds which of the instances that nobody here wants belong to an Auto Scaling group that is attached to the load
/// balancer, by us or by others. Such a group would register them again, so they are kept. So are those of a group that
/// was `detached` a short while ago: AWS takes them out itself. Returns those that are still there.
pub(super) async fn keep_group_members(
    region: &AccountRegion,
    declared: &mut Declared,
    lb: &LoadBalancer,
    groups: &mut Groups,
    detached: &BTreeMap<String, Instant>,
) -> Result<Leaving, Error> {
    let attached = declared.auto_scaling_groups.clone();
    let Some(registration) = &mut declared.registration else {
        return Ok(Leaving::default());
    };
    if registration.hold {
        return Ok(Leaving::default());
    }
    registration
        .kept
        .extend(groups.members(&lb.name, attached.as_ref()).into_keys());
    let surplus: BTreeSet<InstanceId> = lb
        .instances
        .iter()
        .filter(|id| !registration.wanted.contains(*id) && !registration.keeps(id))
        .cloned()
        .collect();
    if surplus.is_empty() {
        return Ok(Leaving::default());
    }
    let owners = region.view.auto_scaling_members(&surplus).await?;
    let unknown = owners
        .values()
        .filter(|name| !groups.found.contains_key(*name))
        .cloned()
        .collect();
    groups.found.extend(read(&region.view.now(), &unknown).await?.found);
    let attached = groups.attached(&lb.name);
    let leave = owners
        .iter()
        .filter(|(_, group)| detached.contains_key(*group) && !attached.contains(*group));
    let leaving = Leaving {
        members: leave.clone().map(|(id, _)| id.clone()).collect(),
        until: leave.filter_map(|(_, group)| detached.get(group)).min().copied(),
    };
    registration.kept.extend(
        owners
            .into_iter()
            .filter(|(_, group)| attached.contains(group) || detached.contains_key(group))
            .map(|(id, _)| id),
    );
    Ok(leaving)
}

/// The groups that were attached for this object.
pub(super) fn attached_for(status: &ClassicLoadBalancerStatus) -> impl Iterator<Item = String> {
    status
        .applied
        .iter()
        .flat_map(|applied| applied.auto_scaling_groups.iter().cloned())
}

/// Detaches those of the groups that list the load balancer. Returns all that were found.
pub(super) async fn detach(
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    lifecycle: &mut Lifecycle,
    names: &BTreeSet<String>,
    now: Instant,
) -> Result<Groups, Error> {
    let groups = read(&subject.region.view.now(), names).await?;
    for name in groups.attached(&subject.name) {
        if !lifecycle.is_detaching(&name, now) {
            executor.run(&Step::DetachAutoScalingGroup(name.clone())).await?;
            lifecycle.detached(name, now);
        }
    }
    Ok(groups)
}
