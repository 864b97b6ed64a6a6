//! What the operator looks at by itself, with short intervals.

use testkit::{Options, Result};

use crate::Test;
use crate::setup::health_every;

#[tokio::test(flavor = "multi_thread")]
async fn health_is_live_in_status() -> Result<()> {
    let zones = ["us-east-1a", "us-east-1b"];
    let test = Test::web().on(health_every("2s")).zones(&zones).by_id().ready().await?;
    let first = test.ids[0].as_str();
    let well = test
        .until("all in service", |web| web.has("TargetsHealthy", "True"))
        .await?;
    assert_eq!(well.summary(), "2/2");

    let instance = [("InstanceId.1", first)];
    let ec2 = async |action| test.simulator().query("ec2", "2016-11-15", action, &instance).await;
    ec2("StopInstances").await?;
    let ill = test
        .until("one out of service", |web| web.says("TargetsHealthy", "Unhealthy"))
        .await?;
    assert_eq!(ill.summary(), "1/2");
    assert_eq!(
        ill.text("/instances/items/0/id"),
        first,
        "those out of service come first"
    );
    assert_eq!(ill.text("/instances/items/0/state"), "OutOfService");
    let message = ill.message("TargetsHealthy");
    assert!(
        message.contains(first) && message.contains("8080"),
        "it names instance and port: {message}"
    );
    assert!(ill.is_ready(), "the load balancer itself is as declared");

    // AWS leaves a terminated instance registered. It is taken out, and the id that names it is told.
    ec2("TerminateInstances").await?;
    let told = test
        .until("the terminated instance to be told", |web| {
            web.says("Programmed", "InstanceNotFound") && web.registered() == Some(1)
        })
        .await?;
    assert!(told.message("Programmed").contains(first));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_by_the_resync_and_quiet_otherwise() -> Result<()> {
    let mut options = Options::default();
    options.operator.resync_period = "3s".into();
    let test = Test::web().on(options).ready().await?;
    let mark = test.mark()?;
    test.by_hand("DeleteLoadBalancerListeners", &[("LoadBalancerPorts.member.1", "80")])
        .await?;
    test.until_called(mark, "CreateLoadBalancerListeners").await?;
    assert_eq!(test.in_aws().await?.listener_descriptions().len(), 1);
    test.until_event("DriftCorrected", "CreateLoadBalancerListeners")
        .await?;

    // Three resyncs with nothing to do: reads only, and no word to Kubernetes.
    let mark = test.mark()?;
    let state = async || -> Result<_> {
        let version = test.get().await?.metadata.resource_version.clone();
        Ok((version, test.writes_to_kubernetes()?))
    };
    let before = state().await?;
    let read = |calls: &testkit::Calls| calls.of("DescribeLoadBalancers").len() >= 4;
    let calls = test.simulator().until_calls(mark, "four resyncs", read).await?;
    assert!(calls.writes().is_empty(), "{calls}");
    assert_eq!(before, state().await?);
    Ok(())
}
