//! I/O that only reads: what planning starts from, beside the description of the balancer.

use std::collections::BTreeSet;

use super::outcome::Work;
use super::{Memory, Pass, known};
use crate::api::{ClassicLoadBalancerStatus, TrackError};
use crate::controller::observe::{self, Groups};
use crate::elb::{Declared, HealthCheck, LoadBalancer, Origin, Part};
use crate::plan::desired::unserved;
use crate::plan::{Facts, track};

/// What planning starts from, beside the balancer.
pub(super) struct Premises {
    pub(super) declared: Declared,
    pub(super) facts: Facts,
    /// `None`: they could not be read.
    pub(super) groups: Option<Groups>,
}

impl Pass<'_> {
    /// Reads what planning needs beside the description of the balancer, and takes out of what is declared what must
    /// wait.
    pub(super) async fn premises(
        &self,
        memory: &mut Memory,
        lb: &mut LoadBalancer,
        prove: bool,
        work: &mut Work,
    ) -> Premises {
        let mut declared = self.declared.clone();
        let mut facts = memory.facts(self.now);
        self.complete(&mut declared, &mut facts, lb);
        self.read_parts(lb, &mut declared, memory, prove, work).await;
        let mut groups = self.groups(&declared, work).await;
        if let Some(groups) = &groups {
            memory.missing_groups = groups.missing_of(declared.auto_scaling_groups.as_ref());
            lb.auto_scaling_groups = groups.attached(&lb.name);
        }
        self.narrow(&mut declared, memory, groups.as_mut(), lb, work).await;
        self.survey(&mut declared, &mut facts, lb, memory, work).await;
        work.missing.extend(unserved(&declared, lb));
        self.brake(memory, &declared, lb, &mut facts, work).await;
        Premises {
            declared,
            facts,
            groups,
        }
    }

    /// What the status of an earlier process knows: that a balancer of our own making was never completed, and which
    /// listeners were there before one of them was lost halfway through a rebuild.
    fn complete(&self, declared: &mut Declared, facts: &mut Facts, lb: &LoadBalancer) {
        let created = Origin::of(&lb.tags) == Origin::Created;
        if created && self.previous.created_time != lb.identity.created_time {
            facts.new = true;
            // What is left as AWS has it is so once it was made.
            declared.ignored.clear();
            let target = HealthCheck::default_target(&declared.listeners);
            declared.health_check.get_or_insert_with(|| HealthCheck::of(target));
        }
        if created {
            let incomplete = incomplete(&self.previous);
            declared.ignored.retain(|part| !incomplete.contains(part));
        }
        for (port, listener) in known::listeners_of(&self.previous) {
            if !lb.listeners.contains_key(&port) {
                facts.displaced.entry(port).or_insert(listener);
            }
        }
    }

    /// The Auto Scaling groups that the spec names, or that were attached for it. `None`: they could not be read.
    pub(super) async fn groups(&self, declared: &Declared, work: &mut Work) -> Option<Groups> {
        let attached = self
            .previous
            .applied
            .iter()
            .flat_map(|applied| applied.auto_scaling_groups.iter());
        let names: BTreeSet<String> = declared
            .auto_scaling_groups
            .iter()
            .flatten()
            .chain(attached)
            .cloned()
            .collect();
        match observe::groups(&self.subject.client, &names).await {
            Ok(groups) => Some(groups),
            Err(error) => {
                work.unread(track::AUTO_SCALING_GROUPS, &error);
                None
            }
        }
    }

    /// Takes out of the plan what is missing, and what nobody may remove. On doubt the registered set is not shrunk.
    async fn narrow(
        &self,
        declared: &mut Declared,
        memory: &Memory,
        groups: Option<&mut Groups>,
        lb: &LoadBalancer,
        work: &mut Work,
    ) {
        let Some(groups) = groups else {
            declared.auto_scaling_groups = None;
            hold(declared);
            return;
        };
        if let Some(names) = &mut declared.auto_scaling_groups {
            names.retain(|name| !memory.missing_groups.contains(name));
        }
        if let Err(error) = observe::keep_group_members(&self.subject, declared, lb, groups).await {
            work.unread(track::INSTANCES, &error);
            hold(declared);
        }
    }
}

fn hold(declared: &mut Declared) {
    if let Some(registration) = &mut declared.registration {
        registration.hold = true;
    }
}

/// The parts that the last pass tried to make as declared and AWS refused. They are not left as AWS has them yet,
/// whatever is to be ignored: a new balancer is made whole first. A part that is ignored is not written, so that it has
/// no such error.
fn incomplete(previous: &ClassicLoadBalancerStatus) -> BTreeSet<Part> {
    let wrote = |error: &&TrackError| {
        !["Describe", "Get", "List"]
            .iter()
            .any(|read| error.operation.starts_with(read))
    };
    let tracks = previous.errors.iter().filter(wrote).map(|error| error.track.as_str());
    let parts = tracks.map(|name| -> &[Part] {
        match name {
            track::LISTENERS => &[Part::Listeners, Part::Certificates],
            track::POLICIES | track::BACKENDS => &[Part::Policies],
            track::ATTRIBUTES => &[Part::Attributes],
            track::HEALTH_CHECK => &[Part::HealthCheck],
            track::PLACEMENT => &[Part::Placement],
            track::SECURITY_GROUPS => &[Part::SecurityGroups],
            track::INSTANCES | track::AUTO_SCALING_GROUPS => &[Part::Instances],
            track::TAGS => &[Part::Tags],
            _ => &[],
        }
    });
    parts.flatten().copied().collect()
}
