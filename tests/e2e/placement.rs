//! Subnets and security groups.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Result, Simulator, object};

use crate::{Test, unique};

const EC2: &str = "2016-11-15";

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> String {
    let start = xml.find(&format!("<{name}>")).expect(name) + name.len() + 2;
    let end = xml[start..].find("</").expect("its end") + start;
    xml[start..end].to_owned()
}

/// A VPC with an Internet gateway, subnets in these zones, and two security groups.
struct Vpc {
    subnets: Vec<String>,
    groups: Vec<String>,
}

impl Vpc {
    async fn new(aws: &Simulator, zones: &[&str]) -> Result<Self> {
        let vpc = element(
            &aws.query("ec2", EC2, "CreateVpc", &[("CidrBlock", "10.9.0.0/16")])
                .await?,
            "vpcId",
        );
        let gateway = aws.query("ec2", EC2, "CreateInternetGateway", &[]).await?;
        let gateway = element(&gateway, "internetGatewayId");
        let attach = [("InternetGatewayId", &*gateway), ("VpcId", &*vpc)];
        aws.query("ec2", EC2, "AttachInternetGateway", &attach).await?;
        let mut subnets = Vec::new();
        for (index, zone) in zones.iter().enumerate() {
            let cidr = format!("10.9.{index}.0/24");
            let members = [("VpcId", &*vpc), ("CidrBlock", &*cidr), ("AvailabilityZone", *zone)];
            subnets.push(element(
                &aws.query("ec2", EC2, "CreateSubnet", &members).await?,
                "subnetId",
            ));
        }
        let mut groups = Vec::new();
        for _ in 0..2 {
            let name = format!("group-{}", unique());
            let members = [
                ("VpcId", &*vpc),
                ("GroupName", &*name),
                ("GroupDescription", "for a test"),
            ];
            groups.push(element(
                &aws.query("ec2", EC2, "CreateSecurityGroup", &members).await?,
                "groupId",
            ));
        }
        Ok(Self { subnets, groups })
    }
}

fn spec(subnets: &[&String], groups: &[&String]) -> String {
    let list = |items: &[&String]| items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(", ");
    format!(
        "scheme: internal\nsubnets: [{}]\nsecurityGroups: [{}]\nlisteners: [{{port: 80, protocol: TCP, instancePort: 80}}]",
        list(subnets),
        list(groups)
    )
}

async fn attached(test: &Test) -> Result<BTreeSet<String>> {
    Ok(test.in_aws().await?.subnets().iter().cloned().collect())
}

fn set(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_and_groups_follow_also_within_their_zones() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(
        test.stack.simulator(),
        &["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1a", "us-east-1b"],
    )
    .await?;
    let [a, b, c, a2, b2] = [0, 1, 2, 3, 4].map(|index| &vpc.subnets[index]);
    let [g, h] = [&vpc.groups[0], &vpc.groups[1]];
    let ready = test.ready(&spec(&[a, b], &[g])).await?;
    assert_eq!(attached(&test).await?, set(&[a, b]));
    assert!(object::text(&ready, "/status/dnsName").starts_with("internal-"));

    test.ready(&spec(&[b, c], &[g, h])).await?;
    assert_eq!(attached(&test).await?, set(&[b, c]), "changed");
    assert_eq!(test.in_aws().await?.security_groups().len(), 2);
    test.ready(&spec(&[a, b], &[h])).await?;
    test.ready(&spec(&[a2, b], &[h])).await?;
    assert_eq!(
        attached(&test).await?,
        set(&[a2, b]),
        "one subnet of a zone for another"
    );
    test.ready(&spec(&[a, b2], &[h])).await?;
    assert_eq!(
        attached(&test).await?,
        set(&[a, b2]),
        "all subnets for others of their zones"
    );

    test.ready(&spec(&[a2, b], &[h])).await?;
    test.ready(&spec(&[a], &[h])).await?;
    assert_eq!(
        attached(&test).await?,
        set(&[a]),
        "two for one, of a zone that one of them holds"
    );

    test.namespace
        .patch(Kind::CLB, "web", crate::without("securityGroups"))
        .await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(
        test.in_aws().await?.security_groups(),
        [h.clone()],
        "un-set groups stay"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_placed_is_refused_in_words() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.stack.simulator(), &["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    let [a, a2, b] = [0, 1, 2].map(|index| &vpc.subnets[index]);
    let group = &vpc.groups[0];
    let unknown_subnet = "subnet-0123456789abcdef0".to_owned();
    let unknown_group = "sg-0123456789abcdef0".to_owned();

    test.apply(&spec(&[a, a2], &[group])).await?;
    test.until_reason("Accepted", "Invalid").await?;
    assert!(object::has(&test.get().await?, "Stalled", "True"));
    test.apply(&spec(&[a, &unknown_subnet], &[group])).await?;
    test.until_reason("Accepted", "SubnetNotFound").await?;
    assert!(object::has(&test.get().await?, "Reconciling", "True"));
    test.apply(&spec(&[a], &[&unknown_group])).await?;
    test.until_reason("Accepted", "SecurityGroupNotFound").await?;

    // Later the same is a matter of one track, and the others converge.
    test.ready(&spec(&[a, b], &[group])).await?;
    test.apply(&format!("{}\ntags: {{team: net}}", spec(&[a, b], &[&unknown_group])))
        .await?;
    test.until_reason("Programmed", "SecurityGroupNotFound").await?;
    assert_eq!(test.tags().await?["team"], "net");
    test.apply(&format!(
        "{}\ntags: {{team: sub}}",
        spec(&[a, b, &unknown_subnet], &[group])
    ))
    .await?;
    test.until_reason("Programmed", "SubnetNotFound").await?;
    assert_eq!(test.tags().await?["team"], "sub");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_only_subnet_is_not_swapped_within_its_zone() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.stack.simulator(), &["us-east-1a", "us-east-1a"]).await?;
    test.ready(&spec(&[&vpc.subnets[0]], &[&vpc.groups[0]])).await?;
    let patch = json!({"spec": {"subnets": [vpc.subnets[1]]}});
    test.namespace.patch(Kind::CLB, "web", patch).await?;
    let message = test.until_reason("Programmed", "InvalidConfigurationRequest").await?;
    assert!(message.contains("Availability Zone"), "{message}");
    assert_eq!(
        attached(&test).await?,
        set(&[&vpc.subnets[0]]),
        "it keeps the one it has"
    );
    Ok(())
}
