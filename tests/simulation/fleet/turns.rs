//! Objects that wait for their turns get on, and spend what AWS lets them ask on getting on.

use std::time::Duration;

use aws_simulator::Throttles;
use classic_lb_operator::aws::Limits;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{calls, count, made, refused, scale, standing};
use crate::day::apart;
use crate::world::World;

/// What the operator takes of what AWS publishes, unless a flag says otherwise.
fn shared(percent: u8) -> (Throttles, Limits) {
    (Throttles::default(), Limits::default().with_share(percent))
}

/// Runs until all objects are ready as they are now declared; how long that took.
async fn until_ready(world: &mut World, patience: Duration) -> Duration {
    let begun = Instant::now();
    let is_ready = |object: &Value| {
        let status = &object["status"];
        status["observedGeneration"] == object["metadata"]["generation"]
            && status["conditions"][0]["type"] == "Ready"
            && status["conditions"][0]["status"] == "True"
    };
    loop {
        let objects = world.kubernetes.all("classicloadbalancers");
        if objects.iter().all(|object| is_ready(&object.value)) {
            return begun.elapsed();
        }
        let first = objects.iter().find(|object| !is_ready(&object.value));
        assert!(begun.elapsed() < patience, "{:#}", first.expect("one").value);
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
    }
}

#[test]
fn a_plan_of_more_calls_than_the_share_holds_is_carried_out() {
    apart(async || {
        let mut world = World::new(21, &scale(1, shared(50))).await;
        world.create_object(1).await;
        let listener = |port: u16| {
            json!({"port": port, "protocol": "HTTP", "instancePort": 8080,
                "stickiness": {"applicationCookie": {"name": format!("c{port}")}}})
        };
        let listeners: Vec<Value> = (8000..8040).map(listener).collect();
        let name = world.names()[0].clone();
        world.edit(&name, json!({"spec": {"listeners": listeners}})).await;
        let took = until_ready(&mut world, Duration::from_mins(5)).await;
        let all = calls(&world, 0);
        let figures =
            ["DescribeLoadBalancers", "CreateAppCookieStickinessPolicy"].map(|operation| count(&all, operation));
        println!("{took:?} {figures:?}");
        assert!(figures[0] <= 40 && figures[1] == 40, "{figures:?}");
        assert_eq!(refused(&all), 0);
    });
}

#[test]
fn a_change_of_all_objects_takes_as_long_as_the_share_lets_it() {
    apart(async || {
        const FLEET: usize = 60;
        let raised = "resource-intensive=1000+1000";
        let limits: Limits = raised.parse().expect("limits");
        let rates = (raised.parse().expect("throttles"), limits.with_share(50));
        let begun = Instant::now();
        let mut world = standing(FLEET, &scale(FLEET, rates), Duration::ZERO).await;
        let took = begun.elapsed();
        let reads = count(&calls(&world, 0), "DescribeLoadBalancers");
        println!("made in {took:?} with {reads} reads");
        // Some seven calls each, of which the share is five a second.
        assert!(
            took <= Duration::from_secs(100) && reads <= 4 * FLEET,
            "{took:?} {reads}"
        );

        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        let since = world.simulator.last_request();
        for name in world.names() {
            world
                .edit(&name, json!({"spec": {"healthCheck": {"intervalSeconds": 17}}}))
                .await;
        }
        let took = until_ready(&mut world, Duration::from_mins(5)).await;
        let all = calls(&world, since);
        let figures = ["ConfigureHealthCheck", "DescribeLoadBalancers"].map(|operation| count(&all, operation));
        println!("{took:?} {figures:?}");
        assert_eq!((figures[0], refused(&all)), (FLEET, 0));
        assert!(
            took <= Duration::from_secs(45) && figures[1] <= 3 * FLEET,
            "{took:?} {figures:?}"
        );
    });
}

#[test]
fn the_least_share_is_enough_to_get_on() {
    for percent in [1, 5] {
        apart(async move || {
            let mut world = World::new(22, &scale(3, shared(percent))).await;
            for number in 1..=3 {
                world.create_object(number).await;
            }
            let took = until_ready(&mut world, Duration::from_hours(2)).await;
            println!("{percent} %: {took:?}");
            assert_eq!((made(&world), refused(&calls(&world, 0))), (3, 0));
        });
    }
}
