//! What is told of zones: which are served, and where the instances are.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, registered, unique};

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_other_zones_are_registered_all_the_same_and_told() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let zones = ["us-east-1a", "us-east-1c"];
    let ids = test.namespace.instances(test.stack.simulator(), &zones).await?;
    for (id, zone) in ids.iter().zip(zones) {
        let provider = format!("aws:///{zone}/{id}");
        test.namespace.node(id, Some(&provider), &[("role", &role)]).await?;
    }
    let spec = format!("{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}");
    test.ready(&spec).await?;
    assert_eq!(registered(&test.in_aws().await?), ids.iter().cloned().collect());

    let told = test
        .namespace
        .until(Kind::CLB, "web", "the zones to be told", |object| {
            let message = object::condition(object, "TargetsHealthy")
                .map(|c| c.message)
                .unwrap_or_default();
            message.contains("1 registered instances are in us-east-1c, which the balancer does not serve")
                && message.contains("us-east-1b is served and has no registered instance")
                && object::has(object, "TargetsHealthy", "False")
        });
    let told = told.await?;
    let by_zone = object::at(&told, "/status/instances/byZone")
        .cloned()
        .unwrap_or_default();
    let list: Vec<_> = by_zone.as_array().into_iter().flatten().collect();
    let shown: Vec<_> = list
        .iter()
        .map(|zone| json!([zone["zone"], zone["served"], zone["registered"]]))
        .collect();
    assert_eq!(
        shown,
        [
            json!(["us-east-1a", true, 1]),
            json!(["us-east-1b", true, 0]),
            json!(["us-east-1c", false, 1])
        ]
    );
    let events = test.namespace.events("web").await?;
    for reason in ["ZoneNotServed", "ZoneWithoutInstances"] {
        let count = events
            .iter()
            .filter(|(kind, r, _)| kind == "Warning" && r == reason)
            .count();
        assert_eq!(count, 1, "{reason}: {events:?}");
    }

    // With the right zones nothing is left to say.
    test.ready(&spec.replace("[us-east-1a, us-east-1b]", "[us-east-1a, us-east-1c]"))
        .await?;
    let healthy = test
        .namespace
        .until(Kind::CLB, "web", "the targets to be healthy", |object| {
            let message = object::condition(object, "TargetsHealthy")
                .map(|c| c.message)
                .unwrap_or_default();
            object::has(object, "TargetsHealthy", "True") && message == "all 2 wanted instances are in service"
        });
    healthy.await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_of_instances_that_only_their_ids_name_are_asked_for_once() -> Result<()> {
    let mut test = Test::new().await?;
    let zones = ["us-east-1a", "us-east-1a", "us-east-1a", "us-east-1b", "us-east-1c"];
    let ids = test.namespace.instances(test.stack.simulator(), &zones).await?;
    // One is a Node, which saves the question.
    test.namespace
        .node("known", Some(&format!("aws:///us-east-1c/{}", ids[4])), &[])
        .await?;
    let mark = test.mark()?;
    test.ready(&format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", ids.join(", ")))
        .await?;
    let told = test
        .namespace
        .until(Kind::CLB, "web", "the zones to be told", |object| {
            let message = object::condition(object, "TargetsHealthy").map(|c| c.message);
            let message = message.unwrap_or_default();
            message.contains("1 registered instances are in us-east-1c, which the balancer does not serve")
                && message.contains("spread unevenly (us-east-1a 3, us-east-1b 1)")
        });
    let told = told.await?;
    let items = object::at(&told, "/status/instances/items")
        .cloned()
        .unwrap_or_default();
    let known = items
        .as_array()
        .into_iter()
        .flatten()
        .find(|item| item["id"] == json!(ids[4]));
    assert_eq!(known.expect("listed")["node"], "known");
    let asked = || {
        test.stack
            .simulator()
            .calls(mark)
            .map(|calls| calls.of("DescribeInstances").naming(&ids[0]))
    };
    assert_eq!(asked()?.len(), 1, "{}", asked()?);
    assert!(
        !asked()?.iter().any(|call| call.names(&ids[4])),
        "its Node tells its zone"
    );
    test.pass().await?;
    assert_eq!(asked()?.len(), 1, "{}", asked()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_subnets_of_other_zones_are_told() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    test.apply(&MINIMAL.replace("[us-east-1a, us-east-1b]", "[us-east-1c]"))
        .await?;
    let elb = test.stack.simulator().elb();
    let name = test.name().await?;
    let mut in_aws = Vec::new();
    while in_aws.len() != 1 {
        let reply = elb.describe_load_balancers().load_balancer_names(&name).send().await;
        let reply = reply.expect("described");
        in_aws = reply.load_balancer_descriptions()[0].subnets().to_vec();
    }
    let told = |object: &kube::api::DynamicObject| {
        object::has(object, "Ready", "True") && object::at(object, "/status/subnets") == Some(&json!(in_aws))
    };
    test.namespace.until(Kind::CLB, "web", "the subnets", told).await?;
    Ok(())
}
