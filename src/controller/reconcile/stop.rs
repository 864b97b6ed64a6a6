//! Pure: why a reconcile ends before it has planned.

use std::time::Duration;

use crate::api::TrackError;
use crate::api::message::{self, Message, Refusal};
use crate::aws;
use crate::controller::error::Error;
use crate::controller::status::Verdict;
use crate::elb::{Class, Code, LoadBalancer};
use crate::plan::{Cause, Problem, Refusal as _, Track};

/// The longest message in `status.errors`.
pub(super) const ERROR_LENGTH: usize = 1024;

/// Why a reconcile ends early.
#[derive(Debug)]
pub(in crate::controller) enum Stop {
    /// The spec cannot be realised, so that not even the name of the load balancer is certain.
    Refused(Problem),
    /// With a verdict.
    Halted(Box<Halt>),
    /// What was read cannot be believed yet, so that nothing is concluded: look again after a while.
    Doubted(Duration),
    /// Without one.
    Failed(Error),
}

/// A verdict before there was a plan.
#[derive(Debug)]
pub(in crate::controller) struct Halt {
    pub(in crate::controller) verdict: Verdict,
    pub(in crate::controller) errors: Vec<TrackError>,
    /// There is no load balancer.
    pub(in crate::controller) gone: bool,
    /// None comes into being either.
    pub(in crate::controller) not_made: bool,
    /// What stands there all the same, though it is not this object's.
    pub(in crate::controller) stands: Option<Box<LoadBalancer>>,
}

impl From<Verdict> for Halt {
    fn from(verdict: Verdict) -> Self {
        Self {
            verdict,
            errors: Vec::new(),
            gone: false,
            not_made: false,
            stands: None,
        }
    }
}

impl From<Halt> for Stop {
    fn from(halt: Halt) -> Self {
        Self::Halted(Box::new(halt))
    }
}

impl From<Box<Halt>> for Stop {
    fn from(halt: Box<Halt>) -> Self {
        Self::Halted(halt)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl Halt {
    fn with(verdict: Verdict, error: &aws::Error) -> Self {
        Self {
            errors: vec![track_error(Track::LoadBalancer, error)],
            ..verdict.into()
        }
    }

    /// Nothing can be made of a spec that refers to what is not there.
    pub(in crate::controller) fn not_found(problem: &Problem) -> Self {
        Verdict::NotAccepted(problem.clone()).into()
    }

    /// The same, with all that is not there: the first in the conditions, and each as an error.
    pub(in crate::controller) fn lacks(problems: &[Problem]) -> Self {
        let Some(first) = problems.first() else {
            return Verdict::Programmed.into();
        };
        Self {
            errors: problems.iter().map(problem_error).collect(),
            ..Verdict::NotAccepted(first.clone().and_more(problems.len() - 1)).into()
        }
    }

    /// AWS could not be asked about the load balancer itself.
    pub(super) fn unreadable(error: &aws::Error) -> Self {
        Self::with(Verdict::Unread(of_error(Track::LoadBalancer, error)), error)
    }

    /// A call that had no turn yet, about an object that somebody changed.
    pub(super) fn in_line(error: &aws::Error) -> Self {
        Verdict::NotProgrammed(of_error(Track::LoadBalancer, error)).into()
    }

    /// The tags that take a load balancer over were refused.
    pub(in crate::controller) fn not_claimed(error: &aws::Error) -> Self {
        Self::with(Verdict::NotAccepted(of_error(Track::Tags, error)), error)
    }

    /// `CreateLoadBalancer` was refused.
    pub(in crate::controller) fn not_created(error: &aws::Error) -> Self {
        Self::not_created_in(error, &[])
    }

    /// The same, where zones are known that AWS would have taken.
    pub(in crate::controller) fn not_created_in(error: &aws::Error, zones: &[String]) -> Self {
        let invalid = |message| Verdict::NotAccepted(Problem::invalid(Track::LoadBalancer, message));
        let verdict = match error.class {
            Class::MissingReference => {
                Verdict::NotAccepted(at_field(of_error(Track::LoadBalancer, error), error, zones))
            }
            Class::Invalid if error.code() == Code::SameZone => invalid(message::same_zone_says_aws(&error.message)),
            Class::Invalid => Verdict::NotAccepted(at_field(
                Problem::invalid(Track::LoadBalancer, message::invalid_says_aws(error)),
                error,
                zones,
            )),
            Class::Duplicate => Verdict::NotAccepted(Problem::blocked(message::name_taken(error))),
            _ => Verdict::NotProgrammed(of_error(Track::LoadBalancer, error)),
        };
        Self::with(verdict, error)
    }

    /// The load balancer was accepted and is not visible.
    pub(in crate::controller) fn creating() -> Self {
        Verdict::NotProgrammed(Problem::waiting(message::creating())).into()
    }

    /// The tags that were set are not visible.
    pub(in crate::controller) fn tags_not_shown(name: &str) -> Self {
        Verdict::NotProgrammed(Problem::waiting(message::tags_not_shown(name))).into()
    }

    /// The name is taken.
    pub(in crate::controller) fn not_ours(message: Message) -> Self {
        Verdict::NotAccepted(Problem::blocked(message)).into()
    }

    /// The load balancer vanished.
    pub(in crate::controller) fn lost(name: &str) -> Self {
        Self {
            gone: true,
            ..Verdict::NotProgrammed(Problem::blocked(message::lost(name))).into()
        }
    }

    /// Another account answers than the one that the load balancer is in.
    pub(in crate::controller) fn account_changed(name: &str, account: &str, answering: &str) -> Self {
        let message = message::account_changed(name, account, answering);
        Verdict::NotProgrammed(Problem::blocked(message)).into()
    }
}

/// With the field that AWS speaks of, and the remedy, where its answer says so much.
fn at_field(mut problem: Problem, error: &aws::Error, zones: &[String]) -> Problem {
    if let Some((field, mut remedy)) = error.field() {
        if error.is_about_zones() && !zones.is_empty() {
            remedy = message::correct_zones_to(zones.join(", "));
        }
        let reason = problem.message.reason().to_owned();
        problem.message = message::at_field_with_remedy(reason, field, problem.message, remedy);
    }
    problem
}

/// A call that AWS refused, once the load balancer exists.
pub(super) fn of_error(track: Track, error: &aws::Error) -> Problem {
    let cause = match error.class {
        Class::OverBudget => Cause::Waiting,
        class => Cause::Refused(class),
    };
    Problem::new(track, cause, error.told())
}

/// A refused call, for `status.errors`.
pub(super) fn track_error(track: Track, error: &aws::Error) -> TrackError {
    TrackError {
        track: track.to_string(),
        operation: error.operation.to_owned(),
        code: error.code.clone(),
        message: error.message.chars().take(ERROR_LENGTH).collect(),
    }
}

/// What is not AWS's answer to a call, for `status.errors`.
pub(super) fn problem_error(problem: &Problem) -> TrackError {
    TrackError {
        track: problem.track.to_string(),
        operation: String::new(),
        code: problem.message.reason().to_owned(),
        message: problem.message.text().chars().take(ERROR_LENGTH).collect(),
    }
}
