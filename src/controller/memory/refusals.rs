//! Pure: what AWS refused, so that it is not asked for again and again.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::Error;
use crate::elb::{Declared, InstanceId, Listener, LoadBalancer, Port};
use crate::plan::{Facts, Failure, Step, Track};

/// How many instances that AWS refused before are tried again in one reconcile.
const TRIED_AT_ONCE: usize = 10;

/// A listener that AWS refused to rebuild.
#[derive(Clone, Debug)]
pub(in crate::controller) struct RefusedRebuild {
    pub(in crate::controller) listener: Listener,
    /// The part of the load balancer it was tried for.
    pub(in crate::controller) track: Track,
    /// AWS's answer.
    pub(in crate::controller) error: Error,
}

/// When instances that AWS refused are tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Suspects {
    /// There are none.
    None,
    /// When it was planned before.
    AsPlanned,
    /// Later, after so many tries.
    Later(u32),
}

/// What AWS refused.
#[derive(Debug, Default)]
pub(in crate::controller) struct Refusals {
    instances: BTreeSet<InstanceId>,
    /// Instances that AWS lists and says are not registered when they shall leave.
    unregistered: BTreeSet<InstanceId>,
    tried: u32,
    rebuilds: BTreeMap<Port, RefusedRebuild>,
    /// Listeners that were deleted to be rebuilt and whose successors AWS did not take.
    displaced: BTreeMap<Port, Listener>,
    /// Subnets that were detached to make room for others.
    detached: BTreeSet<String>,
    missing_groups: BTreeSet<String>,
}

impl Refusals {
    /// A spec that changed, or a person who asks, deserves a try of all that was refused. Returns whether there are
    /// instances to try.
    pub(in crate::controller) fn forgive(&mut self) -> bool {
        self.rebuilds.clear();
        !self.instances.is_empty()
    }

    /// What planning must know of earlier reconciles. `try_suspects`: some of the refused instances are tried again;
    /// each costs a call, so they take turns.
    pub(in crate::controller) fn facts(&self, try_suspects: bool) -> Facts {
        let (mut suspects, mut refused) = (BTreeSet::new(), self.instances.clone());
        if try_suspects {
            let turn = usize::try_from(self.tried).unwrap_or_default() * TRIED_AT_ONCE;
            let turn = turn % refused.len().max(1);
            suspects = refused
                .iter()
                .cycle()
                .skip(turn)
                .take(TRIED_AT_ONCE.min(refused.len()))
                .cloned()
                .collect();
            refused.retain(|id| !suspects.contains(id));
        }
        let rebuilds = self.rebuilds.iter();
        Facts {
            suspects,
            refused,
            refused_rebuilds: rebuilds
                .map(|(port, refused)| (*port, refused.listener.clone()))
                .collect(),
            displaced: self.displaced.clone(),
            detached: self.detached.clone(),
            ..Facts::default()
        }
    }

    /// Keeps what was refused for the next reconciles. What AWS refused for a passing reason is simply tried again.
    pub(in crate::controller) fn take(
        &mut self,
        failures: &[Failure<Error>],
        facts: &Facts,
        declared: &Declared,
        lb: &LoadBalancer,
        tried: bool,
    ) -> Suspects {
        let lasting = failures
            .iter()
            .filter(|failure| failure.put_back && !failure.error.class.is_passing());
        for failure in lasting {
            if let Step::CreateListeners { listeners, .. } = &failure.step {
                let refused = |listener: &Listener| RefusedRebuild {
                    listener: listener.clone(),
                    track: failure.track,
                    error: failure.error.clone(),
                };
                self.rebuilds.extend(listeners.iter().map(|l| (l.port, refused(l))));
            }
        }
        let serves_as_before = |port: &u16, refused: &Listener| {
            lb.listeners.get(port).is_some_and(|old| old.needs_rebuild(refused))
                && declared.listeners.contains_key(port)
        };
        self.rebuilds
            .retain(|port, refused| serves_as_before(port, &refused.listener));
        let misplaced = failures.iter().any(|failure| failure.track == Track::Placement);
        let listed = facts.unregistered.intersection(&lb.instances);
        self.unregistered = listed.cloned().collect();
        self.detached = if misplaced {
            facts.detached.clone()
        } else {
            BTreeSet::new()
        };
        self.take_instances(facts, declared, lb, tried)
    }

    /// An instance that is registered now, or that nobody wants any more, is no suspect.
    fn take_instances(&mut self, facts: &Facts, declared: &Declared, lb: &LoadBalancer, tried: bool) -> Suspects {
        let known = !self.instances.is_empty();
        self.instances.extend(facts.refused.iter().cloned());
        let wanted = declared.registration.as_ref().map(|registration| &registration.wanted);
        self.instances
            .retain(|id| !lb.instances.contains(id) && wanted.is_some_and(|wanted| wanted.contains(id)));
        if self.instances.is_empty() {
            self.tried = 0;
            Suspects::None
        } else if tried || !known {
            // News of one instance is no reason to ask for the others again.
            self.tried = self.tried.saturating_add(1);
            Suspects::Later(self.tried)
        } else {
            Suspects::AsPlanned
        }
    }

    /// Keeps the listeners that were taken away and that nothing has replaced yet.
    pub(in crate::controller) fn keep_displaced(&mut self, displaced: BTreeMap<Port, Listener>) {
        self.displaced = displaced;
    }

    /// Keeps the declared Auto Scaling groups that do not exist.
    pub(in crate::controller) fn keep_missing_groups(&mut self, missing: BTreeSet<String>) {
        self.missing_groups = missing;
    }

    /// How often refused instances were tried.
    pub(in crate::controller) fn tried(&self) -> u32 {
        self.tried
    }

    /// The instances that AWS refused to register.
    pub(in crate::controller) fn instances(&self) -> &BTreeSet<InstanceId> {
        &self.instances
    }

    /// The instances that AWS lists and does not deregister, since they are not registered.
    pub(in crate::controller) fn unregistered(&self) -> &BTreeSet<InstanceId> {
        &self.unregistered
    }

    /// The listeners that AWS refused to rebuild.
    pub(in crate::controller) fn rebuilds(&self) -> &BTreeMap<Port, RefusedRebuild> {
        &self.rebuilds
    }

    /// The declared Auto Scaling groups that do not exist.
    pub(in crate::controller) fn missing_groups(&self) -> &BTreeSet<String> {
        &self.missing_groups
    }

    /// With a listener that AWS refused to rebuild.
    #[cfg(test)]
    pub(in crate::controller) fn of_rebuild(port: Port, refused: RefusedRebuild) -> Self {
        Self {
            rebuilds: [(port, refused)].into(),
            ..Self::default()
        }
    }

    /// With instances that AWS refused.
    #[cfg(test)]
    pub(in crate::controller) fn of_instances<'a>(ids: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            instances: ids.into_iter().map(ToOwned::to_owned).collect(),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
