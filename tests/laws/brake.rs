//! Laws of the brake, and of the search for an instance that AWS does not know.

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::elb::{Declared, InstanceId, LoadBalancer, Registration};
use classic_lb_operator::plan::{Brake, Facts, Plan, Rounds, Run, Step, Why};
use proptest::prelude::*;

use crate::aws::No;
use crate::strategies::sample;

fn ids(numbers: impl IntoIterator<Item = usize>) -> BTreeSet<InstanceId> {
    numbers.into_iter().map(|number| format!("i-{number:08x}")).collect()
}

/// A balancer as it is that has these instances and wants those.
fn balancer(has: BTreeSet<InstanceId>, registration: Registration) -> (Declared, LoadBalancer) {
    let mut declared = sample();
    declared.registration = Some(registration);
    let observed = LoadBalancer {
        instances: has,
        ..declared.at_creation()
    };
    (declared, observed)
}

fn leaves(plan: &Plan) -> BTreeSet<InstanceId> {
    let of = |step: &Step| match step {
        Step::DeregisterInstances(ids) => ids.clone(),
        _ => BTreeSet::new(),
    };
    plan.steps().flat_map(of).collect()
}

proptest! {
    #[test]
    fn inferred_removals_go_in_steps_and_converge(
        count in 0..60_usize, wanted in proptest::collection::btree_set(0..80_usize, 0..40),
        departing in proptest::collection::btree_set(0..60_usize, 0..20),
        named in proptest::collection::btree_set(0..60_usize, 0..10),
        idle in proptest::collection::btree_set(0..80_usize, 0..30),
        percent in 1..=100_u8, minimum in 0..5_usize,
    ) {
        let wanted = ids(wanted);
        let registration = Registration {
            wanted: wanted.clone(), max_deregister_percent: percent, min_in_service: minimum, ..Registration::default()
        };
        let (declared, mut aws) = balancer(ids(0..count), registration);
        let (idle, named, departing) = (ids(idle), ids(named), ids(departing));
        let serving = |lb: &LoadBalancer| lb.instances.difference(&idle).cloned().collect::<BTreeSet<_>>();
        for step in 0..200 {
            let inferred: BTreeSet<_> = aws.instances.difference(&wanted).filter(|id| !named.contains(*id)).cloned().collect();
            let facts = Facts {
                brake: Brake {
                    departing: inferred.intersection(&departing).cloned().collect(),
                    inferred,
                    in_service: Some(serving(&aws)),
                    draining: BTreeSet::new(),
                    ..Brake::default()
                },
                ..Facts::default()
            };
            let plan = Plan::update(&declared, &aws, &facts);
            let (gone, before) = (leaves(&plan), serving(&aws));
            let asked: BTreeSet<_> = aws.instances.difference(&wanted).filter(|id| named.contains(*id)).cloned().collect();
            prop_assert!(asked.is_subset(&gone), "ids taken out by name are never held back");
            let inferred: BTreeSet<_> = gone.difference(&asked).cloned().collect();
            let most = (aws.instances.len() * usize::from(percent) / 100).max(1);
            let shared = inferred.difference(&departing).count();
            prop_assert!(shared <= most, "{} of {} at once", shared, aws.instances.len());
            let taken = inferred.intersection(&before).count();
            let remain = before.difference(&gone).count();
            prop_assert!(taken == 0 || remain >= minimum, "{} remain in service", remain);
            let rounds = Rounds::new(facts);
            if plan.is_empty() {
                let left: BTreeSet<_> = aws.instances.difference(&wanted).cloned().collect();
                prop_assert_eq!(rounds.held(&declared, &aws).is_some(), !left.is_empty());
                prop_assert!(left.is_empty() || before.len() <= minimum, "it converges, or the minimum is in the way");
                return Ok(());
            }
            prop_assert!(step < 199, "it ends");
            for step in plan.steps() {
                step.apply_to(&mut aws);
            }
        }
    }

    #[test]
    fn nothing_inferred_leaves_while_others_drain_or_nothing_is_known(count in 1..20_usize, known in any::<bool>()) {
        let (declared, aws) = balancer(ids(0..count), Registration { min_in_service: 0, ..Registration::default() });
        let in_service = known.then(|| aws.instances.clone());
        let draining = if known { ids([100]) } else { BTreeSet::new() };
        let facts = Facts { brake: Brake { inferred: aws.instances.clone(), in_service, draining, ..Brake::default() }, ..Facts::default() };
        prop_assert!(leaves(&Plan::update(&declared, &aws, &facts)).is_empty());
        prop_assert!(Rounds::new(facts).held(&declared, &aws).is_some());
    }

    /// Their Nodes go, whoever drains: only the number in service counts, and that must be known.
    #[test]
    fn those_whose_nodes_go_wait_for_the_last_in_service_alone(
        count in 1..20_usize, going in proptest::collection::btree_set(0..20_usize, 0..20),
        idle in proptest::collection::btree_set(0..20_usize, 0..8), minimum in 0..4_usize, known in any::<bool>(),
    ) {
        let (declared, mut aws) = balancer(ids(0..count), Registration { min_in_service: minimum, ..Registration::default() });
        let departing: BTreeSet<_> = aws.instances.intersection(&ids(going)).cloned().collect();
        let serving: BTreeSet<_> = aws.instances.difference(&ids(idle)).cloned().collect();
        let brake = Brake {
            inferred: aws.instances.clone(), departing: departing.clone(), draining: ids([100]),
            in_service: known.then(|| serving.clone()), ..Brake::default()
        };
        let facts = Facts { brake, ..Facts::default() };
        let plan = Plan::update(&declared, &aws, &facts);
        let gone = leaves(&plan);
        prop_assert!(gone.is_subset(&departing), "the others wait for what drains");
        let expected = departing.difference(&serving).count()
            + departing.intersection(&serving).count().min(serving.len().saturating_sub(minimum));
        prop_assert_eq!(gone.len(), if known { expected } else { 0 });
        for step in plan.steps() {
            step.apply_to(&mut aws);
        }
        let rounds = Rounds::new(facts);
        prop_assert_eq!(rounds.held(&declared, &aws).is_some(), gone.len() < count, "what waits is told");
    }

    /// To detach a group takes all its members out at once, also while the description still lists them.
    #[test]
    fn groups_are_detached_only_while_enough_others_serve(
        count in 1..12_usize, groups in proptest::collection::btree_map("[abc]", proptest::collection::btree_set(0..12_usize, 0..8), 0..4),
        idle in proptest::collection::btree_set(0..12_usize, 0..8), wanted in proptest::collection::btree_set(0..12_usize, 0..6),
        minimum in 0..4_usize, known in any::<bool>(), drains in any::<bool>(), infers in any::<bool>(),
    ) {
        let registration = Registration { wanted: ids(wanted), min_in_service: minimum, ..Registration::default() };
        let (mut declared, mut aws) = balancer(ids(0..count), registration.clone());
        declared.auto_scaling_groups = Some(BTreeSet::new());
        aws.auto_scaling_groups = groups.keys().cloned().collect();
        let groups: BTreeMap<String, BTreeSet<InstanceId>> = groups.into_iter().map(|(name, of)| (name, ids(of))).collect();
        let mut kept = registration.clone();
        kept.kept = groups.values().flatten().cloned().collect();
        let surplus = aws.instances.iter().filter(|id| infers && !kept.kept.contains(*id) && !kept.wanted.contains(*id));
        let inferred: BTreeSet<InstanceId> = surplus.cloned().collect();
        declared.registration = Some(kept);
        let serving: BTreeSet<InstanceId> = aws.instances.difference(&ids(idle)).cloned().collect();
        let facts = Facts {
            brake: Brake {
                inferred: inferred.clone(),
                groups: groups.clone(),
                in_service: known.then(|| serving.clone()),
                draining: if drains { ids([100]) } else { BTreeSet::new() },
                departing: BTreeSet::new(),
            },
            ..Facts::default()
        };
        let before = aws.clone();
        let mut rounds = Rounds::new(facts);
        let (mut detached, mut gone) = (BTreeSet::new(), BTreeSet::new());
        while let Some(plan) = rounds.next(&declared, &aws) {
            gone.extend(leaves(&plan));
            let mut run = Run::<No>::new(plan);
            while let Some(step) = run.next().cloned() {
                if let Step::DetachAutoScalingGroup(name) = &step {
                    detached.insert(name.clone());
                }
                step.apply_to(&mut aws);
                run.accepted();
            }
            rounds.take(&run.finish());
        }
        let needed = |name: &String| groups[name].iter().any(|id| before.instances.contains(id) && !registration.wanted.contains(id));
        let taken: BTreeSet<InstanceId> = detached.iter().filter(|name| needed(name)).flat_map(|name| groups[name].clone()).collect();
        // Those that are about to leave replace nobody.
        let remain = serving.difference(&taken).filter(|id| !gone.contains(*id) && !inferred.contains(*id)).count();
        prop_assert!(taken.is_empty() || (known && !drains && remain >= minimum), "{} remain", remain);
        let held = before.auto_scaling_groups.iter().any(|name| !detached.contains(name));
        prop_assert!(!held || rounds.held(&declared, &aws).is_some(), "what is held back is told");
        let missed = before.auto_scaling_groups.iter().find(|name| !detached.contains(*name) && !needed(name));
        prop_assert_eq!(missed, None, "one whose members stay anyway is held back for nothing");
    }

    #[test]
    fn what_others_registered_stays(count in 1..20_usize, ours in proptest::collection::btree_set(0..20_usize, 0..20)) {
        let only = Some(ids(ours.clone()));
        let (declared, aws) = balancer(ids(0..count), Registration { only, ..Registration::default() });
        let gone = leaves(&Plan::update(&declared, &aws, &Facts::default()));
        prop_assert_eq!(gone, ids(ours.into_iter().filter(|id| *id < count)));
    }
}

/// A group was detached, and AWS still shows its member in service: nobody else leaves on the strength of that.
#[test]
fn a_member_that_aws_is_taking_out_serves_in_nobodys_place() {
    let registration = Registration {
        kept: ids([0]),
        ..Registration::default()
    };
    let (declared, aws) = balancer(ids(0..2), registration);
    let mut facts = Facts {
        brake: Brake {
            inferred: ids([1]),
            in_service: Some(ids(0..2)),
            ..Brake::default()
        },
        ..Facts::default()
    };
    assert_eq!(
        leaves(&Plan::update(&declared, &aws, &facts)),
        ids([1]),
        "another serves"
    );
    facts.brake.leave(&ids([0]));
    assert_eq!(leaves(&Plan::update(&declared, &aws, &facts)), ids([]));
    let held = Rounds::new(facts.clone()).held(&declared, &aws).map(|held| held.why);
    assert_eq!(held, Some(Why::Draining(1)));
    // Neither do those whose Nodes are about to go.
    facts.brake.departing = ids([1]);
    assert_eq!(leaves(&Plan::update(&declared, &aws, &facts)), ids([]));
}

/// What is told of a group that waits are those who would serve without it, and not its own members.
#[test]
fn a_group_that_waits_counts_the_others() {
    let (declared, mut aws) = balancer(ids(0..3), Registration::default());
    aws.auto_scaling_groups = ["asg".to_owned()].into();
    let declared = Declared {
        auto_scaling_groups: Some(BTreeSet::new()),
        ..declared
    };
    let facts = Facts {
        brake: Brake {
            in_service: Some(ids(0..3)),
            groups: [("asg".to_owned(), ids(0..3))].into(),
            ..Brake::default()
        },
        ..Facts::default()
    };
    let held = Rounds::new(facts)
        .held(&declared, &aws)
        .map(|held| (held.waiting, held.why));
    assert_eq!(held, Some((3, Why::Group { others: 0, minimum: 1 })));
}

/// Two groups share the service: the second waits until others serve in place of the first.
#[test]
fn a_second_group_is_not_detached_in_the_same_reconcile() {
    let (mut declared, mut aws) = balancer(ids(0..4), Registration::default());
    declared.auto_scaling_groups = Some(BTreeSet::new());
    let groups: BTreeMap<String, BTreeSet<InstanceId>> = [("a".into(), ids(0..2)), ("b".into(), ids(2..4))].into();
    aws.auto_scaling_groups = groups.keys().cloned().collect();
    if let Some(registration) = &mut declared.registration {
        registration.kept = aws.instances.clone();
    }
    let facts = Facts {
        brake: Brake {
            groups,
            in_service: Some(aws.instances.clone()),
            ..Brake::default()
        },
        ..Facts::default()
    };
    let mut rounds = Rounds::new(facts);
    while let Some(plan) = rounds.next(&declared, &aws) {
        let mut run = Run::<No>::new(plan);
        while let Some(step) = run.next().cloned() {
            step.apply_to(&mut aws);
            run.accepted();
        }
        rounds.take(&run.finish());
    }
    assert_eq!(aws.auto_scaling_groups, ["b".to_owned()].into());
    let held = rounds.held(&declared, &aws).map(|held| held.why);
    assert_eq!(held, Some(Why::Draining(2)), "the members of the first one leave");
}

/// Runs rounds against an AWS that does not know some instances, and counts the calls that register.
fn calls_to_register(count: usize, unknown: &BTreeSet<InstanceId>, names: bool) -> (usize, BTreeSet<InstanceId>) {
    let registration = Registration {
        wanted: ids(0..count),
        ..Registration::default()
    };
    let (declared, mut aws) = balancer(BTreeSet::new(), registration);
    let mut rounds = Rounds::new(Facts::default());
    let mut calls = 0;
    while let Some(plan) = rounds.next(&declared, &aws) {
        let mut run = Run::new(plan);
        while let Some(step) = run.next().cloned() {
            let named = match &step {
                Step::RegisterInstances(ids) => {
                    calls += 1;
                    ids.intersection(unknown).next()
                }
                _ => None,
            };
            if let Some(id) = named {
                let message = format!("Could not find EC2 instance {id}.");
                run.refused(No::unknown_instance(if names { message } else { "no".to_owned() }));
            } else {
                step.apply_to(&mut aws);
                run.accepted();
            }
        }
        rounds.take(&run.finish());
    }
    (calls, aws.instances)
}

#[test]
fn an_unknown_instance_is_isolated_in_two_calls_when_aws_names_it() {
    let unknown = ids([617]);
    let (calls, registered) = calls_to_register(1000, &unknown, true);
    assert_eq!(calls, 2);
    assert_eq!(registered, ids((0..1000).filter(|id| *id != 617)));
}

#[test]
fn an_unknown_instance_is_isolated_in_21_calls_when_aws_does_not_name_it() {
    for bad in [0, 1, 499, 500, 617, 999] {
        let (calls, registered) = calls_to_register(1000, &ids([bad]), false);
        assert!(calls <= 21, "{bad}: {calls}");
        assert_eq!(registered, ids((0..1000).filter(|id| *id != bad)));
    }
    let (_, registered) = calls_to_register(1000, &ids([3, 500, 501, 777, 998]), false);
    assert_eq!(registered.len(), 995, "several, too, in one pass");
}
