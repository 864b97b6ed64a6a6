//! Pure: what a reconcile did and met → problems → verdict.

use std::collections::BTreeSet;

use super::groups::Groups;
use super::met::Met;
use super::resolution::Resolution;
use super::stop::{ERROR_LENGTH, of_error, problem_error, track_error};
use crate::api::TrackError;
use crate::api::message::{self, Message};
use crate::aws::Error;
use crate::controller::memory::{Health, Refusals};
use crate::controller::status::Verdict;
use crate::elb::{
    Attribute, Class, Code, Declared, InstanceId, LoadBalancer, PREDEFINED_TLS_POLICIES, Policy, Port, Registration,
    TlsPolicy, region, similar,
};
use crate::plan::{Cause, Failure, Held, Problem, Progress, Refusal as _, Step, Track, Why};

/// What a reconcile that planned did and met.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The load balancer as AWS has it now; `None`: there is none, which only a dry run leaves so.
    pub(super) lb: Option<LoadBalancer>,
    /// `None`: they could not be read.
    pub(super) groups: Option<Groups>,
    /// What was in the way of reading.
    pub(super) met: Met,
    /// What AWS refused, and what planning again did not mend.
    pub(super) failures: Vec<Failure<Error>>,
    /// What the brake holds back.
    pub(super) held: Option<Held>,
    /// Somebody has changed the load balancer since the status told of it.
    pub(super) drifted: bool,
}

/// What is known besides when problems are told.
pub(super) struct Setting<'a> {
    pub(super) refusals: &'a Refusals,
    pub(super) resolution: &'a Resolution,
    /// What the spec refers to and was not found.
    pub(super) missing: &'a [Problem],
    /// The ids that the spec names itself.
    pub(super) named: &'a BTreeSet<&'a String>,
    pub(super) declared: &'a Declared,
    /// Where the load balancer is.
    pub(super) region: &'a str,
}

impl Outcome {
    /// For `status.errors`: what the conditions count, and calls that AWS refused and that are told there in other words.
    pub(super) fn errors(&self, setting: &Setting<'_>, health: &Health) -> Vec<TrackError> {
        let mut told = self.told(setting);
        // What merely waits, and is told by the condition already, is no error.
        if told.first().is_some_and(Told::waits) {
            told.remove(0);
        }
        let mut errors: Vec<TrackError> = told.iter().map(Told::error).collect();
        let failures = self.failures.iter();
        let refused = failures.map(|failure| track_error(failure.track, &failure.error));
        let before = setting.refusals.rebuilds().values();
        let before = before.map(|refused| track_error(refused.track, &refused.error));
        for error in refused.chain(before).chain(health_error(health)) {
            let same = |told: &TrackError| {
                (&told.track, &told.operation, &told.code) == (&error.track, &error.operation, &error.code)
            };
            if !errors.iter().any(same) {
                errors.push(error);
            }
        }
        errors
    }

    /// What keeps the load balancer from being as declared. What is tried again by itself comes first, since the first
    /// problem decides whether the object waits.
    pub(super) fn problems(&self, setting: &Setting<'_>) -> Vec<Problem> {
        self.told(setting).into_iter().map(|told| told.problem).collect()
    }

    fn told<'a>(&'a self, setting: &Setting<'a>) -> Vec<Told<'a>> {
        let unknown = unknown_instances(setting);
        // AWS's answer to the same ids says less.
        let says_less = |failure: &&Failure<Error>| {
            matches!(&failure.step, Step::RegisterInstances(ids) if failure.error.code() == Code::InvalidInstance
                && unknown.iter().any(|id| ids.contains(*id)))
        };
        let refused = |problem, error| Told {
            problem,
            error: Some(error),
        };
        let failures = self.failures.iter().filter(|failure| !says_less(failure));
        let mut told: Vec<Told<'a>> = failures
            .map(|failure| refused(of_failure(failure, setting.declared), &failure.error))
            .collect();
        told.extend(self.refused_before(setting.refusals));
        let unread = self.met.unread.iter();
        told.extend(unread.map(|(track, error)| refused(of_error(*track, error), error)));
        let mut problems: Vec<Problem> = Vec::new();
        problems.extend(setting.missing.iter().chain(&self.met.problems).cloned());
        let groups = some_of(setting.refusals.missing_groups().iter().cloned());
        problems.extend(groups.map(|groups| {
            missing(
                Track::AutoScalingGroups,
                message::no_such_groups(groups, setting.region),
            )
        }));
        let unknown = some_of(unknown.into_iter().map(|id| with_region(id, setting)));
        problems.extend(unknown.map(|ids| missing(Track::Instances, message::unknown_instances(ids))));
        problems.extend(setting.resolution.suspicion.clone());
        // Last of those that are tried again: what waits by itself must not hide what fails.
        problems.extend(self.held.as_ref().map(|held| of_held(held, setting.declared)));
        told.extend(problems.into_iter().map(Told::from));
        told.sort_by_key(|told| told.problem.progress() == Progress::Stalled);
        told
    }

    /// Listeners that were refused in an earlier reconcile and not tried in this one.
    fn refused_before<'a>(&'a self, refusals: &'a Refusals) -> impl Iterator<Item = Told<'a>> {
        let tried = |port: &Port| {
            let brings = |failure: &Failure<Error>| {
                matches!(&failure.step, Step::CreateListeners { listeners, .. }
                if listeners.iter().any(|listener| listener.port == *port))
            };
            self.failures.iter().any(brings)
        };
        let kept = refusals.rebuilds().iter().filter(move |(port, _)| !tried(port));
        kept.map(|(port, refused)| {
            let error = &refused.error;
            let message = message::serves_as_before(error.reason(), port, &error.message);
            Told {
                problem: Problem::new(refused.track, Cause::Refused(Class::Refused), message),
                error: Some(error),
            }
        })
    }
}

/// A problem, with what AWS answered where it is that.
struct Told<'a> {
    problem: Problem,
    error: Option<&'a Error>,
}

impl From<Problem> for Told<'_> {
    fn from(problem: Problem) -> Self {
        Self { problem, error: None }
    }
}

impl Told<'_> {
    /// Whether nothing is wrong: the next step has its own time.
    fn waits(&self) -> bool {
        self.error.is_none() && matches!(self.problem.cause, Cause::Waiting | Cause::Replaced)
    }

    /// With the field and the remedy, where its condition has them. AWS's operation and code stand beside.
    fn error(&self) -> TrackError {
        match self.error {
            Some(error) => {
                let plain = format!("{}: {}: ", error.operation, error.code);
                let text = self.problem.message.text().replacen(&plain, "", 1);
                TrackError {
                    message: text.chars().take(ERROR_LENGTH).collect(),
                    ..track_error(self.problem.track, error)
                }
            }
            None => problem_error(&self.problem),
        }
    }
}

/// That the health cannot be read, for `status.errors`.
pub(super) fn health_error(health: &Health) -> Option<TrackError> {
    health.unread().map(|error| track_error(Track::Instances, error))
}

/// The verdict of a reconcile that planned. What the spec asks for and AWS cannot have is not accepted, though the rest
/// of the load balancer follows it.
pub(super) fn verdict(problems: &[Problem]) -> Verdict {
    let Some(first) = problems.first() else {
        return Verdict::Programmed;
    };
    let first = first.clone().and_more(problems.len() - 1);
    if first.is_invalid() || first.cause == Cause::Blocked {
        Verdict::NotAccepted(first)
    } else {
        Verdict::NotProgrammed(first)
    }
}

fn missing(track: Track, message: Message) -> Problem {
    Problem::missing(track, message)
}

/// The first of many names: a message must stay readable. `None`: there is none.
fn some_of(names: impl Iterator<Item = String>) -> Option<String> {
    const NAMED: usize = 10;
    let all: Vec<String> = names.collect();
    let some = all.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(NAMED) {
        _ if all.is_empty() => None,
        None | Some(0) => Some(some),
        Some(more) => Some(message::and_others(some, more)),
    }
}

/// Ids that the user named and AWS refused. Ids from other sources are stale and no problem.
fn unknown_instances<'a>(setting: &Setting<'a>) -> Vec<&'a String> {
    let refused = setting.refusals.instances().iter();
    refused.filter(|id| setting.named.contains(id)).collect()
}

/// An id, with the zone of its Node where that is in another region.
fn with_region(id: &InstanceId, setting: &Setting<'_>) -> String {
    let member = setting.resolution.resolved.members.get(id);
    let zone = member.and_then(|member| member.zone.as_ref());
    match zone.filter(|zone| region::is_of_another(zone, setting.region)) {
        Some(zone) => message::named_of_other_region(id, zone, setting.region),
        None => id.clone(),
    }
}

/// What a person reads while the brake holds.
fn of_held(held: &Held, declared: &Declared) -> Problem {
    let Held { waiting, why } = held;
    let registration = declared.registration.as_ref();
    let percent = registration.map_or(Registration::MAX_DEREGISTER_PERCENT, |r| r.max_deregister_percent);
    let message = match why {
        Why::Draining(draining) => message::draining(waiting, draining, percent),
        Why::Unread => message::service_unread(waiting),
        Why::MinInService { in_service, minimum } => message::kept_in_service(waiting, in_service, minimum),
        Why::Group { others, minimum } => message::group_kept_in_service(waiting, others, minimum),
    };
    Problem::new(Track::Instances, Cause::Waiting, message)
}

fn of_failure(failure: &Failure<Error>, declared: &Declared) -> Problem {
    let mut problem = of_error(failure.track, &failure.error);
    let reason = failure.error.reason();
    let likely = likely_policies(failure);
    if likely.is_none()
        && matches!(
            failure.error.class,
            Class::Invalid | Class::MissingReference | Class::Quota
        )
        && let Some(field) = field_of(&failure.step, declared)
    {
        problem.message = match failure.error.field() {
            Some((_, remedy)) => message::at_field_with_remedy(reason.clone(), field, problem.message, remedy),
            None => message::at_field(reason.clone(), field, problem.message),
        };
    }
    if let Some(likely) = likely {
        // AWS makes no new ones, so that to ask again for it helps nobody.
        problem.cause = Cause::Invalid;
        problem.message = message::no_such_policy(reason.clone(), problem.message, likely);
    }
    if failure.put_back {
        problem.message = message::put_back(reason, problem.message);
    } else if let Some(port) = closed_by(&failure.step) {
        problem.message = message::closed(reason, problem.message, port);
    } else if matches!(failure.step, Step::AttachSubnets(_)) && failure.error.code() == Code::SameZone {
        problem.message = message::two_of_one_zone(reason, problem.message);
    }
    problem
}

/// The predefined policies that may be meant by one that AWS does not have.
fn likely_policies(failure: &Failure<Error>) -> Option<String> {
    let Step::CreatePolicy {
        policy: Policy::Tls(TlsPolicy::Predefined(name)),
        ..
    } = &failure.step
    else {
        return None;
    };
    if PREDEFINED_TLS_POLICIES.contains(&name.as_str()) || failure.error.class.is_passing() {
        return None;
    }
    let likely = similar(name, PREDEFINED_TLS_POLICIES);
    Some(if likely.is_empty() {
        PREDEFINED_TLS_POLICIES.join(", ")
    } else {
        likely.join(", ")
    })
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
        Step::SetPolicies { port, .. } => Some(format!("spec.listeners[port={port}]")),
        Step::SetBackendPolicies { port, .. } => Some(format!("spec.backends[instancePort={port}]")),
        Step::CreatePolicy { policy, .. } => of_policy(policy).map(ToOwned::to_owned),
        Step::ModifyAttribute(attribute) => Some(of_attribute(attribute).to_owned()),
        Step::ConfigureHealthCheck(_) => Some("spec.healthCheck".to_owned()),
        Step::EnableZones(_) | Step::DisableZones(_) => Some("spec.availabilityZones".to_owned()),
        Step::AttachSubnets(_) | Step::DetachSubnets(_) => Some("spec.subnets".to_owned()),
        Step::ApplySecurityGroups(_) => Some("spec.securityGroups".to_owned()),
        Step::RegisterInstances(_) | Step::DeregisterInstances(_) => Some("spec.targets".to_owned()),
        Step::AttachAutoScalingGroup(_) | Step::DetachAutoScalingGroup(_) => {
            Some("spec.targets.autoScalingGroups".to_owned())
        }
        Step::AddTags(_) | Step::RemoveTags(_) => Some("spec.tags".to_owned()),
        Step::CreateLoadBalancer(_) | Step::DeleteLoadBalancer | Step::DeleteListeners(_) | Step::DeletePolicy(_) => {
            None
        }
    }
}

fn of_policy(policy: &Policy) -> Option<&'static str> {
    match policy {
        Policy::Tls(_) => Some("spec.listeners[].sslPolicy"),
        Policy::Stickiness(_) => Some("spec.listeners[].stickiness"),
        Policy::ProxyProtocol(_) => Some("spec.backends[].proxyProtocol"),
        Policy::PublicKey(_) | Policy::BackendAuthentication(_) => Some("spec.backends[].publicKeys"),
        Policy::Unknown(_) => None,
    }
}

fn of_attribute(attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute::CrossZone(_) => "spec.attributes.crossZone",
        Attribute::IdleTimeout(_) => "spec.attributes.idleTimeoutSeconds",
        Attribute::ConnectionDraining(_) => "spec.attributes.connectionDraining",
        Attribute::AccessLog(_) => "spec.attributes.accessLog",
        Attribute::DesyncMitigationMode(_) => "spec.attributes.desyncMitigationMode",
    }
}

/// The port that is closed while AWS refuses a step: what was there was taken down for it and could not be put back.
fn closed_by(step: &Step) -> Option<Port> {
    match step {
        Step::CreateListeners { listeners, otherwise } if !otherwise.is_empty() => Some(listeners.first()?.port),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
