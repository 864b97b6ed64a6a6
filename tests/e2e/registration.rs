//! How instances are registered: beside those of others, and by the state of their Nodes.

use aws_sdk_elasticloadbalancing::types::Instance;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::{MINIMAL, Test, registered, unique};

#[tokio::test(flavor = "multi_thread")]
async fn additive_registration_leaves_what_others_registered() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1a", "us-east-1b"])
        .await?;
    let spec = |list: &str| format!("{MINIMAL}\nregistration: {{mode: Additive}}\ntargets: {{instanceIds: [{list}]}}");
    let ready = test.ready(&spec(&format!("{}, {}", ids[0], ids[1]))).await?;
    assert_eq!(
        object::at(&ready, "/status/applied/instanceIds")
            .and_then(|list| list.as_array())
            .map(Vec::len),
        Some(2)
    );
    let elb = test.stack.simulator().elb();
    let name = test.name().await?;
    let foreign = Instance::builder().instance_id(&ids[2]).build();
    let request = elb.register_instances_with_load_balancer().load_balancer_name(&name);
    request.instances(foreign).send().await.expect("registered");
    test.pass().await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 3, "a foreign one stays");
    test.ready(&spec(&ids[0])).await?;
    assert_eq!(
        registered(&test.in_aws().await?),
        [ids[0].clone(), ids[2].clone()].into(),
        "ours leaves"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1a", "us-east-1b"])
        .await?;
    for id in &ids {
        test.namespace.node(id, Some(id), &[("role", &role)]).await?;
    }
    let targets = format!("{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}");
    test.ready(&targets).await?;
    test.namespace.node_ready(&ids[0], false).await?;
    let cordon = json!({"spec": {"unschedulable": true}});
    test.namespace.patch(Kind::NODE, &ids[1], cordon).await?;
    test.pass().await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 3, "kept");
    let count = |wanted: &'static str| {
        move |object: &kube::api::DynamicObject| {
            object::is_ready(object) && object::text(object, "/status/instances/summary") == wanted
        }
    };
    test.apply(&format!("{targets}\nregistration: {{notReadyNodes: Remove}}"))
        .await?;
    test.namespace
        .until(Kind::CLB, "web", "one to leave", count("2/2"))
        .await?;
    assert!(!registered(&test.in_aws().await?).contains(&ids[0]));
    test.apply(&format!(
        "{targets}\nregistration: {{notReadyNodes: Remove, cordonedNodes: Remove}}"
    ))
    .await?;
    test.namespace
        .until(Kind::CLB, "web", "two to leave", count("1/1"))
        .await?;
    assert_eq!(registered(&test.in_aws().await?), [ids[2].clone()].into());
    test.ready(&targets).await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 3, "kept again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_ready_leaves_when_its_grace_period_ends() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    for id in &ids {
        test.namespace.node(id, Some(id), &[("role", &role)]).await?;
    }
    test.ready(&format!(
        "{MINIMAL}\nregistration: {{notReadyNodes: RemoveAfter, notReadyGraceSeconds: 6}}\ntargets: {{nodeSelector: \
         {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    test.namespace.node_ready(&ids[0], false).await?;
    let mark = test.mark()?;
    test.request().await?;
    let name = test.name().await?;
    let simulator = test.stack.simulator();
    let read = |calls: &testkit::Calls| !calls.naming(&name).of("DescribeTags").is_empty();
    simulator
        .until_calls(mark, "a pass within the grace period", read)
        .await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 2, "kept for a while");
    let gone = |object: &kube::api::DynamicObject| {
        object::at(object, "/status/instances/registered") == Some(&json!(1)) && object::is_ready(object)
    };
    test.namespace
        .until(Kind::CLB, "web", "its Node to have had its time", gone)
        .await?;
    assert_eq!(registered(&test.in_aws().await?), [ids[1].clone()].into());
    test.namespace.node_ready(&ids[0], true).await?;
    let back = |object: &kube::api::DynamicObject| object::text(object, "/status/instances/summary") == "2/2";
    test.namespace
        .until(Kind::CLB, "web", "it to come back", back)
        .await
        .map(drop)
}
