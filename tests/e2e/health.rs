//! What is told of the health of the instances where it cannot be read.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, manifest};

#[tokio::test(flavor = "multi_thread")]
async fn health_that_cannot_be_read_is_told_and_not_taken_for_good() -> Result<()> {
    let operator = OperatorOptions {
        health_interval: "1s".into(),
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    let simulator = stack.simulator();
    let mut namespace = stack.namespace().await?;
    let zones = ["us-east-1a", "us-east-1b"];
    let ids = namespace.instances(simulator, &zones).await?;
    let spec = format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", ids.join(", "));
    namespace.apply(&manifest(&spec)).await?;
    let healthy = |object: &kube::api::DynamicObject| object::has_reason(object, "TargetsHealthy", "AllInService");
    namespace.until(Kind::CLB, "web", "healthy targets", healthy).await?;

    let denied = json!({
        "match": {"operation": "DescribeInstanceHealth"},
        "do": {"error": {"code": "AccessDenied", "status": 403, "message": "not authorized"}},
    });
    simulator.fault(&denied).await?;
    let unread = |object: &kube::api::DynamicObject| object::has_reason(object, "TargetsHealthy", "AccessDenied");
    let object = namespace.until(Kind::CLB, "web", "the refusal", unread).await?;
    let condition = object::condition(&object, "TargetsHealthy").expect("the condition");
    assert_eq!(condition.status, "Unknown");
    assert_eq!(
        condition.message,
        "the health of the instances cannot be read: DescribeInstanceHealth: AccessDenied: not authorized"
    );
    assert!(
        object::has(&object, "Programmed", "True"),
        "AWS is as declared all the same"
    );
    let errors = object::at(&object, "/status/errors").cloned().unwrap_or_default();
    assert_eq!(errors.as_array().map(Vec::len), Some(1), "{errors}");
    assert_eq!(errors[0]["operation"], "DescribeInstanceHealth");
    // It lasts, which is told once.
    let mark = simulator.mark()?;
    let more = |calls: &testkit::Calls| calls.of("DescribeInstanceHealth").len() > 2;
    simulator.until_calls(mark, "further tries", more).await?;
    let later = namespace.get(Kind::CLB, "web").await?;
    assert_eq!(later.metadata.resource_version, object.metadata.resource_version);

    simulator.clear_faults().await?;
    let object = namespace
        .until(Kind::CLB, "web", "healthy targets again", healthy)
        .await?;
    assert_eq!(object::at(&object, "/status/errors"), None);
    Ok(())
}
