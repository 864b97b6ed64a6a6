//! Reading objects: those of any kind, and load balancers in the words of their status.

use std::ops::Deref;

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

/// A `ClassicLoadBalancer` as the API server has it.
#[derive(Clone, Debug)]
pub struct LoadBalancer(DynamicObject);

impl From<DynamicObject> for LoadBalancer {
    fn from(object: DynamicObject) -> Self {
        Self(object)
    }
}

impl Deref for LoadBalancer {
    type Target = DynamicObject;

    fn deref(&self) -> &DynamicObject {
        &self.0
    }
}

impl LoadBalancer {
    /// A value of the status by its JSON pointer, `/instances/stale`; null when it is not there.
    pub fn status(&self, pointer: &str) -> &Value {
        static NULL: Value = Value::Null;
        let found = self.data.get("status").and_then(|status| status.pointer(pointer));
        found.unwrap_or(&NULL)
    }

    /// A text of the status by its JSON pointer, empty when it is not there.
    pub fn text(&self, pointer: &str) -> &str {
        self.status(pointer).as_str().unwrap_or_default()
    }

    /// The name in AWS.
    pub fn name(&self) -> String {
        self.text("/loadBalancerName").to_owned()
    }

    /// How many instances are in service of those that are wanted: `3/4`.
    pub fn summary(&self) -> &str {
        self.text("/instances/summary")
    }

    /// How many instances are registered.
    pub fn registered(&self) -> Option<u64> {
        self.status("/instances/registered").as_u64()
    }

    /// The calls that are planned, in words.
    pub fn plan(&self) -> Vec<&str> {
        let lines = self.status("/plan").as_array();
        lines.into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// A condition by its type, `None` while it is not there.
    pub fn condition(&self, kind: &str) -> Option<Condition> {
        condition(self, kind)
    }

    /// The message of a condition, empty while it is not there.
    pub fn message(&self, kind: &str) -> String {
        self.condition(kind).map(|found| found.message).unwrap_or_default()
    }

    /// Whether a condition has this reason, whatever its status.
    pub fn says(&self, kind: &str, reason: &str) -> bool {
        has_reason(self, kind, reason)
    }

    /// Whether a condition has this status and speaks of the object as it is now.
    pub fn has(&self, kind: &str, status: &str) -> bool {
        has(self, kind, status)
    }

    /// Whether Ready is True for the object as it is now.
    pub fn is_ready(&self) -> bool {
        is_ready(self)
    }

    /// Whether the status speaks of the spec as it is now.
    pub fn is_observed(&self) -> bool {
        self.status("/observedGeneration").as_i64() == self.metadata.generation
    }
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
