//! What Flux does with load balancers that drift, go, rest or fail.

use kube::api::DynamicObject;
use serde_json::json;
use testkit::{Kind, Result, object};

use crate::flux::{Flux, KUSTOMIZATION};
use crate::lab::{Turn, read};

/// Its finalizer holds it.
pub(crate) fn is_going(object: &DynamicObject) -> bool {
    object.metadata.deletion_timestamp.is_some() && object.metadata.finalizers.iter().flatten().count() > 0
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_taken_back_and_a_change_in_git_taken_up() -> Result<()> {
    let turn = Turn::begin("flux-drift").await?.with_flux().await?;
    let web = |seconds: u32| {
        Turn::manifest(
            "flux-drift",
            &format!("  attributes: {{idleTimeoutSeconds: {seconds}}}\n"),
        )
    };
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web(90)))]);
    let flux = Flux::load_balancers(&turn).await?;
    flux.until_ready(&commit).await?;
    let seconds = |object: &DynamicObject| object::at(object, "/spec/attributes/idleTimeoutSeconds").cloned();

    let by_hand = json!({"spec": {"attributes": {"idleTimeoutSeconds": 30}}});
    turn.namespace.patch(Kind::CLB, "flux-drift", by_hand).await?;
    turn.lap("set up");
    flux.pass().await?;
    let web_now = turn.namespace.get(Kind::CLB, "flux-drift").await?;
    turn.lap("drift taken back");
    assert_eq!(seconds(&web_now), Some(json!(90)));

    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web(120)))]);
    flux.until_ready(&commit).await?;
    turn.lap("a change in Git taken");
    let changed = turn.namespace.get(Kind::CLB, "flux-drift").await?;
    assert_eq!(seconds(&changed), Some(json!(120)));
    assert!(object::is_ready(&changed), "Flux waited for AWS to have it");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_does_not_wait_for_aws_and_deleting_does() -> Result<()> {
    let turn = Turn::begin("flux-prune").await?.with_flux().await?;
    let (one, two) = (Turn::manifest("flux-prune-1", ""), Turn::manifest("flux-prune-2", ""));
    let commit = turn.repository.push(&[
        ("load-balancers/one.yaml", Some(&one)),
        ("load-balancers/two.yaml", Some(&two)),
    ]);
    let flux = Flux::load_balancers(&turn).await?;
    flux.until_ready(&commit).await?;

    turn.lab.stack.operator().signal("STOP")?;
    let commit = turn.repository.push(&[("load-balancers/one.yaml", None)]);
    flux.until_ready(&commit).await?;
    assert!(
        is_going(&turn.namespace.get(Kind::CLB, "flux-prune-1").await?),
        "Flux is ready all the same"
    );
    assert!(turn.in_aws("flux-prune-1").await);
    turn.lab.stack.operator().signal("CONT")?;
    turn.namespace.until_gone(Kind::CLB, "flux-prune-1").await?;
    assert!(!turn.in_aws("flux-prune-1").await);

    turn.lab.stack.operator().signal("STOP")?;
    turn.lap("before the deletion");
    flux.cluster.delete(KUSTOMIZATION, turn.name).await?;
    turn.namespace
        .until(Kind::CLB, "flux-prune-2", "to be deleted", is_going)
        .await?;
    let waits = flux.cluster.get(KUSTOMIZATION, turn.name).await?;
    assert!(is_going(&waits), "WaitForTermination");
    turn.lab.stack.operator().signal("CONT")?;
    flux.cluster.until_gone(KUSTOMIZATION, turn.name).await?;
    turn.lap("deleted");
    assert!(turn.namespace.find(Kind::CLB, "flux-prune-2").await?.is_none());
    assert!(!turn.in_aws("flux-prune-2").await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_policy_a_kustomization_is_gone_before_its_load_balancers() -> Result<()> {
    let turn = Turn::begin("flux-mirror").await?.with_flux().await?;
    let web = Turn::manifest("flux-mirror", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web))]);
    let flux = Flux::apply(&turn, "deploy/flux/load-balancers.yaml", |kustomization| {
        kustomization["spec"]["deletionPolicy"] = json!("MirrorPrune");
    });
    let flux = flux.await?;
    flux.until_ready(&commit).await?;
    turn.lab.stack.operator().signal("STOP")?;
    turn.lap("before the deletion");
    flux.cluster.delete_and_wait(KUSTOMIZATION, turn.name).await?;
    turn.lap("deleted");
    assert!(is_going(&turn.namespace.get(Kind::CLB, "flux-mirror").await?));
    assert!(turn.in_aws("flux-mirror").await);
    turn.lab.stack.operator().signal("CONT")?;
    turn.namespace.until_gone(Kind::CLB, "flux-mirror").await?;
    assert!(!turn.in_aws("flux-mirror").await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_observed_or_suspended_is_ready() -> Result<()> {
    let turn = Turn::begin("flux-rest").await?.with_flux().await?;
    let (observe, suspended) = (read("examples/observe.yaml"), read("examples/suspended.yaml"));
    let files = [
        ("load-balancers/observe.yaml", Some(&*observe)),
        ("load-balancers/suspended.yaml", Some(&*suspended)),
    ];
    let commit = turn.repository.push(&files);
    // With the expressions of the file, and as kstatus judges by itself.
    let flux = Flux::load_balancers(&turn).await?;
    flux.until_ready(&commit).await?;
    turn.lap("ready");
    let flux = Flux::apply(&turn, "deploy/flux/load-balancers.yaml", |kustomization| {
        kustomization["spec"]["healthCheckExprs"] = json!([]);
    })
    .await?;
    flux.pass().await?;
    let observed = turn.namespace.get(Kind::CLB, "observe").await?;
    assert!(object::has_reason(&observed, "Programmed", "Differs"), "{observed:?}");
    assert!(!turn.in_aws("observed").await, "nothing is written to AWS");

    // Suspended is a change in Git like any other, and so is its end: else the deletion would wait.
    let full = suspended.replace("management: Suspended", "management: Full");
    let commit = turn.repository.push(&[("load-balancers/suspended.yaml", Some(&full))]);
    flux.until_ready(&commit).await?;
    assert!(object::has_reason(
        &turn.namespace.get(Kind::CLB, "suspended").await?,
        "Ready",
        "Ready"
    ));
    flux.cluster.delete_and_wait(KUSTOMIZATION, turn.name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stalled_or_denied_fails_long_before_the_timeout() -> Result<()> {
    let turn = Turn::begin("flux-stalled").await?.with_flux().await?;
    turn.foreign("flux-foreign").await?;
    let foreign = Turn::manifest("flux-foreign", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&foreign))]);
    let flux = Flux::load_balancers(&turn).await?;
    let message = flux.until_failed(&commit, "HealthCheckFailed").await?;
    turn.lap("stalled is told");
    let named = format!("ClassicLoadBalancer/{}/flux-foreign", turn.namespace.namespace());
    assert!(message.contains(&named) && message.contains("Failed"), "{message}");

    let own = Turn::manifest("flux-own", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&own))]);
    flux.until_ready(&commit).await?;

    turn.deny("flux-denied").await?;
    let denied = Turn::manifest("flux-denied", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&denied))]);
    turn.lap("repaired");
    let message = flux.until_failed(&commit, "HealthCheckFailed").await?;
    turn.lap("denied is told");
    assert!(message.contains("flux-denied"), "{message}");
    turn.lab.stack.simulator().clear_faults().await?;
    flux.until_ready(&commit).await.map(drop)
}
