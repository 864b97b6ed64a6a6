//! The load balancers of a region with everything that AWS tells of them: what taking over and letting go begins with.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};

use super::failure::Failure;
use super::progress::Progress;
use super::screen;
use super::selector::Selector;
use crate::aws::{AccountRegion, Class, Client, Error, patiently};
use crate::elb::{AutoScalingGroup, InstanceId, LoadBalancer, glob};

/// Calls under way at once.
pub(super) const AT_ONCE: usize = 8;

/// Which load balancers are meant.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Their names, with wildcards; none: all.
    pub(super) names: Vec<String>,
    /// The tags that they have.
    pub(super) selector: Option<Selector>,
    /// The names of those that are meant whatever their tags are.
    pub(super) whatever_tags: BTreeSet<String>,
}

/// The load balancers of one region.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    /// By name, with policies, attributes, tags and Auto Scaling groups.
    pub(super) balancers: Vec<LoadBalancer>,
    /// Those that could not be read whole, with the reason.
    pub(super) unread: Vec<(String, Error)>,
    /// The groups of the account; none where they could not be read.
    groups: Option<Vec<AutoScalingGroup>>,
}

impl Fleet {
    /// The instances that attached groups register with a load balancer.
    pub(super) fn members(&self, balancer: &str) -> BTreeSet<InstanceId> {
        let attached = self
            .groups
            .iter()
            .flatten()
            .filter(|group| group.load_balancers.contains(balancer));
        attached.flat_map(|group| group.instances.keys().cloned()).collect()
    }

    /// The instances of a load balancer that were registered one by one. None, where that cannot be told from what groups
    /// register: written down as such they would stay when a group ends them.
    pub(super) fn single(&self, lb: &LoadBalancer) -> BTreeSet<InstanceId> {
        if self.knows_groups() {
            lb.instances.difference(&self.members(&lb.name)).cloned().collect()
        } else {
            BTreeSet::new()
        }
    }

    /// Whether it is known which groups are attached.
    pub(super) fn knows_groups(&self) -> bool {
        self.groups.is_some()
    }

    /// Reads those that are wanted. What holds for all of them, such as a missing right, is a failure; what holds for one
    /// is told of that one.
    pub(super) async fn read(region: &AccountRegion, wanted: &Wanted) -> Result<Self, Failure> {
        let failed = |error: Error| Failure::aws(&region.region, &error);
        let client = &*region.client;
        let mut progress = Progress::start(&format!("asking AWS in {}", region.region));
        let seen = |count| progress.tell(&format!("{count} load balancers"));
        let mut found = client.load_balancers(seen).await.map_err(failed)?;
        if !wanted.names.is_empty() {
            found.retain(|lb| wanted.names.iter().any(|name| glob::matches(name, &lb.name)));
        }
        found.sort_by(|a, b| a.name.cmp(&b.name));
        let names: Vec<String> = found.iter().map(|lb| lb.name.clone()).collect();
        let mut tags = client.tags_of(&names, |_| {}).await.map_err(failed)?;
        for lb in &mut found {
            lb.tags = tags.remove(&lb.name).unwrap_or_default();
        }
        if let Some(selector) = &wanted.selector {
            found.retain(|lb| selector.matches(&lb.tags) || wanted.whatever_tags.contains(&lb.name));
        }
        let groups = if found.is_empty() {
            Some(Vec::new())
        } else {
            groups(client, &region.region).await
        };
        let total = found.len();
        let mut reads = stream::iter(found)
            .map(async |lb| {
                let read = patiently(|| whole(client, lb.clone())).await;
                (lb.name.clone(), read)
            })
            .buffered(AT_ONCE);
        let mut fleet = Self::default();
        while let Some((name, read)) = reads.next().await {
            match read {
                Ok(lb) => fleet.balancers.push(lb),
                // It was deleted meanwhile.
                Err(error) if error.class == Class::Gone => {}
                Err(error) => fleet.unread.push((name, error)),
            }
            progress.tell(&format!("read {} of {total} load balancers", fleet.balancers.len()));
        }
        drop(reads);
        for lb in &mut fleet.balancers {
            let attached = groups
                .iter()
                .flatten()
                .filter(|group| group.load_balancers.contains(&lb.name));
            lb.auto_scaling_groups = attached.map(|group| group.name.clone()).collect();
        }
        fleet.groups = groups;
        // One and the same reason for all is told once.
        match fleet.unread.first() {
            Some((_, error)) if fleet.balancers.is_empty() => Err(failed(error.clone())),
            _ => Ok(fleet),
        }
    }

    /// The names that were asked for and that nothing has.
    pub(super) fn missing<'a>(&self, wanted: &'a Wanted) -> Vec<&'a str> {
        let there = |name: &str| {
            let read = self.balancers.iter().map(|lb| lb.name.as_str());
            let unread = self.unread.iter().map(|(name, _)| name.as_str());
            read.chain(unread).any(|there| glob::matches(name, there))
        };
        wanted
            .names
            .iter()
            .map(String::as_str)
            .filter(|name| !there(name))
            .collect()
    }
}

/// What `DescribeLoadBalancers` does not tell.
async fn whole(client: &Client, mut lb: LoadBalancer) -> Result<LoadBalancer, Error> {
    lb.policies = client.policies(&lb.name).await?;
    lb.attributes = client.attributes(&lb.name).await?;
    Ok(lb)
}

async fn groups(client: &Client, region: &str) -> Option<Vec<AutoScalingGroup>> {
    match client.all_auto_scaling_groups().await {
        Ok(groups) => Some(groups),
        Err(error) => {
            screen::note(&format!(
                "the Auto Scaling groups are not known, so what is registered is left to whoever registered it: {}",
                Failure::aws(region, &error)
            ));
            None
        }
    }
}

/// The tag that a load balancer has under a key.
pub(super) fn tag<'a>(tags: &'a BTreeMap<String, String>, key: &str) -> Option<&'a str> {
    tags.get(key).map(String::as_str)
}
