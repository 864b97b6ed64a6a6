//! One operator of a cluster works, and others wait for it.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result, Stack};

use crate::{MINIMAL, Test};

const NAME: &str = "classic-lb-operator";

/// On a control plane where no other operator is.
async fn alone() -> Result<Test> {
    Test::on(Stack::start(Options::default()).await?).await
}

async fn leases(test: &Test) -> Result<Api<Lease>> {
    Ok(Api::namespaced(test.stack.client().await?, "kube-system"))
}

async fn holder(test: &Test) -> Result<Option<String>> {
    let lease = leases(test).await?.get(NAME).await.expect("the Lease");
    Ok(lease.spec.and_then(|spec| spec.holder_identity))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_operator_waits_and_takes_over_when_the_first_ends_or_dies() -> Result<()> {
    let test = alone().await?;
    test.ready(MINIMAL).await?;
    let first = test.stack.operator();
    let second = test.stack.another_operator(&OperatorOptions {
        cluster_id: "another".into(),
        ..OperatorOptions::default()
    })?;
    let leader = holder(&test).await?.expect("a holder");
    second.start_ready().await?;
    let tells = |reply: &testkit::Reply| reply.body.contains("clb_load_balancer_ready{");
    first.until("/metrics", "the objects", tells).await?;
    let metrics = second.get("/metrics").await?;
    assert!(
        !tells(&metrics),
        "only the one that leads tells of them: {}",
        metrics.body
    );
    let mark = test.mark()?;
    test.change(json!({"tags": {"by": "first"}})).await?;
    assert!(
        second.log().contains(&leader),
        "it says for whom it waits: {}",
        second.log()
    );
    assert_eq!(holder(&test).await?, Some(leader));
    let calls = test.calls(mark).await?;
    assert_eq!(calls.of("AddTags").len(), 1, "one works: {calls}");
    let metrics = second.get("/metrics").await?;
    assert!(!tells(&metrics), "it has not worked on any: {}", metrics.body);
    second.stop().await?;

    // Of the same cluster id: it takes over at once, since the first gives the Lease back.
    let second = test.stack.another_operator(&OperatorOptions::default())?;
    second.start_ready().await?;
    first.stop().await?;
    test.change(json!({"tags": {"by": "second"}})).await?;
    // One that dies is waited for, and one that is started again is not.
    first.start_ready().await?;
    second.kill();
    test.change(json!({"tags": {"by": "first again"}})).await?;
    assert_eq!(test.tags().await?["by"], "first again");
    first.kill();
    first.start_ready().await?;
    test.change(json!({"tags": {"by": "itself"}})).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_loses_the_lease_writes_nothing_until_it_has_it_again() -> Result<()> {
    let test = alone().await?;
    test.ready(MINIMAL).await?;
    let leases = leases(&test).await?;
    let theirs = json!({"spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 20}});
    let patch = Patch::Merge(&theirs);
    leases
        .patch(NAME, &PatchParams::default(), &patch)
        .await
        .expect("taken");
    let log = || test.stack.operator().log();
    test.stack
        .operator()
        .until("/metrics", "to follow", |reply| {
            reply
                .body
                .contains("leader_election_master_status{name=\"classic-lb-operator\"} 0")
        })
        .await?;
    assert!(log().contains("somebody"), "{}", log());
    let mark = test.mark()?;
    test.patch(json!({"tags": {"a": "b"}})).await?;
    while holder(&test).await?.as_deref() == Some("somebody") {
        let made = test.calls(mark).await?;
        assert!(made.of("AddTags").is_empty(), "somebody else has the Lease: {made}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    // Nobody renews it, so it runs out, and then the change is made.
    test.until_ready().await?;
    assert_eq!(test.tags().await?["a"], "b");
    let made = test.calls(mark).await?;
    assert_eq!(made.of("AddTags").len(), 1, "{made}");
    // Deleted, it is made again.
    leases.delete(NAME, &DeleteParams::default()).await.expect("deleted");
    let there = |lease: Option<&Lease>| lease.is_some();
    let again = kube::runtime::wait::await_condition(leases, NAME, there);
    tokio::time::timeout(Duration::from_secs(90), again)
        .await
        .expect("made again")
        .expect("watched");
    test.change(json!({"tags": {"a": "c"}})).await?;
    assert!(holder(&test).await?.is_some());
    Ok(())
}

/// Each watches what the other does, as where two are installed for namespaces that overlap. Which of the two has an object is said
/// by who came first, and the other makes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn two_operators_that_meet_at_new_objects_make_one_load_balancer_of_each() -> Result<()> {
    const OBJECTS: usize = 6;
    let test = alone().await?;
    test.stack.control_plane().allow_all_leases().await?;
    let namespace = test.namespace.namespace().to_owned();
    let other = test.stack.another_operator(&OperatorOptions {
        cluster_id: "another".into(),
        args: vec![format!("--watch-namespaces={namespace}")],
        ..OperatorOptions::default()
    })?;
    other.start_ready().await?;
    let names: Vec<String> = (0..OBJECTS).map(|number| format!("met-{number}")).collect();
    let mark = test.mark()?;
    futures::future::try_join_all(names.iter().map(async |name| {
        let object = format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {name}}}\nspec:\n  {}",
            MINIMAL.replace('\n', "\n  ")
        );
        test.namespace.apply(&object).await
    }))
    .await?;
    for name in &names {
        test.namespace
            .until(Kind::CLB, name, "to be made", |object| {
                object.data["status"]["dnsName"].is_string() && object.data["status"]["clusterId"].is_string()
            })
            .await?;
    }
    for name in &names {
        test.namespace.delete_and_wait(Kind::CLB, name).await?;
    }
    let calls = test.simulator().calls(mark)?.successful();
    for operation in ["CreateLoadBalancer", "DeleteLoadBalancer"] {
        let made = calls.of(operation);
        assert_eq!(made.len(), OBJECTS, "{made}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_of_another_cluster_id_is_left_alone_before_it_has_a_load_balancer() -> Result<()> {
    let test = alone().await?;
    // It waits for a certificate, so that it has no load balancer yet.
    let waiting = MINIMAL.replace(
        "protocol: HTTP, instancePort: 8080",
        "protocol: HTTPS, instanceProtocol: HTTP, instancePort: 8080, certificate: {acmDomainName: missing.example}",
    );
    test.apply(&waiting).await?;
    test.until("to wait", |web| web.has("Accepted", "False")).await?;
    assert_eq!(test.get().await?.text("/clusterId"), "test");
    test.stack.operator().stop().await?;
    let other = test.stack.another_operator(&OperatorOptions {
        cluster_id: "another".into(),
        ..OperatorOptions::default()
    })?;
    let mark = test.mark()?;
    other.start_ready().await?;
    test.apply(MINIMAL).await?;
    let message = test.until_reason("Accepted", "Conflict").await?;
    assert!(message.contains("cluster id test"), "{message}");
    assert!(test.simulator().calls(mark)?.writes().is_empty());
    assert_eq!(test.get().await?.text("/clusterId"), "test", "it stays the first one's");
    Ok(())
}
