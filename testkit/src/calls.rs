//! The simulator's request log as a witness of what AWS was asked.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::access::OPERATOR_KEY_ID;

/// One request that the simulator answered.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// Its number; later requests have greater ones.
    pub seq: u64,
    /// The service's name in signatures: `elasticloadbalancing`, `ec2`, `autoscaling`, …
    pub service: String,
    /// The region it was sent to.
    pub region: String,
    /// The account it was made in.
    pub account: String,
    /// The access key that it was made with.
    #[serde(default)]
    pub access_key_id: String,
    /// The operation: `CreateLoadBalancer`.
    pub operation: String,
    /// The members of the request as they were sent: `Listeners.member.1.LoadBalancerPort`.
    pub parameters: BTreeMap<String, Value>,
    /// The HTTP status of the answer; absent or 0 when the connection was dropped instead.
    #[serde(default)]
    pub status: Option<u16>,
    /// AWS's code where the answer was an error.
    #[serde(default)]
    pub error_code: Option<String>,
}

impl Call {
    /// Whether it can have changed something.
    pub fn is_write(&self) -> bool {
        !["Describe", "Get", "List", "Simulate"]
            .iter()
            .any(|read| self.operation.starts_with(read))
    }

    /// A member of the request as text, empty when it was not sent.
    pub fn member(&self, name: &str) -> String {
        match self.parameters.get(name) {
            None => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    }

    /// The members whose names begin so, as `(the rest of the name, value)`, in the order of the names.
    pub fn members(&self, prefix: &str) -> Vec<(String, String)> {
        let matching = self
            .parameters
            .keys()
            .filter_map(|name| Some((name, name.strip_prefix(prefix)?)));
        matching
            .map(|(name, rest)| (rest.to_owned(), self.member(name)))
            .collect()
    }

    /// Whether any member has this value, as the balancer's name has in calls about one balancer.
    pub fn names(&self, value: &str) -> bool {
        self.parameters.keys().any(|name| self.member(name) == value)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.service, self.operation)?;
        for name in self
            .parameters
            .keys()
            .filter(|name| !matches!(name.as_str(), "Action" | "Version"))
        {
            write!(formatter, " {name}={}", self.member(name))?;
        }
        match (&self.error_code, self.status) {
            (Some(code), status) => write!(formatter, " → {} {code}", status.unwrap_or_default()),
            (None, status) => write!(formatter, " → {}", status.unwrap_or_default()),
        }
    }
}

/// Requests in the order in which they came. Each filter gives a smaller list.
#[derive(Clone, Debug, Default)]
pub struct Calls(Vec<Call>);

impl Calls {
    pub(crate) fn new(calls: Vec<Call>) -> Self {
        Self(calls)
    }

    /// Those for which the condition holds.
    #[must_use]
    pub fn only(&self, mut condition: impl FnMut(&Call) -> bool) -> Self {
        Self(self.0.iter().filter(|call| condition(call)).cloned().collect())
    }

    /// Those to Elastic Load Balancing.
    #[must_use]
    pub fn elb(&self) -> Self {
        self.only(|call| call.service == "elasticloadbalancing")
    }

    /// Those that can have changed something.
    #[must_use]
    pub fn writes(&self) -> Self {
        self.only(Call::is_write)
    }

    /// Those that cannot.
    #[must_use]
    pub fn reads(&self) -> Self {
        self.only(|call| !call.is_write())
    }

    /// Those of the stack's own operator.
    #[must_use]
    pub fn of_operator(&self) -> Self {
        self.only(|call| call.access_key_id == OPERATOR_KEY_ID)
    }

    /// Those that the policies of their caller did not allow.
    #[must_use]
    pub fn denied(&self) -> Self {
        let codes = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation"];
        self.only(|call| call.error_code.as_deref().is_some_and(|code| codes.contains(&code)))
    }

    /// Those of one operation.
    #[must_use]
    pub fn of(&self, operation: &str) -> Self {
        self.only(|call| call.operation == operation)
    }

    /// Those that name a balancer, an instance or a group.
    #[must_use]
    pub fn naming(&self, value: &str) -> Self {
        self.only(|call| call.names(value))
    }

    /// Those that were answered without an error.
    #[must_use]
    pub fn successful(&self) -> Self {
        self.only(|call| call.status.is_some_and(|status| (200..300).contains(&status)))
    }

    /// The names of the operations in order.
    pub fn operations(&self) -> Vec<&str> {
        self.0.iter().map(|call| call.operation.as_str()).collect()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// One after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, Call> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Calls {
    type Item = &'a Call;
    type IntoIter = std::slice::Iter<'a, Call>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return formatter.write_str("(no call to AWS)");
        }
        for (at, call) in self.iter().enumerate() {
            write!(formatter, "{}{call}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn calls() -> Calls {
        let lines = [
            r#"{"seq": 1, "time": "2026-01-01T00:00:00Z", "service": "elasticloadbalancing", "region": "us-east-1",
                "account": "123456789012", "operation": "DescribeLoadBalancers", "status": 400,
                "parameters": {"LoadBalancerNames.member.1": "a"}, "errorCode": "LoadBalancerNotFound"}"#,
            r#"{"seq": 2, "time": "2026-01-01T00:00:00Z", "service": "elasticloadbalancing", "region": "us-east-1",
                "account": "123456789012", "operation": "CreateLoadBalancer", "status": 200, "errorCode": null,
                "parameters": {"LoadBalancerName": "a", "Listeners.member.1.LoadBalancerPort": "80"}}"#,
            r#"{"seq": 3, "time": "2026-01-01T00:00:00Z", "service": "autoscaling", "region": "us-east-1",
                "account": "123456789012", "operation": "AttachLoadBalancers", "status": 200,
                "parameters": {"AutoScalingGroupName": "web", "LoadBalancerNames.member.1": "b"}}"#,
        ];
        Calls::new(lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    #[test]
    fn filters_tell_reads_from_writes_and_one_balancer_from_another() {
        let calls = calls();
        assert_eq!(
            calls.elb().operations(),
            ["DescribeLoadBalancers", "CreateLoadBalancer"]
        );
        assert_eq!(
            calls.writes().operations(),
            ["CreateLoadBalancer", "AttachLoadBalancers"]
        );
        assert_eq!(calls.reads().operations(), ["DescribeLoadBalancers"]);
        assert_eq!(calls.naming("a").successful().operations(), ["CreateLoadBalancer"]);
        assert_eq!(calls.naming("b").operations(), ["AttachLoadBalancers"]);
        assert!(calls.of("DeleteLoadBalancer").is_empty());
    }

    #[test]
    fn members_are_found_by_the_beginning_of_their_names() {
        let created = calls().of("CreateLoadBalancer");
        let created = created.iter().next().unwrap();
        assert_eq!(created.member("LoadBalancerName"), "a");
        assert_eq!(created.member("Scheme"), "");
        assert_eq!(
            created.members("Listeners.member."),
            [("1.LoadBalancerPort".to_owned(), "80".to_owned())]
        );
    }

    #[test]
    fn a_list_of_calls_reads_as_a_person_would_want_it() {
        let expected =
            "elasticloadbalancing DescribeLoadBalancers LoadBalancerNames.member.1=a → 400 LoadBalancerNotFound";
        assert_eq!(calls().reads().to_string(), expected);
        assert_eq!(Calls::default().to_string(), "(no call to AWS)");
    }
}
