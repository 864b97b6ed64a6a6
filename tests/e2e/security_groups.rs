//! Security groups found by selector.

use std::collections::BTreeSet;

use testkit::cluster::Kind;
use testkit::{Result, object};

use crate::network::Vpc;
use crate::{MINIMAL, Test, unique, without};

async fn groups(test: &Test) -> Result<BTreeSet<String>> {
    Ok(test.in_aws().await?.security_groups().iter().cloned().collect())
}

fn set(ids: &[&String]) -> BTreeSet<String> {
    ids.iter().map(|id| (*id).clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_are_found_by_name_and_by_tag_in_the_vpc_of_the_balancer() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.stack.simulator()).await?;
    let subnet = vpc.subnet("us-east-1a").await?;
    let (name, team) = (format!("front-{}", unique()), unique());
    let named = vpc.group(&name).await?;
    let (tagged, other) = (vpc.any_group().await?, vpc.any_group().await?);
    vpc.tag(&[&tagged], "team", &team).await?;
    // The same names and tags elsewhere are another matter.
    let elsewhere = Vpc::new(test.stack.simulator()).await?;
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
    assert_eq!(groups(&test).await?, set(&[&named, &tagged]));

    test.pass().await?;
    let mark = test.mark()?;
    test.pass().await?;
    assert!(test.calls(mark).await?.writes().is_empty(), "a second pass");

    let apply = test.stack.simulator().elb().apply_security_groups_to_load_balancer();
    let apply = apply.load_balancer_name(test.name().await?).security_groups(&other);
    apply.send().await.expect("applied");
    test.pass().await?;
    assert_eq!(groups(&test).await?, set(&[&named, &tagged]), "drift");

    test.ready(&spec(&format!("{{tags: {{team: '{team}'}}}}"))).await?;
    assert_eq!(groups(&test).await?, set(&[&tagged]), "changed");
    vpc.tag(&[&other], "team", &team).await?;
    test.pass().await?;
    assert_eq!(groups(&test).await?, set(&[&tagged, &other]), "one more has the tag");

    test.namespace
        .patch(Kind::CLB, "web", without("securityGroupSelector"))
        .await?;
    test.namespace.until_ready("web").await?;
    assert_eq!(groups(&test).await?, set(&[&tagged, &other]), "un-set groups stay");
    test.ready(&both).await?;
    assert_eq!(groups(&test).await?, set(&[&named, &tagged, &other]), "reverted");

    test.apply(&format!(
        "{}\ntags: {{team: net}}",
        spec(&format!("{{tags: {{team: '{}'}}}}", unique()))
    ))
    .await?;
    let message = test.until_reason("Programmed", "SecurityGroupNotFound").await?;
    assert!(message.contains("spec.securityGroupSelector.tags"), "{message}");
    assert_eq!(groups(&test).await?, set(&[&named, &tagged, &other]), "they stay");
    assert_eq!(test.tags().await?["team"], "net", "everything else follows");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_that_names_zones_finds_groups_of_the_default_vpc() -> Result<()> {
    let test = Test::new().await?;
    let elsewhere = Vpc::new(test.stack.simulator()).await?;
    let foreign = elsewhere.group("default-too").await?;
    // Every VPC has a group of this name.
    let ready = test
        .ready(&format!("{MINIMAL}\nsecurityGroupSelector: {{names: [default]}}"))
        .await?;
    let found = groups(&test).await?;
    assert_eq!(found.len(), 1);
    assert!(!found.contains(&foreign));
    assert_ne!(object::text(&ready, "/status/vpcId"), elsewhere.id);
    Ok(())
}
