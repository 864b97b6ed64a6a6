//! `kubectl clb inventory`.

use serde_json::{Value, json};
use testkit::{Result, Stack};

use crate::{Person, file, manifest, path};

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
        .await
        .map(drop)
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

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_lives_has_no_orphan_and_one_region_of_all_may_fail() -> Result<()> {
    let person = Person::new().await?;
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
    ran.complains(&["orphans are not looked for"]);
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
    Ok(())
}
