//! Subnets and security groups.

use serde_json::json;
use testkit::{Result, Simulator};

use crate::network::Vpc;
use crate::{Test, set};

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
    let list: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
    format!("{}\nsecurityGroups: [{}]", crate::swaps::spec(subnets), list.join(", "))
}

#[tokio::test(flavor = "multi_thread")]
async fn subnets_and_groups_follow_also_within_their_zones() -> Result<()> {
    let test = Test::new().await?;
    let zones = ["us-east-1a", "us-east-1b", "us-east-1c", "us-east-1a", "us-east-1b"];
    let vpc = Made::new(test.simulator(), &zones).await?;
    let [a, b, c, a2, b2] = [0, 1, 2, 3, 4].map(|index| &vpc.subnets[index]);
    let [g, h] = [&vpc.groups[0], &vpc.groups[1]];
    let ready = test.ready(&spec(&[a, b], &[g])).await?;
    assert_eq!(test.attached().await?, set([a, b]));
    assert!(ready.text("/dnsName").starts_with("internal-"));

    test.ready(&spec(&[b, c], &[g, h])).await?;
    assert_eq!(test.attached().await?, set([b, c]), "changed");
    assert_eq!(test.in_aws().await?.security_groups().len(), 2);
    test.ready(&spec(&[a, b], &[h])).await?;
    for (subnets, what) in [
        (&[a2, b][..], "one subnet of a zone for another"),
        (&[a, b2], "all subnets for others of their zones"),
        (&[a2, b], "and back"),
        (&[a], "two for one, of a zone that one of them holds"),
    ] {
        test.ready(&spec(subnets, &[h])).await?;
        assert_eq!(test.attached().await?, set(subnets), "{what}");
    }
    test.change(json!({"securityGroups": null})).await?;
    let lb = test.in_aws().await?;
    assert_eq!(lb.security_groups(), [h.clone()], "un-set groups stay");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_placed_is_refused_in_words() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Made::new(test.simulator(), &["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    let [a, a2, b] = [0, 1, 2].map(|index| &vpc.subnets[index]);
    let group = &vpc.groups[0];
    let unknown_subnet = &"subnet-0123456789abcdef0".to_owned();
    let unknown_group = &"sg-0123456789abcdef0".to_owned();

    // Each names the field, what is wrong with it, and what to do.
    let of_one_zone = ["spec.subnets", a, a2, "at most one subnet of each Availability Zone"];
    let no_subnet = ["spec.subnets", unknown_subnet, "correct the ids", "create the subnets"];
    let no_group = ["spec.securityGroups", unknown_group, "correct the ids", "create the"];
    for (subnets, group, reason, progress, words) in [
        (&[a, a2][..], group, "Invalid", "Stalled", of_one_zone),
        (&[a, unknown_subnet], group, "SubnetNotFound", "Reconciling", no_subnet),
        (&[a], unknown_group, "SecurityGroupNotFound", "Reconciling", no_group),
    ] {
        test.apply(&spec(subnets, &[group])).await?;
        let message = test.until_reason("Accepted", reason).await?;
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert!(test.get().await?.has(progress, "True"), "{reason}");
    }

    // Later the same is a matter of one track, and the others converge.
    test.ready(&spec(&[a, b], &[group])).await?;
    for (spec, reason, team, words) in [
        (
            spec(&[a, b], &[unknown_group]),
            "SecurityGroupNotFound",
            "net",
            no_group,
        ),
        (
            spec(&[a, b, unknown_subnet], &[group]),
            "SubnetNotFound",
            "sub",
            no_subnet,
        ),
    ] {
        test.apply(&format!("{spec}\ntags: {{team: {team}}}")).await?;
        let message = test.until_reason("Programmed", reason).await?;
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
        assert_eq!(test.tags().await?["team"], team);
    }
    Ok(())
}
