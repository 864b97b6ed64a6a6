//! The brake on deregistration, and terminated instances.

use serde_json::json;
use testkit::aws_simulator::Delays;
use testkit::cluster::Kind;
use testkit::{Options, Result, Stack, object};

use crate::{MINIMAL, Test, manifest, registered, unique};

#[tokio::test(flavor = "multi_thread")]
async fn inferred_removals_go_in_steps_and_the_last_in_service_stays() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"; 5])
        .await?;
    for id in &ids {
        test.namespace.node(id, Some(id), &[("role", &role)]).await?;
    }
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    let healthy = |object: &kube::api::DynamicObject| object::text(object, "/status/instances/summary") == "5/5";
    test.namespace
        .until(Kind::CLB, "web", "all in service", healthy)
        .await?;
    let mark = test.mark()?;
    // By a merge patch: a server-side apply that leaves an empty member makes null of it.
    let nobody = json!({"spec": {"targets": {"nodeSelector": null}}});
    test.namespace.patch(Kind::CLB, "web", nobody).await?;
    let last = |object: &kube::api::DynamicObject| {
        object::has_reason(object, "Programmed", "Deregistering")
            && object::condition(object, "Programmed").is_some_and(|c| c.message.contains("minInService"))
    };
    test.namespace
        .until(Kind::CLB, "web", "the last to be held", last)
        .await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 1);
    let calls = test.calls(mark).await?.of("DeregisterInstancesFromLoadBalancer");
    assert!(
        calls.iter().all(|call| call.members("Instances.member.").len() == 1),
        "{calls}"
    );
    assert_eq!(calls.len(), 4, "{calls}");
    let empty = json!({"spec": {"registration": {"minInService": 0}}});
    test.namespace.patch(Kind::CLB, "web", empty).await?;
    test.namespace.until_ready("web").await?;
    assert!(registered(&test.in_aws().await?).is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_taken_out_by_name_leave_at_once() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"; 4])
        .await?;
    test.ready(&format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", ids.join(", ")))
        .await?;
    let mark = test.mark()?;
    let nobody = json!({"spec": {"targets": {"instanceIds": []}}});
    test.namespace.patch(Kind::CLB, "web", nobody).await?;
    test.namespace.until_ready("web").await?;
    assert!(registered(&test.in_aws().await?).is_empty());
    assert_eq!(
        test.calls(mark).await?.of("DeregisterInstancesFromLoadBalancer").len(),
        1
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_instance_is_reaped_and_one_that_is_left_out_is_not() -> Result<()> {
    let mut options = Options::default();
    options.operator.health_interval = "1s".into();
    options.aws.delays = Delays::Aws;
    let stack = Stack::start(options).await?;
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(stack.simulator(), &["us-east-1a"; 2]).await?;
    for id in &ids {
        namespace.node(id, Some(id), &[("role", "web")]).await?;
    }
    let spec = format!("{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: web}}}}}}");
    namespace.apply(&manifest(&spec)).await?;
    let ready = namespace.until_ready("web").await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();
    let simulator = stack.simulator();
    let hide =
        json!({"match": {"operation": "DescribeInstanceHealth"}, "do": {"hideInstances": {"instanceIds": [ids[1]]}}});
    simulator.fault(&hide).await?;
    let mark = simulator.mark()?;
    let asked = |calls: &testkit::Calls| {
        let last = calls.of("DescribeInstances").iter().last().map(|call| call.seq);
        last.is_some_and(|last| calls.of("DescribeInstanceHealth").iter().any(|call| call.seq > last))
    };
    let calls = simulator.until_calls(mark, "EC2 to be asked", asked).await?;
    assert!(calls.writes().is_empty(), "{calls}");
    simulator.clear_faults().await?;

    let terminate = [("InstanceId.1", ids[0].as_str())];
    simulator
        .query("ec2", "2016-11-15", "TerminateInstances", &terminate)
        .await?;
    let stale = |object: &kube::api::DynamicObject| {
        object::at(object, "/status/instances/stale") == Some(&json!([ids[0]])) && object::is_ready(object)
    };
    namespace
        .until(Kind::CLB, "web", "the dead one to be stale", stale)
        .await?;
    let lb = crate::describe(&stack, &name).await.expect("the balancer");
    assert_eq!(registered(&lb), [ids[1].clone()].into());
    Ok(())
}
