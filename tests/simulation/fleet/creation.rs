//! What it costs to make load balancers.

use std::time::Duration;

use aws_simulator::Throttles;
use classic_lb_operator::aws::Limits;
use tokio::time::Instant;

use super::{CREATIONS, calls, count, floor, lasted, made, published, refused, scale};
use crate::day::apart;
use crate::world::World;

#[test]
fn a_creation_costs_what_it_must() {
    apart(async || {
        let raised = "resource-intensive=1000+1000,mutating=1000+1000,registration=1000+1000,describe=1000+1000,account=1000+1000";
        let (throttles, limits): (Throttles, Limits) =
            (raised.parse().expect("throttles"), raised.parse().expect("limits"));
        let mut world = World::new(13, &scale(100, (throttles, limits.with_share(100)))).await;
        for number in 1..=100 {
            world.create_object(number).await;
        }
        let since = world.simulator.last_request();
        while made(&world) < 100 {
            world.run_until(Instant::now() + Duration::from_secs(1)).await;
        }
        world.run_until(Instant::now() + Duration::from_secs(30)).await;
        let all = calls(&world, since);
        let by_operation: Vec<(&str, usize)> = [
            "CreateLoadBalancer",
            "ConfigureHealthCheck",
            "RegisterInstancesWithLoadBalancer",
            "DescribeLoadBalancers",
            "DescribeTags",
            "DescribeLoadBalancerAttributes",
            "DescribeLoadBalancerPolicies",
        ]
        .map(|operation| (operation, count(&all, operation)))
        .into();
        println!("{by_operation:?}");
        assert_eq!(refused(&all), 0);
        assert!(
            by_operation[..3].iter().all(|(_, calls)| *calls == 100),
            "{by_operation:?}"
        );
        let reads: usize = by_operation[3..].iter().map(|(_, calls)| calls).sum();
        // One look before, one after, and the tags of twenty in one question.
        assert!(reads <= 210, "{by_operation:?}");
    });
}

#[test]
fn a_hundred_creations_take_as_long_as_aws_takes() {
    apart(async || {
        let mut world = World::new(14, &scale(100, published())).await;
        let (begun, since) = (Instant::now(), world.simulator.last_request());
        for number in 1..=100 {
            world.create_object(number).await;
        }
        while made(&world) < 100 && begun.elapsed() < Duration::from_mins(20) {
            world.run_until(Instant::now() + Duration::from_secs(1)).await;
        }
        let all = calls(&world, since);
        let (time, floor) = (lasted(&world, &all, "CreateLoadBalancer", begun), floor(100, CREATIONS));
        println!(
            "{time:?}, AWS takes {floor:?}; {} looks, {} questions about tags",
            count(&all, "DescribeLoadBalancers"),
            count(&all, "DescribeTags")
        );
        assert_eq!((count(&all, "CreateLoadBalancer"), refused(&all)), (100, 0));
        assert!(time <= floor.mul_f64(1.02), "{time:?} of {floor:?}");
        // One at the start, two when its turn has come, since absence is seen twice, and one that shows what was made.
        let looks = count(&all, "DescribeLoadBalancers");
        assert!(looks <= 420, "{looks}");
    });
}
