//! A fleet under the rates that AWS publishes: what it costs, how long it takes, and that nothing is refused.

use std::time::Duration;

use aws_simulator::{RequestRecord, Throttles};
use classic_lb_operator::controller::{Intervals, NodeDraining};
use tokio::time::Instant;

use crate::world::{Scale, World};

/// The published rate of `CreateLoadBalancer`, a second, and how many may come at once.
const CREATIONS: (f64, usize) = (0.2, 10);
/// Load balancers in one page of a list, and in one question about tags.
const PAGE: usize = 400;
const TAGS: usize = 20;

/// So many objects on Nodes of three roles, and an operator that has AWS to itself.
fn scale(objects: usize, rates: Option<(Throttles, u8)>) -> Scale {
    Scale {
        objects: 0,
        nodes: 18,
        intervals: Intervals {
            resync: Duration::from_mins(10),
            health: Duration::from_mins(1),
        },
        latency: Duration::from_millis(40),
        rates,
        concurrency: objects,
        draining: NodeDraining::None,
    }
}

/// A fleet whose load balancers stand, all calls behind it.
async fn standing(objects: usize, rates: Option<(Throttles, u8)>) -> World {
    let mut world = World::new(11, scale(objects, rates)).await;
    for number in 1..=objects {
        world.create_object(number).await;
    }
    let patience = Instant::now() + Duration::from_hours(3);
    while made(&world) < objects && Instant::now() < patience {
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
    }
    assert_eq!(made(&world), objects, "made in three hours");
    world.run_until(Instant::now() + Duration::from_mins(30)).await;
    world
}

/// How many objects have a load balancer.
fn made(world: &World) -> usize {
    let objects = world.kubernetes.all("classicloadbalancers");
    let has = |status: &serde_json::Value| status.get("dnsName").is_some();
    objects.iter().filter(|object| has(&object.value["status"])).count()
}

/// What was asked of AWS since then.
fn calls(world: &World, since: u64) -> Vec<RequestRecord> {
    world.simulator.requests(since)
}

fn count(calls: &[RequestRecord], operation: &str) -> usize {
    let asked = |call: &&RequestRecord| call.service == "elasticloadbalancing" && call.operation == operation;
    calls.iter().filter(asked).count()
}

fn refused(calls: &[RequestRecord]) -> usize {
    let throttled = |call: &&RequestRecord| call.error_code.as_deref() == Some("Throttling");
    calls.iter().filter(throttled).count()
}

fn writes(calls: &[RequestRecord]) -> usize {
    calls
        .iter()
        .filter(|call| !call.operation.starts_with("Describe") && call.service == "elasticloadbalancing")
        .count()
}

/// What a fleet costs.
#[derive(Debug)]
#[allow(dead_code)] // printed
pub(crate) struct Figures {
    pub(crate) objects: usize,
    /// From the first object to the last load balancer, and the least that AWS permits.
    pub(crate) creation: Duration,
    pub(crate) creation_floor: Duration,
    /// Calls to Elastic Load Balancing until all were made.
    pub(crate) creation_calls: usize,
    pub(crate) creation_refused: usize,
    /// Of an hour in which nothing happens.
    pub(crate) idle_reads: usize,
    pub(crate) idle_writes: usize,
    pub(crate) idle_kubernetes_writes: usize,
    /// After a restart: until all were looked at, and what it took.
    pub(crate) restart: Duration,
    pub(crate) restart_pages: usize,
    pub(crate) restart_tags: usize,
    /// Of ten Nodes that join at once.
    pub(crate) nodes_registers: usize,
    pub(crate) nodes_reads: usize,
    pub(crate) nodes_time: Duration,
    pub(crate) refused: usize,
}

/// Plays a fleet of so many objects, AWS counting calls as it publishes.
pub(crate) async fn play(objects: usize) -> Figures {
    let mut world = World::new(11, scale(objects, Some((Throttles::default(), 100)))).await;
    let begun = Instant::now();
    for number in 1..=objects {
        world.create_object(number).await;
    }
    let since = world.simulator.last_request();
    while made(&world) < objects && begun.elapsed() < Duration::from_hours(3) {
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
    }
    let creation = begun.elapsed();
    let creating = calls(&world, since);
    world.run_until(Instant::now() + Duration::from_mins(40)).await;

    let (since, kubernetes) = (
        world.simulator.last_request(),
        world.kubernetes.requests(0).last().map_or(0, |it| it.seq),
    );
    world.run_until(Instant::now() + Duration::from_hours(1)).await;
    let idle = calls(&world, since);
    let idle_kubernetes_writes = world
        .kubernetes
        .requests(kubernetes)
        .iter()
        .filter(|it| it.verb.is_write())
        .count();

    let since = world.simulator.last_request();
    let restarted = Instant::now();
    world.restart();
    // The turns of health are not of it.
    let mut restarting = Vec::new();
    while restarted.elapsed() < Duration::from_mins(2) {
        world.run_until(Instant::now() + Duration::from_millis(250)).await;
        restarting = calls(&world, since);
        if count(&restarting, "DescribeTags") * TAGS >= objects {
            break;
        }
    }
    let restart = restarted.elapsed();
    world.run_until(Instant::now() + Duration::from_mins(20)).await;

    let since = world.simulator.last_request();
    let joined = Instant::now();
    for _ in 0..12 {
        world.join_node().await;
    }
    let mut joining = Vec::new();
    while joined.elapsed() < Duration::from_mins(20) {
        world.run_until(Instant::now() + Duration::from_millis(250)).await;
        joining = calls(&world, since);
        if count(&joining, "RegisterInstancesWithLoadBalancer") >= objects {
            break;
        }
    }
    let nodes_time = joined.elapsed();
    world.run_until(Instant::now() + Duration::from_secs(5)).await;
    let all = calls(&world, 0);
    let beyond = u32::try_from(objects.saturating_sub(CREATIONS.1)).expect("a count");
    let seconds = f64::from(beyond) / CREATIONS.0;
    Figures {
        objects,
        creation,
        creation_floor: Duration::from_secs_f64(seconds),
        creation_calls: creating
            .iter()
            .filter(|call| call.service == "elasticloadbalancing")
            .count(),
        creation_refused: refused(&creating),
        idle_reads: idle
            .iter()
            .filter(|call| call.operation.starts_with("Describe"))
            .count(),
        idle_writes: writes(&idle),
        idle_kubernetes_writes,
        restart,
        restart_pages: count(&restarting, "DescribeLoadBalancers"),
        restart_tags: count(&restarting, "DescribeTags"),
        nodes_registers: count(&joining, "RegisterInstancesWithLoadBalancer"),
        nodes_reads: count(&joining, "DescribeTags") + count(&joining, "DescribeLoadBalancers"),
        nodes_time,
        refused: refused(&all),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::apart;

    #[test]
    fn a_fleet_keeps_to_what_aws_allows() {
        apart(async || {
            let figures = play(60).await;
            println!("{figures:#?}");
            assert_eq!(figures.refused, 0, "{figures:#?}");
            assert!(figures.creation <= figures.creation_floor.mul_f64(1.05), "{figures:#?}");
            assert_eq!(
                (figures.idle_writes, figures.idle_kubernetes_writes),
                (0, 0),
                "{figures:#?}"
            );
            assert!(figures.restart_pages <= 60_usize.div_ceil(PAGE) + 2, "{figures:#?}");
            assert!(figures.restart_tags <= 60_usize.div_ceil(TAGS) + 1, "{figures:#?}");
            assert_eq!(figures.nodes_registers, 60, "{figures:#?}");
            assert!(figures.nodes_reads <= 4 * 60, "{figures:#?}");
        });
    }

    #[test]
    fn half_of_what_aws_allows_is_left_to_others() {
        apart(async || {
            let mut half = Throttles::default();
            for bucket in [
                &mut half.resource_intensive,
                &mut half.mutating,
                &mut half.registration,
                &mut half.describe,
                &mut half.account,
            ] {
                bucket.capacity /= 2.0;
                bucket.refill_per_second /= 2.0;
            }
            let world = standing(30, Some((half, 50))).await;
            let all = calls(&world, 0);
            assert_eq!(refused(&all), 0, "of {}", all.len());
        });
    }

    #[test]
    fn who_has_less_than_thought_learns_it() {
        apart(async || {
            let mut scarce = Throttles::default();
            scarce.describe.refill_per_second /= 4.0;
            scarce.account.refill_per_second /= 4.0;
            let world = standing(60, Some((scarce, 100))).await;
            let all = calls(&world, 0);
            assert!(refused(&all) * 50 < all.len(), "{} of {}", refused(&all), all.len());
        });
    }
}
