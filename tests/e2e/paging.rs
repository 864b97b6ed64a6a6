//! What AWS answers in pages. What is looked for stands on the last one.

use serde_json::{Value, json};
use testkit::{Calls, Options, Result, Simulator};

use crate::network::{EC2, Vpc, element};
use crate::{Test, registered, set};

/// A tag whose value EC2 would read as a pattern, so that it is asked for all and the operator compares.
const TIER: &str = "web\\*";

/// Ids in order, so many and one more that comes last.
fn ids(kind: &str, many: u32) -> Vec<String> {
    let all = (1..=many).chain([u32::MAX]);
    all.map(|number| format!("{kind}-{number:08x}")).collect()
}

/// The tags of the n-th: the last one has those that are looked for.
fn tags(at: usize, all: &[String]) -> Value {
    json!({"tier": if at + 1 == all.len() { TIER } else { "other" }})
}

/// More of everything than a page holds in a VPC, the instances in a roomy subnet. Returns the last subnet, security group and instance.
async fn crowd(aws: &Simulator, vpc: &Vpc<'_>, roomy: &str) -> Result<[String; 3]> {
    let (subnets, groups, instances) = (ids("subnet", 1000), ids("sg", 1000), ids("i", 1000));
    let subnet = |(at, id): (usize, &String)| {
        let cidr = format!("10.9.{}.{}/28", 128 + at / 16, at % 16 * 16);
        json!({"id": id, "vpcId": vpc.id, "availabilityZone": "us-east-1a", "cidrBlock": cidr, "tags": tags(at, &subnets)})
    };
    let group = |(at, id): (usize, &String)| json!({"id": id, "vpcId": vpc.id, "name": format!("group-{at}"), "tags": tags(at, &groups)});
    let instance = |(at, id): (usize, &String)| json!({"id": id, "subnetId": roomy, "tags": tags(at, &instances)});
    let certificates = ids("c", 1000);
    let certificate = |(at, id): (usize, &String)| {
        let domain = if at + 1 == certificates.len() {
            "www.example.com"
        } else {
            "old.example.com"
        };
        json!({"arn": arn(id), "domainName": domain, "notAfter": "2099-01-31T12:00:00Z"})
    };
    let region = json!({
        "region": "us-east-1",
        "subnets": subnets.iter().enumerate().map(subnet).collect::<Vec<_>>(),
        "securityGroups": groups.iter().enumerate().map(group).collect::<Vec<_>>(),
        "instances": instances.iter().enumerate().map(instance).collect::<Vec<_>>(),
        "certificates": certificates.iter().enumerate().map(certificate).collect::<Vec<_>>(),
    });
    aws.seed(&json!({"regions": [region]})).await?;
    Ok([subnets, groups, instances].map(|mut all| all.pop().expect("the last")))
}

fn arn(id: &str) -> String {
    format!("arn:aws:acm:us-east-1:123456789012:certificate/{id}")
}

/// Makes so many route tables, and that of the last id the one that makes a subnet public.
async fn publish_by_the_last_table(aws: &Simulator, vpc: &Vpc<'_>, subnet: &str, many: usize) -> Result<()> {
    let mut tables = Vec::new();
    for _ in 0..many {
        let table = aws
            .query("ec2", EC2, "CreateRouteTable", &[("VpcId", &*vpc.id)])
            .await?;
        tables.push(element(&table, "routeTableId"));
    }
    tables.sort();
    let last = tables.pop().expect("a table");
    vpc.lead_out(&last, &[&subnet.to_owned()]).await
}

/// Auto Scaling groups of two instances each, attached by hand.
async fn groups(aws: &Simulator, subnet: &str, balancer: &str, many: usize) {
    let scaling = aws.autoscaling();
    let launch = scaling.create_launch_configuration().launch_configuration_name("crowd");
    let launch = launch.image_id("ami-12345678").instance_type("t3.micro");
    launch.send().await.expect("a launch configuration");
    for number in 0..many {
        let request = scaling.create_auto_scaling_group().launch_configuration_name("crowd");
        let request = request.auto_scaling_group_name(format!("crowd-{number:02}"));
        let request = request.min_size(0).max_size(2).desired_capacity(2);
        let request = request.vpc_zone_identifier(subnet).load_balancer_names(balancer);
        request.send().await.expect("a group");
    }
}

/// How many pages of an answer were read after the first.
fn turned(calls: &Calls, operation: &str) -> usize {
    let calls = calls.of(operation);
    calls.only(|call| !call.member("NextToken").is_empty()).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_on_the_last_page_is_found() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let aws = test.simulator();
    let vpc = Vpc::new(aws).await?;
    let roomy = vpc.subnet_of("us-east-1a", 20).await?;
    let [subnet, group, instance] = crowd(aws, &vpc, &roomy).await?;
    publish_by_the_last_table(aws, &vpc, &subnet, 101).await?;
    let mark = aws.mark()?;
    let spec = format!(
        "subnetSelector: {{vpcId: {}, role: Public, tags: {{tier: '{TIER}'}}}}\nsecurityGroupSelector: {{tags: {{tier: \
         '{TIER}'}}}}\nlisteners:\n- {{port: 443, protocol: HTTPS, instanceProtocol: HTTP, instancePort: 80, certificate: \
         {{acmDomainName: www.example.com}}}}\ntargets: {{instanceTags: [{{tags: {{tier: '{TIER}'}}}}]}}",
        vpc.id
    );
    let name = test.ready(&spec).await?.name();
    let lb = test.in_aws().await?;
    assert_eq!(lb.subnets(), [subnet.clone()]);
    assert_eq!(lb.security_groups(), [group]);
    assert_eq!(registered(&lb), set([&instance]));
    let listener = lb.listener_descriptions()[0].listener().expect("a listener");
    assert_eq!(listener.ssl_certificate_id(), Some(&*arn("c-ffffffff")));
    let calls = aws.calls(mark)?;
    for operation in [
        "DescribeSubnets",
        "DescribeRouteTables",
        "DescribeSecurityGroups",
        "DescribeInstances",
        "ListCertificates",
    ] {
        assert!(turned(&calls, operation) > 0, "{operation} came on one page");
    }

    // More members of more groups than one call asks for: each of them belongs to its group, and stays.
    groups(aws, &roomy, &name, 51).await;
    let mark = aws.mark()?;
    test.request().await?;
    test.until("the members to be counted", |web| {
        web.is_ready() && web.registered() == Some(103)
    })
    .await?;
    let calls = aws.calls(mark)?;
    assert!(calls.writes().is_empty(), "{}", calls.writes());
    assert!(calls.of("DescribeAutoScalingInstances").len() > 2 && calls.of("DescribeAutoScalingGroups").len() > 1);
    assert_eq!(test.registered().await?.len(), 103);
    Ok(())
}
