//! What metrics tell of objects that wait: for a worker, or for what AWS lets the account ask.

use std::time::Duration;

use aws_simulator::Throttles;
use classic_lb_operator::aws::Limits;
use serde_json::json;
use tokio::time::Instant;

use super::{made, published, scale};
use crate::day::apart;
use crate::operator::WORKERS;
use crate::world::{Scale, World};

const PLACE: &str = "account=\"\",region=\"us-east-1\"";

fn for_rate(world: &World) -> Option<f64> {
    let series = format!("clb_operator_objects_waiting_for_rate{{{PLACE}}}");
    world.driver.metric(&series)
}

fn of_queue(world: &World, what: &str, priority: &str) -> Option<f64> {
    let series = format!("clb_operator_queue_{what}{{priority=\"{priority}\",{PLACE}}}");
    world.driver.metric(&series)
}

/// What client-go tells of its queues.
fn of_workers(world: &World, what: &str) -> Option<f64> {
    let labels = "name=\"classicloadbalancer\",controller=\"classicloadbalancer\"";
    world.driver.metric(&format!("workqueue_{what}{{{labels}}}"))
}

async fn run(world: &mut World, time: Duration) {
    world.run_until(Instant::now() + time).await;
}

async fn delete_all(world: &mut World) {
    for name in world.names() {
        world.delete_object(&name).await;
    }
    let begun = Instant::now();
    while !world.kubernetes.all("classicloadbalancers").is_empty() {
        assert!(begun.elapsed() < Duration::from_hours(1), "they go");
        run(world, Duration::from_secs(10)).await;
    }
}

#[test]
fn those_that_wait_for_the_rate_are_counted_and_wait_for_no_worker() {
    apart(async || {
        let rates = (Throttles::default(), Limits::default());
        let mut world = World::new(31, &scale(30, rates)).await;
        assert_eq!(for_rate(&world), None, "nothing is asked of any region");
        for number in 1..=30 {
            world.create_object(number).await;
        }
        run(&mut world, Duration::from_secs(20)).await;
        let objects = world.kubernetes.all("classicloadbalancers");
        let says = |status: &serde_json::Value| status["conditions"].to_string().contains("WaitingForAWSRate");
        let told = objects.iter().filter(|object| says(&object.value["status"])).count();
        assert!(told > 10, "{told} of {}, {} made", objects.len(), made(&world));
        let counted = u32::try_from(told).expect("few");
        assert_eq!(for_rate(&world), Some(f64::from(counted)));
        let waits = ["instances", "change", "repair", "sweep"].map(|lane| of_queue(&world, "depth", lane));
        assert_eq!(waits, [Some(0.0); 4], "they wait in the schedule");

        run(&mut world, Duration::from_mins(20)).await;
        assert_eq!((made(&world), for_rate(&world)), (30, Some(0.0)));
        delete_all(&mut world).await;
        assert_eq!(for_rate(&world), None, "no object is in that region any more");
        assert_eq!(of_queue(&world, "depth", "change"), None);
    });
}

#[test]
fn those_that_wait_for_a_worker_are_told_with_their_priority_place_and_age() {
    apart(async || {
        const FLEET: u16 = 80;
        let unlimited = Scale {
            rates: None,
            ..scale(FLEET.into(), published())
        };
        let mut world = World::new(32, &unlimited).await;
        let slow = json!({"latency": {"millis": 4_000}});
        world.simulator.clear_faults();
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers"}, "do": slow}));
        for number in 1..=FLEET {
            world.create_object(number.into()).await;
        }
        let begun = Instant::now();
        while of_queue(&world, "depth", "change").is_none_or(|depth| depth < 1.0) {
            assert!(begun.elapsed() < Duration::from_mins(1), "the first are looked for");
            run(&mut world, Duration::from_millis(100)).await;
        }
        run(&mut world, Duration::from_secs(2)).await;
        // No region has more than half of the workers.
        let at_work = WORKERS / 2;
        let waiting = Some(f64::from(FLEET - at_work));
        let depth = of_queue(&world, "depth", "change");
        let rate = for_rate(&world);
        println!("{depth:?} wait for a worker, {rate:?} for the rate");
        assert_eq!(depth, waiting);
        let age = of_queue(&world, "age_seconds", "change").expect("an age");
        assert!((2.0..2.5).contains(&age), "{age}");
        assert_eq!(of_queue(&world, "age_seconds", "sweep"), Some(0.0));
        let longest = of_workers(&world, "longest_running_processor_seconds").expect("a time");
        assert!((2.0..2.5).contains(&longest), "{longest}");
        let all = of_workers(&world, "unfinished_work_seconds").expect("a time");
        let most = longest * f64::from(at_work);
        assert!(all > most * 0.9 && all <= most, "{all} of {most}");

        world.clear_faults();
        run(&mut world, Duration::from_mins(20)).await;
        assert_eq!(of_queue(&world, "age_seconds", "change"), Some(0.0));
        assert_eq!(of_workers(&world, "unfinished_work_seconds"), Some(0.0));
    });
}
