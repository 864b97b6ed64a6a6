//! The brake on deregistration, and terminated instances.

use serde_json::json;
use testkit::aws_simulator::Delays;
use testkit::{Calls, Result};

use crate::setup::health_every;
use crate::{Test, set};

const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";

#[tokio::test(flavor = "multi_thread")]
async fn inferred_removals_go_in_steps_and_the_last_in_service_stays() -> Result<()> {
    let test = Test::web().instances(5).by_node().ready().await?;
    test.until("all in service", |web| web.summary() == "5/5").await?;
    let mark = test.mark()?;
    test.patch(json!({"targets": {"nodeSelector": null}})).await?;
    test.until("the last to be held", |web| {
        web.says("Programmed", "Deregistering") && web.message("Programmed").contains("minInService")
    })
    .await?;
    assert_eq!(test.registered().await?.len(), 1);
    test.told("clb_load_balancer_removals_held", "", "1").await?;
    let calls = test.calls(mark).await?.of(DEREGISTER);
    let one = |call: &testkit::Call| call.members("Instances.member.").len() == 1;
    assert!(calls.iter().all(one), "{calls}");
    assert_eq!(calls.len(), 4, "{calls}");
    test.change(json!({"registration": {"minInService": 0}})).await?;
    assert!(test.registered().await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_taken_out_by_name_leave_at_once() -> Result<()> {
    let test = Test::web().instances(4).by_id().ready().await?;
    let mark = test.mark()?;
    test.change(json!({"targets": {"instanceIds": []}})).await?;
    assert!(test.registered().await?.is_empty());
    assert_eq!(test.calls(mark).await?.of(DEREGISTER).len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_instance_is_reaped_and_one_that_is_left_out_is_not() -> Result<()> {
    let mut options = health_every("1s");
    options.aws.delays = Delays::Aws;
    let test = Test::web().on(options).instances(2).by_node().ready().await?;
    let (simulator, ids) = (test.simulator(), &test.ids);
    let hide = json!({"hideInstances": {"instanceIds": [ids[1]]}});
    test.fault("DescribeInstanceHealth", &json!({}), &hide).await?;
    let mark = test.mark()?;
    let asked = |calls: &Calls| {
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
    let stale = json!([ids[0]]);
    test.until("the dead one to be stale", |web| {
        *web.status("/instances/stale") == stale && web.is_ready()
    })
    .await?;
    assert_eq!(test.registered().await?, set([&ids[1]]));
    Ok(())
}
