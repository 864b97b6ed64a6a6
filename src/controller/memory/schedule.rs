//! Pure: when an object is looked at again, and why.

mod due;

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::aws::Reads;
use crate::controller::backoff;
use crate::elb::{Lane, Wait};
use crate::plan::Progress;

pub(in crate::controller) use due::Due;

/// When to look again at what AWS moves by itself.
const MOVING: Duration = Duration::from_secs(5);
/// When to look again whether a quota was raised.
const STALLED: Duration = Duration::from_mins(10);
/// When to look again whether a name was given up, or a load balancer offered: a person may be waiting.
pub(in crate::controller) const BLOCKED: Duration = Duration::from_mins(1);

/// How old may be what was read since an object began to wait for its turn, and after whatever was changed.
const SERVES: Duration = Duration::from_mins(2);

/// How old details become at most, where a resync is not rarer than that,
const DETAILS: Duration = Duration::from_hours(1);
/// or so many resyncs where those are frequent.
const MOST_TURNS: u32 = 12;

/// What a person asked for at a full reconcile: the generation of the object and its annotation `requested-at`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Seen {
    pub(in crate::controller) generation: i64,
    pub(in crate::controller) requested_at: Option<String>,
}

/// One in so many resyncs of an object reads its details too.
fn turns_of_details(resync: Duration) -> u32 {
    let mut turns = (1..=MOST_TURNS).rev();
    turns.find(|turns| resync * *turns <= DETAILS).unwrap_or(1)
}

/// How a full reconcile ended.
#[allow(clippy::struct_excessive_bools)] // facts that do not exclude each other
#[derive(Clone, Copy, Debug)]
pub(in crate::controller) struct Ended {
    /// Whether and how it goes on; `None`: all is well.
    pub(in crate::controller) progress: Option<Progress>,
    /// Somebody must do something in AWS, and nothing has to change here.
    pub(in crate::controller) blocked: bool,
    /// AWS could not be asked.
    pub(in crate::controller) unread: bool,
    /// Nothing failed; the next step has its own time.
    pub(in crate::controller) waiting: bool,
    /// AWS is changing more by itself than it was asked to, such as the instances of an Auto Scaling group.
    pub(in crate::controller) moving: bool,
    /// How often to look though nothing happened.
    pub(in crate::controller) resync: Duration,
    /// How much of that time has passed since all were to be looked at: they are read together, which costs no more than one.
    pub(in crate::controller) since_resync: Duration,
    /// How often instances that AWS refused were tried.
    pub(in crate::controller) suspects_tried: u32,
    /// Chance, from 0 to 1.
    pub(in crate::controller) chance: f64,
}

/// A reconcile that had no turn yet.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    reads: Reads,
    wait: Wait,
    /// It went by what is known of the load balancer, and so it does when its turn comes.
    remembers: bool,
}

impl Ended {
    fn until_resync(&self) -> Duration {
        self.resync.saturating_sub(self.since_resync)
    }
}

/// When to look again.
#[derive(Debug, Default)]
pub(in crate::controller) struct Schedule {
    seen: Option<Seen>,
    /// The last reconcile came to no conclusion.
    anew: bool,
    due: BTreeMap<Due, Instant>,
    failures: u32,
    /// The reconcile that is under way reads nothing of the load balancer.
    remembers: bool,
    /// Details were to be read, and AWS did not answer.
    owes_details: bool,
    /// When the event came that brought the object as it is.
    arrived: Option<Instant>,
    /// What had no turn yet.
    waiting: Option<Waiting>,
    pace: Pace,
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

    /// It is time then, unless it is sooner.
    pub(in crate::controller) fn set_sooner(&mut self, due: Due, at: Option<Instant>) {
        let sooner = self.due.get(&due).copied().into_iter().chain(at).min();
        self.set_or_clear(due, sooner);
    }

    /// Whether everything is read and planned, whatever is declared.
    pub(in crate::controller) fn wants_full(&self, seen: &Seen, now: Instant) -> bool {
        let full = |due: &Due| due.is_full() && (*due != Due::Rate || !self.takes_up_a_plan(now));
        self.is_asked(seen) || self.due.iter().any(|(due, at)| full(due) && *at <= now)
    }

    /// Whether the turn has come of what was planned by what is known of the load balancer: it is planned again, and nothing
    /// is read for it.
    pub(in crate::controller) fn takes_up_a_plan(&self, now: Instant) -> bool {
        self.is_due(Due::Rate, now) && self.waiting.is_some_and(|waiting| waiting.remembers)
    }

    /// How long an object has to wait that is changed again and again.
    pub(in crate::controller) fn too_soon(&mut self, seen: &Seen, now: Instant) -> Option<Duration> {
        let changed = self.seen.as_ref().is_some_and(|before| before != seen);
        if changed { self.pace.wait(now) } else { None }
    }

    /// Whether ownership is proven again by the tags: somebody asks, or it was long ago.
    pub(in crate::controller) fn wants_proof(&self, seen: &Seen, now: Instant) -> bool {
        self.is_asked(seen)
            || self.is_due_or_unset(Due::Details, now)
            || self.is_due(Due::Lag, now)
            || self.owes_details
    }

    /// Whether this was not seen to yet, or not to the end.
    fn is_asked(&self, seen: &Seen) -> bool {
        self.anew || self.seen.as_ref() != Some(seen)
    }

    /// Whether a spec that changed, a person who asks, or the time calls for a try of all that was refused. Another
    /// spec alone names another listener, or the same again, which then is no reason to interrupt it.
    pub(in crate::controller) fn forgives_refusals(&self, seen: &Seen, now: Instant) -> bool {
        let before = self.seen.as_ref();
        let asked = before.is_some_and(|before| before.requested_at != seen.requested_at);
        asked || self.is_due(Due::Resync, now)
    }

    /// Whether there was no full reconcile yet in this process.
    pub(in crate::controller) fn is_first(&self) -> bool {
        self.seen.is_none()
    }

    /// Why the object is looked at now, in one word.
    pub(in crate::controller) fn because(&self, seen: &Seen, now: Instant) -> &'static str {
        match &self.seen {
            None => "start",
            Some(_) if self.anew => "start",
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

    /// The object as it is came with an event of that time.
    pub(in crate::controller) fn arrived(&mut self, at: Option<Instant>) {
        self.arrived = at;
    }

    /// What the calls of the reconcile that begins are made for, and what it may know already. A look though nothing
    /// happened is served by what others have read up to `tolerance` ago. `settled`: what the object asks for was seen to
    /// once, by this process or another.
    pub(in crate::controller) fn reads(&self, seen: &Seen, settled: bool, tolerance: Duration, now: Instant) -> Reads {
        let earlier = now.checked_sub(tolerance).unwrap_or(now);
        let reads = |lane, since| Reads { lane, since };
        let change = if settled { Lane::Repair } else { Lane::Change };
        let changed = self.seen.as_ref().is_some_and(|before| before != seen);
        let waiting = self.waiting.filter(|_| self.is_due(Due::Rate, now) && !changed);
        if let Some(Waiting { reads: begun, wait, .. }) = waiting {
            // Nothing was written meanwhile, or the view would know. What others have read since serves it.
            let earliest = now.checked_sub(tolerance.max(SERVES)).unwrap_or(now);
            // What is read again for instances that wait to come or go is as urgent as they are, and all else is not.
            let lane = if self.wants_full(seen, now) {
                begun.lane
            } else {
                begun.lane.min(wait.lane)
            };
            return reads(lane, begun.since.max(earliest));
        }
        match &self.seen {
            None if settled => reads(Lane::Repair, earlier),
            None => reads(Lane::Change, now),
            Some(before) if before != seen => reads(Lane::Change, self.arrived.unwrap_or(now)),
            Some(_) if self.anew => reads(change, now),
            Some(_) => match self.due.iter().find(|(_, at)| **at <= now).map(|(due, _)| *due) {
                Some(Due::Retry | Due::Rate | Due::Lag) => reads(change, now),
                Some(_) if self.is_due(Due::Lag, now) => reads(change, now),
                Some(Due::Details | Due::Resync | Due::Lookup | Due::Health) => reads(Lane::Sweep, earlier),
                Some(Due::Step | Due::Suspects | Due::Lacking | Due::Grace) | None => reads(Lane::Instances, now),
            },
        }
    }

    /// A reconcile met an empty bucket, and goes on when its turn comes. `planned`: it went so far as to plan. One that did
    /// so by what is known follows the cluster and is as urgent as instances are, whatever it was begun for: a look at the
    /// health may be the first to see that a Node is gone.
    pub(in crate::controller) fn wait_for_turn(&mut self, now: Instant, reads: Reads, mut wait: Wait, planned: bool) {
        let remembers = planned && self.remembers;
        if remembers && wait.lane > Lane::Instances {
            // How long it waits in that lane, it is told when it asks again, which is at once.
            (wait.lane, wait.time) = (Lane::Instances, Duration::ZERO);
        }
        self.waiting = Some(Waiting { reads, wait, remembers });
        self.wait_longer(now + wait.time);
    }

    /// What was waited for, where its time has come and nothing else is due that cannot wait for it.
    pub(in crate::controller) fn awaits_turn(&self, seen: &Seen, now: Instant) -> Option<Wait> {
        let alone = self.due.iter().all(|(due, at)| due.waits_for_a_turn() || *at > now);
        self.turn_comes(now).filter(|_| alone && !self.is_asked(seen))
    }

    /// The same, whatever else is due.
    pub(in crate::controller) fn turn_comes(&self, now: Instant) -> Option<Wait> {
        self.is_due(Due::Rate, now).then_some(self.waiting?.wait)
    }

    /// Whether its turn is still to come.
    pub(in crate::controller) fn waits_for_turn(&self, now: Instant) -> bool {
        self.waiting.is_some() && self.due.get(&Due::Rate).is_some_and(|at| *at > now)
    }

    /// Its turn comes then, and what would find no more tokens before waits as long.
    pub(in crate::controller) fn wait_longer(&mut self, at: Instant) {
        self.set(Due::Rate, at);
        let waiting = self.due.iter_mut().filter(|(due, _)| due.waits_for_a_turn());
        for (_, when) in waiting {
            *when = at.max(*when);
        }
    }

    /// Whether nothing is to be done.
    pub(in crate::controller) fn rests(&self) -> bool {
        self.due.is_empty() && self.failures == 0
    }

    /// Failures in a row.
    pub(in crate::controller) fn failures(&self) -> u32 {
        self.failures
    }

    /// A reconcile failed without a conclusion, so the next one begins anew. Nobody has asked for a try of what AWS refused
    /// by that. Returns the failures in a row.
    pub(in crate::controller) fn failed(&mut self) -> u32 {
        self.anew = true;
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
        if self.seen.as_ref().is_some_and(|before| *before != seen) {
            self.pace.follow(now);
        }
        self.read_details(&seen, ended, now);
        (self.seen, self.anew) = (Some(seen), false);
        let longest = match ended.progress {
            _ if ended.moving => MOVING,
            Some(Progress::Stalled) if ended.blocked => BLOCKED,
            Some(Progress::Stalled) => STALLED,
            _ => Duration::MAX,
        };
        let resync = ended.until_resync().min(longest);
        let planned = self.due.get(&Due::Resync).filter(|_| self.remembers);
        self.set(
            Due::Resync,
            planned.map_or(now + resync, |planned| (now + resync).min(*planned)),
        );
        self.due.remove(&Due::Rate);
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

    /// Details were read if they were due: when they are again. Always together with a resync, for the sake of the reads that
    /// are shared, and after a start by turns.
    fn read_details(&mut self, seen: &Seen, ended: &Ended, now: Instant) {
        if self.remembers || !self.wants_proof(seen, now) {
            return;
        }
        self.owes_details = ended.unread;
        let turns = turns_of_details(ended.resync);
        let turn = if self.due.contains_key(&Due::Details) {
            turns
        } else {
            let mut later = (1..turns).rev();
            let by_chance = later.find(|turn| f64::from(*turn) / f64::from(turns) <= ended.chance);
            1 + by_chance.unwrap_or_default()
        };
        self.set(Due::Details, now + ended.until_resync() + ended.resync * (turn - 1));
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
mod tests;
