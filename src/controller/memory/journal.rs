//! Pure: what was written to AWS a short while ago, so that an answer from before it is known for what it is.
//!
//! AWS's reads may lag behind its writes. A reading in which something is as it was before our own write is not taken for
//! somebody's change: for as long as AWS may lag where it has not shown the write yet, and until a second look where it
//! has.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::elb::{Element, InstanceHealth, LoadBalancer, TAG_PREFIX, Value};

/// How long after a write AWS may answer from before it.
const LAG: Duration = Duration::from_secs(40);
/// When to look again at something that AWS showed as written and then as before.
const SECOND_LOOK: Duration = Duration::from_secs(5);
/// When to look again at a health that is older than our own write.
pub(in crate::controller) const HEALTH_AGAIN: Duration = Duration::from_secs(5);

/// An element that was written.
#[derive(Debug)]
struct Entry {
    /// What it was before each of the writes.
    past: Vec<Value>,
    /// What it is since the last one.
    now: Value,
    at: Instant,
    /// AWS has shown the last one.
    shown: bool,
    /// Since when it shows what was before, after it had shown the last one.
    doubted: Option<Instant>,
}

/// What was written a short while ago.
#[derive(Debug, Default)]
pub(in crate::controller) struct Journal {
    entries: BTreeMap<Element, Entry>,
    /// When to look again, since what was read last was old.
    look_again: Option<Instant>,
}

impl Journal {
    /// AWS accepted something that makes this of the load balancer.
    pub(in crate::controller) fn wrote(&mut self, before: &LoadBalancer, after: &LoadBalancer, at: Instant) {
        for element in before.changed_elements(after) {
            let (was, now) = (before.element(&element), after.element(&element));
            match self.entries.get_mut(&element) {
                Some(entry) if entry.now.says(&now) => {}
                Some(entry) => {
                    entry.past.push(std::mem::replace(&mut entry.now, now));
                    (entry.at, entry.shown, entry.doubted) = (at, false, None);
                }
                None => {
                    let entry = Entry {
                        past: vec![was],
                        now,
                        at,
                        shown: false,
                        doubted: None,
                    };
                    self.entries.insert(element, entry);
                }
            }
        }
    }

    /// Puts right what a reading shows as it was before our own writes.
    pub(in crate::controller) fn settle(&mut self, lb: &mut LoadBalancer, now: Instant) {
        self.look_again = None;
        self.expire(now);
        let mut believed = Vec::new();
        for (element, entry) in &mut self.entries {
            let read = lb.element(element);
            if read.says(&entry.now) || !entry.past.iter().any(|past| past.says(&read)) {
                // What needs a call of its own may be what was known before.
                entry.shown |= element.is_described();
                if let (Value::Policy(_), Value::Policy(_)) = (&read, &entry.now) {
                    // It may be listed and not read.
                    lb.put(element, &entry.now);
                }
                entry.doubted = None;
                continue;
            }
            let until = if entry.shown {
                *entry.doubted.get_or_insert(now) + SECOND_LOOK
            } else {
                entry.at + LAG
            };
            if until <= now {
                believed.push(element.clone());
                continue;
            }
            lb.put(element, &entry.now);
            self.look_again = self.look_again.into_iter().chain([until]).min();
        }
        for element in believed {
            self.entries.remove(&element);
        }
    }

    fn expire(&mut self, now: Instant) {
        self.entries
            .retain(|_, entry| now.saturating_duration_since(entry.at) < LAG);
    }

    /// When to look again, since what was read last was old.
    pub(in crate::controller) fn look_again(&mut self) -> Option<Instant> {
        self.look_again.take()
    }

    /// Whether these tags lack or hold what proves ownership as it was before our own write; then they prove nothing.
    pub(in crate::controller) fn is_ownership_old(&self, tags: &BTreeMap<String, String>, now: Instant) -> bool {
        self.entries.iter().any(|(element, entry)| {
            let Element::Tag(key) = element else { return false };
            let read = tags.get(key).cloned().map_or(Value::Absent, Value::Text);
            key.starts_with(TAG_PREFIX)
                && now.saturating_duration_since(entry.at) < LAG
                && entry.now != read
                && entry.past.contains(&read)
        })
    }

    /// Takes in what AWS says of the health of instances. `true`: that was before our own last write, and says nothing.
    pub(in crate::controller) fn is_health_old(&mut self, health: &[InstanceHealth], now: Instant) -> bool {
        self.expire(now);
        let mut old = false;
        for (element, entry) in &mut self.entries {
            let Element::Instance(id) = element else { continue };
            let listed = health.iter().find(|instance| instance.id == *id);
            // While it drains it is listed, and says so.
            let stays = listed.is_some_and(|instance| !instance.is_draining());
            if stays == (entry.now == Value::Present) {
                entry.shown = true;
            } else if !entry.shown {
                old = true;
            }
        }
        old
    }
}

#[cfg(test)]
mod tests;
