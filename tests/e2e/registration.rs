//! How instances are registered: beside those of others, and by the state of their Nodes.

use std::time::Duration;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{LoadBalancer, Result};

use crate::setup::{by_ids, minimal};
use crate::{Test, set};

#[tokio::test(flavor = "multi_thread")]
async fn additive_registration_leaves_what_others_registered() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1a", "us-east-1b"]);
    let test = setup.start().await?;
    let ids = &test.ids;
    let spec = |ids: &[String]| minimal(&format!("registration: {{mode: Additive}}\n{}", by_ids(ids)));
    let ready = test.ready(&spec(&ids[..2])).await?;
    let applied = ready.status("/applied/instanceIds").as_array();
    assert_eq!(applied.map(Vec::len), Some(2));
    let foreign = [("Instances.member.1.InstanceId", ids[2].as_str())];
    test.by_hand("RegisterInstancesWithLoadBalancer", &foreign).await?;
    test.pass().await?;
    assert_eq!(test.registered().await?.len(), 3, "a foreign one stays");
    test.ready(&spec(&ids[..1])).await?;
    assert_eq!(test.registered().await?, set([&ids[0], &ids[2]]), "ours leaves");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1a", "us-east-1b"];
    let test = Test::web().zones(&zones).by_node().ready().await?;
    let ids = &test.ids;
    test.namespace.node_ready(&ids[0], false).await?;
    let cordon = json!({"spec": {"unschedulable": true}});
    test.namespace.patch(Kind::NODE, &ids[1], cordon).await?;
    test.pass().await?;
    assert_eq!(test.registered().await?.len(), 3, "kept");
    let until = async |count| test.until(count, |web| web.is_ready() && web.summary() == count).await;
    test.patch(json!({"registration": {"notReadyNodes": "Remove"}})).await?;
    until("2/2").await?;
    assert_eq!(test.registered().await?, set(&ids[1..]));
    test.patch(json!({"registration": {"cordonedNodes": "Remove"}})).await?;
    until("1/1").await?;
    assert_eq!(test.registered().await?, set(&ids[2..]));
    test.change(json!({"registration": null})).await?;
    assert_eq!(test.registered().await?.len(), 3, "kept again");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_not_ready_leaves_when_its_grace_period_ends() -> Result<()> {
    const GRACE: u64 = 3600;
    let zones = ["us-east-1a", "us-east-1b"];
    let lines = format!("registration: {{notReadyNodes: RemoveAfter, notReadyGraceSeconds: {GRACE}}}");
    let setup = Test::web().zones(&zones).by_node();
    let test = setup.with(&lines).ready().await?;
    let ids = &test.ids;
    test.namespace.node_ready(&ids[0], false).await?;
    test.pass().await?;
    assert_eq!(test.registered().await?.len(), 2, "kept for a while");
    // Almost all of the period is over. Nothing but its end is there to be noticed.
    let almost = Duration::from_secs(GRACE - 3);
    test.namespace.node_ready_for(&ids[0], false, almost).await?;
    let gone = |web: &LoadBalancer| web.registered() == Some(1) && web.is_ready();
    test.until("its Node to have had its time", gone).await?;
    assert_eq!(test.registered().await?, set(&ids[1..]));
    test.namespace.node_ready(&ids[0], true).await?;
    test.until("it to come back", |web| web.summary() == "2/2")
        .await
        .map(drop)
}
