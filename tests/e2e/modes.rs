//! Balancers that are left alone for a while: by a suspended object, by an operator that only reads, and after a loss of
//! the cluster.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result};

use crate::setup::with_args;
use crate::{Test, describe, manifest, set};

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_an_object_is_suspended_is_made_up_for_afterwards() -> Result<()> {
    let test = Test::web().instances(1).by_node().ready().await?;
    let more = test.instances(&["us-east-1a"]).await?.remove(0);
    test.apply(&test.spec("management: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;

    let mark = test.mark()?;
    test.apply(&test.spec("tags: {team: web}\nmanagement: Suspended"))
        .await?;
    test.until_reason("Ready", "Suspended").await?;
    test.node(&more).await?;
    // Another object follows that Node, so this one was told of it, too.
    let other = manifest(&test.spec("")).replace("name: web", "name: other");
    test.namespace.apply(&other).await?;
    test.namespace.until_ready("other").await?;
    let calls = test.calls(mark).await?;
    assert!(calls.is_empty(), "nothing is asked of AWS: {calls}");

    test.by_hand("DeleteLoadBalancerListeners", &[("LoadBalancerPorts.member.1", "80")])
        .await?;
    test.ready(&test.spec("tags: {team: web}")).await?;
    assert_eq!(test.registered().await?, set([&test.ids[0], &more]));
    assert_eq!(test.in_aws().await?.listener_descriptions().len(), 1);
    assert_eq!(test.tags().await?["team"], "web");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_from_a_backup_gets_its_balancer_back_when_it_asks() -> Result<()> {
    let lines = "attributes: {idleTimeoutSeconds: 90}\ntags: {team: web}\n";
    let setup = Test::web().on(Options::default()).with(lines);
    let test = setup.zones(&["us-east-1a", "us-east-1b"]).by_id().ready().await?;
    let before = test.get().await?;
    // The cluster is lost and made again: the object comes back with another uid and without a status.
    test.stack.operator().stop().await?;
    let free = json!({"metadata": {"finalizers": null}});
    test.namespace.patch(Kind::CLB, "web", free).await?;
    test.delete().await?;
    test.apply(&test.spec("")).await?;
    let mark = test.mark()?;
    test.stack.operator().start_ready().await?;
    let told = test
        .until("the conflict", |web| web.says("Accepted", "Conflict"))
        .await?;
    assert_ne!(told.metadata.uid, before.metadata.uid);
    let (message, uid) = (
        told.message("Accepted"),
        before.metadata.uid.clone().unwrap_or_default(),
    );
    assert!(
        message.contains(&uid) && message.contains("set spec.adopt: true"),
        "{message}"
    );
    assert!(told.has("Stalled", "True"));
    let calls = test.simulator().calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");

    let after = test.change(json!({"adopt": true})).await?;
    let calls = test.simulator().calls(mark)?.writes();
    assert_eq!(calls.operations(), ["AddTags"], "{calls}");
    for path in ["/dnsName", "/createdTime", "/arn"] {
        assert_eq!(after.text(path), before.text(path), "{path}");
    }
    // It counts as adopted, so it stays when its object goes, unless that one says otherwise.
    assert_eq!(test.tags().await?["classiclb.dev/origin"], "adopted");
    test.change(json!({"deletionPolicy": "Delete"})).await?;
    test.delete().await?;
    assert!(describe(&test.stack, &before.name()).await.is_none());
    Ok(())
}

/// The operations of `status.plan`, once it is told that the operator only reads.
async fn plan(test: &Test, calls: usize) -> Result<Vec<String>> {
    let web = test
        .until("the plan", |web| web.has("Ready", "True") && web.plan().len() == calls)
        .await?;
    let ready = web.condition("Ready").expect("Ready");
    assert!(
        ready.reason == "Observing" && ready.message.contains("--read-only"),
        "{ready:?}"
    );
    Ok(crate::observe::operations(&web))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_only_reads_tells_drift_and_changes_and_a_later_one_acts() -> Result<()> {
    let setup = Test::web().on(Options::default());
    let test = setup.instances(1).by_id().ready().await?;
    test.stack.operator().stop().await?;

    test.by_hand("DeleteLoadBalancerListeners", &[("LoadBalancerPorts.member.1", "80")])
        .await?;
    let reader = with_args(&["--read-only"]).operator;
    let reader = test.stack.another_operator(&reader)?;
    let mark = test.mark()?;
    reader.start_ready().await?;
    assert_eq!(plan(&test, 1).await?, ["CreateLoadBalancerListeners"]);
    // Who took the instance out is not told from one process to the next where nothing was done about it, and the last one
    // in service would stay.
    let nothing = json!({"tags": {"team": "web"}, "targets": {"instanceIds": []}, "registration": {"minInService": 0}});
    test.patch(nothing).await?;
    let mut planned = plan(&test, 3).await?;
    planned.sort();
    let expected = [
        "AddTags",
        "CreateLoadBalancerListeners",
        "DeregisterInstancesFromLoadBalancer",
    ];
    assert_eq!(planned, expected);
    let calls = test.simulator().calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    assert_eq!(reader.stop().await?, testkit::Exit::Code(0));

    test.stack.operator().start_ready().await?;
    // Nobody is deregistered before bindings were listed once.
    test.until_called(mark, "DeregisterInstancesFromLoadBalancer").await?;
    test.until_reason("Ready", "Ready").await?;
    let calls = test.writes(mark).await?;
    let mut done = calls.operations();
    done.sort_unstable();
    assert_eq!(done, expected, "what was planned is done");
    assert!(test.registered().await?.is_empty());
    assert_eq!(test.in_aws().await?.listener_descriptions().len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_another_cluster_id_says_so_and_lets_the_balancer_be() -> Result<()> {
    let test = Test::web().on(Options::default()).ready().await?;
    let name = test.name().await?;
    test.stack.operator().stop().await?;

    let renamed = OperatorOptions {
        cluster_id: "renamed".into(),
        ..OperatorOptions::default()
    };
    let other = test.stack.another_operator(&renamed)?;
    test.patch(json!({"management": "Suspended"})).await?;
    let mark = test.mark()?;
    other.start_ready().await?;
    let told = test
        .until("the suspension", |web| web.says("Ready", "Suspended"))
        .await?;
    assert_eq!(told.name(), name, "it stays known");
    test.patch(json!({"management": "Full"})).await?;
    let told = test.until("the refusal", |web| web.says("Accepted", "Invalid")).await?;
    let message = told.message("Accepted");
    assert!(
        message.contains(&name) && message.contains("give the operator its former cluster id back"),
        "{message}"
    );
    test.delete().await?;
    let events = test.namespace.events("web").await?;
    let told = |(kind, reason, note): &(String, String, String)| {
        kind == "Warning" && reason == "NotOwned" && note.contains(&name) && note.contains("of cluster test")
    };
    assert!(events.iter().any(told), "{events:?}");
    let calls = test.simulator().calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    assert!(describe(&test.stack, &name).await.is_some());
    Ok(())
}
