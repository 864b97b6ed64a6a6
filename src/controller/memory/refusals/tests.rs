use super::*;
use crate::elb::{Class, Origin, Owner, Protocol, Registration, Scheme};

fn listener(instance_port: Port) -> Listener {
    Listener {
        port: 80,
        protocol: Protocol::Http,
        instance_port,
        instance_protocol: Protocol::Http,
        certificate: None,
        policies: BTreeSet::new(),
    }
}

fn declared(wanted: &[&str], instance_port: Port) -> Declared {
    let owner = Owner {
        cluster: "c".into(),
        object: "shop/web".into(),
        uid: "1".into(),
    };
    Declared {
        name: "web".into(),
        tags: owner.tags(Origin::Created),
        owner: Some(owner),
        scheme: Scheme::Internal,
        placement: None,
        security_groups: None,
        listener_policies: BTreeMap::new(),
        backends: BTreeMap::new(),
        listeners: [(80, listener(instance_port))].into(),
        unresolved: BTreeSet::new(),
        health_check: None,
        ungiven: BTreeSet::new(),
        attributes: crate::elb::Attributes::default(),
        registration: Some(Registration {
            wanted: wanted.iter().map(|id| (*id).to_owned()).collect(),
            ..Registration::default()
        }),
        auto_scaling_groups: None,
        tags_removed: BTreeSet::new(),
        ignored: BTreeSet::new(),
    }
}

fn failure(class: Class) -> Failure<Error> {
    Failure {
        track: Track::Listeners,
        step: Step::CreateListeners {
            listeners: vec![listener(8080)],
            otherwise: vec![Step::DeletePolicy("p".into())],
        },
        error: Error::new("CreateLoadBalancerListeners", class, "X", "x"),
        put_back: true,
    }
}

fn refused(ids: &[&str]) -> Facts {
    Facts {
        refused: ids.iter().map(|id| (*id).to_owned()).collect(),
        ..Facts::default()
    }
}

#[test]
fn a_refused_instance_waits_longer_each_time_it_is_tried() {
    let mut refusals = Refusals::default();
    let declared = declared(&["i-1", "i-2"], 8080);
    let lb = declared.at_creation();
    let mut take = |facts: &Facts, tried| refusals.take(&[], facts, &declared, &lb, tried);
    assert_eq!(take(&Facts::default(), false), Suspects::None);
    assert_eq!(take(&refused(&["i-1"]), false), Suspects::Later(1));
    assert_eq!(
        take(&refused(&["i-2"]), false),
        Suspects::AsPlanned,
        "no reason to ask for the first again"
    );
    assert_eq!(take(&refused(&["i-1"]), true), Suspects::Later(2));
}

#[test]
fn an_instance_that_nobody_wants_any_more_is_no_suspect() {
    let mut refusals = Refusals::of_instances(["i-1"]);
    let declared = declared(&["i-2"], 8080);
    let taken = refusals.take(&[], &Facts::default(), &declared, &declared.at_creation(), false);
    assert_eq!(taken, Suspects::None);
    assert!(refusals.instances().is_empty() && refusals.tried() == 0);
}

#[test]
fn suspects_are_tried_by_turns() {
    let ids: Vec<String> = (0..25).map(|number| format!("i-{number:02}")).collect();
    let mut refusals = Refusals::of_instances(ids.iter().map(String::as_str));
    assert!(refusals.facts(false).suspects.is_empty());
    assert_eq!(refusals.facts(false).refused.len(), 25);
    let mut tried = BTreeSet::new();
    for turn in 0..3 {
        refusals.tried = turn;
        let facts = refusals.facts(true);
        assert_eq!(
            (facts.suspects.len(), facts.refused.len()),
            (TRIED_AT_ONCE, 25 - TRIED_AT_ONCE)
        );
        tried.extend(facts.suspects);
    }
    assert_eq!(tried.len(), 25);
}

#[test]
fn a_refused_rebuild_is_kept_while_the_old_listener_serves() {
    let mut refusals = Refusals::default();
    let declared = declared(&[], 8080);
    let mut lb = declared.at_creation();
    lb.listeners.insert(80, listener(9090));
    refusals.take(&[failure(Class::Invalid)], &Facts::default(), &declared, &lb, false);
    assert_eq!(refusals.facts(false).refused_rebuilds.len(), 1);
    assert!(!refusals.forgive(), "no instance to try");
    assert!(refusals.rebuilds().is_empty());
    refusals.take(&[failure(Class::Throttled)], &Facts::default(), &declared, &lb, false);
    assert!(refusals.rebuilds().is_empty(), "what passes is simply tried again");
    refusals.take(&[failure(Class::Invalid)], &Facts::default(), &declared, &lb, false);
    lb.listeners.insert(80, listener(8080));
    refusals.take(&[], &Facts::default(), &declared, &lb, false);
    assert!(refusals.rebuilds().is_empty(), "it is as declared");
}
