//! Law: whatever happened before, an operator that lost an object's status writes nothing that it would not have written with it.

use std::collections::BTreeMap;
use std::time::Duration;

use classic_lb_operator::controller::NodeDraining;
use classic_lb_operator::plan::is_write;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::day::apart;
use crate::world::{Scale, World};

const NAME: &str = "lb-01";
const SCALE: Scale = Scale::of(2, 12, NodeDraining::None);
/// How many histories.
const HISTORIES: u64 = 12;

/// Something that its owner does.
fn edit(dice: &mut fastrand::Rng) -> Value {
    let port = dice.u16(8001..8004);
    let http = json!({"port": 80, "protocol": "HTTP", "instancePort": port});
    let second = json!({"port": 81, "protocol": "HTTP", "instancePort": port});
    let sticky = json!({"port": 80, "protocol": "HTTP", "instancePort": port,
        "stickiness": {"loadBalancerCookie": {"expirationSeconds": dice.u16(60..63)}}});
    let ids: Vec<String> = (1..=dice.u16(2..5)).map(|number| format!("i-0{number:016x}")).collect();
    let all = [
        json!({"listeners": [http]}),
        json!({"listeners": [http, second]}),
        json!({"listeners": [sticky]}),
        json!({"healthCheck": {"intervalSeconds": dice.u16(20..23)}}),
        json!({"healthCheck": {"intervalSeconds": null}}),
        json!({"attributes": {"idleTimeoutSeconds": dice.u16(70..73)}}),
        json!({"attributes": {"crossZone": true, "connectionDraining": {"enabled": true, "timeoutSeconds": 20}}}),
        json!({"attributes": null}),
        json!({"tags": {"number": dice.u16(..9).to_string(), "team": "web"}}),
        json!({"tags": {"team": null}}),
        json!({"tags": null}),
        json!({"targets": {"nodeSelector": null, "instanceIds": ids}}),
        json!({"targets": {"nodeSelector": {"matchLabels": {"role": "api"}}, "instanceIds": null}}),
        json!({"registration": {"mode": "Additive"}}),
        json!({"registration": {"mode": "Exclusive"}}),
        json!({"availabilityZones": ["us-east-1a"]}),
        json!({"availabilityZones": ["us-east-1a", "us-east-1b"]}),
        json!({"ignoreDifferences": ["Instances", "Attributes", "Tags"]}),
        json!({"ignoreDifferences": null}),
    ];
    let chosen = dice.usize(..all.len());
    json!({"spec": all[chosen]})
}

/// Something that somebody else does in AWS.
fn by_hand(dice: &mut fastrand::Rng) -> String {
    let name = format!("LoadBalancerName={NAME}");
    let all = [
        format!("Action=ModifyLoadBalancerAttributes&{name}&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=99"),
        format!(
            "Action=RegisterInstancesWithLoadBalancer&{name}&Instances.member.1.InstanceId=i-0000000000000000{}",
            dice.u16(5..9)
        ),
        format!("Action=AddTags&LoadBalancerNames.member.1={NAME}&Tags.member.1.Key=theirs&Tags.member.1.Value=1"),
        format!("Action=AddTags&LoadBalancerNames.member.1={NAME}&Tags.member.1.Key=number&Tags.member.1.Value=x"),
        format!("Action=DeleteLoadBalancerListeners&{name}&LoadBalancerPorts.member.1=81"),
    ];
    let chosen = dice.usize(..all.len());
    all[chosen].clone()
}

/// The parts of a load balancer that were written, and how often; what leaves it one by one.
async fn written(seed: u64, loses: bool) -> BTreeMap<String, usize> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let mut world = World::new(seed, &SCALE).await;
    world.run_until(Instant::now() + Duration::from_mins(10)).await;
    for _ in 0..dice.u16(1..5) {
        world.edit(NAME, edit(&mut dice)).await;
        if dice.bool() {
            world.call(&by_hand(&mut dice)).await;
            world.ledger.disturb(NAME);
        }
        world.run_until(Instant::now() + Duration::from_mins(20)).await;
    }
    let since = world.simulator.last_request();
    // All of it while the operator is down.
    if dice.bool() {
        world.edit(NAME, edit(&mut dice)).await;
    }
    world.call(&by_hand(&mut dice)).await;
    world.ledger.disturb(NAME);
    let since = world.simulator.last_request().max(since);
    if loses {
        let none = Patch::Merge(json!({"status": null}));
        let lost = world.objects().patch_status(NAME, &PatchParams::default(), &none).await;
        lost.expect("patched");
    }
    world.restart();
    world.run_until(Instant::now() + Duration::from_mins(40)).await;
    let mut written = BTreeMap::new();
    for call in world.simulator.requests(since) {
        if !is_write(&call.operation) || call.status != 200 {
            continue;
        }
        let what = call
            .parameters
            .iter()
            .filter(|(key, _)| !["Action", "Version"].contains(&key.as_str()));
        let one_by_one = call.operation == "DeregisterInstancesFromLoadBalancer" || call.operation == "RemoveTags";
        if one_by_one {
            for (key, value) in
                what.filter(|(key, _)| key.contains(".member.") && !key.starts_with("LoadBalancerNames"))
            {
                let _ = key;
                *written.entry(format!("{} {value}", call.operation)).or_default() += 1;
            }
        } else {
            let parameters: Vec<String> = what.map(|(key, value)| format!("{key}={value}")).collect();
            *written
                .entry(format!("{} {}", call.operation, parameters.join("&")))
                .or_default() += 1;
        }
    }
    written
}

#[test]
fn without_its_status_it_writes_nothing_that_it_would_not_write_with_it() {
    let (mut wrong, mut wrote) = (Vec::new(), 0);
    for seed in 0..HISTORIES {
        let with = apart(async move || written(seed, false).await);
        let without = apart(async move || written(seed, true).await);
        wrote += usize::from(!without.is_empty());
        for (call, times) in without {
            if times > with.get(&call).copied().unwrap_or_default() {
                wrong.push(format!("history {seed}: {call}, {times} times, and not {with:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(wrote > 2, "only {wrote} histories wrote anything");
}
