//! Deletion leaves nothing behind, or exactly what was asked for.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, describe};

#[tokio::test(flavor = "multi_thread")]
async fn retain_removes_only_our_own_tags() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    test.ready(&format!(
        "{MINIMAL}\ndeletionPolicy: Retain\ntags: {{team: web}}\ntargets: {{instanceIds: [{}]}}",
        ids[0]
    ))
    .await?;
    let name = test.name().await?;
    let before = test.in_aws().await?;
    let mark = test.mark()?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    let calls = test.stack.simulator().calls(mark)?.naming(&name);
    assert_eq!(calls.writes().operations(), ["RemoveTags"], "{calls}");
    let after = describe(test.stack, &name).await.expect("the balancer stays");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    let tags = crate::tags(test.stack, &name).await;
    assert_eq!(
        tags.into_iter().collect::<Vec<_>>(),
        [("team".to_owned(), "web".to_owned())]
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_object_waits_and_says_so() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Suspended"}}))
        .await?;
    test.until_reason("Ready", "Suspended").await?;
    let suspended = test.get().await?;
    assert!(object::has(&suspended, "Ready", "Unknown"));
    assert!(
        !object::has(&suspended, "Programmed", "True"),
        "what was judged before speaks of the spec before"
    );
    let mark = test.mark()?;
    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"tags": {"a": "b"}}}))
        .await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    let waits = |object: &kube::api::DynamicObject| {
        object::condition(object, "Ready").is_some_and(|ready| ready.message.contains("deletion waits"))
    };
    test.namespace
        .until(Kind::CLB, "web", "to say that it waits", waits)
        .await?;
    assert!(
        test.stack.simulator().calls(mark)?.naming(&name).is_empty(),
        "nothing was asked of AWS"
    );

    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Full"}}))
        .await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(describe(test.stack, &name).await.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_is_gone_already_holds_nothing_up() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    test.lose().await?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_never_reached_aws_goes_at_once() -> Result<()> {
    let test = Test::new().await?;
    test.apply(&format!("management: Suspended\n{MINIMAL}")).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_balancer_is_not_made_again_unless_asked_for() -> Result<()> {
    let test = Test::new().await?;
    let ready = test.ready(MINIMAL).await?;
    let name = test.name().await?;
    test.lose().await?;
    let mark = test.mark()?;
    test.request().await?;
    let message = test.until_reason("Ready", "Lost").await?;
    assert!(message.contains("recreatePolicy"), "it names the way out: {message}");
    let lost = test.get().await?;
    assert!(object::has(&lost, "Stalled", "True"));
    assert!(object::has(&lost, "TargetsHealthy", "Unknown"));
    assert_eq!(
        object::text(&lost, "/status/dnsName"),
        object::text(&ready, "/status/dnsName"),
        "the name stays"
    );
    assert!(test.calls(mark).await?.writes().is_empty());

    test.namespace
        .patch(Kind::CLB, "web", json!({"spec": {"recreatePolicy": "Always"}}))
        .await?;
    let again = test.namespace.until_ready("web").await?;
    assert_ne!(
        object::text(&again, "/status/dnsName"),
        object::text(&ready, "/status/dnsName")
    );
    assert!(describe(test.stack, &name).await.is_some());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_somebody_dropped_comes_back_and_nothing_is_left_behind() -> Result<()> {
    let test = Test::new().await?;
    test.ready(MINIMAL).await?;
    let name = test.name().await?;
    // What `kubectl replace` does with a manifest that knows nothing of finalizers.
    let mut object = test.get().await?;
    object.metadata.finalizers = None;
    let api = test.namespace.api(Kind::CLB).await?;
    let replaced = api.replace("web", &kube::api::PostParams::default(), &object).await;
    assert!(replaced.expect("replaced").metadata.finalizers.is_none());

    let guarded =
        |object: &kube::api::DynamicObject| object.metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty());
    test.namespace.until(Kind::CLB, "web", "its finalizer", guarded).await?;
    test.namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(
        describe(test.stack, &name).await.is_none(),
        "the balancer was left behind"
    );
    Ok(())
}
