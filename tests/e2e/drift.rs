//! What somebody changes in AWS behind the operator's back is put right.

use testkit::{Options, Result, Stack};

use crate::setup::minimal;
use crate::{Test, set};

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_when_somebody_asks() -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b"]);
    let test = setup.start().await?;
    let ids = &test.ids;
    test.ready(&format!(
        "availabilityZones: [us-east-1a, us-east-1b]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n\
         - {{port: 443, protocol: TCP, instancePort: 8443}}\nhealthCheck: {{target: 'HTTP:8080/'}}\ntags: {{team: web}}\n\
         targets: {{instanceIds: [{}]}}",
        ids[0]
    ))
    .await?;
    let check = [
        ("HealthCheck.Target", "TCP:1"),
        ("HealthCheck.Interval", "30"),
        ("HealthCheck.Timeout", "5"),
        ("HealthCheck.UnhealthyThreshold", "2"),
        ("HealthCheck.HealthyThreshold", "2"),
    ];
    let instance = |at: usize| [("Instances.member.1.InstanceId", ids[at].as_str())];
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "other")];
    for (action, members) in [
        (
            "DeleteLoadBalancerListeners",
            &[("LoadBalancerPorts.member.1", "443")][..],
        ),
        ("ConfigureHealthCheck", &check),
        ("RegisterInstancesWithLoadBalancer", &instance(1)),
        ("DeregisterInstancesFromLoadBalancer", &instance(0)),
        ("AddTags", &tag),
        (
            "DisableAvailabilityZonesForLoadBalancer",
            &[("AvailabilityZones.member.1", "us-east-1b")],
        ),
    ] {
        test.by_hand(action, members).await?;
    }
    test.pass().await?;
    // The foreign instance leaves when ours is in service.
    test.until_ready().await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.listener_descriptions().len(), 2, "the listener is back");
    assert_eq!(lb.health_check().expect("a health check").target(), "HTTP:8080/");
    assert_eq!(crate::registered(&lb), set(&ids[..1]));
    assert_eq!(lb.availability_zones().len(), 2);
    assert_eq!(test.tags().await?["team"], "web");
    test.told("clb_load_balancer_drift_corrected_total", "", "1").await?;
    test.until_event("DriftCorrected", "AddTags").await?;
    test.told("clb_load_balancer_ready", "", "1").await?;
    test.told("clb_load_balancer_instances_desired", "", "1").await?;
    Ok(())
}

/// The process that looks has not seen how it was; the status has told.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_changed_while_nobody_ran_is_told_as_drift() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    test.ready(&minimal("healthCheck: {target: 'TCP:8080'}")).await?;
    let operator = test.stack.operator();
    operator.stop().await?;
    test.by_hand("DeleteLoadBalancerListeners", &[("LoadBalancerPorts.member.1", "80")])
        .await?;
    operator.start_ready().await?;
    test.until_event("DriftCorrected", "CreateLoadBalancerListeners")
        .await?;
    test.told("clb_load_balancer_drift_corrected_total", "", "1").await?;
    assert_eq!(test.in_aws().await?.listener_descriptions().len(), 1);

    // A change of the spec is none, also when the operator first sees it after a start.
    operator.stop().await?;
    test.apply(&minimal("healthCheck: {target: 'TCP:8081'}")).await?;
    operator.start_ready().await?;
    test.until_ready().await?;
    assert_eq!(
        test.in_aws().await?.health_check().expect("a health check").target(),
        "TCP:8081"
    );
    test.told("clb_load_balancer_drift_corrected_total", "", "0").await
}
