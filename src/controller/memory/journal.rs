//! Pure: what was written to AWS a short while ago, so that an answer from before it is known for what it is.
//!
//! AWS's reads may lag behind its writes. Until AWS has shown a write, and for as long as it may lag, a reading in which
//! something is as it was before that write is not taken for somebody's change. Once it was shown, such a reading is
//! believed when a second one says the same.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::SECOND_LOOK;
use crate::elb::{Element, InstanceHealth, LoadBalancer, Policy, TAG_PREFIX, Value};

/// How long after a write AWS may answer from before it.
pub(super) const LAG: Duration = Duration::from_secs(40);
/// When to look again at a health that is older than our own write.
pub(in crate::controller) const HEALTH_AGAIN: Duration = Duration::from_secs(5);

/// An element that was written.
#[derive(Debug)]
struct Entry {
    /// What it was before each of the writes, by us or by others.
    past: Vec<Value>,
    /// What it is since the last one.
    latest: Value,
    at: Instant,
    /// AWS has shown the last one.
    shown: bool,
}

impl Entry {
    /// AWS may not lag any more.
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) >= LAG
    }

    /// Whether this was there before the last write.
    fn was(&self, value: &Value) -> bool {
        self.past.iter().any(|past| past.says(value))
    }

    /// This was there before the last write.
    fn pass(&mut self, value: Value) {
        if !self.was(&value) {
            self.past.push(value);
        }
    }

    /// Whether what was written last was not there before, so that to see it says something.
    fn is_distinct(&self) -> bool {
        !self.was(&self.latest)
    }

    /// Whether this is what was before the last write, and no more.
    fn is_past(&self, read: &Value) -> bool {
        !read.says(&self.latest) && self.was(read)
    }
}

/// What was written a short while ago.
#[derive(Debug, Default)]
pub(in crate::controller) struct Journal {
    entries: BTreeMap<Element, Entry>,
    /// When to look again, since what was read last was old.
    look_again: Option<Instant>,
    /// Since when readings show a listener as it was before our own write, which AWS had shown.
    listener_doubted_since: Option<Instant>,
}

impl Journal {
    /// AWS accepted something that makes this of the load balancer.
    pub(in crate::controller) fn wrote(&mut self, before: &LoadBalancer, after: &LoadBalancer, at: Instant) {
        for element in before.changed_elements(after) {
            let (was, now) = (before.element(&element), after.element(&element));
            if let Some(entry) = self.entries.get_mut(&element) {
                let latest = std::mem::replace(&mut entry.latest, now);
                // Somebody else may have made something of it meanwhile. Told twice, it was not there in between.
                if !entry.latest.says(&latest) || !entry.was(&was) {
                    entry.pass(latest);
                    entry.pass(was);
                }
                (entry.at, entry.shown) = (at, false);
            } else {
                let entry = Entry {
                    past: vec![was],
                    latest: now,
                    at,
                    shown: false,
                };
                self.entries.insert(element, entry);
            }
        }
    }

    /// AWS changes instances, subnets and zones by itself from now on: whatever it shows of them may be news.
    pub(in crate::controller) fn forget_what_aws_moves(&mut self) {
        let moved = |element: &Element| matches!(element, Element::Instance(_) | Element::Subnet(_) | Element::Zone(_));
        self.entries.retain(|element, _| !moved(element));
    }

    /// Whether a reading shows something as it was before our own write, which AWS had shown: worth a second reading.
    pub(in crate::controller) fn is_contradicted_by(&self, lb: &LoadBalancer, now: Instant) -> bool {
        self.contradicted(lb, now).next().is_some()
    }

    /// Whether a reading shows a listener so that would have to be rebuilt, and none did some time ago. To rebuild one closes its port, and two readings of
    /// one moment may be of the same answer.
    pub(in crate::controller) fn doubts_listeners_of(&mut self, lb: &LoadBalancer, now: Instant) -> bool {
        let closes = |element: &Element| match (
            lb.element(element),
            self.entries.get(element).map(|entry| &entry.latest),
        ) {
            (Value::Listener(read), Some(Value::Listener(latest))) => read.needs_rebuild(latest),
            (read, Some(latest)) => matches!(element, Element::Listener(_)) && !read.says(latest),
            (_, None) => false,
        };
        if !self.contradicted(lb, now).any(closes) {
            self.listener_doubted_since = None;
            return false;
        }
        let since = *self.listener_doubted_since.get_or_insert(now);
        now.saturating_duration_since(since) < SECOND_LOOK
    }

    fn contradicted<'a>(&'a self, lb: &'a LoadBalancer, now: Instant) -> impl Iterator<Item = &'a Element> {
        let entries = self.entries.iter();
        let shown = entries.filter(move |(_, entry)| entry.shown && !entry.is_over(now));
        let past = shown.filter(|(element, entry)| element.is_described() && entry.is_past(&lb.element(element)));
        past.map(|(element, _)| element)
    }

    /// Takes in a reading after our own writes: what it shows of them is no secret any more. `fresh` says what was read
    /// and is not merely known. A description that shows one write, or what somebody made of it since, is younger than
    /// those before it.
    pub(in crate::controller) fn shown(&mut self, lb: &LoadBalancer, fresh: impl Fn(&Element) -> bool) {
        let mut read_after: Option<Instant> = None;
        for (element, entry) in &mut self.entries {
            if fresh(element) && entry.is_distinct() && !entry.is_past(&lb.element(element)) {
                entry.shown = true;
                read_after = read_after.max(Some(entry.at).filter(|_| element.is_described()));
            }
        }
        let Some(read_after) = read_after else { return };
        for (element, entry) in &mut self.entries {
            let before = entry.is_distinct() && entry.at <= read_after;
            entry.shown |= element.is_described() && fresh(element) && before;
        }
    }

    /// Puts right what a reading shows as it was before our own writes.
    pub(in crate::controller) fn settle(&mut self, lb: &mut LoadBalancer, now: Instant) {
        self.entries.retain(|_, entry| !entry.is_over(now));
        self.look_again = None;
        for (element, entry) in &self.entries {
            let read = lb.element(element);
            if entry.is_past(&read) && !entry.shown {
                lb.put(element, &entry.latest);
                self.look_again = self.look_again.into_iter().chain([entry.at + LAG]).min();
            } else if read == Value::Policy(Policy::UNREAD) && matches!(entry.latest, Value::Policy(_)) {
                // It is listed and was not read.
                lb.put(element, &entry.latest);
            }
        }
        // What is believed is no secret.
        self.entries
            .retain(|element, entry| !(entry.shown && entry.is_past(&lb.element(element))));
    }

    /// The Auto Scaling groups that were detached a short while ago, and until when AWS may be taking their members out:
    /// it does so by itself, and what was read may be older.
    pub(in crate::controller) fn detached(&self, now: Instant) -> BTreeMap<String, Instant> {
        let detached = |(element, entry): (&Element, &Entry)| match element {
            Element::AutoScalingGroup(name) if entry.latest == Value::Absent && !entry.is_over(now) => {
                Some((name.clone(), entry.at + LAG))
            }
            _ => None,
        };
        self.entries.iter().filter_map(detached).collect()
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
            key.starts_with(TAG_PREFIX) && !entry.shown && !entry.is_over(now) && entry.is_past(&read)
        })
    }

    /// Takes in what AWS says of the health of instances. `true`: that was before our own last write, and says nothing.
    pub(in crate::controller) fn is_health_old(&mut self, health: &[InstanceHealth], now: Instant) -> bool {
        self.entries.retain(|_, entry| !entry.is_over(now));
        let mut old = false;
        for (element, entry) in &mut self.entries {
            let Element::Instance(id) = element else { continue };
            let listed = health.iter().find(|instance| instance.id == *id);
            // While it drains it is listed, and says so.
            let stays = listed.is_some_and(|instance| !instance.is_draining());
            if stays == (entry.latest == Value::Present) {
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
