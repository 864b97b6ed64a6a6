//! Laws of planning, over random balancers.
//!
//! The steps run against [`Aws`], which knows the rules that AWS enforces on placement, so that a plan which passes
//! through a state that AWS refuses fails here.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // tests may

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::elb::{
    Declared, HealthCheck, Identity, Listener, LoadBalancer, Owner, Placement, Port, Protocol, Registration, Scheme,
};
use classic_lb_operator::plan::{Facts, Plan, Refused, Rounds, Step};
use proptest::prelude::*;

/// Subnets `a1`, `a2`, `b1`, …: the letter is the zone.
fn subnets() -> impl Strategy<Value = BTreeSet<String>> {
    let one_of_each = proptest::collection::btree_map("[abcd]", 1..3_u8, 1..4);
    one_of_each.prop_map(|zones| {
        zones
            .into_iter()
            .map(|(zone, number)| format!("{zone}{number}"))
            .collect()
    })
}

fn words(pattern: &'static str, most: usize) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set(pattern, 0..most)
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-e]", "[x-z]", 0..4)
}

fn health_check() -> impl Strategy<Value = HealthCheck> {
    (1..5_u16, 2..10_i32).prop_map(|(port, healthy)| HealthCheck {
        healthy_threshold: healthy,
        ..HealthCheck::of(format!("TCP:{port}"))
    })
}

/// Plain instance ports are odd and secure ones even, as AWS demands that listeners of one instance port agree.
fn listener(port: Port) -> impl Strategy<Value = Listener> {
    (0..4_u8, 0..3_u16, "[AB]").prop_map(move |(kind, step, certificate)| {
        let (protocol, instance_protocol) = match kind {
            0 => (Protocol::Http, Protocol::Http),
            1 => (Protocol::Https, Protocol::Https),
            2 => (Protocol::Tcp, Protocol::Tcp),
            _ => (Protocol::Ssl, Protocol::Tcp),
        };
        Listener {
            port,
            protocol,
            instance_port: step * 2 + 1 + u16::from(instance_protocol.is_secure()),
            instance_protocol,
            certificate: protocol.is_secure().then_some(certificate),
            policies: protocol.policies_at_creation(),
        }
    })
}

fn listeners() -> impl Strategy<Value = BTreeMap<Port, Listener>> {
    proptest::collection::btree_set(1..6_u16, 1..5).prop_flat_map(|ports| {
        let listeners: Vec<_> = ports.into_iter().map(listener).collect();
        listeners.prop_map(|list| list.into_iter().map(|listener| (listener.port, listener)).collect())
    })
}

fn owner() -> Owner {
    Owner {
        cluster: "c".into(),
        object: "n/o".into(),
        uid: "u".into(),
    }
}

prop_compose! {
    fn observed()(
        listeners in listeners(), kept in any::<bool>(), health_check in health_check(), subnets in subnets(),
        zones in proptest::collection::btree_set("[abcd]", 1..4), groups in words("sg-[ab]", 3),
        instances in words("i-[a-f]", 5), tags in tags(), scaling in words("[gh]", 2),
    ) -> LoadBalancer {
        let mut listeners = listeners;
        if kept {
            // A policy that somebody set by hand and nobody declares.
            for listener in listeners.values_mut() {
                listener.policies = vec!["by-hand".into()];
            }
        }
        LoadBalancer {
            name: "lb".into(), identity: Identity::default(), scheme: Scheme::Internal, listeners, health_check,
            availability_zones: zones, subnets, security_groups: groups, instances, tags, auto_scaling_groups: scaling,
        }
    }
}

prop_compose! {
    fn declared()(
        listeners in listeners(), health_check in proptest::option::of(health_check()), subnets in subnets(),
        zones in proptest::option::of(proptest::collection::btree_set("[abcd]", 1..4)),
        groups in proptest::option::of(words("sg-[ab]", 3)),
        registration in proptest::option::of((words("i-[a-f]", 5), words("i-[a-f]", 2), any::<bool>())),
        scaling in proptest::option::of(words("[gh]", 2)), tags in tags(), removed in words("[a-e]", 3),
    ) -> Declared {
        Declared {
            name: "lb".into(), owner: owner(), scheme: Scheme::Internal,
            placement: zones.map_or(Placement::Subnets(subnets), Placement::AvailabilityZones),
            security_groups: groups, listeners, health_check,
            registration: registration.map(|(wanted, kept, hold)| Registration { wanted, kept, hold }),
            auto_scaling_groups: scaling,
            tags_removed: removed.into_iter().filter(|key| !tags.contains_key(key)).collect(),
            tags,
        }
    }
}

/// AWS, as far as its rules restrict the order of steps, with certificates that it does not know and ports on which it
/// takes nothing but what it had.
struct Aws {
    has: LoadBalancer,
    unknown_certificates: BTreeSet<String>,
    had: BTreeMap<Port, Listener>,
    stubborn: BTreeSet<Port>,
}

impl Aws {
    fn new(has: LoadBalancer) -> Self {
        Self {
            had: has.listeners.clone(),
            has,
            unknown_certificates: BTreeSet::new(),
            stubborn: BTreeSet::new(),
        }
    }

    fn run(&mut self, step: &Step) -> Result<(), (&'static str, String)> {
        let mut after = self.has.clone();
        step.apply_to(&mut after);
        let zones: Vec<char> = after
            .subnets
            .iter()
            .filter_map(|subnet| subnet.chars().next())
            .collect();
        if zones.len() != zones.iter().collect::<BTreeSet<_>>().len() {
            let text = "ELB cannot be attached to multiple subnets in the same AZ.";
            return Err(("InvalidConfigurationRequest", text.into()));
        }
        assert!(!after.subnets.is_empty(), "{step} empties the subnets");
        assert!(!after.availability_zones.is_empty(), "{step} empties the zones");
        match step {
            Step::CreateListeners { listeners, .. } => {
                for listener in listeners {
                    assert!(
                        !self.has.listeners.contains_key(&listener.port),
                        "{step}: the port is taken"
                    );
                    let mixed = self.has.listeners.values().any(|old| old.conflicts_with(listener));
                    assert!(!mixed, "{step}: mixed instance port");
                    self.check(listener.certificate.as_ref())?;
                    let known = self
                        .had
                        .get(&listener.port)
                        .is_some_and(|old| !old.needs_rebuild(listener));
                    if self.stubborn.contains(&listener.port) && !known {
                        return Err(("InvalidConfigurationRequest", format!("not on port {}", listener.port)));
                    }
                }
            }
            Step::SetCertificate { certificate, .. } | Step::FindCertificate(certificate) => {
                self.check(Some(certificate))?;
            }
            _ => {}
        }
        self.has = after;
        Ok(())
    }

    fn check(&self, certificate: Option<&String>) -> Result<(), (&'static str, String)> {
        match certificate.filter(|certificate| self.unknown_certificates.contains(*certificate)) {
            Some(certificate) => Err(("CertificateNotFound", format!("not found: {certificate}"))),
            None => Ok(()),
        }
    }

    /// Runs a plan as the operator does: a refusal ends its track and those that wait for it, and what was deleted for a
    /// refused listener is put back. `stop` ends it after so many steps.
    fn run_plan(&mut self, plan: Plan, rounds: &mut Rounds, left: &mut usize) {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        let mut refusals: Vec<(Step, &'static str, String, bool)> = Vec::new();
        'tracks: for (place, track) in plan.tracks.into_iter().enumerate() {
            if track.after.iter().any(|other| failed.contains(other)) {
                failed.push(place);
                continue;
            }
            for step in track.steps {
                if *left == 0 {
                    break 'tracks;
                }
                *left -= 1;
                let Err((code, message)) = self.run(&step) else {
                    done.push(step);
                    continue;
                };
                let otherwise = if let Step::CreateListeners { otherwise, .. } = &step {
                    otherwise.clone()
                } else {
                    vec![]
                };
                for step in &otherwise {
                    self.run(step).expect("what served before is taken back");
                }
                refusals.push((step, code, message, !otherwise.is_empty()));
                failed.push(place);
                break;
            }
        }
        let refused: Vec<Refused<'_>> = refusals
            .iter()
            .map(|(step, code, message, put_back)| Refused {
                step,
                code,
                message,
                put_back: *put_back,
            })
            .collect();
        rounds.take(&done, &refused);
    }
}

/// Passes until nothing is left to do, as the operator makes them; `stop` ends it after so many steps.
fn realise(declared: &Declared, aws: &mut Aws, stop: usize) {
    let mut left = stop;
    let mut facts = Facts::default();
    for _ in 0..6 {
        let mut rounds = Rounds::new(facts);
        while let Some(plan) = rounds.next(declared, &aws.has) {
            aws.run_plan(plan, &mut rounds, &mut left);
            if left == 0 {
                return;
            }
        }
        facts = rounds.facts;
    }
}

/// The swap for which no order of calls exists without a subnet of another zone.
fn needs_a_temporary_subnet(declared: &Declared, observed: &LoadBalancer) -> bool {
    let Placement::Subnets(wanted) = &declared.placement else {
        return false;
    };
    let zone = |subnet: &String| subnet.chars().next();
    let all: BTreeSet<_> = wanted.iter().chain(&observed.subnets).map(zone).collect();
    wanted.is_disjoint(&observed.subnets) && all.len() == 1
}

/// The swap that is not safe to cut short: the one new subnet lies in a zone that an old one holds, and which old one
/// that is, is found by trying.
fn finds_its_way_by_trying(declared: &Declared, observed: &LoadBalancer) -> bool {
    let Placement::Subnets(wanted) = &declared.placement else {
        return false;
    };
    wanted.len() == 1 && wanted.is_disjoint(&observed.subnets)
}

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
    fn a_plan_that_was_cut_short_converges_later(declared in declared(), observed in observed(), stop in 0..12_usize) {
        prop_assume!(!finds_its_way_by_trying(&declared, &observed));
        let mut aws = Aws::new(observed);
        realise(&declared, &mut aws, stop);
        let wanted = declared.over(&aws.has);
        realise(&declared, &mut aws, usize::MAX);
        prop_assert_eq!(aws.has, wanted);
    }

    #[test]
    fn a_refusal_closes_no_port_and_takes_no_instance_out(
        declared in declared(), observed in observed(), learns in any::<bool>(),
        stubborn in proptest::collection::btree_set(1..6_u16, 0..4),
    ) {
        let served: BTreeSet<Port> = observed.listeners.keys().copied().collect();
        let checked = observed.health_check.port().filter(|port| observed.uses_instance_port(*port));
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
    let declared = |subnets: &[&str]| Placement::Subnets(subnets.iter().map(|s| (*s).to_owned()).collect());
    let mut want = sample();
    want.placement = declared(&["a2"]);
    let mut aws = Aws::new(want.over(&observed_sample()));
    aws.has.subnets = ["a1".to_owned()].into();
    realise(&want, &mut aws, usize::MAX);
    assert_eq!(aws.has.subnets, ["a1".to_owned()].into(), "it stays as it was");
}

fn sample() -> Declared {
    Declared {
        name: "lb".into(),
        owner: owner(),
        scheme: Scheme::Internal,
        placement: Placement::AvailabilityZones(["a".to_owned()].into()),
        security_groups: None,
        listeners: BTreeMap::new(),
        health_check: None,
        registration: None,
        auto_scaling_groups: None,
        tags: BTreeMap::new(),
        tags_removed: BTreeSet::new(),
    }
}

fn observed_sample() -> LoadBalancer {
    LoadBalancer {
        subnets: ["a1".to_owned()].into(),
        ..sample().at_creation()
    }
}
