//! How many decisions a core makes: pure planning, no call and no clock.

use std::collections::{BTreeMap, BTreeSet};
use std::hint::black_box;
use std::time::{Duration, Instant};

use classic_lb_operator::elb::{
    Attributes, Declared, HealthCheck, Identity, Listener, LoadBalancer, Origin, Owner, Placement, Policies, Protocol,
    Registration, Scheme,
};
use classic_lb_operator::plan::{Facts, Plan};

use crate::rows::Row;

/// Instances of each load balancer.
const INSTANCES: usize = 100;
/// How long is measured.
const LONG: Duration = Duration::from_secs(2);

/// What a load balancer of so many instances shall be.
fn declared() -> Declared {
    let zones: BTreeSet<String> = ["us-east-1a", "us-east-1b"].map(ToOwned::to_owned).into();
    let listener = |port, protocol: Protocol, instance_port| {
        let listener = Listener {
            port,
            protocol,
            instance_port,
            instance_protocol: protocol,
            certificate: None,
            policies: BTreeSet::new(),
        };
        (port, listener)
    };
    Declared {
        name: "web".to_owned(),
        owner: Some(owner()),
        scheme: Scheme::InternetFacing,
        placement: Some(Placement::AvailabilityZones(zones)),
        security_groups: None,
        listeners: [listener(80, Protocol::Http, 8080), listener(443, Protocol::Tcp, 8443)].into(),
        unresolved: BTreeSet::new(),
        listener_policies: BTreeMap::new(),
        backends: BTreeMap::new(),
        attributes: Attributes::default(),
        health_check: Some(HealthCheck::of("HTTP:8080/health".to_owned())),
        ungiven: BTreeSet::new(),
        registration: Some(Registration {
            wanted: (0..INSTANCES).map(|number| format!("i-0{number:016x}")).collect(),
            kept: BTreeSet::new(),
            hold: false,
            only: None,
            max_deregister_percent: 34,
            min_in_service: 1,
        }),
        auto_scaling_groups: None,
        tags: [("team".to_owned(), "web".to_owned())].into(),
        tags_removed: BTreeSet::new(),
        ignored: BTreeSet::new(),
    }
}

/// Whose it is.
fn owner() -> Owner {
    Owner {
        cluster: "production".to_owned(),
        object: "default/web".to_owned(),
        uid: "00000000-0000-4000-8000-000000000001".to_owned(),
    }
}

/// What AWS has when it is so.
fn observed(declared: &Declared) -> LoadBalancer {
    let nothing = LoadBalancer {
        name: declared.name.clone(),
        identity: Identity::default(),
        scheme: declared.scheme,
        listeners: BTreeMap::new(),
        policies: Policies::new(),
        backends: BTreeMap::new(),
        health_check: HealthCheck::of("TCP:8080".to_owned()),
        attributes: Attributes::default(),
        availability_zones: BTreeSet::new(),
        subnets: BTreeSet::new(),
        security_groups: BTreeSet::new(),
        instances: BTreeSet::new(),
        tags: owner().tags(Origin::Created),
        auto_scaling_groups: BTreeSet::new(),
    };
    declared.over(&nothing)
}

/// Plans made in a second.
fn rate(declared: &Declared, observed: &LoadBalancer, steps: usize) -> f64 {
    let facts = Facts::default();
    let plan = Plan::update(declared, observed, &facts);
    let made: usize = plan.tracks.iter().map(|track| track.steps.len()).sum();
    assert_eq!(made, steps, "what is measured is not what was meant: {plan:?}");
    let (started, mut count) = (Instant::now(), 0_u32);
    while started.elapsed() < LONG {
        for _ in 0..100 {
            black_box(Plan::update(black_box(declared), black_box(observed), &facts));
        }
        count += 100;
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

/// P14.
pub(crate) fn measure() -> Vec<Row> {
    let declared = declared();
    let observed = observed(&declared);
    let mut fewer = observed.clone();
    fewer.instances.pop_first();
    let row = |what, rate| Row::real("P14", what, rate, "a second").at_least(50_000.0);
    vec![
        row(
            "decisions on one core, 100 instances each, nothing to do",
            rate(&declared, &observed, 0),
        ),
        row(
            "decisions on one core, 100 instances each, one to register",
            rate(&declared, &fewer, 1),
        ),
    ]
}
