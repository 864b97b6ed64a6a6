//! Deletion leaves nothing behind, or exactly what was asked for.

use serde_json::json;
use testkit::Result;
use testkit::cluster::Kind;

use crate::setup::minimal;
use crate::{Test, describe};

#[tokio::test(flavor = "multi_thread")]
async fn retain_removes_only_our_own_tags() -> Result<()> {
    let setup = Test::web().instances(1).by_id();
    let test = setup.with("deletionPolicy: Retain\ntags: {team: web}").ready().await?;
    let (name, before) = (test.name().await?, test.in_aws().await?);
    let mark = test.mark()?;
    test.delete().await?;
    let calls = test.simulator().calls(mark)?.naming(&name);
    assert_eq!(calls.writes().operations(), ["RemoveTags"], "{calls}");
    let after = describe(&test.stack, &name).await.expect("the load balancer stays");
    assert_eq!(format!("{before:?}"), format!("{after:?}"));
    let tags = crate::tags(&test.stack, &name).await;
    assert_eq!(tags, [("team".to_owned(), "web".to_owned())].into());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_object_waits_and_says_so() -> Result<()> {
    let test = Test::web().ready().await?;
    let name = test.name().await?;
    test.patch(json!({"management": "Suspended"})).await?;
    test.until_reason("Ready", "Suspended").await?;
    let suspended = test.get().await?;
    assert!(suspended.has("Ready", "True"));
    assert!(
        !suspended.has("Programmed", "True"),
        "what was judged before speaks of the spec before"
    );
    let mark = test.mark()?;
    test.patch(json!({"tags": {"a": "b"}})).await?;
    test.namespace.delete(Kind::CLB, "web").await?;
    test.until("to say that it waits", |web| {
        web.message("Ready").contains("deletion waits")
    })
    .await?;
    assert!(test.calls(mark).await?.is_empty(), "nothing was asked of AWS");

    test.patch(json!({"management": "Full"})).await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    assert!(describe(&test.stack, &name).await.is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_is_gone_already_holds_nothing_up() -> Result<()> {
    let test = Test::web().ready().await?;
    test.lose().await?;
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_never_reached_aws_goes_at_once() -> Result<()> {
    let test = Test::new().await?;
    test.apply(&minimal("management: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_balancer_is_not_made_again_unless_asked_for() -> Result<()> {
    let test = Test::web().ready().await?;
    let ready = test.get().await?;
    test.lose().await?;
    let mark = test.mark()?;
    test.request().await?;
    let message = test.until_reason("Ready", "Lost").await?;
    test.told("clb_load_balancer_reason", ",reason=\"Lost\"", "1").await?;
    assert!(message.contains("recreatePolicy"), "it names the way out: {message}");
    let lost = test.get().await?;
    assert!(lost.has("Stalled", "True") && lost.has("TargetsHealthy", "Unknown") && lost.has("Programmed", "False"));
    assert_eq!(lost.text("/dnsName"), ready.text("/dnsName"), "the name stays");
    test.nothing_written(mark, "lost").await?;

    let again = test.change(json!({"recreatePolicy": "Always"})).await?;
    assert_ne!(again.text("/dnsName"), ready.text("/dnsName"));
    test.in_aws().await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finalizer_that_somebody_dropped_comes_back_and_nothing_is_left_behind() -> Result<()> {
    let test = Test::web().ready().await?;
    let name = test.name().await?;
    // What `kubectl replace` does with a manifest that knows nothing of finalizers.
    let mut object = test.namespace.get(Kind::CLB, "web").await?;
    object.metadata.finalizers = None;
    let api = test.namespace.api(Kind::CLB).await?;
    let replaced = api.replace("web", &kube::api::PostParams::default(), &object).await;
    assert!(replaced.expect("replaced").metadata.finalizers.is_none());

    test.until("its finalizer", |web| {
        web.metadata.finalizers.as_ref().is_some_and(|all| !all.is_empty())
    })
    .await?;
    test.delete().await?;
    assert!(
        describe(&test.stack, &name).await.is_none(),
        "the load balancer was left behind"
    );
    Ok(())
}
