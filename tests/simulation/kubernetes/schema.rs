//! What a structural schema says of defaults, unknown fields and the merging of lists.

use std::sync::{Arc, LazyLock};

use serde_json::{Map, Value, json};

/// A schema, or none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema(Option<Arc<Value>>);

/// How two lists or maps become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merging {
    /// As a whole.
    Atomic,
    /// Member by member.
    Granular,
    /// A set of scalars.
    Set,
    /// Items with these keys.
    Keyed(Vec<String>),
}

/// What every object has.
static METADATA: LazyLock<Value> = LazyLock::new(|| {
    json!({"type": "object", "properties": {
        "finalizers": {"type": "array", "x-kubernetes-list-type": "set"},
        "ownerReferences": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["uid"]},
    }})
});

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'s> {
    schema: Option<&'s Value>,
    root: bool,
}

impl Schema {
    pub(super) fn new(schema: Value) -> Self {
        Self(Some(Arc::new(schema)))
    }

    pub(super) fn root(&self) -> Place<'_> {
        Place {
            schema: self.0.as_deref(),
            root: true,
        }
    }

    /// The path of a null, if there is a schema that does not want it.
    pub(super) fn null(&self, object: &Value) -> Option<String> {
        self.0.as_ref()?;
        let members = object.as_object()?.iter();
        let mut found = members.map(|(name, value)| null_in(self.root().member(name), value, name));
        found.find_map(|path| path)
    }

    /// Puts defaults in and takes out nulls that the schema does not want and what the schema does not know.
    pub(super) fn settle(&self, object: &mut Value) {
        let (Some(schema), Some(members)) = (self.0.as_deref(), object.as_object_mut()) else {
            return;
        };
        members.retain(|name, _| ["apiVersion", "kind", "metadata"].contains(&name.as_str()) || knows(schema, name));
        settle_members(schema, members, &["apiVersion", "kind", "metadata"]);
    }
}

fn knows(schema: &Value, name: &str) -> bool {
    let named = schema
        .get("properties")
        .is_some_and(|properties| properties.get(name).is_some());
    named
        || schema.get("additionalProperties").is_some()
        || schema.get("properties").is_none()
        || schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
}

fn null_in(place: Place<'_>, value: &Value, path: &str) -> Option<String> {
    match value {
        Value::Null => (!place.is_nullable()).then(|| path.to_owned()),
        Value::Object(members) => members
            .iter()
            .find_map(|(name, value)| null_in(place.member(name), value, &format!("{path}.{name}"))),
        Value::Array(items) => items.iter().find_map(|item| null_in(place.item(), item, path)),
        _ => None,
    }
}

fn settle_value(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| knows(schema, name));
            settle_members(schema, members, &[]);
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items.iter_mut() {
                    settle_value(schema, item);
                }
            }
        }
        _ => {}
    }
}

fn settle_members(schema: &Value, members: &mut Map<String, Value>, skip: &[&str]) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        for (name, property) in properties {
            if let Some(default) = property.get("default")
                && members.get(name).is_none_or(Value::is_null)
            {
                members.insert(name.clone(), default.clone());
            }
        }
    }
    let place = Place {
        schema: Some(schema),
        root: false,
    };
    members.retain(|name, value| skip.contains(&name.as_str()) || !value.is_null() || place.member(name).is_nullable());
    for (name, value) in members.iter_mut().filter(|(name, _)| !skip.contains(&name.as_str())) {
        if let Some(schema) = place.member(name).schema {
            settle_value(schema, value);
        }
    }
}

impl Place<'_> {
    fn is_nullable(self) -> bool {
        self.schema.and_then(|schema| schema.get("nullable")) == Some(&Value::Bool(true))
    }

    pub(super) fn member(self, name: &str) -> Self {
        let schema = if self.root && name == "metadata" {
            Some(&*METADATA)
        } else {
            self.schema.and_then(|schema| {
                let named = schema.get("properties").and_then(|properties| properties.get(name));
                named.or_else(|| schema.get("additionalProperties").filter(|all| all.is_object()))
            })
        };
        Self { schema, root: false }
    }

    pub(super) fn item(self) -> Self {
        Self {
            schema: self.schema.and_then(|schema| schema.get("items")),
            root: false,
        }
    }

    pub(super) fn merging(self, value: &Value) -> Merging {
        let says = |word: &str| self.schema.and_then(|schema| schema.get(word)).and_then(Value::as_str);
        match value {
            Value::Object(_) if says("x-kubernetes-map-type") == Some("atomic") => Merging::Atomic,
            Value::Object(_) => Merging::Granular,
            Value::Array(_) => match says("x-kubernetes-list-type") {
                Some("set") => Merging::Set,
                Some("map") => {
                    let keys = self.schema.and_then(|schema| schema.get("x-kubernetes-list-map-keys"));
                    let keys = keys.and_then(Value::as_array).into_iter().flatten();
                    Merging::Keyed(keys.filter_map(Value::as_str).map(ToOwned::to_owned).collect())
                }
                _ => Merging::Atomic,
            },
            _ => Merging::Atomic,
        }
    }
}

impl Merging {
    /// What tells an item of a list from the others; `None`: its place alone.
    pub(super) fn key(&self, item: &Value) -> Option<String> {
        match self {
            Self::Set => Some(format!("[={item}]")),
            Self::Keyed(keys) => {
                let of = |key: &String| Some((key.clone(), item.get(key)?.clone()));
                let found: Map<String, Value> = keys.iter().filter_map(of).collect();
                Some(format!("[{}]", Value::Object(found)))
            }
            Self::Atomic | Self::Granular => None,
        }
    }
}
