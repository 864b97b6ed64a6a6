//! What is told of the health of the instances where it cannot be read.

use serde_json::json;
use testkit::{Calls, LoadBalancer, Result};

use crate::setup::health_every;
use crate::{Test, error};

#[tokio::test(flavor = "multi_thread")]
async fn health_that_cannot_be_read_is_told_and_not_taken_for_good() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1b"];
    let test = Test::web().on(health_every("1s")).zones(&zones).by_id().ready().await?;
    let healthy = |web: &LoadBalancer| web.says("TargetsHealthy", "AllInService");
    test.until("healthy targets", healthy).await?;
    let aged =
        |line: &str| line.starts_with("clb_operator_health_age_seconds_count{account=\"\",region=\"us-east-1\"} ");
    let told = |reply: &testkit::Reply| reply.body.lines().any(aged);
    let operator = test.stack.operator();
    operator
        .until("/metrics", "the age of the health, by its region", told)
        .await?;

    let denied = error("AccessDenied", 403, "not authorized");
    test.fault("DescribeInstanceHealth", &json!({}), &denied).await?;
    let web = test
        .until("the refusal", |web| web.says("TargetsHealthy", "AccessDenied"))
        .await?;
    let condition = web.condition("TargetsHealthy").expect("the condition");
    assert_eq!(condition.status, "Unknown");
    assert_eq!(
        condition.message,
        "the health of the instances cannot be read: DescribeInstanceHealth: AccessDenied: not authorized"
    );
    assert!(web.has("Programmed", "True"), "AWS is as declared all the same");
    let errors = web.status("/errors");
    assert_eq!(errors.as_array().map(Vec::len), Some(1), "{errors}");
    assert_eq!(errors[0]["operation"], "DescribeInstanceHealth");
    // It lasts, which is told once.
    let more = |calls: &Calls| calls.of("DescribeInstanceHealth").len() > 2;
    test.simulator()
        .until_calls(test.mark()?, "further tries", more)
        .await?;
    let later = test.get().await?;
    assert_eq!(later.metadata.resource_version, web.metadata.resource_version);

    test.simulator().clear_faults().await?;
    let web = test.until("healthy targets again", healthy).await?;
    assert!(web.status("/errors").is_null());
    Ok(())
}
