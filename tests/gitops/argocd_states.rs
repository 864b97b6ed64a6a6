//! What Argo CD does with load balancers that drift, go, rest, fail or wait for each other.

use kube::api::DynamicObject;
use serde_json::json;
use testkit::{Kind, Result, object};

use crate::argocd::{APPLICATION, Argo, health};
use crate::flux_states::is_going;
use crate::lab::{Turn, read};

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_taken_back_by_itself_and_a_change_in_git_taken_up() -> Result<()> {
    let turn = Turn::begin("argocd-drift").await?.with_argocd().await?;
    let web = |seconds: u32| {
        Turn::manifest(
            "argocd-drift",
            &format!("  attributes: {{idleTimeoutSeconds: {seconds}}}\n"),
        )
    };
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web(90)))]);
    let argo = Argo::load_balancers(&turn).await?;
    argo.until_synced(&commit, "Healthy").await?;
    let is = |seconds: u32| {
        move |object: &DynamicObject| object::at(object, "/spec/attributes/idleTimeoutSeconds") == Some(&json!(seconds))
    };

    turn.lap("set up");
    let by_hand = json!({"spec": {"attributes": {"idleTimeoutSeconds": 30}}});
    turn.namespace.patch(Kind::CLB, "argocd-drift", by_hand).await?;
    turn.namespace
        .until(Kind::CLB, "argocd-drift", "what Git says", is(90))
        .await?;
    turn.lap("drift taken back");

    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&web(120)))]);
    argo.until_synced(&commit, "Healthy").await?;
    turn.lap("a change in Git taken");
    let changed = turn.namespace.get(Kind::CLB, "argocd-drift").await?;
    assert!(is(120)(&changed) && object::is_ready(&changed), "{changed:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pruning_and_deleting_wait_for_aws() -> Result<()> {
    let turn = Turn::begin("argocd-prune").await?.with_argocd().await?;
    let (one, two) = (
        Turn::manifest("argocd-prune-1", ""),
        Turn::manifest("argocd-prune-2", ""),
    );
    let commit = turn.repository.push(&[
        ("load-balancers/one.yaml", Some(&one)),
        ("load-balancers/two.yaml", Some(&two)),
    ]);
    let argo = Argo::load_balancers(&turn).await?;
    argo.until_synced(&commit, "Healthy").await?;

    turn.lab.stack.operator().signal("STOP")?;
    let commit = turn.repository.push(&[("load-balancers/one.yaml", None)]);
    argo.refresh().await?;
    let going = turn
        .namespace
        .until(Kind::CLB, "argocd-prune-1", "to be deleted", is_going)
        .await?;
    let finalizers = going.metadata.finalizers.unwrap_or_default();
    assert!(
        finalizers.contains(&"foregroundDeletion".to_owned()),
        "only the garbage collector takes it off: {finalizers:?}"
    );
    let waits = argo.pass().await?;
    assert_eq!(
        object::text(&waits, "/status/sync/status"),
        "OutOfSync",
        "while the finalizer holds it"
    );
    assert!(turn.in_aws("argocd-prune-1").await);
    turn.lab.stack.operator().signal("CONT")?;
    turn.namespace.until_gone(Kind::CLB, "argocd-prune-1").await?;
    argo.until_synced(&commit, "Healthy").await?;
    assert!(!turn.in_aws("argocd-prune-1").await);

    turn.lab.stack.operator().signal("STOP")?;
    argo.cluster.delete(APPLICATION, turn.name).await?;
    turn.namespace
        .until(Kind::CLB, "argocd-prune-2", "to be deleted", is_going)
        .await?;
    assert!(
        is_going(&argo.cluster.get(APPLICATION, turn.name).await?),
        "the Application waits"
    );
    turn.lap("before the deletion");
    turn.lab.stack.operator().signal("CONT")?;
    argo.cluster.until_gone(APPLICATION, turn.name).await?;
    turn.lap("deleted");
    assert!(turn.namespace.find(Kind::CLB, "argocd-prune-2").await?.is_none());
    assert!(!turn.in_aws("argocd-prune-2").await);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_observed_or_suspended_is_healthy() -> Result<()> {
    let turn = Turn::begin("argocd-rest").await?.with_argocd().await?;
    let (observe, suspended) = (read("examples/observe.yaml"), read("examples/suspended.yaml"));
    let files = [
        ("load-balancers/observe.yaml", Some(&*observe)),
        ("load-balancers/suspended.yaml", Some(&*suspended)),
    ];
    let commit = turn.repository.push(&files);
    let argo = Argo::load_balancers(&turn).await?;
    let application = argo.until_synced(&commit, "Healthy").await?;
    turn.lap("healthy");
    for name in ["observe", "suspended"] {
        let told = turn.namespace.get(Kind::CLB, name).await?;
        let (status, _) = health(&application, name);
        assert_eq!(status, "Healthy", "{told:?}");
    }
    assert!(!turn.in_aws("observed").await, "nothing is written to AWS");
    let full = suspended.replace("management: Suspended", "management: Full");
    let commit = turn.repository.push(&[("load-balancers/suspended.yaml", Some(&full))]);
    argo.until_synced(&commit, "Healthy").await?;
    argo.cluster.delete_and_wait(APPLICATION, turn.name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_stalled_or_denied_is_degraded_with_the_message() -> Result<()> {
    let turn = Turn::begin("argocd-stalled").await?.with_argocd().await?;
    turn.foreign("argocd-foreign").await?;
    turn.deny("argocd-denied").await?;
    let foreign = Turn::manifest("argocd-foreign", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&foreign))]);
    let argo = Argo::load_balancers(&turn).await?;
    let application = argo.until_synced(&commit, "Degraded").await?;
    turn.lap("stalled is told");
    let stored = turn.namespace.get(Kind::CLB, "argocd-foreign").await?;
    let (_, said) = crate::lab::condition(&stored, "Stalled");
    assert_eq!(health(&application, "argocd-foreign").1, said);
    let denied = Turn::manifest("argocd-denied", "");
    let commit = turn.repository.push(&[("load-balancers/web.yaml", Some(&denied))]);
    argo.refresh().await?;
    argo.until("to tell the denial", |found| {
        object::text(found, "/status/sync/revision") == commit && health(found, "argocd-denied").0 == "Degraded"
    })
    .await?;
    turn.lap("denied is told");
    turn.lab.stack.simulator().clear_faults().await?;
    argo.until_synced(&commit, "Healthy").await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn sync_waves_wait_for_aws_in_both_directions() -> Result<()> {
    let turn = Turn::begin("argocd-waves").await?.with_argocd().await?;
    let wave = |name: &str, wave: u32| {
        let annotated = format!("  name: {name}\n  annotations: {{argocd.argoproj.io/sync-wave: \"{wave}\"}}\n");
        Turn::manifest(name, "").replace(&format!("  name: {name}\nspec"), &format!("{annotated}spec"))
    };
    let (first, second) = (wave("argocd-first", 0), wave("argocd-second", 1));
    turn.lab.stack.operator().signal("STOP")?;
    let commit = turn.repository.push(&[
        ("load-balancers/first.yaml", Some(&first)),
        ("load-balancers/second.yaml", Some(&second)),
    ]);
    let argo = Argo::load_balancers(&turn).await?;
    argo.until("to wait for the first wave", |found| {
        let message = object::text(found, "/status/operationState/message");
        message.contains("waiting for healthy state") && message.contains("argocd-first")
    })
    .await?;
    assert!(
        turn.namespace.find(Kind::CLB, "argocd-second").await?.is_none(),
        "the second wave"
    );
    turn.lab.stack.operator().signal("CONT")?;
    argo.until_synced(&commit, "Healthy").await?;
    turn.lap("both waves");

    let mark = turn.lab.stack.simulator().mark()?;
    argo.cluster.delete_and_wait(APPLICATION, turn.name).await?;
    let calls = turn.lab.stack.simulator().calls(mark)?.of("DeleteLoadBalancer");
    let deleted: Vec<String> = calls.iter().map(|call| call.member("LoadBalancerName")).collect();
    assert_eq!(deleted, ["argocd-second", "argocd-first"], "the last wave goes first");
    Ok(())
}
