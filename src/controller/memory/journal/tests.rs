use std::collections::BTreeSet;

use super::*;
use crate::elb::{HealthCheck, Listener, Protocol};

fn load_balancer() -> LoadBalancer {
    LoadBalancer {
        attributes: crate::elb::Attributes::at_creation(),
        availability_zones: ["a".into()].into(),
        subnets: ["s-1".into()].into(),
        security_groups: ["sg-1".into()].into(),
        instances: ["i-1".into(), "i-2".into()].into(),
        tags: [("team".into(), "web".into())].into(),
        auto_scaling_groups: ["g-1".into()].into(),
        ..LoadBalancer::bare("web")
    }
}

/// The same with every element changed.
fn other() -> LoadBalancer {
    let listener = Listener {
        port: 80,
        protocol: Protocol::Tcp,
        instance_port: 8080,
        instance_protocol: Protocol::Tcp,
        certificate: None,
        policies: ["p-1".into()].into(),
    };
    LoadBalancer {
        listeners: [(80, listener)].into(),
        policies: [("p-1".into(), crate::elb::Policy::ProxyProtocol(true))].into(),
        backends: [(8080, ["p-1".into()].into())].into(),
        health_check: HealthCheck::of("TCP:81".into()),
        attributes: crate::elb::Attributes {
            cross_zone: Some(true),
            idle_timeout: Some(7),
            connection_draining: Some(Some(9)),
            access_log: Some(None),
            desync_mitigation_mode: Some(crate::elb::DesyncMitigationMode::Monitor),
        },
        availability_zones: ["b".into()].into(),
        subnets: ["s-2".into()].into(),
        security_groups: ["sg-2".into()].into(),
        instances: ["i-2".into(), "i-3".into()].into(),
        tags: [("team".into(), "api".into()), ("more".into(), "x".into())].into(),
        auto_scaling_groups: BTreeSet::new(),
        ..load_balancer()
    }
}

fn health(ids: &[&str]) -> Vec<InstanceHealth> {
    let of = |id: &&str| InstanceHealth {
        id: (*id).into(),
        state: "InService".into(),
        reason: None,
        description: Some("N/A".into()),
    };
    ids.iter().map(of).collect()
}

#[test]
fn a_reading_from_before_our_write_is_put_right_in_every_element() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    for (before, after) in [(&before, &after), (&after, &before)] {
        let mut journal = Journal::default();
        journal.wrote(before, after, at);
        let mut read = before.clone();
        journal.settle(&mut read, at + LAG / 2);
        assert_eq!(read, *after);
        assert_eq!(journal.look_again(), Some(at + LAG));
        assert_eq!(journal.look_again(), None, "it is told once");
    }
}

#[test]
fn a_state_in_between_is_old_too() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut between = before.clone();
    between.instances.clear();
    let mut journal = Journal::default();
    journal.wrote(&before, &between, at);
    journal.wrote(&between, &after, at);
    let mut read = between;
    journal.settle(&mut read, at);
    assert_eq!(read, after);
}

#[test]
fn what_somebody_else_made_of_it_is_drift() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    let mut read = after.clone();
    read.health_check.interval = 77;
    read.tags.insert("team".into(), "others".into());
    read.instances.insert("i-9".into());
    let theirs = read.clone();
    journal.settle(&mut read, at);
    assert_eq!((read, journal.look_again()), (theirs, None));
}

#[test]
fn in_the_end_a_reading_is_believed() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    let mut read = before.clone();
    journal.settle(&mut read, at + LAG);
    assert_eq!((read, journal.look_again()), (before, None));
}

#[test]
fn what_was_shown_and_is_as_before_again_is_believed_at_a_second_reading() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    assert!(!journal.is_contradicted_by(&before, at), "it was not shown");
    journal.shown(&before, |_| true);
    journal.shown(&after, |_| false);
    assert!(!journal.is_contradicted_by(&before, at), "nor now");
    journal.shown(&after, |_| true);
    assert!(journal.is_contradicted_by(&before, at) && !journal.is_contradicted_by(&after, at));
    assert!(!journal.is_contradicted_by(&before, at + LAG));
    let mut read = before.clone();
    journal.settle(&mut read, at);
    assert_eq!((&read, journal.look_again()), (&before, None));
    assert!(!journal.is_contradicted_by(&before, at), "it is believed");
}

#[test]
fn a_reading_that_shows_one_write_is_younger_than_those_before_it() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    let mut read = after.clone();
    read.health_check.interval = 77;
    read.instances.clone_from(&before.instances);
    read.tags.clone_from(&before.tags);
    journal.shown(&read, Element::is_described);
    assert!(journal.is_contradicted_by(&read, at));
    let mut settled = read.clone();
    journal.settle(&mut settled, at);
    assert_eq!(settled.instances, before.instances, "somebody took it out again");
    assert_eq!(settled.tags, after.tags, "of tags it says nothing");
}

#[test]
fn a_health_from_before_our_write_says_nothing() {
    let (before, after, at) = (load_balancer(), other(), Instant::now());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    assert!(journal.is_health_old(&health(&["i-1", "i-2"]), at));
    assert!(!journal.is_health_old(&health(&["i-2", "i-3"]), at));
    assert!(!journal.is_health_old(&health(&["i-1", "i-2"]), at), "this is news");
}

#[test]
fn tags_of_ownership_are_not_made_up() {
    let (before, mut after, at) = (load_balancer(), load_balancer(), Instant::now());
    after.tags.insert("classiclb.dev/owner".into(), "shop/web".into());
    let mut journal = Journal::default();
    journal.wrote(&before, &after, at);
    assert!(journal.is_ownership_old(&before.tags, at));
    assert!(!journal.is_ownership_old(&after.tags, at) && !journal.is_ownership_old(&before.tags, at + LAG));
    let theirs = BTreeMap::from([("classiclb.dev/owner".to_owned(), "x/y".to_owned())]);
    assert!(!journal.is_ownership_old(&theirs, at), "somebody else's are theirs");
}

/// A load balancer whose health check has this interval.
fn checked_every(seconds: i32) -> LoadBalancer {
    let mut lb = load_balancer();
    lb.health_check.interval = seconds;
    lb
}

#[test]
fn what_somebody_else_made_of_it_in_between_is_old_too() {
    let at = Instant::now();
    let again = at + Duration::from_secs(10);
    let (first, ours, theirs) = (checked_every(10), checked_every(20), checked_every(77));
    for back in [&ours, &checked_every(30)] {
        let mut journal = Journal::default();
        journal.wrote(&first, &ours, at);
        journal.shown(&ours, |_| true);
        journal.wrote(&theirs, back, again);
        assert!(!journal.is_contradicted_by(&theirs, again), "nobody has shown it yet");
        for (late, last) in [(&first, false), (&theirs, false), (&theirs, true)] {
            let mut read = late.clone();
            let now = if last { at + LAG } else { again };
            journal.settle(&mut read, now);
            assert_eq!(read, *back, "the time counts from the last write");
            assert_eq!(journal.look_again(), Some(again + LAG));
        }
        let mut between = ours.clone();
        journal.shown(&between, |_| true);
        journal.settle(&mut between, again);
        let mut late = theirs.clone();
        journal.settle(&mut late, again);
        assert_eq!(
            (&between, &late),
            (back, back),
            "a reading of our first write does not show the second"
        );
    }
}

#[test]
fn a_reading_says_nothing_of_writes_younger_than_the_one_that_it_shows() {
    let (before, at) = (load_balancer(), Instant::now());
    let first = checked_every(20);
    let mut second = first.clone();
    second.security_groups = ["sg-2".into()].into();
    let mut journal = Journal::default();
    journal.wrote(&before, &first, at);
    journal.wrote(&first, &second, at + Duration::from_millis(40));
    journal.shown(&first, Element::is_described);
    let later = at + Duration::from_secs(1);
    assert!(!journal.is_contradicted_by(&first, later), "it may be from in between");
    let mut read = first;
    journal.settle(&mut read, later);
    assert_eq!(read, second);
}
