//! Others who call AWS in the same account.

use std::time::Duration;

use aws_simulator::{RequestRecord, Throttles};
use classic_lb_operator::aws::Limits;
use tokio::time::Instant;

use super::{calls, made, refused, scale};
use crate::day::apart;
use crate::world::World;

/// What another client calls, and how long it waits after each: together half of what AWS permits in the account, and as much
/// of each of the other buckets as fits into that.
const OTHERS: [(&str, u64); 4] = [
    ("Action=DescribeLoadBalancers", 500),
    (
        "Action=RegisterInstancesWithLoadBalancer&LoadBalancerName=none&Instances.member.1.InstanceId=i-0",
        600,
    ),
    (
        "Action=DeleteLoadBalancerPolicy&LoadBalancerName=none&PolicyName=none",
        1_000,
    ),
    ("Action=CreateLoadBalancer&LoadBalancerName=none", 10_000),
];

/// Lets the operator work for so long beside another client, whose next calls are due then.
async fn beside_another(world: &mut World, due: &mut [Instant], time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        let next = due.iter().copied().min().unwrap_or(end);
        world.run_until(next.min(end)).await;
        for (due, (parameters, pause)) in due.iter_mut().zip(OTHERS) {
            if *due <= Instant::now() {
                *due += Duration::from_millis(pause);
                world.call_once(parameters).await;
            }
        }
    }
}

fn of_operator(all: Vec<RequestRecord>) -> Vec<RequestRecord> {
    all.into_iter().filter(|call| !call.access_key_id.is_empty()).collect()
}

#[test]
fn all_converges_beside_a_client_that_uses_half_of_what_aws_permits() {
    apart(async || {
        let rates = (Throttles::default(), Limits::default());
        let mut world = World::new(17, &scale(30, rates)).await;
        for number in 1..=30 {
            world.create_object(number).await;
        }
        let begun = Instant::now();
        let due = &mut OTHERS.map(|_| begun);
        while made(&world) < 30 && begun.elapsed() < Duration::from_mins(20) {
            beside_another(&mut world, due, Duration::from_secs(10)).await;
        }
        assert_eq!(made(&world), 30);
        for _ in 0..6 {
            world.join_node().await;
        }
        beside_another(&mut world, due, Duration::from_mins(2)).await;
        let all = of_operator(calls(&world, 0));
        println!(
            "{} of {} refused, made in {:?}",
            refused(&all),
            all.len(),
            begun.elapsed()
        );
        assert!(refused(&all) * 100 < all.len(), "{} of {}", refused(&all), all.len());
        let ready = world.kubernetes.all("classicloadbalancers");
        let ready = ready
            .iter()
            .filter(|object| object.value["status"]["conditions"][0]["status"] == "True");
        assert_eq!(ready.count(), 30);
    });
}
