//! What `SimulatePrincipalPolicy` answers: questions as somebody puts them, without a request.

use super::ask::Ask;
use super::context::Context;
use super::policy::{Decision, Policy, decide};

/// A question with the values of condition keys that come with it.
#[derive(Debug)]
pub(crate) struct Question<'q> {
    pub(crate) action: &'q str,
    /// `*` for actions that know no resources.
    pub(crate) resource: &'q str,
    pub(crate) context: &'q [(String, Vec<String>)],
}

/// The decision in the words of IAM; without policies nobody is judged.
pub(crate) fn simulate(policies: Option<&[&Policy]>, question: &Question<'_>) -> &'static str {
    let Some(policies) = policies else {
        return "allowed";
    };
    let mut context = Context::default();
    for (key, values) in question.context {
        context.put(key, values.iter().cloned());
    }
    let ask = Ask {
        action: question.action.to_owned(),
        resource: Some(question.resource.to_owned()).filter(|resource| resource != "*"),
        context,
    };
    match decide(policies.iter().copied(), &ask) {
        Decision::Allowed => "allowed",
        Decision::Denied => "explicitDeny",
        Decision::NotAllowed => "implicitDeny",
    }
}
