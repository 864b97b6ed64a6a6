//! Nodes that join and leave: what a fleet asks of AWS then, and how soon.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use super::{REGISTRATIONS, TAGS, calls, easily_made, floor, join, lasted, made, published, refused, scale, standing};
use crate::day::apart;
use crate::world::{ROLES, World};

#[test]
fn nodes_that_join_cost_each_load_balancer_one_call() {
    apart(async || {
        // Past a look for drift.
        let mut world = standing(60, &scale(60, easily_made()), Duration::from_mins(5)).await;
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

#[test]
fn instances_leave_at_once_while_creations_wait() {
    apart(async || {
        let mut world = World::new(12, &scale(120, published())).await;
        for number in 1..=120 {
            world.create_object(number).await;
        }
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        let stand = made(&world);
        assert!((20..60).contains(&stand), "{stand}: the others wait for their turns");
        let mut machines = world.machines.iter();
        let web = machines.find(|(_, machine)| machine.role == ROLES[0]);
        let (node, id) = web
            .map(|(name, machine)| (name.clone(), machine.id.clone()))
            .expect("a Node");
        let having: BTreeSet<String> = calls(&world, 0)
            .iter()
            .filter(|call| call.operation == "RegisterInstancesWithLoadBalancer")
            .filter(|call| call.parameters.values().any(|value| *value == id))
            .map(|call| call.parameters["LoadBalancerName"].clone())
            .collect();
        assert!(having.len() > 5, "{having:?}");
        let (begun, since) = (Instant::now(), world.simulator.last_request());
        world.remove_node(&node, false).await;
        world.run_until(begun + Duration::from_secs(5)).await;
        // One that was being made meanwhile has it for a moment.
        let all = calls(&world, since);
        let leaves: Vec<_> = all
            .iter()
            .filter(|call| call.operation == "DeregisterInstancesFromLoadBalancer")
            .filter(|call| having.contains(&call.parameters["LoadBalancerName"]))
            .cloned()
            .collect();
        assert_eq!(leaves.len(), having.len(), "{leaves:#?}");
        let time = lasted(&world, &leaves, "DeregisterInstancesFromLoadBalancer", begun);
        assert!(time <= Duration::from_secs(1), "{time:?}");
        assert_eq!(refused(&all), 0);
        let asked = world.simulator.requests(since).into_iter();
        let asked = asked.filter(|call| call.operation == "DescribeAutoScalingInstances");
        let asked = asked.count();
        // Those that were being made meanwhile ask when they get there.
        assert!(
            (1..=4).contains(&asked),
            "{asked} questions about the group of one instance"
        );
    });
}
