//! Snapshots, and the rules that state is held against.

use aws_simulator::InstanceHealthAnswer;
use serde_json::{Value as Json, json};

use crate::client::{Aws, certificate};

const SEED: &str = r#"
regions:
- region: us-east-1
  instances:
  - {id: i-4f8cf126, availabilityZone: us-east-1a, tags: {role: web}}
  - {id: i-0bb7ca62, availabilityZone: us-east-1b, state: stopped}
  certificates: [{arn: "arn:aws:acm:us-east-1:123456789012:certificate/1", domainName: www.example.com}]
  loadBalancers:
  - name: lb
    availabilityZones: [us-east-1a, us-east-1b]
    listeners:
    - {protocol: HTTPS, port: 443, instancePort: 8080, instanceProtocol: HTTP, certificate: "arn:aws:acm:us-east-1:123456789012:certificate/1"}
    instances: [i-4f8cf126, i-0bb7ca62]
    tags: {team: shop}
  launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: asg, launchConfiguration: web, maxSize: 3, desiredCapacity: 2, availabilityZones: [us-east-1a], loadBalancers: [lb]}
- region: eu-west-1
  account: "222222222222"
  loadBalancers:
  - name: lb
    availabilityZones: [eu-west-1a]
    listeners: [{protocol: TCP, port: 80, instancePort: 80}]
buckets: [{name: logs}]
"#;

fn world() -> Aws {
    let aws = Aws::new();
    aws.seed(SEED);
    let (body, key) = certificate("www.example.com");
    let upload = [
        ("ServerCertificateName", "web"),
        ("CertificateBody", body.as_str()),
        ("PrivateKey", key.as_str()),
    ];
    aws.iam("UploadServerCertificate", &upload).unwrap();
    aws.simulator.set_instance_health(&InstanceHealthAnswer {
        account: "123456789012".to_owned(),
        region: "us-east-1".to_owned(),
        instance_id: "i-4f8cf126".to_owned(),
        port: None,
        healthy: false,
    });
    aws
}

#[test]
fn a_snapshot_brings_everything_back() {
    let aws = world();
    let role = [
        ("RoleArn", "arn:aws:iam::222222222222:role/elb"),
        ("RoleSessionName", "session"),
    ];
    let session = aws.sts("AssumeRole", &role).unwrap().one("AccessKeyId");
    let session: &'static str = Box::leak(session.into_boxed_str());
    let taken = aws.simulator.snapshot();

    let other = Aws::new();
    other.create("to-be-replaced");
    other.simulator.restore(taken.clone()).unwrap();
    assert_eq!(other.simulator.snapshot(), taken);
    assert!(other.simulator.broken_rules().is_empty());
    let failed = other.health("lb", "i-4f8cf126").unwrap();
    assert!(
        failed.starts_with("OutOfService") && failed.contains("UnhealthyThreshold"),
        "{failed}"
    );
    let of_role = other.as_key(session).in_region("eu-west-1");
    let names = of_role
        .elb("DescribeLoadBalancers", &[])
        .unwrap()
        .all("member/LoadBalancerName");
    assert_eq!(names, ["lb"]);
    // What comes after is the same for both, down to the generated names.
    let dns = |aws: &Aws| aws.create("later").one("DNSName");
    assert_eq!(dns(&aws), dns(&other));
    assert_eq!(aws.simulator.snapshot(), other.simulator.snapshot());
    assert!(other.simulator.restore(json!({"accounts": {}})).is_err());
}

#[test]
fn every_broken_rule_is_told() {
    let aws = world();
    let sound = aws.simulator.snapshot();
    assert_eq!(aws.simulator.broken_rules(), Vec::<String>::new());
    let region = "/accounts/123456789012/regions/us-east-1";
    for (at, value, told) in [
        ("elb/by_name/lb/placement", json!({}), "no subnet"),
        (
            "elb/by_name/lb/placement/us-east-1a",
            json!("subnet-0"),
            "does not fit zone",
        ),
        ("elb/by_name/lb/securityGroups", json!(["sg-0"]), "is not in its VPC"),
        (
            "elb/by_name/lb/listeners/443/certificate",
            Json::Null,
            "do not go together",
        ),
        (
            "elb/by_name/lb/listeners/443/instanceProtocol",
            json!("TCP"),
            "mixes layers",
        ),
        (
            "elb/by_name/lb/listeners/443/policies",
            json!(["gone"]),
            "cannot be on listener",
        ),
        (
            "elb/by_name/lb/listeners/443/policies",
            json!(["ELBSecurityPolicy-2016-08", "ELBSecurityPolicy-2016-08"]),
            "two policies of one kind",
        ),
        (
            "elb/by_name/lb/backends",
            json!({"80": ["gone"]}),
            "cannot be on instance port",
        ),
        (
            "elb/by_name/lb/policies",
            json!({"auth": {"kind": "BackendServerAuthentication", "attributes": [["PublicKeyPolicyName", "gone"]]}}),
            "no public key",
        ),
        ("elb/by_name/lb/instances", json!({"i-0000": 0}), "is not in its VPC"),
        ("elb/by_name/lb/deregistered", json!({"i-4f8cf126": 0}), "in and out"),
        ("elb/by_name/lb/scheme", json!("internal"), "its DNS name"),
        (
            "elb/by_name/lb/dnsName",
            json!("lb-1.eu-west-1.elb.amazonaws.com"),
            "its DNS name",
        ),
        ("elb/by_name/lb/healthCheck/timeout", json!(30), "times out after"),
        ("elb/by_name/lb/attributes/idleTimeout", json!(4001), "idle timeout"),
        ("autoscaling/byName/asg/min", json!(3), "wants 2 of 3 to 3"),
    ] {
        let mut broken = sound.clone();
        let pointer = format!("{region}/{at}");
        *broken.pointer_mut(&pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
        aws.simulator.restore(broken).unwrap();
        let rules = aws.simulator.broken_rules();
        assert!(rules.iter().any(|rule| rule.contains(told)), "{at}: {rules:?}");
    }
    aws.simulator.restore(sound).unwrap();
    assert!(aws.simulator.broken_rules().is_empty());
}
