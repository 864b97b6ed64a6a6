//! Pure: when an object is looked at again, and why.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::controller::backoff;
use crate::plan::Progress;

/// When to look again at what AWS moves by itself.
const MOVING: Duration = Duration::from_secs(5);
/// When to look again whether a quota was raised.
const STALLED: Duration = Duration::from_mins(10);
/// When to look again whether a name was given up, or a load balancer offered: a person may be waiting.
const BLOCKED: Duration = Duration::from_mins(1);

/// Why an object is due. In the order in which a log names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::controller) enum Due {
    /// A reconcile that failed is tried again.
    Retry,
    /// The next instances leave, or EC2 must be asked about one.
    Step,
    /// Instances that AWS refused to register are tried again.
    Suspects,
    /// AWS is read again though nothing changed here.
    Resync,
    /// What was read last was older than our own write, or cannot be believed yet.
    Lag,
    /// Instances by tags and by group are looked up again.
    Lookup,
    /// The health of the instances is read again.
    Health,
    /// A Node will have been not ready for too long.
    Grace,
}

impl Due {
    /// The word in the log.
    pub(in crate::controller) fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Step => "step",
            Self::Suspects => "suspects",
            Self::Resync => "resync",
            Self::Lag => "lag",
            Self::Lookup => "lookup",
            Self::Health => "health",
            Self::Grace => "grace",
        }
    }

    /// Whether everything is read and planned, and not one thing alone.
    fn is_full(self) -> bool {
        matches!(
            self,
            Self::Retry | Self::Step | Self::Suspects | Self::Resync | Self::Lag
        )
    }
}

/// What a person asked for at a full reconcile: the generation of the object and its annotation `requested-at`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Seen {
    pub(in crate::controller) generation: i64,
    pub(in crate::controller) requested_at: Option<String>,
}

/// How a full reconcile ended.
#[derive(Clone, Copy, Debug)]
pub(in crate::controller) struct Ended {
    /// Whether and how it goes on; `None`: all is well.
    pub(in crate::controller) progress: Option<Progress>,
    /// Somebody must do something in AWS, and nothing has to change here.
    pub(in crate::controller) blocked: bool,
    /// Nothing failed; the next step has its own time.
    pub(in crate::controller) waiting: bool,
    /// AWS is changing more by itself than it was asked to, such as the instances of an Auto Scaling group.
    pub(in crate::controller) moving: bool,
    /// How often to look though nothing happened.
    pub(in crate::controller) resync: Duration,
    /// How often instances that AWS refused were tried.
    pub(in crate::controller) suspects_tried: u32,
    /// Chance, from 0 to 1.
    pub(in crate::controller) chance: f64,
}

/// When to look again.
#[derive(Debug, Default)]
pub(in crate::controller) struct Schedule {
    seen: Option<Seen>,
    due: BTreeMap<Due, Instant>,
    failures: u32,
    /// The reconcile that is under way reads nothing of the load balancer.
    remembers: bool,
}

impl Schedule {
    /// Whether it is time.
    pub(in crate::controller) fn is_due(&self, due: Due, now: Instant) -> bool {
        self.due.get(&due).is_some_and(|at| *at <= now)
    }

    /// Whether it is time, or nobody said when.
    pub(in crate::controller) fn is_due_or_unset(&self, due: Due, now: Instant) -> bool {
        self.due.get(&due).is_none_or(|at| *at <= now)
    }

    /// It is time then.
    pub(in crate::controller) fn set(&mut self, due: Due, at: Instant) {
        self.due.insert(due, at);
    }

    /// It is time then, or never.
    pub(in crate::controller) fn set_or_clear(&mut self, due: Due, at: Option<Instant>) {
        match at {
            Some(at) => drop(self.due.insert(due, at)),
            None => drop(self.due.remove(&due)),
        }
    }

    /// Whether everything is read and planned, whatever is declared.
    pub(in crate::controller) fn wants_full(&self, seen: &Seen, now: Instant) -> bool {
        self.seen.as_ref() != Some(seen) || self.due.iter().any(|(due, at)| due.is_full() && *at <= now)
    }

    /// Whether ownership is proven again by the tags: somebody asks, or it was long ago.
    pub(in crate::controller) fn wants_proof(&self, seen: &Seen, now: Instant) -> bool {
        self.seen.as_ref() != Some(seen) || self.is_due_or_unset(Due::Resync, now) || self.is_due(Due::Lag, now)
    }

    /// Whether a spec that changed, a person who asks, or the time calls for a try of all that was refused. Another
    /// spec alone names another listener, or the same again, which then is no reason to interrupt it.
    pub(in crate::controller) fn forgives_refusals(&self, seen: &Seen, now: Instant) -> bool {
        let asked = self
            .seen
            .as_ref()
            .is_none_or(|before| before.requested_at != seen.requested_at);
        asked || self.is_due_or_unset(Due::Resync, now)
    }

    /// Whether there was no full reconcile yet in this process.
    pub(in crate::controller) fn is_first(&self) -> bool {
        self.seen.is_none()
    }

    /// Why the object is looked at now, in one word.
    pub(in crate::controller) fn because(&self, seen: &Seen, now: Instant) -> &'static str {
        match &self.seen {
            None => "start",
            Some(before) if before.generation != seen.generation => "spec",
            Some(before) if before.requested_at != seen.requested_at => "requested",
            Some(_) => {
                let due = self.due.iter().find(|(_, at)| **at <= now);
                due.map_or("event", |(due, _)| due.as_str())
            }
        }
    }

    /// Whether the reconcile that begins goes by what is known of the load balancer. Then AWS is looked at when it would
    /// have been looked at without it.
    pub(in crate::controller) fn remembers(&mut self, remembers: bool) {
        self.remembers = remembers;
    }

    /// Failures in a row.
    pub(in crate::controller) fn failures(&self) -> u32 {
        self.failures
    }

    /// A reconcile failed without a conclusion, so the next one begins anew. Returns the failures in a row.
    pub(in crate::controller) fn failed(&mut self) -> u32 {
        self.seen = None;
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    /// A deletion could not go on. Returns the failures in a row.
    pub(in crate::controller) fn hindered(&mut self) -> u32 {
        self.failures = self.failures.saturating_add(1);
        self.failures
    }

    pub(super) fn after_a_panic(&self) -> Self {
        Self {
            failures: self.failures,
            ..Self::default()
        }
    }

    /// A full reconcile ended: what is due next follows.
    pub(in crate::controller) fn ended(&mut self, seen: Seen, ended: &Ended, now: Instant) {
        self.seen = Some(seen);
        let longest = match ended.progress {
            _ if ended.moving => MOVING,
            Some(Progress::Stalled) if ended.blocked => BLOCKED,
            Some(Progress::Stalled) => STALLED,
            _ => Duration::MAX,
        };
        // Objects that were read together, as all are at the start, shall not come back together.
        let resync = ended.resync.min(longest).mul_f64(1.0 - 0.1 * ended.chance);
        let planned = self.due.get(&Due::Resync).filter(|_| self.remembers);
        self.set(
            Due::Resync,
            planned.map_or(now + resync, |planned| (now + resync).min(*planned)),
        );
        for once in [Due::Step, Due::Lag] {
            if self.is_due(once, now) {
                self.due.remove(&once);
            }
        }
        // A reconcile that ended early has not tried them; what is due and stays due would be asked for again at once.
        if self.is_due(Due::Suspects, now) {
            let wait = backoff::delay(ended.suspects_tried.max(1), ended.chance);
            self.set(Due::Suspects, now + wait);
        }
        if ended.progress == Some(Progress::Reconciling) && !ended.waiting {
            self.failures = self.failures.saturating_add(1);
            self.set(Due::Retry, now + backoff::delay(self.failures, ended.chance));
        } else {
            self.failures = 0;
            self.due.remove(&Due::Retry);
        }
    }

    /// Instances that AWS refused are tried again later, the longer the oftener they were.
    pub(in crate::controller) fn retry_suspects(&mut self, times: u32, now: Instant) {
        self.set(Due::Suspects, now + backoff::delay(times, 0.0));
    }

    /// A reconcile came to no conclusion, since what it read cannot be believed yet: nothing is done before then.
    pub(in crate::controller) fn postpone(&mut self, at: Instant) {
        self.set(Due::Lag, at);
        for due in self.due.values_mut() {
            *due = at.max(*due);
        }
    }

    /// How long until something is due, and what.
    pub(in crate::controller) fn next(&self, now: Instant) -> Option<(Due, Duration)> {
        let (due, at) = self.due.iter().min_by_key(|(_, at)| **at)?;
        Some((*due, at.saturating_duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESYNC: Duration = Duration::from_mins(30);

    fn seen(generation: i64) -> Seen {
        Seen {
            generation,
            requested_at: None,
        }
    }

    fn well() -> Ended {
        Ended {
            progress: None,
            blocked: false,
            waiting: false,
            moving: false,
            resync: RESYNC,
            suspects_tried: 0,
            chance: 0.0,
        }
    }

    /// A schedule after a reconcile that ended so.
    fn after(ended: &Ended, now: Instant) -> Schedule {
        let mut schedule = Schedule::default();
        schedule.ended(seen(1), ended, now);
        schedule
    }

    #[test]
    fn the_first_look_is_full_and_says_so() {
        let (schedule, now) = (Schedule::default(), Instant::now());
        assert!(schedule.wants_full(&seen(1), now) && schedule.wants_proof(&seen(1), now) && schedule.is_first());
        assert_eq!(schedule.because(&seen(1), now), "start");
        assert_eq!(schedule.next(now), None);
    }

    #[test]
    fn all_well_rests_until_the_resync() {
        let now = Instant::now();
        let schedule = after(&well(), now);
        assert!(!schedule.wants_full(&seen(1), now) && !schedule.wants_proof(&seen(1), now));
        assert_eq!(schedule.next(now), Some((Due::Resync, RESYNC)));
        assert!(schedule.wants_full(&seen(1), now + RESYNC) && schedule.wants_proof(&seen(1), now + RESYNC));
        assert_eq!(schedule.because(&seen(1), now + RESYNC), "resync");
    }

    #[test]
    fn another_spec_and_a_person_who_asks_are_told_apart() {
        let now = Instant::now();
        let schedule = after(&well(), now);
        assert!(schedule.wants_full(&seen(2), now) && !schedule.forgives_refusals(&seen(2), now));
        assert_eq!(schedule.because(&seen(2), now), "spec");
        let asked = Seen {
            requested_at: Some("now".into()),
            ..seen(1)
        };
        assert!(schedule.wants_full(&asked, now) && schedule.forgives_refusals(&asked, now));
        assert_eq!(schedule.because(&asked, now), "requested");
        assert_eq!(schedule.because(&seen(1), now), "event");
    }

    #[test]
    fn failures_are_tried_again_ever_more_slowly_and_forgotten_when_all_is_well() {
        let now = Instant::now();
        let failing = Ended {
            progress: Some(Progress::Reconciling),
            ..well()
        };
        let mut schedule = after(&failing, now);
        assert_eq!(schedule.next(now), Some((Due::Retry, Duration::from_secs(2))));
        schedule.ended(seen(1), &failing, now);
        assert_eq!(schedule.next(now), Some((Due::Retry, Duration::from_secs(4))));
        assert_eq!(schedule.failures(), 2);
        schedule.ended(seen(1), &well(), now);
        assert_eq!(
            (schedule.failures(), schedule.next(now)),
            (0, Some((Due::Resync, RESYNC)))
        );
    }

    #[test]
    fn to_wait_for_the_brake_is_no_failure() {
        let now = Instant::now();
        let waiting = Ended {
            progress: Some(Progress::Reconciling),
            waiting: true,
            ..well()
        };
        assert_eq!(after(&waiting, now).failures(), 0);
    }

    #[test]
    fn what_moves_and_what_is_stalled_is_looked_at_sooner() {
        let now = Instant::now();
        let moving = Ended { moving: true, ..well() };
        assert_eq!(after(&moving, now).next(now), Some((Due::Resync, MOVING)));
        let stalled = Ended {
            progress: Some(Progress::Stalled),
            ..well()
        };
        assert_eq!(after(&stalled, now).next(now), Some((Due::Resync, STALLED)));
        let blocked = Ended {
            blocked: true,
            ..stalled
        };
        assert_eq!(after(&blocked, now).next(now), Some((Due::Resync, BLOCKED)));
    }

    #[test]
    fn what_stays_due_is_not_asked_for_at_once_again() {
        let now = Instant::now();
        let mut schedule = Schedule::default();
        schedule.set(Due::Suspects, now);
        schedule.set(Due::Step, now);
        schedule.ended(seen(1), &well(), now);
        assert!(!schedule.wants_full(&seen(1), now));
        assert_eq!(schedule.next(now), Some((Due::Suspects, Duration::from_secs(2))));
    }

    #[test]
    fn changes_of_the_cluster_put_off_no_look_at_aws() {
        let now = Instant::now();
        let mut schedule = after(&well(), now);
        schedule.remembers(true);
        schedule.ended(seen(1), &well(), now + RESYNC / 2);
        assert_eq!(schedule.next(now), Some((Due::Resync, RESYNC)));
        schedule.remembers(false);
        schedule.ended(seen(1), &well(), now + RESYNC / 2);
        assert_eq!(schedule.next(now), Some((Due::Resync, RESYNC + RESYNC / 2)));
    }

    #[test]
    fn what_cannot_be_believed_yet_is_looked_at_later_and_not_before() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(10));
        let mut schedule = after(&well(), now);
        schedule.set(Due::Resync, now);
        schedule.set(Due::Health, now);
        schedule.postpone(later);
        assert_eq!(schedule.next(later).map(|(_, wait)| wait), Some(Duration::ZERO));
        assert!(!schedule.wants_full(&seen(1), now) && schedule.wants_full(&seen(1), later));
        assert!(schedule.wants_proof(&seen(1), later));
    }

    #[test]
    fn health_alone_is_no_full_reconcile() {
        let now = Instant::now();
        let mut schedule = after(&well(), now);
        schedule.set(Due::Health, now);
        assert!(!schedule.wants_full(&seen(1), now));
        assert_eq!(schedule.because(&seen(1), now), "health");
        schedule.set_or_clear(Due::Health, None);
        assert_eq!(schedule.because(&seen(1), now), "event");
    }

    #[test]
    fn a_failure_without_a_conclusion_begins_anew() {
        let now = Instant::now();
        let mut schedule = after(&well(), now);
        assert_eq!((schedule.failed(), schedule.hindered()), (1, 2));
        assert!(schedule.wants_full(&seen(1), now));
        assert_eq!(schedule.after_a_panic().failures(), 2);
    }
}
