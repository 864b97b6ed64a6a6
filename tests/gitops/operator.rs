//! The operator itself, installed by Argo CD, by Flux and by Helm, on a Node that says of each pod that it runs.
//!
//! Its pods run nothing: load balancers are looked after by the operator of the lab all the time.

use std::process::Command;

use kube::api::DynamicObject;
use serde_json::json;
use testkit::{Kind, Result, object, tool};

use crate::argocd::{APPLICATION, Argo};
use crate::flux::{Flux, KUSTOMIZATION};
use crate::flux_states::is_going;
use crate::lab::{Turn, built};

const DEPLOYMENT: Kind = Kind("apps/v1", "Deployment");
const POD: Kind = Kind("v1", "Pod");
const OPERATOR: &str = "classic-lb-operator";
const DEFINITION: &str = "classicloadbalancers.classiclb.dev";

/// How many pods run on the fake Node.
async fn pods(turn: &Turn) -> Result<usize> {
    let pods = turn.namespace.in_namespace(OPERATOR).list(POD).await?;
    let runs = |pod: &&DynamicObject| {
        object::text(pod, "/status/phase") == "Running" && object::text(pod, "/spec/nodeName") == "fake-1"
    };
    Ok(pods.iter().filter(runs).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn argocd_installs_the_chart_and_leaves_the_definitions() -> Result<()> {
    let turn = Turn::begin("argocd-operator")
        .await?
        .with_argocd()
        .await?
        .with_nodes()
        .await?;
    let commit = turn.repository.push_folder("charts/classic-lb-operator");
    let argo = Argo::apply(&turn, "deploy/argocd/operator.yaml", |application| {
        application["spec"]["source"]["helm"]["releaseName"] = json!(OPERATOR);
    })
    .await?;
    argo.until_synced(&commit, "Healthy").await?;
    turn.lap("the chart healthy");
    assert_eq!(pods(&turn).await?, 2);
    let version = turn
        .namespace
        .get(Kind::CRD, DEFINITION)
        .await?
        .metadata
        .resource_version;
    argo.pass().await?;
    let after = turn
        .namespace
        .get(Kind::CRD, DEFINITION)
        .await?
        .metadata
        .resource_version;
    assert_eq!(after, version, "a pass over what is as in Git writes nothing");

    argo.cluster.delete_and_wait(APPLICATION, turn.name).await?;
    turn.lap("deleted");
    let there = turn.namespace.in_namespace(OPERATOR);
    assert!(there.find(DEPLOYMENT, OPERATOR).await?.is_none());
    assert!(
        there.find(Kind::CRD, DEFINITION).await?.is_some(),
        "Prune=false,Delete=false"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn helm_waits_until_the_pods_run_and_until_they_are_gone() -> Result<()> {
    let turn = Turn::begin("helm-operator").await?.with_nodes().await?;
    let helm = |arguments: &[&str]| {
        let output = Command::new(built("helm"))
            .args(arguments)
            .args(["--namespace", OPERATOR, "--wait", "--timeout", "90s"])
            .env("KUBECONFIG", turn.lab.stack.control_plane().kubeconfig())
            .current_dir(tool::root())
            .output()
            .expect("Helm");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "helm {arguments:?}: {errors}");
    };
    helm(&[
        "install",
        OPERATOR,
        "charts/classic-lb-operator",
        "--set=clusterId=production,image.repository=registry.example.com/classic-lb-operator,image.tag=0.1.0",
        // The lab has the definitions and the service account already.
        "--take-ownership",
        "--force-conflicts",
    ]);
    turn.lap("helm install --wait");
    assert_eq!(pods(&turn).await?, 2);
    helm(&["uninstall", OPERATOR]);
    turn.lap("helm uninstall --wait");
    assert!(
        turn.namespace
            .in_namespace(OPERATOR)
            .find(DEPLOYMENT, OPERATOR)
            .await?
            .is_none()
    );
    assert!(turn.namespace.find(Kind::CRD, DEFINITION).await?.is_some(), "crds.keep");
    Ok(())
}

/// The wrong order, and the way out of it.
#[tokio::test(flavor = "multi_thread")]
async fn flux_installs_the_overlay_and_load_balancers_outlive_it_until_it_is_back() -> Result<()> {
    let turn = Turn::begin("flux-operator")
        .await?
        .with_flux()
        .await?
        .with_nodes()
        .await?;
    let commit = turn.repository.push_folder("deploy");
    let operator = Flux::apply(&turn, "deploy/flux/operator.yaml", |_| ()).await?;
    operator.until_ready(&commit).await?;
    turn.lap("the overlay ready");
    assert_eq!(pods(&turn).await?, 1);

    let web = Turn::manifest("flux-outlives", "");
    let there = turn.namespace.clone();
    there.apply(&web).await?;
    there.until_ready("flux-outlives").await?;

    turn.lab.stack.operator().stop().await?;
    operator.cluster.delete_and_wait(KUSTOMIZATION, turn.name).await?;
    there.until_gone(Kind::NAMESPACE, OPERATOR).await?;
    assert!(there.find(Kind::CRD, DEFINITION).await?.is_some(), "prune: disabled");
    there.delete(Kind::CLB, "flux-outlives").await?;
    assert!(
        is_going(&there.get(Kind::CLB, "flux-outlives").await?),
        "nobody answers its finalizer"
    );
    assert!(turn.in_aws("flux-outlives").await);

    turn.lab.stack.control_plane().install().await?;
    turn.lab.stack.operator().start_ready().await?;
    there.until_gone(Kind::CLB, "flux-outlives").await?;
    assert!(!turn.in_aws("flux-outlives").await);
    Ok(())
}
