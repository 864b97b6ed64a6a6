//! One operator, balancers in several regions.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Calls, LoadBalancer, Options, Result, object};

use crate::accounts_entry::{Account, FOR_ALL, OWN};
use crate::{REQUESTED_AT, Test, error, manifest, unique};

#[tokio::test(flavor = "multi_thread")]
async fn balancers_of_one_name_in_three_regions_do_not_know_of_each_other() -> Result<()> {
    let test = Test::new().await?;
    let simulator = test.simulator();
    let name = format!("everywhere-{}", unique());
    let regions = ["us-east-1", "eu-west-1", "ap-southeast-2"];
    // Each region has an instance of its own.
    let ids = regions.map(|region| (region, format!("i-{:08x}", random())));
    let instances = BTreeMap::from(ids);
    let described = async |region: &str| {
        let elb = simulator.elb_in(region);
        elb.describe_load_balancers().load_balancer_names(&name).send().await
    };
    let mark = test.mark()?;
    for region in regions {
        let id = &instances[region];
        let seed = json!({"regions": [{"region": region, "instances": [{"id": id, "availabilityZone": format!("{region}a")}]}]});
        simulator.seed(&seed).await?;
        let manifest = format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {region}}}\nspec:\n  region: \
             {region}\n  loadBalancerName: {name}\n  availabilityZones: [{region}a]\n  listeners:\n  - {{port: 80, protocol: \
             HTTP, instancePort: 8080}}\n  targets: {{instanceIds: [{id}]}}\n"
        );
        test.namespace.apply(&manifest).await?;
    }
    for region in regions {
        let ready: LoadBalancer = test.namespace.until_ready(region).await?.into();
        let dns_name = ready.text("/dnsName");
        assert!(dns_name.contains(&format!(".{region}.elb.amazonaws.com")), "{dns_name}");
        assert_eq!(ready.text("/region"), region);
        let reply = described(region).await.expect("the load balancer");
        let found = &reply.load_balancer_descriptions()[0];
        let registered: Vec<_> = found.instances().iter().filter_map(|i| i.instance_id()).collect();
        assert_eq!(registered, [instances[region].as_str()], "{region}");
    }
    let calls = simulator.calls(mark)?.naming(&name);
    for region in regions {
        let here = calls.only(|call| call.region == region);
        assert_eq!(here.of("CreateLoadBalancer").len(), 1, "{calls}");
        for other in regions.iter().filter(|other| **other != region) {
            assert!(here.naming(&instances[other]).is_empty(), "{here}");
        }
    }

    // One of them goes, and the others are neither deleted nor touched.
    let mark = test.mark()?;
    test.namespace.delete_and_wait(Kind::CLB, "eu-west-1").await?;
    assert!(described("eu-west-1").await.is_err());
    let writes = simulator.calls(mark)?.naming(&name).writes();
    let elsewhere = writes.only(|call| call.region != "eu-west-1");
    assert!(elsewhere.is_empty(), "{elsewhere}");
    for region in ["us-east-1", "ap-southeast-2"] {
        assert!(described(region).await.is_ok(), "{region}");
    }
    Ok(())
}

/// An id that no other test has.
fn random() -> u32 {
    use std::hash::{BuildHasher as _, RandomState};
    u32::try_from(RandomState::new().hash_one(unique()) >> 32).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_does_not_exist_is_refused_without_a_call() -> Result<()> {
    let test = Test::new().await?;
    let mark = test.mark()?;
    for (region, words) in [("us-east-11", "us-east-1"), ("xx-nowhere-1", "version knows")] {
        let name = region.replace("us-", "in-");
        let manifest = format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata: {{name: {name}}}\nspec:\n  region: {region}\n  \
             availabilityZones: [{region}a]\n  listeners:\n  - {{port: 80, protocol: HTTP, instancePort: 8080}}\n"
        );
        test.namespace.apply(&manifest).await?;
        let told = test
            .namespace
            .until(testkit::cluster::Kind::CLB, &name, "to be refused", |object| {
                LoadBalancer::from(object.clone()).has("Stalled", "True")
            })
            .await?;
        let told = LoadBalancer::from(told);
        assert!(told.says("Accepted", "Invalid"));
        let message = told.message("Accepted");
        assert!(message.contains("spec.region") && message.contains(words), "{message}");
        assert!(message.contains("delete it and make it anew"), "{message}");
    }
    let calls = test
        .simulator()
        .calls(mark)?
        .only(|call| call.region.contains("nowhere") || call.region == "us-east-11");
    assert!(calls.is_empty(), "{calls}");
    Ok(())
}

/// What the operator asked there since a mark, but for load balancers.
fn else_asked(test: &Test, mark: u64, region: &str) -> Result<Calls> {
    let calls = test.simulator().calls(mark)?;
    Ok(calls.only(|call| call.region == region && call.operation != "DescribeLoadBalancers"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_region_that_is_not_enabled_is_told_whatever_would_be_asked_first() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let region = "af-south-1";
    let account = Account::new(
        &test,
        &format!("accountId: '{OWN}'\n{FOR_ALL}allow: {{subnetTags: {{team: web}}}}"),
    )
    .await?;
    let rejected = error(
        "AuthFailure",
        401,
        "AWS was not able to validate the provided access credentials",
    );
    let there = json!({"match": {"region": region}, "do": rejected});
    test.simulator().fault(&there).await?;
    let mark = test.mark()?;
    let listener = "listeners: [{port: 80, protocol: TCP, instancePort: 80}]";
    let secure = "listeners: [{port: 443, protocol: HTTPS, instanceProtocol: HTTP, instancePort: 80, certificate: {acmDomainName: \
                  a.example.com}}]";
    let zones = format!("availabilityZones: [{region}a]");
    let specs = [
        ("zones", format!("{zones}\n{listener}")),
        ("subnets", format!("subnets: [subnet-12345678]\n{listener}")),
        (
            "subnet-selector",
            format!("subnetSelector: {{tags: {{team: web}}}}\n{listener}"),
        ),
        (
            "group-selector",
            format!("{zones}\nsecurityGroupSelector: {{names: [web]}}\n{listener}"),
        ),
        (
            "instance-tags",
            format!("{zones}\n{listener}\ntargets: {{instanceTags: [{{tags: {{team: web}}}}]}}"),
        ),
        ("certificate", format!("{zones}\n{secure}")),
        (
            "account",
            format!(
                "subnets: [subnet-12345678]\n{listener}\naccountRef: {{name: {}}}",
                account.name
            ),
        ),
    ];
    for (name, spec) in &specs {
        let object =
            manifest(&format!("region: {region}\n{spec}")).replace("{name: web}", &format!("{{name: {name}}}"));
        test.namespace.apply(&object).await?;
    }
    for (name, _) in &specs {
        let told = |object: &DynamicObject| object::has_reason(object, "Accepted", "AccountNotReady");
        let object: LoadBalancer = test
            .namespace
            .until(Kind::CLB, name, "to be kept out", told)
            .await?
            .into();
        let message = object.message("Ready");
        let who = if *name == "account" {
            account.name.as_str()
        } else {
            "the operator's own account"
        };
        for words in [region, "enable it", who] {
            assert!(message.contains(words), "{name}: {message}");
        }
    }
    let asked = else_asked(&test, mark, region)?;
    assert!(asked.is_empty(), "{asked}");

    // It goes on by itself once the region is enabled.
    test.simulator().clear_faults().await?;
    test.namespace.until_ready("instance-tags").await?;
    // And is told as well where it is disabled later.
    test.simulator().fault(&there).await?;
    let patch = json!({"metadata": {"annotations": {REQUESTED_AT: "later"}}});
    test.namespace.patch(Kind::CLB, "instance-tags", patch).await?;
    let told = |object: &DynamicObject| object::has_reason(object, "Ready", "AccountNotReady");
    test.namespace
        .until(Kind::CLB, "instance-tags", "to be kept out", told)
        .await?;
    test.simulator().clear_faults().await?;
    test.namespace.until_ready("instance-tags").await.map(drop)
}
