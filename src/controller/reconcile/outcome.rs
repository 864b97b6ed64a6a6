//! Pure: what a pass did and met → verdict, errors, and what is remembered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::api::{Applied, ClassicLoadBalancerSpec, ClassicLoadBalancerStatus, ListenerStatus, TrackError};
use crate::aws::{Class, Error};
use crate::controller::apply::Failure;
use crate::controller::memory::Memory;
use crate::controller::resolve::Resolution;
use crate::controller::status::{Problem, Progress, Verdict};
use crate::controller::subject::Subject;
use crate::elb::{Declared, Listener, LoadBalancer, Ownership, Port, Registration};
use crate::plan::desired::{Missing, auto_scaling_groups, fields};
use crate::plan::{Facts, Held, Step, is_same_zone, track};

/// The longest message in `status.errors`.
const ERROR_LENGTH: usize = 1024;

/// Why a pass ends before it plans.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) verdict: Verdict,
    pub(super) errors: Vec<TrackError>,
    /// There is no balancer.
    pub(super) gone: bool,
}

impl From<Verdict> for Halt {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            errors: Vec::new(),
            gone: false,
        }
    }
}

impl Halt {
    fn with(verdict: Verdict, error: &Error) -> Self {
        Self {
            errors: vec![track_error(track::LOAD_BALANCER, error)],
            ..verdict.into()
        }
    }
}

/// What a pass did and met.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) done: Vec<Step>,
    pub(super) failures: Vec<Failure>,
    /// What could not be read, by track.
    pub(super) unread: Vec<(&'static str, Error)>,
    /// What the brake holds back.
    pub(super) held: Option<Held>,
}

impl Work {
    /// Keeps refusals for the next passes. What AWS refused for a passing reason is simply tried again.
    pub(super) fn remember(
        &self,
        memory: &mut Memory,
        facts: &Facts,
        declared: &Declared,
        lb: &LoadBalancer,
        now: Instant,
    ) {
        let tried = memory.suspects_due.is_some_and(|due| due <= now);
        let mut refused = memory.refused_instances.clone();
        refused.extend(facts.refused.iter().cloned());
        // An instance that is registered now, or that nobody wants any more, is no suspect.
        let wanted = declared.registration.as_ref().map(|registration| &registration.wanted);
        refused.retain(|id| !lb.instances.contains(id) && wanted.is_some_and(|wanted| wanted.contains(id)));
        memory.refuse_instances(refused, tried, now);
        for failure in self
            .failures
            .iter()
            .filter(|failure| failure.put_back && !failure.error.class.is_passing())
        {
            if let Step::CreateListeners { listeners, .. } = &failure.step {
                let error = track_error(failure.track, &failure.error);
                memory
                    .refused_rebuilds
                    .extend(listeners.iter().map(|l| (l.port, (l.clone(), error.clone()))));
            }
        }
        let serves_as_before = |port: &u16, refused: &Listener| {
            lb.listeners.get(port).is_some_and(|old| old.needs_rebuild(refused))
                && declared.listeners.contains_key(port)
        };
        memory
            .refused_rebuilds
            .retain(|port, (listener, _)| serves_as_before(port, listener));
        let misplaced = self.failures.iter().any(|failure| failure.track == track::PLACEMENT);
        memory.detached = if misplaced {
            facts.detached.clone()
        } else {
            BTreeSet::new()
        };
    }

    /// For `status.errors`.
    pub(super) fn errors(&self, memory: &Memory) -> Vec<TrackError> {
        let failures = self
            .failures
            .iter()
            .map(|failure| track_error(failure.track, &failure.error));
        let unread = self.unread.iter().map(|(track, error)| track_error(track, error));
        let mut errors: Vec<TrackError> = failures.chain(unread).collect();
        for (_, error) in memory.refused_rebuilds.values() {
            if !errors.contains(error) {
                errors.push(error.clone());
            }
        }
        errors
    }
}

/// Whether a step changes what is registered.
pub(super) fn registers(step: &Step) -> bool {
    matches!(step, Step::RegisterInstances(_) | Step::DeregisterInstances(_))
}

/// Whether a step makes an Auto Scaling group register or deregister its instances.
pub(super) fn moves_group(step: &Step) -> bool {
    matches!(step, Step::AttachAutoScalingGroup(_) | Step::DetachAutoScalingGroup(_))
}

fn track_error(track: &str, error: &Error) -> TrackError {
    TrackError {
        track: track.to_owned(),
        operation: error.operation.to_owned(),
        code: error.code.clone(),
        message: error.message.chars().take(ERROR_LENGTH).collect(),
    }
}

/// The verdict of a pass that planned. What is tried again by itself comes first, since the first problem decides
/// whether the object waits.
pub(super) fn verdict(
    work: &Work,
    memory: &Memory,
    resolution: &Resolution,
    missing: &[Missing],
    named: &BTreeSet<&String>,
    declared: &Declared,
) -> Verdict {
    let percent = declared
        .registration
        .as_ref()
        .map_or(Registration::MAX_DEREGISTER_PERCENT, |registration| {
            registration.max_deregister_percent
        });
    let mut problems: Vec<Problem> = work.failures.iter().map(of_failure).collect();
    let told = |port: &u16| {
        let brings = |failure: &Failure| {
            matches!(&failure.step, Step::CreateListeners { listeners, .. }
            if listeners.iter().any(|listener| listener.port == *port))
        };
        work.failures.iter().any(brings)
    };
    problems.extend(memory.refused_rebuilds.iter().filter(|(port, _)| !told(port)).map(|(port, (_, error))| {
        let message = format!(
            "listener {port} was refused as declared and serves as before: {}; it is tried again at the next resync, or \
             when the spec changes",
            error.message
        );
        Problem::reconciling(error.code.clone(), message)
    }));
    problems.extend(work.unread.iter().map(|(_, error)| of_error(error)));
    problems.extend(missing.iter().map(of_missing));
    problems.extend(missing_groups(memory));
    problems.extend(unknown_instances(memory, named));
    problems.extend(
        resolution
            .suspicion
            .iter()
            .map(|why| Problem::reconciling("NodeViewSuspect", format!("no instance is deregistered: {why}"))),
    );
    // Last of those that are tried again: what waits by itself must not hide what fails.
    problems.extend(work.held.as_ref().map(|held| super::brake::problem(held, percent)));
    problems.sort_by_key(|problem| problem.progress == Progress::Stalled);
    let more = problems.len().saturating_sub(1);
    match problems.into_iter().next() {
        None => Verdict::Programmed,
        Some(mut first) => {
            if more > 0 {
                first.message = format!("{} (and {more} more, see status.errors)", first.message);
            }
            Verdict::NotProgrammed(first)
        }
    }
}

fn missing_groups(memory: &Memory) -> Option<Problem> {
    let missing = memory.missing_groups.iter().cloned().collect::<Vec<_>>().join(", ");
    (!missing.is_empty()).then(|| {
        let message = format!("targets.autoScalingGroups names groups that do not exist: {missing}");
        Problem::reconciling("AutoScalingGroupNotFound", message)
    })
}

/// Ids that the user named and AWS refused. Ids from other sources are stale and no problem.
fn unknown_instances(memory: &Memory, named: &BTreeSet<&String>) -> Option<Problem> {
    let unknown = memory.refused_instances.iter().filter(|id| named.contains(id));
    let unknown = unknown.map(String::as_str).collect::<Vec<_>>().join(", ");
    (!unknown.is_empty()).then(|| {
        let message = format!(
            "targets.instanceIds names instances that AWS does not register, since they do not exist, do not run or are \
             of another VPC: {unknown}"
        );
        Problem::reconciling("InstanceNotFound", message)
    })
}

fn of_failure(failure: &Failure) -> Problem {
    let mut problem = of_error(&failure.error);
    if failure.put_back {
        problem.message = format!("{}; the old listener was put back and serves", problem.message);
    }
    if matches!(failure.step, Step::AttachSubnets(_)) && is_same_zone(&failure.error.message) {
        problem.message = format!(
            "{}: of the subnets declared and attached, two lie in one Availability Zone",
            problem.message
        );
    }
    problem
}

/// Something that the spec refers to was not found.
fn of_missing(missing: &Missing) -> Problem {
    Problem::reconciling(missing.reason.clone(), missing.message.clone())
}

/// Nothing can be made of a spec that refers to what is not there.
pub(super) fn not_found(missing: &Missing) -> Halt {
    Verdict::NotAccepted(of_missing(missing)).into()
}

/// An error after the balancer exists.
fn of_error(error: &Error) -> Problem {
    match error.class {
        Class::Quota => Problem::stalled(error.reason(), error.to_string()),
        _ => Problem::reconciling(error.reason(), error.to_string()),
    }
}

/// AWS could not be asked about the balancer itself.
pub(super) fn unreadable(error: &Error) -> Halt {
    Halt::with(Verdict::Unread(of_error(error)), error)
}

/// `CreateLoadBalancer` was refused.
pub(super) fn not_created(error: &Error) -> Halt {
    let verdict = match error.class {
        Class::MissingReference => Verdict::NotAccepted(Problem::reconciling(error.reason(), error.to_string())),
        Class::Invalid if is_same_zone(&error.message) => Verdict::NotAccepted(Problem::stalled(
            "Invalid",
            format!(
                "spec.subnets: at most one subnet of each Availability Zone can be given: {}",
                error.message
            ),
        )),
        Class::Invalid => Verdict::NotAccepted(Problem::stalled("Invalid", error.to_string())),
        Class::Duplicate => Verdict::NotAccepted(Problem::stalled("Conflict", error.to_string())),
        _ => Verdict::NotProgrammed(of_error(error)),
    };
    Halt::with(verdict, error)
}

/// The balancer was accepted and is not visible.
pub(super) fn creating() -> Halt {
    let message = "AWS accepted the balancer but does not show it yet";
    Verdict::NotProgrammed(Problem::reconciling("Creating", message)).into()
}

/// The name is taken.
pub(super) fn not_ours(subject: &Subject, ownership: &Ownership) -> Halt {
    let Subject { name, region, .. } = subject;
    let problem = match ownership {
        Ownership::Foreign(owner) => Problem::stalled(
            "Conflict",
            format!(
                "the balancer {name} in {region} belongs to {owner} and is not touched; choose another loadBalancerName"
            ),
        ),
        Ownership::Nobody | Ownership::Ours => Problem::stalled(
            "NotAdopted",
            format!(
                "a balancer {name} that this operator did not make exists in {region} and is not touched; delete it, or \
                 choose another loadBalancerName"
            ),
        ),
    };
    Verdict::NotAccepted(problem).into()
}

/// The balancer vanished.
pub(super) fn lost(subject: &Subject) -> Halt {
    let message = format!(
        "the balancer {} was deleted in AWS behind the operator's back; a new one would have another DNS name, so it is \
         made only on request: set spec.recreatePolicy to Always, or delete this object",
        subject.name
    );
    Halt {
        gone: true,
        ..Verdict::NotProgrammed(Problem::stalled("Lost", message)).into()
    }
}

/// What the status shall remember. `groups` are the declared ones, where any are.
pub(super) fn applied(
    spec: &ClassicLoadBalancerSpec,
    declared: &Declared,
    previous: &ClassicLoadBalancerStatus,
    lb: &LoadBalancer,
    done: &[Step],
    groups_read: bool,
) -> Applied {
    let before = previous.applied.clone().unwrap_or_default();
    let mut fields = fields::declared(spec);
    fields.extend(fields::pending(&before.fields, spec, declared, lb).into_iter().cloned());
    let mut tag_keys: BTreeSet<String> = spec.tags.iter().flatten().map(|(key, _)| key.clone()).collect();
    tag_keys.extend(before.tag_keys.into_iter().filter(|key| lb.tags.contains_key(key)));
    let attached = spec.targets.as_ref().map(auto_scaling_groups).unwrap_or_default();
    let mut groups: BTreeSet<String> = before.auto_scaling_groups.into_iter().collect();
    for step in done {
        match step {
            Step::AttachAutoScalingGroup(name) => groups.insert(name.clone()),
            Step::DetachAutoScalingGroup(name) => groups.remove(name),
            _ => false,
        };
    }
    // A group that is not declared and not attached is not ours any more, whoever detached or deleted it.
    groups.retain(|name| !groups_read || attached.contains(name) || lb.auto_scaling_groups.contains(name));
    Applied {
        fields: fields.into_iter().collect(),
        tag_keys: tag_keys.into_iter().collect(),
        auto_scaling_groups: groups.into_iter().collect(),
        instance_ids: Vec::new(),
    }
}

/// The listeners that a status knows.
pub(super) fn listeners_of(status: &ClassicLoadBalancerStatus) -> BTreeMap<Port, Listener> {
    let read = |listener: &ListenerStatus| {
        Some(Listener {
            port: Port::try_from(listener.port).ok()?,
            protocol: listener.protocol.parse().ok()?,
            instance_port: Port::try_from(listener.instance_port).ok()?,
            instance_protocol: listener.instance_protocol.parse().ok()?,
            certificate: listener.certificate.as_ref().map(|certificate| certificate.arn.clone()),
            policies: listener.policies.iter().cloned().collect(),
        })
    };
    status
        .listeners
        .iter()
        .filter_map(read)
        .map(|listener| (listener.port, listener))
        .collect()
}
