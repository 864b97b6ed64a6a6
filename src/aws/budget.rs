//! Our own share of what AWS lets an account ask.
//!
//! AWS keeps buckets of tokens for each account and region, and every other tool of the account draws from them too. A
//! share of each is ours; a call that finds none left is not made, and its object waits in the queue for its turn. The
//! lanes see to it that what keeps traffic flowing never waits for what can wait.

mod kept;
mod level;
mod limits;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

pub(super) use kept::Kept;
pub(super) use level::Who;
use level::{Asked, LONGEST, Level};
pub use limits::Limits;

use crate::elb::{Bucket, Calls, Lane, PARTS, Wait};
use crate::metrics::BucketSample;

/// The part of a bucket that a lane leaves to those before it. Instances that come and go need nothing of the buckets of other
/// changes, so nothing is left to them there; of those that all calls draw from they need most.
fn leaves(lane: Lane, bucket: Bucket) -> f64 {
    let (for_instances, step) = match bucket {
        Bucket::ResourceIntensive | Bucket::Mutating => (0.0, 0.1),
        Bucket::Account | Bucket::Describe => (0.2, 0.05),
        _ => (0.1, 0.1),
    };
    match lane {
        Lane::Instances => 0.0,
        Lane::Change => for_instances,
        Lane::Repair => for_instances + step,
        Lane::Sweep => for_instances + 2.0 * step,
    }
}

/// The part of the `Describe*` bucket that reads of health may use: it is the one read whose number grows with the fleet
/// and the clock alone.
const HEALTH: f64 = 0.5;

/// The part of that which is theirs alone where nothing changes, so that they come by turns however many others change all the time.
const QUIET: f64 = 0.25;

/// Of the rate of a bucket, more than this is much.
const MUCH: f64 = 0.75;

/// Of a bucket that nobody draws from, so much is there.
const IDLE: f64 = 0.75;

/// How long so many reads of health take, one region's share being full.
pub fn time_for_health(reads: usize, limits: &Limits) -> Duration {
    let rate = health_rate(limits);
    #[allow(clippy::cast_precision_loss)] // nobody has 2^52 load balancers
    let later = (reads as f64 - rate.capacity).max(0.0);
    Duration::from_secs_f64(later / rate.refill)
}

fn health_rate(limits: &Limits) -> limits::Rate {
    part_of(limits.of(Bucket::Describe), HEALTH)
}

fn part_of(rate: limits::Rate, part: f64) -> limits::Rate {
    limits::Rate {
        capacity: (rate.capacity * part).max(1.0),
        refill: rate.refill * part,
    }
}

/// The budget of one account and region.
#[derive(Debug)]
pub(super) struct Budget {
    levels: Mutex<Levels>,
}

#[derive(Debug)]
struct Levels {
    buckets: [Level; Bucket::ALL.len()],
    health: Level,
    quiet: Level,
}

impl Levels {
    /// How long until there is a turn for all of these calls, and whose bucket takes longest; `None`: there is one.
    fn waits(
        &mut self,
        calls: &Calls,
        parts: &Calls,
        lane: Lane,
        who: Who,
        now: Instant,
    ) -> Option<(Duration, Bucket)> {
        let mut longest = None;
        for (number, bucket) in Bucket::ALL
            .into_iter()
            .enumerate()
            .filter(|(number, _)| calls[*number] > 0)
        {
            let (leave, tokens) = (leaves(lane, bucket), f64::from(calls[number]));
            let level = &mut self.buckets[number];
            if !level.has(tokens, leave, now) {
                let weight = f64::from(parts[number]) / f64::from(PARTS);
                let asked = Asked { tokens, weight, leave };
                longest = longest.max(Some((level.wait_for(asked, lane, who, now), bucket)));
            }
        }
        longest
    }

    /// What is left for reads of health; `quiet`: where nothing changes alone.
    fn of_health(&mut self, quiet: bool) -> &mut Level {
        if quiet { &mut self.quiet } else { &mut self.health }
    }

    fn promise(&mut self, calls: &Calls, who: Who) {
        for (level, calls) in self.buckets.iter_mut().zip(calls).filter(|(_, calls)| **calls > 0) {
            level.promise(f64::from(*calls), who);
        }
    }

    fn put_back(&mut self, calls: &Calls) {
        for (level, calls) in self.buckets.iter_mut().zip(calls) {
            level.put_back(f64::from(*calls));
        }
    }
}

impl Budget {
    /// A full one.
    pub(super) fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            levels: Mutex::new(Levels {
                buckets: Bucket::ALL.map(|bucket| Level::new(limits.of(bucket), now)),
                health: Level::new(part_of(health_rate(limits), 1.0 - QUIET), now),
                quiet: Level::new(part_of(health_rate(limits), QUIET), now),
            }),
        }
    }

    /// What may be asked for from now on.
    pub(super) fn limit(&self, limits: &Limits) {
        self.with(|levels, now| {
            for bucket in Bucket::ALL {
                levels.buckets[bucket as usize].limit(limits.of(bucket), now);
            }
            levels.health.limit(part_of(health_rate(limits), 1.0 - QUIET), now);
            levels.quiet.limit(part_of(health_rate(limits), QUIET), now);
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Levels, Instant) -> T) -> T {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut levels, Instant::now())
    }

    /// Keeps the tokens of these calls, all or none, those first that are kept for whoever asks; `Err` tells which bucket lacks
    /// some, and how long to wait.
    pub(super) fn promise<'a>(
        &self,
        operations: impl IntoIterator<Item = &'a str>,
        lane: Lane,
        who: Who,
        kept: &Kept,
    ) -> Result<(), Wait> {
        let calls = needs(operations);
        self.with(|levels, now| {
            let lacking = kept.lacking(&calls);
            if let Some((time, bucket)) = levels.waits(&lacking, &parts(&lacking), lane, who, now) {
                return Err(Wait {
                    time: time.min(LONGEST),
                    told: time,
                    bucket,
                    calls,
                    parts: parts(&calls),
                    lane,
                });
            }
            kept.use_up(&calls);
            levels.promise(&lacking, who);
            Ok(())
        })
    }

    /// How long whoever waits for these calls has to wait still; `None`: its turn has come.
    pub(super) fn still(&self, wait: &Wait, who: Who) -> Option<Duration> {
        self.with(|levels, now| levels.waits(&wait.calls, &wait.parts, wait.lane, who, now))
            .map(|(time, _)| time.min(LONGEST))
    }

    /// The same; and where its turn has come, the calls are kept for it, so that it gets on whatever others take. They may be
    /// more than a bucket ever holds.
    pub(super) fn keep(&self, wait: &Wait, who: Who, kept: &Kept) -> Option<Duration> {
        self.with(|levels, now| {
            let waits = levels.waits(&wait.calls, &wait.parts, wait.lane, who, now);
            if waits.is_none() {
                levels.promise(&wait.calls, who);
                kept.add(&wait.calls);
            }
            waits.map(|(time, _)| time.min(LONGEST))
        })
    }

    /// Of several things that one object waits for, so many calls are waited for at once: what the bucket then still holds is
    /// there for others.
    pub(super) fn at_once(&self, bucket: Bucket) -> u32 {
        self.with(|levels, _| levels.buckets[bucket as usize].half())
    }

    /// What is kept is not used.
    pub(super) fn put_back_kept(&self, kept: &Kept) {
        self.with(|levels, _| levels.put_back(&kept.take()));
    }

    /// Changes each bucket that a call draws from.
    fn each(&self, operation: &str, change: impl Fn(&mut Level, Instant)) {
        self.with(|levels, now| {
            for bucket in Bucket::of(operation) {
                change(&mut levels.buckets[*bucket as usize], now);
            }
        });
    }

    /// A call that is paid for is made now.
    pub(super) fn spend(&self, operation: &str) {
        self.each(operation, |level, now| level.spend(1.0, now));
    }

    /// The calls were not made after all.
    pub(super) fn put_back<'a>(&self, operations: impl IntoIterator<Item = &'a str>) {
        self.with(|levels, _| levels.put_back(&needs(operations)));
    }

    /// A call that must be made whatever is left, such as one that puts back what was taken away.
    pub(super) fn overdraw(&self, operation: &str) {
        self.each(operation, |level, now| level.take(1.0, now));
    }

    /// A call has ended.
    pub(super) fn answered(&self, operation: &str) {
        self.each(operation, Level::answered);
    }

    /// AWS throttled a call.
    pub(super) fn throttled(&self, operation: &str) {
        self.each(operation, Level::throttled);
    }

    /// Takes a turn at reading health in this lane; `Err` tells how long to wait for one. Those that matter leave nothing of what is
    /// for all to the others, and the others leave half of it, but have a part of their own. Whoever could not make the call keeps
    /// its place.
    pub(super) fn health_turn(&self, urgent: bool, call: Lane, who: Who) -> Result<(), Duration> {
        let calls = needs(["DescribeInstanceHealth"]);
        let asked = |leave| Asked {
            tokens: 1.0,
            weight: 1.0,
            leave,
        };
        self.with(|levels, now| {
            // In the order in which they came, so that none is read often and another seldom.
            let lines: &[(bool, f64, Lane)] = if urgent {
                &[(false, 0.0, Lane::Instances)]
            } else {
                &[(true, 0.0, Lane::Sweep), (false, 0.5, Lane::Sweep)]
            };
            let free = lines.iter().find(|(quiet, leave, lane)| {
                let level = levels.of_health(*quiet);
                level.has_in_turn(asked(*leave), *lane, who, now)
            });
            let waits = free.and_then(|_| levels.waits(&calls, &parts(&calls), call, who, now));
            let Some((quiet, ..)) = free.filter(|_| waits.is_none()) else {
                let each = lines.iter().map(|(quiet, leave, lane)| {
                    let level = levels.of_health(*quiet);
                    level.wait_for(asked(*leave), *lane, who, now)
                });
                let wait = each.min().unwrap_or_default();
                return Err(waits.map_or(wait, |(longer, _)| wait.max(longer)).min(LONGEST));
            };
            // It waits in neither line any more.
            levels.of_health(!*quiet).promise(0.0, who);
            let level = levels.of_health(*quiet);
            level.promise(1.0, who);
            level.spend(1.0, now);
            // AWS knows nothing of this one.
            level.answered(now);
            Ok(())
        })
    }

    /// Whether nobody waits for a turn, and the buckets of reads are almost full.
    pub(super) fn is_idle(&self) -> bool {
        let full = |bucket: Bucket| matches!(bucket, Bucket::Account | Bucket::Describe);
        self.with(|levels, now| {
            let mut buckets = Bucket::ALL.into_iter().zip(&mut levels.buckets);
            // Those who read health have a line of their own, which never ends in a large fleet.
            buckets.all(|(bucket, level)| level.is_idle(if full(bucket) { IDLE } else { 0.0 }, now))
        })
    }

    /// Whether nothing would be forgotten with it.
    pub(super) fn is_as_new(&self) -> bool {
        self.with(|levels, now| {
            let mut levels = levels.buckets.iter_mut().chain([&mut levels.health, &mut levels.quiet]);
            levels.all(|level| level.is_as_new(now))
        })
    }

    /// Whether throttles of a short while ago have taken much of the rate of a bucket.
    pub(super) fn is_throttled(&self) -> bool {
        self.with(|levels, now| levels.buckets.iter_mut().any(|level| level.told(now).1 < MUCH))
    }

    /// How all buckets stand.
    pub(super) fn samples(&self) -> Vec<BucketSample> {
        self.with(|levels, now| {
            let sample = |bucket: Bucket| {
                let (level, rate) = levels.buckets[bucket as usize].told(now);
                let bucket = bucket.as_str();
                BucketSample { bucket, level, rate }
            };
            Bucket::ALL.map(sample).to_vec()
        })
    }
}

/// Adds numbers of calls.
pub(super) fn add(sum: &mut Calls, calls: &Calls) {
    for (sum, calls) in sum.iter_mut().zip(calls) {
        *sum += calls;
    }
}

/// All parts of these calls.
pub(super) fn parts(calls: &Calls) -> Calls {
    calls.map(|calls| calls * PARTS)
}

/// What these calls need.
pub(super) fn needs<'a>(operations: impl IntoIterator<Item = &'a str>) -> Calls {
    let mut calls = Calls::default();
    for bucket in operations.into_iter().flat_map(Bucket::of) {
        calls[*bucket as usize] += 1;
    }
    calls
}

#[cfg(test)]
mod tests;
