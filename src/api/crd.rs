//! The `CustomResourceDefinitions` as they are installed.
//!
//! What the derive cannot say is put right here, once: `nullable` for the objects that server-side apply makes null
//! when their last member goes, and for nothing else; no formats that Kubernetes does not know, whole numbers as
//! bounds, paragraphs in one line (`kubectl explain` wraps them itself), and a default status that tells tools which
//! judge by `observedGeneration` that a new object was not looked at yet.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;
use serde_json::{Value, json};

use super::{AWSAccount, ClassicLoadBalancer, ClassicLoadBalancerBinding};

/// The definitions of all kinds, as JSON in canonical form.
pub fn definitions() -> Result<Vec<Value>, serde_json::Error> {
    Ok(vec![definition()?, binding_definition()?, account_definition()?])
}

/// The definition of `ClassicLoadBalancer`.
pub fn definition() -> Result<Value, serde_json::Error> {
    made(&ClassicLoadBalancer::crd())
}

/// The definition of `ClassicLoadBalancerBinding`.
pub fn binding_definition() -> Result<Value, serde_json::Error> {
    made(&ClassicLoadBalancerBinding::crd())
}

/// The definition of `AWSAccount`.
pub fn account_definition() -> Result<Value, serde_json::Error> {
    let mut definition = made(&AWSAccount::crd())?;
    if let Some(spec) = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema/properties/spec") {
        stays_closed(spec);
    }
    Ok(definition)
}

/// Lets every list that must not be empty be null, and be read as empty. A null that is not permitted is dropped: then what somebody left
/// without a value would let everything in. For the same reason these lists are atomic: a set loses its last member and is gone.
fn stays_closed(schema: &mut Value) {
    let members = schema.get_mut("properties").and_then(Value::as_object_mut);
    for member in members.into_iter().flat_map(serde_json::Map::values_mut) {
        stays_closed(member);
        if let Some(list) = member.as_object_mut().filter(|list| list.contains_key("minItems")) {
            list.insert("nullable".into(), json!(true));
        }
    }
}

fn made(derived: &CustomResourceDefinition) -> Result<Value, serde_json::Error> {
    let mut definition = serde_json::to_value(derived)?;
    if let Some(schema) = definition.pointer_mut("/spec/versions/0/schema/openAPIV3Schema") {
        canonical(schema);
        if let Some(spec) = schema.pointer_mut("/properties/spec") {
            can_be_emptied(spec);
        }
        if let Some(status) = schema.pointer_mut("/properties/status") {
            without_defaults(status);
            bounded(status);
        }
        if let Some(status) = schema.pointer_mut("/properties/status").and_then(Value::as_object_mut) {
            status.insert("default".into(), json!({"observedGeneration": -1}));
        }
    }
    Ok(definition)
}

/// The definition as a typed object.
pub fn custom_resource_definition() -> Result<CustomResourceDefinition, serde_json::Error> {
    serde_json::from_value(definition()?)
}

/// Strips what Kubernetes or apply configurations cannot take, in every schema below this one.
fn canonical(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("nullable");
            if map
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(|format| format.starts_with("uint"))
            {
                map.remove("format");
            }
            for bound in ["minimum", "maximum"] {
                if let Some(number) = map.get(bound).and_then(Value::as_f64).filter(|n| n.fract() == 0.0) {
                    #[allow(clippy::cast_possible_truncation)] // bounds are ports, seconds and counts
                    map.insert(bound.into(), json!(number as i64));
                }
            }
            if let Some(Value::String(description)) = map.get_mut("description") {
                *description = paragraphs(description);
            }
            map.values_mut().for_each(canonical);
        }
        Value::Array(items) => items.iter_mut().for_each(canonical),
        _ => {}
    }
}

/// Lets every object and map that can be left out be null: server-side apply makes that of one whose last member goes,
/// and what it makes must be legal. Lists it leaves out.
fn can_be_emptied(schema: &mut Value) {
    let required = schema.get("required").cloned().unwrap_or_default();
    let is_required = |name: &str| {
        required
            .as_array()
            .is_some_and(|names| names.iter().any(|known| known == name))
    };
    for (name, member) in schema
        .get_mut("properties")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
    {
        can_be_emptied(member);
        let is_optional_object = member.get("type").is_some_and(|kind| kind == "object") && !is_required(name);
        if let Some(member) = member.as_object_mut().filter(|_| is_optional_object) {
            member.insert("nullable".into(), json!(true));
        }
    }
    if let Some(items) = schema.get_mut("items") {
        can_be_emptied(items);
    }
}

/// A text whose line breaks are those between paragraphs and entries of a list alone.
fn paragraphs(text: &str) -> String {
    let mut joined = String::with_capacity(text.len());
    for line in text.lines() {
        let line = line.trim();
        let starts = line.is_empty() || line.starts_with("- ") || joined.is_empty() || joined.ends_with('\n');
        if !joined.is_empty() {
            joined.push(if starts { '\n' } else { ' ' });
        }
        joined.push_str(line);
    }
    joined
}

/// A default that serde needs to read an older status must not become one that the API server writes.
fn without_defaults(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("default");
            map.values_mut().for_each(without_defaults);
        }
        Value::Array(items) => items.iter_mut().for_each(without_defaults),
        _ => {}
    }
}

/// The longest text in a status that has no limit of its own.
pub(super) const TEXT: usize = 4096;
/// The longest list in a status that has no limit of its own: AWS registers at most so many instances.
const LIST: usize = 1000;

/// Puts a limit on everything in the status that can grow.
fn bounded(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let limit = match map.get("type").and_then(Value::as_str) {
                Some("string") if !map.contains_key("enum") && !map.contains_key("format") => Some(("maxLength", TEXT)),
                Some("array") => Some(("maxItems", LIST)),
                _ => None,
            };
            if let Some((word, limit)) = limit {
                map.entry(word).or_insert_with(|| json!(limit));
            }
            map.values_mut().for_each(bounded);
        }
        Value::Array(items) => items.iter_mut().for_each(bounded),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::paragraphs;

    #[test]
    fn only_paragraphs_and_entries_start_a_line() {
        let (text, joined) = (
            "One\ntwo.\n\nThree:\n- four\nfive\n- six",
            "One two.\n\nThree:\n- four five\n- six",
        );
        assert_eq!(paragraphs(text), joined);
    }
}
