//! A second cluster from the stored objects of the first: nothing of the first one's load balancers is written or deleted.

use std::sync::Arc;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::process::Folder;
use testkit::{Calls, Cluster, ControlPlane, LoadBalancer, Operator, OperatorOptions, Options, Result, Stack};

use crate::setup::minimal;
use crate::{Test, describe, manifest, unique};

/// The operator of the second cluster.
async fn operator_of(second: &ControlPlane, test: &Test, cluster_id: &str) -> Result<Operator> {
    let options = OperatorOptions {
        cluster_id: cluster_id.into(),
        ..OperatorOptions::default()
    };
    let (kubeconfig, aws) = (second.operator_kubeconfig(), test.simulator().environment());
    let operator = Operator::prepare(&options, kubeconfig, aws, Arc::new(Folder::new()?))?;
    operator.start_ready().await?;
    Ok(operator)
}

async fn until_reason(cluster: &Cluster, name: &str, reason: &str) -> Result<String> {
    let says = |object: &kube::api::DynamicObject| testkit::object::has_reason(object, "Ready", reason);
    let object = cluster
        .until(Kind::CLB, name, &format!("Ready with reason {reason}"), says)
        .await?;
    Ok(LoadBalancer::from(object).message("Ready"))
}

/// With a name of its own, and with one that follows from the cluster id.
#[tokio::test(flavor = "multi_thread")]
async fn under_another_cluster_id_it_touches_nothing_of_the_first() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let given = format!("given-{}", unique());
    test.ready(&minimal("")).await?;
    let named = manifest(&minimal(&format!("loadBalancerName: {given}"))).replace("name: web", "name: named");
    test.namespace.apply(&named).await?;
    test.namespace.until_ready("named").await?;
    let names = [test.name().await?, given.clone()];

    let second = test.stack.control_plane().restored().await?;
    let cluster = second.cluster(test.namespace.namespace()).await?;
    let copy = cluster.get(Kind::CLB, "web").await?;
    assert_eq!(
        copy.metadata.uid,
        test.get().await?.metadata.uid,
        "the same object, told by no UID"
    );
    // The first one rests, so that every write would be the second one's.
    test.stack.operator().stop().await?;
    let mark = test.mark()?;
    let operator = operator_of(&second, &test, "other").await?;
    let message = until_reason(&cluster, "named", "Conflict").await?;
    assert!(
        message.contains("cluster id test") && message.contains("status.clusterId"),
        "{message}"
    );
    let message = until_reason(&cluster, "web", "Invalid").await?;
    assert!(message.contains(&names[0]), "{message}");

    // Changed and deleted there, they still write nothing.
    let change = json!({"spec": {"tags": {"by": "second"}}});
    for name in ["web", "named"] {
        cluster.patch(Kind::CLB, name, change.clone()).await?;
        cluster.delete(Kind::CLB, name).await?;
    }
    cluster.until_gone(Kind::CLB, "web").await?;
    let events = cluster.events("web").await?;
    let told = |(_, reason, note): &(String, String, String)| reason == "NotOwned" && note.contains("cluster test");
    assert!(events.iter().any(told), "{events:?}");
    // The other one waits until it is handed over for good.
    let held = cluster.get(Kind::CLB, "named").await?;
    assert!(held.metadata.deletion_timestamp.is_some());
    let handed_over = Patch::Merge(json!({"status": {"clusterId": null}}));
    let api = cluster.api(Kind::CLB).await?;
    let patched = api.patch_status("named", &PatchParams::default(), &handed_over).await;
    patched.expect("patched");
    cluster.until_gone(Kind::CLB, "named").await?;
    operator.stop().await?;

    let calls: Calls = test.simulator().calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    for name in &names {
        assert!(describe(&test.stack, name).await.is_some(), "{name}");
    }
    // The first cluster goes on with what it has.
    test.stack.operator().start_ready().await?;
    test.change(json!({"tags": {"by": "first"}})).await?;
    test.delete().await?;
    test.namespace.delete_and_wait(Kind::CLB, "named").await?;
    assert!(describe(&test.stack, &given).await.is_none());
    Ok(())
}

/// As a backup tool restores them: the same specs under other UIDs, and without a status.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_other_uids_touch_nothing_whatever_the_cluster_id() -> Result<()> {
    let first = Test::on(Stack::start(Options::default()).await?).await?;
    let name = format!("given-{}", unique());
    let spec = minimal(&format!("loadBalancerName: {name}"));
    first.ready(&spec).await?;
    let second = ControlPlane::start().await?;
    second.install().await?;
    let cluster = second.cluster(first.namespace.namespace()).await?;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace()}});
    cluster.apply(&namespace.to_string()).await?;
    let mark = first.mark()?;
    for cluster_id in ["test", "other"] {
        let operator = operator_of(&second, &first, cluster_id).await?;
        cluster.apply(&manifest(&spec)).await?;
        let message = until_reason(&cluster, "web", "Conflict").await?;
        assert!(message.contains("is not touched"), "{cluster_id}: {message}");
        cluster.delete_and_wait(Kind::CLB, "web").await?;
        operator.stop().await?;
    }
    first.nothing_written(mark, "by the second cluster").await?;
    first.pass().await?;
    assert!(first.get().await?.is_ready());
    Ok(())
}
