//! The cluster's own controllers delete: a namespace with all that is in it, and what somebody owns.

use kube::api::{DeleteParams, DynamicObject};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::control_plane::DELETING;
use testkit::{LoadBalancer, Options, Result, Stack};
use tokio::sync::OnceCell;

use crate::bindings::Shared;
use crate::setup::{Home, by_ids, minimal};
use crate::{MINIMAL, Test, describe, manifest, set};

const CONFIG_MAP: Kind = Kind("v1", "ConfigMap");

/// On a control plane with a kube-controller-manager, which these tests share.
async fn with_controllers() -> Result<Test> {
    static SHARED: OnceCell<Stack> = OnceCell::const_new();
    let options = Options {
        controllers: DELETING.to_vec(),
        ..Options::default()
    };
    let stack = SHARED.get_or_try_init(|| Stack::start(options)).await?;
    Test::on(Home::Shared(stack)).await
}

/// An object that owns the load balancer's, as one of Helm or of a platform's own kind would.
async fn owned(test: &Test) -> Result<()> {
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owner}\n";
    let owner: DynamicObject = test.namespace.apply(map).await?.remove(0);
    test.ready(MINIMAL).await?;
    let reference = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner.metadata.uid, "blockOwnerDeletion": true,
    });
    let patch = json!({"metadata": {"ownerReferences": [reference]}});
    test.namespace.patch(Kind::CLB, "web", patch).await.map(drop)
}

/// Lets the operator take its time over the deletion, until [`goes_on`].
async fn waits(test: &Test) -> Result<()> {
    test.patch(json!({"management": "Suspended"})).await?;
    test.until_reason("Ready", "Suspended").await.map(drop)
}

/// The object is being deleted, and held by our finalizer alone or beside that of Kubernetes.
async fn until_held(test: &Test) -> Result<LoadBalancer> {
    let waits = |web: &LoadBalancer| web.message("Ready").contains("deletion waits");
    test.until("to wait", waits).await
}

async fn goes_on(test: &Test) -> Result<()> {
    test.patch(json!({"management": "Full"})).await.map(drop)
}

/// Of the owner and of the object nothing is left, nor of the load balancer.
async fn until_all_is_gone(test: &Test, name: &str) -> Result<()> {
    test.namespace.until_gone(Kind::CLB, "web").await?;
    test.namespace.until_gone(CONFIG_MAP, "owner").await?;
    assert!(describe(&test.stack, name).await.is_none(), "{name} was left behind");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_when_its_load_balancers_have_gone() -> Result<()> {
    let test = with_controllers().await?;
    let (namespace, instances) = (
        test.namespace.namespace().to_owned(),
        test.instances(&["us-east-1a"]).await?,
    );
    test.ready(&minimal(&crate::setup::by_ids(&instances))).await?;
    let beside = |name: &str, lines: &str| manifest(&minimal(lines)).replace("name: web", &format!("name: {name}"));
    test.namespace.apply(&beside("kept", "deletionPolicy: Retain")).await?;
    test.namespace
        .apply(&beside("held", "deletionProtection: true"))
        .await?;
    let mut names = Vec::new();
    for name in ["web", "kept", "held"] {
        names.push(LoadBalancer::from(test.namespace.until_ready(name).await?).name());
    }
    test.namespace.delete(Kind::NAMESPACE, &namespace).await?;
    test.namespace.until_gone(Kind::CLB, "web").await?;
    test.namespace.until_gone(Kind::CLB, "kept").await?;
    // What is protected holds the namespace, and says so.
    let protected = |held: &DynamicObject| testkit::object::has_reason(held, "Ready", "DeletionProtected");
    test.namespace
        .until(Kind::CLB, "held", "to be protected", protected)
        .await?;
    assert!(describe(&test.stack, &names[2]).await.is_some());
    test.namespace
        .patch(Kind::CLB, "held", json!({"spec": {"deletionProtection": false}}))
        .await?;
    test.namespace.until_gone(Kind::NAMESPACE, &namespace).await?;
    assert!(describe(&test.stack, &names[0]).await.is_none());
    assert!(describe(&test.stack, &names[2]).await.is_none());
    assert!(describe(&test.stack, &names[1]).await.is_some(), "Retain keeps it");
    let tags = crate::tags(&test.stack, &names[1]).await;
    assert!(tags.keys().all(|key| !key.starts_with("classiclb.dev/")), "{tags:?}");
    Ok(())
}

/// The instances of bindings leave the load balancer of others, and those of nobody's stay.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_goes_when_its_bindings_have_let_go() -> Result<()> {
    let shared = Shared::offered(with_controllers().await?).await?;
    let test = &shared.test;
    let ids = test.instances(&["us-east-1a"; 4]).await?;
    shared.bound("one", &ids[..1]).await?;
    shared.bound("two", &ids[1..2]).await?;
    shared
        .bind("kept", &format!("{}\ndeletionPolicy: Retain", by_ids(&ids[2..3])))
        .await?;
    shared.ready("kept").await?;
    shared.by_hand("RegisterInstancesWithLoadBalancer", &ids[3]).await?;
    let namespace = test.namespace.namespace().to_owned();
    test.namespace.delete(Kind::NAMESPACE, &namespace).await?;
    test.namespace.until_gone(Kind::NAMESPACE, &namespace).await?;
    assert_eq!(shared.registered().await, set(&ids[2..]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_deleted_in_the_foreground_waits_for_the_load_balancer() -> Result<()> {
    let test = with_controllers().await?;
    owned(&test).await?;
    let name = test.name().await?;
    waits(&test).await?;
    test.namespace
        .delete_as(CONFIG_MAP, "owner", &DeleteParams::foreground())
        .await?;
    until_held(&test).await?;
    let owner = test.namespace.get(CONFIG_MAP, "owner").await?;
    assert!(owner.metadata.deletion_timestamp.is_some(), "it is going, and waits");
    goes_on(&test).await?;
    until_all_is_gone(&test, &name).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_is_deleted_in_the_background_takes_the_load_balancer_with_it() -> Result<()> {
    let test = with_controllers().await?;
    owned(&test).await?;
    let name = test.name().await?;
    waits(&test).await?;
    test.namespace.delete_and_wait(CONFIG_MAP, "owner").await?;
    until_held(&test).await?;
    goes_on(&test).await?;
    until_all_is_gone(&test, &name).await
}

/// Argo CD deletes so: a finalizer of Kubernetes stands beside ours, and only the garbage collector takes it off.
#[tokio::test(flavor = "multi_thread")]
async fn deleted_in_the_foreground_or_as_an_orphan_it_goes_like_in_the_background() -> Result<()> {
    let test = with_controllers().await?;
    for how in [
        DeleteParams::foreground(),
        DeleteParams::orphan(),
        DeleteParams::background(),
    ] {
        test.ready(MINIMAL).await?;
        let name = test.name().await?;
        let mark = test.mark()?;
        test.namespace.delete_as(Kind::CLB, "web", &how).await?;
        test.namespace.until_gone(Kind::CLB, "web").await?;
        assert!(
            describe(&test.stack, &name).await.is_none(),
            "{how:?}: {name} was left behind"
        );
        let calls = test.simulator().calls(mark)?.naming(&name).writes();
        assert_eq!(calls.operations(), ["DeleteLoadBalancer"], "{how:?}: {calls}");
    }
    Ok(())
}
