//! What is stored: objects by resource, and their latest changes for watches.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::managers::Managers;

/// A version of an object.
#[derive(Debug)]
pub(crate) struct Object {
    /// As JSON.
    pub(crate) value: Value,
    pub(super) managers: Managers,
    /// The same as text: it is read more often than it changes.
    pub(super) text: Bytes,
    pub(super) version: u64,
}

/// Namespace and name.
pub(super) type Key = (String, String);

/// A change, as watches tell of it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    pub(super) key: Key,
    pub(super) before: Option<Arc<Object>>,
    /// The object; of one that is gone its last version.
    pub(super) object: Arc<Object>,
    pub(super) gone: bool,
}

/// How watches end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Closed,
    Broken,
    Expired,
}

/// The objects of one resource.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Arc<Kind>,
    pub(super) objects: BTreeMap<Key, Arc<Object>>,
    pub(super) changes: VecDeque<Change>,
    /// The latest version that is not remembered any more.
    pub(super) forgotten: u64,
    /// How often watches were ended, and how the last time.
    pub(super) ended: (u64, Ending),
    /// Lists that were begun, by their tokens.
    pub(super) lists: BTreeMap<u64, Begun>,
}

/// What is left of a list, as of its version.
#[derive(Clone, Debug)]
pub(super) struct Begun {
    pub(super) version: u64,
    pub(super) rest: Vec<Arc<Object>>,
}

#[derive(Debug)]
pub(super) struct State {
    /// The version of the latest change.
    pub(super) version: u64,
    /// How many objects there have been.
    created: u64,
    tables: Vec<Table>,
}

/// How many changes of a resource are remembered.
const CHANGES: usize = 1000;
/// How many lists can be under way.
const LISTS: usize = 64;

impl State {
    pub(super) fn new(kinds: Vec<Kind>) -> Self {
        let table = |kind: Kind| Table {
            kind: Arc::new(kind),
            objects: BTreeMap::new(),
            changes: VecDeque::new(),
            forgotten: 0,
            ended: (0, Ending::Closed),
            lists: BTreeMap::new(),
        };
        Self {
            version: 1,
            created: 0,
            tables: kinds.into_iter().map(table).collect(),
        }
    }

    pub(super) fn table(&self, plural: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.kind.plural == plural)
    }

    pub(super) fn table_mut(&mut self, plural: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.kind.plural == plural)
    }

    /// The kind that a path names.
    pub(super) fn kind(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        let kind = &self.table(plural)?.kind;
        (kind.group == group && kind.version == version).then(|| Arc::clone(kind))
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        let key = (namespace.to_owned(), name.to_owned());
        self.table(plural)?.objects.get(&key).cloned()
    }

    pub(super) fn all(&self, plural: &str) -> Vec<Arc<Object>> {
        let table = self.table(plural);
        table
            .map(|table| table.objects.values().cloned().collect())
            .unwrap_or_default()
    }

    /// A UID that no other object has had.
    pub(super) fn uid(&mut self) -> String {
        self.created += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.created)
    }

    /// Stores a version of an object, or with `gone` removes it, and remembers the change.
    pub(super) fn put(
        &mut self,
        plural: &str,
        mut value: Value,
        managers: Managers,
        gone: bool,
    ) -> Option<Arc<Object>> {
        self.version += 1;
        let version = self.version;
        value["metadata"]["resourceVersion"] = json!(version.to_string());
        let key = (
            super::text(&value, "/metadata/namespace").to_owned(),
            super::text(&value, "/metadata/name").to_owned(),
        );
        let object = Arc::new(Object {
            text: Bytes::from(value.to_string()),
            value,
            managers,
            version,
        });
        let table = self.table_mut(plural)?;
        let before = if gone {
            table.objects.remove(&key)
        } else {
            table.objects.insert(key.clone(), Arc::clone(&object))
        };
        table.changes.push_back(Change {
            version,
            key,
            before,
            object: Arc::clone(&object),
            gone,
        });
        if table.changes.len() > CHANGES
            && let Some(oldest) = table.changes.pop_front()
        {
            table.forgotten = oldest.version;
        }
        Some(object)
    }

    pub(super) fn end_watches(&mut self, plural: &str, ending: Ending) {
        let version = self.version;
        if let Some(table) = self.table_mut(plural) {
            table.ended = (table.ended.0 + 1, ending);
            if ending == Ending::Expired {
                table.changes.clear();
                table.lists.clear();
                table.forgotten = version;
            }
        }
    }
}

impl Table {
    /// Keeps the rest of a list and returns its token.
    pub(super) fn begin(&mut self, version: u64, rest: Vec<Arc<Object>>) -> u64 {
        let token = self.lists.last_key_value().map_or(1, |(last, _)| last + 1);
        self.lists.insert(token, Begun { version, rest });
        if self.lists.len() > LISTS {
            self.lists.pop_first();
        }
        token
    }
}
