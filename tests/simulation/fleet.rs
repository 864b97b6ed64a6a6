//! A fleet under the rates that AWS publishes: what it costs, how long it takes, and that nothing is refused.

#[cfg(test)]
mod creation;
#[cfg(test)]
mod looks;
#[cfg(test)]
mod nodes;
#[cfg(test)]
mod others;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod turns;
#[cfg(test)]
mod view;
#[cfg(test)]
mod waiting;

use std::time::Duration;

use aws_simulator::{RequestRecord, Throttles, Timestamp};
use classic_lb_operator::aws::Limits;
use classic_lb_operator::controller::NodeDraining;
use tokio::time::Instant;

use crate::world::{Scale, World};

/// The published rate of `CreateLoadBalancer`, a second, and how many may come at once.
const CREATIONS: (f64, usize) = (0.2, 10);
/// The same of registrations of instances.
const REGISTRATIONS: (f64, usize) = (4.0, 20);
/// Load balancers in one page of a list, and in one question about tags.
const PAGE: usize = 400;
const TAGS: usize = 20;

/// What AWS lets the account ask for, and what the operator takes of it.
type Rates = (Throttles, Limits);

/// What AWS publishes, all of it the operator's.
fn published() -> Rates {
    (Throttles::default(), Limits::default().with_share(100))
}

/// What AWS publishes, but for creations, which an account may have had raised.
fn easily_made() -> Rates {
    let raised = "resource-intensive=1000+1000,mutating=1000+1000";
    let throttles: Throttles = raised.parse().expect("throttles");
    let limits: Limits = raised.parse().expect("limits");
    (throttles, limits.with_share(100))
}

/// So many objects on Nodes of three roles, and an operator that has AWS to itself.
fn scale(objects: usize, rates: Rates) -> Scale {
    Scale {
        rates: Some(rates),
        concurrency: objects,
        ..Scale::of(0, 18, NodeDraining::None)
    }
}

/// A fleet whose load balancers stand, and have stood for so long.
async fn standing(objects: usize, scale: &Scale, rest: Duration) -> World {
    let mut world = World::new(11, scale).await;
    for number in 1..=objects {
        world.create_object(number).await;
    }
    let patience = Instant::now() + Duration::from_hours(3);
    while made(&world) < objects && Instant::now() < patience {
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
    }
    assert_eq!(made(&world), objects, "made in three hours");
    world.run_until(Instant::now() + rest).await;
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

/// The least time that AWS permits for so many calls of a rate.
fn floor(calls: usize, (rate, at_once): (f64, usize)) -> Duration {
    let beyond = u32::try_from(calls.saturating_sub(at_once)).expect("a count");
    Duration::from_secs_f64(f64::from(beyond) / rate)
}

/// How long after the first of these calls the last of that operation came.
fn lasted(world: &World, calls: &[RequestRecord], operation: &str, begun: Instant) -> Duration {
    let time = |call: &RequestRecord| call.time.parse::<Timestamp>().expect("a time");
    let last = calls.iter().rfind(|call| call.operation == operation).map(time);
    let now: Timestamp = world.kubernetes.now().to_string().parse().expect("a time");
    last.map_or_else(
        || begun.elapsed(),
        |last| begun.elapsed().saturating_sub(now.since(last)),
    )
}

/// What Nodes that join cost.
#[derive(Debug)]
struct Joining {
    registers: usize,
    /// Questions about tags, which prove whose a load balancer is.
    tags: usize,
    /// All other calls to Elastic Load Balancing, but the health of instances.
    others: Vec<String>,
    refused: usize,
    /// Until the last call that registers.
    time: Duration,
}

/// So many Nodes join at once, of which so many load balancers have to learn.
async fn join(world: &mut World, nodes: usize, load_balancers: usize) -> Joining {
    let since = world.simulator.last_request();
    let joined = Instant::now();
    for _ in 0..nodes {
        world.join_node().await;
    }
    let registers = "RegisterInstancesWithLoadBalancer";
    while joined.elapsed() < Duration::from_mins(20) && count(&calls(world, since), registers) < load_balancers {
        world.run_until(Instant::now() + Duration::from_millis(250)).await;
    }
    let time = lasted(world, &calls(world, since), registers, joined);
    // Whatever else follows from it.
    world.run_until(Instant::now() + Duration::from_secs(1)).await;
    let all = calls(world, since);
    let counted = [registers, "DescribeTags", "DescribeInstanceHealth"];
    let others = all
        .iter()
        .filter(|call| call.service == "elasticloadbalancing" && !counted.contains(&call.operation.as_str()));
    Joining {
        registers: count(&all, registers),
        tags: count(&all, "DescribeTags"),
        others: others.map(|call| call.operation.clone()).collect(),
        refused: refused(&all),
        time,
    }
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
    pub(crate) nodes_floor: Duration,
    pub(crate) refused: usize,
}

/// Plays a fleet of so many objects, AWS counting calls as it publishes.
pub(crate) async fn play(objects: usize) -> Figures {
    let mut world = World::new(11, &scale(objects, published())).await;
    let begun = Instant::now();
    for number in 1..=objects {
        world.create_object(number).await;
    }
    let since = world.simulator.last_request();
    while made(&world) < objects && begun.elapsed() < Duration::from_hours(3) {
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
    }
    let creating = calls(&world, since);
    let creation = lasted(&world, &creating, "CreateLoadBalancer", begun);
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

    let joining = join(&mut world, 12, objects).await;
    let all = calls(&world, 0);
    Figures {
        objects,
        creation,
        creation_floor: floor(objects, CREATIONS),
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
        nodes_registers: joining.registers,
        nodes_reads: joining.tags + joining.others.len(),
        nodes_time: joining.time,
        nodes_floor: floor(objects, REGISTRATIONS),
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
            assert!(figures.creation <= figures.creation_floor.mul_f64(1.02), "{figures:#?}");
            assert_eq!(
                (figures.idle_writes, figures.idle_kubernetes_writes),
                (0, 0),
                "{figures:#?}"
            );
            assert!(figures.restart_pages <= 60_usize.div_ceil(PAGE) + 2, "{figures:#?}");
            // One looks first whether the region lets it in, so that the others come together without it.
            assert!(figures.restart_tags <= 60_usize.div_ceil(TAGS) + 2, "{figures:#?}");
            assert_eq!(figures.nodes_registers, 60, "{figures:#?}");
            assert!(figures.nodes_reads <= 60_usize.div_ceil(TAGS) + 1, "{figures:#?}");
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
            let world = standing(30, &scale(30, (half, Limits::default())), Duration::from_mins(30)).await;
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
            let world = standing(
                60,
                &scale(60, (scarce, Limits::default().with_share(100))),
                Duration::from_mins(30),
            )
            .await;
            let all = calls(&world, 0);
            assert!(refused(&all) * 50 < all.len(), "{} of {}", refused(&all), all.len());
        });
    }
}
