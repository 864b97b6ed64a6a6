//! What happened to objects, a line for each thing.

use std::collections::BTreeMap;

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::{Timestamp, Unit};
use kube::ResourceExt as _;
use kube::api::DynamicObject;
use kube::runtime::watcher;
use serde::Serialize;

use super::{count, time};
use crate::cli::failure::Failure;
use crate::cli::find::{self, Wanted};
use crate::cli::kubernetes::Named;
use crate::cli::watch::{Key, Listings, key};
use crate::controller::Kind;

/// The type of the line of an object that is gone.
const GONE: &str = "Deleted";

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Line {
    pub(super) time: Option<String>,
    namespace: String,
    object: String,
    /// `Normal` or `Warning` of an event; a condition with its status.
    #[serde(rename = "type")]
    what: String,
    reason: String,
    message: String,
}

impl Line {
    pub(super) fn cells(self, with_namespace: bool) -> Vec<String> {
        let mut cells = vec![
            self.time.unwrap_or_default(),
            self.object,
            self.what,
            self.reason,
            self.message,
        ];
        if with_namespace {
            cells.insert(1, self.namespace);
        }
        cells
    }

    pub(super) fn json(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(|error| Failure::new(format!("writing JSON: {error}")))
    }
}

/// What was told so far, so that nothing is told twice.
pub(super) struct Story<'a> {
    wanted: &'a Wanted<'a>,
    conditions: BTreeMap<Key, Vec<Condition>>,
    listings: Listings,
    /// How often each event had happened, by its namespace and name.
    events: BTreeMap<(String, String), i32>,
    /// The same of a list that is under way; what is not in it is forgotten.
    listed: Option<BTreeMap<(String, String), i32>>,
}

impl<'a> Story<'a> {
    pub(super) fn new(wanted: &'a Wanted<'a>) -> Self {
        Self {
            wanted,
            conditions: BTreeMap::new(),
            listings: Listings::default(),
            events: BTreeMap::new(),
            listed: None,
        }
    }

    /// The conditions of an object that are others than before.
    pub(super) fn object(&mut self, object: DynamicObject, now: Timestamp) -> Vec<Line> {
        let key = key(&object);
        if !self.wanted.has(&key.1) {
            return Vec::new();
        }
        let conditions = match find::typed(object) {
            Ok(read) => read.object.status.unwrap_or_default().conditions,
            // A version of its own may have more to say than this program can read.
            Err(_) => return Vec::new(),
        };
        let before = self.conditions.insert(key.clone(), conditions.clone());
        let known = before.as_deref().unwrap_or_default();
        let is_new = |condition: &Condition| !known.iter().any(|old| is_same(old, condition));
        let changed = conditions.iter().filter(|condition| is_new(condition));
        changed
            .map(|condition| {
                let of_status = known
                    .iter()
                    .all(|old| old.type_ != condition.type_ || old.status != condition.status);
                let since = condition.last_transition_time.0;
                Line {
                    time: Some(in_seconds(if of_status { since } else { now })),
                    namespace: key.0.clone(),
                    object: key.1.to_string(),
                    what: format!("{}={}", condition.type_, condition.status),
                    reason: condition.reason.clone(),
                    message: one_line(&condition.message),
                }
            })
            .collect()
    }

    fn gone(&mut self, key: &Key, now: Timestamp) -> Option<Line> {
        self.conditions.remove(key)?;
        Some(Line {
            time: Some(in_seconds(now)),
            namespace: key.0.clone(),
            object: key.1.to_string(),
            what: GONE.to_owned(),
            reason: String::new(),
            message: String::new(),
        })
    }

    /// What a watch of objects says.
    pub(super) fn change(&mut self, kind: Kind, event: watcher::Event<DynamicObject>, now: Timestamp) -> Vec<Line> {
        match event {
            watcher::Event::Init => self.listings.begin(kind),
            watcher::Event::InitApply(object) => {
                self.listings.has(key(&object));
                return self.object(object, now);
            }
            watcher::Event::InitDone => {
                let gone = self.listings.end(kind, self.conditions.keys());
                return gone.iter().filter_map(|key| self.gone(key, now)).collect();
            }
            watcher::Event::Apply(object) => return self.object(object, now),
            watcher::Event::Delete(object) => return self.gone(&key(&object), now).into_iter().collect(),
        }
        Vec::new()
    }

    /// The line of an event, unless it was told.
    pub(super) fn event(&mut self, event: &Event) -> Option<Line> {
        let regarding = event.regarding.clone().unwrap_or_default();
        let kind = regarding.kind.unwrap_or_default();
        let kind = find::EVERY_KIND
            .iter()
            .find(|known| find::resource(**known).kind == kind);
        let named = Named {
            kind: *kind?,
            name: regarding.name.unwrap_or_default(),
        };
        let key = (regarding.namespace.unwrap_or_default(), named);
        // Events have no labels of their objects.
        if !self.wanted.has(&key.1) || (self.wanted.selector.is_some() && !self.conditions.contains_key(&key)) {
            return None;
        }
        let times = count(event);
        let own = (event.namespace().unwrap_or_default(), event.name_any());
        if let Some(listed) = &mut self.listed {
            listed.insert(own.clone(), times.unwrap_or(1));
        }
        if self.events.insert(own, times.unwrap_or(1)) == Some(times.unwrap_or(1)) {
            return None;
        }
        let times = times.map(|times| format!(" (x{times})")).unwrap_or_default();
        Some(Line {
            time: time(event).map(in_seconds),
            namespace: key.0,
            object: key.1.to_string(),
            what: event.type_.clone().unwrap_or_default(),
            reason: event.reason.clone().unwrap_or_default(),
            message: one_line(&event.note.clone().unwrap_or_default()) + &times,
        })
    }

    /// What a watch of events says.
    pub(super) fn change_of_events(&mut self, event: watcher::Event<Event>) -> Vec<Line> {
        match event {
            watcher::Event::Init => self.listed = Some(BTreeMap::new()),
            watcher::Event::InitDone => self.events = self.listed.take().unwrap_or_default(),
            watcher::Event::InitApply(event) | watcher::Event::Apply(event) => {
                return self.event(&event).into_iter().collect();
            }
            watcher::Event::Delete(event) => {
                self.events
                    .remove(&(event.namespace().unwrap_or_default(), event.name_any()));
            }
        }
        Vec::new()
    }
}

fn is_same(one: &Condition, other: &Condition) -> bool {
    let told = |condition: &Condition| {
        (
            condition.type_.clone(),
            condition.status.clone(),
            condition.reason.clone(),
            condition.message.clone(),
        )
    };
    told(one) == told(other)
}

fn in_seconds(time: Timestamp) -> String {
    time.round(Unit::Second).unwrap_or(time).to_string()
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
