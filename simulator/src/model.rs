//! Checks requests against the service model, which neither SDKs nor other emulators do.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::wire::params::{lower_first, short};
use crate::wire::{ApiError, Value};

mod prose;

/// The API version of Classic ELB.
pub(crate) const ELB_VERSION: &str = "2012-06-01";

static ELB: LazyLock<Model> = LazyLock::new(|| Model::parse(include_str!("model/elb.table")));

/// The model says at most 3600 seconds, the user guide 4000, and AWS follows the guide.
const IDLE_TIMEOUT_MAX: i64 = 4000;

/// Parameters that carry the signature, in whatever version, and not the request.
const AUTH_PARAMETERS: [&str; 10] = [
    "Action",
    "Version",
    "AWSAccessKeyId",
    "SignatureMethod",
    "SignatureVersion",
    "Signature",
    "Timestamp",
    "Expires",
    "SecurityToken",
    "AUTHPARAMS",
];

#[derive(Debug, Default)]
struct Model {
    operations: HashMap<&'static str, &'static str>,
    shapes: HashMap<&'static str, Shape>,
}

#[derive(Debug)]
enum Shape {
    Structure(Vec<Member>),
    List { member: &'static str, bounds: Bounds },
    Integer(Bounds),
    Text { bounds: Bounds, pattern: Option<Regex> },
    Boolean,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    required: bool,
    shape: &'static str,
}

/// Where in a request a value stands; spelled out only when something is wrong with it.
#[derive(Clone, Copy, Debug)]
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Member(Path::Root, name) => f.write_str(&lower_first(name)),
            Self::Member(above, name) => write!(f, "{above}.{}", lower_first(name)),
            Self::Item(above, number) => write!(f, "{above}.{number}.member"),
        }
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Bounds {
    min: Option<i64>,
    max: Option<i64>,
}

/// The first way in which a Classic ELB request breaks the model, as the error AWS answers.
pub(crate) fn check(operation: &str, params: &Value) -> Result<(), ApiError> {
    let Some(input) = ELB.operations.get(operation) else {
        return Ok(());
    };
    for name in params.fields().keys() {
        let known = ELB.members(input).iter().any(|member| member.name == name);
        if !known && !AUTH_PARAMETERS.contains(&name.as_str()) && !name.starts_with("X-Amz-") {
            return Err(unknown(name, operation));
        }
    }
    ELB.structure(input, params, &Path::Root)
}

fn unknown(path: &str, inside: &str) -> ApiError {
    ApiError::validation(format!(
        "Unexpected parameter: {} is not known to {inside}.",
        short(path)
    ))
}

impl Model {
    fn parse(table: &'static str) -> Self {
        let mut model = Self::default();
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let (Some(kind), Some(name)) = (words.next(), words.next()) else {
                continue;
            };
            let shape = match kind {
                "operation" => {
                    model.operations.extend(words.next().map(|input| (name, input)));
                    continue;
                }
                "structure" => Shape::Structure(words.filter_map(Member::parse).collect()),
                "list" => Shape::List {
                    member: words.next().unwrap_or_default(),
                    bounds: words.next().map(Bounds::parse).unwrap_or_default(),
                },
                "integer" => Shape::Integer(words.next().map(Bounds::parse).unwrap_or_default()),
                "text" => Shape::Text {
                    bounds: words.next().map(Bounds::parse).unwrap_or_default(),
                    pattern: words.next().and_then(|pattern| Regex::new(pattern).ok()),
                },
                "boolean" => Shape::Boolean,
                _ => continue,
            };
            model.shapes.insert(name, shape);
        }
        if let Some(Shape::Integer(bounds)) = model.shapes.get_mut("IdleTimeout") {
            bounds.max = Some(IDLE_TIMEOUT_MAX);
        }
        model
    }

    fn members(&self, structure: &str) -> &[Member] {
        match self.shapes.get(structure) {
            Some(Shape::Structure(members)) => members,
            _ => &[],
        }
    }

    fn structure(&self, name: &str, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        for member in self.members(name) {
            let at = Path::Member(path, member.name);
            match value.get(member.name) {
                Some(given) => self.value(member.shape, given, &at)?,
                None if member.required => return Err(ApiError::missing(at)),
                None => {}
            }
        }
        if !matches!(path, Path::Root)
            && let Some(stranger) = value
                .fields()
                .keys()
                .find(|key| self.members(name).iter().all(|m| m.name != *key))
        {
            return Err(unknown(&format!("{path}.{stranger}"), name));
        }
        Ok(())
    }

    fn value(&self, shape_name: &str, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        match self.shapes.get(shape_name) {
            None => Ok(()),
            Some(Shape::Structure(_)) => self.structure(shape_name, value, path),
            Some(Shape::List { member, bounds }) => self.list(member, *bounds, value, path),
            Some(scalar) => {
                if !value.fields().is_empty() {
                    return Err(ApiError::validation(format!(
                        "{path} takes one value, not a structure."
                    )));
                }
                let text = value.text().unwrap_or_default();
                check_scalar(scalar, text, path)?;
                prose::check(shape_name, text, path)
            }
        }
    }

    fn list(&self, member: &str, bounds: Bounds, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        let numbers = value.member_numbers();
        // `Name=` is how an empty list is sent; any other text in place of a list is a mistake.
        let stray = value.text().is_some_and(|text| !text.is_empty())
            || value.fields().keys().any(|key| key != "member")
            || value.get("member").is_some_and(|member| member.text().is_some());
        if stray {
            return Err(ApiError::validation(format!(
                "{path} takes a list: {path}.member.1 and so on."
            )));
        }
        let items = value.fields().get("member");
        for expected in 1..=numbers.len() {
            let number = expected.to_string();
            let Some(item) = items.and_then(|items| items.get(&number)) else {
                return Err(ApiError::validation(format!(
                    "The members of {path} are not numbered from 1 to n."
                )));
            };
            self.value(member, item, &Path::Item(path, expected))?;
        }
        let count = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
        bounds.check(count, "length", || format!("[{}]", numbers.len()), path)
    }
}

fn check_scalar(shape: &Shape, text: &str, path: &Path<'_>) -> Result<(), ApiError> {
    match shape {
        Shape::Integer(bounds) => {
            let number = text
                .parse()
                .map_err(|_| ApiError::constraint(text, path, "Member must be an integer"))?;
            bounds.check(number, "value", || text.to_owned(), path)
        }
        Shape::Text { bounds, pattern } => {
            let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            bounds.check(length, "length", || text.to_owned(), path)?;
            match pattern {
                Some(pattern) if !pattern.is_match(text) => Err(ApiError::constraint(
                    text,
                    path,
                    &format!("Member must satisfy regular expression pattern: {pattern}"),
                )),
                _ => Ok(()),
            }
        }
        Shape::Boolean if !["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => {
            Err(ApiError::constraint(text, path, "Member must be true or false"))
        }
        Shape::Boolean | Shape::Structure(_) | Shape::List { .. } => Ok(()),
    }
}

impl Member {
    fn parse(word: &'static str) -> Option<Self> {
        let (name, shape) = word.split_once('=')?;
        Some(Self {
            name: name.trim_end_matches('!'),
            required: name.ends_with('!'),
            shape,
        })
    }
}

impl Bounds {
    fn parse(word: &str) -> Self {
        let (min, max) = word.split_once("..").unwrap_or_default();
        Self {
            min: min.parse().ok(),
            max: max.parse().ok(),
        }
    }

    fn check(self, number: i64, of: &str, shown: impl FnOnce() -> String, path: &Path<'_>) -> Result<(), ApiError> {
        let broken = match self {
            Self { max: Some(max), .. } if number > max => format!("less than or equal to {max}"),
            Self { min: Some(min), .. } if number < min => format!("greater than or equal to {min}"),
            _ => return Ok(()),
        };
        Err(ApiError::constraint(
            &shown(),
            path,
            &format!("Member must have {of} {broken}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(operation: &str, form: &str) -> String {
        check(operation, &Value::parse(form.as_bytes()).unwrap())
            .unwrap_err()
            .message
    }

    #[test]
    fn the_table_is_whole() {
        assert_eq!(ELB.operations.len(), 29);
        for shape in ELB.shapes.values() {
            let referred: Vec<&str> = match shape {
                Shape::Structure(members) => members.iter().map(|member| member.shape).collect(),
                Shape::List { member, .. } => vec![*member],
                _ => vec![],
            };
            for name in referred {
                assert!(ELB.shapes.contains_key(name), "{name}");
            }
        }
        assert!(include_str!("model/elb.table").contains(&format!("version {ELB_VERSION}")));
        assert!(matches!(ELB.shapes["TagKey"], Shape::Text { pattern: Some(_), .. }));
    }

    #[test]
    fn violations_are_named() {
        for (operation, form, message) in [
            ("DescribeTags", "", "Value null at 'loadBalancerNames'"),
            (
                "DescribeLoadBalancers",
                "PageSize=401",
                "'pageSize' failed to satisfy constraint: Member must have value less",
            ),
            ("DescribeLoadBalancers", "PageSize=x", "must be an integer"),
            ("DescribeLoadBalancers", "Nope=1", "Nope is not known"),
            (
                "DescribeLoadBalancers",
                "LoadBalancerNames.member.2=a",
                "not numbered from 1",
            ),
            ("DeleteLoadBalancer", "LoadBalancerName=a_b", "LoadBalancerName 'a_b'"),
            (
                "CreateLoadBalancer",
                "LoadBalancerName=a&Listeners.member.1.Protocol=HTTP",
                "'listeners.1.member.loadBalancerPort'",
            ),
            (
                "ModifyLoadBalancerAttributes",
                "LoadBalancerName=a&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=4001",
                "less than or equal to 4000",
            ),
        ] {
            let told = refused(operation, form);
            assert!(told.contains(message), "{form}: {told}");
        }
    }

    #[test]
    fn an_empty_list_is_not_an_absent_one() {
        let form = "LoadBalancerName=a&LoadBalancerPort=80";
        assert!(refused("SetLoadBalancerPoliciesOfListener", form).contains("policyNames"));
        let form = Value::parse(format!("{form}&PolicyNames=").as_bytes()).unwrap();
        check("SetLoadBalancerPoliciesOfListener", &form).unwrap();
    }
}
