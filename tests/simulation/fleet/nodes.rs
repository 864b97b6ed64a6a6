//! Nodes that join and leave: what a fleet asks of AWS then, and how soon.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    REGISTRATIONS, TAGS, calls, count, easily_made, floor, join, lasted, made, published, refused, scale, standing,
};
use crate::day::apart;
use crate::world::{ROLES, World};

#[test]
fn nodes_that_join_cost_each_load_balancer_one_call() {
    apart(async || {
        let mut world = standing(60, scale(60, easily_made()), Duration::from_mins(2)).await;
        // A Node of one role, which a third of the load balancers send to.
        let one = join(&mut world, 1, 20).await;
        assert_eq!(
            (one.registers, one.tags, one.others.len(), one.refused),
            (20, 1, 0, 0),
            "{one:?}"
        );
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        let hundred = join(&mut world, 100, 60).await;
        println!("{one:?} {hundred:?}");
        assert_eq!(
            (hundred.registers, hundred.others.len(), hundred.refused),
            (60, 0, 0),
            "{hundred:?}"
        );
        assert!(hundred.tags <= 60_usize.div_ceil(TAGS) + 1, "{hundred:?}");
        let floor = floor(60, REGISTRATIONS);
        // What changes together is gathered first.
        let gathered = Duration::from_millis(200);
        assert!(hundred.time <= floor.mul_f64(1.02) + gathered, "{hundred:?}");
    });
}

/// The names of the load balancers that stand.
fn standing_names(world: &World) -> Vec<String> {
    let objects = world.kubernetes.all("classicloadbalancers");
    let stands = objects
        .iter()
        .filter(|object| object.value["status"].get("dnsName").is_some());
    stands
        .filter_map(|object| object.value["metadata"]["name"].as_str().map(ToOwned::to_owned))
        .collect()
}

/// The number in the name of an object.
fn number(name: &str) -> usize {
    name.trim_start_matches("lb-").parse().expect("a number")
}

#[test]
fn instances_leave_at_once_while_creations_wait() {
    apart(async || {
        let mut world = World::new(12, scale(120, published())).await;
        for number in 1..=120 {
            world.create_object(number).await;
        }
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        let stand = standing_names(&world);
        assert!(
            (20..60).contains(&stand.len()),
            "the others wait for their turns: {stand:?}"
        );
        let since = world.simulator.last_request();
        let begun = Instant::now();
        let mut machines = world.machines.iter();
        let web = machines.find(|(_, machine)| machine.role == ROLES[0]);
        let node = web.expect("a Node").0.clone();
        world.remove_node(&node, false).await;
        world.run_until(begun + Duration::from_secs(5)).await;
        // One that was being made meanwhile has it for a moment.
        let all = calls(&world, since);
        let leaves: Vec<_> = all
            .iter()
            .filter(|call| call.operation == "DeregisterInstancesFromLoadBalancer")
            .filter(|call| stand.contains(&call.parameters["LoadBalancerName"]))
            .cloned()
            .collect();
        let of_role = stand.iter().filter(|name| number(name).is_multiple_of(ROLES.len()));
        assert_eq!(leaves.len(), of_role.count(), "{leaves:#?}");
        let time = lasted(&world, &leaves, "DeregisterInstancesFromLoadBalancer", begun);
        assert!(time <= Duration::from_secs(1), "{time:?}");
        assert_eq!(refused(&all), 0);
    });
}
