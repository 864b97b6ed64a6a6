//! Balancers that are left alone for a while: by a suspended object, by an operator that only reads, and after a loss of
//! the cluster.

use std::sync::Arc;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::process::Folder;
use testkit::{Namespace, Operator, OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, Test, describe, manifest, registered, unique};

#[tokio::test(flavor = "multi_thread")]
async fn what_changes_while_an_object_is_suspended_is_made_up_for_afterwards() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let zones = ["us-east-1a", "us-east-1b"];
    let ids = test.namespace.instances(test.stack.simulator(), &zones).await?;
    test.namespace.node(&ids[0], Some(&ids[0]), &[("role", &role)]).await?;
    let spec = format!("{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}");
    test.ready(&spec).await?;
    let name = test.name().await?;
    test.apply(&format!("{spec}\nmanagement: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;

    let mark = test.mark()?;
    let changed = format!("{spec}\ntags: {{team: web}}");
    test.apply(&format!("{changed}\nmanagement: Suspended")).await?;
    test.until_reason("Ready", "Suspended").await?;
    test.namespace.node(&ids[1], Some(&ids[1]), &[("role", &role)]).await?;
    // Another object follows that Node, so this one was told of it, too.
    let other = manifest(&spec).replace("name: web", "name: other");
    test.namespace.apply(&other).await?;
    test.namespace.until_ready("other").await?;
    let calls = test.calls(mark).await?;
    assert!(calls.is_empty(), "nothing is asked of AWS: {calls}");

    let elb = test.stack.simulator().elb();
    let drift = elb.delete_load_balancer_listeners().load_balancer_name(&name);
    drift.load_balancer_ports(80).send().await.expect("closed by hand");
    test.ready(&changed).await?;
    let lb = test.in_aws().await?;
    assert_eq!(registered(&lb), ids.into_iter().collect());
    assert_eq!(lb.listener_descriptions().len(), 1);
    assert_eq!(test.tags().await?["team"], "web");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_from_a_backup_gets_its_balancer_back_when_it_asks() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let simulator = stack.simulator();
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(simulator, &["us-east-1a", "us-east-1b"]).await?;
    let spec = format!(
        "{MINIMAL}\nattributes: {{idleTimeoutSeconds: 90}}\ntags: {{team: web}}\ntargets: {{instanceIds: [{}]}}",
        ids.join(", ")
    );
    namespace.apply(&manifest(&spec)).await?;
    let before = namespace.until_ready("web").await?;
    let text = |object: &DynamicObject, path: &str| object::text(object, path).to_owned();
    // The cluster is lost and made anew: the object comes back with another uid and without a status.
    stack.operator().stop().await?;
    let free = json!({"metadata": {"finalizers": null}});
    namespace.patch(Kind::CLB, "web", free).await?;
    namespace.delete_and_wait(Kind::CLB, "web").await?;
    namespace.apply(&manifest(&spec)).await?;
    let mark = simulator.mark()?;
    stack.operator().start_ready().await?;
    let conflict = |object: &DynamicObject| object::has_reason(object, "Accepted", "Conflict");
    let told = namespace.until(Kind::CLB, "web", "the conflict", conflict).await?;
    assert_ne!(told.metadata.uid, before.metadata.uid);
    let message = object::condition(&told, "Accepted").expect("Accepted").message;
    let uid = before.metadata.uid.clone().unwrap_or_default();
    assert!(
        message.contains(&uid) && message.contains("set spec.adopt: true"),
        "{message}"
    );
    assert!(object::has(&told, "Stalled", "True"));
    let calls = simulator.calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");

    namespace
        .patch(Kind::CLB, "web", json!({"spec": {"adopt": true}}))
        .await?;
    let after = namespace.until_ready("web").await?;
    let calls = simulator.calls(mark)?.writes();
    assert_eq!(calls.operations(), ["AddTags"], "{calls}");
    for path in ["/status/dnsName", "/status/createdTime", "/status/arn"] {
        assert_eq!(text(&after, path), text(&before, path), "{path}");
    }
    // It counts as adopted, so it stays when its object goes, unless that one says otherwise.
    let name = text(&before, "/status/loadBalancerName");
    let origin = crate::tags(&stack, &name).await.remove("classiclb.dev/origin");
    assert_eq!(origin.as_deref(), Some("adopted"));
    let delete = json!({"spec": {"deletionPolicy": "Delete"}});
    namespace.patch(Kind::CLB, "web", delete).await?;
    namespace.until_ready("web").await?;
    namespace.delete_and_wait(Kind::CLB, "web").await?;
    assert!(describe(&stack, &name).await.is_none());
    Ok(())
}

/// The operations of `status.plan`, once it is told that the operator only reads.
async fn plan(namespace: &Namespace, calls: usize) -> Result<Vec<String>> {
    let lines = |object: &DynamicObject| -> Vec<String> {
        let lines = object::at(object, "/status/plan").and_then(Value::as_array);
        let lines = lines.into_iter().flatten().filter_map(Value::as_str);
        lines
            .filter_map(|line| Some(line.split(' ').next()?.to_owned()))
            .collect()
    };
    let told = |object: &DynamicObject| object::has(object, "Ready", "Unknown") && lines(object).len() == calls;
    let object = namespace.until(Kind::CLB, "web", "the plan", told).await?;
    let ready = object::condition(&object, "Ready").expect("Ready");
    assert!(
        ready.reason == "Observing" && ready.message.contains("--read-only"),
        "{ready:?}"
    );
    Ok(lines(&object))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_only_reads_tells_drift_and_changes_and_a_later_one_acts() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let simulator = stack.simulator();
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(simulator, &["us-east-1a"]).await?;
    let spec = format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", ids[0]);
    namespace.apply(&manifest(&spec)).await?;
    let ready = namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    stack.operator().stop().await?;

    let drift = simulator.elb().delete_load_balancer_listeners();
    let drift = drift.load_balancer_name(&name).load_balancer_ports(80);
    drift.send().await.expect("closed by hand");
    let options = OperatorOptions {
        args: vec!["--read-only".into()],
        ..OperatorOptions::default()
    };
    let reader = Operator::prepare(
        &options,
        stack.control_plane().operator_kubeconfig(),
        simulator.environment(),
        Arc::new(Folder::new()?),
    )?;
    let mark = simulator.mark()?;
    reader.start_ready().await?;
    assert_eq!(plan(&namespace, 1).await?, ["CreateLoadBalancerListeners"]);
    let change = json!({"spec": {"tags": {"team": "web"}, "targets": {"instanceIds": []}}});
    namespace.patch(Kind::CLB, "web", change).await?;
    let mut planned = plan(&namespace, 3).await?;
    planned.sort();
    let expected = [
        "AddTags",
        "CreateLoadBalancerListeners",
        "DeregisterInstancesFromLoadBalancer",
    ];
    assert_eq!(planned, expected);
    let calls = simulator.calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    assert_eq!(reader.stop().await?, testkit::Exit::Code(0));

    stack.operator().start_ready().await?;
    namespace.until_ready("web").await?;
    let calls = simulator.calls(mark)?.naming(&name).writes();
    let mut done = calls.operations();
    done.sort_unstable();
    assert_eq!(done, expected, "what was planned is done");
    let lb = describe(&stack, &name).await.expect("the balancer");
    assert!(registered(&lb).is_empty() && lb.listener_descriptions().len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_of_another_cluster_id_says_so_and_lets_the_balancer_be() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let simulator = stack.simulator();
    let namespace = stack.namespace().await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let ready = namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    stack.operator().stop().await?;

    let options = OperatorOptions {
        cluster_id: "renamed".into(),
        ..OperatorOptions::default()
    };
    let other = Operator::prepare(
        &options,
        stack.control_plane().operator_kubeconfig(),
        simulator.environment(),
        Arc::new(Folder::new()?),
    )?;
    let suspend = json!({"spec": {"management": "Suspended"}});
    namespace.patch(Kind::CLB, "web", suspend).await?;
    let mark = simulator.mark()?;
    other.start_ready().await?;
    let suspended = |object: &DynamicObject| object::has_reason(object, "Ready", "Suspended");
    let told = namespace.until(Kind::CLB, "web", "the suspension", suspended).await?;
    assert_eq!(object::text(&told, "/status/loadBalancerName"), name, "it stays known");
    namespace
        .patch(Kind::CLB, "web", json!({"spec": {"management": "Full"}}))
        .await?;
    let invalid = |object: &DynamicObject| object::has_reason(object, "Accepted", "Invalid");
    let told = namespace.until(Kind::CLB, "web", "the refusal", invalid).await?;
    let message = object::condition(&told, "Accepted").expect("Accepted").message;
    assert!(
        message.contains(&name) && message.contains("give the operator its former cluster id back"),
        "{message}"
    );
    namespace.delete_and_wait(Kind::CLB, "web").await?;
    let events = namespace.events("web").await?;
    let told = |(kind, reason, note): &(String, String, String)| {
        kind == "Warning" && reason == "NotOwned" && note.contains(&name) && note.contains("of cluster test")
    };
    assert!(events.iter().any(told), "{events:?}");
    let calls = simulator.calls(mark)?.writes();
    assert!(calls.is_empty(), "{calls}");
    assert!(describe(&stack, &name).await.is_some());
    Ok(())
}
