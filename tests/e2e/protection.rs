//! An object that is protected from deletion and deleted all the same waits, and its balancer is kept as declared.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, describe};

#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_waits_until_the_protection_is_lifted() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&format!("{MINIMAL}\ndeletionProtection: true")).await?;
    let name = test.name().await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let message = test.until_reason("Ready", "DeletionProtected").await?;
    assert!(message.contains("set spec.deletionProtection to false"), "{message}");
    let waiting = test.get().await?;
    assert!(object::has(&waiting, "Ready", "False") && object::has(&waiting, "Programmed", "True"));
    assert!(describe(test.stack, &name).await.is_some());

    // A balancer that must not go serves on, so it is looked after.
    test.namespace
        .patch(
            Kind::CLB,
            "web",
            json!({"spec": {"healthCheck": {"target": "HTTP:8080/alive"}}}),
        )
        .await?;
    let simulator = test.stack.simulator();
    let configured = |calls: &testkit::Calls| !calls.naming(&name).of("ConfigureHealthCheck").is_empty();
    simulator
        .until_calls(0, "the health check to be set", configured)
        .await?;
    test.until_reason("Ready", "DeletionProtected").await?;

    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"deletionProtection": false}}))
        .await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(describe(test.stack, &name).await.is_none());
    Ok(())
}
