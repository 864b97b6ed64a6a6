//! Faults and the log that tells them.

use aws_simulator::FaultRule;
use serde_json::json;

use crate::client::Aws;
use crate::registration::{SEED, with_instances};

fn fault(aws: &Aws, rule: serde_json::Value) -> FaultRule {
    let rule: FaultRule = serde_json::from_value(rule).unwrap();
    aws.simulator.add_fault(rule.clone());
    rule
}

const CREATE: &str = "Action=CreateLoadBalancer&Version=2012-06-01&LoadBalancerName=lb&AvailabilityZones.member.1=us-east-1a\
    &Listeners.member.1.Protocol=TCP&Listeners.member.1.LoadBalancerPort=80&Listeners.member.1.InstancePort=80";

fn create(aws: &Aws) -> Option<(u16, String)> {
    aws.send("elasticloadbalancing", CREATE.as_bytes().to_vec())
}

fn exists(aws: &Aws) -> bool {
    aws.elb("DescribeLoadBalancers", &[("LoadBalancerNames.member.1", "lb")])
        .is_ok()
}

#[test]
fn errors_come_instead_of_the_call() {
    let aws = Aws::new();
    fault(
        &aws,
        json!({"match": {"operation": "CreateLoadBalancer", "nth": 2}, "do": {"error": {"code": "Throttling"}}}),
    );
    fault(
        &aws,
        json!({"match": {"loadBalancer": "cursed"}, "do": {"error": {"code": "InternalFailure", "status": 500, "message": "no"}}}),
    );
    aws.create("one");
    let (status, body) = create(&aws).unwrap();
    assert!(
        status == 400 && body.contains("<Message>Rate exceeded</Message>"),
        "{body}"
    );
    assert!(!exists(&aws));
    create(&aws).unwrap();
    assert!(exists(&aws));
    let cursed = aws
        .elb("DescribeLoadBalancers", &[("LoadBalancerNames.member.1", "cursed")])
        .unwrap_err();
    assert_eq!(
        (cursed.status, cursed.code.as_str(), cursed.message.as_str()),
        (500, "InternalFailure", "no")
    );
    let fired: Vec<_> = aws
        .simulator
        .faults()
        .iter()
        .map(|status| (status.matched, status.fired))
        .collect();
    assert_eq!(fired, [(3, 1), (1, 1)]);
    aws.simulator.clear_faults();
    assert!(aws.simulator.faults().is_empty());
}

#[test]
fn connections_break_before_or_after_the_call() {
    for (action, applied) in [("resetBefore", false), ("resetAfter", true)] {
        let aws = Aws::new();
        fault(
            &aws,
            json!({"match": {"operation": "Create*", "count": 1}, "do": action}),
        );
        assert_eq!(create(&aws), None);
        assert_eq!(exists(&aws), applied, "{action}");
        let log = aws.simulator.requests(0);
        assert_eq!((log[0].operation.as_str(), log[0].status), ("CreateLoadBalancer", 0));
    }
}

#[test]
fn replies_are_spoilt() {
    let aws = Aws::new();
    create(&aws).unwrap();
    let describe = || {
        aws.send(
            "elasticloadbalancing",
            b"Action=DescribeLoadBalancers&Version=2012-06-01".to_vec(),
        )
        .unwrap()
    };
    let whole = describe().1;
    fault(&aws, json!({"match": {"count": 1}, "do": {"cutBody": {"percent": 50}}}));
    assert_eq!(describe(), (200, whole[..whole.len() / 2].to_owned()));
    aws.simulator.clear_faults();
    fault(&aws, json!({"match": {"count": 1}, "do": "emptyReply"}));
    assert_eq!(describe(), (200, String::new()));
    aws.simulator.clear_faults();
    fault(
        &aws,
        json!({"match": {"count": 1}, "do": {"htmlError": {"status": 502}}}),
    );
    let (status, body) = describe();
    assert!(status == 502 && body.starts_with("<html>"), "{body}");
    assert_eq!(describe().0, 200);
}

#[test]
fn stale_reads_do_not_show_the_latest_writes() {
    let aws = Aws::new();
    fault(
        &aws,
        json!({"match": {"operation": "Describe*"}, "do": {"staleRead": {"millis": 5000}}}),
    );
    aws.create("first");
    aws.advance(3);
    aws.create("second");
    let names = || {
        aws.elb("DescribeLoadBalancers", &[])
            .unwrap()
            .all("LoadBalancerDescriptions/member/LoadBalancerName")
    };
    assert!(names().is_empty());
    aws.advance(3);
    assert_eq!(names(), ["first"]);
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "first")]).unwrap();
    aws.advance(3);
    assert_eq!(names(), ["first", "second"]);
    aws.advance(3);
    assert_eq!(names(), ["second"]);
}

#[test]
fn every_description_of_a_balancer_can_be_stale() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.create("lb");
    let rule = json!({"match": {"loadBalancer": "lb"}, "do": {"staleRead": {"millis": 5000}}});
    fault(&aws, rule);
    aws.advance(10);
    with_instances(&aws, "RegisterInstancesWithLoadBalancer", &["i-4f8cf126"]).unwrap();
    let tag = [("LoadBalancerNames.member.1", "lb"), ("Tags.member.1.Key", "k")];
    aws.elb("AddTags", &tag).unwrap();
    let lb = [("LoadBalancerName", "lb")];
    let drain = ("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "true");
    aws.elb("ModifyLoadBalancerAttributes", &[lb[0], drain]).unwrap();
    aws.elb("CreateLBCookieStickinessPolicy", &[lb[0], ("PolicyName", "p")])
        .unwrap();
    let told = || {
        (
            aws.describe("lb").all("Instances/member/InstanceId").len(),
            aws.elb("DescribeTags", &tag[..1]).unwrap().all("Tags/member/Key").len(),
            aws.elb("DescribeLoadBalancerAttributes", &lb)
                .unwrap()
                .one("CrossZoneLoadBalancing/Enabled"),
            aws.elb("DescribeLoadBalancerPolicies", &lb)
                .unwrap()
                .all("PolicyName")
                .len(),
            aws.health("lb", "i-4f8cf126").is_some(),
        )
    };
    assert_eq!(told(), (0, 0, "false".to_owned(), 0, false));
    aws.advance(5);
    assert_eq!(told(), (1, 1, "true".to_owned(), 1, true));
}

#[test]
fn tags_of_a_new_load_balancer_can_come_late() {
    let aws = Aws::new();
    fault(&aws, json!({"do": {"lateTags": {"millis": 5000}}}));
    aws.create("lb");
    let tag = |key| [("LoadBalancerNames.member.1", "lb"), ("Tags.member.1.Key", key)];
    aws.elb("AddTags", &tag("first")).unwrap();
    let told = || aws.elb("DescribeTags", &tag("")[..1]).unwrap().all("Tags/member/Key");
    assert_eq!(aws.describe("lb").one("LoadBalancerName"), "lb", "it is there");
    assert!(told().is_empty());
    aws.advance(5);
    assert_eq!(told(), ["first"]);
    aws.elb("AddTags", &tag("second")).unwrap();
    assert_eq!(told(), ["first"]);
    aws.advance(5);
    assert_eq!(told(), ["first", "second"]);
    // One of the same name that was made since has nothing of the other's.
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]).unwrap();
    aws.create("lb");
    assert!(told().is_empty());
}

#[test]
fn rules_match_region_account_and_service() {
    let aws = Aws::new();
    let error = json!({"error": {"code": "InternalFailure", "status": 500}});
    fault(&aws, json!({"match": {"region": "eu-west-1"}, "do": error}));
    fault(&aws, json!({"match": {"account": "222222222222"}, "do": error}));
    fault(&aws, json!({"match": {"service": "autoscaling"}, "do": error}));
    let limits = |aws: &Aws| aws.elb("DescribeAccountLimits", &[]).is_ok();
    assert!(limits(&aws));
    assert!(!limits(&aws.in_region("eu-west-1")));
    assert!(!limits(&aws.as_key("AKIDOTHER")));
    let failed = aws.autoscaling("DescribeAutoScalingGroups", &[]).unwrap_err();
    assert_eq!((failed.status, failed.code.as_str()), (500, "InternalFailure"));
    aws.simulator.clear_faults();
    // The same seed strikes the same calls, and about as many as the probability says.
    let struck = || {
        let aws = Aws::new();
        fault(&aws, json!({"match": {"probability": 0.25, "seed": 3}, "do": error}));
        (0..400).filter(|_| !limits(&aws)).collect::<Vec<_>>()
    };
    assert!((70..130).contains(&struck().len()));
    assert_eq!(struck(), struck());
}

#[test]
fn instances_are_missing_from_lists() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.create("lb");
    with_instances(&aws, "RegisterInstancesWithLoadBalancer", &["i-4f8cf126", "i-0bb7ca62"]).unwrap();
    fault(&aws, json!({"do": {"hideInstances": {"instanceIds": ["i-4f8cf126"]}}}));
    assert_eq!(aws.describe("lb").all("Instances/member/InstanceId"), ["i-0bb7ca62"]);
    assert_eq!(aws.health("lb", "i-4f8cf126"), None);
    assert!(
        !aws.ec2("DescribeInstances", &[])
            .unwrap()
            .all("instanceId")
            .contains(&"i-4f8cf126".to_owned())
    );
    let group = "
regions:
- launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: asg, launchConfiguration: web, availabilityZones: [us-east-1a], instances: [{id: i-4f8cf126}, {id: i-0bb7ca62}]}
";
    aws.seed(group);
    for operation in ["DescribeAutoScalingGroups", "DescribeAutoScalingInstances"] {
        let members = aws.autoscaling(operation, &[]).unwrap().all("InstanceId");
        assert_eq!(members, ["i-0bb7ca62"], "{operation}");
    }
}

#[test]
fn the_log_keeps_what_was_asked() {
    let aws = Aws::of(aws_simulator::Config {
        log_capacity: 3,
        ..aws_simulator::Config::default()
    });
    aws.create("lb");
    aws.refused("DescribeTags", &[]);
    aws.as_key("AKIDOTHER")
        .in_region("eu-west-2")
        .sts("GetCallerIdentity", &[])
        .unwrap();
    let upload = [
        ("ServerCertificateName", "web"),
        ("CertificateBody", "x"),
        ("PrivateKey", "secret"),
    ];
    aws.iam("UploadServerCertificate", &upload).unwrap_err();
    let log = aws.simulator.requests(0);
    assert_eq!(log.iter().map(|record| record.seq).collect::<Vec<_>>(), [2, 3, 4]);
    assert_eq!(
        (log[0].status, log[0].error_code.as_deref()),
        (400, Some("ValidationError"))
    );
    assert_eq!(
        (log[1].region.as_str(), log[1].account.as_str()),
        ("eu-west-2", "222222222222")
    );
    assert_eq!(
        log[2].parameters.keys().collect::<Vec<_>>(),
        ["CertificateBody", "ServerCertificateName"]
    );
    assert_eq!(aws.simulator.requests(3).len(), 1);
    assert!(aws.simulator.requests(4).is_empty() && aws.simulator.requests(400).is_empty());
    assert_eq!(serde_json::to_value(&log[1]).unwrap()["service"], "sts");
    let documented = "seq time service region account accessKeyId operation parameters status errorCode";
    for record in &log {
        let record = serde_json::to_value(record).unwrap();
        let keys: std::collections::BTreeSet<&str> = record.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, documented.split(' ').collect(), "with and without an error");
    }
}

#[test]
fn numbers_beyond_reason_do_no_harm() {
    let aws = Aws::new();
    aws.create("lb");
    assert!(aws.simulator.requests(u64::MAX).is_empty());
    let rule = |matching: serde_json::Value, action: serde_json::Value| {
        serde_json::from_value::<FaultRule>(json!({"match": matching, "do": action})).unwrap()
    };
    for wrong in [
        rule(json!({}), json!({"error": {"code": "X", "status": 99}})),
        rule(json!({}), json!({"htmlError": {"status": 200}})),
        rule(json!({}), json!({"cutBody": {"percent": 101}})),
        rule(json!({"probability": 1.5}), json!("hang")),
        rule(json!({"nth": 0}), json!("hang")),
    ] {
        assert!(wrong.check().is_err(), "{wrong:?}");
    }
    // Two waits that together are longer than a number can hold.
    for _ in 0..2 {
        let wait = rule(json!({"count": 1}), json!({"latency": {"millis": u64::MAX}}));
        wait.check().unwrap();
        aws.simulator.add_fault(wait);
    }
    let request = aws.request("elasticloadbalancing").body(bytes::Bytes::new()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let waiting = runtime.block_on(async {
        tokio::time::timeout(std::time::Duration::from_millis(20), aws.simulator.call(request)).await
    });
    assert!(waiting.is_err(), "it waits and does not panic");
    assert!(aws.simulator.faults().iter().all(|status| status.fired == 1));
}

#[test]
fn a_private_key_is_not_logged_however_long_the_request() {
    let aws = Aws::new();
    let import = json!({"PrivateKey": "c2VjcmV0LWtleQ==", "Certificate": "x".repeat(70_000)});
    aws.json("acm", "CertificateManager.ImportCertificate", &import);
    let log = aws.simulator.requests(0);
    assert_eq!(log[0].operation, "ImportCertificate");
    assert!(!serde_json::to_string(&log).unwrap().contains("c2VjcmV0LWtleQ"));
}
