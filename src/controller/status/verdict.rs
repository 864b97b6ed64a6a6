//! Pure: how a pass ended → conditions.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::condition::{ACCEPTED, PROGRAMMED, READY, RECONCILING, STALLED, Statement, TARGETS_HEALTHY};
use crate::api::reason;

/// Whether a problem heals without somebody changing the spec or the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Progress {
    /// It is tried again by itself.
    Reconciling,
    /// It is not.
    Stalled,
}

/// What keeps a balancer from being as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::controller) struct Problem {
    pub(in crate::controller) reason: String,
    pub(in crate::controller) message: String,
    pub(in crate::controller) progress: Progress,
}

impl Problem {
    /// Whether the spec asks for what AWS cannot have.
    pub(in crate::controller) fn is_invalid(&self) -> bool {
        self.progress == Progress::Stalled && self.reason == reason::INVALID
    }

    pub(in crate::controller) fn reconciling(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: message.into(),
            progress: Progress::Reconciling,
        }
    }

    pub(in crate::controller) fn stalled(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            message: message.into(),
            progress: Progress::Stalled,
        }
    }
}

/// The reason where nothing is written to AWS, on request.
pub(in crate::controller) const OBSERVING: &str = reason::OBSERVING;

/// How a pass ended.
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
    Suspended(String),
    /// The object is being deleted.
    Deleting(String),
    /// AWS differs from the spec, and nothing is written to it, on request.
    Planned(String),
    /// What was found, under something that decides `Ready` alone.
    Overruled {
        /// `False` or `Unknown`.
        status: &'static str,
        /// For `Ready`.
        reason: &'static str,
        /// For `Ready`.
        message: String,
        /// What was found.
        inner: Box<Verdict>,
    },
}

/// The reason while instances that shall leave are held back.
pub(in crate::controller) const DEREGISTERING: &str = reason::DEREGISTERING;

impl Verdict {
    /// The problem, where there is one.
    pub(in crate::controller) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::NotProgrammed(problem) | Self::Unread(problem) | Self::NotAccepted(problem) => Some(problem),
            Self::Overruled { inner, .. } => inner.problem(),
            Self::Programmed | Self::Suspended(_) | Self::Deleting(_) | Self::Planned(_) => None,
        }
    }

    /// Whether nothing is wrong but that instances leave step by step.
    pub(in crate::controller) fn is_waiting(&self) -> bool {
        matches!(self, Self::NotProgrammed(problem) if problem.reason == DEREGISTERING)
    }

    /// Whether and how it goes on; `None` where nothing is the matter.
    pub(in crate::controller) fn progress(&self) -> Option<Progress> {
        self.problem().map(|problem| problem.progress)
    }
}

/// All conditions. Judgements that this pass could not make stay as they were.
pub(super) fn statements(verdict: &Verdict, healthy: Option<Statement>, previous: &[Condition]) -> Vec<Statement> {
    let kept = |type_: &'static str| {
        let before = previous.iter().find(|condition| condition.type_ == type_);
        before.map_or_else(
            || Statement::new(type_, "Unknown", reason::PENDING, "not looked at yet"),
            |condition| {
                let status = match condition.status.as_str() {
                    "True" => "True",
                    "False" => "False",
                    _ => "Unknown",
                };
                Statement {
                    of: condition.observed_generation,
                    ..Statement::new(type_, status, condition.reason.clone(), condition.message.clone())
                }
            },
        )
    };
    let accepted = || {
        Statement::new(
            ACCEPTED,
            "True",
            reason::ACCEPTED,
            "the spec can be realised and the name is ours",
        )
    };
    let ready = |status, reason: &str, message: &str| Statement::new(READY, status, reason, message);
    let mut list = match verdict {
        Verdict::Overruled {
            status,
            reason,
            message,
            inner,
        } => {
            let mut list = statements(inner, healthy, previous);
            list.retain(|statement| statement.type_ != READY);
            list.push(ready(status, reason, message));
            return list;
        }
        Verdict::Planned(message) => vec![
            ready("Unknown", OBSERVING, message),
            accepted(),
            Statement::new(PROGRAMMED, "False", OBSERVING, message),
        ],
        Verdict::Programmed => vec![
            ready("True", reason::READY, "the balancer is as declared"),
            accepted(),
            Statement::new(PROGRAMMED, "True", reason::PROGRAMMED, "AWS equals the spec"),
        ],
        Verdict::NotProgrammed(problem) => vec![
            ready("False", &problem.reason, &problem.message),
            accepted(),
            Statement::new(PROGRAMMED, "False", &problem.reason, &problem.message),
            progress(problem),
        ],
        Verdict::Unread(problem) => vec![
            ready("False", &problem.reason, &problem.message),
            kept(ACCEPTED),
            Statement::new(PROGRAMMED, "False", &problem.reason, &problem.message),
            progress(problem),
        ],
        Verdict::NotAccepted(problem) => vec![
            ready("False", &problem.reason, &problem.message),
            Statement::new(ACCEPTED, "False", &problem.reason, &problem.message),
            Statement::new(PROGRAMMED, "False", reason::NOT_ACCEPTED_REASON, &problem.message),
            progress(problem),
        ],
        Verdict::Suspended(message) => {
            vec![
                ready("Unknown", reason::SUSPENDED, message),
                kept(ACCEPTED),
                kept(PROGRAMMED),
            ]
        }
        Verdict::Deleting(message) => vec![
            ready("False", reason::DELETING, message),
            kept(ACCEPTED),
            Statement::new(PROGRAMMED, "False", reason::DELETING, message),
            Statement::new(RECONCILING, "True", reason::DELETING, message),
        ],
    };
    list.push(healthy.unwrap_or_else(|| kept(TARGETS_HEALTHY)));
    list
}

fn progress(problem: &Problem) -> Statement {
    let type_ = match problem.progress {
        Progress::Reconciling => RECONCILING,
        Progress::Stalled => STALLED,
    };
    Statement::new(type_, "True", &problem.reason, &problem.message)
}
