//! Pure: the load balancers of a template, and how a stack lets go of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::node::{is_intrinsic, is_literal};

/// The type of a Classic load balancer.
const KIND: &str = "AWS::ElasticLoadBalancing::LoadBalancer";

/// A load balancer of a template.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::cli) struct Described {
    /// Its logical id.
    pub(in crate::cli) id: String,
    /// Its name, where the template says it in plain words.
    pub(in crate::cli) name: Option<String>,
    /// Its properties.
    pub(in crate::cli) properties: Value,
    /// The properties that stand elsewhere.
    pub(in crate::cli) elsewhere: Vec<String>,
    /// Whether the stack leaves it when it lets go.
    pub(in crate::cli) retained: bool,
    /// Where else the template refers to it.
    pub(in crate::cli) references: BTreeSet<String>,
}

/// The load balancers of a template.
pub(in crate::cli) fn described(template: &Value) -> Vec<Described> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let ours = resources.filter(|(_, resource)| resource["Type"] == KIND);
    ours.map(|(id, resource)| {
        let properties = resource["Properties"].clone();
        let members = properties.as_object().into_iter().flatten();
        let elsewhere = members.filter(|(_, value)| !is_literal(value));
        let keeps = |policy: &str| resource[policy] == "Retain";
        let mut references = BTreeSet::new();
        for part in ["Resources", "Outputs", "Conditions"] {
            find(id, &template[part], part, &mut references);
        }
        let own = format!("Resources.{id}.");
        references.retain(|path| !path.starts_with(&own));
        Described {
            id: id.clone(),
            name: properties["LoadBalancerName"].as_str().map(ToOwned::to_owned),
            elsewhere: elsewhere.map(|(name, _)| name.clone()).collect(),
            retained: keeps("DeletionPolicy") && keeps("UpdateReplacePolicy"),
            references,
            properties,
        }
    })
    .collect()
}

/// The places in a value that refer to a resource.
fn find(id: &str, value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let is_meant = match key.as_str() {
                    "Ref" => value == id,
                    "Fn::GetAtt" => is_attribute_of(id, value),
                    "Fn::Sub" => is_in(id, value),
                    "DependsOn" => value == id || value.as_array().is_some_and(|all| all.iter().any(|one| one == id)),
                    _ => false,
                };
                if is_meant {
                    let place = if key == "DependsOn" {
                        format!("{path}.{key}")
                    } else {
                        path.to_owned()
                    };
                    found.insert(place);
                }
                let below = if is_intrinsic(key) {
                    path.to_owned()
                } else {
                    format!("{path}.{key}")
                };
                find(id, value, &below, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| find(id, item, path, found)),
        _ => {}
    }
}

fn is_attribute_of(id: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => text.split_once('.').is_some_and(|(of, _)| of == id),
        Value::Array(parts) => parts.first().is_some_and(|of| of == id),
        _ => false,
    }
}

/// Whether a text with `${…}` names it.
fn is_in(id: &str, value: &Value) -> bool {
    let text = value.as_str().or_else(|| value[0].as_str()).unwrap_or_default();
    text.contains(&format!("${{{id}}}")) || text.contains(&format!("${{{id}."))
}

/// How the stack lets go of these, with what AWS calls them.
pub(in crate::cli) fn release(going: &[(&Described, String)]) -> String {
    if going.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    let open: Vec<&&Described> = going
        .iter()
        .map(|(described, _)| described)
        .filter(|one| !one.retained)
        .collect();
    if open.is_empty() {
        text.push_str("Deploy the stack without these resources and without what refers to them:\n\n");
    } else {
        text.push_str("1. Deploy the stack with these lines added, which change nothing:\n\nResources:\n");
        for described in open {
            let lines = "    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n";
            text.push_str(&format!("  {}:\n{lines}", described.id));
        }
        text.push_str("\n2. Then deploy it without these resources and without what refers to them:\n\n");
    }
    for (described, name) in going {
        text.push_str(&format!("- {} ({name})\n", described.id));
        for path in &described.references {
            // A group that names it no more would be detached.
            let hint = if path.contains("LoadBalancerNames") {
                format!(": put the name {name} there, or CloudFormation detaches the group")
            } else {
                String::new()
            };
            text.push_str(&format!("  referred to by {path}{hint}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_found_wherever_they_stand() {
        let template = json!({
            "Resources": {
                "Web": {"Type": KIND, "DeletionPolicy": "Retain", "Properties": {
                    "LoadBalancerName": "web", "Subnets": {"Ref": "Subnets"}, "CrossZone": true}},
                "Group": {"Type": "AWS::AutoScaling::AutoScalingGroup", "DependsOn": ["Web"],
                    "Properties": {"LoadBalancerNames": [{"Ref": "Web"}]}},
                "Other": {"Type": "x", "Properties": {"A": {"Ref": "WebServer"}, "B": {"Fn::Sub": "x-${Web.DNSName}"}}},
            },
            "Outputs": {"Dns": {"Value": {"Fn::GetAtt": ["Web", "DNSName"]}}},
        });
        let all = described(&template);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].name.as_deref(), Some("web"));
        assert_eq!(all[0].elsewhere, ["Subnets"]);
        assert!(!all[0].retained, "it could still be replaced");
        let paths: Vec<&str> = all[0].references.iter().map(String::as_str).collect();
        assert_eq!(
            paths,
            [
                "Outputs.Dns.Value",
                "Resources.Group.DependsOn",
                "Resources.Group.Properties.LoadBalancerNames",
                "Resources.Other.Properties.B"
            ]
        );
        let text = release(&[(&all[0], "web".to_owned())]);
        assert!(
            text.contains("UpdateReplacePolicy: Retain") && text.contains("put the name web there"),
            "{text}"
        );
    }
}
