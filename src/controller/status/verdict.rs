//! Pure: how a reconcile ended → conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::condition::{ACCEPTED, PROGRAMMED, READY, RECONCILING, STALLED, Statement, TARGETS_HEALTHY};
use crate::api::message::{self, Message};
use crate::plan::{Cause, Problem, Progress, Track};

/// How a reconcile ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Verdict {
    /// AWS equals the spec.
    Programmed,
    /// The spec is good, but AWS is not (yet) as declared.
    NotProgrammed(Problem),
    /// AWS could not be asked, so nothing more is known than before.
    Unread(Problem),
    /// The spec cannot be realised, or the name is not ours.
    NotAccepted(Problem),
    /// Nothing is done, on request.
    Suspended(Message),
    /// The object is being deleted.
    Deleting(Message),
    /// AWS was read and nothing is written to it, on request. That is a state of rest, whatever was found.
    Observed {
        /// For `Ready`.
        message: Message,
        /// For `Programmed`, where calls would be made.
        differs: Option<Message>,
        /// What was found.
        inner: Box<Verdict>,
    },
    /// What was found, under something that decides `Ready` alone.
    Overruled {
        /// For `Ready`.
        message: Message,
        /// What was found.
        inner: Box<Verdict>,
    },
}

impl Verdict {
    /// The problem, where there is one.
    pub(in crate::controller) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::NotProgrammed(problem) | Self::Unread(problem) | Self::NotAccepted(problem) => Some(problem),
            Self::Overruled { inner, .. } | Self::Observed { inner, .. } => inner.problem(),
            Self::Programmed | Self::Suspended(_) | Self::Deleting(_) => None,
        }
    }

    /// Whether nothing is wrong but that instances leave step by step, or that another load balancer comes.
    pub(in crate::controller) fn is_waiting(&self) -> bool {
        let waits = |problem: &Problem| problem.cause == Cause::Waiting && problem.track == Track::Instances;
        matches!(self, Self::NotProgrammed(problem) if waits(problem) || problem.cause == Cause::Replaced)
    }

    /// Whether the spec was refused, or the name is not ours.
    pub(in crate::controller) fn is_refused(&self) -> bool {
        match self {
            Self::NotAccepted(_) => true,
            Self::Overruled { inner, .. } | Self::Observed { inner, .. } => inner.is_refused(),
            _ => false,
        }
    }

    /// Whether the load balancer is the object's own and was worked on.
    pub(in crate::controller) fn lets_work(&self) -> bool {
        match self {
            Self::Programmed => true,
            Self::NotProgrammed(problem) => problem.cause != Cause::Blocked,
            Self::Overruled { inner, .. } | Self::Observed { inner, .. } => inner.lets_work(),
            Self::Unread(_) | Self::NotAccepted(_) | Self::Suspended(_) | Self::Deleting(_) => false,
        }
    }

    /// The reason, where it waits for something that the spec refers to.
    pub(in crate::controller) fn awaited(&self) -> Option<&str> {
        let (Self::NotProgrammed(problem) | Self::NotAccepted(problem)) = self else {
            return None;
        };
        problem.is_awaited().then(|| problem.message.reason())
    }

    /// Whether and how it goes on; `None` where nothing is the matter.
    pub(in crate::controller) fn progress(&self) -> Option<Progress> {
        self.problem().map(Problem::progress)
    }
}

/// All conditions. Judgements that this reconcile could not make stay as they were.
/// `observed`: nothing was written since the object was only looked at. `overdue`: what is waited for should have come.
pub(super) fn statements(
    verdict: &Verdict,
    healthy: Option<Statement>,
    previous: &[Condition],
    observed: bool,
    overdue: bool,
) -> Vec<Statement> {
    let kept = |type_| kept(type_, previous);
    let accepted = || Statement::new(ACCEPTED, "True", message::accepted());
    let say = |type_, status, message: &Message| Statement::new(type_, status, message.clone());
    let mut list = match verdict {
        Verdict::Overruled { message, inner } => {
            let mut list = statements(inner, healthy, previous, observed, overdue);
            list.retain(|statement| statement.type_ != READY);
            list.push(say(READY, "False", message));
            return list;
        }
        Verdict::Observed {
            message,
            differs,
            inner,
        } => {
            let mut list = statements(inner, healthy, previous, observed, overdue);
            list.retain(|statement| ![READY, RECONCILING, STALLED].contains(&statement.type_));
            list.push(say(READY, "True", message));
            if let Some(differs) = differs {
                list.retain(|statement| statement.type_ != PROGRAMMED);
                list.push(say(PROGRAMMED, "False", differs));
            }
            return list;
        }
        Verdict::Programmed => vec![
            Statement::new(READY, "True", message::ready()),
            accepted(),
            Statement::new(PROGRAMMED, "True", message::programmed()),
        ],
        Verdict::NotProgrammed(problem) => vec![
            say(READY, "False", &problem.message),
            accepted(),
            say(PROGRAMMED, "False", &problem.message),
            progress_of(problem, overdue),
        ],
        Verdict::Unread(problem) => vec![
            say(READY, "False", &problem.message),
            kept(ACCEPTED),
            say(PROGRAMMED, "False", &problem.message),
            progress_of(problem, overdue),
        ],
        Verdict::NotAccepted(problem) => vec![
            say(READY, "False", &problem.message),
            say(ACCEPTED, "False", &problem.message),
            Statement::new(PROGRAMMED, "False", message::not_accepted(&problem.message)),
            progress_of(problem, overdue),
        ],
        Verdict::Suspended(message) => {
            // What stood there was that nothing is written since it is only looked at, which is not the reason any
            // more.
            let mut programmed = kept(PROGRAMMED);
            if observed {
                programmed = Statement::new(PROGRAMMED, "Unknown", message::not_looked_at());
            }
            vec![say(READY, "True", message), kept(ACCEPTED), programmed]
        }
        Verdict::Deleting(message) => vec![
            say(READY, "False", message),
            kept(ACCEPTED),
            say(PROGRAMMED, "False", message),
            say(RECONCILING, "True", message),
        ],
    };
    list.push(healthy.unwrap_or_else(|| kept(TARGETS_HEALTHY)));
    list
}

/// A judgement that stays as it was.
fn kept(type_: &'static str, previous: &[Condition]) -> Statement {
    let Some(condition) = previous.iter().find(|condition| condition.type_ == type_) else {
        return Statement::new(type_, "Unknown", message::not_looked_at());
    };
    let status = match condition.status.as_str() {
        "True" => "True",
        "False" => "False",
        _ => "Unknown",
    };
    Statement {
        of: condition.observed_generation,
        ..Statement::new(type_, status, Message::again(condition))
    }
}

fn progress_of(problem: &Problem, overdue: bool) -> Statement {
    let type_ = match problem.progress() {
        Progress::Reconciling if !overdue => RECONCILING,
        Progress::Reconciling | Progress::Stalled => STALLED,
    };
    Statement::new(type_, "True", problem.message.clone())
}
