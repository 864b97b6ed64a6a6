use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use proptest::prelude::*;

use super::*;
use crate::api::condition::{READY, RECONCILING, STALLED, TARGETS_HEALTHY};
use crate::elb::{Identity, Scheme};
use crate::plan::Problem;
use crate::plan::targets::Member;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn balancer(instances: &[&str]) -> LoadBalancer {
    LoadBalancer {
        identity: Identity {
            dns_name: Some("web-1.elb".into()),
            ..Identity::default()
        },
        scheme: Scheme::InternetFacing,
        instances: instances.iter().map(|id| (*id).to_owned()).collect(),
        ..LoadBalancer::bare("web")
    }
}

fn health(id: &str, state: &str, description: &str) -> InstanceHealth {
    InstanceHealth {
        id: id.into(),
        state: InstanceHealth::word(state),
        reason: None,
        description: Some(InstanceHealth::word(description)),
    }
}

fn members(ids: &[&str]) -> Members {
    ids.iter().map(|id| ((*id).to_owned(), Member::default())).collect()
}

fn condition<'a>(status: &'a ClassicLoadBalancerStatus, type_: &str) -> Option<&'a Condition> {
    status.conditions.iter().find(|condition| condition.type_ == type_)
}

#[test]
fn what_observe_said_does_not_stand_when_the_object_is_suspended() {
    let observing = Verdict::Observed {
        message: message::observing("a call"),
        differs: Some(message::differs("a call")),
        inner: Box::new(Verdict::Programmed),
    };
    let programmed_after = |verdict, plan| {
        let mut first = Report::new(1, verdict);
        first.plan = plan;
        let before = derive(&ClassicLoadBalancerStatus::default(), &first, at(1));
        let suspended = Verdict::Suspended(message::suspended());
        let after = derive(&before, &Report::new(2, suspended), at(2));
        condition(&after, "Programmed").map(|condition| (condition.status.clone(), condition.reason.clone()))
    };
    let pair = |status: &str, reason: &str| Some((status.to_owned(), reason.to_owned()));
    assert_eq!(
        programmed_after(observing, vec!["a call".to_owned()]),
        pair("Unknown", "Pending")
    );
    assert_eq!(
        programmed_after(Verdict::Programmed, Vec::new()),
        pair("True", "Programmed")
    );
}

#[test]
fn draining_instances_are_no_capacity() {
    let lb = balancer(&["i-1"]);
    let wanted = members(&["i-1"]);
    let health = [
        health("i-1", "InService", "N/A"),
        health("i-2", "InService", "Instance deregistration currently in progress."),
    ];
    let mut report =
        Report::new(1, Verdict::Programmed).with_targets(&wanted, true, Some((&health, &lb.instances)), Vec::new());
    report.load_balancer = Some(&lb);
    let status = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
    let instances = status.instances.expect("instances");
    assert_eq!(
        (instances.summary.as_str(), instances.in_service, instances.draining),
        ("1/1", 1, 1)
    );
}

/// What `TargetsHealthy` says of instances that all want different things done.
#[test]
fn each_cause_has_its_own_advice() {
    let lb = balancer(&["i-1", "i-2"]);
    let mut wanted = members(&["i-1", "i-2", "i-3", "i-4"]);
    if let Some(member) = wanted.get_mut("i-4") {
        member.zone = Some("eu-west-1a".to_owned());
    }
    let health = [
        health("i-1", "OutOfService", "Instance has failed the health check."),
        health("i-2", "OutOfService", "Instance is in stopped state."),
    ];
    let told = |refused: &[&str], wanted: &Members| {
        let mut report =
            Report::new(1, Verdict::Programmed).with_targets(wanted, true, Some((&health, &lb.instances)), Vec::new());
        report.load_balancer = Some(&lb);
        report.region = Some("us-east-1");
        if let Some(targets) = &mut report.targets {
            targets.refused = refused.iter().map(|id| (*id).to_owned()).collect();
        }
        let status = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
        condition(&status, TARGETS_HEALTHY).expect("it").message.clone()
    };
    let text = told(&["i-3", "i-4"], &wanted);
    assert_eq!(
        text,
        "4 of 4 wanted instances are not in service: i-1 (Instance has failed the health check), i-2 (Instance is in stopped \
         state), i-3 (AWS does not register it, since it does not exist, does not run or is of another VPC), i-4 (in eu-west-1a, \
         and the load balancer in us-east-1); i-3, i-4: take their Nodes, tags or ids out of the targets, or start them; i-2: \
         start them, or take them out of the targets. Once they run they must answer on port 80; i-1: they must answer the \
         health check and let in port 80"
    );
    wanted.retain(|id, _| id == "i-3");
    let text = told(&["i-3"], &wanted);
    assert!(
        text.ends_with("; take their Nodes, tags or ids out of the targets, or start them"),
        "{text}"
    );
}

/// A status lists a part of very many instances: some of each source are among them, or a source that finds nothing any more
/// would be taken for one that never did.
#[test]
fn a_list_that_is_cut_shows_every_source() {
    let ids: Vec<String> = (0..400).map(|number| format!("i-{number:04}")).collect();
    let mut wanted: Members = ids.iter().map(|id| (id.clone(), Member::default())).collect();
    for (number, member) in wanted.values_mut().enumerate() {
        let source = if number == 399 { "instanceTags" } else { "nodeSelector" };
        member.sources = [source.to_owned()].into();
    }
    let lb = balancer(&ids.iter().map(String::as_str).collect::<Vec<_>>());
    let mut report = Report::new(1, Verdict::Programmed).with_targets(&wanted, true, None, Vec::new());
    report.load_balancer = Some(&lb);
    let status = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
    let items = status.instances.expect("instances").items;
    assert_eq!(items.len(), 250);
    assert!(items.iter().any(|item| item.sources == ["instanceTags"]));
    assert!(items.is_sorted_by_key(|item| item.id.clone()));
}

#[test]
fn only_those_that_ec2_says_are_terminated_are_stale() {
    let lb = balancer(&["i-1", "i-2", "i-3"]);
    let wanted = members(&["i-1"]);
    let health = [health(
        "i-1",
        "OutOfService",
        "Instance has failed at least the UnhealthyThreshold number of health checks consecutively.",
    )];
    let mut report = Report::new(1, Verdict::Programmed).with_targets(
        &wanted,
        true,
        Some((&health, &lb.instances)),
        vec!["i-2".to_owned()],
    );
    report.load_balancer = Some(&lb);
    let status = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
    let healthy = condition(&status, TARGETS_HEALTHY).expect("condition");
    assert_eq!(
        (healthy.status.as_str(), healthy.reason.as_str()),
        ("False", "Unhealthy")
    );
    assert!(healthy.message.contains("i-1"), "{}", healthy.message);
    assert_eq!(
        status.instances.expect("instances").stale,
        ["i-2"],
        "i-3 is merely left out"
    );
}

#[test]
fn what_was_not_read_stays() {
    let lb = balancer(&[]);
    let mut report = Report::new(1, Verdict::Programmed);
    report.load_balancer = Some(&lb);
    let first = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
    let problem = Verdict::NotProgrammed(Problem::waiting(message::said(
        "Timeout",
        "AddTags",
        "Timeout",
        "no answer",
    )));
    let second = derive(&first, &Report::new(2, problem), at(2));
    assert_eq!(second.dns_name.as_deref(), Some("web-1.elb"));
    assert_eq!(second.observed_generation, Some(2));
}

#[test]
fn the_same_report_makes_the_same_status() {
    let lb = balancer(&["i-1"]);
    let mut report = Report::new(1, Verdict::Programmed);
    report.load_balancer = Some(&lb);
    let first = derive(&ClassicLoadBalancerStatus::default(), &report, at(1));
    assert_eq!(derive(&first, &report, at(1000)), first);
}

fn verdicts() -> impl Strategy<Value = Verdict> {
    let problem = ("[A-Z][a-z]{1,8}", ".{0,20}", any::<bool>()).prop_map(|(reason, text, stalled)| {
        let message = message::deletion_waits(reason, text);
        if stalled {
            Problem::blocked(message)
        } else {
            Problem::waiting(message)
        }
    });
    prop_oneof![
        Just(Verdict::Programmed),
        problem.clone().prop_map(Verdict::NotProgrammed),
        problem.clone().prop_map(Verdict::Unread),
        problem.prop_map(Verdict::NotAccepted),
        Just(Verdict::Suspended(message::suspended())),
        Just(Verdict::Deleting(message::deleting("web"))),
    ]
}

proptest! {
    /// The laws that tools which judge by conditions rely on, over any history.
    #[test]
    fn conditions_obey_their_laws(history in proptest::collection::vec(verdicts(), 1..8)) {
        let mut status = ClassicLoadBalancerStatus::default();
        for (generation, verdict) in (1..).zip(history) {
            status = derive(&status, &Report::new(generation, verdict), at(generation));
            let get = |type_: &str| condition(&status, type_);
            let ready = get(READY).expect("Ready is always there");
            prop_assert_eq!(status.conditions[0].type_.as_str(), READY);
            prop_assert!(get(RECONCILING).is_none() || get(STALLED).is_none());
            for negative in [RECONCILING, STALLED].into_iter().filter_map(get) {
                prop_assert_eq!(negative.status.as_str(), "True", "removed rather than false");
                prop_assert_eq!(ready.status.as_str(), "False");
                prop_assert_eq!(&ready.reason, &negative.reason);
                prop_assert_eq!(&ready.message, &negative.message);
            }
            prop_assert_eq!(ready.observed_generation, Some(generation));
            if ready.status == "True" && ready.reason == "Ready" {
                prop_assert!(status.conditions.iter().all(|c| c.type_ == TARGETS_HEALTHY || c.status == "True"));
            }
            for condition in &status.conditions {
                prop_assert!(condition.observed_generation <= Some(generation), "never ahead of the spec");
                prop_assert!(!condition.reason.is_empty());
            }
        }
    }
}

/// After a start it takes a while until all were asked, and a status that flaps meanwhile is an alarm for nothing.
#[test]
fn health_that_was_told_stands_until_it_is_read() {
    let told = |previous: &ClassicLoadBalancerStatus, ids: &[&str], read: Option<&[InstanceHealth]>| {
        let (lb, members) = (balancer(ids), members(ids));
        let registered: BTreeSet<InstanceId> = lb.instances.clone();
        let health = read.map(|read| (read, &registered));
        let mut report = Report::new(1, Verdict::Programmed).with_targets(&members, true, health, Vec::new());
        report.load_balancer = Some(&lb);
        derive(previous, &report, at(9))
    };
    let read = ["i-1", "i-2"].map(|id| health(id, "InService", "N/A"));
    let before = told(&ClassicLoadBalancerStatus::default(), &["i-1", "i-2"], Some(&read));
    let judged = |status: &ClassicLoadBalancerStatus| {
        let instances = status.instances.clone().unwrap_or_default();
        let healthy = condition(status, TARGETS_HEALTHY).map(|condition| condition.status.clone());
        (instances.summary, healthy.unwrap_or_default())
    };
    assert_eq!(judged(&before), ("2/2".into(), "True".into()));
    assert_eq!(told(&before, &["i-1", "i-2"], None), before);
    // What else is told of them is what guards go by, so it is never of another spec.
    let mut elsewhere = before.clone();
    let instances = elsewhere.instances.as_mut().expect("instances");
    for item in Arc::make_mut(&mut instances.items) {
        item.sources = vec!["instanceIds".into()];
    }
    let anew = told(&elsewhere, &["i-1", "i-2"], None);
    assert_eq!(
        anew.instances.map(|instances| instances.items),
        told(&ClassicLoadBalancerStatus::default(), &["i-1", "i-2"], None)
            .instances
            .map(|instances| instances.items)
    );
    for others in [&["i-1", "i-3"][..], &["i-1"], &["i-1", "i-2", "i-3"]] {
        assert_eq!(judged(&told(&before, others, None)).1, "Unknown", "{others:?}");
    }
}
