//! Laws of planning near the limits of AWS: what makes room goes before what takes it.

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::elb::{
    Backend, Declared, INSTANCES, InstanceId, LISTENERS, Listener, ListenerPolicies, LoadBalancer, POLICIES, Policy,
    Protocol, Registration, Stickiness, TAGS,
};
use classic_lb_operator::plan::{Brake, Facts, Plan, Rounds, Step};
use proptest::prelude::*;

use crate::aws::{Aws, crowds, needs_a_temporary_subnet, realise, realise_knowing};
use crate::strategies::{declared, observed, sample};

fn ids(numbers: std::ops::Range<usize>) -> BTreeSet<InstanceId> {
    numbers.map(|number| format!("i-{number:08x}")).collect()
}

fn plain(port: u16) -> Listener {
    Listener {
        port,
        protocol: Protocol::Http,
        instance_port: 8081,
        instance_protocol: Protocol::Http,
        certificate: None,
        policies: BTreeSet::new(),
    }
}

/// Fills a load balancer with what is not to be touched, until there is room for so many more of each kind.
fn fill(declared: &mut Declared, observed: &mut LoadBalancer, room: [usize; 4]) {
    let [tags, policies, listeners, instances] = room;
    for number in observed.tags.len()..TAGS - tags {
        observed.tags.insert(format!("other-{number}"), "x".into());
    }
    for number in observed.policies.len()..POLICIES - policies {
        let cookie = Policy::Stickiness(Stickiness::ApplicationCookie(format!("cookie-{number}")));
        observed.policies.insert(format!("other-{number}"), cookie);
    }
    for port in (1000..).take((LISTENERS - listeners).saturating_sub(observed.listeners.len())) {
        observed.listeners.insert(port, plain(port));
        declared.listeners.insert(port, plain(port));
    }
    let others = ids(0..(INSTANCES - instances).saturating_sub(observed.instances.len()));
    if let Some(registration) = &mut declared.registration {
        registration.wanted.extend(others.iter().cloned());
    }
    observed.instances.extend(others);
}

fn fits(lb: &LoadBalancer) -> bool {
    crowds(lb).iter().all(|(count, most)| count <= most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn near_the_limits_a_plan_makes_what_was_declared(
        mut declared in declared(), mut observed in observed(),
        room in (0..6_usize, 2..8_usize, 0..5_usize, 0..5_usize),
    ) {
        prop_assume!(!needs_a_temporary_subnet(&declared, &observed));
        fill(&mut declared, &mut observed, room.into());
        let wanted = declared.over(&observed);
        prop_assume!(fits(&observed) && fits(&wanted));
        let mut aws = Aws::new(observed);
        realise(&declared, &mut aws, usize::MAX);
        prop_assert_eq!(aws.has, wanted);
    }
}

/// A load balancer with these instances, and others wanted instead.
fn exchange(has: std::ops::Range<usize>, wants: std::ops::Range<usize>) -> (Declared, Aws) {
    let mut lb = sample().at_creation();
    lb.subnets = ["a1".to_owned()].into();
    lb.instances = ids(has);
    let registration = Registration {
        wanted: ids(wants),
        ..Registration::default()
    };
    (Declared::of_instances("lb", Some(registration), None), Aws::new(lb))
}

#[test]
fn an_instance_is_exchanged_where_no_more_can_be_registered() {
    let (declared, mut aws) = exchange(0..INSTANCES, 1..INSTANCES + 1);
    realise(&declared, &mut aws, usize::MAX);
    assert_eq!(aws.has.instances, ids(1..INSTANCES + 1));
    // Where there is room, those that come are there before others leave.
    let (declared, aws) = exchange(0..INSTANCES - 1, 1..INSTANCES);
    let plan = Plan::update(&declared, &aws.has, &Facts::default());
    let operations: Vec<_> = plan.steps().map(Step::operation).collect();
    assert_eq!(
        operations,
        [
            "RegisterInstancesWithLoadBalancer",
            "DeregisterInstancesFromLoadBalancer"
        ]
    );
}

/// The brake lets a part go, and as many come as it makes room for.
#[test]
fn all_instances_are_exchanged_step_by_step_where_no_more_can_be_registered() {
    let (declared, mut aws) = exchange(0..INSTANCES, INSTANCES..2 * INSTANCES);
    let wanted = ids(INSTANCES..2 * INSTANCES);
    for look in 0.. {
        assert!(look < 20, "it ends");
        if aws.has.instances == wanted {
            return;
        }
        let facts = Facts {
            brake: Brake {
                inferred: aws.has.instances.difference(&wanted).cloned().collect(),
                in_service: Some(aws.has.instances.clone()),
                ..Brake::default()
            },
            ..Facts::default()
        };
        let before = aws.has.instances.len();
        realise_knowing(&declared, &mut aws, usize::MAX, facts);
        let registered = aws.has.instances.len();
        assert!(
            registered * 100 >= before * (100 - usize::from(Registration::MAX_DEREGISTER_PERCENT)),
            "{registered} of {before}"
        );
    }
}

/// More than AWS has room for is asked for all the same: the limit may have been raised, and otherwise AWS says so.
#[test]
fn more_than_the_limit_is_left_to_aws() {
    let (declared, aws) = exchange(0..INSTANCES - 10, 0..INSTANCES + 10);
    let plan = Plan::update(&declared, &aws.has, &Facts::default());
    assert_eq!(
        plan.steps().cloned().collect::<Vec<_>>(),
        [Step::RegisterInstances(ids(INSTANCES - 10..INSTANCES + 10))]
    );
    let (declared, aws) = exchange(0..INSTANCES + 500, 0..INSTANCES + 501);
    assert_eq!(Plan::update(&declared, &aws.has, &Facts::default()).steps().count(), 1);
    // Those that are held back make no room.
    let (mut declared, aws) = exchange(0..INSTANCES, 1..INSTANCES + 1);
    if let Some(registration) = &mut declared.registration {
        registration.hold = true;
    }
    assert_eq!(
        Plan::update(&declared, &aws.has, &Facts::default()).to_string(),
        format!("RegisterInstancesWithLoadBalancer i-{INSTANCES:08x}")
    );
}

/// Listeners that are as they are, with a cookie each.
fn sticky(ports: std::ops::Range<u16>, seconds: i64) -> Declared {
    let mut declared = sample();
    for port in ports {
        declared.listeners.insert(port, plain(port));
        let stickiness = Some(Some(Stickiness::LoadBalancerCookie(Some(seconds + i64::from(port)))));
        let policies = ListenerPolicies { tls: None, stickiness };
        declared.listener_policies.insert(port, policies);
    }
    declared
}

/// What one reconcile makes of it.
fn one_reconcile(declared: &Declared, aws: &mut Aws) {
    let mut rounds = Rounds::new(Facts::default());
    let mut left = usize::MAX;
    while let Some(plan) = rounds.next(declared, &aws.has) {
        aws.run_plan(plan, &mut rounds, &mut left);
    }
}

#[test]
fn policies_are_exchanged_one_after_the_other_where_no_more_can_be_had() {
    for room in [1, 2, 5] {
        let before = sticky(1..10, 100);
        let mut lb = before.at_creation();
        lb.subnets = ["a1".to_owned()].into();
        let mut lb = before.over(&lb);
        fill(&mut sample(), &mut lb, [1, room, LISTENERS, INSTANCES]);
        assert_eq!(lb.policies.len(), POLICIES - room);
        let after = sticky(1..10, 200);
        let wanted = after.over(&lb);
        let mut aws = Aws::new(lb);
        one_reconcile(&after, &mut aws);
        assert_eq!(aws.has, wanted, "room for {room}");
    }
}

/// A listener that comes with a policy waits until there is room for it, and the one in whose place it comes serves on.
#[test]
fn a_listener_that_moves_waits_for_its_policy() {
    let before = sticky(1..4, 100);
    let mut lb = before.at_creation();
    lb.subnets = ["a1".to_owned()].into();
    let mut lb = before.over(&lb);
    fill(&mut sample(), &mut lb, [1, 1, LISTENERS, INSTANCES]);
    let after = sticky(2..5, 200);
    let wanted = after.over(&lb);
    let mut aws = Aws::new(lb);
    let mut rounds = Rounds::new(Facts::default());
    let mut left = usize::MAX;
    while let Some(plan) = rounds.next(&after, &aws.has) {
        aws.run_plan(plan, &mut rounds, &mut left);
        assert!(
            aws.has.listeners.contains_key(&1) || aws.has.listeners.contains_key(&4),
            "neither the old nor the new one serves"
        );
    }
    assert_eq!(aws.has, wanted);
}

/// Two policies belong together, and there is room for one: AWS says so, and nothing else waits.
#[test]
fn what_can_never_have_room_is_left_to_aws() {
    let mut declared = sample();
    let secure = Listener {
        instance_protocol: Protocol::Https,
        protocol: Protocol::Https,
        instance_port: 8444,
        certificate: Some("A".into()),
        ..plain(443)
    };
    declared.listeners.insert(443, secure);
    let backend = |key: &str| Backend {
        proxy_protocol: None,
        public_keys: Some([key.to_owned()].into()),
    };
    declared.backends = BTreeMap::from([(8444, backend("KEY1"))]);
    let mut lb = declared.at_creation();
    lb.subnets = ["a1".to_owned()].into();
    let mut lb = declared.over(&lb);
    fill(&mut sample(), &mut lb, [1, 1, LISTENERS, INSTANCES]);
    declared.backends = BTreeMap::from([(8444, backend("KEY2"))]);
    declared.tags = BTreeMap::from([("team".to_owned(), "web".to_owned())]);
    let mut aws = Aws::new(lb.clone());
    realise(&declared, &mut aws, usize::MAX);
    assert_eq!(aws.has.backends, lb.backends, "the old key serves");
    assert_eq!(aws.has.tags["team"], "web");
    let plan = Plan::update(&declared, &aws.has, &Facts::default());
    assert!(plan.to_string().contains("CreateLoadBalancerPolicy"), "{plan}");
}
