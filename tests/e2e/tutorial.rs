//! The balancer of the ELB tutorial as one object, and what it costs.

use std::collections::BTreeMap;

use kube::api::{Patch, PatchParams};
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{LoadBalancer, Result, object};

use crate::{Test, describe, registered, set};

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorials_object_becomes_a_balancer_in_six_calls() -> Result<()> {
    let test = Test::new().await?;
    let simulator = test.simulator();
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
    let ready: LoadBalancer = test.namespace.until_ready("my-lb").await?.into();
    let calls = simulator.calls(mark)?.elb().naming("my-lb");
    assert_eq!(calls.of("CreateLoadBalancer").len(), 1, "{calls}");
    assert!(calls.len() <= 6, "{} calls up to Ready:\n{calls}", calls.len());

    let dns_name = ready.text("/dnsName");
    assert!(
        dns_name.starts_with("my-lb-") && dns_name.ends_with(".us-east-1.elb.amazonaws.com"),
        "{dns_name}"
    );
    let lb = describe(&test.stack, "my-lb").await.expect("the load balancer");
    assert_eq!(lb.dns_name(), Some(dns_name));
    assert_eq!(registered(&lb), set(zones.keys()));
    let check = lb.health_check().expect("a health check");
    assert_eq!(
        (check.target(), check.interval(), check.timeout()),
        ("HTTP:8080/health", 20, 5)
    );
    assert_eq!((check.healthy_threshold(), check.unhealthy_threshold()), (3, 5));
    let listeners = lb.listener_descriptions().iter().filter_map(|each| each.listener());
    let ports = listeners.map(|each| (each.load_balancer_port(), each.instance_port()));
    let ports: Vec<_> = ports.collect();
    assert!(ports.contains(&(80, 8080)) && ports.contains(&(443, 8443)), "{ports:?}");

    let healthy = |object: &kube::api::DynamicObject| object::has(object, "TargetsHealthy", "True");
    let healthy = test
        .namespace
        .until(Kind::CLB, "my-lb", "all instances in service", healthy);
    let healthy: LoadBalancer = healthy.await?.into();
    assert_eq!(healthy.summary(), "3/3");
    assert_eq!(healthy.text("/accountId"), "123456789012");
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/my-lb";
    assert_eq!(healthy.text("/arn"), arn);
    let items = healthy.status("/instances/items").as_array().expect("items");
    let node = items.iter().find(|item| item["id"] == "i-00000042");
    let node = node.expect("the node's instance");
    assert!(node["node"] == "tutorial" && node["zone"] == "us-east-1a", "{node}");

    test.namespace.delete_and_wait(Kind::CLB, "my-lb").await?;
    assert!(describe(&test.stack, "my-lb").await.is_none(), "AWS still has it");
    test.namespace.delete(Kind::NODE, "tutorial").await
}

/// Two passes write nothing, neither to AWS nor to Kubernetes.
async fn at_rest(test: &Test) -> Result<LoadBalancer> {
    let (before, writes_before) = (test.get().await?, test.writes_to_kubernetes()?);
    test.idle("writes to AWS").await?;
    test.pass().await?;
    assert_eq!(test.writes_to_kubernetes()?, writes_before, "writes to Kubernetes");
    let after = test.get().await?;
    assert_eq!(before.status(""), after.status(""));
    Ok(after)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_with_nothing_to_do_writes_nothing() -> Result<()> {
    let lines = "healthCheck: {target: 'HTTP:8080/', intervalSeconds: 10}\ntags: {team: web}";
    let setup = Test::web().instances(1).by_id();
    let test = setup.with(lines).ready().await?;
    let healthy = |web: &LoadBalancer| web.has("TargetsHealthy", "True");
    test.until("its targets to be healthy", healthy).await?;
    test.pass().await?;
    at_rest(&test).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_either_after_a_field_was_taken_out_or_beside_a_condition_of_somebody_else() -> Result<()> {
    let test = Test::web().with("tags: {team: web}").ready().await?;
    test.patch(json!({"tags": null})).await?;
    test.until("the tag to be forgotten", |web| {
        web.is_observed() && web.status("/applied/tagKeys").is_null()
    })
    .await?;
    let foreign = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "web"},
        "status": {"conditions": [{
            "type": "Audited", "status": "True", "reason": "Looked", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    let api = test.namespace.api(Kind::CLB).await?;
    let (ours, patch) = (PatchParams::apply("auditor"), Patch::Apply(&foreign));
    let written = api.patch_status("web", &ours, &patch);
    written.await.expect("the condition is taken");
    test.pass().await?;
    let after = at_rest(&test).await?;
    assert!(after.has("Audited", "True"), "the other's condition is gone");
    Ok(())
}
