//! What IAM says that somebody may do, asked without doing it.

use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, PolicyEvaluationDecisionType};

use super::Client;
use crate::aws::Error;

/// Actions on a resource, with the values of condition keys that a request would bring.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Question {
    /// The actions, such as `elasticloadbalancing:AddTags`.
    pub actions: Vec<String>,
    /// The ARN of the resource.
    pub resource: String,
    /// Values by condition key. More than one, or a key that may have many, such as `aws:TagKeys`, is a list.
    pub context: Vec<(String, Vec<String>)>,
}

/// What IAM says of one action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The action.
    pub action: String,
    /// What denies it; `None`: it is allowed.
    pub denied: Option<Denial>,
}

/// What denies an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A policy of the organization does not allow it.
    Organization,
    /// The permissions boundary does not allow it.
    Boundary,
    /// A statement denies it.
    Explicit,
    /// No statement allows it.
    Implicit,
}

/// A key of which a request has any number of values.
const TAG_KEYS: &str = "aws:TagKeys";

impl Client {
    /// What the policies of a user or role say, action by action.
    ///
    /// # Errors
    /// When AWS does not permit the question, does not know whom it is about, or cannot be asked.
    pub async fn simulate(&self, principal: &str, question: &Question) -> Result<Vec<Answer>, Error> {
        let mut request = self
            .iam
            .simulate_principal_policy()
            .policy_source_arn(principal)
            .set_action_names(Some(question.actions.clone()))
            .resource_arns(&question.resource);
        for (key, values) in &question.context {
            let kind = if key == TAG_KEYS || values.len() > 1 {
                ContextKeyTypeEnum::StringList
            } else {
                ContextKeyTypeEnum::String
            };
            let entry = ContextEntry::builder().context_key_name(key).context_key_type(kind);
            request = request.context_entries(entry.set_context_key_values(Some(values.clone())).build());
        }
        let reply = self.call("SimulatePrincipalPolicy", request.send()).await?;
        let results = reply.evaluation_results.unwrap_or_default().into_iter();
        let answers = results.map(|result| {
            let organisation = result.organizations_decision_detail.as_ref();
            let boundary = result.permissions_boundary_decision_detail.as_ref();
            let denied = match result.eval_decision {
                PolicyEvaluationDecisionType::Allowed => None,
                _ if organisation.is_some_and(|detail| !detail.allowed_by_organizations) => Some(Denial::Organization),
                _ if boundary.is_some_and(|detail| !detail.allowed_by_permissions_boundary) => Some(Denial::Boundary),
                PolicyEvaluationDecisionType::ExplicitDeny => Some(Denial::Explicit),
                _ => Some(Denial::Implicit),
            };
            Answer {
                action: result.eval_action_name,
                denied,
            }
        });
        Ok(answers.collect())
    }
}
