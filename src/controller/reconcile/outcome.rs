//! Pure: what a pass did and met → verdict, errors, and what is remembered.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::api::TrackError;
use crate::api::message::{self, Message};
use crate::aws::{Class, Error};
use crate::controller::apply::Failure;
use crate::controller::memory::{Memory, RefusedRebuild};
use crate::controller::resolve::Resolution;
use crate::controller::status::{Problem, Progress, Verdict};
use crate::controller::subject::Subject;
use crate::elb::{Declared, Listener, LoadBalancer, Port, Registration};
use crate::plan::desired::Missing;
use crate::plan::{Facts, Held, Step, is_same_zone, track};

/// AWS's code where an instance does not exist, does not run or is of another VPC.
const INVALID_INSTANCE: &str = "InvalidInstance";

/// The longest message in `status.errors`.
const ERROR_LENGTH: usize = 1024;

/// Why a pass ends before it plans.
#[derive(Debug)]
pub(super) struct Halt {
    pub(super) verdict: Verdict,
    pub(super) errors: Vec<TrackError>,
    /// There is no balancer.
    pub(super) gone: bool,
    /// The calls that would be made, were they permitted.
    pub(super) plan: Vec<Step>,
}

impl From<Verdict> for Halt {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            errors: Vec::new(),
            gone: false,
            plan: Vec::new(),
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
    /// What the spec refers to and was found missing on the way.
    pub(super) missing: Vec<Missing>,
    /// The calls that would be made, were they permitted.
    pub(super) plan: Vec<Step>,
    /// Why nothing is planned for a balancer that was read.
    pub(super) refusal: Option<Verdict>,
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
                let refused = |listener: &Listener| RefusedRebuild {
                    listener: listener.clone(),
                    track: failure.track,
                    error: failure.error.clone(),
                };
                memory
                    .refused_rebuilds
                    .extend(listeners.iter().map(|l| (l.port, refused(l))));
            }
        }
        let serves_as_before = |port: &u16, refused: &Listener| {
            lb.listeners.get(port).is_some_and(|old| old.needs_rebuild(refused))
                && declared.listeners.contains_key(port)
        };
        memory
            .refused_rebuilds
            .retain(|port, refused| serves_as_before(port, &refused.listener));
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
        let refused = memory.refused_rebuilds.values();
        let refused = refused.map(|refused| track_error(refused.track, &refused.error));
        for error in refused.chain(health_error(memory)) {
            if !errors.contains(&error) {
                errors.push(error);
            }
        }
        errors
    }
}

/// That the health cannot be read, for `status.errors`.
pub(super) fn health_error(memory: &Memory) -> Option<TrackError> {
    memory.health_unread().map(|error| track_error(track::INSTANCES, error))
}

/// Whether a step changes what is registered.
pub(super) fn registers(step: &Step) -> bool {
    matches!(step, Step::RegisterInstances(_) | Step::DeregisterInstances(_))
}

/// Whether AWS changes more by itself after a step than the step says: an Auto Scaling group registers or deregisters its
/// instances, and zones bring their default subnets.
pub(super) fn moves_by_itself(step: &Step) -> bool {
    matches!(
        step,
        Step::AttachAutoScalingGroup(_)
            | Step::DetachAutoScalingGroup(_)
            | Step::EnableZones(_)
            | Step::DisableZones(_)
    )
}

fn track_error(track: &str, error: &Error) -> TrackError {
    TrackError {
        track: track.to_owned(),
        operation: error.operation.to_owned(),
        code: error.code.clone(),
        message: error.message.chars().take(ERROR_LENGTH).collect(),
    }
}

/// The verdict of a pass that planned. What the spec asks for and AWS cannot have is not accepted, though the rest of the
/// balancer follows it.
pub(super) fn verdict(problems: Vec<Problem>) -> Verdict {
    let more = problems.len().saturating_sub(1);
    match problems.into_iter().next() {
        None => Verdict::Programmed,
        Some(mut first) => {
            if more > 0 {
                let reason = first.message.reason().to_owned();
                first.message = message::and_more(reason, first.message, more);
            }
            if first.is_invalid() {
                Verdict::NotAccepted(first)
            } else {
                Verdict::NotProgrammed(first)
            }
        }
    }
}

/// What keeps the balancer from being as declared. What is tried again by itself comes first, since the first problem
/// decides whether the object waits.
pub(super) fn problems(
    work: &Work,
    memory: &Memory,
    resolution: &Resolution,
    missing: &[Missing],
    named: &BTreeSet<&String>,
    declared: &Declared,
) -> Vec<Problem> {
    let percent = declared
        .registration
        .as_ref()
        .map_or(Registration::MAX_DEREGISTER_PERCENT, |registration| {
            registration.max_deregister_percent
        });
    let unknown = unknown_instances(memory, named);
    // AWS's answer to the same ids says less.
    let says_less = |failure: &&Failure| {
        matches!(&failure.step, Step::RegisterInstances(ids) if failure.error.code == INVALID_INSTANCE
            && unknown.iter().any(|id| ids.contains(*id)))
    };
    let failures = work.failures.iter().filter(|failure| !says_less(failure));
    let mut problems: Vec<Problem> = failures.map(|failure| of_failure(failure, declared)).collect();
    let is_reported = |port: &u16| {
        let brings = |failure: &Failure| {
            matches!(&failure.step, Step::CreateListeners { listeners, .. }
            if listeners.iter().any(|listener| listener.port == *port))
        };
        work.failures.iter().any(brings)
    };
    let kept = memory.refused_rebuilds.iter().filter(|(port, _)| !is_reported(port));
    problems.extend(kept.map(|(port, refused)| {
        let message = message::serves_as_before(refused.error.reason(), port, &refused.error.message);
        Problem::reconciling(message)
    }));
    problems.extend(work.unread.iter().map(|(_, error)| of_error(error)));
    problems.extend(missing.iter().chain(&work.missing).map(of_missing));
    let groups = some_of(memory.missing_groups.iter());
    problems.extend(groups.map(|groups| Problem::reconciling(message::no_such_groups(groups))));
    let unknown = some_of(unknown.into_iter());
    problems.extend(unknown.map(|ids| Problem::reconciling(message::unknown_instances(ids))));
    problems.extend(resolution.suspicion.iter().cloned().map(Problem::reconciling));
    // Last of those that are tried again: what waits by itself must not hide what fails.
    problems.extend(work.held.as_ref().map(|held| super::brake::problem(held, percent)));
    problems.sort_by_key(|problem| problem.progress == Progress::Stalled);
    problems
}

/// The first of many names: a message must stay readable. `None`: there is none.
fn some_of<'a>(names: impl Iterator<Item = &'a String>) -> Option<String> {
    const NAMED: usize = 10;
    let all: Vec<&str> = names.map(String::as_str).collect();
    let some = all.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(NAMED) {
        _ if all.is_empty() => None,
        None | Some(0) => Some(some),
        Some(more) => Some(message::and_others(some, more)),
    }
}

/// Ids that the user named and AWS refused. Ids from other sources are stale and no problem.
fn unknown_instances<'a>(memory: &'a Memory, named: &BTreeSet<&String>) -> Vec<&'a String> {
    let refused = memory.refused_instances.iter();
    refused.filter(|id| named.contains(id)).collect()
}

fn of_failure(failure: &Failure, declared: &Declared) -> Problem {
    let mut problem = of_error(&failure.error);
    let reason = failure.error.reason();
    if matches!(failure.error.class, Class::Invalid | Class::MissingReference)
        && let Some(field) = field_of(&failure.step, declared)
    {
        problem.message = message::at_field(reason.clone(), field, problem.message);
    }
    if failure.put_back {
        problem.message = message::put_back(reason, problem.message);
    } else if let Some(port) = closed_by(&failure.step) {
        problem.message = message::closed(reason, problem.message, port);
    } else if matches!(failure.step, Step::AttachSubnets(_)) && is_same_zone(&failure.error.message) {
        problem.message = message::two_of_one_zone(reason, problem.message);
    }
    problem
}

/// The field that a step follows from, where AWS's message says nothing of it.
fn field_of(step: &Step, declared: &Declared) -> Option<String> {
    let certificate = |port: &Port| format!("spec.listeners[port={port}].certificate");
    match step {
        Step::SetCertificate { port, .. } => Some(certificate(port)),
        Step::FindCertificate(arn) => {
            let mut listeners = declared.listeners.values();
            let listener = listeners.find(|listener| listener.certificate.as_ref() == Some(arn))?;
            Some(certificate(&listener.port))
        }
        Step::CreateListeners { listeners, .. } => Some(format!("spec.listeners[port={}]", listeners.first()?.port)),
        Step::EnableZones(_) => Some("spec.availabilityZones".to_owned()),
        _ => None,
    }
}

/// The port that is closed while AWS refuses a step: what was there was taken down for it and could not be put back.
fn closed_by(step: &Step) -> Option<Port> {
    match step {
        Step::CreateListeners { listeners, otherwise } if !otherwise.is_empty() => Some(listeners.first()?.port),
        _ => None,
    }
}

/// Something that the spec refers to was not found.
fn of_missing(missing: &Missing) -> Problem {
    let message = missing.message.clone();
    if missing.is_invalid() {
        Problem::stalled(message)
    } else {
        Problem::reconciling(message)
    }
}

/// Nothing can be made of a spec that refers to what is not there.
pub(super) fn not_found(missing: &Missing) -> Halt {
    Verdict::NotAccepted(of_missing(missing)).into()
}

/// An error after the balancer exists.
fn of_error(error: &Error) -> Problem {
    match error.class {
        Class::Quota => Problem::stalled(error.message()),
        _ => Problem::reconciling(error.message()),
    }
}

/// AWS could not be asked about the balancer itself.
pub(super) fn unreadable(error: &Error) -> Halt {
    Halt::with(Verdict::Unread(of_error(error)), error)
}

/// The tags that take a balancer over were refused.
pub(super) fn not_claimed(error: &Error) -> Halt {
    Halt::with(Verdict::NotAccepted(of_error(error)), error)
}

/// `CreateLoadBalancer` was refused.
pub(super) fn not_created(error: &Error) -> Halt {
    let verdict = match error.class {
        Class::MissingReference => Verdict::NotAccepted(Problem::reconciling(error.message())),
        Class::Invalid if is_same_zone(&error.message) => {
            Verdict::NotAccepted(Problem::stalled(message::same_zone_says_aws(&error.message)))
        }
        Class::Invalid => Verdict::NotAccepted(Problem::stalled(message::invalid_says_aws(error))),
        Class::Duplicate => Verdict::NotAccepted(Problem::stalled(message::name_taken(error))),
        _ => Verdict::NotProgrammed(of_error(error)),
    };
    Halt::with(verdict, error)
}

/// The balancer was accepted and is not visible.
pub(super) fn creating() -> Halt {
    Verdict::NotProgrammed(Problem::reconciling(message::creating())).into()
}

/// The name is taken.
pub(super) fn not_ours(message: Message) -> Halt {
    Verdict::NotAccepted(Problem::stalled(message)).into()
}

/// The balancer vanished.
pub(super) fn lost(subject: &Subject) -> Halt {
    Halt {
        gone: true,
        ..Verdict::NotProgrammed(Problem::stalled(message::lost(&subject.name))).into()
    }
}

#[cfg(test)]
mod tests;
