//! `kubectl clb list`.

use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancing::types::{InstanceState, Listener, Tag};
use serde_json::{Value, json};
use testkit::cluster::PATIENCE;
use testkit::{Options, Result, Stack, object};

use crate::{Person, manifest};

pub(crate) async fn make(stack: &Stack, name: &str, tags: &[(&str, &str)]) {
    let listener = Listener::builder()
        .protocol("TCP")
        .load_balancer_port(443)
        .instance_port(8443)
        .build()
        .expect("a listener");
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(*key).value(*value).build().expect("a tag"));
    let request = stack.simulator().elb().create_load_balancer();
    let request = request
        .load_balancer_name(name)
        .listeners(listener)
        .availability_zones("us-east-1a");
    let tags: Vec<Tag> = tags.collect();
    let request = request.set_tags((!tags.is_empty()).then_some(tags));
    request.send().await.expect("created");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_shows_every_balancer_with_its_owner_and_its_health() -> Result<()> {
    let person = Person::new().await?;
    let ids = person
        .namespace
        .instances(person.stack.simulator(), &["us-east-1a"])
        .await?;
    person.namespace.apply(&manifest("web", &ids)).await?;
    let ready = person.namespace.until_ready("web").await?;
    let own = object::text(&ready, "/status/loadBalancerName");
    let namespace = person.namespace.namespace();
    let other = format!("cli-{}", &namespace[namespace.len() - 8..]);
    make(person.stack, &other, &[]).await;
    let service = format!("{other}-svc");
    let tags = [
        ("kubernetes.io/cluster/blue", "owned"),
        ("kubernetes.io/service-name", "shop/api"),
    ];
    make(person.stack, &service, &tags).await;

    let all = person.run(&["list", "-o", "json"]).ended(0).json();
    let balancers = all["loadBalancers"].as_array().expect("a list");
    let find = |name: &str| {
        balancers
            .iter()
            .find(|balancer| balancer["name"] == name)
            .expect("listed")
            .clone()
    };
    let web = find(own);
    assert_eq!(web["dnsName"], object::text(&ready, "/status/dnsName"));
    assert_eq!(web["owner"]["cluster"], "test");
    assert_eq!(web["owner"]["object"], format!("{namespace}/web"));
    assert_eq!(web["listeners"][0]["instancePort"], 8080);
    assert_eq!(web["instances"][0]["id"], ids[0].as_str());
    assert!(web["instances"][0]["state"].is_string(), "{web}");
    assert_eq!(find(&other)["owner"], Value::Null);

    let table = person.run(&["list", own, &format!("{other}*")]).ended(0);
    table.says(&[
        "NAME",
        "DNS-NAME",
        "HTTP:80->8080",
        "TCP:443->8443",
        "0/0",
        "blue",
        "service/shop/api",
    ]);
    assert_eq!(table.out.lines().count(), 4, "{table:#?}");
    assert!(!table.out.contains("CREATED"));
    person
        .run(&["list", own, "-o", "wide"])
        .ended(0)
        .says(&["CREATED", "internet-facing", "TCP:8080"]);
    person
        .run(&["list", own, "-o", "yaml"])
        .ended(0)
        .says(&["loadBalancers:", "uid:"]);
    person
        .run(&["list", "--region", "eu-west-3"])
        .ended(0)
        .complains(&["no Classic load balancers in eu-west-3"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn list_names_what_it_does_not_find_and_shows_the_rest() -> Result<()> {
    let person = Person::new().await?;
    let namespace = person.namespace.namespace();
    let name = format!("there-{}", &namespace[namespace.len() - 8..]);
    make(person.stack, &name, &[]).await;
    let ran = person.run(&["list", &name, "not-there", "nor-*"]).ended(1);
    ran.says(&[&name]);
    ran.complains(&["called \"not-there\" in us-east-1", "matches \"nor-*\""]);
    assert_eq!(ran.err.lines().count(), 2, "{ran:#?}");
    person
        .run(&["list", "--region", "mars-1"])
        .ended(1)
        .complains(&["mars-1 is no region", "kubectl clb regions"]);
    Ok(())
}

/// Balancers in a region of their own; the first of them have an instance.
pub(crate) async fn many(stack: &Stack, region: &str, count: usize, with_instance: usize) -> Result<()> {
    let zone = format!("{region}a");
    let balancers = (0..count).map(|number| {
        let instances: &[&str] = if number < with_instance { &["i-0c11c11c"] } else { &[] };
        json!({"name": format!("many-{number:03}"), "availabilityZones": [zone], "instances": instances})
    });
    let balancers: Vec<Value> = balancers.collect();
    let instances = json!([{"id": "i-0c11c11c", "availabilityZone": zone}]);
    let seed = json!({"regions": [{"region": region, "instances": instances, "loadBalancers": balancers}]});
    stack.simulator().seed(&seed).await
}

/// Waits until AWS says so of every instance of a load balancer: a new registration takes a moment.
pub(crate) async fn until_told(stack: &Stack, region: &str, balancer: &str, is: impl Fn(&InstanceState) -> bool) {
    let elb = stack.simulator().elb_in(region);
    let started = Instant::now();
    loop {
        let health = elb.describe_instance_health().load_balancer_name(balancer).send().await;
        let health = health.expect("the health");
        if health.instance_states().iter().all(&is) {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{health:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn list_reads_page_by_page_and_tags_in_batches() -> Result<()> {
    let person = Person::new().await?;
    let simulator = person.stack.simulator();
    many(person.stack, "us-west-2", 450, 0).await?;
    let mark = simulator.mark()?;
    let listed = person.run(&["list", "--region", "us-west-2", "-o", "json"]).ended(0);
    let listed = listed.json();
    let names = listed["loadBalancers"].as_array().expect("a list").iter();
    let names: Vec<&str> = names
        .map(|balancer| balancer["name"].as_str().expect("a name"))
        .collect();
    let expected: Vec<String> = (0..450).map(|number| format!("many-{number:03}")).collect();
    assert_eq!(names, expected, "each once, by name");
    let calls = simulator.calls(mark)?.elb().only(|call| call.region == "us-west-2");
    assert_eq!(calls.of("DescribeLoadBalancers").len(), 2, "400 and 50: {calls}");
    assert_eq!(calls.of("DescribeTags").len(), 23, "20 at a time: {calls}");
    assert!(calls.of("DescribeInstanceHealth").is_empty(), "nobody to ask for");
    assert!(calls.writes().is_empty(), "{calls}");

    // Only the tags of what is shown.
    let mark = simulator.mark()?;
    let listed = person.run(&["list", "many-44*", "--region", "us-west-2"]).ended(0);
    assert_eq!(listed.out.lines().count(), 11, "{listed:#?}");
    let calls = simulator.calls(mark)?.elb().only(|call| call.region == "us-west-2");
    assert_eq!(calls.of("DescribeTags").len(), 1, "{calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_table_does_without_health_and_says_so() -> Result<()> {
    let person = Person::new().await?;
    let simulator = person.stack.simulator();
    many(person.stack, "eu-central-1", 40, 31).await?;
    let read = |mark| -> Result<usize> {
        let calls = simulator.calls(mark)?.elb().only(|call| call.region == "eu-central-1");
        Ok(calls.of("DescribeInstanceHealth").len())
    };
    let mark = simulator.mark()?;
    let long = person.run(&["list", "--region", "eu-central-1"]).ended(0);
    assert_eq!(long.out.lines().count(), 41, "{long:#?}");
    assert_eq!(long.out.matches(" ?/1 ").count(), 31, "{long:#?}");
    assert_eq!(long.out.matches(" 0/0 ").count(), 9, "{long:#?}");
    long.complains(&[
        "the health of the instances of 31 load balancers was not read",
        "-o wide",
    ]);
    assert_eq!(read(mark)?, 0);

    // With fewer it is read.
    let mark = simulator.mark()?;
    let short = person
        .run(&["list", "many-00*", "many-01?", "--region", "eu-central-1"])
        .ended(0);
    assert_eq!(short.out.lines().count(), 21, "{short:#?}");
    assert!(!short.out.contains('?') && short.err.is_empty(), "{short:#?}");
    assert_eq!(read(mark)?, 20);

    let mark = simulator.mark()?;
    let wide = person.run(&["list", "--region", "eu-central-1", "-o", "wide"]).ended(0);
    assert!(!wide.out.contains('?'), "{wide:#?}");
    // Whoever waits is told for how long, and how not to.
    wide.complains(&["31 load balancers takes about 8 s", "--no-health"]);
    assert_eq!(read(mark)?, 31, "all of them");
    let mark = simulator.mark()?;
    let without = ["list", "--region", "eu-central-1", "-o", "json", "--no-health"];
    let list = person.run(&without).ended(0).json();
    assert!(list["loadBalancers"][0].get("inService").is_none(), "{list:#}");
    assert_eq!(read(mark)?, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_of_the_list_says_the_same() -> Result<()> {
    let person = Person::new().await?;
    many(person.stack, "ap-south-1", 3, 1).await?;
    let is_well = |state: &InstanceState| state.state() == Some("InService");
    until_told(person.stack, "ap-south-1", "many-000", is_well).await;
    let list = |format| person.run(&["list", "--region", "ap-south-1", "-o", format]).ended(0);
    let json = list("json").json();
    assert_eq!(json, list("yaml").yaml());
    let (table, wide) = (list("table"), list("wide"));
    let cells = |line: &str| line.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
    let balancers = json["loadBalancers"].as_array().expect("a list");
    assert_eq!(balancers.len(), 3);
    for (row, balancer) in balancers.iter().enumerate() {
        let text = |member: &str| balancer[member].as_str().expect("text");
        let wide = cells(wide.out.lines().nth(row + 1).expect("a row"));
        assert_eq!(wide[0], text("name"));
        assert_eq!(wide[1], text("dnsName"));
        assert_eq!(wide[3], format!("{}/{}", balancer["inService"], balancer["registered"]));
        assert_eq!(wide[6], text("scheme"));
        assert_eq!(wide[7], text("vpcId"));
        assert_eq!(wide[8], balancer["availabilityZones"][0].as_str().expect("a zone"));
        assert_eq!(wide[11], balancer["healthCheck"]["target"].as_str().expect("a target"));
        assert_eq!(wide[12], text("createdTime"));
        let table = cells(table.out.lines().nth(row + 1).expect("a row"));
        assert_eq!(table, wide[..6], "the same columns first");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_read_fails_the_list_but_not_the_rest_of_it() -> Result<()> {
    let person = Person::new().await?;
    let simulator = person.stack.simulator();
    many(person.stack, "ca-central-1", 2, 2).await?;
    let denied = |operation: &str, balancer: Value| {
        let error = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
        let mut scope = json!({"region": "ca-central-1", "operation": operation});
        if balancer.is_string() {
            scope["loadBalancer"] = balancer;
        }
        json!({"match": scope, "do": {"error": error}})
    };
    simulator
        .fault(&denied("DescribeInstanceHealth", json!("many-001")))
        .await?;
    let ran = person.run(&["list", "--region", "ca-central-1"]).ended(1);
    let row = |name: &str| {
        ran.out
            .lines()
            .find(|line| line.starts_with(name))
            .expect("a row")
            .to_owned()
    };
    assert!(
        row("many-001").contains(" ?/1 ") && !row("many-000").contains('?'),
        "{ran:#?}"
    );
    ran.complains(&[
        "the instances of many-001",
        "AccessDenied",
        "allowed to DescribeInstanceHealth",
    ]);

    simulator.fault(&denied("DescribeTags", Value::Null)).await?;
    person
        .run(&["list", "--region", "ca-central-1", "-o", "json"])
        .fails(1, &["DescribeTags", "AccessDenied", "allowed to DescribeTags"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_page_that_is_throttled_is_asked_for_again_alone() -> Result<()> {
    let alone = Options {
        without_operator: true,
        ..Options::default()
    };
    let stack = Stack::variant(alone).await?;
    let person = Person::at(&stack).await?;
    let region = "me-central-1";
    many(person.stack, region, 850, 0).await?;
    let throttled = json!({"code": "Throttling", "status": 400, "message": "Rate exceeded"});
    let fault = |operation: &str, nth: u64| {
        // More often than the SDK asks again by itself.
        let scope = json!({"operation": operation, "region": region, "nth": nth, "count": 4});
        json!({"match": scope, "do": {"error": throttled}})
    };
    for arguments in [
        &["inventory", "--no-health", "--cluster-id", "test"][..],
        &["export", "--load-balancer", "many-849", "--to", "aws-cli"],
    ] {
        let faults = json!([fault("DescribeLoadBalancers", 3), fault("DescribeTags", 5)]);
        person.stack.simulator().fault(&faults).await?;
        let mark = person.stack.simulator().mark()?;
        person.run(&[arguments, &["--region", region]].concat()).ended(0);
        let calls = person.stack.simulator().calls(mark)?;
        let calls = calls.only(|call| call.region == region);
        let pages = calls.of("DescribeLoadBalancers");
        assert_eq!(
            (pages.successful().len(), pages.len()),
            (3, 7),
            "{arguments:?}: {pages}"
        );
        let batches = calls.of("DescribeTags");
        let asked = if arguments[0] == "export" { (1, 1) } else { (43, 47) };
        assert_eq!(
            (batches.successful().len(), batches.len()),
            asked,
            "{arguments:?}: {batches}"
        );
        // What did not strike must not strike the next one.
        person.stack.simulator().clear_faults().await?;
    }
    Ok(())
}
