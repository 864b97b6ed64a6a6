//! `SimulatePrincipalPolicy`: what the policies of an identity say, without a call.

use super::operations::IamCall;
use crate::access::simulate::{Question, simulate};
use crate::sts::state::Caller;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

/// More actions than these are not asked about at once.
const ACTIONS: usize = 100;

pub(super) fn answer(call: &mut IamCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let source = call.params.required("PolicySourceArn")?;
    let judged = judged(call, source)?;
    let policies = call.access.of(judged.key_id, &judged.caller);
    let actions = call.params.strings("ActionNames");
    if actions.is_empty() || actions.len() > ACTIONS {
        let told = "Member must have length greater than or equal to 1";
        return Err(ApiError::constraint(&actions.len().to_string(), "actionNames", told));
    }
    let mut resources = call.params.strings("ResourceArns");
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let entries = call.params.list("ContextEntries").into_iter().map(|entry| {
        let key = entry.str("ContextKeyName").unwrap_or_default().to_owned();
        (key, entry.strings("ContextKeyValues"))
    });
    let context: Vec<_> = entries.collect();
    let mut questions = Vec::new();
    for action in &actions {
        questions.extend(resources.iter().map(|resource| Question {
            action,
            resource,
            context: &context,
        }));
    }
    xml.show("IsTruncated", false);
    xml.members("EvaluationResults", &questions, |xml, question| {
        xml.text("EvalActionName", question.action)
            .text("EvalResourceName", question.resource)
            .text("EvalDecision", simulate(policies.as_deref(), question))
            .strings("MatchedStatements", [])
            .strings("MissingContextValues", []);
    });
    Ok(())
}

/// Whose policies they are.
struct Judged<'c> {
    key_id: &'c str,
    caller: Caller,
}

/// The caller itself where it is meant, a role of its account otherwise. Sessions have no policies of their own.
fn judged<'c>(call: &IamCall<'c>, source: &str) -> Result<Judged<'c>, ApiError> {
    let own = call.caller.role_arn();
    if source == call.caller.arn && own.is_none() || Some(source) == own.as_deref() {
        return Ok(Judged {
            key_id: call.key_id,
            caller: call.caller.clone(),
        });
    }
    let (partition, account) = (call.partition, call.account_id);
    let role = source.strip_prefix(&format!("arn:{partition}:iam::{account}:role/"));
    match role {
        Some(name) if !name.is_empty() => Ok(Judged {
            key_id: "",
            caller: Caller {
                account: account.to_owned(),
                arn: format!("arn:{partition}:sts::{account}:assumed-role/{name}/simulated"),
                user_id: String::new(),
            },
        }),
        _ if source.contains(":user/") => {
            let message = format!("User {} does not exist.", short(source));
            Err(ApiError::new(404, "NoSuchEntity", message))
        }
        _ => {
            let message = format!(
                "Invalid Entity Arn: {} does not clearly define entity type and name.",
                short(source)
            );
            Err(ApiError::sender("InvalidInput", message))
        }
    }
}
