//! What seeds can ask for beyond what calls can make: states, times and ids of the test's choosing.

use aws_simulator::{Delays, Seed};
use serde_json::json;

use crate::client::Aws;

const ARN: &str = "arn:aws:acm:us-east-1:123456789012:certificate/";

const SEED: &str = r#"
regions:
- serverCertificates:
  - {name: old, notAfter: "2026-01-02T00:00:00Z"}
  - {name: new, path: /shop/, expires: 1900000000}
  certificates:
  - {arn: "arn:aws:acm:us-east-1:123456789012:certificate/1", domainName: a.example.com, alternativeNames: ["*.a.example.com"], notAfter: "2026-01-03T00:00:00Z"}
  - {arn: "arn:aws:acm:us-east-1:123456789012:certificate/2", domainName: b.example.com, status: PENDING_VALIDATION}
  - {arn: "arn:aws:acm:us-east-1:123456789012:certificate/3", domainName: c.example.com, status: REVOKED}
  - {arn: "arn:aws:acm:us-east-1:123456789012:certificate/4", domainName: d.example.com, status: VALIDATION_TIMED_OUT}
  instances:
  - {id: i-0000000a}
  - {id: i-0000000b, state: stopped}
  - {id: i-0000000c, state: terminated}
"#;

/// 2026-01-03, in seconds.
const NOT_AFTER: i64 = 1_767_398_400;

fn acm(aws: &Aws, operation: &str, body: &serde_json::Value) -> serde_json::Value {
    let (status, reply) = aws.json("acm", &format!("CertificateManager.{operation}"), body);
    assert_eq!(status, 200, "{reply}");
    reply
}

fn listen(aws: &Aws, name: &str, certificate: &str) -> Result<(), String> {
    let create = [
        ("LoadBalancerName", name),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("Listeners.member.1.Protocol", "SSL"),
        ("Listeners.member.1.LoadBalancerPort", "443"),
        ("Listeners.member.1.InstancePort", "80"),
        ("Listeners.member.1.SSLCertificateId", certificate),
    ];
    let done = aws.elb("CreateLoadBalancer", &create);
    done.map(|_| ()).map_err(|refusal| refusal.code)
}

fn certificates_have_a_chosen_status_and_end() {
    let aws = Aws::with(Delays::Aws);
    aws.seed(SEED);
    let described = |number: u32| {
        let body = json!({"CertificateArn": format!("{ARN}{number}")});
        acm(&aws, "DescribeCertificate", &body)["Certificate"].clone()
    };
    let first = described(1);
    assert_eq!(first["Status"], "ISSUED");
    assert_eq!(first["DomainName"], "a.example.com");
    assert_eq!(
        first["SubjectAlternativeNames"],
        json!(["a.example.com", "*.a.example.com"])
    );
    assert_eq!(first["NotAfter"], NOT_AFTER);
    for (number, status) in [(2, "PENDING_VALIDATION"), (3, "REVOKED"), (4, "VALIDATION_TIMED_OUT")] {
        assert_eq!(described(number)["Status"], status);
        assert_eq!(
            listen(&aws, "refused", &format!("{ARN}{number}")).unwrap_err(),
            "CertificateNotFound"
        );
    }
    assert!(
        described(2).get("NotAfter").is_none(),
        "what was never issued has no end"
    );
    listen(&aws, "secure", &format!("{ARN}1")).unwrap();
    // An issued certificate expires by itself. Who presents it goes on, nobody else can begin.
    aws.advance(2 * 86_400);
    assert_eq!(described(1)["Status"], "EXPIRED");
    assert_eq!(described(1)["NotAfter"], NOT_AFTER);
    assert_eq!(
        listen(&aws, "late", &format!("{ARN}1")).unwrap_err(),
        "CertificateNotFound"
    );
    assert_eq!(
        aws.describe("secure").one("Listener/SSLCertificateId"),
        format!("{ARN}1")
    );
}

fn certificates_are_listed_by_status_and_in_pages() {
    let aws = Aws::new();
    aws.seed(SEED);
    let list = |body: serde_json::Value| acm(&aws, "ListCertificates", &body);
    let domains = |reply: &serde_json::Value| -> Vec<String> {
        let all = reply["CertificateSummaryList"].as_array().unwrap().iter();
        all.map(|it| it["DomainName"].as_str().unwrap().to_owned()).collect()
    };
    let all = list(json!({}));
    assert_eq!(
        domains(&all),
        ["a.example.com", "b.example.com", "c.example.com", "d.example.com"]
    );
    let first = &all["CertificateSummaryList"][0];
    assert_eq!(
        (&first["Status"], &first["NotAfter"]),
        (&json!("ISSUED"), &json!(NOT_AFTER))
    );
    assert_eq!(
        first["SubjectAlternativeNameSummaries"],
        json!(["a.example.com", "*.a.example.com"])
    );
    assert!(all["CertificateSummaryList"][1].get("NotAfter").is_none());
    assert_eq!(
        domains(&list(json!({"CertificateStatuses": ["ISSUED", "REVOKED"]}))),
        ["a.example.com", "c.example.com"]
    );
    assert_eq!(
        domains(&list(json!({"Includes": {"keyTypes": ["EC_prime256v1"]}}))),
        [""; 0]
    );
    let (mut seen, mut ask) = (Vec::new(), json!({"MaxItems": 3}));
    loop {
        let page = list(ask.clone());
        seen.extend(domains(&page));
        match page.get("NextToken") {
            Some(token) => ask["NextToken"] = token.clone(),
            None => break,
        }
    }
    assert_eq!(seen, domains(&all));
    let (status, refusal) = aws.json("acm", "CertificateManager.ListCertificates", &json!({"MaxItems": 0}));
    assert_eq!((status, &refusal["__type"]), (400, &json!("ValidationException")));
    let unknown = json!({"CertificateArn": format!("{ARN}9")});
    let (status, refusal) = aws.json("acm", "CertificateManager.DescribeCertificate", &unknown);
    assert_eq!((status, &refusal["__type"]), (400, &json!("ResourceNotFoundException")));
}

fn server_certificates_tell_when_they_end() {
    let aws = Aws::new();
    aws.seed(SEED);
    let get = aws
        .iam("GetServerCertificate", &[("ServerCertificateName", "old")])
        .unwrap();
    assert_eq!(get.one("Expiration"), "2026-01-02T00:00:00.000Z");
    let arn = "arn:aws:iam::123456789012:server-certificate/";
    assert_eq!(get.one("Arn"), format!("{arn}old"));
    let list = |parameters: &[(&str, &str)]| aws.iam("ListServerCertificates", parameters).unwrap();
    assert_eq!(
        list(&[]).all("member/Expiration"),
        ["2030-03-17T17:46:40.000Z", "2026-01-02T00:00:00.000Z"]
    );
    assert_eq!(
        list(&[("PathPrefix", "/shop/")]).all("member/Arn"),
        [format!("{arn}shop/new")]
    );
    let first = list(&[("MaxItems", "1")]);
    assert_eq!(
        (first.one("IsTruncated"), first.one("member/ServerCertificateName")),
        ("true".into(), "new".into())
    );
    let second = list(&[("MaxItems", "1"), ("Marker", &first.one("Marker"))]);
    assert_eq!(
        (second.one("IsTruncated"), second.one("member/ServerCertificateName")),
        ("false".into(), "old".into())
    );
    listen(&aws, "lb", &format!("{arn}old")).unwrap();
}

fn terminated_instances_are_shown_for_an_hour() {
    let aws = Aws::with(Delays::Aws);
    aws.seed(SEED);
    let states = |parameters: &[(&str, &str)]| {
        aws.ec2("DescribeInstances", parameters)
            .map(|xml| xml.all("instanceState/name"))
    };
    assert_eq!(states(&[]).unwrap(), ["running", "stopped", "terminated"]);
    assert_eq!(states(&[("InstanceId.1", "i-0000000c")]).unwrap(), ["terminated"]);
    let living = [
        ("Filter.1.Name", "instance-state-name"),
        ("Filter.1.Value.1", "running"),
        ("Filter.1.Value.2", "pending"),
    ];
    assert_eq!(states(&living).unwrap(), ["running"]);
    aws.advance(3600);
    assert_eq!(states(&[]).unwrap(), ["running", "stopped"]);
    let gone = states(&[("InstanceId.1", "i-0000000c"), ("InstanceId.2", "i-0000000d")]).unwrap_err();
    assert_eq!(gone.code, "InvalidInstanceID.NotFound");
    assert_eq!(gone.message, "The instance IDs 'i-0000000c, i-0000000d' do not exist");
    let malformed = states(&[("InstanceId.1", "banana")]).unwrap_err();
    assert_eq!(malformed.code, "InvalidInstanceID.Malformed");
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_left_of_it() {
    let aws = Aws::new();
    for (wrong, told) in [
        ("vpcs: [{id: vpc-1}]", "hexadecimal"),
        ("vpcs: [{id: vpc-00000001, cidrBlock: 10.0.0.0/8}]", "CIDR"),
        ("vpcs: [{id: vpc-00000001}, {id: vpc-00000001}]", "already"),
        (
            "subnets: [{id: subnet-00000001, vpcId: vpc-00000001}]",
            "does not exist",
        ),
        (
            "subnets: [{id: subnet-00000001, availabilityZone: us-east-1q}]",
            "availabilityZone",
        ),
        ("subnets: [{id: subnet-00000001, cidrBlock: 10.0.0.0/24}]", "CIDR"),
        ("subnets: [{id: subnet-00000001, availableIpAddresses: 252}]", "251"),
        (
            "subnets: [{id: subnet-00000001, cidrBlock: 172.31.0.0/24}]",
            "conflicts",
        ),
        ("securityGroups: [{id: sg-00000001, name: default}]", "taken"),
        (
            "securityGroups: [{id: sg-00000001, name: a, vpcId: vpc-00000001}]",
            "does not exist",
        ),
        ("instances: [{id: i-0000000a}, {id: i-0000000a}]", "already"),
        ("instances: [{id: i-0000000a, state: dreaming}]", "dreaming"),
        (
            "instances: [{id: i-0000000a, securityGroups: [sg-00000001]}]",
            "sg-00000001",
        ),
        ("certificates: [{arn: nonsense}]", "ARN"),
        ("certificates: [{arn: 'arn:a', status: LOST}]", "LOST"),
        ("certificates: [{arn: 'arn:a', notAfter: tomorrow}]", "tomorrow"),
        ("serverCertificates: [{name: a, path: b}]", "slash"),
        (
            "launchConfigurations: [{name: a}], autoScalingGroups: [{name: a, launchConfiguration: a, availabilityZones: [us-east-1a], instances: [{id: i-0000000a}]}]",
            "no instance",
        ),
        (
            "instances: [{id: i-0000000a}], launchConfigurations: [{name: a}], autoScalingGroups: [{name: a, launchConfiguration: a, availabilityZones: [us-east-1a], instances: [{id: i-0000000a, lifecycleState: Bored}]}]",
            "Bored",
        ),
    ] {
        let before = aws.simulator.snapshot();
        let seed =
            Seed::from_yaml(&format!("regions: [{{{wrong}}}]")).unwrap_or_else(|error| panic!("{wrong}: {error}"));
        let error = aws.simulator.seed(&seed).unwrap_err().to_string();
        assert!(error.contains(told), "{wrong}: {error}");
        assert_eq!(aws.simulator.snapshot(), before, "{wrong}");
    }
}

#[test]
fn the_seed_in_the_readme_can_be_planted() {
    let readme = include_str!("../../README.md");
    let seed = readme
        .split("```yaml seed\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let aws = Aws::new();
    aws.seed(seed);
    assert_eq!(aws.describe("my-lb").all("Instances/member/InstanceId").len(), 3);
    assert!(aws.simulator.broken_rules().is_empty());
}

everywhere! {
    certificates_have_a_chosen_status_and_end,
    certificates_are_listed_by_status_and_in_pages,
    server_certificates_tell_when_they_end,
    terminated_instances_are_shown_for_an_hour,
}
