//! I/O: the balancer as AWS has it, with proof of ownership.

use std::collections::{BTreeMap, BTreeSet};

use super::subject::Subject;
use crate::aws::{AutoScalingGroup, Class, Client, Error};
use crate::elb::{Declared, InstanceId, LoadBalancer, Ownership};

/// What stands in AWS under the name.
#[derive(Debug)]
pub(super) enum Observation {
    /// AWS said explicitly that there is none.
    Absent,
    /// Our own.
    Ours(Box<LoadBalancer>),
    /// Somebody else's, or nobody's.
    NotOurs(Ownership, Box<LoadBalancer>),
}

/// Reads the balancer. `known` is what was proven to be ours before: the same balancer, told by its creation time,
/// needs no second proof unless `prove` asks for it.
pub(super) async fn observe(
    subject: &Subject,
    known: Option<&LoadBalancer>,
    prove: bool,
) -> Result<Observation, Error> {
    let Some(mut lb) = subject.client.find(&subject.name).await? else {
        return Ok(Observation::Absent);
    };
    let same = |known: &&LoadBalancer| known.identity.created_time == lb.identity.created_time;
    lb.tags = match known.filter(same).filter(|_| !prove) {
        Some(known) => known.tags.clone(),
        None => match subject.client.tags(&subject.name).await {
            Ok(tags) => tags,
            // Deleted between the two calls.
            Err(error) if error.class == Class::Gone => return Ok(Observation::Absent),
            Err(error) => return Err(error),
        },
    };
    Ok(match subject.owner.judge(&lb.tags) {
        Ownership::Ours => Observation::Ours(Box::new(lb)),
        other => Observation::NotOurs(other, Box::new(lb)),
    })
}

/// The Auto Scaling groups that matter to a balancer.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// Those that exist.
    pub(super) found: BTreeMap<String, AutoScalingGroup>,
    /// Those that do not.
    pub(super) missing: BTreeSet<String>,
}

impl Groups {
    /// Of the groups found, those that list the balancer.
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

    /// The members of groups that list the balancer, or soon will.
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
pub(super) async fn groups(client: &Client, names: &BTreeSet<String>) -> Result<Groups, Error> {
    if names.is_empty() {
        return Ok(Groups::default());
    }
    let found: BTreeMap<_, _> = client
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

/// Finds which of the instances that nobody here wants belong to an Auto Scaling group that is attached to the balancer,
/// by us or by others. Such a group would register them again, so they are kept.
pub(super) async fn keep_group_members(
    subject: &Subject,
    declared: &mut Declared,
    lb: &LoadBalancer,
    groups: &mut Groups,
) -> Result<(), Error> {
    let attached = declared.auto_scaling_groups.clone();
    let Some(registration) = &mut declared.registration else {
        return Ok(());
    };
    if registration.hold {
        return Ok(());
    }
    registration
        .kept
        .extend(groups.members(&lb.name, attached.as_ref()).into_keys());
    let surplus: BTreeSet<InstanceId> = lb
        .instances
        .iter()
        .filter(|id| !registration.wanted.contains(*id) && !registration.kept.contains(*id))
        .cloned()
        .collect();
    if surplus.is_empty() {
        return Ok(());
    }
    let owners = subject.client.auto_scaling_members(&surplus).await?;
    let unknown = owners
        .values()
        .filter(|name| !groups.found.contains_key(*name))
        .cloned()
        .collect();
    groups
        .found
        .extend(self::groups(&subject.client, &unknown).await?.found);
    let attached = groups.attached(&lb.name);
    registration.kept.extend(
        owners
            .into_iter()
            .filter(|(_, group)| attached.contains(group))
            .map(|(id, _)| id),
    );
    Ok(())
}
