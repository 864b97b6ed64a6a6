//! Instances by EC2 tags and by the members of groups that are left alone.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Options, Result, Stack, object};

use crate::{MINIMAL, manifest, registered, unique};

async fn quick() -> Result<Stack> {
    let mut options = Options::default();
    options.operator.health_interval = "1s".into();
    Stack::start(options).await
}

async fn tag(stack: &Stack, action: &str, id: &str, role: &str) -> Result<()> {
    let members = [("ResourceId.1", id), ("Tag.1.Key", "role"), ("Tag.1.Value", role)];
    stack
        .simulator()
        .query("ec2", "2016-11-15", action, &members)
        .await
        .map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_followed_by_their_tags_without_reads_of_the_balancer() -> Result<()> {
    let stack = quick().await?;
    let mut namespace = stack.namespace().await?;
    let ids = namespace
        .instances(stack.simulator(), &["us-east-1a", "us-east-1b", "us-east-1a"])
        .await?;
    let role = unique();
    for id in &ids[..2] {
        tag(&stack, "CreateTags", id, &role).await?;
    }
    let spec = format!("{MINIMAL}\ntargets: {{instanceTags: [{{tags: {{role: '{role}'}}}}]}}");
    namespace.apply(&manifest(&spec)).await?;
    let count = |wanted: &'static str| {
        move |object: &kube::api::DynamicObject| {
            object::is_ready(object) && object::text(object, "/status/instances/summary") == wanted
        }
    };
    let ready = namespace
        .until(Kind::CLB, "web", "two in service", count("2/2"))
        .await?;
    assert_eq!(
        object::at(&ready, "/status/instances/items/0/sources"),
        Some(&json!(["instanceTags"]))
    );
    assert!(!object::text(&ready, "/status/instances/items/0/zone").is_empty());

    let mark = stack.simulator().mark()?;
    let calls = stack
        .simulator()
        .until_calls(mark, "three looks", |calls| calls.of("DescribeInstances").len() >= 3)
        .await?;
    assert!(calls.writes().is_empty(), "{calls}");
    assert!(calls.of("DescribeLoadBalancers").is_empty(), "{calls}");

    tag(&stack, "CreateTags", &ids[2], &role).await?;
    namespace
        .until(Kind::CLB, "web", "three in service", count("3/3"))
        .await?;
    tag(&stack, "DeleteTags", &ids[0], &role).await?;
    namespace.until(Kind::CLB, "web", "two again", count("2/2")).await?;

    // What suddenly matches nothing empties nothing.
    for id in &ids[1..] {
        tag(&stack, "DeleteTags", id, &role).await?;
    }
    let suspect = |object: &kube::api::DynamicObject| object::has_reason(object, "Programmed", "TargetsSuspect");
    let held = namespace.until(Kind::CLB, "web", "doubt", suspect).await?;
    assert_eq!(object::at(&held, "/status/instances/registered"), Some(&json!(2)));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_that_cannot_be_looked_up_stay() -> Result<()> {
    let stack = quick().await?;
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(stack.simulator(), &["us-east-1a"]).await?;
    let role = unique();
    tag(&stack, "CreateTags", &ids[0], &role).await?;
    let spec = format!("{MINIMAL}\ntargets: {{instanceTags: [{{tags: {{role: '{role}'}}}}]}}");
    namespace.apply(&manifest(&spec)).await?;
    let there = |object: &kube::api::DynamicObject| {
        object::is_ready(object) && object::at(object, "/status/instances/registered") == Some(&json!(1))
    };
    let ready = namespace.until(Kind::CLB, "web", "it to be registered", there).await?;
    let denied = json!({"error": {"code": "UnauthorizedOperation", "status": 403, "message": "not allowed"}});
    let fault = json!({"match": {"operation": "DescribeInstances"}, "do": denied});
    stack.simulator().fault(&fault).await?;
    let told = |object: &kube::api::DynamicObject| object::has_reason(object, "Programmed", "UnauthorizedOperation");
    namespace
        .until(Kind::CLB, "web", "the refusal to be told", told)
        .await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    let lb = crate::describe(&stack, &name).await.expect("the balancer");
    assert_eq!(registered(&lb), [ids[0].clone()].into());
    stack.simulator().clear_faults().await?;
    namespace.until_ready("web").await.map(drop)
}
