//! An identity-based policy.

use serde_json::Value as Json;

use super::ask::Ask;
use super::statement::{Effect, Statement};

/// An identity-based policy, read and understood whole.
#[derive(Clone, Debug)]
pub struct Policy {
    statements: Vec<Statement>,
}

/// Why a policy is not understood, and in which of its statements.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{reason}")]
pub struct PolicyError {
    place: String,
    reason: String,
}

impl PolicyError {
    fn new(reason: impl Into<String>) -> Self {
        Self {
            place: String::new(),
            reason: reason.into(),
        }
    }

    /// Statements are counted from one, and called by their names where they have some.
    fn of_statement(at: usize, statement: &Json, reason: String) -> Self {
        let sid = statement.get("Sid").and_then(Json::as_str);
        let name = sid.map_or_else(String::new, |sid| format!(" ({sid})"));
        Self {
            place: format!("statement {}{name}: ", at + 1),
            reason,
        }
    }
}

/// What the policies of a caller say to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    /// Some statement denies it, whatever others say.
    Denied,
    /// No statement allows it.
    NotAllowed,
}

impl Policy {
    /// Reads a policy in the JSON that IAM takes. What is not understood is an error and never passed over.
    pub fn from_json(text: &str) -> Result<Self, PolicyError> {
        let json: Json = serde_json::from_str(text).map_err(|error| PolicyError::new(format!("no JSON: {error}")))?;
        let members = json
            .as_object()
            .ok_or_else(|| PolicyError::new("a policy is an object"))?;
        if let Some(other) = members
            .keys()
            .find(|name| !["Version", "Id", "Statement"].contains(&name.as_str()))
        {
            return Err(PolicyError::new(format!("the member {other:?} is not known")));
        }
        let variables = match members.get("Version").map(Json::as_str) {
            Some(Some("2012-10-17")) => true,
            // What a policy without version is.
            None | Some(Some("2008-10-17")) => false,
            Some(_) => return Err(PolicyError::new("the Version is neither 2012-10-17 nor 2008-10-17")),
        };
        let statements = match members.get("Statement") {
            Some(Json::Array(statements)) => statements.as_slice(),
            Some(statement) => std::slice::from_ref(statement),
            None => &[],
        };
        if statements.is_empty() {
            return Err(PolicyError::new("it has no Statement"));
        }
        let parse = |(at, json): (usize, &Json)| {
            Statement::parse(json, variables).map_err(|reason| PolicyError::of_statement(at, json, reason))
        };
        let statements = statements.iter().enumerate().map(parse);
        Ok(Self {
            statements: statements.collect::<Result<_, _>>()?,
        })
    }
}

/// What several policies together say to a question.
pub(super) fn decide<'p>(policies: impl IntoIterator<Item = &'p Policy>, ask: &Ask) -> Decision {
    let mut decision = Decision::NotAllowed;
    let statements = policies.into_iter().flat_map(|policy| &policy.statements);
    for statement in statements.filter(|statement| statement.applies(ask)) {
        match statement.effect {
            Effect::Deny => return Decision::Denied,
            Effect::Allow => decision = Decision::Allowed,
        }
    }
    decision
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn decision(statements: &Json, action: &str, resource: Option<&str>) -> Decision {
        let policy = json!({"Version": "2012-10-17", "Statement": statements});
        let policy = Policy::from_json(&policy.to_string()).unwrap();
        let ask = Ask {
            action: action.to_owned(),
            resource: resource.map(str::to_owned),
            ..Ask::default()
        };
        decide([&policy], &ask)
    }

    #[test]
    fn a_denial_wins_and_what_nobody_allows_is_denied() {
        let statements = json!([
            {"Effect": "Allow", "Action": ["elasticloadbalancing:*", "ec2:describe*"], "Resource": "*"},
            {"Effect": "Deny", "Action": "*", "Resource": "arn:*:elasticloadbalancing:*:*:loadbalancer/kept-?"},
            {"Effect": "Allow", "NotAction": ["iam:*", "ec2:*", "s3:*"], "NotResource": "arn:aws:acm:*:*:certificate/*"},
        ]);
        let balancer = |name: &str| format!("arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/{name}");
        for (action, resource, expected) in [
            ("elasticloadbalancing:AddTags", Some(balancer("a")), Decision::Allowed),
            ("elasticloadbalancing:addtags", Some(balancer("a")), Decision::Allowed),
            (
                "elasticloadbalancing:AddTags",
                Some(balancer("kept-1")),
                Decision::Denied,
            ),
            ("elasticloadbalancing:DescribeTags", None, Decision::Allowed),
            ("ec2:DescribeVpcs", None, Decision::Allowed),
            ("ec2:DeleteVpc", None, Decision::NotAllowed),
            ("iam:GetServerCertificate", None, Decision::NotAllowed),
            ("autoscaling:AttachLoadBalancers", None, Decision::Allowed),
            (
                "acm:DescribeCertificate",
                Some("arn:aws:acm:us-east-1:1:certificate/1".to_owned()),
                Decision::NotAllowed,
            ),
        ] {
            assert_eq!(
                decision(&statements, action, resource.as_deref()),
                expected,
                "{action} {resource:?}"
            );
        }
    }

    #[test]
    fn what_is_not_understood_is_told_with_its_statement() {
        let allow = |more: Json| {
            let mut statement = json!({"Effect": "Allow", "Action": "*", "Resource": "*"});
            for (name, value) in more.as_object().unwrap() {
                statement[name] = value.clone();
            }
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}, statement]})
        };
        for (policy, told) in [
            (json!([]), "a policy is an object"),
            (json!({"Version": "2012-10-17"}), "it has no Statement"),
            (json!({"Version": "2020-01-01", "Statement": {}}), "the Version"),
            (json!({"Statements": {}}), "the member \"Statements\""),
            (
                json!({"Statement": {"Effect": "Allow", "Action": "*"}}),
                "statement 1: it has neither Resource nor",
            ),
            (
                allow(json!({"Sid": "Two", "Principal": "*"})),
                "statement 2 (Two): it has the member \"Principal\"",
            ),
            (allow(json!({"Sid": "a b"})), "letters and digits"),
            (allow(json!({"Effect": "allow"})), "neither Allow nor Deny"),
            (allow(json!({"NotAction": "*"})), "both Action and NotAction"),
            (allow(json!({"Action": "AddTags"})), "\"AddTags\" is no action"),
            (allow(json!({"Action": "*:AddTags"})), "is no action"),
            (allow(json!({"Action": []})), "Action lists nothing"),
            (
                allow(json!({"Resource": "loadbalancer"})),
                "\"loadbalancer\" is neither an ARN",
            ),
            (allow(json!({"Resource": 1})), "Resource is no text"),
            (
                allow(json!({"Condition": {"Equals": {}}})),
                "condition operator \"Equals\"",
            ),
            (
                allow(json!({"Condition": {"Bool": {"aws:ViaAWSService": "true"}}})),
                "\"aws:ViaAWSService\" is not simulated",
            ),
        ] {
            let error = Policy::from_json(&policy.to_string()).unwrap_err().to_string();
            assert!(error.contains(told), "{policy}: {error}");
        }
        assert!(Policy::from_json("{").unwrap_err().to_string().starts_with("no JSON"));
    }
}
