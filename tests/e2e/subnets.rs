//! Subnets found by selector, and what is told of subnets before AWS is asked.

use serde_json::json;
use testkit::Result;

use crate::network::Vpc;
use crate::swaps::spec as naming;
use crate::{Test, error, set, unique};

const LISTENERS: &str = "listeners: [{port: 80, protocol: TCP, instancePort: 80}]";

fn selecting(scheme: &str, selector: &str) -> String {
    format!("scheme: {scheme}\nsubnetSelector: {selector}\n{LISTENERS}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selector_finds_one_subnet_of_each_zone_and_is_followed() -> Result<()> {
    let test = Test::new().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let zones = [
        "us-east-1a",
        "us-east-1a",
        "us-east-1b",
        "us-east-1b",
        "us-east-1-bos-1a",
        "us-east-1c",
    ];
    let made = vpc.subnets(&zones).await?;
    let [a, a2, private, b, local, c] = [0, 1, 2, 3, 4, 5].map(|index| &made[index]);
    vpc.publish(&[a, a2, b, local, c]).await?;
    let (team, other) = (unique(), unique());
    vpc.tag(&[a, a2, private, b, local], "team", &team).await?;
    vpc.tag(&[c], "team", &other).await?;
    let selector = |team: &str| selecting("internet-facing", &format!("{{tags: {{team: '{team}'}}}}"));

    let ready = test.ready(&selector(&team)).await?;
    assert_eq!(
        test.attached().await?,
        set([a.min(a2), b]),
        "public, one of each zone, no Local Zone"
    );
    assert_eq!(ready.text("/vpcId"), vpc.id);

    test.pass().await?;
    test.idle("a second pass").await?;

    test.by_hand("DetachLoadBalancerFromSubnets", &[("Subnets.member.1", b.as_str())])
        .await?;
    test.pass().await?;
    assert_eq!(test.attached().await?, set([a.min(a2), b]), "drift");

    let changed = test.ready(&selector(&other)).await?;
    assert_eq!(test.attached().await?, set([c]), "changed");
    assert_eq!(*changed.status("/availabilityZones"), json!(["us-east-1c"]));

    // Named subnets in the place of the selector, and back: what is attached and fits is not exchanged for a lower id.
    let named = format!("subnets: [{}, {b}]\n{LISTENERS}", a.max(a2));
    test.ready(&named).await?;
    assert_eq!(test.attached().await?, set([a.max(a2), b]), "un-set");
    let mark = test.mark()?;
    test.ready(&selector(&team)).await?;
    test.nothing_written(mark, "reverted").await?;

    // Nothing found: the subnets stay, and everything else follows.
    test.apply(&format!("{}\ntags: {{team: net}}", selector(&unique())))
        .await?;
    let message = test.until_reason("Programmed", "SubnetNotFound").await?;
    assert!(message.contains("spec.subnetSelector"), "{message}");
    assert_eq!(test.attached().await?, set([a.max(a2), b]));
    assert_eq!(test.tags().await?["team"], "net");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_internal_balancer_takes_private_subnets_first_and_asks_which_vpc() -> Result<()> {
    let test = Test::new().await?;
    let aws = test.simulator();
    let (vpc, other) = (Vpc::new(aws).await?, Vpc::new(aws).await?);
    let made = vpc.subnets(&["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    let [public, private, b] = [0, 1, 2].map(|index| &made[index]);
    vpc.publish(&[public, b]).await?;
    let elsewhere = other.subnet("us-east-1a").await?;
    let team = unique();
    vpc.tag(&[public, private, b], "team", &team).await?;
    other.tag(&[&elsewhere], "team", &team).await?;

    test.apply(&selecting("internal", &format!("{{tags: {{team: '{team}'}}}}")))
        .await?;
    let message = test.until_reason("Accepted", "AmbiguousVpc").await?;
    assert!(message.contains("vpcId") && message.contains(&other.id), "{message}");

    let chosen = |rest: &str| format!("{{vpcId: {}, tags: {{team: '{team}'}}{rest}}}", vpc.id);
    test.ready(&selecting("internal", &chosen(""))).await?;
    assert_eq!(test.attached().await?, set([private, b]));
    test.ready(&selecting("internal", &chosen(", role: Public"))).await?;
    assert_eq!(test.attached().await?, set([public, b]));
    test.ready(&selecting("internal", &chosen(", role: Private"))).await?;
    assert_eq!(test.attached().await?, set([private]));
    // Now that it has a VPC, it is not asked any more.
    test.ready(&selecting(
        "internal",
        &format!("{{tags: {{team: '{team}'}}, role: Private}}"),
    ))
    .await?;
    assert_eq!(test.attached().await?, set([private]));

    let moved = format!("{{vpcId: {}, tags: {{team: '{team}'}}}}", other.id);
    test.apply(&selecting("internal", &moved)).await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(
        message.contains("cannot move") && message.contains("set spec.replacement to BlueGreen"),
        "{message}"
    );
    assert!(test.get().await?.has("Stalled", "True"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_aws_would_refuse_is_told_before_it_is_asked() -> Result<()> {
    let test = Test::new().await?;
    let aws = test.simulator();
    let (vpc, other) = (Vpc::new(aws).await?, Vpc::new(aws).await?);
    let made = vpc
        .subnets(&["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1-bos-1a"])
        .await?;
    let [a, a2, b, local] = [0, 1, 2, 3].map(|index| &made[index]);
    let (elsewhere, full) = (
        other.subnet("us-east-1b").await?,
        vpc.subnet_of("us-east-1c", 28).await?,
    );
    vpc.launch(&full, "4").await?;
    let mark = test.mark()?;
    let unknown = "subnet-0123456789abcdef0".to_owned();
    for (subnets, reason, words, progress) in [
        ([a, a2], "Invalid", "us-east-1a", "Stalled"),
        ([a, &elsewhere], "Invalid", "one VPC", "Stalled"),
        ([a, local], "Invalid", "Local Zone", "Stalled"),
        ([a, &full], "NotEnoughAddresses", full.as_str(), "Reconciling"),
        ([a, &unknown], "SubnetNotFound", unknown.as_str(), "Reconciling"),
    ] {
        test.apply(&naming(&subnets)).await?;
        let what = format!("Accepted to be False for {words}");
        let refused = test.until(&what, |web| {
            let accepted = web.condition("Accepted");
            accepted.is_some_and(|c| c.status == "False" && c.reason == reason && c.message.contains(words))
        });
        let refused = refused.await?;
        assert!(refused.has(progress, "True"), "{words}: {progress}");
        let message = refused.message("Accepted");
        assert!(message.starts_with("spec.subnets: "), "{message}");
    }
    test.nothing_written(mark, "AWS was not asked").await?;

    // Later it stops nothing else.
    test.ready(&naming(&[a, b])).await?;
    test.apply(&format!("{}\ntags: {{team: net}}", naming(&[a, a2, b])))
        .await?;
    test.until_reason("Accepted", "Invalid").await?;
    assert!(test.get().await?.has("Stalled", "True"));
    assert_eq!(test.tags().await?["team"], "net");
    assert_eq!(test.attached().await?, set([a, b]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_to_look_aws_itself_tells() -> Result<()> {
    const REGION: &str = "us-west-2";
    let test = Test::new().await?;
    let denied = error(
        "UnauthorizedOperation",
        403,
        "You are not authorized to perform this operation.",
    );
    let rule = json!({"match": {"service": "ec2", "region": REGION}, "do": denied});
    test.simulator().fault(&rule).await?;
    // The default subnets of the region, by way of a balancer that has them.
    let spec = |placement: &str| format!("region: {REGION}\n{placement}\n{LISTENERS}");
    let ready = test.ready(&spec("availabilityZones: [us-west-2a, us-west-2b]")).await?;
    let elb = test.simulator().elb_in(REGION);
    let describe = elb.describe_load_balancers().load_balancer_names(ready.name());
    let described = describe.send().await.expect("described");
    let subnets = described.load_balancer_descriptions()[0].subnets();
    test.delete().await?;

    test.apply(&spec(&format!("subnets: [{}, subnet-0123456789abcdef0]", subnets[0])))
        .await?;
    let message = test.until_reason("Accepted", "SubnetNotFound").await?;
    assert!(message.starts_with("CreateLoadBalancer"), "{message}");
    for subnet in subnets {
        test.ready(&spec(&format!("subnets: [{subnet}]"))).await?;
    }

    // A selector cannot do without, and says what it needs.
    test.apply(&spec("subnetSelector: {role: Public}")).await?;
    let message = test.until_reason("Programmed", "UnauthorizedOperation").await?;
    assert!(message.contains("ec2:DescribeSubnets"), "{message}");
    Ok(())
}
