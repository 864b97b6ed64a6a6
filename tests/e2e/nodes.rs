//! Instances by node label, as Nodes come, go and change.

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, Result};

use crate::{MINIMAL, Test, registered, unique};

/// A Node for an instance, whose name is the instance's id.
async fn node(test: &Test, id: &str, role: &str) -> Result<()> {
    test.namespace
        .node(id, Some(&format!("aws:///us-east-1a/{id}")), &[("role", role)])
        .await
        .map(drop)
}

/// A patch by which something holds up the deletion of an object, or does no more.
pub(crate) fn held(up: bool) -> serde_json::Value {
    let finalizers = if up { json!(["example.com/wait"]) } else { json!([]) };
    json!({"metadata": {"finalizers": finalizers}})
}

async fn until_registered(test: &Test, mark: u64, ids: &[&String]) -> Result<()> {
    let name = test.name().await?;
    let simulator = test.stack.simulator();
    let wanted: std::collections::BTreeSet<String> = ids.iter().map(|id| (*id).clone()).collect();
    simulator
        .until_calls(mark, "a change of the registered instances", |calls| {
            !calls.naming(&name).of("RegisterInstancesWithLoadBalancer").is_empty()
                || !calls.naming(&name).of("DeregisterInstancesFromLoadBalancer").is_empty()
        })
        .await?;
    assert_eq!(registered(&test.in_aws().await?), wanted);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_costs_one_write_and_at_most_one_read() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1a"])
        .await?;
    node(&test, &ids[0], &role).await?;
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    test.pass().await?;

    let mark = test.mark()?;
    node(&test, &ids[1], &role).await?;
    let name = test.name().await?;
    let is_register = |calls: &Calls| !calls.naming(&name).of("RegisterInstancesWithLoadBalancer").is_empty();
    let calls = test
        .stack
        .simulator()
        .until_calls(mark, "the registration", is_register)
        .await?
        .naming(&name);
    let until = calls
        .of("RegisterInstancesWithLoadBalancer")
        .iter()
        .next()
        .expect("the registration")
        .seq;
    let calls = calls.only(|call| call.seq <= until);
    assert_eq!(calls.writes().len(), 1, "{calls}");
    assert!(calls.reads().len() <= 1, "{calls}");
    let register = calls.writes();
    let instances = register.iter().next().expect("one").members("Instances.member.");
    assert_eq!(
        instances,
        [("1.InstanceId".to_owned(), ids[1].clone())],
        "only the new one is registered"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_followed_as_they_come_go_and_change_labels() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b", "us-east-1a"])
        .await?;
    for id in &ids[..2] {
        node(&test, id, &role).await?;
    }
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    assert_eq!(
        registered(&test.in_aws().await?),
        [ids[0].clone(), ids[1].clone()].into()
    );

    let mark = test.mark()?;
    node(&test, &ids[2], &role).await?;
    until_registered(&test, mark, &[&ids[0], &ids[1], &ids[2]]).await?;

    let mark = test.mark()?;
    test.namespace.label(Kind::NODE, &ids[0], "role", None).await?;
    until_registered(&test, mark, &[&ids[1], &ids[2]]).await?;

    let mark = test.mark()?;
    let exclude = "node.kubernetes.io/exclude-from-external-load-balancers";
    test.namespace.label(Kind::NODE, &ids[1], exclude, Some("")).await?;
    until_registered(&test, mark, &[&ids[2]]).await?;

    let mark = test.mark()?;
    test.namespace.label(Kind::NODE, &ids[1], exclude, None).await?;
    until_registered(&test, mark, &[&ids[1], &ids[2]]).await?;

    let mark = test.mark()?;
    test.namespace.delete(Kind::NODE, &ids[2]).await?;
    until_registered(&test, mark, &[&ids[1]]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_being_deleted_leaves_before_it_is_gone() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"; 3])
        .await?;
    for id in &ids {
        node(&test, id, &role).await?;
    }
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    // Cordoned and drained first, as `kubectl drain` and autoscalers do: it serves until it is deleted.
    test.namespace.patch(Kind::NODE, &ids[0], held(true)).await?;
    let cordon = json!({"spec": {"unschedulable": true}});
    test.namespace.patch(Kind::NODE, &ids[0], cordon).await?;
    test.namespace.node_ready(&ids[0], false).await?;
    let mark = test.mark()?;
    test.pass().await?;
    assert!(test.calls(mark).await?.writes().is_empty(), "kept");

    test.namespace.delete(Kind::NODE, &ids[0]).await?;
    until_registered(&test, mark, &[&ids[1], &ids[2]]).await?;
    let found = test.namespace.get(Kind::NODE, &ids[0]).await?;
    assert!(found.metadata.deletion_timestamp.is_some(), "it is still there");
    test.namespace.until_ready("web").await?;

    let mark = test.mark()?;
    test.namespace.patch(Kind::NODE, &ids[0], held(false)).await?;
    test.namespace.until_gone(Kind::NODE, &ids[0]).await?;
    test.pass().await?;
    assert!(test.calls(mark).await?.writes().is_empty(), "nothing more");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_ids_are_read_in_all_their_forms_and_other_machines_are_skipped() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let zones = ["us-east-1a"; 3];
    let ids = test.namespace.instances(test.stack.simulator(), &zones).await?;
    let forms = [
        format!("aws:///us-east-1a/{}", ids[0]),
        format!("aws:////{}", ids[1]),
        ids[2].clone(),
    ];
    for (id, form) in ids.iter().zip(&forms) {
        test.namespace.node(id, Some(form), &[("role", &role)]).await?;
    }
    let fargate = format!("fargate-{role}");
    test.namespace
        .node(
            &fargate,
            Some("aws:///us-east-1a/fargate-ip-10-0-0-1.ec2.internal"),
            &[("role", &role)],
        )
        .await?;
    test.namespace
        .node(&format!("none-{role}"), None, &[("role", &role)])
        .await?;
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;
    assert_eq!(registered(&test.in_aws().await?), ids.into_iter().collect());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_that_suddenly_matches_nothing_empties_nothing() -> Result<()> {
    let mut test = Test::new().await?;
    let role = unique();
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a"])
        .await?;
    node(&test, &ids[0], &role).await?;
    test.ready(&format!(
        "{MINIMAL}\ntargets: {{nodeSelector: {{matchLabels: {{role: '{role}'}}}}}}"
    ))
    .await?;

    let mark = test.mark()?;
    let typo = json!({"spec": {"targets": {"nodeSelector": {"matchLabels": {"role": "a-typo"}}}}});
    test.namespace.patch(Kind::CLB, "web", typo).await?;
    let message = test.until_reason("Programmed", "NodeViewSuspect").await?;
    assert!(message.contains("nodeSelector"), "{message}");
    assert!(
        test.calls(mark)
            .await?
            .of("DeregisterInstancesFromLoadBalancer")
            .is_empty()
    );
    assert_eq!(registered(&test.in_aws().await?), [ids[0].clone()].into());

    let right = json!({"spec": {"targets": {"nodeSelector": {"matchLabels": {"role": role}}}}});
    test.namespace.patch(Kind::CLB, "web", right).await?;
    test.namespace.until_ready("web").await.map(drop)
}
