//! Who is worked on next where more objects wait than there are workers.

use std::collections::BTreeSet;
use std::time::Duration;

use classic_lb_operator::controller::NodeDraining;
use serde_json::json;
use tokio::time::Instant;

use super::standing;
use crate::day::apart;
use crate::world::{Scale, World};

const FLEET: usize = 300;

/// How often each value was set.
fn timeouts(world: &World, since: u64) -> Vec<String> {
    let calls = world.simulator.requests(since).into_iter();
    let values = calls.filter_map(|call| {
        let timeout = "LoadBalancerAttributes.ConnectionSettings.IdleTimeout";
        call.parameters.get(timeout).cloned()
    });
    values.collect()
}

/// How many load balancers had a worker, which reads the health of each.
fn looked_at(world: &World, since: u64) -> usize {
    let calls = world.simulator.requests(since).into_iter();
    let reads = calls.filter(|call| call.operation == "DescribeInstanceHealth");
    let names: BTreeSet<String> = reads
        .filter_map(|call| call.parameters.get("LoadBalancerName").cloned())
        .collect();
    names.len()
}

#[test]
fn one_that_is_changed_while_it_waits_goes_first_and_as_it_is_by_then() {
    apart(async || {
        let scale = Scale {
            latency: Duration::from_secs(2),
            concurrency: FLEET,
            ..Scale::of(0, 6, NodeDraining::None)
        };
        let mut world = standing(FLEET, &scale, Duration::from_mins(10)).await;
        let since = world.simulator.last_request();
        world.restart();
        let begun = Instant::now();
        world.run_until(begun + Duration::from_secs(5)).await;
        // The last by name, so nobody would come to it for long. Its owner thinks twice.
        let name = format!("lb-{FLEET}");
        for timeout in [77, 88] {
            let attributes = json!({"spec": {"attributes": {"idleTimeoutSeconds": timeout}}});
            world.edit(&name, attributes).await;
            world.run_until(Instant::now() + Duration::from_millis(100)).await;
        }
        while timeouts(&world, since).is_empty() {
            world.run_until(Instant::now() + Duration::from_secs(1)).await;
            assert!(begun.elapsed() < Duration::from_mins(10), "nobody came to it");
        }
        assert_eq!(timeouts(&world, since), ["88"]);
        let before = looked_at(&world, since);
        println!("{before} of {FLEET} were looked at after {:?}", begun.elapsed());
        assert!(before < FLEET / 2, "{before}");
        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        assert_eq!(timeouts(&world, since), ["88"]);
        assert_eq!(looked_at(&world, since), FLEET, "the others had their turn");
    });
}
