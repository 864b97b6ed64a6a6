//! An object that is protected from deletion and deleted all the same waits, and its balancer is kept as declared.

use serde_json::json;
use testkit::Result;
use testkit::cluster::Kind;

use crate::{Test, describe};

#[tokio::test(flavor = "multi_thread")]
async fn the_deletion_waits_until_the_protection_is_lifted() -> Result<()> {
    let test = Test::web().with("deletionProtection: true").ready().await?;
    let name = test.name().await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let message = test.until_reason("Ready", "DeletionProtected").await?;
    assert!(message.contains("set spec.deletionProtection to false"), "{message}");
    let waiting = test.get().await?;
    assert!(waiting.has("Ready", "False") && waiting.has("Programmed", "True"));
    assert!(describe(&test.stack, &name).await.is_some());

    test.told("clb_load_balancer_ready", "", "0").await?;
    let reply = test.stack.operator().get("/metrics").await?;
    let pending = format!(
        "clb_load_balancer_deletion_pending_seconds{{namespace=\"{}\"",
        test.namespace.namespace()
    );
    assert!(reply.body.contains(&pending), "{}", reply.body);

    // A balancer that must not go serves on, so it is looked after.
    let mark = test.mark()?;
    test.patch(json!({"healthCheck": {"target": "HTTP:8080/alive"}}))
        .await?;
    test.until_called(mark, "ConfigureHealthCheck").await?;
    test.until_reason("Ready", "DeletionProtected").await?;

    test.patch(json!({"deletionProtection": false})).await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(describe(&test.stack, &name).await.is_none());
    Ok(())
}
