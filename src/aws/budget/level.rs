//! How full one of our buckets is.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::limits::Rate;
use crate::elb::Lane;

/// Whoever waits asks again after this at the latest: what comes first may be given up meanwhile.
pub(super) const LONGEST: Duration = Duration::from_mins(10);
/// More than anybody waits.
const FOREVER: Duration = Duration::from_hours(24 * 365);
/// What a throttle leaves of the rate.
const AFTER_A_THROTTLE: f64 = 0.5;
/// The rate never falls below this part of what is ours.
const LEAST: f64 = 0.05;
/// What comes back of the rate each second without a throttle,
const RECOVERY: f64 = 0.005;
/// but no more than this for each call that there is room for: of a slow bucket each throttle is one of few calls.
const RECOVERY_A_CALL: f64 = 0.02;
/// Whoever comes when its turn has come shall not find that a hair is lacking, neither here
const CLOSE: f64 = 1e-9;
/// nor at AWS, which counts for itself: less is taken to come back than does,
const CAUTION: f64 = 1.0 - 1e-6;
/// and it is told to come later by more than that.
const LATER: Duration = Duration::from_millis(2);
/// A call that is not answered for so long has reached AWS all the same, or never will.
const UNHEARD: Duration = Duration::from_secs(1);
/// Who has not come so long after its turn does not come any more.
const GIVEN_UP: Duration = Duration::from_secs(30);
/// Throttles within this time are one: calls were under way together.
const ONE_THROTTLE: Duration = Duration::from_secs(1);

/// A bucket of tokens of our own.
#[derive(Clone, Debug)]
pub(super) struct Level {
    rate: Rate,
    tokens: f64,
    /// Those of them that are paid for calls to come. AWS takes its own when it is called, and fills no bucket that is full until
    /// then.
    promised: f64,
    at: Instant,
    /// Since when a call is under way that found the bucket full: AWS's begins to fill when that call reaches it, and not
    /// when it is sent.
    unheard: Option<Instant>,
    /// What other users of the account leave us of the rate, as far as their throttles taught.
    learnt: f64,
    throttled: Option<Instant>,
    /// Who waits, by lane and age.
    waiting: BTreeMap<(Lane, u64), Waiter>,
    /// How many have begun to wait.
    came: u64,
}

/// Who asks: an object, or zero for nobody in particular.
pub(in crate::aws) type Who = u64;

/// Who waits for its turn.
#[derive(Clone, Copy, Debug)]
struct Waiter {
    who: Who,
    /// For how many tokens those behind it wait, too.
    weight: f64,
    until: Instant,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// So many tokens,
    pub(super) tokens: f64,
    /// of which so many are for it alone,
    pub(super) weight: f64,
    /// while this part of the bucket is left.
    pub(super) leave: f64,
}

impl Level {
    /// A full one.
    pub(super) fn new(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            tokens: rate.capacity,
            promised: 0.0,
            at: now,
            unheard: None,
            learnt: 1.0,
            throttled: None,
            waiting: BTreeMap::new(),
            came: 0,
        }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        let recovery = RECOVERY.min(self.rate.refill * RECOVERY_A_CALL);
        self.learnt = (self.learnt + passed * recovery).min(1.0);
        let filling = match self.unheard {
            None => passed,
            Some(since) => now.saturating_duration_since(since + UNHEARD).as_secs_f64().min(passed),
        };
        self.unheard = self.unheard.filter(|since| now < *since + UNHEARD);
        self.tokens = (self.tokens + filling * self.per_second()).min(self.rate.capacity);
        self.at = now;
    }

    /// AWS has answered a call, so that it has reached it.
    pub(super) fn answered(&mut self, now: Instant) {
        self.refill(now);
        self.unheard = None;
    }

    fn per_second(&self) -> f64 {
        self.rate.refill * self.learnt * CAUTION
    }

    /// Whether so many can be taken, so that a part of the bucket is left. More than it ever holds: when it is full.
    pub(super) fn has(&mut self, tokens: f64, leave: f64, now: Instant) -> bool {
        self.refill(now);
        self.left() + CLOSE >= self.needed(tokens, leave)
    }

    /// The same, for whoever has to wait until those before it in line have theirs.
    pub(super) fn has_in_turn(&mut self, asked: Asked, lane: Lane, who: Who, now: Instant) -> bool {
        self.refill(now);
        self.give_up(now);
        self.left() + CLOSE >= self.needed(asked.tokens, asked.leave) + self.before(lane, who)
    }

    /// Whether nobody waits, and this part of it is there and promised to nobody.
    pub(super) fn is_idle(&mut self, part: f64, now: Instant) -> bool {
        self.refill(now);
        self.give_up(now);
        self.waiting.is_empty() && self.left() >= part * self.rate.capacity
    }

    /// Who has not come for long keeps nobody waiting.
    fn give_up(&mut self, now: Instant) {
        self.waiting.retain(|_, waiter| waiter.until + GIVEN_UP >= now);
    }

    /// What those wait for who come before whoever asks: in lanes before its own, and in its own those who came earlier.
    fn before(&self, lane: Lane, who: Who) -> f64 {
        let place = self.place(lane, who).unwrap_or((lane, u64::MAX));
        self.waiting.range(..place).map(|(_, waiter)| waiter.weight).sum()
    }

    fn place(&self, lane: Lane, who: Who) -> Option<(Lane, u64)> {
        let mut places = self.waiting.iter();
        let known = places.find(|((of, _), waiter)| *of == lane && waiter.who == who);
        known.map(|(place, _)| *place)
    }

    /// What is promised to nobody.
    fn left(&self) -> f64 {
        self.tokens - self.promised
    }

    fn needed(&self, tokens: f64, leave: f64) -> f64 {
        (tokens + leave * self.rate.capacity).min(self.rate.capacity)
    }

    /// It holds and gets so much from now on. What was learnt of others stays.
    pub(super) fn limit(&mut self, rate: Rate, now: Instant) {
        self.refill(now);
        self.rate = rate;
        self.tokens = self.tokens.min(rate.capacity);
    }

    /// Half of what it holds when it is full.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // limits are small and positive
    pub(super) fn half(&self) -> u32 {
        (self.rate.capacity / 2.0).ceil() as u32
    }

    /// Keeps them for calls to come.
    pub(super) fn promise(&mut self, tokens: f64, who: Who) {
        self.promised += tokens;
        self.waiting.retain(|_, waiter| waiter.who != who);
    }

    /// Calls that were paid for are made now.
    pub(super) fn spend(&mut self, tokens: f64, now: Instant) {
        self.put_back(tokens);
        self.take(tokens, now);
    }

    /// Takes them, also where they are still to come.
    pub(super) fn take(&mut self, tokens: f64, now: Instant) {
        self.refill(now);
        if self.tokens + CLOSE >= self.rate.capacity {
            self.unheard = Some(now);
        }
        self.tokens -= tokens;
    }

    /// They are not used.
    pub(super) fn put_back(&mut self, tokens: f64) {
        self.promised = (self.promised - tokens).max(0.0);
    }

    /// How long until so many will be there for whoever asks now, however long that is. Those who ask again keep their place in
    /// the line of their lane.
    pub(super) fn wait_for(&mut self, asked: Asked, lane: Lane, who: Who, now: Instant) -> Duration {
        self.refill(now);
        self.give_up(now);
        let place = self.place(lane, who).unwrap_or((lane, self.came));
        let lacking = (self.needed(asked.tokens, asked.leave) - self.left()).max(0.0);
        let per_second = self.per_second().max(f64::MIN_POSITIVE);
        let wait = seconds((lacking + self.before(lane, who)) / per_second) + LATER;
        if who != 0 {
            self.came += 1;
            let until = now + wait.min(LONGEST);
            let weight = asked.weight;
            self.waiting.insert(place, Waiter { who, weight, until });
        }
        wait
    }

    /// AWS has fewer tokens than we thought: others draw from the same bucket.
    pub(super) fn throttled(&mut self, now: Instant) {
        self.refill(now);
        self.tokens = self.tokens.min(0.0);
        if self
            .throttled
            .is_none_or(|last| now.saturating_duration_since(last) >= ONE_THROTTLE)
        {
            self.throttled = Some(now);
            self.learnt = (self.learnt * AFTER_A_THROTTLE).max(LEAST);
        }
    }

    /// Whether it is as full as a new one, and nothing was learnt of others.
    pub(super) fn is_as_new(&mut self, now: Instant) -> bool {
        self.is_idle(1.0 - CLOSE, now) && self.learnt >= 1.0
    }

    /// How full it is, of 1; and what the throttles left of the rate, of 1.
    pub(super) fn told(&mut self, now: Instant) -> (f64, f64) {
        self.refill(now);
        ((self.tokens / self.rate.capacity).max(0.0), self.learnt)
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(FOREVER, |wait| wait.min(FOREVER))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many tokens, all of them for whoever asks.
    fn all(tokens: f64) -> Asked {
        Asked {
            tokens,
            weight: tokens,
            leave: 0.0,
        }
    }

    fn level(capacity: f64, refill: f64) -> (Level, Instant) {
        let now = Instant::now();
        (Level::new(Rate { capacity, refill }, now), now)
    }

    /// Takes them for a call that is answered at once.
    fn take(level: &mut Level, tokens: f64, now: Instant) {
        level.take(tokens, now);
        level.answered(now);
    }

    #[test]
    fn it_empties_and_fills() {
        let (mut level, now) = level(2.0, 0.5);
        assert!(level.has(2.0, 0.0, now));
        take(&mut level, 2.0, now);
        assert!(!level.has(1.0, 0.0, now));
        assert!(level.has(1.0, 0.0, now + Duration::from_secs(2) + LATER));
        assert!(!level.has(2.0, 0.0, now + Duration::from_secs(2)));
    }

    #[test]
    fn a_part_is_left_for_others_and_what_never_fits_waits_for_a_full_one() {
        let (mut level, now) = level(10.0, 1.0);
        assert!(level.has(6.0, 0.4, now));
        take(&mut level, 6.0, now);
        assert!(!level.has(1.0, 0.4, now) && level.has(4.0, 0.0, now));
        assert!(!level.has(30.0, 0.0, now) && level.has(30.0, 0.0, now + Duration::from_secs(6) + LATER));
        take(&mut level, 30.0, now + Duration::from_secs(6));
        assert!(!level.has(1.0, 0.0, now + Duration::from_secs(25)));
    }

    #[test]
    fn those_who_wait_get_their_turns_one_after_the_other() {
        let (mut level, now) = level(1.0, 0.2);
        take(&mut level, 1.0, now);
        let mut wait = |who, after| {
            let now = now + Duration::from_secs(after);
            level.wait_for(all(1.0), Lane::Change, who, now).as_secs()
        };
        assert_eq!([wait(1, 0), wait(2, 0), wait(3, 0)], [5, 10, 15]);
        assert_eq!([wait(1, 1), wait(3, 1)], [4, 14], "who asks again keeps its place");
        assert!(
            (4..5000).all(|who| wait(who, 1) == 5 * who - 1),
            "and is told the truth of it"
        );
        level.promise(1.0, 1);
        level.spend(1.0, now + Duration::from_secs(5));
        level.answered(now + Duration::from_secs(5));
        assert_eq!(
            level
                .wait_for(all(1.0), Lane::Change, 3, now + Duration::from_secs(5))
                .as_secs(),
            10
        );
        let urgent = level.wait_for(all(1.0), Lane::Instances, 9, now + Duration::from_secs(5));
        assert_eq!(urgent.as_secs(), 5, "before all those");
    }

    #[test]
    fn who_waits_for_several_holds_up_the_next_as_long() {
        let (mut level, now) = level(4.0, 0.5);
        take(&mut level, 4.0, now);
        let mut wait = |who, tokens| level.wait_for(all(tokens), Lane::Change, who, now).as_secs();
        assert_eq!([wait(1, 2.0), wait(2, 2.0), wait(3, 1.0)], [4, 8, 10]);
        assert!(
            !level.has(2.0, 0.0, now + Duration::from_secs(3))
                && level.has(2.0, 0.0, now + Duration::from_secs(4) + LATER)
        );
    }

    #[test]
    fn of_a_slow_bucket_less_comes_back_after_a_throttle() {
        let learnt = |refill| {
            let (mut level, now) = level(10.0, refill);
            level.throttled(now);
            level.told(now + Duration::from_secs(50)).1
        };
        assert!((learnt(5.0) - 0.75).abs() < 1e-6 && (learnt(0.1) - 0.6).abs() < 1e-6);
    }

    /// AWS's bucket begins to fill when the first call reaches it: somewhere between its being sent and its answer.
    #[test]
    fn nothing_comes_back_until_the_first_call_has_reached_aws() {
        let (mut level, sent) = level(2.0, 0.2);
        level.take(1.0, sent);
        level.take(1.0, sent);
        let answered = sent + Duration::from_millis(300);
        level.answered(answered);
        let turn = Duration::from_secs(5) + LATER;
        assert!(!level.has(1.0, 0.0, sent + turn), "AWS may have had it a moment ago");
        assert!(level.has(1.0, 0.0, answered + turn));
        // Those that follow find it filling already.
        level.take(1.0, answered + turn);
        assert!(level.has(1.0, 0.0, answered + turn + turn));
    }

    #[test]
    fn a_call_that_is_never_answered_holds_up_no_other() {
        let (mut level, sent) = level(1.0, 0.2);
        level.take(1.0, sent);
        assert!(level.has(1.0, 0.0, sent + UNHEARD + Duration::from_secs(5) + LATER));
    }

    #[test]
    fn what_is_paid_for_is_taken_when_the_call_is_made() {
        let (mut level, now) = level(2.0, 1.0);
        level.promise(1.0, 1);
        level.promise(1.0, 2);
        let later = now + Duration::from_secs(1);
        assert!(!level.has(1.0, 0.0, later), "AWS's bucket was full all the time");
        level.spend(1.0, later);
        level.answered(later);
        assert!(!level.has(1.0, 0.0, later) && level.has(1.0, 0.0, later + Duration::from_secs(1) + LATER));
        level.put_back(1.0);
        assert!(level.has(1.0, 0.0, later), "a call that is not made after all");
    }

    #[test]
    fn throttles_that_come_together_count_once_and_are_forgotten_slowly() {
        let (mut level, now) = level(10.0, 10.0);
        for _ in 0..5 {
            level.throttled(now);
        }
        assert_eq!(level.told(now), (0.0, 0.5));
        assert!(!level.has(1.0, 0.0, now + Duration::from_millis(100)));
        for second in 1..20 {
            level.throttled(now + Duration::from_secs(second));
        }
        let (_, learnt) = level.told(now + Duration::from_secs(19));
        assert!((LEAST..0.1).contains(&learnt), "{learnt}");
        let (full, learnt) = level.told(now + Duration::from_secs(400));
        assert_eq!((full, learnt), (1.0, 1.0));
    }
}
