//! What somebody changes in AWS behind the operator's back is put right.

use aws_sdk_elasticloadbalancing::types::{HealthCheck, Instance, Tag};
use testkit::Result;

use crate::{Test, registered};

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_repaired_when_somebody_asks() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = test
        .namespace
        .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    test.ready(&format!(
        "availabilityZones: [us-east-1a, us-east-1b]\nlisteners:\n- {{port: 80, protocol: HTTP, instancePort: 8080}}\n\
         - {{port: 443, protocol: TCP, instancePort: 8443}}\nhealthCheck: {{target: 'HTTP:8080/'}}\ntags: {{team: web}}\n\
         targets: {{instanceIds: [{}]}}",
        ids[0]
    ))
    .await?;
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    elb.delete_load_balancer_listeners()
        .load_balancer_name(&name)
        .load_balancer_ports(443)
        .send()
        .await
        .expect("deleted");
    let check = HealthCheck::builder()
        .target("TCP:1")
        .interval(30)
        .timeout(5)
        .unhealthy_threshold(2)
        .healthy_threshold(2);
    let check = check.build().expect("a health check");
    elb.configure_health_check()
        .load_balancer_name(&name)
        .health_check(check)
        .send()
        .await
        .expect("configured");
    let instance = |id: &str| Instance::builder().instance_id(id).build();
    let foreign = elb.register_instances_with_load_balancer().load_balancer_name(&name);
    foreign.instances(instance(&ids[1])).send().await.expect("registered");
    let ours = elb.deregister_instances_from_load_balancer().load_balancer_name(&name);
    ours.instances(instance(&ids[0])).send().await.expect("deregistered");
    let tag = Tag::builder().key("team").value("other").build().expect("a tag");
    elb.add_tags()
        .load_balancer_names(&name)
        .tags(tag)
        .send()
        .await
        .expect("tagged");
    let zones = elb
        .disable_availability_zones_for_load_balancer()
        .load_balancer_name(&name);
    zones.availability_zones("us-east-1b").send().await.expect("disabled");

    test.pass().await?;
    // The foreign instance leaves when ours is in service.
    test.namespace.until_ready("web").await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.listener_descriptions().len(), 2, "the listener is back");
    assert_eq!(lb.health_check().expect("a health check").target(), "HTTP:8080/");
    assert_eq!(registered(&lb), [ids[0].clone()].into());
    assert_eq!(lb.availability_zones().len(), 2);
    assert_eq!(test.tags().await?["team"], "web");
    Ok(())
}
