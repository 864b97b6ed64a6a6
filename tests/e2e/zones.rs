//! What is told of zones: which are served, and where the instances are.

use serde_json::{Value, json};
use testkit::Result;

use crate::{MINIMAL, Test, set};

#[tokio::test(flavor = "multi_thread")]
async fn instances_of_other_zones_are_registered_all_the_same_and_told() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1c"];
    let test = Test::web().zones(&zones).by_node().ready().await?;
    assert_eq!(test.registered().await?, set(&test.ids));

    let told = test
        .until("the zones to be told", |web| {
            let message = web.message("TargetsHealthy");
            message.contains("does not serve their zone us-east-1c: 1; add the zone")
                && message.contains("us-east-1b is served and has no registered instance")
                && web.has("TargetsHealthy", "False")
        })
        .await?;
    let by_zone = told.status("/instances/byZone").as_array().into_iter().flatten();
    let shown: Vec<Value> = by_zone
        .map(|zone| json!([zone["zone"], zone["served"], zone["registered"]]))
        .collect();
    let expected = json!([
        ["us-east-1a", true, 1],
        ["us-east-1b", true, 0],
        ["us-east-1c", false, 1]
    ]);
    assert_eq!(json!(shown), expected);
    let events = test.namespace.events("web").await?;
    for reason in ["ZoneNotServed", "ZoneWithoutInstances"] {
        let told = events.iter().filter(|(kind, r, _)| kind == "Warning" && r == reason);
        assert_eq!(told.count(), 1, "{reason}: {events:?}");
    }

    // With the right zones nothing is left to say.
    test.change(json!({"availabilityZones": zones})).await?;
    test.until("the targets to be healthy", |web| {
        let message = web.message("TargetsHealthy");
        web.has("TargetsHealthy", "True") && message == "all 2 wanted instances are in service"
    })
    .await
    .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn zones_of_instances_that_only_their_ids_name_are_asked_for_once() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1a", "us-east-1a", "us-east-1b", "us-east-1c"];
    let test = Test::web().zones(&zones).by_id().start().await?;
    let (first, known) = (&test.ids[0], &test.ids[4]);
    // One is a Node, which saves the question.
    let (node, provider) = (format!("known-{known}"), format!("aws:///us-east-1c/{known}"));
    test.namespace.node(&node, Some(&provider), &[]).await?;
    let mark = test.mark()?;
    test.ready(&test.spec("")).await?;
    let told = test
        .until("the zones to be told", |web| {
            let message = web.message("TargetsHealthy");
            message.contains("does not serve their zone us-east-1c: 1; add the zone")
                && message.contains("spread unevenly (us-east-1a 3, us-east-1b 1)")
        })
        .await?;
    let mut items = told.status("/instances/items").as_array().into_iter().flatten();
    let item = items.find(|item| item["id"] == json!(known));
    assert_eq!(item.expect("listed")["node"], json!(node));
    let asked = || -> Result<_> { Ok(test.simulator().calls(mark)?.of("DescribeInstances").naming(first)) };
    assert_eq!(asked()?.len(), 1, "{}", asked()?);
    assert!(asked()?.naming(known).is_empty(), "its Node tells its zone");
    test.pass().await?;
    assert_eq!(asked()?.len(), 1, "{}", asked()?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_default_subnets_of_other_zones_are_told() -> Result<()> {
    let test = Test::web().ready().await?;
    test.apply(&MINIMAL.replace("[us-east-1a, us-east-1b]", "[us-east-1c]"))
        .await?;
    let mut attached = test.attached().await?;
    while attached.len() != 1 {
        attached = test.attached().await?;
    }
    test.until("the subnets", |web| {
        web.has("Ready", "True") && *web.status("/subnets") == json!(attached)
    })
    .await
    .map(drop)
}

/// AWS says of a zone only that it is not valid.
#[tokio::test(flavor = "multi_thread")]
async fn zones_that_cannot_be_had_are_told_with_those_that_can() -> Result<()> {
    for zone in ["us-east-1z", "eu-west-1a"] {
        let test = Test::web().start().await?;
        test.apply(&MINIMAL.replace("us-east-1b", zone)).await?;
        let refused = test
            .until("the zones", |web| web.message("Ready").contains("us-east-1c"))
            .await?;
        let message = refused.message("Ready");
        for words in [
            "spec.availabilityZones: ",
            zone,
            "name some of us-east-1a, us-east-1b, ",
        ] {
            assert!(message.contains(words), "{words:?} is not in {message}");
        }
    }
    let test = Test::web().ready().await?;
    let mark = test.mark()?;
    test.apply(&MINIMAL.replace("us-east-1b", "us-east-1z")).await?;
    let refused = test
        .until("the zones", |web| web.message("Programmed").contains("us-east-1c"))
        .await?;
    let message = refused.message("Programmed");
    assert!(
        message.starts_with("spec.availabilityZones: us-east-1z is no zone of us-east-1 that has a default subnet"),
        "{message}"
    );
    test.nothing_written(mark, "zones that cannot be had").await
}
