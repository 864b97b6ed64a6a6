//! Many clients at the same names.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::{Aws, LISTENER_80};
use crate::registration::SEED;

const CLIENTS: u64 = 64;

/// Codes AWS gives when another client was faster.
const EXPECTED: [&str; 8] = [
    "DuplicateLoadBalancerName",
    "DuplicateListener",
    "DuplicatePolicyName",
    "InvalidConfigurationRequest",
    "InvalidInstance",
    "ListenerNotFound",
    "LoadBalancerNotFound",
    "PolicyNotFound",
];

/// Ends after this long; a longer run is asked for in the environment.
fn period() -> Duration {
    let seconds = std::env::var("SIMULATOR_RUSH_SECONDS")
        .ok()
        .and_then(|seconds| seconds.parse().ok());
    Duration::from_secs(seconds.unwrap_or(5))
}

fn one_call(aws: &Aws, dice: &mut fastrand::Rng) -> Result<(), String> {
    let names = ["lb-1", "lb-2", "lb-3", "lb-4", "lb-5"];
    let name = names[dice.usize(..names.len())];
    let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][dice.usize(..3)];
    let port = ["80", "81", "82"][dice.usize(..3)];
    let instance = ["i-4f8cf126", "i-0bb7ca62"][dice.usize(..2)];
    let lb = ("LoadBalancerName", name);
    let create: Vec<_> = [lb, ("AvailabilityZones.member.1", zone)]
        .into_iter()
        .chain(LISTENER_80)
        .collect();
    let listener = [
        lb,
        ("Listeners.member.1.Protocol", "HTTP"),
        ("Listeners.member.1.LoadBalancerPort", port),
        ("Listeners.member.1.InstancePort", ["8080", "8081"][dice.usize(..2)]),
    ];
    let (operation, parameters): (&str, &[(&str, &str)]) = match dice.u8(..14) {
        0 | 1 => ("CreateLoadBalancer", &create),
        2 => ("DeleteLoadBalancer", &[lb]),
        3 => ("CreateLoadBalancerListeners", &listener),
        4 => (
            "DeleteLoadBalancerListeners",
            &[lb, ("LoadBalancerPorts.member.1", port)],
        ),
        5 => (
            "RegisterInstancesWithLoadBalancer",
            &[lb, ("Instances.member.1.InstanceId", instance)],
        ),
        6 => (
            "DeregisterInstancesFromLoadBalancer",
            &[lb, ("Instances.member.1.InstanceId", instance)],
        ),
        7 => (
            "EnableAvailabilityZonesForLoadBalancer",
            &[lb, ("AvailabilityZones.member.1", zone)],
        ),
        8 => (
            "DisableAvailabilityZonesForLoadBalancer",
            &[lb, ("AvailabilityZones.member.1", zone)],
        ),
        9 => (
            "CreateLBCookieStickinessPolicy",
            &[lb, ("PolicyName", "sticky"), ("CookieExpirationPeriod", port)],
        ),
        10 => (
            "SetLoadBalancerPoliciesOfListener",
            &[lb, ("LoadBalancerPort", port), ("PolicyNames.member.1", "sticky")],
        ),
        11 => ("DeleteLoadBalancerPolicy", &[lb, ("PolicyName", "sticky")]),
        12 => (
            "AddTags",
            &[("LoadBalancerNames.member.1", name), ("Tags.member.1.Key", port)],
        ),
        _ => ("DescribeLoadBalancers", &[]),
    };
    match aws.elb(operation, parameters) {
        Err(refusal) if !EXPECTED.contains(&refusal.code.as_str()) => Err(format!("{operation}: {refusal:?}")),
        _ => Ok(()),
    }
}

#[test]
fn answers_and_state_hold_under_parallel_clients() {
    let aws = Aws::new();
    aws.seed(SEED);
    let calls = Arc::new(AtomicU64::new(0));
    let end = Instant::now() + period();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|seed| {
            let (aws, calls) = (aws.clone(), Arc::clone(&calls));
            thread::spawn(move || {
                let mut dice = fastrand::Rng::with_seed(seed);
                while Instant::now() < end {
                    one_call(&aws, &mut dice)?;
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, String>(())
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap().unwrap();
    }
    assert_eq!(aws.simulator.broken_rules(), Vec::<String>::new());
    assert_eq!(aws.simulator.violations(), 0);
    let count = calls.load(Ordering::Relaxed);
    assert_eq!(aws.simulator.last_request(), count, "every call is in the log once");
    assert!(count > CLIENTS, "{count} calls");
}
