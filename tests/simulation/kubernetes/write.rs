//! Writes: create, update, patch, delete, and the rules that hold for all of them.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::managers::{Managers, Writer, fields};
use super::refusal::Refusal;
use super::request::{Asked, Verb};
use super::store::{Object, State};
use super::{apply, text};

/// What a write led to.
#[derive(Debug)]
pub(super) enum Written {
    /// The object as it is now, and the status of the answer.
    Object(Arc<Object>, u16),
    /// It is gone.
    Gone,
}

/// What is copied from the stored object whatever was sent.
const FIXED: [&str; 7] = [
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
];

impl State {
    /// Carries out a write.
    pub(super) fn write(&mut self, kind: &Kind, asked: &Asked, now: Timestamp) -> Result<Written, Refusal> {
        if !(asked.subresource.is_empty() || asked.subresource == "status" && kind.status) {
            return Err(Refusal::new(
                404,
                "NotFound",
                "the server could not find the requested resource",
            ));
        }
        match asked.verb {
            Verb::Create => self.create(kind, asked, asked.json()?, writer(asked), now),
            Verb::Update => self.replace(kind, asked, now),
            Verb::Delete => self.delete(kind, asked, now),
            _ => match asked.content_type.as_str() {
                "application/apply-patch+yaml" => self.apply(kind, asked, now),
                "application/merge-patch+json" | "application/json-patch+json" => self.patch(kind, asked),
                other => Err(Refusal::new(
                    415,
                    "UnsupportedMediaType",
                    format!("patches of type {other}"),
                )),
            },
        }
    }

    fn create(
        &mut self,
        kind: &Kind,
        asked: &Asked,
        mut object: Value,
        writer: Writer,
        now: Timestamp,
    ) -> Result<Written, Refusal> {
        if !object["metadata"].is_object() {
            object["metadata"] = json!({});
        }
        let uid = self.uid();
        if text(&object, "/metadata/name").is_empty() {
            let prefix = text(&object, "/metadata/generateName").to_owned();
            if prefix.is_empty() {
                let why = "metadata.name: Required value: name or generateName is required";
                return Err(Refusal::invalid(kind, "", why));
            }
            let tail: String = uid.chars().skip(uid.len().saturating_sub(5)).collect();
            object["metadata"]["name"] = json!(format!("{prefix}{tail}"));
        }
        let name = text(&object, "/metadata/name").to_owned();
        if !asked.name.is_empty() && asked.name != name {
            return Err(Refusal::bad_request(
                "the name of the object does not match the name on the URL",
            ));
        }
        let namespace = if kind.namespaced { asked.namespace.as_str() } else { "" };
        if self.get(&kind.plural, namespace, &name).is_some() {
            return Err(Refusal::already_exists(kind, &name));
        }
        identify(kind, &mut object);
        if !kind.status_at_creation
            && let Some(members) = object.as_object_mut()
        {
            members.remove("status");
        }
        let sent = fields(&object, &kind.schema).into_keys().collect();
        kind.schema.settle(&mut object);
        let metadata = &mut object["metadata"];
        if kind.namespaced {
            metadata["namespace"] = json!(namespace);
        }
        metadata["uid"] = json!(uid);
        metadata["creationTimestamp"] = json!(rfc3339(now));
        if kind.generation {
            metadata["generation"] = json!(1);
        }
        drop_members(
            metadata,
            &["deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"],
        );
        let mut managers = Managers::default();
        if writer.applies {
            managers.0.insert(writer, sent);
        } else {
            managers.written(&writer, &Value::Null, &object, &kind.schema);
        }
        Ok(match self.put(&kind.plural, object, managers, false) {
            Some(object) => Written::Object(object, 201),
            None => Written::Gone,
        })
    }

    fn stored(&self, kind: &Kind, asked: &Asked) -> Result<Arc<Object>, Refusal> {
        let found = self.get(&kind.plural, &asked.namespace, &asked.name);
        found.ok_or_else(|| Refusal::not_found(kind, &asked.name))
    }

    fn replace(&mut self, kind: &Kind, asked: &Asked, now: Timestamp) -> Result<Written, Refusal> {
        let sent = asked.json()?;
        if text(&sent, "/metadata/name") != asked.name {
            return Err(Refusal::bad_request(
                "the name of the object does not match the name on the URL",
            ));
        }
        let stored = match self.stored(kind, asked) {
            Err(_) if kind.create_on_update => return self.create(kind, asked, sent, writer(asked), now),
            other => other?,
        };
        if text(&sent, "/metadata/resourceVersion").is_empty() && !kind.unconditional {
            let why = "metadata.resourceVersion: Invalid value: 0: must be specified for an update";
            return Err(Refusal::invalid(kind, &asked.name, why));
        }
        self.update(kind, asked, &stored, sent, None)
    }

    fn patch(&mut self, kind: &Kind, asked: &Asked) -> Result<Written, Refusal> {
        let stored = self.stored(kind, asked)?;
        let (sent, mut patched) = (asked.json()?, stored.value.clone());
        if asked.content_type.starts_with("application/merge-patch") {
            json_patch::merge(&mut patched, &sent);
        } else {
            carry_out(&mut patched, sent)?;
        }
        self.update(kind, asked, &stored, patched, None)
    }

    fn apply(&mut self, kind: &Kind, asked: &Asked, now: Timestamp) -> Result<Written, Refusal> {
        let mut sent: Value = asked.json()?;
        if asked.query("fieldManager").is_empty() {
            return Err(Refusal::bad_request(
                "PatchOptions.meta.k8s.io: fieldManager: Required value",
            ));
        }
        if text(&sent, "/apiVersion") != kind.api_version() || text(&sent, "/kind") != kind.name {
            return Err(Refusal::bad_request("invalid object type"));
        }
        let writer = writer(asked);
        let stored = match self.stored(kind, asked) {
            Err(_) if asked.subresource.is_empty() => return self.create(kind, asked, sent, writer, now),
            other => other?,
        };
        let (uid, version) = (text(&sent, "/metadata/uid"), text(&sent, "/metadata/resourceVersion"));
        if !version.is_empty() && version != stored.version.to_string() {
            return Err(Refusal::modified(kind, &asked.name));
        }
        if !uid.is_empty() && uid != text(&stored.value, "/metadata/uid") && asked.subresource.is_empty() {
            return Err(Refusal::immutable_uid(kind, &asked.name, uid));
        }
        if let Some(members) = sent.as_object_mut() {
            // Each side of the object has its own writers.
            let foreign: &[&str] = if asked.subresource == "status" {
                &["spec", "metadata"]
            } else if kind.status {
                &["status"]
            } else {
                &[]
            };
            members.retain(|name, _| !foreign.contains(&name.as_str()));
        }
        let force = asked.query("force") == "true";
        let (merged, managers) = apply::apply(kind, &stored.value, &stored.managers, &writer, &sent, force)?;
        self.update(kind, asked, &stored, merged, Some(managers))
    }

    /// Stores what a write made of an object, if anything changed. Without `managers` the writer owns what it changed.
    fn update(
        &mut self,
        kind: &Kind,
        asked: &Asked,
        stored: &Arc<Object>,
        mut sent: Value,
        managers: Option<Managers>,
    ) -> Result<Written, Refusal> {
        let before = &stored.value;
        let (uid, version) = (text(&sent, "/metadata/uid"), text(&sent, "/metadata/resourceVersion"));
        let stored_uid = text(before, "/metadata/uid");
        if !version.is_empty() && version != stored.version.to_string() {
            return Err(Refusal::modified(kind, &asked.name));
        }
        if !uid.is_empty() && uid != stored_uid {
            match (asked.verb, asked.subresource.as_str()) {
                (Verb::Update, _) => return Err(Refusal::other_uid(kind, &asked.name, uid, stored_uid)),
                (_, "") => return Err(Refusal::immutable_uid(kind, &asked.name, uid)),
                // A patch of the status cannot change metadata, and what it says of them is not looked at.
                _ => {}
            }
        }
        let mut after = if asked.subresource == "status" {
            let mut after = before.clone();
            after["status"] = sent["status"].take();
            after
        } else {
            if kind.status {
                sent["status"] = before["status"].clone();
            }
            sent
        };
        if after["status"].is_null() {
            drop_members(&mut after, &["status"]);
        }
        identify(kind, &mut after);
        if managers.is_some()
            && let Some(path) = kind.schema.null(&after)
        {
            let why = format!("{path}: Invalid value: \"null\": must not be null");
            return Err(Refusal::invalid(kind, &asked.name, &why));
        }
        kind.schema.settle(&mut after);
        fix(&mut after["metadata"], &before["metadata"]);
        let deleting = after["metadata"].get("deletionTimestamp").is_some();
        if deleting && let Some(new) = new_finalizer(before, &after) {
            let why = format!(
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found \
                 new finalizers []string{{{new:?}}}"
            );
            return Err(Refusal::invalid(kind, &asked.name, &why));
        }
        if kind.generation && !same_spec(before, &after) {
            count(&mut after["metadata"]);
        }
        after["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        let managers = managers.unwrap_or_else(|| {
            let mut managers = stored.managers.clone();
            managers.written(&writer(asked), before, &after, &kind.schema);
            managers
        });
        if after == *before && managers == stored.managers {
            return Ok(Written::Object(Arc::clone(stored), 200));
        }
        let gone = deleting && finalizers(&after).is_empty();
        Ok(match self.put(&kind.plural, after, managers, gone) {
            Some(object) => Written::Object(object, 200),
            None => Written::Gone,
        })
    }

    fn delete(&mut self, kind: &Kind, asked: &Asked, now: Timestamp) -> Result<Written, Refusal> {
        let stored = self.stored(kind, asked)?;
        let options = if asked.body.is_empty() {
            Value::Null
        } else {
            asked.json()?
        };
        let (uid, version) = (
            text(&options, "/preconditions/uid"),
            text(&options, "/preconditions/resourceVersion"),
        );
        let stored_uid = text(&stored.value, "/metadata/uid");
        if !uid.is_empty() && uid != stored_uid {
            return Err(Refusal::other_uid(kind, &asked.name, uid, stored_uid));
        }
        if !version.is_empty() && version != stored.version.to_string() {
            return Err(Refusal::modified(kind, &asked.name));
        }
        let (mut value, managers) = (stored.value.clone(), stored.managers.clone());
        if finalizers(&value).is_empty() {
            self.put(&kind.plural, value, managers, true);
            return Ok(Written::Gone);
        }
        if value["metadata"].get("deletionTimestamp").is_some() {
            return Ok(Written::Object(stored, 200));
        }
        value["metadata"]["deletionTimestamp"] = json!(rfc3339(now));
        value["metadata"]["deletionGracePeriodSeconds"] = json!(0);
        if kind.generation {
            count(&mut value["metadata"]);
        }
        Ok(match self.put(&kind.plural, value, managers, false) {
            Some(object) => Written::Object(object, 200),
            None => Written::Gone,
        })
    }
}

/// Carries out a JSON patch.
fn carry_out(object: &mut Value, sent: Value) -> Result<(), Refusal> {
    let wrong = |error: serde_json::Error| Refusal::bad_request(error.to_string());
    let json_patch::Patch(operations) = serde_json::from_value(sent).map_err(wrong)?;
    let refused = |why: String| Refusal::new(422, "Invalid", format!("the request was rejected: {why}"));
    for operation in operations {
        match operation {
            // The API server takes what is absent for null, and the library does not.
            json_patch::PatchOperation::Test(test) => {
                let found = object.pointer(test.path.as_str()).unwrap_or(&Value::Null);
                if *found != test.value {
                    return Err(refused(format!("testing value {} failed", test.path)));
                }
            }
            other => json_patch::patch(object, &[other]).map_err(|error| refused(error.to_string()))?,
        }
    }
    Ok(())
}

fn writer(asked: &Asked) -> Writer {
    Writer {
        manager: asked.manager.clone(),
        applies: asked.content_type == "application/apply-patch+yaml",
        subresource: asked.subresource.clone(),
    }
}

/// Whole seconds, as the API has it.
fn rfc3339(time: Timestamp) -> String {
    let seconds = Timestamp::from_second(time.as_second()).unwrap_or(time);
    seconds.to_string()
}

fn identify(kind: &Kind, object: &mut Value) {
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.name);
}

fn drop_members(value: &mut Value, names: &[&str]) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn fix(metadata: &mut Value, stored: &Value) {
    if !metadata.is_object() {
        *metadata = json!({});
    }
    drop_members(metadata, &["managedFields"]);
    for name in FIXED {
        match stored.get(name) {
            Some(value) => metadata[name] = value.clone(),
            None => drop_members(metadata, &[name]),
        }
    }
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] {
        let empty = match metadata.get(name) {
            Some(Value::Object(members)) => members.is_empty(),
            Some(Value::Array(items)) => items.is_empty(),
            other => other.is_some_and(Value::is_null),
        };
        if empty {
            drop_members(metadata, &[name]);
        }
    }
}

fn count(metadata: &mut Value) {
    let generation = metadata["generation"].as_i64().unwrap_or_default();
    metadata["generation"] = json!(generation + 1);
}

/// Whether nothing but metadata and status differs.
fn same_spec(before: &Value, after: &Value) -> bool {
    let spec = |object: &Value| {
        let mut object = object.clone();
        drop_members(&mut object, &["metadata", "status"]);
        object
    };
    spec(before) == spec(after)
}

fn finalizers(object: &Value) -> Vec<&str> {
    let list = object.pointer("/metadata/finalizers").and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn new_finalizer<'v>(before: &Value, after: &'v Value) -> Option<&'v str> {
    let had = finalizers(before);
    finalizers(after).into_iter().find(|name| !had.contains(name))
}
