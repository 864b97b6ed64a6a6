//! Each field set, changed, un-set and reverted.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types::Listener;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, registered, without};

async fn patch(test: &Test, spec: Value) -> Result<()> {
    test.namespace.patch(Kind::CLB, "web", json!({"spec": spec})).await?;
    test.namespace.until_ready("web").await.map(drop)
}

async fn unset(test: &Test, member: &str) -> Result<()> {
    test.namespace.patch(Kind::CLB, "web", without(member)).await?;
    test.namespace.until_ready("web").await.map(drop)
}

async fn check(test: &Test) -> Result<(String, i32, i32, i32, i32)> {
    let lb = test.in_aws().await?;
    let check = lb.health_check().expect("a health check");
    Ok((
        check.target().to_owned(),
        check.interval(),
        check.timeout(),
        check.unhealthy_threshold(),
        check.healthy_threshold(),
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn health_checks() -> Result<()> {
    let test = Test::new().await?;
    let default = ("TCP:8080".to_owned(), 30, 5, 2, 10);
    let mark = test.mark()?;
    test.ready(MINIMAL).await?;
    assert_eq!(check(&test).await?, default, "absent at creation");
    assert_eq!(
        test.calls(mark).await?.of("ConfigureHealthCheck").len(),
        1,
        "and sent all the same"
    );

    patch(
        &test,
        json!({"healthCheck": {"target": "HTTP:8080/a", "intervalSeconds": 20, "unhealthyThreshold": 5}}),
    )
    .await?;
    assert_eq!(check(&test).await?, ("HTTP:8080/a".to_owned(), 20, 5, 5, 10), "set");
    patch(
        &test,
        json!({"healthCheck": {"target": "HTTP:8080/b", "timeoutSeconds": 9, "healthyThreshold": 3}}),
    )
    .await?;
    assert_eq!(check(&test).await?, ("HTTP:8080/b".to_owned(), 20, 9, 5, 3), "changed");
    patch(
        &test,
        json!({"healthCheck": {"target": null, "unhealthyThreshold": null}}),
    )
    .await?;
    assert_eq!(
        check(&test).await?,
        ("TCP:8080".to_owned(), 20, 9, 2, 3),
        "members un-set"
    );

    unset(&test, "healthCheck").await?;
    assert_eq!(check(&test).await?, default, "un-set goes back to the default");
    let by_hand = ("TCP:80".to_owned(), 60, 5, 2, 10);
    let health_check = aws_sdk_elasticloadbalancing::types::HealthCheck::builder()
        .target("TCP:80")
        .interval(60)
        .timeout(5)
        .unhealthy_threshold(2)
        .healthy_threshold(10)
        .build()
        .expect("a health check");
    let request = test
        .stack
        .simulator()
        .elb()
        .configure_health_check()
        .load_balancer_name(test.name().await?);
    request.health_check(health_check).send().await.expect("configured");
    test.pass().await?;
    assert_eq!(check(&test).await?, by_hand, "once, then left");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn tags() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&format!("{MINIMAL}\ntags: {{team: a, tier: web}}")).await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    let foreign = aws_sdk_elasticloadbalancing::types::Tag::builder()
        .key("cost")
        .value("1")
        .build()
        .expect("a tag");
    elb.add_tags()
        .load_balancer_names(&name)
        .tags(foreign)
        .send()
        .await
        .expect("tagged");

    patch(&test, json!({"tags": {"team": "b"}})).await?;
    assert_eq!(test.tags().await?.get("team").map(String::as_str), Some("b"), "changed");
    patch(&test, json!({"tags": {"tier": null}})).await?;
    assert!(!test.tags().await?.contains_key("tier"), "one un-set");
    unset(&test, "tags").await?;
    let left = test.tags().await?;
    assert!(!left.contains_key("team"), "all un-set: {left:?}");
    assert_eq!(
        left.get("cost").map(String::as_str),
        Some("1"),
        "a key that we never set stays"
    );
    assert_eq!(
        left.keys().filter(|key| key.starts_with("classiclb.dev/")).count(),
        4,
        "{left:?}"
    );
    patch(&test, json!({"tags": {"team": "a"}})).await?;
    assert_eq!(
        test.tags().await?.get("team").map(String::as_str),
        Some("a"),
        "reverted"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zones() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let zones = |zones: &[&str]| zones.iter().map(|zone| (*zone).to_owned()).collect::<BTreeSet<_>>();
    let served = async || -> Result<BTreeSet<String>> {
        Ok(test.in_aws().await?.availability_zones().iter().cloned().collect())
    };
    let mark = test.mark()?;
    patch(&test, json!({"availabilityZones": ["us-east-1b", "us-east-1c"]})).await?;
    assert_eq!(served().await?, zones(&["us-east-1b", "us-east-1c"]));
    let calls = test.calls(mark).await?.writes();
    let order = [
        "EnableAvailabilityZonesForLoadBalancer",
        "DisableAvailabilityZonesForLoadBalancer",
    ];
    assert_eq!(calls.operations(), order, "{calls}");
    patch(&test, json!({"availabilityZones": ["us-east-1a", "us-east-1b"]})).await?;
    assert_eq!(served().await?, zones(&["us-east-1a", "us-east-1b"]), "reverted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn listeners_added_and_removed() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let ports = async || -> Result<BTreeSet<i32>> {
        let lb = test.in_aws().await?;
        let listeners = lb
            .listener_descriptions()
            .iter()
            .filter_map(|description| description.listener());
        Ok(listeners.map(Listener::load_balancer_port).collect())
    };
    let listener = |port: i32| json!({"port": port, "protocol": "TCP", "instancePort": port});
    let http = json!({"port": 80, "protocol": "HTTP", "instancePort": 8080});
    patch(&test, json!({"listeners": [http, listener(81), listener(82)]})).await?;
    assert_eq!(ports().await?, [80, 81, 82].into());
    patch(&test, json!({"listeners": [http, listener(82)]})).await?;
    assert_eq!(ports().await?, [80, 82].into());
    patch(&test, json!({"listeners": [http]})).await?;
    assert_eq!(ports().await?, [80].into(), "reverted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn targets() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b", "us-east-1a"])
        .await?;
    test.ready(MINIMAL).await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    let by_hand = aws_sdk_elasticloadbalancing::types::Instance::builder()
        .instance_id(&ids[2])
        .build();
    elb.register_instances_with_load_balancer()
        .load_balancer_name(&name)
        .instances(by_hand)
        .send()
        .await
        .expect("registered");
    test.pass().await?;
    assert_eq!(
        registered(&test.in_aws().await?),
        [ids[2].clone()].into(),
        "absent: not touched"
    );

    patch(&test, json!({"targets": {"instanceIds": [ids[0], ids[1]]}})).await?;
    assert_eq!(
        registered(&test.in_aws().await?),
        [ids[0].clone(), ids[1].clone()].into(),
        "exactly that set"
    );
    patch(&test, json!({"targets": {"instanceIds": [ids[1]]}})).await?;
    assert_eq!(registered(&test.in_aws().await?), [ids[1].clone()].into(), "changed");
    unset(&test, "targets").await?;
    assert_eq!(
        registered(&test.in_aws().await?),
        [ids[1].clone()].into(),
        "un-set: not touched"
    );
    patch(&test, json!({"targets": {}})).await?;
    assert!(
        registered(&test.in_aws().await?).is_empty(),
        "present and empty: nobody"
    );
    let status = test.get().await?;
    assert!(object::has_reason(&status, "TargetsHealthy", "NoTargets"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_is_made_from_the_object_where_none_is_given() -> Result<()> {
    let test = Test::new().await?;
    let ready = test.ready(MINIMAL).await?;
    let name = object::text(&ready, "/status/loadBalancerName");
    assert!(name.starts_with("test-") && name.len() <= 32, "{name}");
    let tags = test.tags().await?;
    assert_eq!(tags["classiclb.dev/cluster"], "test");
    assert_eq!(
        tags["classiclb.dev/owner"],
        format!("{}/web", test.namespace.namespace())
    );
    assert_eq!(Some(&tags["classiclb.dev/uid"]), ready.metadata.uid.as_ref());
    assert_eq!(tags["classiclb.dev/origin"], "created");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn members_come_and_go_by_server_side_apply() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    let full = format!(
        "{MINIMAL}\ntargets: {{instanceIds: [{}]}}\nattributes: {{crossZone: true}}\nhealthCheck: {{intervalSeconds: 60}}\n\
         registration: {{minInService: 0}}\ntags: {{team: web}}",
        ids[0]
    );
    test.ready(&full).await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 1);
    test.ready(&format!("{MINIMAL}\ntargets: {{}}")).await?;
    assert!(
        registered(&test.in_aws().await?).is_empty(),
        "present and empty: exactly that set"
    );
    assert_eq!(check(&test).await?, ("TCP:8080".to_owned(), 30, 5, 2, 10), "un-set");
    assert!(!test.tags().await?.contains_key("team"), "un-set");
    test.ready(&full).await?;
    test.ready(&format!("{MINIMAL}\ntargets: {{instanceIds: []}}")).await?;
    assert!(registered(&test.in_aws().await?).is_empty());
    Ok(())
}
