//! IAM, ACM, STS, tagging and S3, and seeds.

use serde_json::json;

use crate::client::{Aws, certificate};
use crate::registration::SEED;

fn acm_knows_which_balancers_present_a_certificate() {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let aws = Aws::new();
    let (body, key) = certificate("shop.example.com");
    let import = json!({"Certificate": encode(&body), "PrivateKey": encode(&key)});
    let (_, imported) = aws.json("acm", "CertificateManager.ImportCertificate", &import);
    let arn = imported["CertificateArn"].as_str().unwrap();
    let describe = || {
        aws.json(
            "acm",
            "CertificateManager.DescribeCertificate",
            &json!({"CertificateArn": arn}),
        )
        .1
    };
    assert_eq!(describe()["Certificate"]["Status"], "ISSUED");
    assert!(
        describe()["Certificate"]["SubjectAlternativeNames"]
            .to_string()
            .contains("shop.example.com")
    );
    let create = [
        ("LoadBalancerName", "lb"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("Listeners.member.1.Protocol", "SSL"),
        ("Listeners.member.1.LoadBalancerPort", "443"),
        ("Listeners.member.1.InstancePort", "80"),
        ("Listeners.member.1.InstanceProtocol", "TCP"),
        ("Listeners.member.1.SSLCertificateId", arn),
    ];
    aws.elb("CreateLoadBalancer", &create).unwrap();
    let user = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/lb";
    assert_eq!(describe()["Certificate"]["InUseBy"], json!([user]));
    let delete = || {
        aws.json(
            "acm",
            "CertificateManager.DeleteCertificate",
            &json!({"CertificateArn": arn}),
        )
    };
    let (status, refusal) = delete();
    assert_eq!(
        (status, refusal["__type"].as_str()),
        (400, Some("ResourceInUseException"))
    );
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]).unwrap();
    assert_eq!(delete().0, 200);
    let (_, requested) = aws.json(
        "acm",
        "CertificateManager.RequestCertificate",
        &json!({"DomainName": "a.example.com"}),
    );
    let pending = [(
        "Listeners.member.1.SSLCertificateId",
        requested["CertificateArn"].as_str().unwrap(),
    )];
    let parameters: Vec<_> = create[..6].iter().chain(&pending).copied().collect();
    assert_eq!(
        aws.elb("CreateLoadBalancer", &parameters).unwrap_err().code,
        "CertificateNotFound"
    );
}

fn garbage_is_no_certificate() {
    let aws = Aws::new();
    let upload = [
        ("ServerCertificateName", "web"),
        ("CertificateBody", "x"),
        ("PrivateKey", "x"),
    ];
    assert_eq!(
        aws.iam("UploadServerCertificate", &upload).unwrap_err().code,
        "MalformedCertificate"
    );
    let unknown = aws
        .iam("GetServerCertificate", &[("ServerCertificateName", "web")])
        .unwrap_err();
    assert_eq!((unknown.status, unknown.code.as_str()), (404, "NoSuchEntity"));
}

fn resources_are_found_by_tag() {
    let aws = Aws::new();
    aws.create("lb");
    aws.create("plain");
    let tag = [
        ("LoadBalancerNames.member.1", "lb"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
    ];
    aws.elb("AddTags", &tag).unwrap();
    let find = |filter: serde_json::Value| {
        let (_, found) = aws.json("tagging", "ResourceGroupsTaggingAPI_20170126.GetResources", &filter);
        found["ResourceTagMappingList"].as_array().unwrap().len()
    };
    let team = json!([{"Key": "team", "Values": ["shop"]}]);
    assert_eq!(find(json!({"TagFilters": team})), 1);
    assert_eq!(
        find(json!({"ResourceTypeFilters": ["elasticloadbalancing:loadbalancer"], "TagFilters": team})),
        1
    );
    assert_eq!(find(json!({"ResourceTypeFilters": ["ec2"], "TagFilters": team})), 0);
    assert_eq!(find(json!({"TagFilters": [{"Key": "team", "Values": ["other"]}]})), 0);
    let arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/plain";
    let (_, done) = aws.json(
        "tagging",
        "ResourceGroupsTaggingAPI_20170126.TagResources",
        &json!({"ResourceARNList": [arn, "arn:aws:nope"], "Tags": {"team": "shop"}}),
    );
    assert_eq!(
        done["FailedResourcesMap"]
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["arn:aws:nope"]
    );
    assert_eq!(find(json!({"TagFilters": team})), 2);
    let tag = |tags: serde_json::Value| {
        let body = json!({"ResourceARNList": [arn], "Tags": tags});
        aws.json("tagging", "ResourceGroupsTaggingAPI_20170126.TagResources", &body)
    };
    let many = |count: usize| {
        (0..count)
            .map(|n| (format!("k{n}"), json!("")))
            .collect::<serde_json::Map<_, _>>()
    };
    for wrong in [json!({"aws:x": "y"}), json!({"": "y"}), json!(many(51))] {
        assert_eq!(tag(wrong.clone()).0, 400, "{wrong}");
    }
    // With the one it has these are too many for a balancer, which then stays as it was.
    let (_, refused) = tag(json!(many(50)));
    assert_eq!(
        refused["FailedResourcesMap"][arn]["ErrorCode"],
        "InvalidParameterException"
    );
    assert_eq!(find(json!({"TagFilters": [{"Key": "k1"}]})), 0);
    assert!(
        tag(json!(many(49))).1["FailedResourcesMap"]
            .as_object()
            .unwrap()
            .is_empty()
    );
    assert!(aws.simulator.broken_rules().is_empty());
}

fn buckets_are_made_over_s3() {
    let aws = Aws::new();
    let call = |method: &str, uri: &str, body: &'static str| {
        let request = aws.request("s3").method(method).uri(uri).body(body.into()).unwrap();
        aws.call(request).unwrap()
    };
    assert_eq!(call("PUT", "/logs", "").0, 200);
    assert_eq!(call("PUT", "/logs?policy", "no json").0, 400);
    assert_eq!(call("PUT", "/logs?policy", r#"{"Statement": []}"#).0, 204);
    assert_eq!(call("GET", "/logs?policy", "").1, r#"{"Statement": []}"#);
    assert_eq!(call("HEAD", "/none", "").0, 404);
    let elsewhere =
        "<CreateBucketConfiguration><LocationConstraint>mars-1</LocationConstraint></CreateBucketConfiguration>";
    let (status, refused) = call("PUT", "/strange", elsewhere);
    assert!(
        status == 400 && refused.contains("InvalidLocationConstraint"),
        "{refused}"
    );
    assert_eq!(call("HEAD", "/strange", "").0, 404);
    assert!(call("GET", "/", "").1.contains("<Name>logs</Name>"));
}

#[test]
fn an_assumed_role_is_another_account() {
    let aws = Aws::new();
    let role = [
        ("RoleArn", "arn:aws:iam::333333333333:role/elb"),
        ("RoleSessionName", "se"),
    ];
    let reply = aws.sts("AssumeRole", &role).unwrap();
    let key: &'static str = Box::leak(reply.one("AccessKeyId").into_boxed_str());
    let arn = aws.as_key(key).sts("GetCallerIdentity", &[]).unwrap().one("Arn");
    assert_eq!(arn, "arn:aws:sts::333333333333:assumed-role/elb/se");
    aws.create("lb");
    assert!(
        aws.as_key(key)
            .elb("DescribeLoadBalancers", &[])
            .unwrap()
            .all("LoadBalancerName")
            .is_empty()
    );
    let bad = [("RoleArn", role[0].1), ("RoleSessionName", "no name/")];
    assert_eq!(aws.sts("AssumeRole", &bad).unwrap_err().code, "ValidationError");
    let bad = [("RoleArn", "nonsense"), ("RoleSessionName", "se")];
    assert_eq!(aws.sts("AssumeRole", &bad).unwrap_err().code, "ValidationError");
}

#[test]
fn other_versions_of_the_api_are_told_apart() {
    let aws = Aws::new();
    for (service, version, operation) in [
        ("elasticloadbalancing", "2015-12-01", "DescribeLoadBalancers"),
        ("elasticloadbalancing", "2012-06-01", "MakeTea"),
        ("autoscaling", "2011-01-01", "MakeTea"),
    ] {
        let (status, body) = aws
            .send(service, format!("Action={operation}&Version={version}").into_bytes())
            .unwrap();
        assert!(status == 400 && body.contains("<Code>InvalidAction</Code>"), "{body}");
    }
    // Without a known service in the scope the version decides.
    let (status, body) = aws
        .send("0", b"Action=DescribeLoadBalancers&Version=2012-06-01".to_vec())
        .unwrap();
    assert!(status == 200 && body.contains("DescribeLoadBalancersResult"), "{body}");
}

#[test]
fn a_seed_is_planted_whole_or_not_at_all() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.seed(
        "
regions:
- certificates: [{arn: 'arn:aws:acm:us-east-1:123456789012:certificate/1', domainName: a.example.com}]
  loadBalancers:
  - name: seeded
    availabilityZones: [us-east-1a]
    instances: [i-4f8cf126]
    tags: {team: shop}
    listeners:
    - {protocol: HTTPS, port: 443, instancePort: 80, instanceProtocol: HTTP, certificate: 'arn:aws:acm:us-east-1:123456789012:certificate/1'}
  launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: asg, launchConfiguration: web, minSize: 0, maxSize: 3, desiredCapacity: 2, availabilityZones: [us-east-1a], loadBalancers: [seeded]}
",
    );
    assert_eq!(aws.describe("seeded").all("Instances/member/InstanceId").len(), 3);
    for (wrong, told) in [
        ("regions: [{instances: [{id: banana}]}]", "hexadecimal"),
        ("regions: [{region: mars-1}]", "no such region"),
        ("regions: [{account: '1'}]", "twelve digits"),
        (
            "regions: [{loadBalancers: [{name: new, availabilityZones: [us-east-1a]}, {name: b_d}]}]",
            "ValidationError",
        ),
        ("regions: [{unheard: of}]", "unheard"),
    ] {
        let seed = aws_simulator::Seed::from_yaml(wrong);
        let error = seed.and_then(|seed| aws.simulator.seed(&seed)).unwrap_err().to_string();
        assert!(error.contains(told), "{wrong}: {error}");
    }
    assert_eq!(
        aws.elb("DescribeLoadBalancers", &[]).unwrap().all("LoadBalancerName"),
        ["seeded"]
    );

    let snapshot = aws.simulator.snapshot();
    aws.simulator.reset();
    assert!(
        aws.elb("DescribeLoadBalancers", &[])
            .unwrap()
            .all("LoadBalancerName")
            .is_empty()
    );
    aws.simulator.restore(snapshot.clone()).unwrap();
    assert_eq!(aws.simulator.snapshot(), snapshot);
    assert_eq!(
        aws.describe("seeded").one("Listener/SSLCertificateId"),
        "arn:aws:acm:us-east-1:123456789012:certificate/1"
    );
    assert!(aws.simulator.restore(json!({"nonsense": true})).is_err());
    assert!(aws.simulator.broken_rules().is_empty());
}

everywhere! {
    acm_knows_which_balancers_present_a_certificate,
    garbage_is_no_certificate,
    resources_are_found_by_tag,
    buckets_are_made_over_s3,
}
