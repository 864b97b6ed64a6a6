//! Checks requests against the service model, which neither SDKs nor other emulators do.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

use crate::wire::params::{lower_first, short};
use crate::wire::{ApiError, Value};

mod between;
mod prose;

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

/// How a request breaks the model. AWS reports all broken constraints at once, other faults one by one.
#[derive(Debug, Default)]
struct Found {
    constraints: Vec<String>,
    other: Option<ApiError>,
}

impl Found {
    fn constraint(&mut self, value: &str, path: &impl fmt::Display, constraint: &str) {
        // A request can break as many as it has members; nobody reads more than a few.
        if self.constraints.len() < MAX_TOLD {
            self.constraints
                .push(ApiError::constraint_text(value, path, constraint));
        }
    }

    fn missing(&mut self, path: &impl fmt::Display) {
        if self.constraints.len() < MAX_TOLD {
            self.constraints.push(ApiError::missing_text(path));
        }
    }

    fn other(&mut self, error: ApiError) {
        self.other.get_or_insert(error);
    }

    fn into_result(self) -> Result<(), ApiError> {
        match (self.constraints.as_slice(), self.other) {
            ([], None) => Ok(()),
            ([], Some(error)) => Err(error),
            (told, _) => Err(ApiError::constraints(told)),
        }
    }
}

const MAX_TOLD: usize = 10;

/// All ways in which a Classic ELB request breaks the model, as the error AWS answers.
pub(crate) fn check(operation: &str, params: &Value) -> Result<(), ApiError> {
    let Some(input) = ELB.operations.get(operation) else {
        return Ok(());
    };
    let mut found = Found::default();
    ELB.structure(input, params, &Path::Root, &mut found);
    for name in params.fields().keys() {
        let known = ELB.members(input).iter().any(|member| member.name == name);
        if !known && !AUTH_PARAMETERS.contains(&name.as_str()) && !name.starts_with("X-Amz-") {
            found.other(unknown(name, operation));
        }
    }
    found.into_result()?;
    between::check(operation, params)
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

    fn structure(&self, name: &str, value: &Value, path: &Path<'_>, found: &mut Found) {
        for member in self.members(name) {
            let at = Path::Member(path, member.name);
            match value.get(member.name) {
                Some(given) => self.value(member.shape, given, &at, found),
                None if member.required => found.missing(&at),
                None => {}
            }
        }
        if !matches!(path, Path::Root)
            && let Some(stranger) = value
                .fields()
                .keys()
                .find(|key| self.members(name).iter().all(|m| m.name != *key))
        {
            found.other(unknown(&format!("{path}.{stranger}"), name));
        }
    }

    fn value(&self, shape_name: &str, value: &Value, path: &Path<'_>, found: &mut Found) {
        match self.shapes.get(shape_name) {
            None => {}
            Some(Shape::Structure(_)) => self.structure(shape_name, value, path, found),
            Some(Shape::List { member, bounds }) => self.list(member, *bounds, value, path, found),
            Some(_) if !value.fields().is_empty() => {
                found.other(ApiError::validation(format!(
                    "{path} takes one value, not a structure."
                )));
            }
            Some(scalar) => {
                let text = value.text().unwrap_or_default();
                let told = found.constraints.len();
                check_scalar(scalar, text, path, found);
                if told == found.constraints.len()
                    && let Err(error) = prose::check(shape_name, text, path)
                {
                    found.other(error);
                }
            }
        }
    }

    fn list(&self, member: &str, bounds: Bounds, value: &Value, path: &Path<'_>, found: &mut Found) {
        let numbers = value.member_numbers();
        // `Name=` is how an empty list is sent; any other text in place of a list is a mistake.
        let stray = value.text().is_some_and(|text| !text.is_empty())
            || value.fields().keys().any(|key| key != "member")
            || value.get("member").is_some_and(|member| member.text().is_some());
        if stray {
            found.other(ApiError::validation(format!(
                "{path} takes a list: {path}.member.1 and so on."
            )));
            return;
        }
        let items = value.fields().get("member");
        let mut shown = Vec::new();
        for expected in 1..=numbers.len() {
            let number = expected.to_string();
            let Some(item) = items.and_then(|items| items.get(&number)) else {
                found.other(ApiError::validation(format!(
                    "The members of {path} are not numbered from 1 to n."
                )));
                return;
            };
            shown.extend(item.text().filter(|_| expected <= MAX_SHOWN).map(short));
            self.value(member, item, &Path::Item(path, expected), found);
        }
        let count = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
        let shown = || format!("[{}]", shown.join(", "));
        bounds.check(count, "length", shown, path, found);
    }
}

/// More of a list would make messages unreadable.
const MAX_SHOWN: usize = 30;

fn check_scalar(shape: &Shape, text: &str, path: &Path<'_>, found: &mut Found) {
    match shape {
        Shape::Integer(bounds) => match text.parse() {
            Ok(number) => bounds.check(number, "value", || text.to_owned(), path, found),
            Err(_) => found.constraint(text, path, "Member must be an integer"),
        },
        Shape::Text { bounds, pattern } => {
            let length = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
            bounds.check(length, "length", || text.to_owned(), path, found);
            if let Some(pattern) = pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
                let told = format!("Member must satisfy regular expression pattern: {pattern}");
                found.constraint(text, path, &told);
            }
        }
        Shape::Boolean if !["true", "false"].contains(&text.to_ascii_lowercase().as_str()) => {
            found.constraint(text, path, "Member must be true or false");
        }
        Shape::Boolean | Shape::Structure(_) | Shape::List { .. } => {}
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

    fn check(self, number: i64, of: &str, shown: impl FnOnce() -> String, path: &Path<'_>, found: &mut Found) {
        let broken = match self {
            Self { max: Some(max), .. } if number > max => format!("less than or equal to {max}"),
            Self { min: Some(min), .. } if number < min => format!("greater than or equal to {min}"),
            _ => return,
        };
        found.constraint(&shown(), path, &format!("Member must have {of} {broken}"));
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
        assert!(include_str!("model/elb.table").contains(&format!("version {}", crate::wire::Service::Elb.version())));
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
                "2 validation errors detected: Value null at 'listeners.1.member.loadBalancerPort' failed to satisfy constraint: Member must not be null; Value null at 'listeners.1.member.instancePort' failed to satisfy constraint: Member must not be null",
            ),
            (
                "DescribeTags",
                "LoadBalancerNames=",
                "1 validation error detected: Value '[]' at 'loadBalancerNames' failed to satisfy constraint: Member must have length greater than or equal to 1",
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
