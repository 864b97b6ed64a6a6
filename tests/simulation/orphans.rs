//! Load balancers that have lost their object: found when nobody else asks AWS anything, and told in a metric.

use std::time::Duration;

use aws_simulator::{RequestRecord, Seed, Throttles};
use classic_lb_operator::aws::Limits;
use classic_lb_operator::controller::{NodeDraining, Rules};
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use tokio::time::Instant;

use crate::aws::{self, REGION};
use crate::driver::Driver;
use crate::operator::{CLUSTER, Operator};
use crate::world::{Scale, World};

/// How many the operator says there are; `None`: nobody has looked.
fn orphans(world: &World) -> Option<f64> {
    let series = format!("clb_operator_orphans{{account=\"\",region=\"{REGION}\"}}");
    world.driver.metric(&series)
}

/// Lets so many minutes pass, in each of which the operator sees whether it is time to look.
async fn pass(world: &mut World, minutes: u64) {
    for _ in 0..minutes {
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        world.driver.look_for_orphans().await;
    }
}

/// Some load balancers of others, among them one of an object that is gone and one of another cluster.
fn others(world: &World, number: usize) {
    let mut lines = format!(
        "regions:\n- region: {REGION}\n  loadBalancers:\n  - {{name: lost, availabilityZones: [us-east-1a], tags: \
         {{classiclb.dev/cluster: {CLUSTER}, classiclb.dev/owner: default/gone, classiclb.dev/uid: gone}}}}\n  - {{name: \
         another, availabilityZones: [us-east-1a], tags: {{classiclb.dev/cluster: another, classiclb.dev/owner: default/gone, \
         classiclb.dev/uid: gone}}}}\n"
    );
    for number in 0..number {
        lines += "  - {availabilityZones: [us-east-1a], tags: {team: others}, name: other-";
        lines += &number.to_string();
        lines += "}\n";
    }
    let seed = Seed::from_yaml(&lines).expect("a seed");
    world.simulator.seed(&seed).expect("planted");
}

async fn small() -> World {
    let mut world = World::new(41, &Scale::of(0, 6, NodeDraining::None)).await;
    for number in 1..=5 {
        world.create_object(number).await;
    }
    world
}

/// Reads of all load balancers, and of tags that those of objects have no part in.
fn looks(world: &World, since: u64) -> [usize; 2] {
    let all = world.simulator.requests(since);
    let of = |operation: &str, of_others: fn(&RequestRecord) -> bool| {
        let asked = |call: &&RequestRecord| call.operation == operation && of_others(call);
        all.iter().filter(asked).count()
    };
    [
        of("DescribeLoadBalancers", |call| {
            !call.parameters.contains_key("LoadBalancerNames.member.1")
        }),
        of("DescribeTags", |call| {
            let mut names = call.parameters.iter();
            names.any(|(key, name)| key.starts_with("LoadBalancerNames.") && !name.starts_with("lb-"))
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::day::apart;

    #[test]
    fn one_is_told_when_it_was_seen_twice_and_no_more_when_it_is_gone() {
        apart(async || {
            let mut world = small().await;
            others(&world, 45);
            pass(&mut world, 14).await;
            assert_eq!((orphans(&world), looks(&world, 0)), (None, [0, 0]), "too early");
            pass(&mut world, 3).await;
            assert_eq!(orphans(&world), Some(0.0), "somebody may be about to delete it");
            pass(&mut world, 20).await;
            assert_eq!(orphans(&world), Some(1.0));
            let since = world.simulator.last_request();
            pass(&mut world, 60).await;
            assert_eq!(orphans(&world), Some(1.0));
            let asked = looks(&world, since);
            assert!(asked[0] <= 3 && asked[1] <= 3, "{asked:?} in an hour");
            world.call("Action=DeleteLoadBalancer&LoadBalancerName=lost").await;
            pass(&mut world, 21).await;
            assert_eq!(orphans(&world), Some(0.0));
            // All are known now.
            pass(&mut world, 60).await;
            let since = world.simulator.last_request();
            pass(&mut world, 180).await;
            assert_eq!(looks(&world, since), [3, 0], "one page an hour");
        });
    }

    #[test]
    fn an_object_that_is_gone_by_force_leaves_one_and_no_other_is_named() {
        apart(async || {
            let mut world = small().await;
            pass(&mut world, 30).await;
            assert_eq!(orphans(&world), Some(0.0));
            // Its finalizer and the object go before the operator can do anything.
            world.tell("lb-01 is deleted by force");
            let unheld = Patch::Merge(json!({"metadata": {"finalizers": null}}));
            let objects = world.objects();
            objects
                .patch("lb-01", &PatchParams::default(), &unheld)
                .await
                .expect("patched");
            objects
                .delete("lb-01", &DeleteParams::default())
                .await
                .expect("deleted");
            // Others come and go in the right way all the while.
            for number in 6..30 {
                world.create_object(number).await;
                pass(&mut world, 5).await;
                world.delete_object(&format!("lb-{:02}", number - 4)).await;
                let told = orphans(&world).expect("a number");
                assert!(told <= 1.0, "{told}");
            }
            assert_eq!(orphans(&world), Some(1.0));
            // Whoever restores the object gets it back.
            world.create_object(1).await;
            world.edit("lb-01", json!({"spec": {"adopt": true}})).await;
            pass(&mut world, 25).await;
            assert_eq!(orphans(&world), Some(0.0));
        });
    }

    #[test]
    fn nobody_looks_while_others_wait_for_what_aws_lets_them_ask() {
        apart(async || {
            let rates = (Throttles::default(), Limits::default());
            let scale = Scale {
                rates: Some(rates),
                concurrency: 200,
                ..Scale::of(0, 6, NodeDraining::None)
            };
            let mut world = World::new(42, &scale).await;
            others(&world, 0);
            for number in 1..=150 {
                world.create_object(number).await;
            }
            let waiting = format!("clb_operator_objects_waiting_for_rate{{account=\"\",region=\"{REGION}\"}}");
            pass(&mut world, 20).await;
            assert!(world.driver.metric(&waiting) > Some(0.0), "creations wait");
            assert_eq!(orphans(&world), None);
            pass(&mut world, 60).await;
            assert_eq!(world.driver.metric(&waiting), Some(0.0));
            assert_eq!(orphans(&world), Some(1.0));
        });
    }

    #[test]
    fn health_that_always_waits_for_turns_puts_off_no_look() {
        apart(async || {
            let mut scale = Scale {
                rates: Some((Throttles::default(), Limits::default())),
                concurrency: 60,
                ..Scale::of(0, 6, NodeDraining::None)
            };
            scale.intervals.health = Duration::from_secs(10);
            let mut world = World::new(43, &scale).await;
            others(&world, 0);
            for number in 1..=60 {
                world.create_object(number).await;
            }
            pass(&mut world, 60).await;
            let since = world.simulator.last_request();
            pass(&mut world, 1).await;
            let reads = world.simulator.requests(since);
            let reads = reads.iter().filter(|call| call.operation == "DescribeInstanceHealth");
            assert!(
                (100..200).contains(&reads.count()),
                "2.5 a second of the 6 that are asked for"
            );
            assert_eq!(orphans(&world), Some(1.0));
        });
    }

    #[test]
    fn an_operator_of_single_namespaces_does_not_look() {
        apart(async || {
            let mut world = small().await;
            let rules = Rules {
                namespaces: ["default".parse().expect("a namespace")].into_iter().collect(),
                ..Rules::default()
            };
            let (now, intervals) = (world.kubernetes.now(), world.scale.intervals);
            let aws = aws::config(&world.simulator, now);
            let operator = Operator::start(world.client.clone(), aws, intervals, Limits::none(), rules, now, 1);
            world.driver = Driver::start(&world.client, operator, world.scale.concurrency);
            others(&world, 0);
            pass(&mut world, 120).await;
            assert_eq!((orphans(&world), looks(&world, 0)), (None, [0, 0]));
        });
    }
}
