//! Pure: what AWS taught us while plans ran.

use std::collections::{BTreeMap, BTreeSet};

use super::{Failure, Refusal, Step};
use crate::elb::{Code, InstanceId, Listener, LoadBalancer, Port};

/// What planning takes into account beside what is declared and observed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The load balancer was made by this object and its health check not set yet.
    pub new: bool,
    /// The zone of every subnet attached and wanted, where all of them are known. Without them the order of swaps is
    /// learned from what AWS refuses.
    pub zones: BTreeMap<String, String>,
    /// A subnet of another zone that may be attached for a moment, to exchange the only one.
    pub spare: Option<String>,
    /// Two of the subnets to attach and attached share a zone, so something must be detached first.
    pub same_zone: bool,
    /// Subnets that AWS refused to attach beside those attached, for the same reason, one by one.
    pub conflicting_subnets: BTreeSet<String>,
    /// Subnets that were detached to make room.
    pub detached: BTreeSet<String>,
    /// How many those were at the last refusal.
    pub room_made: usize,
    /// Instances that AWS refused to register in an earlier reconcile and that are tried again, each alone so that it delays
    /// nobody.
    pub suspects: BTreeSet<InstanceId>,
    /// Instances that AWS refused to register and that are not tried now.
    pub refused: BTreeSet<InstanceId>,
    /// Instances that AWS says are not registered, though it listed them.
    pub unregistered: BTreeSet<InstanceId>,
    /// Instances to register in calls of their own: parts of a batch that AWS refused without naming the instance.
    pub batches: Vec<BTreeSet<InstanceId>>,
    /// Registered instances that EC2 says are terminated. They leave at once, and are not registered again.
    pub terminated: BTreeSet<InstanceId>,
    /// What is known where instances shall leave that nobody named.
    pub brake: Brake,
    /// Listeners that AWS refused to rebuild as declared: the old one serves, and each try would interrupt it.
    pub refused_rebuilds: BTreeMap<Port, Listener>,
    /// Listeners that were deleted to be rebuilt and whose successors AWS did not take yet.
    pub displaced: BTreeMap<Port, Listener>,
}

/// What is known of the registered instances when some of them shall leave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Brake {
    /// Registered instances whose removal would only be inferred, from nodes, tags or groups, or since nobody knows why
    /// they are there. Those that were taken out of `targets.instanceIds` are not among them.
    pub inferred: BTreeSet<InstanceId>,
    /// Those whose Nodes are about to go, and the instances with them: no share holds them back, only the number that must
    /// stay in service.
    pub departing: BTreeSet<InstanceId>,
    /// Auto Scaling groups that were attached when they were read and shall not be, with their members. To detach one takes
    /// them all out.
    pub groups: BTreeMap<String, BTreeSet<InstanceId>>,
    /// Those that take connections; `None`: that could not be read.
    pub in_service: Option<BTreeSet<InstanceId>>,
    /// Those that were deregistered and still finish their connections.
    pub draining: BTreeSet<InstanceId>,
}

impl Brake {
    /// AWS takes these out itself, whatever it says of them still: they serve in nobody's place, and what leaves next waits.
    pub fn leave(&mut self, members: &BTreeSet<InstanceId>) {
        if let Some(in_service) = &mut self.in_service {
            in_service.retain(|id| !members.contains(id));
        }
        self.draining.extend(members.iter().cloned());
    }
}

/// What a refusal teaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lesson {
    /// Nothing that changes the plan.
    Nothing,
    /// Something new, so it is worth planning again at once.
    New,
    /// That the search for an instance goes on in smaller batches.
    Narrowed,
}

impl From<bool> for Lesson {
    fn from(news: bool) -> Self {
        if news { Self::New } else { Self::Nothing }
    }
}

impl Facts {
    /// Takes in a refusal.
    pub(super) fn learn<E: Refusal>(&mut self, failure: &Failure<E>) -> Lesson {
        let (code, message) = (failure.error.code(), failure.error.message());
        let news = match (&failure.step, code) {
            (Step::RegisterInstances(ids), Code::InvalidInstance) => return self.learn_instance(ids, message),
            (Step::CreateListeners { listeners, .. }, _) if failure.put_back => {
                self.refused_rebuilds
                    .extend(listeners.iter().map(|listener| (listener.port, listener.clone())));
                false
            }
            // AWS may hold a port for a moment after our own delete.
            (Step::CreateListeners { .. }, code) => code == Code::DuplicateListener,
            (Step::AttachSubnets(subnets), Code::SameZone) => self.learn_same_zone(subnets),
            (Step::DeregisterInstances(ids), Code::InvalidInstance) => {
                let named = ids
                    .iter()
                    .filter(|id| message.contains(id.as_str()))
                    .max_by_key(|id| id.len());
                named.is_some_and(|id| self.unregistered.insert(id.clone()))
            }
            _ => false,
        };
        news.into()
    }

    /// Takes in a step that AWS accepted.
    pub(super) fn note(&mut self, step: &Step) {
        self.brake.note(step);
        match step {
            Step::DetachSubnets(subnets) => self.detached.extend(subnets.iter().cloned()),
            Step::ConfigureHealthCheck(_) => self.new = false,
            Step::CreateListeners { listeners, .. } => {
                self.displaced
                    .retain(|port, _| listeners.iter().all(|listener| listener.port != *port));
            }
            _ => {}
        }
    }

    /// What is wanted, but for what AWS refused already: there the old listener stays, with its policies and those of
    /// the port it sends to.
    pub(super) fn temper(&self, mut wanted: LoadBalancer, observed: &LoadBalancer) -> LoadBalancer {
        for (port, refused) in &self.refused_rebuilds {
            if let (Some(new), Some(old)) = (wanted.listeners.get_mut(port), observed.listeners.get(port))
                && old.needs_rebuild(new)
                && new.is_declared_as(refused)
            {
                new.clone_from(old);
                if let Some(names) = observed.backends.get(&old.instance_port) {
                    wanted
                        .backends
                        .entry(old.instance_port)
                        .or_insert_with(|| names.clone());
                }
            }
        }
        if !self.refused_rebuilds.is_empty() {
            keep_unserved_backends(&mut wanted, observed);
            wanted.keep_policies_of(observed);
        }
        if !self.terminated.is_empty() {
            wanted.instances.retain(|id| !self.terminated.contains(id));
        }
        wanted
    }

    /// The first refusal tells that there is a conflict; a later one is news when it is another subnet's, or when room
    /// was made since.
    fn learn_same_zone(&mut self, subnets: &BTreeSet<String>) -> bool {
        if !self.zones.is_empty() {
            // The plan was made in knowledge of the zones, and would be the same again.
            return false;
        }
        let first = !std::mem::replace(&mut self.same_zone, true);
        let one = subnets.first().filter(|_| subnets.len() == 1);
        let other = one.is_some_and(|subnet| self.conflicting_subnets.insert(subnet.clone()));
        let room = std::mem::replace(&mut self.room_made, self.detached.len()) < self.detached.len();
        first || other || room
    }

    /// AWS processes none of a batch that has an unknown instance, and mostly names one of those. Where it does not,
    /// the batch is halved until the instance is alone: 21 calls for one among a thousand.
    fn learn_instance(&mut self, ids: &BTreeSet<InstanceId>, message: &str) -> Lesson {
        let named = ids
            .iter()
            .filter(|id| message.contains(id.as_str()))
            .max_by_key(|id| id.len());
        if let Some(id) = named {
            return self.refused.insert(id.clone()).into();
        }
        let searched = self.batches.iter().any(|batch| ids.is_subset(batch));
        self.batches.retain(|batch| batch.is_disjoint(ids));
        if let (Some(id), 1) = (ids.first(), ids.len()) {
            let news = self.refused.insert(id.clone());
            return if news && searched {
                Lesson::Narrowed
            } else {
                news.into()
            };
        }
        let mut halves = ids.iter().cloned();
        let first: BTreeSet<InstanceId> = halves.by_ref().take(ids.len() / 2).collect();
        self.batches.extend([first, halves.collect()]);
        Lesson::Narrowed
    }
}

impl Brake {
    /// AWS deregistered instances: what leaves next waits until it is read that these have drained.
    fn note(&mut self, step: &Step) {
        if let Step::DeregisterInstances(ids) = step {
            self.draining.extend(ids.intersection(&self.inferred).cloned());
        }
    }
}

/// A port that only a refused listener would send to takes no other policies, so it keeps those it has.
fn keep_unserved_backends(wanted: &mut LoadBalancer, observed: &LoadBalancer) {
    let served: BTreeSet<_> = wanted
        .listeners
        .values()
        .map(|listener| listener.instance_port)
        .collect();
    for (port, names) in wanted.backends.iter_mut().filter(|(port, _)| !served.contains(port)) {
        if let Some(old) = observed.backends.get(port) {
            names.clone_from(old);
        }
    }
}
