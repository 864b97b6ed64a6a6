//! Reading objects of any kind.

use kube::ResourceExt as _;
use kube::api::DynamicObject;
use serde_json::Value;

/// One condition of an object's status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// The machine's word for why.
    pub reason: String,
    /// The sentence for people.
    pub message: String,
    /// The generation that the condition speaks of.
    pub observed_generation: Option<i64>,
}

/// A condition by its type, `None` while it is not there.
pub fn condition(object: &DynamicObject, kind: &str) -> Option<Condition> {
    let conditions = at(object, "/status/conditions")?.as_array()?;
    let found = conditions.iter().find(|condition| condition["type"] == kind)?;
    let text = |member: &str| found[member].as_str().unwrap_or_default().to_owned();
    Some(Condition {
        status: text("status"),
        reason: text("reason"),
        message: text("message"),
        observed_generation: found["observedGeneration"].as_i64(),
    })
}

/// Whether the condition has this status and speaks of the object as it is now.
pub fn has(object: &DynamicObject, kind: &str, status: &str) -> bool {
    condition(object, kind).is_some_and(|found| {
        found.status == status
            && found
                .observed_generation
                .is_none_or(|seen| Some(seen) == object.metadata.generation)
    }) && at(object, "/status/observedGeneration").and_then(Value::as_i64) == object.metadata.generation
}

/// Whether Ready is True for the object as it is now.
pub fn is_ready(object: &DynamicObject) -> bool {
    has(object, "Ready", "True")
}

/// Whether the condition has this reason, whatever its status.
pub fn has_reason(object: &DynamicObject, kind: &str, reason: &str) -> bool {
    condition(object, kind).is_some_and(|found| found.reason == reason)
}

/// A value by its JSON pointer: `/spec/listeners/0/port`.
pub fn at<'a>(object: &'a DynamicObject, pointer: &str) -> Option<&'a Value> {
    object.data.pointer(pointer)
}

/// A text by its JSON pointer, empty when it is not there.
pub fn text<'a>(object: &'a DynamicObject, pointer: &str) -> &'a str {
    at(object, pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The object as a person would want to see it after a failure.
pub(crate) fn describe(object: Option<&DynamicObject>) -> String {
    let Some(object) = object else {
        return "(there is no such object)".into();
    };
    let shown = serde_json::json!({
        "name": object.name_any(),
        "generation": object.metadata.generation,
        "deletionTimestamp": object.metadata.deletion_timestamp.is_some(),
        "finalizers": object.finalizers(),
        "labels": object.labels(),
        "content": object.data,
    });
    format!("{shown:#}")
}
