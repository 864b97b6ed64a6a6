//! Subnets and security groups.

use std::collections::BTreeSet;

use testkit::cluster::Kind;
use testkit::{Result, Simulator, object};

use crate::Test;
use crate::network::Vpc;

/// A VPC with subnets in these zones, and two security groups.
struct Made {
    subnets: Vec<String>,
    groups: Vec<String>,
}

impl Made {
    async fn new(aws: &Simulator, zones: &[&str]) -> Result<Self> {
        let vpc = Vpc::new(aws).await?;
        Ok(Self {
            subnets: vpc.subnets(zones).await?,
            groups: vec![vpc.any_group().await?, vpc.any_group().await?],
        })
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
    let vpc = Made::new(
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
    let vpc = Made::new(test.stack.simulator(), &["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
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
