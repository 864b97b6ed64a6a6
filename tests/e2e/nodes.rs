//! Instances by node label, as Nodes come, go and change.

use serde_json::json;
use testkit::Result;
use testkit::cluster::Kind;

use crate::setup::by_role;
use crate::{MINIMAL, Test, set};

/// A patch by which something holds up the deletion of an object, or does no more.
pub(crate) fn held(up: bool) -> serde_json::Value {
    let finalizers = if up { json!(["example.com/wait"]) } else { json!([]) };
    json!({"metadata": {"finalizers": finalizers}})
}

/// Waits until the registered instances change, and then they must be these.
async fn until_registered(test: &Test, mark: u64, ids: &[&String]) -> Result<()> {
    let name = test.name().await?;
    let what = "a change of the registered instances";
    let changed = |calls: &testkit::Calls| {
        let calls = calls.naming(&name);
        let [into, out] = [
            "RegisterInstancesWithLoadBalancer",
            "DeregisterInstancesFromLoadBalancer",
        ];
        !calls.of(into).is_empty() || !calls.of(out).is_empty()
    };
    test.simulator().until_calls(mark, what, changed).await?;
    assert_eq!(test.registered().await?, set(ids));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_node_costs_one_write_and_at_most_one_read() -> Result<()> {
    let test = Test::web().instances(1).by_node().ready().await?;
    let new = test.instances(&["us-east-1a"]).await?.remove(0);
    test.pass().await?;

    let mark = test.mark()?;
    test.node(&new).await?;
    let calls = test.until_called(mark, "RegisterInstancesWithLoadBalancer").await?;
    let register = calls.of("RegisterInstancesWithLoadBalancer");
    let register = register.iter().next().expect("the registration");
    let calls = calls.only(|call| call.seq <= register.seq);
    assert_eq!(calls.writes().len(), 1, "{calls}");
    assert!(calls.reads().len() <= 1, "{calls}");
    assert_eq!(
        register.members("Instances.member."),
        [("1.InstanceId".to_owned(), new)],
        "only the new one is registered"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_followed_as_they_come_go_and_change_labels() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1b", "us-east-1a"];
    let test = Test::web().zones(&zones).start().await?;
    let [first, second, third] = [0, 1, 2].map(|at| &test.ids[at]);
    test.node(first).await?;
    test.node(second).await?;
    test.ready(&format!("{MINIMAL}\n{}", by_role(&test.role))).await?;
    // The second may be seen after the object.
    test.until("both to serve", |web| web.is_ready() && web.summary() == "2/2")
        .await?;
    assert_eq!(test.registered().await?, set([first, second]));

    let mark = test.mark()?;
    test.node(third).await?;
    until_registered(&test, mark, &[first, second, third]).await?;

    let mark = test.mark()?;
    test.namespace.label(Kind::NODE, first, "role", None).await?;
    until_registered(&test, mark, &[second, third]).await?;

    let mark = test.mark()?;
    let exclude = "node.kubernetes.io/exclude-from-external-load-balancers";
    test.namespace.label(Kind::NODE, second, exclude, Some("")).await?;
    until_registered(&test, mark, &[third]).await?;

    let mark = test.mark()?;
    test.namespace.label(Kind::NODE, second, exclude, None).await?;
    until_registered(&test, mark, &[second, third]).await?;

    let mark = test.mark()?;
    test.namespace.delete(Kind::NODE, third).await?;
    until_registered(&test, mark, &[second]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_being_deleted_leaves_before_it_is_gone() -> Result<()> {
    let test = Test::web().instances(3).by_node().ready().await?;
    let (namespace, leaving) = (&test.namespace, &test.ids[0]);
    // Cordoned and drained first, as `kubectl drain` and autoscalers do: it serves until it is deleted.
    namespace.patch(Kind::NODE, leaving, held(true)).await?;
    let cordon = json!({"spec": {"unschedulable": true}});
    namespace.patch(Kind::NODE, leaving, cordon).await?;
    namespace.node_ready(leaving, false).await?;
    let mark = test.mark()?;
    test.pass().await?;
    test.nothing_written(mark, "kept").await?;

    namespace.delete(Kind::NODE, leaving).await?;
    until_registered(&test, mark, &[&test.ids[1], &test.ids[2]]).await?;
    let found = namespace.get(Kind::NODE, leaving).await?;
    assert!(found.metadata.deletion_timestamp.is_some(), "it is still there");
    test.until_ready().await?;

    let mark = test.mark()?;
    namespace.patch(Kind::NODE, leaving, held(false)).await?;
    namespace.until_gone(Kind::NODE, leaving).await?;
    test.pass().await?;
    test.nothing_written(mark, "nothing more").await
}

#[tokio::test(flavor = "multi_thread")]
async fn provider_ids_are_read_in_all_their_forms_and_other_machines_are_skipped() -> Result<()> {
    let test = Test::web().instances(3).start().await?;
    let (role, [a, b, c]) = (&test.role, [0, 1, 2].map(|at| test.ids[at].as_str()));
    let (slashed, spare) = (format!("aws:///us-east-1a/{a}"), format!("aws:////{b}"));
    for (name, provider) in [
        (a, Some(slashed.as_str())),
        (b, Some(spare.as_str())),
        (c, Some(c)),
        (
            &format!("fargate-{role}"),
            Some("aws:///us-east-1a/fargate-ip-10-0-0-1.ec2.internal"),
        ),
        (&format!("none-{role}"), None),
    ] {
        test.namespace.node(name, provider, &[("role", role)]).await?;
    }
    test.ready(&format!("{MINIMAL}\n{}", by_role(role))).await?;
    assert_eq!(test.registered().await?, set(&test.ids));
    let web = test.get().await?;
    let skipped = web
        .status("/instances/skippedNodes")
        .as_array()
        .cloned()
        .unwrap_or_default();
    assert_eq!(skipped.len(), 2, "{skipped:?}");
    assert!(
        skipped[0].as_str().unwrap().starts_with(&format!("fargate-{role}: ")),
        "{skipped:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_that_suddenly_matches_nothing_empties_nothing() -> Result<()> {
    let test = Test::web().instances(1).by_node().ready().await?;
    let selecting = |role: &str| json!({"targets": {"nodeSelector": {"matchLabels": {"role": role}}}});
    let mark = test.mark()?;
    test.patch(selecting("a-typo")).await?;
    let message = test.until_reason("Programmed", "NodeViewSuspect").await?;
    assert!(message.contains("nodeSelector"), "{message}");
    let calls = test.calls(mark).await?.of("DeregisterInstancesFromLoadBalancer");
    assert!(calls.is_empty(), "{calls}");
    assert_eq!(test.registered().await?, set(&test.ids));

    test.change(selecting(&test.role)).await.map(drop)
}
