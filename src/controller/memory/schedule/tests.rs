use super::*;
use crate::elb::Bucket;

const RESYNC: Duration = Duration::from_mins(30);

fn seen(generation: i64) -> Seen {
    Seen {
        generation,
        requested_at: None,
    }
}

fn turn(time: Duration, bucket: Bucket) -> Wait {
    let calls = [2; Bucket::ALL.len()];
    let lane = Lane::Sweep;
    Wait {
        told: time,
        time,
        bucket,
        calls,
        parts: calls,
        lane,
    }
}

fn well() -> Ended {
    Ended {
        progress: None,
        blocked: false,
        unread: false,
        waiting: false,
        moving: false,
        resync: RESYNC,
        since_resync: Duration::ZERO,
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
    assert!(schedule.wants_full(&seen(1), now + RESYNC));
}

#[test]
fn objects_are_looked_at_together_and_their_details_read_by_turns() {
    let now = Instant::now();
    let (early, late) = (
        well(),
        Ended {
            since_resync: RESYNC / 3,
            ..well()
        },
    );
    assert!(
        after(&early, now).wants_proof(&seen(1), now + RESYNC),
        "by chance, the first turn"
    );
    let other_turn = |ended| Ended { chance: 0.9, ..ended };
    assert!(!after(&other_turn(early), now).wants_proof(&seen(1), now + RESYNC));
    let mut schedule = after(&other_turn(late), now);
    let rest = RESYNC * 2 / 3;
    assert_eq!(schedule.next(now), Some((Due::Resync, rest)), "when all are");
    let resync = now + rest;
    assert!(schedule.wants_full(&seen(1), resync) && !schedule.wants_proof(&seen(1), resync));
    schedule.ended(seen(1), &well(), resync);
    let again = resync + RESYNC;
    assert!(schedule.wants_full(&seen(1), again) && schedule.wants_proof(&seen(1), again));
    schedule.ended(seen(1), &well(), again);
    assert!(
        !schedule.wants_proof(&seen(1), again + RESYNC),
        "from then on each in its turn"
    );
    assert!(schedule.wants_proof(&seen(1), again + 2 * RESYNC));
    let unread = Ended { unread: true, ..well() };
    assert!(after(&unread, now).wants_proof(&seen(1), now), "AWS did not answer");
}

#[test]
fn details_are_read_every_hour_or_every_so_many_resyncs() {
    let turns = [3, 60, 300, 600, 3600, 7200].map(|seconds| turns_of_details(Duration::from_secs(seconds)));
    assert_eq!(turns, [12, 12, 12, 6, 1, 1]);
}

#[test]
fn a_plan_that_waits_for_its_turn_is_no_full_reconcile() {
    let (now, wait) = (Instant::now(), Duration::from_secs(20));
    let reads = Reads {
        lane: Lane::Instances,
        since: now,
    };
    for remembers in [true, false] {
        let mut schedule = after(&well(), now);
        schedule.remembers(remembers);
        let turn = Wait {
            lane: Lane::Instances,
            ..turn(wait, Bucket::Registration)
        };
        schedule.wait_for_turn(now, reads, turn, true);
        assert_eq!(schedule.wants_full(&seen(1), now + wait), !remembers);
        assert_eq!(schedule.takes_up_a_plan(now + wait), remembers);
        assert!(!schedule.takes_up_a_plan(now));
    }
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
    let by_turns = Ended { chance: 0.9, ..well() };
    let mut schedule = after(&by_turns, now);
    schedule.remembers(true);
    schedule.ended(seen(1), &by_turns, now + RESYNC / 2);
    assert_eq!(schedule.next(now), Some((Due::Resync, RESYNC)));
    schedule.remembers(false);
    schedule.ended(seen(1), &by_turns, now + RESYNC / 2);
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

#[test]
fn a_failure_without_a_conclusion_is_no_person_who_asks() {
    let now = Instant::now();
    let mut first = Schedule::default();
    first.failed();
    assert!(first.is_first() && !first.forgives_refusals(&seen(1), now));
    let mut schedule = after(&well(), now);
    schedule.failed();
    assert!(schedule.wants_full(&seen(1), now) && schedule.wants_proof(&seen(1), now));
    assert!(
        !schedule.forgives_refusals(&seen(1), now),
        "each try interrupts a listener"
    );
    assert!(!schedule.is_first());
    assert_eq!(schedule.because(&seen(1), now), "start");
    schedule.ended(seen(1), &well(), now);
    assert!(!schedule.wants_full(&seen(1), now) && !schedule.wants_proof(&seen(1), now));
}

/// A look at the health that is first to see that a Node is gone waits with the instances, and not behind a thousand creations.
#[test]
fn what_follows_the_cluster_waits_as_instances_do() {
    let (now, wait) = (Instant::now(), Duration::from_mins(3));
    let reads = Reads {
        lane: Lane::Sweep,
        since: now,
    };
    let waits = |remembers, planned| {
        let mut schedule = after(&well(), now);
        schedule.remembers(remembers);
        schedule.wait_for_turn(now, reads, turn(wait, Bucket::Account), planned);
        let (_, until) = schedule.next(now).expect("its turn");
        let lane = schedule.turn_comes(now + until).expect("what it waits for").lane;
        (until, lane, schedule.reads(&seen(1), true, wait, now + until).lane)
    };
    assert_eq!(waits(true, true), (Duration::ZERO, Lane::Instances, Lane::Instances));
    assert_eq!(waits(false, true), (wait, Lane::Sweep, Lane::Sweep));
    assert_eq!(
        waits(true, false),
        (wait, Lane::Sweep, Lane::Sweep),
        "it came to no plan"
    );
}

#[test]
fn an_empty_bucket_is_waited_for_and_not_asked_again_at_once() {
    let (now, wait) = (Instant::now(), Duration::from_secs(20));
    let mut schedule = after(&well(), now);
    let reads = Reads {
        lane: Lane::Sweep,
        since: now,
    };
    // A resync that was due met it, and so did what was to be looked at again.
    schedule.set(Due::Resync, now);
    schedule.set(Due::Lag, now);
    let turn = turn(wait, Bucket::Describe);
    schedule.wait_for_turn(now, reads, turn, true);
    assert_eq!(schedule.next(now), Some((Due::Rate, wait)));
    assert_eq!(schedule.awaits_turn(&seen(1), now), None);
    assert_eq!(schedule.awaits_turn(&seen(1), now + wait), Some(turn));
    assert_eq!(schedule.reads(&seen(1), true, wait, now + wait).lane, Lane::Sweep);
    schedule.wait_longer(now + 2 * wait);
    assert_eq!(schedule.next(now), Some((Due::Rate, 2 * wait)));
    // Instances that leave do not wait for the bucket of reads, and somebody who changes it is heard.
    schedule.set(Due::Step, now);
    assert_eq!(schedule.awaits_turn(&seen(1), now + 2 * wait), None);
    assert_eq!(schedule.awaits_turn(&seen(2), now + 2 * wait), None);
}

#[test]
fn what_a_reconcile_reads_follows_from_why_it_begins() {
    let (now, tolerance) = (Instant::now(), Duration::from_secs(15));
    let lane = |schedule: &Schedule, generation, settled| {
        let reads = schedule.reads(&seen(generation), settled, tolerance, now);
        (reads.lane, reads.since == now)
    };
    let fresh = Schedule::default();
    assert_eq!(lane(&fresh, 1, false), (Lane::Change, true), "a new object");
    assert_eq!(lane(&fresh, 1, true), (Lane::Repair, false), "after a restart");
    let mut schedule = after(&well(), now);
    assert_eq!(lane(&schedule, 1, true), (Lane::Instances, true), "a Node changed");
    assert_eq!(lane(&schedule, 2, true), (Lane::Change, true), "the spec changed");
    schedule.arrived(Some(now - tolerance));
    assert_eq!(
        lane(&schedule, 2, true),
        (Lane::Change, false),
        "what was read since then serves"
    );
    schedule.set(Due::Resync, now);
    assert_eq!(lane(&schedule, 1, true), (Lane::Sweep, false));
    schedule.set(Due::Lag, now);
    assert_eq!(
        lane(&schedule, 1, true),
        (Lane::Repair, true),
        "an old answer is the last thing wanted"
    );
}
