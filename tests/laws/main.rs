//! Laws of planning, over random balancers.
//!
//! The steps run against [`aws::Aws`], which knows the rules that AWS enforces, so that a plan which passes through a state
//! that AWS refuses fails here.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // tests may

mod aws;
mod binding;
mod brake;
mod import;
mod limits;
mod real;
mod simulator;
mod strategies;

use std::collections::BTreeSet;

use classic_lb_operator::elb::{LoadBalancer, Part, Placement, Policy, Port};
use classic_lb_operator::plan::{Facts, Plan, Step};
use proptest::prelude::*;

use crate::aws::{Aws, finds_its_way_by_trying, needs_a_temporary_subnet, network, realise, realise_knowing};
use crate::strategies::{declared, observed, sample, subnets};

proptest! {
    #[test]
    fn what_is_as_declared_needs_no_step(declared in declared(), observed in observed()) {
        let wanted = declared.over(&observed);
        prop_assert_eq!(Plan::update(&declared, &wanted, &Facts::default()), Plan::default());
    }

    #[test]
    fn a_plan_makes_what_was_declared(declared in declared(), observed in observed()) {
        prop_assume!(!needs_a_temporary_subnet(&declared, &observed));
        let wanted = declared.over(&observed);
        let mut aws = Aws::new(observed);
        realise(&declared, &mut aws, usize::MAX);
        prop_assert_eq!(aws.has, wanted);
    }

    #[test]
    fn policies_in_force_have_the_declared_content(declared in declared(), observed in observed()) {
        prop_assume!(!needs_a_temporary_subnet(&declared, &observed));
        let mut aws = Aws::new(observed);
        realise(&declared, &mut aws, usize::MAX);
        for (port, policies) in &declared.listener_policies {
            let Some(listener) = aws.has.listeners.get(port) else { continue };
            if declared.ignored.contains(&Part::Policies) { continue }
            let contents: Vec<_> = listener.policies.iter().filter_map(|name| aws.has.policies.get(name)).collect();
            if let Some(tls) = policies.tls.as_ref().filter(|_| listener.protocol.is_secure()) {
                let wanted = Policy::Tls(tls.clone());
                prop_assert!(contents.contains(&&wanted), "port {}: {:?} and not {:?}", port, contents, wanted);
            }
            if let Some(Some(sticky)) = policies.stickiness.as_ref().filter(|_| listener.protocol.is_http()) {
                let wanted = Policy::Stickiness(sticky.clone());
                prop_assert!(contents.contains(&&wanted), "port {}: {:?} and not {:?}", port, contents, wanted);
            }
        }
    }

    #[test]
    fn a_plan_that_was_cut_short_converges_later(declared in declared(), observed in observed(), stop in 0..12_usize) {
        prop_assume!(!finds_its_way_by_trying(&declared, &observed));
        let mut aws = Aws::new(observed);
        realise(&declared, &mut aws, stop);
        let wanted = declared.over(&aws.has);
        realise(&declared, &mut aws, usize::MAX);
        prop_assert_eq!(aws.has, wanted);
    }

    /// `Aws` panics where a plan leaves a balancer without a subnet; where the zones are known, it also never has to refuse.
    #[test]
    fn subnets_of_known_zones_are_exchanged_at_the_first_try_also_when_cut_short(
        wanted in subnets(), observed in observed(), stop in 0..7_usize,
    ) {
        let mut declared = sample();
        declared.placement = Some(Placement::Subnets(wanted.clone()));
        let mut aws = Aws::new(observed);
        let facts = network(&declared, &aws);
        realise_knowing(&declared, &mut aws, stop, facts);
        let facts = network(&declared, &aws);
        let plan = Plan::update(&declared, &aws.has, &facts);
        for step in plan.steps().filter(|step| matches!(step, Step::AttachSubnets(_) | Step::DetachSubnets(_))) {
            prop_assert!(aws.run(step).is_ok(), "{} is refused", step);
        }
        prop_assert_eq!(&aws.has.subnets, &wanted, "and nothing that was lent stays");
        let moved = plan.steps().filter(|step| matches!(step, Step::AttachSubnets(_) | Step::DetachSubnets(_))).count();
        prop_assert!(moved <= 5, "{} calls", moved);
    }

    #[test]
    fn a_zone_that_is_served_before_and_after_lacks_a_subnet_for_one_call_at_most(wanted in subnets(), observed in observed()) {
        let zones = |subnets: &BTreeSet<String>| subnets.iter().map(|subnet| subnet[..1].to_owned()).collect::<BTreeSet<_>>();
        let mut declared = sample();
        declared.placement = Some(Placement::Subnets(wanted.clone()));
        let mut aws = Aws::new(observed.clone());
        let lasting: BTreeSet<_> = zones(&observed.subnets).intersection(&zones(&wanted)).cloned().collect();
        let mut lacking = BTreeSet::new();
        for step in Plan::update(&declared, &observed, &network(&declared, &aws)).steps() {
            prop_assert!(aws.run(step).is_ok(), "{} is refused", step);
            let lacks: BTreeSet<_> = lasting.difference(&zones(&aws.has.subnets)).cloned().collect();
            prop_assert!(lacks.is_disjoint(&lacking), "{:?} after {}", lacks, step);
            lacking = lacks;
        }
    }

    #[test]
    fn a_refusal_closes_no_port_and_takes_no_instance_out(
        declared in declared(), observed in observed(), learns in any::<bool>(),
        stubborn in proptest::collection::btree_set(1..6_u16, 0..4),
    ) {
        let served: BTreeSet<Port> = observed.listeners.keys().copied().collect();
        let checked = observed.health_check.port().filter(|port| observed.uses_instance_port(*port));
        let before = observed.clone();
        let mut aws = Aws::new(observed);
        // What AWS has it knows; the others it does not.
        let used: BTreeSet<String> = aws.has.listeners.values().filter_map(|listener| listener.certificate.clone()).collect();
        aws.unknown_certificates = ["A".to_owned(), "B".to_owned()].into_iter().filter(|name| !used.contains(name)).collect();
        aws.stubborn = stubborn;
        if learns {
            // Something else to learn in the same pass, so that it plans again.
            aws.has.subnets = ["a1".to_owned(), "b1".to_owned()].into();
        }
        realise(&declared, &mut aws, usize::MAX);
        for port in served.iter().filter(|port| declared.listeners.contains_key(port)) {
            prop_assert!(aws.has.listeners.contains_key(port), "port {} is closed", port);
        }
        for (port, old) in &before.listeners {
            let stayed = aws.has.listeners.get(port).is_some_and(|now| now.instance_port == old.instance_port);
            let refused = declared.listeners.get(port).is_some_and(|new| new.instance_port != old.instance_port);
            if stayed && refused && !declared.backends.contains_key(&old.instance_port) {
                let (now, then) = (aws.has.backends.get(&old.instance_port), before.backends.get(&old.instance_port));
                prop_assert_eq!(now, then, "listener {} was put back to a port without its policies", port);
            }
        }
        let check = aws.has.health_check.port();
        let brought = declared.listeners.values().any(|listener| Some(listener.instance_port) == check);
        if checked.is_some() && brought && check != checked {
            let served = check.is_some_and(|port| aws.has.uses_instance_port(port));
            prop_assert!(served, "the health check moved to a port that nobody serves");
        }
    }

    #[test]
    fn an_unchanged_listener_is_never_touched(declared in declared(), observed in observed()) {
        let untouched: Vec<Port> = observed.listeners.iter()
            .filter(|(port, old)| declared.listeners.get(port).is_some_and(|new| !old.needs_rebuild(new)))
            .map(|(port, _)| *port)
            .collect();
        for step in Plan::update(&declared, &observed, &Facts::default()).steps() {
            let ports: BTreeSet<Port> = match step {
                Step::DeleteListeners(ports) => ports.clone(),
                Step::CreateListeners { listeners, .. } => listeners.iter().map(|listener| listener.port).collect(),
                _ => BTreeSet::new(),
            };
            prop_assert!(untouched.iter().all(|port| !ports.contains(port)), "{} touches an unchanged listener", step);
        }
    }

    #[test]
    fn a_held_set_never_shrinks(mut declared in declared(), observed in observed()) {
        if let Some(registration) = &mut declared.registration {
            registration.hold = true;
        }
        let wanted = declared.over(&observed);
        prop_assert!(observed.instances.is_subset(&wanted.instances));
        let plan = Plan::update(&declared, &observed, &Facts::default());
        prop_assert!(!plan.steps().any(|step| matches!(step, Step::DeregisterInstances(_))));
    }

    #[test]
    fn instances_are_registered_before_others_leave(declared in declared(), observed in observed()) {
        let plan = Plan::update(&declared, &observed, &Facts::default());
        let at = |wanted: fn(&Step) -> bool| plan.steps().position(wanted);
        let register = at(|step| matches!(step, Step::RegisterInstances(_)));
        let deregister = at(|step| matches!(step, Step::DeregisterInstances(_)));
        if let (Some(register), Some(deregister)) = (register, deregister) {
            prop_assert!(register < deregister);
        }
    }

    /// No listener is without a TLS policy for an instant, and policies in force are never deleted: `Aws` refuses that.
    #[test]
    fn secure_listeners_end_their_track_with_the_declared_policies(declared in declared(), observed in observed()) {
        let wanted = declared.over(&observed);
        let mut aws = Aws::new(observed.clone());
        for track in Plan::update(&declared, &observed, &Facts::default()).tracks {
            let touched: BTreeSet<Port> = track.steps.iter().flat_map(|step| match step {
                Step::CreateListeners { listeners, .. } => listeners.iter().map(|listener| listener.port).collect(),
                Step::SetPolicies { port, .. } => vec![*port],
                _ => Vec::new(),
            }).collect();
            let mut refused = false;
            for step in &track.steps {
                refused = refused || aws.run(step).is_err();
            }
            for port in touched.iter().filter(|_| !refused) {
                prop_assert_eq!(&aws.has.listeners[port].policies, &wanted.listeners[port].policies, "port {}", port);
            }
        }
    }

    #[test]
    fn what_is_ignored_is_left_alone(mut declared in declared(), observed in observed()) {
        declared.ignored = [Part::Listeners, Part::Policies, Part::Certificates, Part::HealthCheck, Part::Attributes,
            Part::Tags, Part::SecurityGroups, Part::Placement, Part::Instances].into();
        let plan = Plan::update(&declared, &observed, &Facts::default());
        prop_assert!(plan.steps().all(|step| matches!(step, Step::AddTags(tags)
            if tags.keys().all(|key| key.starts_with("classiclb.dev/")))), "{}", plan);
    }

    #[test]
    fn a_plan_can_be_read(declared in declared(), observed in observed()) {
        let plan = Plan::update(&declared, &observed, &Facts::default());
        let text = plan.to_string();
        prop_assert_eq!(text.lines().count(), plan.steps().count());
        for (line, step) in text.lines().zip(plan.steps()) {
            prop_assert!(line.starts_with(step.operation()), "{}", line);
        }
    }
}

#[test]
fn the_only_subnet_of_a_zone_is_not_swapped_by_emptying_the_balancer() {
    let mut want = sample();
    want.placement = Some(Placement::Subnets(["a2".to_owned()].into()));
    let mut aws = Aws::new(want.over(&observed_sample()));
    aws.has.subnets = ["a1".to_owned()].into();
    realise(&want, &mut aws, usize::MAX);
    assert_eq!(aws.has.subnets, ["a1".to_owned()].into(), "it stays as it was");
}

fn observed_sample() -> LoadBalancer {
    LoadBalancer {
        subnets: ["a1".to_owned()].into(),
        ..sample().at_creation()
    }
}
