//! Instances by EC2 tags and by the members of groups that are left alone.

use serde_json::json;
use testkit::Result;

use crate::setup::{Setup, health_every};
use crate::{Test, error, set};

fn quick() -> Setup {
    Test::web().on(health_every("1s"))
}

/// The instances with the test's role as a tag.
fn tagged(test: &Test) -> String {
    test.spec(&format!(
        "targets: {{instanceTags: [{{tags: {{role: '{}'}}}}]}}",
        test.role
    ))
}

async fn tag(test: &Test, action: &str, ids: &[String]) -> Result<()> {
    for id in ids {
        let members = [
            ("ResourceId.1", id.as_str()),
            ("Tag.1.Key", "role"),
            ("Tag.1.Value", test.role.as_str()),
        ];
        test.simulator().query("ec2", "2016-11-15", action, &members).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_followed_by_their_tags_without_reads_of_the_balancer() -> Result<()> {
    let test = quick()
        .zones(&["us-east-1a", "us-east-1b", "us-east-1a"])
        .start()
        .await?;
    tag(&test, "CreateTags", &test.ids[..2]).await?;
    test.apply(&tagged(&test)).await?;
    let until = async |count| test.until(count, |web| web.is_ready() && web.summary() == count).await;
    let ready = until("2/2").await?;
    assert_eq!(*ready.status("/instances/items/0/sources"), json!(["instanceTags"]));
    assert!(!ready.text("/instances/items/0/zone").is_empty());

    let mark = test.mark()?;
    let calls = test
        .simulator()
        .until_calls(mark, "three looks", |calls| calls.of("DescribeInstances").len() >= 3)
        .await?;
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(calls.of("DescribeLoadBalancers").is_empty(), "{calls}");

    tag(&test, "CreateTags", &test.ids[2..]).await?;
    until("3/3").await?;
    tag(&test, "DeleteTags", &test.ids[..1]).await?;
    until("2/2").await?;

    // What suddenly matches nothing empties nothing.
    tag(&test, "DeleteTags", &test.ids[1..]).await?;
    let held = test
        .until("doubt", |web| web.says("Programmed", "TargetsSuspect"))
        .await?;
    assert_eq!(held.registered(), Some(2));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_cannot_be_looked_up_stay() -> Result<()> {
    let test = quick().instances(1).start().await?;
    tag(&test, "CreateTags", &test.ids).await?;
    test.apply(&tagged(&test)).await?;
    test.until("it to be registered", |web| {
        web.is_ready() && web.registered() == Some(1)
    })
    .await?;
    let denied = error("UnauthorizedOperation", 403, "not allowed");
    let fault = json!({"match": {"operation": "DescribeInstances"}, "do": denied});
    test.simulator().fault(&fault).await?;
    test.until("the refusal to be told", |web| {
        web.says("Programmed", "UnauthorizedOperation")
    })
    .await?;
    assert_eq!(test.registered().await?, set(&test.ids));
    test.simulator().clear_faults().await?;
    test.until_ready().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_have_no_instance_are_told_by_their_fields() -> Result<()> {
    let test = quick().start().await?;
    test.apply(&tagged(&test)).await?;
    let none = test
        .until("no target", |web| {
            web.message("TargetsHealthy").contains("instanceTags")
        })
        .await?;
    let vpc = none.text("/vpcId").to_owned();
    assert_eq!(
        none.message("TargetsHealthy"),
        format!(
            "no instance is a target: spec.targets.instanceTags matches no instance that runs in {vpc}; correct the tags, or those \
             of the instances"
        )
    );
    let both = json!({"targets": {"nodeSelector": {"matchLabels": {"role": test.role}}}});
    test.patch(both).await?;
    let both = test
        .until("both", |web| web.message("TargetsHealthy").contains("nodeSelector"))
        .await?;
    assert!(
        both.message("TargetsHealthy")
            .contains("; spec.targets.instanceTags matches no")
    );
    Ok(())
}
