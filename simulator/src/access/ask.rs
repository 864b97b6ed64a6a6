//! The questions that a request puts to IAM.

use super::context::Context;
use super::policy::{Decision, Policy, decide};
use super::refusal::refusal;
use super::subject::{self, Subject};
use crate::wire::ApiError;

/// May this action be taken on this resource?
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    /// `elasticloadbalancing:AddTags`
    pub(super) action: String,
    /// Its ARN; `None` for actions that know no resources.
    pub(super) resource: Option<String>,
    pub(super) context: Context,
}

/// Refuses a request that the policies of its caller do not allow. All its questions must be answered with yes.
pub(crate) fn authorize(policies: &[&Policy], subject: &Subject<'_>) -> Result<(), ApiError> {
    for ask in subject::asks(subject) {
        let decision = decide(policies.iter().copied(), &ask);
        if decision != Decision::Allowed {
            return Err(refusal(subject, &ask, decision == Decision::Denied));
        }
    }
    Ok(())
}
