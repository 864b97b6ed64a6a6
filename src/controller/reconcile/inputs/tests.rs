use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::*;
use crate::elb::{Attribute, Attributes, Registration};

fn moment(at: Instant) -> Moment {
    let wall = Timestamp::UNIX_EPOCH;
    Moment { at, wall }
}

fn timed_out_after(seconds: i32) -> LoadBalancer {
    let mut lb = LoadBalancer::bare("web");
    lb.attributes = Attributes::at_creation();
    lb.attributes.set(Attribute::IdleTimeout(seconds));
    lb
}

#[test]
fn a_reconcile_that_reads_nothing_cancels_no_look_at_aws() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    let promised = now + Duration::from_secs(30);
    let (before, after) = (timed_out_after(60), timed_out_after(77));
    memory.schedule.set(Due::Lag, promised);
    let mut known = after.clone();
    settle(&mut memory, &mut known, Source::Remembered, false, false, moment(now));
    assert!(memory.schedule.is_due(Due::Lag, promised));
    // Nor does it put one off, or leave an earlier one out.
    memory.journal.wrote(&before, &after, now);
    let mut old = before.clone();
    settle(&mut memory, &mut old, Source::Remembered, false, false, moment(now));
    assert_eq!(old, after);
    assert!(memory.schedule.is_due(Due::Lag, promised));
    let mut read = after.clone();
    settle(&mut memory, &mut read, Source::Read, true, true, moment(now));
    assert!(!memory.schedule.is_due(Due::Lag, promised), "what was read is of now");
    let mut memory = Memory::default();
    memory.journal.wrote(&before, &after, now);
    settle(
        &mut memory,
        &mut before.clone(),
        Source::Remembered,
        false,
        false,
        moment(now),
    );
    assert!(memory.schedule.is_due(Due::Lag, now + Duration::from_mins(1)));
}

#[test]
fn what_stays_since_others_may_want_it_is_told() {
    let mut lb = LoadBalancer::bare("web");
    lb.instances = ["i-1", "i-2"].map(ToOwned::to_owned).into();
    let mut registration = Registration {
        wanted: ["i-1".to_owned()].into(),
        hold: true,
        ..Registration::default()
    };
    let doubt = |registration: &Registration| {
        let declared = Declared::of_instances("web", Some(registration.clone()), None);
        doubt_of_others(&declared, &lb, message::claims_cut()).map(|problem| problem.cause)
    };
    assert_eq!(doubt(&registration), Some(Cause::Doubt));
    registration.kept = ["i-2".to_owned()].into();
    assert_eq!(doubt(&registration), None, "it stays for another reason");
    registration.wanted.insert("i-2".to_owned());
    assert_eq!(doubt(&registration), None, "nothing leaves");
}

#[test]
fn attributes_that_could_not_be_read_show_nothing() {
    let (mut memory, now) = (Memory::default(), Instant::now());
    let (before, after) = (timed_out_after(60), timed_out_after(77));
    memory.journal.wrote(&before, &after, now);
    let mut unread = after.clone();
    unread.attributes = Attributes::default();
    settle(&mut memory, &mut unread, Source::Proven, true, true, moment(now));
    let mut late = before.clone();
    settle(&mut memory, &mut late, Source::Proven, true, true, moment(now));
    assert_eq!(late, after, "a late answer is no drift");
}
