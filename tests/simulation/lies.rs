//! AWS, the cluster or the stored status say what is not so: nothing is taken away on the strength of it.

mod evidence;
mod ownership;
mod words;

use std::time::Duration;

use classic_lb_operator::api::{FINALIZER, REQUESTED_AT};
use classic_lb_operator::controller::NodeDraining;
use classic_lb_operator::elb::{TAG_CLUSTER, TAG_OWNER, TAG_UID};
use classic_lb_operator::plan::is_write;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::REGION;
use crate::day::apart;
use crate::invariants::is_ready;
use crate::kubernetes::{Fault, Matching, Verb, What};
use crate::world::{Scale, World};

const NAME: &str = "lb-01";
const SCALE: Scale = Scale::of(2, 24, NodeDraining::None);

/// A world at rest, in which `lb-01` is so besides.
async fn world(spec: Value) -> World {
    let mut world = World::new(3, &SCALE).await;
    world.run_until(Instant::now() + Duration::from_mins(5)).await;
    world.edit(NAME, json!({"spec": spec})).await;
    world.run_until(Instant::now() + Duration::from_mins(15)).await;
    assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
    world
}

fn stored(world: &World) -> Value {
    world.stored(NAME).expect("the object")
}

fn reason(world: &World) -> String {
    stored(world)["status"]["conditions"][0]["reason"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The operations that changed AWS since then.
fn writes(world: &World, since: u64) -> Vec<String> {
    let calls = world.simulator.requests(since);
    let written = calls.iter().filter(|call| is_write(&call.operation));
    written.map(|call| call.operation.clone()).collect()
}

async fn ask(world: &mut World) {
    ask_for(world, NAME).await;
}

async fn ask_for(world: &mut World, name: &str) {
    let asked = json!({"metadata": {"annotations": {REQUESTED_AT: format!("{:?}", Instant::now())}}});
    world.edit(name, asked).await;
}

/// Somebody writes into the status.
async fn put_status(world: &mut World, status: Value) {
    put_status_of(world, NAME, status).await;
}

async fn put_status_of(world: &mut World, name: &str, status: Value) {
    let patch = Patch::Merge(json!({"status": status}));
    let patched = world
        .objects()
        .patch_status(name, &PatchParams::default(), &patch)
        .await;
    patched.expect("patched");
}

/// Everything that the status held is lost, as after a restore, and the operator starts anew.
async fn lose_status(world: &mut World) {
    put_status(world, json!(null)).await;
    assert!(stored(world)["status"]["createdTime"].is_null(), "{:#}", stored(world));
    world.restart();
}

#[test]
fn an_absence_of_one_moment_is_not_believed() {
    apart(async || {
        let mut world = world(json!({"recreatePolicy": "Always"})).await;
        let since = world.simulator.last_request();
        let gone = json!({"code": "LoadBalancerNotFound", "status": 400});
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers", "count": 2}, "do": {"error": gone}}));
        ask(&mut world).await;
        world.run_until(Instant::now() + Duration::from_secs(5)).await;
        assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
    });
}

#[test]
fn an_absence_of_one_moment_releases_no_object() {
    apart(async || {
        let mut world = world(json!({})).await;
        let gone = json!({"code": "LoadBalancerNotFound", "status": 400});
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers", "count": 2}, "do": {"error": gone}}));
        world.delete_object(NAME).await;
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        assert!(world.state_of(NAME).is_none(), "it was left behind");
        assert_eq!(world.stored(NAME), None);
    });
}

#[test]
fn what_was_being_made_when_the_process_died_is_not_left_behind() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        world.answers_late("DescribeLoadBalancers", Duration::from_secs(45));
        world.create_object(2).await;
        world.run_until(Instant::now() + Duration::from_secs(3)).await;
        assert!(world.state_of("lb-02").is_some(), "it was made");
        world.restart();
        world.delete_object("lb-02").await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        assert!(world.state_of("lb-02").is_none(), "it was left behind");
        assert_eq!(world.stored("lb-02"), None);
    });
}

/// Nobody's by its tags, it is waited for and not told to be somebody else's, nor made again.
#[test]
fn a_new_load_balancer_whose_tags_are_shown_late_is_made_once_and_becomes_ready() {
    let run = |late: u64, restarts: bool| {
        apart(async move || {
            let mut world = World::new(3, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(5)).await;
            let since = world.simulator.last_request();
            world.tags_come_late(Duration::from_secs(late));
            world.create_object(2).await;
            world.run_until(Instant::now() + Duration::from_secs(2)).await;
            if restarts {
                world.restart();
            }
            let told = |world: &World| {
                let ready = world.stored("lb-02").expect("it")["status"]["conditions"][0].clone();
                ready["reason"].as_str().unwrap_or_default().to_owned()
            };
            for _ in 0..late {
                world.run_until(Instant::now() + Duration::from_secs(1)).await;
                let told = told(&world);
                assert!(
                    !["NotAdopted", "Conflict"].contains(&told.as_str()),
                    "{late} s late: {told}"
                );
            }
            world.run_until(Instant::now() + Duration::from_mins(10)).await;
            assert!(
                is_ready(&world.stored("lb-02").expect("it")),
                "{late} s late: {}",
                told(&world)
            );
            let mut written = writes(&world, since);
            written.sort();
            written
        })
    };
    let expected = run(0, false);
    for late in [3, 10, 30, 90] {
        assert_eq!(run(late, false), expected, "{late} s late");
        assert_eq!(run(late, true), expected, "{late} s late, after a restart");
    }
}

#[test]
fn a_load_balancer_whose_tags_are_shown_late_is_not_left_behind() {
    for restarts in [false, true] {
        apart(async move || {
            let mut world = World::new(3, &SCALE).await;
            world.run_until(Instant::now() + Duration::from_mins(5)).await;
            world.tags_come_late(Duration::from_secs(45));
            world.create_object(2).await;
            world.run_until(Instant::now() + Duration::from_secs(3)).await;
            assert!(world.state_of("lb-02").is_some(), "it was made");
            if restarts {
                world.restart();
            }
            world.delete_object("lb-02").await;
            world.run_until(Instant::now() + Duration::from_mins(5)).await;
            assert!(world.state_of("lb-02").is_none(), "it was left behind");
            assert_eq!(world.stored("lb-02"), None);
        });
    }
}

#[test]
fn without_its_status_it_changes_nothing_that_is_to_be_left_alone() {
    apart(async || {
        let parts = json!({"ignoreDifferences": ["Instances", "HealthCheck", "Attributes", "Tags"],
            "attributes": {"idleTimeoutSeconds": 55}});
        let mut world = world(parts).await;
        let name = format!("LoadBalancerName={NAME}");
        for call in [
            format!(
                "Action=ConfigureHealthCheck&{name}&HealthCheck.Target=TCP:99&HealthCheck.Interval=30\
                &HealthCheck.Timeout=5&HealthCheck.UnhealthyThreshold=2&HealthCheck.HealthyThreshold=10"
            ),
            format!(
                "Action=ModifyLoadBalancerAttributes&{name}\
                &LoadBalancerAttributes.ConnectionSettings.IdleTimeout=66"
            ),
            format!(
                "Action=RegisterInstancesWithLoadBalancer&{name}&Instances.member.1.InstanceId=i-00000000000000003"
            ),
            format!("Action=AddTags&LoadBalancerNames.member.1={NAME}&Tags.member.1.Key=number&Tags.member.1.Value=9"),
        ] {
            assert!(world.call(&call).await, "{call}");
        }
        let since = world.simulator.last_request();
        lose_status(&mut world).await;
        world.ledger.disturb(NAME);
        world.run_until(Instant::now() + Duration::from_mins(25)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert!(
            stored(&world)["status"]["dnsName"].is_string(),
            "{:#}",
            stored(&world)["status"]
        );
    });
}

#[test]
fn without_its_status_a_first_view_that_lacks_most_nodes_is_doubted() {
    apart(async || {
        let mut world = world(json!({})).await;
        let machines = world.nodes_of("api");
        assert!(machines.len() > 6, "{machines:?}");
        let since = world.simulator.last_request();
        // The operator is down while they leave.
        for machine in machines.iter().skip(2) {
            world.remove_node(machine, false).await;
        }
        lose_status(&mut world).await;
        world.run_until(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert_eq!(reason(&world), "NodeViewSuspect");
        world.run_until(Instant::now() + Duration::from_mins(15)).await;
        assert!(
            is_ready(&stored(&world)),
            "in the end it is believed: {:#}",
            stored(&world)["status"]
        );
    });
}

/// All but two of the Nodes go. What was asked of AWS since is of after that.
async fn lose_most_nodes(world: &mut World) -> u64 {
    let since = world.simulator.last_request();
    for machine in world.nodes_of("api").iter().skip(2) {
        world.remove_node(machine, false).await;
    }
    since
}

#[test]
fn with_its_status_a_first_view_that_lacks_most_nodes_is_doubted() {
    apart(async || {
        let mut world = world(json!({})).await;
        let since = lose_most_nodes(&mut world).await;
        world.restart();
        world.run_until(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert_eq!(reason(&world), "NodeViewSuspect");
    });
}

#[test]
fn tags_that_are_gone_for_one_moment_release_no_object() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        let late = json!({"lateTags": {"millis": 3_600_000}});
        // What tags were is kept for as far back as a rule looks: this one is never met.
        world.fault(&json!({"match": {"operation": "DescribeAccountLimits"}, "do": late}));
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        world.create_object(2).await;
        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        assert!(is_ready(&world.stored("lb-02").expect("it")));
        world.fault(&json!({"match": {"operation": "DescribeTags", "count": 2}, "do": late}));
        world.delete_object("lb-02").await;
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        assert!(world.state_of("lb-02").is_none(), "it was left behind");
        assert_eq!(world.stored("lb-02"), None);
    });
}

#[test]
fn nodes_that_all_fall_silent_stay_while_they_serve() {
    apart(async || {
        let policy = json!({"registration": {"notReadyNodes": "RemoveAfter", "notReadyGraceSeconds": 5}});
        let mut world = world(policy).await;
        let since = world.simulator.last_request();
        let machines = world.nodes_of("api");
        for machine in &machines {
            world.set_ready(machine, false).await;
        }
        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert_eq!(reason(&world), "NodeViewSuspect");
        // What the load balancer says of them decides.
        for machine in machines.iter().skip(1) {
            world.set_health(machine, false);
        }
        world.set_ready(&machines[0], true).await;
        world.ledger.disturb(NAME);
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        assert!(!writes(&world, since).is_empty(), "{:#}", stored(&world)["status"]);
    });
}

#[test]
fn without_its_status_a_view_is_doubted_also_where_aws_did_not_answer_at_first() {
    apart(async || {
        let mut world = world(json!({})).await;
        let since = lose_most_nodes(&mut world).await;
        lose_status(&mut world).await;
        let denied = json!({"code": "AccessDenied", "status": 403});
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers", "count": 2}, "do": {"error": denied}}));
        world.run_until(Instant::now() + Duration::from_mins(4)).await;
        assert_eq!(writes(&world, since), Vec::<String>::new());
        assert_eq!(reason(&world), "NodeViewSuspect");
    });
}

#[test]
fn tags_that_were_read_late_before_a_write_are_looked_at_again() {
    apart(async || {
        let mut world = world(json!({})).await;
        world.answers_late("DescribeTags", Duration::from_secs(12));
        world.edit(NAME, json!({"spec": {"tags": {"number": "one"}}})).await;
        world.run_until(Instant::now() + Duration::from_secs(3)).await;
        let tag =
            format!("Action=AddTags&LoadBalancerNames.member.1={NAME}&Tags.member.1.Key=number&Tags.member.1.Value=1");
        assert!(world.call(&tag).await);
        world.ledger.disturb(NAME);
        // A change of the cluster, which reads nothing but the tags before it writes.
        world.run_until(Instant::now() + Duration::from_secs(3)).await;
        let machine = world.nodes_of("web").swap_remove(0);
        world.relabel_node(&machine, "api").await;
        world.run_until(Instant::now() + Duration::from_mins(2)).await;
        let tags = &world.state_of(NAME).expect("it").settings["tags"];
        assert_eq!(tags["number"], "one", "{tags}");
    });
}

#[test]
fn a_listener_is_not_rebuilt_for_what_aws_says_of_one_moment() {
    apart(async || {
        let mut world = world(json!({})).await;
        let since = world.simulator.last_request();
        // What tags were is kept for as far back as a rule looks: this one is never met.
        world.answers_late("DescribeAccountLimits", Duration::from_secs(10));
        let listener = json!({"port": 80, "protocol": "HTTP", "instancePort": 8111});
        world.edit(NAME, json!({"spec": {"listeners": [listener]}})).await;
        world.run_until(Instant::now() + Duration::from_secs(2)).await;
        let written = writes(&world, since);
        assert!(
            written.contains(&"CreateLoadBalancerListeners".to_owned()),
            "{written:?}"
        );
        // It has shown the new one, and then twice the old one.
        let late = json!({"staleRead": {"millis": 10_000}});
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers", "count": 2}, "do": late}));
        ask(&mut world).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        assert_eq!(writes(&world, since), written);
        assert!(is_ready(&stored(&world)), "{:#}", stored(&world)["status"]);
    });
}

#[test]
fn policies_that_somebody_changed_back_are_put_right_at_once() {
    apart(async || {
        let mut world = world(json!({})).await;
        let sticky = json!({"port": 80, "protocol": "HTTP", "instancePort": 8001,
            "stickiness": {"loadBalancerCookie": {"expirationSeconds": 60}}});
        world.edit(NAME, json!({"spec": {"listeners": [sticky]}})).await;
        world.run_until(Instant::now() + Duration::from_secs(2)).await;
        let none = format!(
            "Action=SetLoadBalancerPoliciesOfListener&LoadBalancerName={NAME}&LoadBalancerPort=80&PolicyNames="
        );
        assert!(world.call(&none).await);
        world.ledger.disturb(NAME);
        let since = world.simulator.last_request();
        ask(&mut world).await;
        world.run_until(Instant::now() + Duration::from_secs(5)).await;
        assert_eq!(writes(&world, since), ["SetLoadBalancerPoliciesOfListener"]);
    });
}
