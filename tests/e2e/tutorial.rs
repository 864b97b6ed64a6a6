//! The balancer of the ELB tutorial as one object, and what it costs.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams};
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{Test, describe, registered};

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorials_object_becomes_a_balancer_in_six_calls() -> Result<()> {
    let test = Test::new().await?;
    let simulator = test.stack.simulator();
    let zones = BTreeMap::from([
        ("i-4f8cf126", "us-east-1a"),
        ("i-0bb7ca62", "us-east-1b"),
        ("i-00000042", "us-east-1a"),
    ]);
    simulator.seed(&testkit::instances(&zones)).await?;
    test.namespace
        .node("tutorial", Some("aws:///us-east-1a/i-00000042"), &[("role", "web")])
        .await?;

    let mark = test.mark()?;
    test.namespace
        .apply(include_str!("../../examples/tutorial.yaml"))
        .await?;
    let ready = test.namespace.until_ready("my-lb").await?;
    let calls = simulator.calls(mark)?.elb().naming("my-lb");
    assert_eq!(calls.of("CreateLoadBalancer").len(), 1, "{calls}");
    assert!(calls.len() <= 6, "{} calls up to Ready:\n{calls}", calls.len());

    let dns_name = object::text(&ready, "/status/dnsName");
    assert!(
        dns_name.starts_with("my-lb-") && dns_name.ends_with(".us-east-1.elb.amazonaws.com"),
        "{dns_name}"
    );
    let lb = describe(test.stack, "my-lb").await.expect("the balancer");
    assert_eq!(lb.dns_name(), Some(dns_name));
    assert_eq!(
        registered(&lb).into_iter().collect::<Vec<_>>(),
        ["i-00000042", "i-0bb7ca62", "i-4f8cf126"]
    );
    let check = lb.health_check().expect("a health check");
    assert_eq!(
        (check.target(), check.interval(), check.timeout()),
        ("HTTP:8080/health", 20, 5)
    );
    assert_eq!((check.healthy_threshold(), check.unhealthy_threshold()), (3, 5));
    let ports: Vec<_> = lb
        .listener_descriptions()
        .iter()
        .filter_map(|l| l.listener())
        .map(|l| (l.load_balancer_port(), l.instance_port()))
        .collect();
    assert!(ports.contains(&(80, 8080)) && ports.contains(&(443, 8443)), "{ports:?}");

    let healthy = test
        .namespace
        .until(Kind::CLB, "my-lb", "all instances in service", |object| {
            object::has(object, "TargetsHealthy", "True")
        })
        .await?;
    assert_eq!(object::text(&healthy, "/status/instances/summary"), "3/3");
    assert_eq!(object::text(&healthy, "/status/accountId"), "123456789012");
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/my-lb";
    assert_eq!(object::text(&healthy, "/status/arn"), arn);
    let items = object::at(&healthy, "/status/instances/items")
        .and_then(|items| items.as_array())
        .expect("items");
    let node = items
        .iter()
        .find(|item| item["id"] == "i-00000042")
        .expect("the node's instance");
    assert_eq!(
        (node["node"].as_str(), node["zone"].as_str()),
        (Some("tutorial"), Some("us-east-1a"))
    );

    test.namespace.delete_and_wait(Kind::CLB, "my-lb").await?;
    assert!(describe(test.stack, "my-lb").await.is_none(), "AWS still has it");
    test.namespace.delete(Kind::NODE, "tutorial").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_with_nothing_to_do_writes_nothing() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    test.ready(&format!(
        "{}\nhealthCheck: {{target: 'HTTP:8080/', intervalSeconds: 10}}\ntags: {{team: web}}\ntargets: {{instanceIds: [{}]}}",
        crate::MINIMAL, ids[0]
    ))
    .await?;
    test.namespace
        .until(Kind::CLB, "web", "its targets to be healthy", |object| {
            object::has(object, "TargetsHealthy", "True")
        })
        .await?;
    test.pass().await?;

    let mark = test.mark()?;
    let (before, writes_before) = (test.get().await?, writes_to_kubernetes(&test)?);
    test.pass().await?;
    test.pass().await?;
    let after = test.get().await?;
    let calls = test.calls(mark).await?;
    assert!(calls.writes().is_empty(), "writes to AWS:\n{}", calls.writes());
    assert_eq!(writes_to_kubernetes(&test)?, writes_before, "writes to Kubernetes");
    assert_eq!(before.data["status"], after.data["status"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_either_after_a_field_was_taken_out_or_beside_a_condition_of_somebody_else() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&format!("{}\ntags: {{team: web}}", crate::MINIMAL)).await?;
    test.namespace.patch(Kind::CLB, "web", crate::without("tags")).await?;
    test.namespace
        .until(Kind::CLB, "web", "the tag to be forgotten", |object| {
            crate::is_observed(object) && object::at(object, "/status/applied/tagKeys").is_none()
        })
        .await?;
    let foreign = serde_json::json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "web"},
        "status": {"conditions": [{
            "type": "Audited", "status": "True", "reason": "Looked", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    let api = test.namespace.api(Kind::CLB).await?;
    api.patch_status("web", &PatchParams::apply("auditor"), &Patch::Apply(&foreign))
        .await
        .expect("the condition is taken");
    test.pass().await?;

    let (before, writes_before) = (test.get().await?, writes_to_kubernetes(&test)?);
    test.pass().await?;
    test.pass().await?;
    assert_eq!(writes_to_kubernetes(&test)?, writes_before, "writes to Kubernetes");
    let after = test.get().await?;
    assert_eq!(before.data["status"], after.data["status"]);
    assert!(object::has(&after, "Audited", "True"), "the other's condition is gone");
    Ok(())
}

/// How often the operator has written to Kubernetes in the namespace of a test.
fn writes_to_kubernetes(test: &Test) -> Result<usize> {
    let calls = test.stack.control_plane().operator_calls()?;
    let ours = |call: &&testkit::KubernetesCall| call.is_write() && call.namespace == test.namespace.namespace();
    Ok(calls.iter().filter(ours).count())
}
