//! `kubectl clb inventory`.

use std::io::Read as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use testkit::cluster::Kind;
use testkit::{Options, Result, Stack};

use crate::list::{many, until_told};
use crate::{BINARY, Person, file, manifest, path};

/// Load balancers of every kind in a region of their own.
async fn fleet(stack: &Stack, region: &str) -> Result<()> {
    let zone = format!("{region}a");
    let certificate = format!("arn:aws:acm:{region}:123456789012:certificate/00000000-0000-0000-0000-0000000000aa");
    let balancer = |name: &str, tags: Value| json!({"name": name, "availabilityZones": [zone], "tags": tags});
    let mut secure = balancer("secure", json!({}));
    secure["listeners"] = json!([{"protocol": "HTTPS", "port": 443, "instancePort": 80, "instanceProtocol": "HTTP",
        "certificate": certificate}]);
    let mut sick = balancer("sick", json!({}));
    sick["instances"] = json!(["i-0c11c11d"]);
    let seed = json!({"regions": [{
        "region": region,
        "instances": [{"id": "i-0c11c11d", "availabilityZone": zone}],
        "certificates": [{"arn": certificate, "notAfter": soon()}],
        "loadBalancers": [
            balancer("beans", json!({"elasticbeanstalk:environment-name": "prod"})),
            balancer("offered", json!({"classiclb.dev/adopt-by": "test/shop/web"})),
            balancer("orphan", json!({"classiclb.dev/cluster": "test", "classiclb.dev/owner": "shop/gone",
                "classiclb.dev/uid": "11111111-0000-0000-0000-000000000000"})),
            balancer("plain", json!({})),
            balancer("service", json!({"kubernetes.io/service-name": "shop/api", "kubernetes.io/cluster/blue": "owned"})),
            secure, sick, balancer("terraformed", json!({})),
        ],
    }]});
    stack.simulator().seed(&seed).await?;
    let sick = json!({"region": region, "instanceId": "i-0c11c11d", "healthy": false});
    stack
        .simulator()
        .control(http::Method::POST, "instance-health", sick.to_string())
        .await?;
    until_told(stack, region, "sick", |state| state.reason_code() == Some("Instance")).await;
    Ok(())
}

/// In ten days and a half.
fn soon() -> i64 {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(now.as_secs()).expect("a time") + 907_200
}

#[tokio::test(flavor = "multi_thread")]
async fn the_inventory_tells_who_has_what_and_what_is_wrong() -> Result<()> {
    let person = Person::new().await?;
    fleet(person.stack, "sa-east-1").await?;
    let state = json!({
        "version": 4, "terraform_version": "1.11.4",
        "resources": [{"module": "module.shop", "mode": "managed", "type": "aws_elb", "name": "this", "provider": "p",
            "instances": [{"index_key": 0, "attributes": {"name": "terraformed",
                "arn": "arn:aws:elasticloadbalancing:sa-east-1:123456789012:loadbalancer/terraformed"}}]}],
    });
    let state = file(&state.to_string());
    let arguments = [
        "inventory",
        "--region",
        "sa-east-1",
        "--cluster-id",
        "test",
        "--terraform-state",
        path(&state),
    ];
    let mark = person.stack.simulator().mark()?;
    let all = person.run(&[&arguments[..], &["-o", "json"]].concat()).ended(0);
    assert!(
        person
            .stack
            .simulator()
            .calls(mark)?
            .only(|call| call.region == "sa-east-1")
            .writes()
            .is_empty()
    );
    let json = all.json();
    let find = |name: &str| {
        let rows = json["loadBalancers"].as_array().expect("a list");
        rows.iter()
            .find(|row| row["name"] == name)
            .unwrap_or_else(|| panic!("no {name}: {json:#}"))
            .clone()
    };
    for (name, kind, owner) in [
        ("beans", "ElasticBeanstalk", json!("prod")),
        ("orphan", "ClassicLoadBalancer", json!("shop/gone")),
        ("plain", "Nobody", Value::Null),
        ("service", "Service", json!("shop/api")),
        ("terraformed", "Terraform", json!("module.shop.aws_elb.this[0]")),
    ] {
        let row = find(name);
        assert_eq!(
            (&row["owner"]["kind"], &row["owner"]["name"]),
            (&json!(kind), &owner),
            "{row:#}"
        );
    }
    for (name, finding) in [
        ("orphan", "orphan: its object does not exist"),
        ("offered", "offered to test/shop/web"),
        ("secure", "the certificate of 443 ends in 10 days"),
        ("sick", "no healthy instance"),
        ("plain", "no instances"),
    ] {
        let findings = find(name)["findings"].to_string();
        assert!(findings.contains(finding), "{name}: {findings}");
    }
    // Every format says the same.
    assert_eq!(
        person.run(&[&arguments[..], &["-o", "yaml"]].concat()).ended(0).yaml(),
        json
    );
    let csv = person.run(&[&arguments[..], &["-o", "csv"]].concat()).ended(0);
    assert!(csv.out.starts_with("region,name,ownerKind,owner,"), "{csv:#?}");
    assert_eq!(csv.out.lines().count(), 9, "{csv:#?}");
    csv.says(&["sa-east-1,terraformed,Terraform,module.shop.aws_elb.this[0],"]);
    let table = person.run(&arguments).ended(0);
    table.says(&[
        "OWNER",
        "FINDINGS",
        "terraform/module.shop.aws_elb.this[0]",
        "service/shop/api",
        "0/1",
    ]);
    person
        .run(&[&arguments[..], &["-o", "wide"]].concat())
        .ended(0)
        .says(&["DNS-NAME", "internet-facing", "blue"]);
    let later = person
        .run(&[&arguments[..], &["--certificates-within", "5"]].concat())
        .ended(0);
    assert!(!later.out.contains("ends in"), "{later:#?}");
    Ok(())
}

/// What an object would do and does not is a drift.
async fn drift_is_told(person: &Person<'_>, owner: &str) -> Result<()> {
    let spec = json!({"spec": {"management": "Observe", "attributes": {"idleTimeoutSeconds": 91}}});
    person.namespace.patch(Kind::CLB, "web", spec).await?;
    let planned = |object: &kube::api::DynamicObject| {
        testkit::object::at(object, "/status/plan").is_some_and(|plan| !plan.as_array().is_none_or(Vec::is_empty))
    };
    person.namespace.until(Kind::CLB, "web", "a plan", planned).await?;
    let ran = person
        .run(&["inventory", "--no-health", "--cluster-id", "test"])
        .ended(0);
    let line = ran.out.lines().find(|line| line.contains(owner)).expect("a line");
    assert!(ran.out.contains("DRIFT") && line.contains("1 call planned"), "{ran:#?}");
    let csv = ["inventory", "--no-health", "--cluster-id", "test", "-o", "csv"];
    person.run(&csv).ended(0).says(&[",drift,findings", ",1 call planned,"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_are_read_page_by_page_and_a_reader_may_go() -> Result<()> {
    let person = Person::new().await?;
    let region = "ap-northeast-3";
    many(person.stack, region, 450, 0).await?;
    let mark = person.stack.simulator().mark()?;
    let all = ["inventory", "--region", region, "--cluster-id", "test", "-o", "csv"];
    let ran = person.run(&all).ended(0);
    assert_eq!(ran.out.lines().count(), 451, "{}", ran.out);
    let is_progress = ran.err.contains('\r') || ran.err.contains("asking AWS");
    assert!(!is_progress, "progress is for terminals: {}", ran.err);
    let calls = person
        .stack
        .simulator()
        .calls(mark)?
        .elb()
        .only(|call| call.region == region);
    assert_eq!(calls.of("DescribeLoadBalancers").len(), 2, "400 and 50: {calls}");
    assert_eq!(calls.of("DescribeTags").len(), 23, "20 at a time: {calls}");
    assert!(calls.of("DescribeInstanceHealth").is_empty(), "nobody to ask for");

    // As `head -1` does it.
    for arguments in [&all[..], &["list", "--region", region, "-o", "json"]] {
        let mut command = person.command(Path::new(BINARY), arguments);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut output = child.stdout.take().expect("a pipe");
        output.read_exact(&mut [0]).expect("a byte");
        drop(output);
        let ended = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success() && !said.contains("pipe"), "{ended:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_lives_has_no_orphan_and_one_region_of_all_may_fail() -> Result<()> {
    // The other tests count the calls of their regions, and make them fail.
    let stack = Stack::start(Options::default()).await?;
    let person = Person::at(&stack).await?;
    person.namespace.apply(&manifest("web", &[])).await?;
    person.namespace.until_ready("web").await?;
    let owner = format!("{}/web", person.namespace.namespace());
    let all = person.run(&[
        "inventory",
        "--all-regions",
        "--no-health",
        "--cluster-id",
        "test",
        "-o",
        "json",
    ]);
    let all = all.ended(0).json();
    let rows = all["loadBalancers"].as_array().expect("a list");
    let row = rows
        .iter()
        .find(|row| row["owner"]["name"] == owner.as_str())
        .expect("listed");
    assert!(!row["findings"].to_string().contains("orphan"), "{row:#}");
    assert_eq!(row["region"], "us-east-1");
    let well = json!({"programmed": "True", "reason": "Programmed", "plannedCalls": 0});
    assert_eq!(row["drift"], well, "{row:#}");
    drift_is_told(&person, &owner).await?;

    let error = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
    let scope = json!({"region": "eu-north-1", "operation": "DescribeLoadBalancers"});
    person
        .stack
        .simulator()
        .fault(&json!({"match": scope, "do": {"error": error}}))
        .await?;
    let ran = person
        .run(&["inventory", "--all-regions", "--no-health", "--cluster-id", "test"])
        .ended(1);
    ran.says(&[&owner]).complains(&["AWS in eu-north-1", "AccessDenied"]);
    // Without a cluster nothing is called an orphan.
    let ran = person
        .with(&[("KUBECONFIG", "/nonexistent")], &["inventory", "--no-health"])
        .ended(0);
    ran.complains(&["orphans and drift are not looked for"]);
    person
        .with(
            &[("AWS_SECRET_ACCESS_KEY", "wrong")],
            &["inventory", "--cluster-id", "test"],
        )
        .ended(1)
        .complains(&["SignatureDoesNotMatch"]);
    person
        .run(&["inventory", "--terraform-state", "/nonexistent"])
        .fails(1, &["/nonexistent"]);
    without_the_right_to_list_regions(&person, &owner).await
}

/// Then the regions of a table are asked, and one that the account does without is no failure of the others.
async fn without_the_right_to_list_regions(person: &Person<'_>, owner: &str) -> Result<()> {
    let simulator = person.stack.simulator();
    simulator.clear_faults().await?;
    let denied = json!({"code": "UnauthorizedOperation", "status": 403, "message": "You are not authorized"});
    let fault = json!({"match": {"operation": "DescribeRegions"}, "do": {"error": denied}});
    simulator.fault(&fault).await?;
    let everywhere = ["inventory", "--all-regions", "--no-health", "--cluster-id", "test"];
    // The simulator does without the newest ones, and refuses what is signed for them.
    let ran = person.run(&everywhere).ended(1);
    ran.says(&[owner]).complains(&[
        "DescribeRegions",
        "asking in every region that this version knows",
        "may not have enabled them: ap-east-2, ",
    ]);
    assert_eq!(ran.err.matches("SignatureDoesNotMatch").count(), 0, "{ran:#?}");
    let closed = json!({"code": "InvalidClientTokenId", "status": 403, "message": "The security token is invalid"});
    let regions = ["af-south-1", "me-south-1"];
    let faults = regions.map(|region| json!({"match": {"region": region}, "do": {"error": closed}}));
    simulator.fault(&json!(faults)).await?;
    let ran = person.run(&everywhere).ended(1);
    ran.says(&[owner])
        .complains(&["may not have enabled them: af-south-1, ", ", me-south-1"]);
    assert_eq!(ran.err.matches("InvalidClientTokenId").count(), 0, "{ran:#?}");
    // Other regions than those of the partition are not asked.
    assert!(
        simulator
            .calls(0)?
            .only(|call| call.region.starts_with("cn-"))
            .is_empty()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_right_is_one_line_and_many_listeners_are_counted() -> Result<()> {
    const PLACE: &str = "ap-southeast-5";
    let person = Person::new().await?;
    let listeners: Vec<Value> = (20_000..20_060)
        .map(|port| json!({"protocol": "TCP", "port": port, "instancePort": port}))
        .collect();
    let one = |name: &str, instance: &str| json!({"name": name, "availabilityZones": ["ap-southeast-5a"], "listeners": listeners, "instances": [instance]});
    let instance = |id: &str| json!({"id": id, "availabilityZone": "ap-southeast-5a"});
    let seed = json!({"regions": [{
        "region": PLACE,
        "instances": [instance("i-0abc0011"), instance("i-0abc0012")],
        "loadBalancers": [one("many-a", "i-0abc0011"), one("many-b", "i-0abc0012")],
    }]});
    person.stack.simulator().seed(&seed).await?;
    let run = |arguments: &[&str]| person.here(&[arguments, &["--region", PLACE, "--cluster-id", "test"]].concat());
    let list = |arguments: &[&str]| person.run(&[&["list", "--region", PLACE][..], arguments].concat());
    for ran in [run(&["inventory"]), list(&[])] {
        let ran = ran.ended(0);
        ran.says(&["TCP:20003->20003 (+56)"]);
        assert!(!ran.out.contains("20004"), "{ran:#?}");
    }
    for ran in [
        run(&["inventory", "-o", "csv"]),
        list(&["-o", "wide"]),
        list(&["-o", "json"]),
    ] {
        ran.ended(0).says(&["20059"]);
    }
    let denied = json!({"code": "AccessDenied", "status": 403, "message": "User is not authorized"});
    let scope = json!({"operation": "DescribeInstanceHealth", "region": PLACE});
    person
        .stack
        .simulator()
        .fault(&json!({"match": scope, "do": {"error": denied}}))
        .await?;
    for ran in [run(&["inventory"]), list(&["-o", "wide"])] {
        let ran = ran.ended(1);
        ran.complains(&["the instances of 2 load balancers, many-a the first: ", "AccessDenied"]);
        assert_eq!(ran.err.matches("AccessDenied").count(), 1, "{ran:#?}");
    }
    Ok(())
}
