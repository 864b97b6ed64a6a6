//! Pure: what is declared × what is observed → the calls to make.
//!
//! A [`Plan`] is data. It can be printed before it runs and leaves no choice to execution: each [`Step`] is exactly one
//! AWS call. Steps that need no order between them stand in different [`Track`]s, and a refusal stops its own track
//! only. A refusal that can be expected becomes a [`Facts`] entry, and planning starts again with it.

pub mod adoption;
pub mod allow;
mod attributes;
pub mod binding;
mod brake;
pub mod desired;
mod explain;
mod facts;
pub mod import;
mod listeners;
mod placement;
mod policies;
mod problem;
pub mod replacement;
mod rounds;
mod run;
mod step;
mod tags;
pub mod targets;
mod track;

use std::collections::BTreeSet;
use std::fmt;

use crate::elb::{Declared, LISTENERS, Listener, LoadBalancer, PolicyName};
use listeners::Listeners;

pub use brake::{Held, Why};
pub use explain::Explained;
pub use facts::{Brake, Facts};
pub use placement::needs_spare;
pub use problem::{Cause, Problem, Progress};
pub use rounds::Rounds;
pub use run::{Failure, Ran, Refusal, Run};
pub use step::{Step, is_write};
pub use track::{Track, UnknownTrack};

/// Steps that depend on one another, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steps {
    /// What they are about.
    pub name: Track,
    /// The calls.
    pub steps: Vec<Step>,
    /// The tracks, by their place in the plan, that must have ended without a refusal before this one begins.
    pub after: Vec<usize>,
}

/// The calls that make AWS match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In order of urgency; each fails alone.
    pub tracks: Vec<Steps>,
}

impl Plan {
    /// The plan for a load balancer that is not there: one call that carries all it can, the rest follows what AWS
    /// made.
    pub fn create(declared: &Declared) -> Self {
        let mut plan = Self::default();
        plan.push(
            Track::LoadBalancer,
            vec![Step::CreateLoadBalancer(Box::new(declared.at_creation()))],
        );
        plan
    }

    /// The plan that takes a load balancer away.
    pub fn delete() -> Self {
        let mut plan = Self::default();
        plan.push(Track::LoadBalancer, vec![Step::DeleteLoadBalancer]);
        plan
    }

    /// The plan that turns `observed` into `declared.over(observed)`, as far as `facts` do not speak against it.
    pub fn update(declared: &Declared, observed: &LoadBalancer, facts: &Facts) -> Self {
        let wanted = policies::as_far_as_they_fit(facts.temper(declared.over(observed), observed), observed);
        let mut plan = Self::default();
        let mut listeners = listeners::differences(observed, &wanted, facts);
        if wanted.health_check != observed.health_check || facts.new {
            let step = Step::ConfigureHealthCheck(wanted.health_check.clone());
            match health_check_goes(declared, observed, &wanted, &mut listeners) {
                Goes::First => plan.push(Track::HealthCheck, vec![step]),
                Goes::With(steps) => steps.push(step),
                Goes::Nowhere => {}
            }
        }
        plan.push_instances(declared, observed, &wanted, facts);
        for id in facts.suspects.difference(&facts.refused) {
            if wanted.instances.contains(id) && !observed.instances.contains(id) {
                plan.push(Track::Instances, vec![Step::RegisterInstances([id.clone()].into())]);
            }
        }
        let room = policies::making_room(observed, &wanted);
        for step in &room {
            plan.push(Track::Policies, vec![step.clone()]);
        }
        for step in policies::create(observed, &wanted) {
            plan.push(Track::Policies, vec![step]);
        }
        let mut backends = policies::of_backends(observed, &wanted);
        plan.push_listeners(listeners, observed, &wanted, &mut backends);
        for step in policies::of_listeners(observed, &wanted) {
            plan.push(Track::Policies, vec![step]);
        }
        for step in backends {
            plan.push_backend(step, observed, &wanted);
        }
        for step in attributes::differences(observed, &wanted) {
            plan.push(Track::Attributes, vec![step]);
        }
        plan.push(Track::Placement, placement::steps(observed, &wanted, facts));
        if wanted.security_groups != observed.security_groups {
            plan.push(
                Track::SecurityGroups,
                vec![Step::ApplySecurityGroups(wanted.security_groups.clone())],
            );
        }
        for steps in targets::auto_scaling_groups(declared, observed, &wanted, facts) {
            plan.push(Track::AutoScalingGroups, steps);
        }
        plan.push(Track::Tags, tags::differences(observed, &wanted));
        let mut deletions = policies::delete(observed, &wanted);
        deletions.retain(|step| !room.contains(step));
        plan.push_deletions(deletions);
        plan
    }

    /// Instances come before others leave, so that capacity never dips for a replacement. Where a load balancer cannot have so
    /// many, those leave first that may, and as many come as there is room for.
    fn push_instances(&mut self, declared: &Declared, observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) {
        let mut leave = targets::deregister(declared, observed, wanted, facts);
        let mut come = targets::register(observed, wanted, facts);
        if targets::are_crowded(observed, wanted) {
            come = targets::fitting(observed, leave.as_ref(), come);
            self.push(Track::Instances, leave.take().into_iter().collect());
        }
        let leave: Vec<Step> = leave.into_iter().collect();
        if come.len() < 2 {
            come.extend(leave);
            self.push(Track::Instances, come);
            return;
        }
        // Batches among which an unknown instance is searched: each is refused or taken alone.
        let first = self.tracks.len();
        for step in come {
            self.push(Track::Instances, vec![step]);
        }
        let after = (first..self.tracks.len()).collect();
        if !leave.is_empty() {
            self.tracks.push(Steps {
                name: Track::Instances,
                steps: leave,
                after,
            });
        }
    }

    /// Ports that open do so one by one; ports that close wait for all of them, so that a listener which moves keeps
    /// serving when its new port is refused. Where a load balancer cannot have so many, they close first.
    fn push_listeners(
        &mut self,
        listeners: Listeners,
        observed: &LoadBalancer,
        wanted: &LoadBalancer,
        backends: &mut Vec<Step>,
    ) {
        let full = observed.listeners.len() + listeners.added.len() > LISTENERS;
        for steps in listeners.changed {
            self.push(Track::Listeners, steps);
            self.push_backends_of_the_last(backends, observed, wanted);
        }
        if full && !listeners.removed.is_empty() {
            self.push(Track::Listeners, vec![Step::DeleteListeners(listeners.removed.clone())]);
        }
        let first = self.tracks.len();
        for steps in listeners.added {
            self.push(Track::Listeners, steps);
            self.push_backends_of_the_last(backends, observed, wanted);
        }
        let after: Vec<usize> = (first..self.tracks.len())
            .filter(|place| self.tracks[*place].name == Track::Listeners)
            .collect();
        if !full && !listeners.removed.is_empty() {
            let steps = vec![Step::DeleteListeners(listeners.removed)];
            self.tracks.push(Steps {
                name: Track::Listeners,
                steps,
                after,
            });
        }
    }

    /// An instance port that the last track opens gets its policies before other listeners are seen to: until then its backends
    /// miss what they expect, such as the header of the proxy protocol.
    fn push_backends_of_the_last(&mut self, backends: &mut Vec<Step>, observed: &LoadBalancer, wanted: &LoadBalancer) {
        let Some(track) = self.tracks.last() else { return };
        let belongs = |step: &Step| match step {
            Step::SetBackendPolicies { port, policies } => {
                !policies.is_empty() && track.steps.iter().any(|step| step.brings_instance_port(Some(*port)))
            }
            _ => false,
        };
        let (now, later): (Vec<Step>, Vec<Step>) = std::mem::take(backends).into_iter().partition(belongs);
        *backends = later;
        for step in now {
            self.push_backend(step, observed, wanted);
        }
    }

    /// Policies can be put on a port that a listener sends to: one that stays, or one that this plan makes first.
    fn push_backend(&mut self, step: Step, observed: &LoadBalancer, wanted: &LoadBalancer) {
        let Step::SetBackendPolicies { port, policies } = &step else {
            return;
        };
        let port = Some(*port);
        let stays = |new: &Listener| {
            let old = observed.listeners.get(&new.port);
            Some(new.instance_port) == port && old.is_some_and(|old| !old.needs_rebuild(new))
        };
        let brings = |track: &Steps| track.steps.iter().any(|step| step.brings_instance_port(port));
        // Until its last listener is gone, a port keeps what it has: a listener that is put back needs it.
        let leaves = |step: &Step| {
            let Step::DeleteListeners(ports) = step else {
                return false;
            };
            let gone = ports.iter().filter_map(|port| observed.listeners.get(port));
            gone.into_iter().any(|old| Some(old.instance_port) == port)
        };
        let leaving = |track: &Steps| track.steps.iter().any(leaves);
        let leaving: Vec<usize> = (0..self.tracks.len())
            .filter(|place| leaving(&self.tracks[*place]))
            .collect();
        let bringing: Vec<usize> = (0..self.tracks.len())
            .filter(|place| brings(&self.tracks[*place]))
            .collect();
        let served = policies.is_empty() || wanted.listeners.values().any(stays);
        if !served && bringing.is_empty() {
            return;
        }
        let clears = policies.is_empty();
        self.push(Track::Backends, vec![step]);
        if let Some(track) = self.tracks.last_mut() {
            track.after.extend(bringing.into_iter().filter(|_| !served));
            track.after.extend(leaving.into_iter().filter(|_| clears));
        }
    }

    /// Policies go when nothing can refer to them any more.
    fn push_deletions(&mut self, steps: Vec<Step>) {
        let refer = |track: &Steps| [Track::Listeners, Track::Policies, Track::Backends].contains(&track.name);
        let after = (0..self.tracks.len())
            .filter(|place| refer(&self.tracks[*place]))
            .collect();
        if !steps.is_empty() {
            self.tracks.push(Steps {
                name: Track::Policies,
                steps,
                after,
            });
        }
    }

    /// A track waits for those that make the policies it puts in force.
    fn push(&mut self, name: Track, steps: Vec<Step>) {
        if steps.is_empty() {
            return;
        }
        let named: BTreeSet<&PolicyName> = steps.iter().flat_map(policies::named).collect();
        let makes = |track: &Steps| {
            let mut made = track.steps.iter().filter_map(|step| match step {
                Step::CreatePolicy { name, .. } => Some(name),
                _ => None,
            });
            made.any(|name| named.contains(name))
        };
        let after = (0..self.tracks.len())
            .filter(|place| makes(&self.tracks[*place]))
            .collect();
        self.tracks.push(Steps { name, steps, after });
    }

    /// The plan without what was refused already in this reconcile. Such a track goes as a whole: its first steps only make
    /// way for the one that is refused. What waits for it goes too.
    #[must_use]
    pub fn without(mut self, refused: &[Step]) -> Self {
        let mut gone = Vec::new();
        for (place, track) in self.tracks.iter_mut().enumerate() {
            let blocked = track.after.iter().any(|other| gone.contains(other));
            if blocked || track.steps.iter().any(|step| refused.contains(step)) {
                track.steps.clear();
                gone.push(place);
            }
        }
        self
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.tracks.iter().all(|track| track.steps.is_empty())
    }

    /// All steps in order.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.tracks.iter().flat_map(|track| &track.steps)
    }
}

/// Where the change of the health check belongs.
enum Goes<'a> {
    /// First, so that instances are registered under the check that is meant for them.
    First,
    /// After the listener that brings the port it checks.
    With(&'a mut Vec<Step>),
    /// Nowhere yet: it checks a port that only a listener brings which AWS refuses. It would take every instance out.
    Nowhere,
}

fn health_check_goes<'a>(
    declared: &Declared,
    observed: &LoadBalancer,
    wanted: &LoadBalancer,
    listeners: &'a mut Listeners,
) -> Goes<'a> {
    let port = wanted.health_check.port();
    let serves = |listener: &Listener| Some(listener.instance_port) == port;
    // A listener that is about to leave serves nothing that a health check can count on.
    let stays = |old: &Listener| {
        wanted
            .listeners
            .get(&old.port)
            .is_some_and(|new| !old.needs_rebuild(new))
    };
    let remains = observed.listeners.values().any(|old| serves(old) && stays(old));
    if remains || !declared.listeners.values().any(serves) {
        return Goes::First;
    }
    let brings = |steps: &&mut Vec<Step>| steps.iter().any(|step| step.brings_instance_port(port));
    match listeners.changed.iter_mut().chain(&mut listeners.added).find(brings) {
        Some(steps) => Goes::With(steps),
        None => Goes::Nowhere,
    }
}

/// One line for each call.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.steps().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{step}")?;
        }
        Ok(())
    }
}
