//! Nodes that are about to go: deregistered first, and told how far they have drained.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::DynamicObject;
use serde_json::{Value, json};
use testkit::aws_simulator::{Clock, Delays};
use testkit::cluster::Kind;
use testkit::{Calls, Options, Result};

use crate::setup::{by_role, with_args};
use crate::{Test, set};

const REGISTER: &str = "RegisterInstancesWithLoadBalancer";
const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";
const HEALTH: &str = "DescribeInstanceHealth";
/// What the annotations begin with; the operator's Lease follows.
const DRAIN: &str = "drain.classiclb.dev/";
const DELAY: &str = "delay-deletion.cluster-autoscaler.kubernetes.io/";

const SPEC: &str = "\
availabilityZones: [us-east-1a]
listeners:
- {port: 80, protocol: HTTP, instancePort: 8080}
healthCheck: {target: 'TCP:8080', intervalSeconds: 5, timeoutSeconds: 2, healthyThreshold: 2}
attributes: {connectionDraining: {enabled: true, timeoutSeconds: 120}}";

/// What the chart grants where `nodeDraining` is on.
const MAY_PATCH_NODES: &str = "\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: node-draining}
rules: [{apiGroups: [''], resources: [nodes], verbs: [patch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: node-draining}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: node-draining}
subjects: [{kind: ServiceAccount, name: classic-lb-operator, namespace: classic-lb-operator}]";

/// An AWS whose time passes ten times as fast, and an operator that does this with Nodes that are about to go.
fn options(draining: &str) -> Options {
    let mut options = with_args(&[&format!("--node-draining={draining}")]);
    (options.aws.delays, options.aws.clock) = (Delays::Aws, Clock::scaled(10.0));
    options
}

/// So many Nodes, all in service, and these lines.
async fn serving(draining: &str, count: usize, lines: &str) -> Result<Test> {
    let test = Test::web().on(options(draining)).instances(count).start().await?;
    test.namespace.apply(MAY_PATCH_NODES).await?;
    for id in &test.ids {
        test.node(id).await?;
    }
    let summary = format!("{count}/{count}");
    test.apply(&format!("{SPEC}\n{}\n{lines}", by_role(&test.role))).await?;
    test.until("all to be in service", |web| web.is_ready() && web.summary() == summary)
        .await?;
    Ok(test)
}

/// Gives a Node this taint alone, or takes all off.
async fn taint(test: &Test, id: &str, key: Option<&str>) -> Result<()> {
    let taints: Vec<Value> = key
        .iter()
        .map(|key| json!({"key": key, "effect": "NoSchedule"}))
        .collect();
    let patch = json!({"spec": {"taints": taints}});
    test.namespace.patch(Kind::NODE, id, patch).await.map(drop)
}

/// What a Node is told. The operators of all tests see it, and each has an annotation of its own: whoever waits, waits for
/// all of them, and those that do not have it say at once that they are done.
fn told(node: &DynamicObject) -> (Option<String>, bool) {
    let annotations = node.metadata.annotations.iter().flatten();
    let with = |prefix: &'static str| annotations.clone().filter(move |(key, _)| key.starts_with(prefix));
    let said: BTreeSet<String> = with(DRAIN).map(|(_, value)| value.clone()).collect();
    let order = ["Registered", "Draining", "Done"];
    let last = order.into_iter().find(|value| said.contains(*value));
    (last.map(ToOwned::to_owned), with(DELAY).next().is_some())
}

async fn until_told(test: &Test, id: &str, drain: Option<&str>, delays: bool) -> Result<()> {
    let mut seen = Vec::new();
    let is_told = |node: &DynamicObject| {
        let (said, delayed) = told(node);
        // The operator of a test that has ended takes nothing off any more.
        let found = said.as_deref() == drain || (drain.is_none() && said.as_deref() == Some("Done"));
        seen.push((said, delayed));
        found && delayed == delays
    };
    let what = format!("{id} to be told {drain:?}");
    let found = test.namespace.until(Kind::NODE, id, &what, is_told).await;
    assert!(found.is_ok(), "{id} was told {seen:?}, and not {drain:?}, {delays}");
    Ok(())
}

/// The states that AWS tells of all instances of the balancer, draining ones included.
async fn health(test: &Test) -> Result<BTreeMap<String, bool>> {
    let name = test.name().await?;
    let request = test.simulator().elb().describe_instance_health();
    let reply = request.load_balancer_name(name).send().await.expect("health");
    let draining = "Instance deregistration currently in progress.";
    let states = reply.instance_states().iter();
    let states = states.map(|state| {
        let id = state.instance_id().unwrap_or_default().to_owned();
        (id, state.description() == Some(draining))
    });
    Ok(states.collect())
}

/// The instances that leave by these calls, in order.
fn left(calls: &Calls) -> Vec<String> {
    let calls = calls.of(DEREGISTER);
    let ids = calls.iter().flat_map(|call| call.members("Instances.member."));
    ids.map(|(_, id)| id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_about_to_go_is_deregistered_and_told_when_aws_says_that_it_has_drained() -> Result<()> {
    let test = serving("delay", 3, "").await?;
    let [leaving, other] = [&test.ids[0], &test.ids[1]];
    // The autoscaler looks for it when it has made up its mind, so it is there long before.
    until_told(&test, leaving, None, true).await?;
    until_told(&test, other, None, true).await?;

    let mark = test.mark()?;
    taint(&test, leaving, Some("ToBeDeletedByClusterAutoscaler")).await?;
    test.until_called(mark, DEREGISTER).await?;
    until_told(&test, leaving, Some("Draining"), true).await?;
    test.until("one to drain", |web| *web.status("/instances/draining") == 1)
        .await?;
    assert_eq!(
        health(&test).await?.get(leaving),
        Some(&true),
        "it finishes its connections"
    );

    until_told(&test, leaving, Some("Done"), false).await?;
    assert_eq!(health(&test).await?.get(leaving), None, "AWS has let it go");
    let calls = test.calls(mark).await?;
    assert_eq!(left(&calls), [leaving.as_str()], "{calls}");
    assert!(calls.of(REGISTER).is_empty(), "{calls}");
    let last = |operation| calls.of(operation).iter().last().map(|call| call.seq);
    assert!(last(HEALTH) > last(DEREGISTER), "AWS was asked after that: {calls}");

    // The autoscaler thinks again.
    taint(&test, leaving, None).await?;
    test.until_called(mark, REGISTER).await?;
    until_told(&test, leaving, None, true).await?;
    assert_eq!(test.registered().await?, set(&test.ids));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_go_wait_for_no_share_but_the_last_in_service_stay_until_others_serve() -> Result<()> {
    let test = serving("tell", 4, "registration: {minInService: 2}").await?;
    let spare = test.instances(&["us-east-1a"]).await?.remove(0);
    let mark = test.mark()?;
    for (id, sign) in [
        (&test.ids[0], "karpenter.sh/disrupted"),
        (&test.ids[1], "aws-node-termination-handler/spot-itn"),
        (&test.ids[2], "node.kubernetes.io/out-of-service"),
    ] {
        taint(&test, id, Some(sign)).await?;
    }
    // Two leave though a third of four is one, and nobody waits for the first to drain.
    let two = |calls: &Calls| left(calls).len() == 2;
    test.simulator().until_calls(mark, "two to leave", two).await?;
    let registered = test.registered().await?;
    assert_eq!(registered.len(), 2);
    let kept = test.ids[..3].iter().find(|id| registered.contains(*id));
    let kept = kept.expect("one that must serve on").clone();
    test.until("the third to wait", |web| {
        web.says("Programmed", "Deregistering") && web.message("Programmed").contains("minInService")
    })
    .await?;
    until_told(&test, &kept, Some("Registered"), false).await?;

    test.node(&spare).await?;
    until_told(&test, &kept, Some("Draining"), false).await?;
    for id in &test.ids[..3] {
        until_told(&test, id, Some("Done"), false).await?;
    }
    assert_eq!(test.registered().await?, set([&test.ids[3], &spare]));
    let calls = test.calls(mark).await?;
    assert_eq!(left(&calls).len(), 3, "{calls}");
    assert_eq!(calls.of(REGISTER).len(), 1, "only the new one comes: {calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_a_node_drains_it_says_when_that_is_over() -> Result<()> {
    let test = serving("tell", 2, "").await?;
    let leaving = &test.ids[0];
    taint(&test, leaving, Some("ToBeDeletedByClusterAutoscaler")).await?;
    until_told(&test, leaving, Some("Draining"), false).await?;
    test.until("one to drain", |web| *web.status("/instances/draining") == 1)
        .await?;
    test.stack.operator().kill();
    test.stack.operator().start_ready().await?;
    until_told(&test, leaving, Some("Done"), false).await?;
    assert_eq!(health(&test).await?.get(leaving), None, "AWS has let it go");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_node_that_no_selector_has_waits_for_nothing() -> Result<()> {
    let test = Test::web().on(options("delay")).instances(3).start().await?;
    test.namespace.apply(MAY_PATCH_NODES).await?;
    for id in &test.ids {
        test.node(id).await?;
    }
    let [named, both, none] = [&test.ids[0], &test.ids[1], &test.ids[2]];
    test.namespace.label(Kind::NODE, none, "role", Some("db")).await?;
    test.ready(&format!(
        "{SPEC}\ntargets: {{instanceIds: [{named}, {both}], nodeSelector: {{matchLabels: {{role: '{}'}}}}}}",
        test.role
    ))
    .await?;
    let mark = test.mark()?;
    for id in &test.ids {
        taint(&test, id, Some("ToBeDeletedByClusterAutoscaler")).await?;
        until_told(&test, id, Some("Done"), false).await?;
    }
    test.pass().await?;
    test.nothing_written(mark, "an id that is named stays").await?;
    assert_eq!(test.registered().await?, set([named, both]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flag_a_taint_is_nothing() -> Result<()> {
    let test = Test::web().instances(2).by_node().ready().await?;
    let mark = test.mark()?;
    taint(&test, &test.ids[0], Some("karpenter.sh/disrupted")).await?;
    test.pass().await?;
    test.nothing_written(mark, "kept").await?;
    let node = test.namespace.get(Kind::NODE, &test.ids[0]).await?;
    let (said, delayed) = told(&node);
    assert!(said.is_none_or(|said| said == "Done") && !delayed);
    Ok(())
}
