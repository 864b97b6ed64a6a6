//! Which call changed a field of a load balancer last.

use serde::Serialize;
use serde_json::Value;

use crate::aws::Change;

/// Who changed a field in AWS last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ChangedBy {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    time: Option<String>,
    operation: String,
}

impl ChangedBy {
    /// As a cell of a table.
    pub(super) fn short(&self) -> String {
        let who = self
            .user
            .as_deref()
            .or(self.access_key_id.as_deref())
            .unwrap_or("somebody");
        match &self.time {
            Some(time) => format!("{who}, {time}"),
            None => who.to_owned(),
        }
    }
}

/// The latest of these calls that may have changed the field; they come with the latest first.
pub(super) fn changed_by(field: &str, changes: &[Change]) -> Option<ChangedBy> {
    let change = changes.iter().find(|change| may_change(field, change))?;
    Some(ChangedBy {
        user: change.user.clone(),
        access_key_id: change.access_key_id.clone(),
        time: change.time.clone(),
        operation: change.operation.clone(),
    })
}

fn may_change(field: &str, change: &Change) -> bool {
    let operation = change.operation.as_str();
    let (part, rest) = field.split_once(['[', '.']).unwrap_or((field, ""));
    let key = rest.split_once(']').map(|(key, _)| key);
    let is_meant = match (part, rest) {
        _ if operation == "CreateLoadBalancer" => return part != "attributes" && part != "healthCheck",
        ("listeners", _) => {
            let of_part = match rest.split_once("].") {
                Some((_, "policies")) => "SetLoadBalancerPoliciesOfListener",
                Some((_, "certificate")) => "SetLoadBalancerListenerSSLCertificate",
                _ => "",
            };
            operation == of_part || matches!(operation, "CreateLoadBalancerListeners" | "DeleteLoadBalancerListeners")
        }
        ("backends", _) => operation == "SetLoadBalancerPoliciesForBackendServer",
        ("healthCheck", _) => operation == "ConfigureHealthCheck",
        ("attributes", _) => operation == "ModifyLoadBalancerAttributes",
        ("availabilityZones", _) => operation.ends_with("AvailabilityZonesForLoadBalancer"),
        ("subnets", _) => {
            operation.starts_with("AttachLoadBalancerToSub") || operation.starts_with("DetachLoadBalancerFromSub")
        }
        ("securityGroups", _) => operation == "ApplySecurityGroupsToLoadBalancer",
        ("targets", "instances") => operation.starts_with("Register") || operation.starts_with("Deregister"),
        ("targets", _) => matches!(operation, "AttachLoadBalancers" | "DetachLoadBalancers"),
        ("tags", _) => matches!(operation, "AddTags" | "RemoveTags"),
        _ => false,
    };
    // A call about another port, tag or attribute changed another field.
    let word = match part {
        "attributes" => Some(parameter_of(rest)),
        _ => key,
    };
    is_meant && word.is_none_or(|word| change.parameters.is_null() || mentions(&change.parameters, word))
}

/// What a request calls an attribute.
fn parameter_of(attribute: &str) -> &'static str {
    match attribute {
        "crossZone" => "crossZoneLoadBalancing",
        "idleTimeoutSeconds" => "connectionSettings",
        "connectionDraining" => "connectionDraining",
        "accessLog" => "accessLog",
        _ => "additionalAttributes",
    }
}

/// Whether a word or a number stands anywhere in it.
fn mentions(value: &Value, word: &str) -> bool {
    match value {
        Value::String(text) => text == word,
        Value::Number(number) => number.to_string() == word,
        Value::Array(items) => items.iter().any(|item| mentions(item, word)),
        Value::Object(members) => members.iter().any(|(key, value)| key == word || mentions(value, word)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(operation: &str, parameters: Value) -> Change {
        Change {
            operation: operation.to_owned(),
            time: None,
            user: Some(operation.to_owned()),
            access_key_id: None,
            parameters,
        }
    }

    #[test]
    fn the_latest_call_about_a_field_is_found() {
        let idle = json!({"loadBalancerAttributes": {"connectionSettings": {"idleTimeout": 90}}});
        let zone = json!({"loadBalancerAttributes": {"crossZoneLoadBalancing": {"enabled": true}}});
        let changes = [
            change("RemoveTags", json!({"tags": [{"key": "a"}]})),
            change("ModifyLoadBalancerAttributes", zone),
            change(
                "SetLoadBalancerPoliciesOfListener",
                json!({"loadBalancerPort": 443, "policyNames": ["p"]}),
            ),
            change("DeleteLoadBalancerListeners", json!({"loadBalancerPorts": [80]})),
            change("ModifyLoadBalancerAttributes", idle),
            change("DeregisterInstancesFromLoadBalancer", Value::Null),
            change("CreateLoadBalancer", Value::Null),
            change("ConfigureHealthCheck", Value::Null),
        ];
        let found = |field: &str| changes.iter().position(|change| may_change(field, change));
        for (field, at) in [
            ("tags[a]", Some(0)),
            ("tags[b]", Some(6)),
            ("attributes.crossZone", Some(1)),
            ("attributes.idleTimeoutSeconds", Some(4)),
            ("attributes.accessLog", None),
            ("listeners[443].policies", Some(2)),
            ("listeners[443]", Some(6)),
            ("listeners[80]", Some(3)),
            ("listeners[80].certificate", Some(3)),
            ("targets.instances", Some(5)),
            ("healthCheck.target", Some(7)),
            ("scheme", Some(6)),
        ] {
            assert_eq!(found(field), at, "{field}");
        }
        let who = changed_by("tags[a]", &changes).expect("somebody");
        assert_eq!(who.short(), "RemoveTags");
    }
}
