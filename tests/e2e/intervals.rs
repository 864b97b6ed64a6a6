//! What the operator looks at by itself, with short intervals.

use testkit::cluster::Kind;
use testkit::{OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, describe, manifest};

async fn stack(resync: &str, health: &str) -> Result<Stack> {
    let operator = OperatorOptions {
        resync_period: resync.into(),
        health_interval: health.into(),
        ..OperatorOptions::default()
    };
    Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_live_in_status() -> Result<()> {
    let stack = stack("10m", "2s").await?;
    let mut namespace = stack.namespace().await?;
    let ids = namespace
        .instances(stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    let spec = format!("{MINIMAL}\ntargets: {{instanceIds: [{}, {}]}}", ids[0], ids[1]);
    namespace.apply(&manifest(&spec)).await?;
    let well = |object: &kube::api::DynamicObject| object::has(object, "TargetsHealthy", "True");
    let object = namespace.until(Kind::CLB, "web", "all in service", well).await?;
    assert_eq!(object::text(&object, "/status/instances/summary"), "2/2");

    let stop = [("InstanceId.1", ids[0].as_str())];
    stack
        .simulator()
        .query("ec2", "2016-11-15", "StopInstances", &stop)
        .await?;
    let ill = |object: &kube::api::DynamicObject| object::has_reason(object, "TargetsHealthy", "Unhealthy");
    let object = namespace.until(Kind::CLB, "web", "one out of service", ill).await?;
    assert_eq!(object::text(&object, "/status/instances/summary"), "1/2");
    assert_eq!(
        object::text(&object, "/status/instances/items/0/id"),
        ids[0],
        "those out of service come first"
    );
    assert_eq!(object::text(&object, "/status/instances/items/0/state"), "OutOfService");
    let message = object::condition(&object, "TargetsHealthy")
        .expect("the condition")
        .message;
    assert!(
        message.contains(&ids[0]) && message.contains("8080"),
        "it names instance and port: {message}"
    );
    assert!(object::is_ready(&object), "the balancer itself is as declared");

    // AWS leaves a terminated instance registered. It is taken out, and the id that names it is told.
    let terminate = stack
        .simulator()
        .query("ec2", "2016-11-15", "TerminateInstances", &stop);
    terminate.await?;
    let told = |object: &kube::api::DynamicObject| {
        object::has_reason(object, "Programmed", "InstanceNotFound")
            && object::at(object, "/status/instances/registered") == Some(&serde_json::json!(1))
    };
    let object = namespace
        .until(Kind::CLB, "web", "the terminated instance to be told", told)
        .await?;
    let message = object::condition(&object, "Programmed").expect("the condition").message;
    assert!(message.contains(&ids[0]), "{message}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_by_the_resync_and_quiet_otherwise() -> Result<()> {
    let stack = stack("3s", "60s").await?;
    let namespace = stack.namespace().await?;
    namespace.apply(&manifest(MINIMAL)).await?;
    let ready = namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName");
    let simulator = stack.simulator();
    let elb = simulator.elb();
    elb.delete_load_balancer_listeners()
        .load_balancer_name(name)
        .load_balancer_ports(80)
        .send()
        .await
        .expect("deleted");
    let mark = simulator.mark()?;
    let repaired = |calls: &testkit::Calls| !calls.of("CreateLoadBalancerListeners").is_empty();
    simulator.until_calls(mark, "the repair", repaired).await?;
    assert_eq!(
        describe(&stack, name)
            .await
            .expect("the balancer")
            .listener_descriptions()
            .len(),
        1
    );
    let told = |events: &[(String, String, String)]| {
        events
            .iter()
            .any(|(_, reason, note)| reason == "Updated" && note.contains("CreateLoadBalancerListeners"))
    };
    let mut tries = 0;
    while !told(&namespace.events("web").await?) {
        tries += 1;
        assert!(tries < 100, "no Event tells of the repair");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    // Three resyncs with nothing to do: reads only, and no word to Kubernetes.
    let mark = simulator.mark()?;
    let kubernetes_writes = || -> Result<usize> {
        Ok(stack
            .control_plane()
            .operator_calls()?
            .iter()
            .filter(|call| call.is_write())
            .count())
    };
    let before = (
        namespace.get(Kind::CLB, "web").await?.metadata.resource_version,
        kubernetes_writes()?,
    );
    let read = |calls: &testkit::Calls| calls.of("DescribeTags").len() >= 4;
    let calls = simulator.until_calls(mark, "four resyncs", read).await?;
    assert!(calls.writes().is_empty(), "{calls}");
    let after = (
        namespace.get(Kind::CLB, "web").await?.metadata.resource_version,
        kubernetes_writes()?,
    );
    assert_eq!(before, after);
    Ok(())
}
