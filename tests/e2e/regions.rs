//! One operator, balancers in several regions.

use std::collections::BTreeMap;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::{LoadBalancer, Result};

use crate::{Test, unique};

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
