//! Each field set, changed, un-set and reverted.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types::Listener;
use serde_json::json;
use testkit::Result;

use crate::setup::minimal;
use crate::{MINIMAL, Test, set};

/// Target, interval, timeout, unhealthy and healthy threshold.
async fn check(test: &Test) -> Result<(String, [i32; 4])> {
    let lb = test.in_aws().await?;
    let check = lb.health_check().expect("a health check");
    let (unhealthy, healthy) = (check.unhealthy_threshold(), check.healthy_threshold());
    let numbers = [check.interval(), check.timeout(), unhealthy, healthy];
    Ok((check.target().to_owned(), numbers))
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks() -> Result<()> {
    let test = Test::new().await?;
    let is = |target: &str, numbers| (target.to_owned(), numbers);
    let default = is("TCP:8080", [30, 5, 2, 10]);
    let mark = test.mark()?;
    test.ready(MINIMAL).await?;
    assert_eq!(check(&test).await?, default, "absent at creation");
    let sent = test.calls(mark).await?.of("ConfigureHealthCheck").len();
    assert_eq!(sent, 1, "and sent all the same");

    for (members, expected, what) in [
        (
            json!({"target": "HTTP:8080/a", "intervalSeconds": 20, "unhealthyThreshold": 5}),
            is("HTTP:8080/a", [20, 5, 5, 10]),
            "set",
        ),
        (
            json!({"target": "HTTP:8080/b", "timeoutSeconds": 9, "healthyThreshold": 3}),
            is("HTTP:8080/b", [20, 9, 5, 3]),
            "changed",
        ),
        (
            json!({"target": null, "unhealthyThreshold": null}),
            is("TCP:8080", [20, 9, 2, 3]),
            "members un-set",
        ),
        (json!(null), default, "un-set goes back to the default"),
    ] {
        test.change(json!({"healthCheck": members})).await?;
        assert_eq!(check(&test).await?, expected, "{what}");
    }
    let by_hand = [
        ("HealthCheck.Target", "TCP:80"),
        ("HealthCheck.Interval", "60"),
        ("HealthCheck.Timeout", "5"),
        ("HealthCheck.UnhealthyThreshold", "2"),
        ("HealthCheck.HealthyThreshold", "10"),
    ];
    test.by_hand("ConfigureHealthCheck", &by_hand).await?;
    test.pass().await?;
    assert_eq!(check(&test).await?, is("TCP:80", [60, 5, 2, 10]), "once, then left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags() -> Result<()> {
    let test = Test::web().with("tags: {team: a, tier: web}").ready().await?;
    let foreign = [("Tags.member.1.Key", "cost"), ("Tags.member.1.Value", "1")];
    test.by_hand("AddTags", &foreign).await?;

    test.change(json!({"tags": {"team": "b"}})).await?;
    assert_eq!(test.tags().await?["team"], "b", "changed");
    test.change(json!({"tags": {"tier": null}})).await?;
    assert!(!test.tags().await?.contains_key("tier"), "one un-set");
    test.change(json!({"tags": null})).await?;
    let left = test.tags().await?;
    assert!(!left.contains_key("team"), "all un-set: {left:?}");
    assert_eq!(left["cost"], "1", "a key that we never set stays");
    let ours = left.keys().filter(|key| key.starts_with("classiclb.dev/"));
    assert_eq!(ours.count(), 4, "{left:?}");
    test.change(json!({"tags": {"team": "a"}})).await?;
    assert_eq!(test.tags().await?["team"], "a", "reverted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zones() -> Result<()> {
    let test = Test::web().ready().await?;
    let served = async || -> Result<BTreeSet<String>> { Ok(set(test.in_aws().await?.availability_zones())) };
    let mark = test.mark()?;
    let other = ["us-east-1b", "us-east-1c"];
    test.change(json!({"availabilityZones": other})).await?;
    assert_eq!(served().await?, set(other));
    let calls = test.writes(mark).await?;
    let order = [
        "EnableAvailabilityZonesForLoadBalancer",
        "DisableAvailabilityZonesForLoadBalancer",
    ];
    assert_eq!(calls.operations(), order, "{calls}");
    let first = ["us-east-1a", "us-east-1b"];
    test.change(json!({"availabilityZones": first})).await?;
    assert_eq!(served().await?, set(first), "reverted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_added_and_removed() -> Result<()> {
    let test = Test::web().ready().await?;
    let ports = async || -> Result<BTreeSet<i32>> {
        let lb = test.in_aws().await?;
        let listeners = lb.listener_descriptions().iter().filter_map(|each| each.listener());
        Ok(listeners.map(Listener::load_balancer_port).collect())
    };
    let listener = |port: i32| json!({"port": port, "protocol": "TCP", "instancePort": port});
    let http = json!({"port": 80, "protocol": "HTTP", "instancePort": 8080});
    test.change(json!({"listeners": [http, listener(81), listener(82)]}))
        .await?;
    assert_eq!(ports().await?, [80, 81, 82].into());
    test.change(json!({"listeners": [http, listener(82)]})).await?;
    assert_eq!(ports().await?, [80, 82].into());
    test.change(json!({"listeners": [http]})).await?;
    assert_eq!(ports().await?, [80].into(), "reverted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn targets() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b", "us-east-1a"]);
    let test = setup.ready().await?;
    let ids = &test.ids;
    let by_hand = [("Instances.member.1.InstanceId", ids[2].as_str())];
    test.by_hand("RegisterInstancesWithLoadBalancer", &by_hand).await?;
    test.pass().await?;
    assert_eq!(test.registered().await?, set(&ids[2..]), "absent: not touched");

    test.change(json!({"targets": {"instanceIds": ids[..2]}})).await?;
    assert_eq!(test.registered().await?, set(&ids[..2]), "exactly that set");
    test.change(json!({"targets": {"instanceIds": [ids[1]]}})).await?;
    assert_eq!(test.registered().await?, set(&ids[1..2]), "changed");
    test.change(json!({"targets": null})).await?;
    assert_eq!(test.registered().await?, set(&ids[1..2]), "un-set: not touched");
    let nobody = test.change(json!({"targets": {}})).await?;
    assert!(test.registered().await?.is_empty(), "present and empty: nobody");
    assert!(nobody.says("TargetsHealthy", "NoTargets"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_is_made_from_the_object_where_none_is_given() -> Result<()> {
    let test = Test::new().await?;
    let ready = test.ready(MINIMAL).await?;
    let name = ready.name();
    assert!(name.starts_with("test-") && name.len() <= 32, "{name}");
    let tags = test.tags().await?;
    assert_eq!(tags["classiclb.dev/cluster"], "test");
    let owner = format!("{}/web", test.namespace.namespace());
    assert_eq!(tags["classiclb.dev/owner"], owner);
    assert_eq!(Some(&tags["classiclb.dev/uid"]), ready.metadata.uid.as_ref());
    assert_eq!(tags["classiclb.dev/origin"], "created");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_by_server_side_apply() -> Result<()> {
    let full = "attributes: {crossZone: true}\nhealthCheck: {intervalSeconds: 60}\nregistration: {minInService: 0}\n\
                tags: {team: web}\n";
    let setup = Test::web().instances(1).by_id();
    let test = setup.with(full).ready().await?;
    assert_eq!(test.registered().await?.len(), 1);
    test.ready(&minimal("targets: {}")).await?;
    let left = test.registered().await?;
    assert!(left.is_empty(), "present and empty: exactly that set");
    let default = ("TCP:8080".to_owned(), [30, 5, 2, 10]);
    assert_eq!(check(&test).await?, default, "un-set");
    assert!(!test.tags().await?.contains_key("team"), "un-set");
    test.ready(&test.spec("")).await?;
    test.ready(&minimal("targets: {instanceIds: []}")).await?;
    assert!(test.registered().await?.is_empty());
    Ok(())
}
