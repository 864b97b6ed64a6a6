//! Who owns which fields.
//!
//! A field is named by its path: `/spec/listeners[{"port":80}]/protocol`. The items of keyed lists and of sets are owned
//! themselves, besides their members.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::schema::{Merging, Place, Schema};

/// The paths of fields.
pub(super) type Fields = BTreeSet<String>;

/// Whoever writes: the name, whether by server-side apply, and through which subresource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) applies: bool,
    pub(super) subresource: String,
}

/// The owners of an object's fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Managers(pub(super) BTreeMap<Writer, Fields>);

impl Managers {
    pub(super) fn readable(&self) -> BTreeMap<String, Vec<String>> {
        let one = |(writer, fields): (&Writer, &Fields)| {
            let operation = if writer.applies { "Apply" } else { "Update" };
            let slash = if writer.subresource.is_empty() { "" } else { "/" };
            let name = format!("{} {operation}{slash}{}", writer.manager, writer.subresource);
            (name, fields.iter().cloned().collect())
        };
        self.0.iter().map(one).collect()
    }

    /// What was changed by a write that is no server-side apply belongs to its writer alone.
    pub(super) fn written(&mut self, writer: &Writer, before: &Value, after: &Value, schema: &Schema) {
        let (had, has) = (fields(before, schema), fields(after, schema));
        let changed: Fields = has
            .iter()
            .filter(|(path, value)| had.get(*path) != Some(value))
            .map(|(path, _)| path.clone())
            .collect();
        let lost: Fields = had.keys().filter(|path| !has.contains_key(*path)).cloned().collect();
        if changed.is_empty() && lost.is_empty() {
            return;
        }
        for owned in self.0.values_mut() {
            owned.retain(|path| !changed.contains(path) && !lost.contains(path));
        }
        self.0.entry(writer.clone()).or_default().extend(changed);
        self.0.retain(|_, owned| !owned.is_empty());
    }

    /// The others whose fields a server-side apply sets to something else, with these fields.
    pub(super) fn conflicts(
        &self,
        writer: &Writer,
        live: &BTreeMap<String, Option<&Value>>,
        sent: &BTreeMap<String, Option<&Value>>,
    ) -> Vec<(Writer, Fields)> {
        let differs = |path: &&String| {
            live.get(*path)
                .is_some_and(|value| sent.get(*path).is_some_and(|sent| sent != value))
        };
        let of = |(other, owned): (&Writer, &Fields)| {
            let fields: Fields = owned.iter().filter(differs).cloned().collect();
            (other != writer && !fields.is_empty()).then(|| (other.clone(), fields))
        };
        self.0.iter().filter_map(of).collect()
    }
}

/// What identifies an object belongs to nobody.
const IDENTITY: [&str; 9] = [
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
];

/// The fields of an object with their values; items of lists that are owned besides their members have none.
pub(super) fn fields<'v>(object: &'v Value, schema: &Schema) -> BTreeMap<String, Option<&'v Value>> {
    let mut found = BTreeMap::new();
    let mut path = String::new();
    for (name, value) in object.as_object().into_iter().flatten() {
        if name == "apiVersion" || name == "kind" {
            continue;
        }
        path.push('/');
        path.push_str(name);
        let place = schema.root().member(name);
        if name == "metadata" {
            for (name, value) in value.as_object().into_iter().flatten() {
                if !IDENTITY.contains(&name.as_str()) {
                    let length = path.len();
                    path.push('/');
                    path.push_str(name);
                    walk(value, place.member(name), &mut path, &mut found);
                    path.truncate(length);
                }
            }
        } else {
            walk(value, place, &mut path, &mut found);
        }
        path.clear();
    }
    found
}

fn walk<'v>(value: &'v Value, place: Place<'_>, path: &mut String, found: &mut BTreeMap<String, Option<&'v Value>>) {
    let merging = place.merging(value);
    let length = path.len();
    match (&merging, value) {
        (Merging::Granular, Value::Object(members)) if !members.is_empty() => {
            for (name, value) in members {
                path.push('/');
                path.push_str(name);
                walk(value, place.member(name), path, found);
                path.truncate(length);
            }
        }
        (Merging::Set | Merging::Keyed(_), Value::Array(items)) if !items.is_empty() => {
            for item in items {
                path.push_str(&merging.key(item).unwrap_or_default());
                found.insert(path.clone(), None);
                if item.is_object() {
                    walk(item, place.item(), path, found);
                }
                path.truncate(length);
            }
        }
        _ => {
            found.insert(path.clone(), Some(value));
        }
    }
}
