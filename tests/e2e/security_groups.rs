//! Security groups found by selector.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::Result;

use crate::network::Vpc;
use crate::setup::minimal;
use crate::{Test, set, unique};

async fn groups(test: &Test) -> Result<BTreeSet<String>> {
    Ok(set(test.in_aws().await?.security_groups()))
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_by_name_and_by_tag_in_the_vpc_of_the_balancer() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let subnet = vpc.subnet("us-east-1a").await?;
    let (name, team) = (format!("front-{}", unique()), unique());
    let named = vpc.group(&name).await?;
    let (tagged, other) = (vpc.any_group().await?, vpc.any_group().await?);
    vpc.tag(&[&tagged], "team", &team).await?;
    // The same names and tags elsewhere are another matter.
    let elsewhere = Vpc::new(test.simulator()).await?;
    let foreign = elsewhere.group(&name).await?;
    elsewhere.tag(&[&foreign], "team", &team).await?;
    let spec = |selector: &str| {
        format!(
            "scheme: internal\nsubnets: [{subnet}]\nsecurityGroupSelector: {selector}\n\
             listeners: [{{port: 80, protocol: TCP, instancePort: 80}}]"
        )
    };

    test.apply(&spec("{names: [nobody]}")).await?;
    let message = test.until_reason("Accepted", "SecurityGroupNotFound").await?;
    assert!(
        message.contains("spec.securityGroupSelector.names") && message.contains("nobody"),
        "{message}"
    );

    let both = spec(&format!("{{names: [{name}], tags: {{team: '{team}'}}}}"));
    test.ready(&both).await?;
    assert_eq!(groups(&test).await?, set([&named, &tagged]));

    test.pass().await?;
    test.idle("a second pass").await?;

    let by_hand = [("SecurityGroups.member.1", other.as_str())];
    test.by_hand("ApplySecurityGroupsToLoadBalancer", &by_hand).await?;
    test.pass().await?;
    assert_eq!(groups(&test).await?, set([&named, &tagged]), "drift");

    test.ready(&spec(&format!("{{tags: {{team: '{team}'}}}}"))).await?;
    assert_eq!(groups(&test).await?, set([&tagged]), "changed");
    vpc.tag(&[&other], "team", &team).await?;
    test.pass().await?;
    assert_eq!(groups(&test).await?, set([&tagged, &other]), "one more has the tag");

    test.change(json!({"securityGroupSelector": null})).await?;
    assert_eq!(groups(&test).await?, set([&tagged, &other]), "un-set groups stay");
    test.ready(&both).await?;
    assert_eq!(groups(&test).await?, set([&named, &tagged, &other]), "reverted");

    let nobody = spec(&format!("{{tags: {{team: '{}'}}}}", unique()));
    test.apply(&format!("{nobody}\ntags: {{team: net}}")).await?;
    let message = test.until_reason("Programmed", "SecurityGroupNotFound").await?;
    assert!(message.contains("spec.securityGroupSelector.tags"), "{message}");
    assert_eq!(groups(&test).await?, set([&named, &tagged, &other]), "they stay");
    assert_eq!(test.tags().await?["team"], "net", "everything else follows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_names_zones_finds_groups_of_the_default_vpc() -> Result<()> {
    let test = Test::new().await?;
    let elsewhere = Vpc::new(test.simulator()).await?;
    let foreign = elsewhere.group("default-too").await?;
    // Every VPC has a group of this name.
    let selector = "securityGroupSelector: {names: [default]}";
    let ready = test.ready(&minimal(selector)).await?;
    let found = groups(&test).await?;
    assert_eq!(found.len(), 1);
    assert!(!found.contains(&foreign));
    assert_ne!(ready.text("/vpcId"), elsewhere.id);
    Ok(())
}
