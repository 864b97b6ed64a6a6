//! One load balancer takes the place of another, and the operator ends at each step of that.

use std::time::Duration;

use classic_lb_operator::controller::NodeDraining;
use classic_lb_operator::elb::TAG_OWNER;
use classic_lb_operator::plan::is_write;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::day::apart;
use crate::invariants::is_ready;
use crate::world::{OTHER_SUBNET, ROLES, Scale, World, ZONES};

const NAME: &str = "lb-01";
const SCALE: Scale = Scale::of(2, 24, NodeDraining::None);
/// The role of the Nodes in another VPC.
const ELSEWHERE: &str = "elsewhere";
/// How long the one before is kept.
const KEPT: Duration = Duration::from_secs(90);
/// More steps than a replacement has.
const MANY: usize = 60;

/// What happens when the operator ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// Another one starts.
    Restart,
    /// And somebody takes the change back meanwhile.
    TakeBack,
    /// And somebody wants yet another name.
    Rename,
    /// And somebody deletes the object.
    Delete,
    /// And the status is lost.
    LoseStatus,
}

fn stored(world: &World) -> Value {
    world.stored(NAME).expect("the object")
}

/// The names of the load balancers that are an object's, by their tags.
fn own(world: &World, object: &str) -> Vec<String> {
    let snapshot = world.simulator.snapshot();
    let mut found = Vec::new();
    collect(&snapshot, object, &mut found);
    found.sort();
    found
}

fn collect(value: &Value, object: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            if value["tags"][TAG_OWNER] == format!("default/{object}") {
                found.extend(value["name"].as_str().map(ToOwned::to_owned));
            }
            members.values().for_each(|member| collect(member, object, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, object, found)),
        _ => {}
    }
}

/// Clients are always sent to a load balancer that serves, and whose DNS name is told.
fn clients_are_served(world: &World, step: usize) {
    let Some(object) = world.stored(NAME) else { return };
    let status = &object["status"];
    let (Some(name), Some(dns)) = (status["loadBalancerName"].as_str(), status["dnsName"].as_str()) else {
        return;
    };
    if object["metadata"].get("deletionTimestamp").is_some() {
        return;
    }
    let state = world.state_of(name);
    let state = state.unwrap_or_else(|| panic!("step {step}: {name} is gone: {status:#}"));
    assert!(
        !state.in_service.is_empty(),
        "step {step}: {name} serves nobody: {status:#}"
    );
    let internal = status["scheme"] == "internal";
    assert_eq!(dns.starts_with("internal-"), internal, "step {step}: {status:#}");
    assert!(dns.contains(name), "step {step}: {status:#}");
}

/// How much was written, to AWS and to Kubernetes.
fn written(world: &World, (aws, kubernetes): (u64, u64)) -> usize {
    let calls = world.simulator.requests(aws);
    let requests = world.kubernetes.requests(kubernetes);
    calls.iter().filter(|call| is_write(&call.operation)).count()
        + requests
            .iter()
            .filter(|request| request.verb.is_write() && request.path.contains("/lb-"))
            .count()
}

async fn run(world: &mut World, lasts: Duration, step: usize) {
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        world.run_until(Instant::now() + Duration::from_secs(1)).await;
        clients_are_served(world, step);
    }
}

/// Plays a replacement in which the operator ends after so many writes. Returns whether it came to that.
async fn played(change: &Value, back: &Value, step: usize, then: Then) -> bool {
    let mut world = World::new(3, &SCALE).await;
    world.another_vpc(8, ELSEWHERE).await;
    world.run_until(Instant::now() + Duration::from_mins(5)).await;
    let keeps = json!({"replacement": "BlueGreen", "replacementKeepSeconds": KEPT.as_secs()});
    world.edit(NAME, json!({"spec": keeps})).await;
    world.run_until(Instant::now() + Duration::from_mins(2)).await;
    assert!(is_ready(&stored(&world)), "{:#}", stored(&world));
    let since = (world.simulator.last_request(), world.kubernetes.last_request());
    world.edit(NAME, json!({"spec": change})).await;
    let end = Instant::now() + Duration::from_mins(4);
    let mine = written(&world, since);
    let mut seen = (mine, Instant::now());
    while seen.0 < mine + step && Instant::now() < end {
        // Finely while something happens.
        let rests = seen.1.elapsed() > Duration::from_secs(2);
        let pause = Duration::from_millis(if rests { 200 } else { 10 });
        world.run_until(Instant::now() + pause).await;
        clients_are_served(&world, step);
        let now = written(&world, since);
        if now != seen.0 {
            seen = (now, Instant::now());
        }
    }
    let came = Instant::now() < end;
    match then {
        Then::Restart => {}
        Then::TakeBack => world.edit(NAME, json!({"spec": back})).await,
        Then::Rename => world.edit(NAME, json!({"spec": {"loadBalancerName": "another"}})).await,
        Then::Delete => world.delete_object(NAME).await,
        Then::LoseStatus => {
            let patch = Patch::Merge(json!({"status": null}));
            let (objects, params) = (world.objects(), PatchParams::default());
            let patched = objects.patch_status(NAME, &params, &patch).await;
            patched.expect("patched");
        }
    }
    world.restart();
    run(&mut world, Duration::from_mins(7), step).await;
    ends_well(&world, change, back, step, then);
    came
}

/// Exactly one load balancer is left, and it is the right one.
fn ends_well(world: &World, change: &Value, back: &Value, step: usize, then: Then) {
    let own = own(world, NAME);
    if then == Then::Delete {
        assert!(own.is_empty(), "step {step}: {own:?} are left behind");
        assert_eq!(world.stored(NAME), None, "step {step}");
        return;
    }
    let object = stored(world);
    let status = &object["status"];
    assert!(is_ready(&object), "step {step}: {status:#}");
    assert_eq!(status["replacement"], Value::Null, "step {step}");
    assert_eq!(own.len(), 1, "step {step}: {own:?}");
    assert_eq!(status["loadBalancerName"], json!(own[0]), "step {step}");
    let wanted = if then == Then::TakeBack { back } else { change };
    if let Some(scheme) = wanted["scheme"].as_str() {
        assert_eq!(status["scheme"], scheme, "step {step}");
    }
    let vpc = status["subnets"] == json!([OTHER_SUBNET]);
    assert_eq!(vpc, !wanted["subnets"].is_null(), "step {step}: {status:#}");
    let name = match then {
        Then::Rename => Some("another"),
        _ => wanted["loadBalancerName"].as_str(),
    };
    if let Some(name) = name {
        assert_eq!(own[0], name, "step {step}");
    }
    assert_eq!(world.difference(NAME, &object), None, "step {step}");
}

/// Plays it with an end after each of its writes.
fn at_every_step((change, back): (Value, Value), then: Then) -> usize {
    let steps = (0..MANY).take_while(|step| {
        let (change, back, step) = (change.clone(), back.clone(), *step);
        apart(async move || played(&change, &back, step, then).await)
    });
    let steps = steps.count();
    println!("{then:?}: {steps} steps");
    steps
}

fn scheme() -> (Value, Value) {
    (json!({"scheme": "internal"}), json!({"scheme": "internet-facing"}))
}

fn name() -> (Value, Value) {
    (json!({"loadBalancerName": "other"}), json!({"loadBalancerName": NAME}))
}

/// To the Nodes of another VPC, and back.
fn vpc() -> (Value, Value) {
    let to = |role: &str| json!({"nodeSelector": {"matchLabels": {"role": role}}});
    (
        json!({"availabilityZones": null, "subnets": [OTHER_SUBNET], "targets": to(ELSEWHERE)}),
        json!({"availabilityZones": ZONES, "subnets": null, "targets": to(ROLES[1])}),
    )
}

/// It is made, completed, taken over from, and removed.
const LEAST: usize = 8;

#[test]
fn another_scheme_ends_well_wherever_the_operator_ends() {
    assert!(at_every_step(scheme(), Then::Restart) > LEAST);
}

#[test]
fn another_name_ends_well_wherever_the_operator_ends() {
    assert!(at_every_step(name(), Then::Restart) > LEAST);
}

#[test]
fn another_vpc_ends_well_wherever_the_operator_ends() {
    assert!(at_every_step(vpc(), Then::Restart) > LEAST);
}

#[test]
fn what_is_taken_back_at_any_step_leads_back() {
    assert!(at_every_step(scheme(), Then::TakeBack) > LEAST);
}

#[test]
fn another_vpc_that_is_taken_back_at_any_step_leads_back() {
    assert!(at_every_step(vpc(), Then::TakeBack) > LEAST);
}

#[test]
fn a_third_name_at_any_step_leads_there() {
    assert!(at_every_step(name(), Then::Rename) > LEAST);
}

#[test]
fn an_object_that_is_deleted_at_any_step_leaves_nothing_behind() {
    assert!(at_every_step(scheme(), Then::Delete) > LEAST);
}

#[test]
fn an_object_that_is_deleted_on_its_way_to_another_vpc_leaves_nothing_behind() {
    assert!(at_every_step(vpc(), Then::Delete) > LEAST);
}

#[test]
fn a_status_that_is_lost_on_the_way_to_another_vpc_leaves_nothing_behind() {
    assert!(at_every_step(vpc(), Then::LoseStatus) > LEAST);
}

#[test]
fn a_status_that_is_lost_at_any_step_leaves_nothing_behind() {
    assert!(at_every_step(scheme(), Then::LoseStatus) > LEAST);
}

/// The operator that looks at everything anew finds nothing to do.
#[test]
fn nothing_is_written_once_it_is_over() {
    apart(async || {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        let spec = json!({"replacement": "BlueGreen", "replacementKeepSeconds": 0, "scheme": "internal"});
        world.edit(NAME, json!({"spec": spec})).await;
        run(&mut world, Duration::from_mins(15), 0).await;
        assert_eq!(own(&world, NAME).len(), 1);
        let since = (world.simulator.last_request(), world.kubernetes.last_request());
        world.restart();
        world.run_until(Instant::now() + Duration::from_hours(2)).await;
        assert_eq!(written(&world, since), 0);
    });
}

/// What was asked for under a name that the object has no more is not left behind.
#[test]
fn an_object_that_is_renamed_while_its_first_one_is_made_has_one() {
    let renamed = async |step: usize| {
        let mut world = World::new(3, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(5)).await;
        let since = (world.simulator.last_request(), world.kubernetes.last_request());
        world.create_object(3).await;
        world
            .edit(
                "lb-03",
                json!({"spec": {"replacement": "BlueGreen", "replacementKeepSeconds": 0}}),
            )
            .await;
        let (mine, end) = (written(&world, since), Instant::now() + Duration::from_mins(1));
        while written(&world, since) < mine + step && Instant::now() < end {
            world.run_until(Instant::now() + Duration::from_millis(10)).await;
        }
        let came = Instant::now() < end;
        world.restart();
        world
            .edit("lb-03", json!({"spec": {"loadBalancerName": "another"}}))
            .await;
        world.run_until(Instant::now() + Duration::from_mins(10)).await;
        assert_eq!(own(&world, "lb-03"), ["another"], "step {step}");
        came
    };
    let steps = (0..MANY).take_while(|step| {
        let (renamed, step) = (renamed, *step);
        apart(async move || renamed(step).await)
    });
    assert!(steps.count() > 4);
}
