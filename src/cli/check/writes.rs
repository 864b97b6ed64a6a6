//! The calls that write: whether the policies of somebody permit them, as IAM itself says. None of them is made.
//!
//! Asked is what the shipped policy grants, statement by statement, with the tags that its conditions want. A request
//! without these would be denied to whoever has that very policy.

use futures::future::join_all;
use serde_json::Value;

use super::{Checked, of};
use crate::aws::{AccountRegion, Answer, Class, Denial, Error, Question};
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;
use crate::cli::iam_policy::shipped;
use crate::elb::Account;

const CODE: &str = "aws-write";
/// What no load balancer or group is called.
const NOTHING: &str = "clb-check-no-such-thing";

/// About whom IAM is asked, and under which cluster id.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    /// Default: whoever asks.
    pub(super) principal: Option<&'a str>,
    pub(super) cluster_id: Option<&'a str>,
}

/// A line for each statement that is granted whole, and one for each action that is not.
pub(super) async fn checks(region: &AccountRegion, place: &str, account: &Account, asked: &Asked<'_>) -> Vec<Checked> {
    let not_asked = |why: &str, hint: &str| {
        let finding = Finding::warning("whether the calls that write are permitted was not asked");
        vec![of(CODE, finding.with(why).hint(hint))]
    };
    let Some(cluster_id) = asked.cluster_id else {
        return not_asked("the cluster id is not known", "give --cluster-id");
    };
    let Some(principal) = asked.principal.map(ToOwned::to_owned).or_else(|| identity(account)) else {
        let why = format!("{} has no policies of its own", account.caller);
        return not_asked(&why, "name a role by --role");
    };
    let policy = match shipped(cluster_id) {
        Ok(policy) => policy,
        Err(why) => return not_asked(&why.to_string(), "take another build of this program"),
    };
    let questions: Vec<_> = questions(&policy, place, account).collect();
    let answers = questions
        .iter()
        .map(async |(_, question)| region.client.simulate(&principal, question).await);
    let mut checks = Vec::new();
    for ((sid, question), answer) in questions.iter().zip(join_all(answers).await) {
        match answer {
            Ok(answers) => checks.extend(judged(&principal, sid, question, &answers)),
            // It is the same for all.
            Err(error) => return refused(place, &principal, &error),
        }
    }
    checks
}

/// The user or the role that the caller is. A session of a role has its policies, and root has none.
fn identity(account: &Account) -> Option<String> {
    let caller = account.identity();
    if let Some((before, role)) = caller.split_once(":assumed-role/") {
        return Some(format!("{}:role/{role}", before.replacen(":sts:", ":iam:", 1)));
    }
    caller.contains(":user/").then(|| caller.to_owned())
}

fn refused(place: &str, principal: &str, error: &Error) -> Vec<Checked> {
    let finding = Finding::warning("whether the calls that write are permitted was not asked")
        .with(&Failure::aws(place, error).to_string());
    let hint = match error.class {
        Class::Denied => format!(
            "ask with credentials that have iam:SimulatePrincipalPolicy: AWS_PROFILE=... kubectl clb check --role {principal}"
        ),
        _ => "give --role with the whole ARN of the role, as aws iam get-role shows it with its path".to_owned(),
    };
    vec![of(CODE, finding.hint(hint))]
}

fn judged(principal: &str, sid: &str, question: &Question, answers: &[Answer]) -> Vec<Checked> {
    let denied: Vec<&Answer> = answers.iter().filter(|answer| answer.denied.is_some()).collect();
    if denied.is_empty() {
        let finding = Finding::success(format!("{principal} has what {sid} of the policy grants"));
        return vec![of(CODE, finding.with(&question.actions.join("\n")))];
    }
    let each = denied.into_iter().map(|answer| {
        let line = format!("{principal} may not {}, which {sid} of the policy grants", answer.action);
        let finding = Finding::warning(line).with(answer.denied.map(in_words).unwrap_or_default());
        of(
            CODE,
            finding.hint(
                "the operator needs it where docs/reference/iam-actions.md says so; kubectl clb iam-policy prints the policy \
                 of the features in use",
            ),
        )
    });
    each.collect()
}

/// What each statement that permits a write grants, with its name.
fn questions<'p>(policy: &'p Value, place: &'p str, account: &'p Account) -> impl Iterator<Item = (&'p str, Question)> {
    let statements = policy["Statement"].as_array().into_iter().flatten();
    statements.filter_map(move |statement| {
        let actions: Vec<String> = texts(&statement["Action"]).map(ToOwned::to_owned).collect();
        let writes = actions.iter().any(|action| {
            let name = action.split_once(':').map_or("", |(_, name)| name);
            !["Describe", "Get", "List"].iter().any(|verb| name.starts_with(verb))
        });
        let resource = texts(&statement["Resource"]).next()?;
        (writes && statement["Effect"] == "Allow").then(|| {
            let question = Question {
                actions,
                resource: filled(resource, place, account),
                context: context(&statement["Condition"]),
            };
            (statement["Sid"].as_str().unwrap_or_default(), question)
        })
    })
}

/// A value, or each of a list.
fn texts(value: &Value) -> impl Iterator<Item = &str> {
    let list = value.as_array().map(Vec::as_slice);
    list.unwrap_or(std::slice::from_ref(value))
        .iter()
        .filter_map(Value::as_str)
}

/// An ARN that the pattern covers.
fn filled(pattern: &str, place: &str, account: &Account) -> String {
    let values = ["arn", &account.partition, "", place, &account.id];
    let parts = pattern.splitn(6, ':').enumerate();
    let parts = parts.map(|(at, part)| match values.get(at) {
        Some(value) if part == "*" => (*value).to_owned(),
        _ => part.replace('*', NOTHING),
    });
    parts.collect::<Vec<_>>().join(":")
}

/// What a request must bring for the conditions to hold.
fn context(conditions: &Value) -> Vec<(String, Vec<String>)> {
    let operators = conditions.as_object().into_iter().flatten();
    let keys = operators.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
    let mut all: Vec<(String, Vec<String>)> = Vec::new();
    for (key, values) in keys {
        let value = texts(values).next().unwrap_or_default().replace('*', NOTHING);
        if !all.iter().any(|(known, _)| known == key) {
            all.push((key.clone(), vec![value]));
        }
    }
    all
}

fn in_words(denial: Denial) -> &'static str {
    match denial {
        Denial::Organization => "a policy of the organization does not allow it",
        Denial::Boundary => "the permissions boundary does not allow it",
        Denial::Explicit => "a statement denies it",
        Denial::Implicit => "no statement allows it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(caller: &str) -> Account {
        Account {
            id: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            caller: caller.to_owned(),
        }
    }

    #[test]
    fn every_grant_that_writes_is_asked_about_as_its_conditions_want() {
        let policy = shipped("blue").expect("a policy");
        let account = account("arn:aws:iam::123456789012:user/me");
        let questions: Vec<_> = questions(&policy, "eu-west-1", &account).collect();
        let names: Vec<&str> = questions.iter().map(|(sid, _)| *sid).collect();
        assert_eq!(
            names,
            [
                "CreateWithClusterTag",
                "TagAtCreation",
                "TagOwn",
                "Adopt",
                "ChangeOwn",
                "Bind",
                "AttachToAutoScalingGroups",
                "FirstBalancerOfTheAccount"
            ]
        );
        let of = |sid: &str| &questions.iter().find(|(name, _)| *name == sid).expect("there").1;
        let own = of("ChangeOwn");
        assert_eq!(
            own.resource,
            "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/clb-check-no-such-thing"
        );
        assert_eq!(
            own.context,
            [(
                "aws:ResourceTag/classiclb.dev/cluster".to_owned(),
                vec!["blue".to_owned()]
            )]
        );
        assert!(
            own.actions
                .contains(&"elasticloadbalancing:DeleteLoadBalancer".to_owned())
        );
        assert!(
            of("Adopt").context.iter().any(
                |(key, values)| key.ends_with("adopt-by") && values == &["blue/clb-check-no-such-thing".to_owned()]
            )
        );
        assert_eq!(
            of("FirstBalancerOfTheAccount").resource,
            "arn:aws:iam::123456789012:role/aws-service-role/elasticloadbalancing.amazonaws.com/\
             AWSServiceRoleForElasticLoadBalancing"
        );
    }

    #[test]
    fn a_session_has_the_policies_of_its_role() {
        let of = |caller: &str| identity(&account(caller));
        assert_eq!(
            of("arn:aws:sts::123456789012:assumed-role/clb/session").as_deref(),
            Some("arn:aws:iam::123456789012:role/clb")
        );
        let user = "arn:aws:iam::123456789012:user/team/me";
        assert_eq!(of(user).as_deref(), Some(user));
        assert_eq!(of("arn:aws:iam::123456789012:root"), None);
        assert_eq!(of("arn:aws:sts::123456789012:federated-user/me"), None);
    }
}
