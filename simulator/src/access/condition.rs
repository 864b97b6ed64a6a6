//! One condition of a statement: an operator, a key and the values of the policy.

use serde_json::Value as Json;

use super::context::Context;
use super::keys::{Arity, arity, normalized};
use super::operator::{Kind, Operator, Order, Quantifier};
use super::pattern::{ArnPattern, Syntax, Template};
use crate::clock::Timestamp;

#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    key: String,
    wanted: Vec<Wanted>,
}

/// A value of the policy.
#[derive(Clone, Debug)]
enum Wanted {
    Text { template: Template, ignore_case: bool },
    Number(Order, f64),
    Date(Order, f64),
    Bool(bool),
    Arn(ArnPattern),
}

impl Condition {
    /// All conditions of a statement, which have to hold together.
    pub(super) fn parse_all(json: &Json, variables: bool) -> Result<Vec<Self>, String> {
        let mut conditions = Vec::new();
        for (name, keys) in json.as_object().ok_or("Condition is no object")? {
            let operator = Operator::parse(name)?;
            let keys = keys
                .as_object()
                .ok_or_else(|| format!("what stands below {name:?} is no object"))?;
            for (key, values) in keys {
                conditions.push(Self::parse(operator, name, key, values, variables)?);
            }
        }
        Ok(conditions)
    }

    fn parse(operator: Operator, name: &str, key: &str, values: &Json, variables: bool) -> Result<Self, String> {
        let normal = normalized(key);
        let arity = arity(&normal).ok_or_else(|| format!("the condition key {key:?} is not simulated"))?;
        if arity == Arity::Many && operator.quantifier == Quantifier::Single && operator.kind != Kind::Null {
            return Err(format!(
                "{key:?} can have several values, so that {name:?} needs ForAllValues or ForAnyValue before it"
            ));
        }
        let values = match values {
            Json::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        let wanted = values
            .iter()
            .map(|value| {
                let text =
                    plain(value).ok_or_else(|| format!("a value of {key:?} is neither text, number nor bool"))?;
                Wanted::parse(operator.kind, &text, variables).map_err(|reason| format!("{key:?}: {reason}"))
            })
            .collect::<Result<Vec<_>, String>>()?;
        if wanted.is_empty() {
            return Err(format!("{key:?} below {name:?} has no value"));
        }
        Ok(Self {
            operator,
            key: normal,
            wanted,
        })
    }

    pub(super) fn holds(&self, context: &Context) -> bool {
        let Operator {
            quantifier,
            kind,
            negated,
            if_exists,
        } = self.operator;
        let found = context.values(&self.key);
        if kind == Kind::Null {
            let absent = found.is_none();
            return self
                .wanted
                .iter()
                .any(|wanted| matches!(wanted, Wanted::Bool(wanted) if *wanted == absent));
        }
        let Some(found) = found else {
            // A key that is not there is unlike everything, and all of its values are whatever is wanted.
            return if_exists
                || match quantifier {
                    Quantifier::Single => negated,
                    Quantifier::All => true,
                    Quantifier::Any => false,
                };
        };
        let fits = |text: &String| self.wanted.iter().any(|wanted| wanted.fits(text, context)) != negated;
        match quantifier {
            Quantifier::All => found.iter().all(fits),
            Quantifier::Single | Quantifier::Any => found.iter().any(fits),
        }
    }
}

impl Wanted {
    fn parse(kind: Kind, text: &str, variables: bool) -> Result<Self, String> {
        Ok(match kind {
            Kind::Text { wildcards, ignore_case } => Self::Text {
                template: Template::parse(text, Syntax { wildcards, variables })?,
                ignore_case,
            },
            Kind::Number(order) => Self::Number(order, number(text).ok_or_else(|| format!("{text:?} is no number"))?),
            Kind::Date(order) => Self::Date(order, date(text).ok_or_else(|| format!("{text:?} is no date"))?),
            Kind::Bool | Kind::Null => Self::Bool(truth(text).ok_or_else(|| format!("{text:?} is no bool"))?),
            Kind::Arn => Self::Arn(ArnPattern::parse(text, variables)?),
        })
    }

    fn fits(&self, found: &str, context: &Context) -> bool {
        match self {
            Self::Text { template, ignore_case } => template.matches(found, *ignore_case, context),
            Self::Number(order, wanted) => number(found).is_some_and(|found| order.holds(found, *wanted)),
            Self::Date(order, wanted) => date(found).is_some_and(|found| order.holds(found, *wanted)),
            Self::Bool(wanted) => truth(found) == Some(*wanted),
            Self::Arn(pattern) => pattern.covers(Some(found), context),
        }
    }
}

/// IAM takes numbers and truth values with or without quotes.
fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Bool(_) | Json::Number(_) => Some(value.to_string()),
        _ => None,
    }
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Seconds since 1970, as such or in ISO 8601.
fn date(text: &str) -> Option<f64> {
    if let Some(seconds) = number(text) {
        return Some(seconds);
    }
    let time: Timestamp = text.parse().ok()?;
    number(&time.as_millis().to_string()).map(|millis| millis / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn holds(condition: &Json) -> bool {
        let mut context = Context::default();
        context.put("aws:RequestTag/Team", ["shop"]);
        context.put("aws:TagKeys", ["Team", "Cost"]);
        context.put("aws:CurrentTime", ["2026-01-31T12:00:00Z"]);
        context.put("aws:EpochTime", ["1769860800"]);
        context.put("aws:SecureTransport", ["true"]);
        context.put("aws:PrincipalArn", ["arn:aws:iam::123456789012:role/clb"]);
        let conditions = Condition::parse_all(condition, true).unwrap();
        conditions.iter().all(|condition| condition.holds(&context))
    }

    #[test]
    fn operators_hold_as_the_user_guide_says() {
        for condition in [
            json!({"StringEquals": {"aws:RequestTag/team": "shop"}}),
            json!({"StringEquals": {"aws:RequestTag/Team": ["web", "shop"]}}),
            json!({"StringNotEquals": {"aws:RequestTag/Team": ["web", "api"]}}),
            json!({"StringNotEquals": {"aws:RequestTag/Absent": "x"}}),
            json!({"StringEqualsIfExists": {"aws:RequestTag/Absent": "x"}}),
            json!({"StringEqualsIgnoreCase": {"aws:RequestTag/Team": "SHOP"}}),
            json!({"StringLike": {"aws:RequestTag/Team": "s?o*"}}),
            json!({"Null": {"aws:RequestTag/Absent": "true", "aws:RequestTag/Team": false}}),
            json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team", "Cost", "Other"]}}),
            json!({"ForAllValues:StringEquals": {"elasticloadbalancing:Subnet": "subnet-1"}}),
            json!({"ForAnyValue:StringEquals": {"aws:TagKeys": "Cost"}}),
            json!({"ForAnyValue:StringNotEquals": {"aws:TagKeys": "Cost"}}),
            json!({"ForAnyValue:StringEqualsIfExists": {"elasticloadbalancing:Subnet": "subnet-1"}}),
            json!({"Bool": {"aws:SecureTransport": true}}),
            json!({"DateGreaterThan": {"aws:CurrentTime": "2026-01-01T00:00:00Z"}}),
            json!({"DateLessThanEquals": {"aws:EpochTime": "2026-01-31T12:00:00Z"}}),
            json!({"NumericGreaterThan": {"aws:EpochTime": 5}}),
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/*"}}),
            json!({"ArnNotEquals": {"aws:PrincipalArn": "arn:aws:iam::*:role/other"}}),
        ] {
            assert!(holds(&condition), "{condition}");
        }
        for condition in [
            json!({"StringEquals": {"aws:RequestTag/Team": "Shop"}}),
            json!({"StringEquals": {"aws:RequestTag/Team": "s*"}}),
            json!({"StringEquals": {"aws:RequestTag/Absent": ""}}),
            json!({"StringEquals": {"aws:RequestTag/Team": "shop"}, "Bool": {"aws:SecureTransport": "false"}}),
            json!({"StringNotEquals": {"aws:RequestTag/Team": ["web", "shop"]}}),
            json!({"StringEqualsIfExists": {"aws:RequestTag/Team": "x"}}),
            json!({"Null": {"aws:RequestTag/Team": "true"}}),
            json!({"ForAllValues:StringEquals": {"aws:TagKeys": ["Team"]}}),
            json!({"ForAllValues:StringNotEquals": {"aws:TagKeys": ["Team"]}}),
            json!({"ForAnyValue:StringEquals": {"elasticloadbalancing:Subnet": "subnet-1"}}),
            json!({"ForAnyValue:StringNotEquals": {"elasticloadbalancing:Subnet": "subnet-1"}}),
            json!({"NumericLessThan": {"aws:RequestTag/Team": 5}}),
            json!({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/*"}}),
        ] {
            assert!(!holds(&condition), "{condition}");
        }
    }

    #[test]
    fn what_is_no_condition_is_told() {
        for (condition, told) in [
            (json!([]), "no object"),
            (json!({"Bool": "true"}), "no object"),
            (json!({"StringEquals": {"aws:SourceIp": "x"}}), "is not simulated"),
            (
                json!({"StringEquals": {"aws:TagKeys": "x"}}),
                "ForAllValues or ForAnyValue",
            ),
            (json!({"StringEquals": {"aws:username": []}}), "has no value"),
            (json!({"StringEquals": {"aws:username": {}}}), "neither text"),
            (json!({"Bool": {"aws:SecureTransport": "yes"}}), "is no bool"),
            (json!({"NumericEquals": {"aws:EpochTime": "x"}}), "is no number"),
            (json!({"DateEquals": {"aws:CurrentTime": "x"}}), "is no date"),
            (json!({"ArnLike": {"aws:PrincipalArn": "x"}}), "six parts"),
        ] {
            let error = Condition::parse_all(&condition, true).unwrap_err();
            assert!(error.contains(told), "{condition}: {error}");
        }
    }
}
