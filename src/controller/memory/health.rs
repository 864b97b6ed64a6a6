//! Pure: the health of the instances as last read.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::api::message::{self, Message};
use crate::aws::Error;
use crate::elb::{InstanceHealth, InstanceId};

/// How often to look while instances come into service or drain.
pub(in crate::controller) const WHILE_SETTLING: Duration = Duration::from_secs(15);

/// What AWS said of the instances, and when.
#[derive(Debug, Default)]
pub(in crate::controller) struct Health {
    read: Option<Reading>,
    /// Why it could not be read the last time, and how often in a row.
    failure: Option<(Error, u32)>,
    /// How many readings in a row came much too late.
    late: u32,
}

#[derive(Debug)]
struct Reading {
    at: Instant,
    instances: Vec<InstanceHealth>,
    /// The instances that were registered then; of others it says nothing.
    registered: BTreeSet<InstanceId>,
}

impl Health {
    /// Takes in what was read of these registered instances. Returns when to read again.
    pub(in crate::controller) fn take(
        &mut self,
        instances: Vec<InstanceHealth>,
        registered: &BTreeSet<InstanceId>,
        interval: Duration,
        now: Instant,
    ) -> Instant {
        let settling = instances.iter().any(InstanceHealth::is_settling);
        // What failed or was not looked at for a while is no sign of it.
        let age = self.age(now).filter(|_| self.failure.is_none());
        self.late = match age {
            Some(age) if age > interval * 5 / 4 => self.late.saturating_add(1),
            // In between nothing changes, or the status would be written to and fro.
            Some(age) if age > interval * 9 / 8 => self.late,
            _ => 0,
        };
        self.failure = None;
        self.read = Some(Reading {
            at: now,
            instances,
            registered: registered.clone(),
        });
        now + if settling {
            interval.min(WHILE_SETTLING)
        } else {
            interval
        }
    }

    /// Whether it is read less often than it should be, again and again.
    pub(in crate::controller) fn is_seldom_read(&self) -> bool {
        self.late > 1
    }

    /// Another reading has no turn yet. `true`: so it has been for so long that it is told from now on.
    pub(in crate::controller) fn waits(&mut self, interval: Duration, now: Instant) -> bool {
        let known = self.is_seldom_read();
        if self.age(now).is_some_and(|age| age > interval * 2) {
            self.late = self.late.max(2);
        }
        self.is_seldom_read() != known
    }

    /// Takes in that it could not be read.
    pub(in crate::controller) fn miss(&mut self, error: Error) {
        let times = self.failure.take().map_or(0, |(_, times)| times);
        self.failure = Some((error, times.saturating_add(1)));
    }

    /// What was read, and of which registered instances.
    pub(in crate::controller) fn reading(&self) -> Option<(&[InstanceHealth], &BTreeSet<InstanceId>)> {
        let read = self.read.as_ref()?;
        Some((&read.instances, &read.registered))
    }

    fn instances(&self) -> impl Iterator<Item = &InstanceHealth> {
        self.read.iter().flat_map(|read| &read.instances)
    }

    /// Whether nothing was read, or nothing was there.
    pub(in crate::controller) fn is_empty(&self) -> bool {
        self.instances().next().is_none()
    }

    /// When it was read.
    pub(in crate::controller) fn read_at(&self) -> Option<Instant> {
        self.read.as_ref().map(|read| read.at)
    }

    /// Whether it was ever read.
    pub(in crate::controller) fn is_read(&self) -> bool {
        self.read.is_some()
    }

    /// Whether it was read of exactly these instances within that time.
    pub(in crate::controller) fn is_fresh(
        &self,
        registered: &BTreeSet<InstanceId>,
        within: Duration,
        now: Instant,
    ) -> bool {
        self.read
            .as_ref()
            .is_some_and(|read| read.registered == *registered && now.saturating_duration_since(read.at) < within)
    }

    /// Whether reading it goes before others: it was never read, instances came or went, or some do not serve.
    pub(in crate::controller) fn is_urgent(&self, registered: &BTreeSet<InstanceId>) -> bool {
        self.read.as_ref().is_none_or(|read| {
            read.registered != *registered || read.instances.iter().any(|instance| !instance.is_in_service())
        })
    }

    /// How old the last reading is; `None`: there is none.
    pub(in crate::controller) fn age(&self, now: Instant) -> Option<Duration> {
        self.read.as_ref().map(|read| now.saturating_duration_since(read.at))
    }

    /// Whether it could not be read the last time.
    pub(in crate::controller) fn is_missed(&self) -> bool {
        self.failure.is_some()
    }

    /// Why it is not known any more: a refusal at once, and what passes by itself where it lasts.
    pub(in crate::controller) fn unread(&self) -> Option<&Error> {
        let (error, times) = self.failure.as_ref()?;
        (!error.class.is_passing() || *times > 1).then_some(error)
    }

    /// The same in words.
    pub(in crate::controller) fn message(&self) -> Option<Message> {
        let error = self.unread()?;
        Some(message::health_not_read(error.reason(), error))
    }

    /// Those that take connections.
    pub(in crate::controller) fn in_service(&self) -> BTreeSet<InstanceId> {
        let serving = self.instances().filter(|instance| instance.is_in_service());
        serving.map(|instance| instance.id.clone()).collect()
    }

    /// Those that finish their connections and leave.
    pub(in crate::controller) fn draining(&self) -> BTreeSet<InstanceId> {
        let draining = self.instances().filter(|instance| instance.is_draining());
        draining.map(|instance| instance.id.clone()).collect()
    }

    /// Registered instances that AWS leaves out of their health. It does so with terminated ones, but that is no proof.
    pub(in crate::controller) fn omitted(&self, registered: &BTreeSet<InstanceId>) -> BTreeSet<InstanceId> {
        let Some(read) = &self.read else {
            return BTreeSet::new();
        };
        let listed: BTreeSet<&InstanceId> = read.instances.iter().map(|instance| &instance.id).collect();
        let asked = registered.intersection(&read.registered);
        asked.filter(|id| !listed.contains(id)).cloned().collect()
    }

    /// Whether what was just read tells of instances that came or went without us: an Auto Scaling group at work, or
    /// somebody's hand. Terminated instances stay registered and are left out, so only one that was there before can be
    /// missed.
    pub(in crate::controller) fn is_surprised_by(
        &self,
        news: &[InstanceHealth],
        registered: &BTreeSet<InstanceId>,
    ) -> bool {
        let stays = |list: &mut dyn Iterator<Item = &InstanceHealth>| -> BTreeSet<InstanceId> {
            let staying = list.filter(|instance| !instance.is_draining());
            staying.map(|instance| instance.id.clone()).collect()
        };
        let (now, before) = (stays(&mut news.iter()), stays(&mut self.instances()));
        !now.is_subset(registered) || registered.difference(&now).any(|id| before.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Class;

    fn instance(id: &str, state: &str, description: &str) -> InstanceHealth {
        InstanceHealth {
            id: id.into(),
            state: InstanceHealth::word(state),
            reason: None,
            description: Some(InstanceHealth::word(description)),
        }
    }

    fn serving(ids: &[&str]) -> Vec<InstanceHealth> {
        ids.iter().map(|id| instance(id, "InService", "N/A")).collect()
    }

    fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn draining(id: &str) -> InstanceHealth {
        instance(id, "InService", "Instance deregistration currently in progress.")
    }

    #[test]
    fn what_settles_is_read_again_soon() {
        let (mut health, now, minute) = (Health::default(), Instant::now(), Duration::from_mins(1));
        assert_eq!(
            health.take(serving(&["i-1"]), &ids(&["i-1"]), minute, now),
            now + minute
        );
        assert_eq!(
            health.take(vec![draining("i-1")], &ids(&["i-1"]), minute, now),
            now + WHILE_SETTLING
        );
        assert_eq!((health.in_service(), health.draining()), (ids(&[]), ids(&["i-1"])));
    }

    #[test]
    fn what_is_read_too_seldom_again_and_again_is_told() {
        let (mut health, begun, minute) = (Health::default(), Instant::now(), Duration::from_mins(1));
        let mut told = Vec::new();
        for minutes in [0, 1, 7, 13, 14, 20] {
            health.take(serving(&["i-1"]), &ids(&["i-1"]), minute, begun + minute * minutes);
            told.push(health.is_seldom_read());
        }
        assert_eq!(told, [false, false, false, true, false, false]);
        // Also while it waits for the next reading, and where it is not twice as late.
        let (later, mut health) = (begun + minute * 21, health);
        assert!(!health.waits(minute, later) && health.waits(minute, begun + minute * 23));
        assert!(health.is_seldom_read() && !health.waits(minute, begun + minute * 24));
        let mut health = Health::default();
        let told = [0, 80, 160, 240].map(|seconds| {
            let now = begun + Duration::from_secs(seconds);
            health.take(serving(&["i-1"]), &ids(&["i-1"]), minute, now);
            health.is_seldom_read()
        });
        assert_eq!(told, [false, false, true, true]);
    }

    #[test]
    fn it_is_fresh_for_the_same_instances_only() {
        let (mut health, now, minute) = (Health::default(), Instant::now(), Duration::from_mins(1));
        health.take(serving(&["i-1"]), &ids(&["i-1"]), minute, now);
        assert!(health.is_fresh(&ids(&["i-1"]), minute, now));
        assert!(!health.is_fresh(&ids(&["i-1", "i-2"]), minute, now));
        assert!(!health.is_fresh(&ids(&["i-1"]), minute, now + minute));
    }

    #[test]
    fn a_failure_that_passes_is_told_when_it_lasts() {
        let mut health = Health::default();
        let error = |class| Error::new("DescribeInstanceHealth", class, "X", "x");
        health.miss(error(Class::Throttled));
        assert!(health.unread().is_none());
        health.miss(error(Class::Throttled));
        assert!(health.unread().is_some() && health.message().is_some());
        health.take(Vec::new(), &ids(&[]), Duration::ZERO, Instant::now());
        assert!(health.unread().is_none());
        health.miss(error(Class::Denied));
        assert!(health.unread().is_some(), "a refusal is told at once");
    }

    #[test]
    fn only_instances_that_were_asked_about_are_omitted() {
        let mut health = Health::default();
        health.take(serving(&["i-1"]), &ids(&["i-1", "i-2"]), Duration::ZERO, Instant::now());
        assert_eq!(health.omitted(&ids(&["i-1", "i-2", "i-3"])), ids(&["i-2"]));
    }

    #[test]
    fn instances_that_come_or_go_without_us_are_a_surprise() {
        let mut health = Health::default();
        health.take(
            serving(&["i-1", "i-2"]),
            &ids(&["i-1", "i-2"]),
            Duration::ZERO,
            Instant::now(),
        );
        let registered = ids(&["i-1", "i-2"]);
        assert!(!health.is_surprised_by(&serving(&["i-1", "i-2"]), &registered));
        assert!(
            health.is_surprised_by(&serving(&["i-1", "i-2", "i-3"]), &registered),
            "one came"
        );
        assert!(health.is_surprised_by(&serving(&["i-1"]), &registered), "one went");
        let leaving = [serving(&["i-1", "i-2"]), vec![draining("i-3")]].concat();
        assert!(
            !health.is_surprised_by(&leaving, &registered),
            "one drains that we took out"
        );
    }
}
