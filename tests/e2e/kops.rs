//! A load balancer that kOps attaches Auto Scaling groups to (`externalLoadBalancers`) is taken over and left in both ways of its
//! page, and kOps finds attached what it wants.

use testkit::Result;

use crate::adoption::{offer, plain, tag};
use crate::setup::with_args;
use crate::targets::{balancers_of, group};
use crate::{Test, unique};

const SPEC: &str = "\
adopt: true
deletionPolicy: Retain
availabilityZones: [us-east-1a, us-east-1b]
listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]";

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_kops_attached_stay_attached_through_adoption_and_deletion() -> Result<()> {
    for says_the_same in [true, false] {
        let test = Test::new().await?;
        let name = format!("kops-{}", unique());
        plain(&test.stack, &name).await?;
        let group = group(&test, 2).await?;
        let attach = test.simulator().autoscaling().attach_load_balancers();
        let attach = attach.auto_scaling_group_name(&group).load_balancer_names(&name);
        attach.send().await.expect("attached");
        tag(&test.stack, &name, "classiclb.dev/adopt-by", &offer(&test)).await?;
        let mark = test.mark()?;
        let targets = if says_the_same {
            format!("\ntargets: {{autoScalingGroups: [{{name: {group}}}]}}")
        } else {
            String::new()
        };
        test.ready(&format!("loadBalancerName: {name}\n{SPEC}{targets}"))
            .await?;
        test.pass().await?;
        let calls = test.simulator().calls(mark)?.of_operator();
        let of_it = calls.only(|call| call.names(&name) || call.names(&group)).writes();
        assert_eq!(of_it.operations(), ["AddTags"], "{of_it}");
        assert_eq!(test.registered().await?.len(), 2);
        let mark = test.mark()?;
        test.delete().await?;
        let calls = test.simulator().calls(mark)?.of_operator();
        let of_it = calls.only(|call| call.names(&name) || call.names(&group)).writes();
        assert_eq!(of_it.operations(), ["RemoveTags"], "{of_it}");
        assert_eq!(balancers_of(&test, &group).await, [name]);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_balancer_of_the_api_servers_is_refused_by_an_operator_that_takes_any() -> Result<()> {
    let test = Test::web().on(with_args(&["--adoption=any"])).start().await?;
    let name = format!("api-{}", unique());
    plain(&test.stack, &name).await?;
    tag(&test.stack, &name, "KubernetesCluster", "k8s.example.com").await?;
    let mark = test.mark()?;
    test.apply(&format!("loadBalancerName: {name}\n{SPEC}")).await?;
    let message = test.until_reason("Accepted", "NotAdopted").await?;
    assert!(message.contains("the kOps cluster k8s.example.com"), "{message}");
    let calls = test.simulator().calls(mark)?.naming(&name).writes();
    assert!(calls.is_empty(), "{calls}");
    Ok(())
}
