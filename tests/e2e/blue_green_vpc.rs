//! A load balancer cannot leave its VPC: another one is made in the other VPC, takes over, and the one before it goes.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};
use testkit::{Options, Result};

use crate::blue_green::{until_moved, until_over};
use crate::network::Vpc;
use crate::setup::minimal;
use crate::{Test, describe, error, registered, set, unique};

/// A VPC with a subnet, a security group and three instances.
struct Site {
    vpc: String,
    subnet: String,
    group: String,
    ids: Vec<String>,
}

impl Site {
    async fn new(test: &Test) -> Result<Self> {
        let vpc = Vpc::new(test.simulator()).await?;
        let subnet = vpc.subnet("us-east-1a").await?;
        let ids: Vec<String> = (0..3).map(|_| new_id()).collect();
        vpc.run(&subnet, &ids).await?;
        Ok(Self {
            group: vpc.any_group().await?,
            vpc: vpc.id,
            subnet,
            ids,
        })
    }

    /// The members of a spec that name it.
    fn spec(&self) -> Value {
        json!({
            "subnets": [self.subnet], "securityGroups": [self.group], "targets": {"instanceIds": self.ids},
        })
    }
}

/// An id that no other test has: those of namespaces begin with zeros.
fn new_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0xb9e0_0000);
    format!("i-{:08x}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A balancer in the first of these, with all of its instances in service.
async fn placed(test: &Test, site: &Site, lines: &str) -> Result<()> {
    let spec = json!(site.spec());
    let spec = format!(
        "listeners: [{{port: 80, protocol: HTTP, instancePort: 8080}}]\nsubnets: {}\nsecurityGroups: {}\ntargets: {}\n{lines}",
        spec["subnets"], spec["securityGroups"], spec["targets"]
    );
    test.ready(&spec).await?;
    test.until("all in service", |web| web.summary() == "3/3")
        .await
        .map(drop)
}

fn replaceable(keep: u32) -> String {
    format!("replacement: BlueGreen\nreplacementKeepSeconds: {keep}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balancer_of_the_other_vpc_takes_over_when_it_serves() -> Result<()> {
    let test = Test::new().await?;
    let (here, there) = (Site::new(&test).await?, Site::new(&test).await?);
    placed(&test, &here, &replaceable(3)).await?;
    let (before, mark) = (test.get().await?, test.mark()?);
    assert_eq!(before.text("/vpcId"), here.vpc);
    test.patch(there.spec()).await?;
    let moved = until_moved(&test, &before).await?;
    let (old, new) = (before.name(), moved.name());
    assert_eq!(moved.text("/vpcId"), there.vpc);
    assert_eq!(*moved.status("/securityGroups"), json!([there.group]));
    assert_eq!(moved.text("/replacement/vpcId"), here.vpc);
    until_over(&test, &before, &moved).await?;
    assert_eq!(registered(&test.in_aws().await?), set(&there.ids));
    let calls = test.simulator().calls(mark)?;
    let of_old = calls.naming(&old);
    assert!(of_old.of("DeregisterInstancesFromLoadBalancer").is_empty(), "{of_old}");
    assert!(of_old.of("AttachLoadBalancerToSubnets").is_empty(), "{of_old}");
    assert!(of_old.of("ApplySecurityGroupsToLoadBalancer").is_empty(), "{of_old}");
    // And back, under the first name again.
    test.patch(here.spec()).await?;
    let back = test
        .until("the way back", |web| {
            web.text("/vpcId") == here.vpc && web.status("/replacement").is_null()
        })
        .await?;
    assert_eq!(back.name(), old);
    test.delete().await?;
    for name in [&old, &new] {
        assert!(describe(&test.stack, name).await.is_none(), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_serves_in_the_old_vpc_stays_until_the_change_is_taken_back() -> Result<()> {
    let test = Test::new().await?;
    let (here, there) = (Site::new(&test).await?, Site::new(&test).await?);
    let (blue, green) = (format!("blue-{}", unique()), format!("green-{}", unique()));
    placed(&test, &here, &format!("{}\nloadBalancerName: {blue}", replaceable(1))).await?;
    let dns = test.get().await?.text("/dnsName").to_owned();
    let refused = error("InvalidInstance", 400, "not today");
    let rule =
        json!({"match": {"operation": "RegisterInstancesWithLoadBalancer", "loadBalancer": green}, "do": refused});
    test.simulator().fault(&rule).await?;
    let mut change = there.spec();
    change["loadBalancerName"] = json!(green);
    test.patch(change).await?;
    let waits = test
        .until("the wait", |web| web.text("/replacement/phase") == "WaitingForHealth")
        .await?;
    assert_eq!(waits.text("/replacement/vpcId"), there.vpc);
    test.until_reason("Programmed", "Replacing").await?;
    test.pass().await?;
    let web = test.get().await?;
    assert_eq!(web.text("/dnsName"), dns);
    assert_eq!(registered(&test.in_aws().await?), set(&here.ids), "it is not stripped");
    let mut back = here.spec();
    back["loadBalancerName"] = json!(blue);
    test.patch(back).await?;
    let off = test
        .until("the end", |web| web.status("/replacement").is_null() && web.is_ready())
        .await?;
    assert_eq!((off.name(), off.text("/dnsName")), (blue.clone(), dns.as_str()));
    assert_eq!(registered(&test.in_aws().await?), set(&here.ids));
    assert!(describe(&test.stack, &green).await.is_none());
    test.simulator().clear_faults().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_vpc_is_taken_back_while_the_old_one_is_kept() -> Result<()> {
    let test = Test::new().await?;
    let (here, there) = (Site::new(&test).await?, Site::new(&test).await?);
    placed(&test, &here, &replaceable(3600)).await?;
    let (old, dns) = {
        let web = test.get().await?;
        (web.name(), web.text("/dnsName").to_owned())
    };
    test.patch(there.spec()).await?;
    let moved = test.until("the move", |web| web.text("/vpcId") == there.vpc).await?;
    let new = moved.name();
    let stands = describe(&test.stack, &old).await.expect("it is kept");
    assert_eq!(registered(&stands), set(&here.ids), "with what serves there");
    test.patch(here.spec()).await?;
    let back = test
        .until("the move back", |web| web.text("/vpcId") == here.vpc)
        .await?;
    assert_eq!((back.name(), back.text("/dnsName")), (old.clone(), dns.as_str()));
    assert_eq!(back.text("/replacement/loadBalancerName"), new);
    let stands = describe(&test.stack, &new).await.expect("it is kept in its turn");
    assert_eq!(registered(&stands), set(&there.ids));
    // Deleted meanwhile, neither stays.
    test.delete().await?;
    for name in [&old, &new] {
        assert!(describe(&test.stack, name).await.is_none(), "{name}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn from_zones_to_a_selector_of_another_vpc_each_keeps_the_instances_of_its_own() -> Result<()> {
    let test = Test::web().instances(2).start().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let subnet = vpc.subnet("us-east-1a").await?;
    vpc.publish(&[&subnet]).await?;
    vpc.tag(&[&subnet], "team", &test.role).await?;
    let there: Vec<String> = (0..2).map(|_| new_id()).collect();
    vpc.run(&subnet, &there).await?;
    let all: Vec<&String> = test.ids.iter().chain(&there).collect();
    vpc.tag(&all, "role", &test.role).await?;
    let targets = format!("targets: {{instanceTags: [{{tags: {{role: '{}'}}}}]}}", test.role);
    test.ready(&minimal(&format!("{targets}\n{}", replaceable(3600))))
        .await?;
    let before = test.until("all in service", |web| web.summary() == "2/2").await?;
    let default_vpc = before.text("/vpcId").to_owned();
    let selector = json!({"vpcId": vpc.id, "tags": {"team": test.role}});
    test.patch(json!({"availabilityZones": null, "subnetSelector": selector}))
        .await?;
    let moved = test.until("the move", |web| web.text("/vpcId") == vpc.id).await?;
    assert_eq!(registered(&test.in_aws().await?), set(&there));
    let stands = describe(&test.stack, &before.name()).await.expect("it is kept");
    assert_eq!(registered(&stands), set(&test.ids));
    assert!(moved.is_ready());
    // A selector that names no VPC stays where the balancer is.
    test.patch(json!({"subnetSelector": {"vpcId": null}})).await?;
    test.pass().await?;
    assert_eq!(test.get().await?.text("/vpcId"), vpc.id);
    // And back to zones: those of the default VPC, though the balancer is in a zone of that name.
    test.patch(json!({"subnetSelector": null, "availabilityZones": ["us-east-1a"]}))
        .await?;
    let back = test
        .until("the way back", |web| web.text("/vpcId") == default_vpc)
        .await?;
    assert_eq!(back.name(), before.name());
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_subnets_cannot_be_looked_at_nothing_begins_and_nobody_leaves() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let (here, there) = (Site::new(&test).await?, Site::new(&test).await?);
    placed(&test, &here, &replaceable(3600)).await?;
    let old = test.name().await?;
    let unavailable = error("Unavailable", 503, "not now");
    let rule = json!({"match": {"operation": "DescribeSubnets"}, "do": unavailable});
    test.simulator().fault(&rule).await?;
    let mark = test.mark()?;
    test.patch(there.spec()).await?;
    let told = test
        .until("the doubt to be told", |web| {
            web.is_observed() && web.message("Ready").contains("DescribeSubnets: Unavailable")
        })
        .await?;
    assert_eq!(*told.status("/replacement"), Value::Null);
    test.pass().await?;
    let calls = test.simulator().calls(mark)?;
    for operation in [
        "CreateLoadBalancer",
        "ApplySecurityGroupsToLoadBalancer",
        "AttachLoadBalancerToSubnets",
        "DeregisterInstancesFromLoadBalancer",
    ] {
        assert!(calls.of(operation).is_empty(), "{calls}");
    }
    assert_eq!(registered(&test.in_aws().await?), set(&here.ids));
    test.simulator().clear_faults().await?;
    let moved = test.until("the move", |web| web.text("/vpcId") == there.vpc).await?;
    assert_eq!(moved.text("/replacement/loadBalancerName"), old);
    // Nor does one begin to go, once it is not known any more which of the two is meant.
    test.simulator().fault(&rule).await?;
    test.patch(here.spec()).await?;
    let torn = test
        .until("the doubt to be told", |web| {
            web.message("Ready").contains("cannot be told") && web.is_observed()
        })
        .await?;
    assert_eq!(torn.text("/vpcId"), there.vpc);
    assert_eq!(torn.text("/replacement/loadBalancerName"), old);
    for (name, ids) in [(&old, &here.ids), (&moved.name(), &there.ids)] {
        let stands = describe(&test.stack, name).await.expect("it stays");
        assert_eq!(registered(&stands), set(ids), "{name}");
    }
    test.simulator().clear_faults().await?;
    let back = test
        .until("the move back", |web| web.text("/vpcId") == here.vpc)
        .await?;
    assert_eq!(back.name(), old);
    test.delete().await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_blue_green_another_vpc_is_refused_with_the_way_out() -> Result<()> {
    let test = Test::new().await?;
    let (here, there) = (Site::new(&test).await?, Site::new(&test).await?);
    placed(&test, &here, "").await?;
    let name = test.name().await?;
    test.patch(json!({"subnets": [there.subnet]})).await?;
    let message = test.until_reason("Accepted", "Invalid").await?;
    assert!(message.contains("set spec.replacement to BlueGreen"), "{message}");
    assert!(message.contains(&here.vpc) && message.contains(&there.vpc), "{message}");
    // What it names is what helps.
    let mut change = there.spec();
    change["replacement"] = json!("BlueGreen");
    change["replacementKeepSeconds"] = json!(0);
    test.patch(change).await?;
    let moved = test
        .until("the end", |web| {
            web.text("/vpcId") == there.vpc && web.status("/replacement").is_null()
        })
        .await?;
    assert_ne!(moved.name(), name);
    test.until_ready().await?;
    test.delete().await
}
