//! What happens by itself in Auto Scaling groups, as time passes.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::membership::{deregister, register, serving};
use super::state::{Activity, Attachment, Group, Lifecycle, Member};
use crate::call::Call;
use crate::clock::Timestamp;
use crate::ec2::instances::{Launch, launch, terminate};
use crate::ec2::state::{Instance, InstanceState, Phase};

/// More steps than any chain of events has; what is left happens at the next request.
const MAX_STEPS: usize = 10_000;

/// Lets everything happen that is due, in the order of time.
pub(crate) fn settle(call: &mut Call<'_>) {
    for _ in 0..MAX_STEPS {
        let Some(at) = call.region.autoscaling.due.filter(|due| *due <= call.now) else {
            return;
        };
        call.region.autoscaling.due = None;
        let names: Vec<String> = call.region.autoscaling.by_name.keys().cloned().collect();
        for name in names {
            let Some(mut group) = call.region.autoscaling.by_name.remove(&name) else {
                continue;
            };
            let mut step = Step { call, name: &name, at };
            step.follow_instances(&mut group);
            step.follow_balancers(&mut group);
            step.scale(&mut group);
            step.follow_instances(&mut group);
            let next = step.next(&group);
            call.region.autoscaling.by_name.insert(name, group);
            if let Some(next) = next {
                call.region.autoscaling.wake(next);
            }
        }
    }
}

/// One look at one group at one time.
struct Step<'s, 'c> {
    call: &'s mut Call<'c>,
    name: &'s str,
    at: Timestamp,
}

impl Step<'_, '_> {
    /// Members come into service when their instance runs, and leave when it is terminated.
    fn follow_instances(&mut self, group: &mut Group) {
        let lag = self.call.settings.timing.instance_state;
        let ids: Vec<SmolStr> = group.members.keys().cloned().collect();
        for id in ids {
            let instance = self.call.region.ec2.instances.get(&id);
            let state = instance.map_or(InstanceState::Terminated, |instance| instance.state(self.at, lag).0);
            let lifecycle = group.members.get(&id).map(|member| member.lifecycle);
            match (lifecycle, state) {
                (Some(Lifecycle::Pending), InstanceState::Running) => {
                    group.members.insert(id.clone(), self.member(Lifecycle::InService));
                    self.register(group, std::slice::from_ref(&id));
                }
                (Some(Lifecycle::Terminating), InstanceState::Terminated) => {
                    group.members.remove(&id);
                }
                (Some(Lifecycle::Detaching | Lifecycle::EnteringStandby), _) => self.let_go(group, &id),
                (Some(lifecycle), state) if !lifecycle.is_leaving() => {
                    let gone = instance.is_none_or(Instance::is_gone);
                    // A stopped member is unhealthy to Auto Scaling and is replaced, but for one in a warm pool.
                    let stopped = matches!(state, InstanceState::Stopping | InstanceState::Stopped);
                    if gone || (stopped && lifecycle != Lifecycle::WarmedStopped) {
                        self.remove_member(group, &id, "an EC2 health check");
                    }
                }
                _ => {}
            }
        }
    }

    /// Ends the membership of one that waited for its connections to drain, or its service.
    fn let_go(&mut self, group: &mut Group, id: &SmolStr) {
        let Some(member) = group.members.get(id).copied() else {
            return;
        };
        if member.until.is_none_or(|until| until > self.at) {
            return;
        }
        if member.lifecycle == Lifecycle::Detaching {
            group.members.remove(id);
        } else {
            group.members.insert(id.clone(), self.member(Lifecycle::Standby));
        }
    }

    fn follow_balancers(&mut self, group: &mut Group) {
        let due: Vec<String> = group
            .balancers
            .iter()
            .filter(|(_, state)| matches!(state, Attachment::Adding(at) | Attachment::Removing(at) if *at <= self.at))
            .map(|(name, _)| name.clone())
            .collect();
        for name in due {
            if matches!(group.balancers.get(&name), Some(Attachment::Removing(_))) {
                group.balancers.remove(&name);
            } else {
                group.balancers.insert(name.clone(), Attachment::Added);
                let serving = serving(group);
                self.register_with(&name, &serving);
            }
        }
    }

    /// Launches or terminates until there are as many members as desired.
    fn scale(&mut self, group: &mut Group) {
        if self.at < group.acts_from {
            return;
        }
        let mut active: Vec<SmolStr> = group
            .members
            .iter()
            .filter(|(_, member)| member.lifecycle.is_active())
            .map(|(id, _)| id.clone())
            .collect();
        let mut spread: BTreeMap<String, usize> = group.subnets.iter().map(|subnet| (subnet.clone(), 0)).collect();
        for subnet in active.iter().filter_map(|id| self.subnet_of(id)) {
            *spread.entry(subnet).or_default() += 1;
        }
        let desired = usize::try_from(group.desired).unwrap_or(usize::MAX);
        for _ in active.len()..desired {
            let least = group.subnets.iter().min_by_key(|subnet| spread.get(*subnet).copied());
            let Some(subnet) = least.cloned() else { return };
            if !self.launch(group, subnet.clone()) {
                return;
            }
            *spread.entry(subnet).or_default() += 1;
        }
        for _ in desired..active.len() {
            let Some(id) = self.choose(group, &active, &spread) else {
                return;
            };
            self.remove_member(group, &id, "a difference between desired and actual capacity");
            active.retain(|other| *other != id);
            if let Some(count) = self.subnet_of(&id).and_then(|subnet| spread.get_mut(&subnet)) {
                *count = count.saturating_sub(1);
            }
        }
    }

    fn subnet_of(&self, id: &str) -> Option<String> {
        self.call
            .region
            .ec2
            .instances
            .get(id)
            .map(|instance| instance.subnet_id.clone())
    }

    fn launch(&mut self, group: &mut Group, subnet_id: String) -> bool {
        let configurations = &self.call.region.autoscaling.configurations;
        let configuration = group
            .launch_configuration
            .as_ref()
            .and_then(|name| configurations.get(name));
        let tags = group
            .tags
            .iter()
            .filter(|(_, tag)| tag.propagate)
            .map(|(key, tag)| (key.clone(), tag.value.clone()));
        let wanted = Launch {
            subnet_id,
            image_id: configuration
                .map_or("ami-12c6146b", |it| it.image_id.as_str())
                .to_owned(),
            instance_type: configuration
                .map_or("t3.micro", |it| it.instance_type.as_str())
                .to_owned(),
            key_name: configuration.and_then(|it| it.key_name.clone()),
            security_groups: configuration.map(|it| it.security_groups.clone()).unwrap_or_default(),
            tags: tags
                .chain([("aws:autoscaling:groupName".to_owned(), self.name.to_owned())])
                .collect(),
            id: None,
        };
        let Some(id) = launch(&mut self.call.region.ec2, self.call.ids, self.at, wanted) else {
            return false;
        };
        self.record(group, format!("Launching a new EC2 instance: {id}"));
        group.members.insert(id, self.member(Lifecycle::Pending));
        true
    }

    /// Which member goes: from the subnet with the most, the oldest, never a protected one.
    fn choose(&self, group: &Group, active: &[SmolStr], spread: &BTreeMap<String, usize>) -> Option<SmolStr> {
        let free = active
            .iter()
            .filter(|id| group.members.get(*id).is_some_and(|member| !member.protected));
        free.max_by_key(|id| {
            let neighbours = self.subnet_of(id).and_then(|subnet| spread.get(&subnet).copied());
            let since = group.members.get(*id).map(|member| member.since);
            (neighbours, Reverse(since), Reverse((*id).clone()))
        })
        .cloned()
    }

    fn remove_member(&mut self, group: &mut Group, id: &SmolStr, cause: &str) {
        self.record(group, format!("Terminating EC2 instance: {id} in response to {cause}"));
        terminate(&mut self.call.region.ec2, id, self.at);
        group.members.insert(id.clone(), self.member(Lifecycle::Terminating));
        let names: Vec<String> = group.balancers.keys().cloned().collect();
        for name in names {
            deregister(self.call, &name, std::slice::from_ref(id), self.at);
        }
    }

    fn register(&mut self, group: &Group, ids: &[SmolStr]) {
        for (name, _) in group
            .balancers
            .iter()
            .filter(|(_, state)| matches!(state, Attachment::Added))
        {
            self.register_with(name, ids);
        }
    }

    /// A balancer that was deleted meanwhile is passed over.
    fn register_with(&mut self, name: &str, ids: &[SmolStr]) {
        register(self.call, name, ids, self.at);
    }

    fn record(&mut self, group: &mut Group, description: String) {
        let id = self.call.ids.uuid();
        group.activities.push(Activity {
            id,
            at: self.at,
            description,
        });
        if group.activities.len() > 100 {
            group.activities.remove(0);
        }
    }

    fn member(&self, lifecycle: Lifecycle) -> Member {
        Member::new(lifecycle, self.at)
    }

    /// When this group has to be looked at again.
    fn next(&self, group: &Group) -> Option<Timestamp> {
        let lag = self.call.settings.timing.instance_state;
        let members = group.members.iter().filter_map(|(id, member)| {
            let instance = self.call.region.ec2.instances.get(id)?;
            let turning = matches!(member.lifecycle, Lifecycle::Pending | Lifecycle::Terminating);
            turning.then(|| match instance.phase {
                Phase::Started(at) | Phase::Stopped(at) | Phase::Terminated(at) => at.plus(lag),
            })
        });
        let balancers = group.balancers.values().filter_map(|state| match state {
            Attachment::Adding(at) | Attachment::Removing(at) => Some(*at),
            Attachment::Added => None,
        });
        let leaving = group.members.values().filter_map(|member| member.until);
        let acts = (group.acts_from > self.at).then_some(group.acts_from);
        members
            .chain(balancers)
            .chain(leaving)
            .chain(acts)
            .filter(|at| *at > self.at)
            .min()
    }
}
