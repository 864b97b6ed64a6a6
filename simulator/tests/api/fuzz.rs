//! Whatever is sent, the reply is well-formed and state obeys the rules.

use aws_simulator::{Clock, Config, Delays};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::client::{Aws, START, Xml};
use crate::registration::SEED;

const OPERATIONS: [&str; 31] = [
    "AddTags",
    "ApplySecurityGroupsToLoadBalancer",
    "AttachLoadBalancerToSubnets",
    "ConfigureHealthCheck",
    "CreateAppCookieStickinessPolicy",
    "CreateLBCookieStickinessPolicy",
    "CreateLoadBalancer",
    "CreateLoadBalancerListeners",
    "CreateLoadBalancerPolicy",
    "DeleteLoadBalancer",
    "DeleteLoadBalancerListeners",
    "DeleteLoadBalancerPolicy",
    "DeregisterInstancesFromLoadBalancer",
    "DescribeAccountLimits",
    "DescribeInstanceHealth",
    "DescribeLoadBalancerAttributes",
    "DescribeLoadBalancerPolicies",
    "DescribeLoadBalancerPolicyTypes",
    "DescribeLoadBalancers",
    "DescribeTags",
    "DetachLoadBalancerFromSubnets",
    "DisableAvailabilityZonesForLoadBalancer",
    "EnableAvailabilityZonesForLoadBalancer",
    "ModifyLoadBalancerAttributes",
    "RegisterInstancesWithLoadBalancer",
    "RemoveTags",
    "SetLoadBalancerListenerSSLCertificate",
    "SetLoadBalancerPoliciesForBackendServer",
    "SetLoadBalancerPoliciesOfListener",
    "RunInstances",
    "CreateAutoScalingGroup",
];

const NAMES: [&str; 34] = [
    "LoadBalancerName",
    "LoadBalancerNames.member.1",
    "Listeners.member.1.Protocol",
    "Listeners.member.1.InstanceProtocol",
    "Listeners.member.1.LoadBalancerPort",
    "Listeners.member.1.InstancePort",
    "Listeners.member.1.SSLCertificateId",
    "AvailabilityZones.member.1",
    "AvailabilityZones.member.2",
    "Subnets.member.1",
    "SecurityGroups.member.1",
    "Scheme",
    "Tags.member.1.Key",
    "Tags.member.1.Value",
    "Instances.member.1.InstanceId",
    "Instances.member.2.InstanceId",
    "PolicyName",
    "PolicyNames",
    "PolicyNames.member.1",
    "PolicyTypeName",
    "PolicyAttributes.member.1.AttributeName",
    "PolicyAttributes.member.1.AttributeValue",
    "CookieName",
    "CookieExpirationPeriod",
    "LoadBalancerPort",
    "LoadBalancerPorts.member.1",
    "InstancePort",
    "SSLCertificateId",
    "HealthCheck.Target",
    "HealthCheck.Interval",
    "LoadBalancerAttributes.ConnectionSettings.IdleTimeout",
    "LoadBalancerAttributes.AccessLog.Enabled",
    "PageSize",
    "Marker",
];

const VALUES: [&str; 24] = [
    "lb",
    "other",
    "HTTP",
    "tcp",
    "SSL",
    "80",
    "443",
    "8080",
    "0",
    "-1",
    "99999999999999999999",
    "us-east-1a",
    "us-east-1b",
    "i-4f8cf126",
    "i-0bb7ca62",
    "internal",
    "true",
    "",
    "sticky",
    "LBCookieStickinessPolicyType",
    "ProxyProtocolPolicyType",
    "ProxyProtocol",
    "HTTP:80/",
    "<&\">]]>\u{0}\u{b}\u{fffe}😀",
];

pub(crate) fn aws() -> Aws {
    let aws = Aws::of(Config {
        clock: Clock::manual(START),
        delays: Delays::Aws,
        log_capacity: 10,
        ..Config::default()
    });
    aws.seed(SEED);
    aws.create("lb");
    aws
}

fn form() -> impl Strategy<Value = Vec<(String, String)>> {
    let name = prop_oneof![8 => select(&NAMES[..]).prop_map(str::to_owned), 1 => "[A-Za-z.0-9&=]{0,40}"];
    let value = prop_oneof![8 => select(&VALUES[..]).prop_map(str::to_owned), 1 => any::<String>()];
    vec((name, value), 0..9)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_calls_leaves_a_state_aws_could_have(
        calls in vec((select(&OPERATIONS[..]), form()), 1..24)
    ) {
        let aws = aws();
        for (operation, mut form) in calls {
            let (service, version) = match operation {
                "RunInstances" => ("ec2", "2016-11-15"),
                "CreateAutoScalingGroup" => ("autoscaling", "2011-01-01"),
                _ => ("elasticloadbalancing", "2012-06-01"),
            };
            form.insert(0, ("Version".to_owned(), version.to_owned()));
            form.insert(0, ("Action".to_owned(), operation.to_owned()));
            let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
            let (status, reply) = aws.send(service, body.into_bytes()).unwrap();
            let xml = Xml::parse(reply);
            prop_assert!([200, 400, 409].contains(&status), "{status} {}", xml.as_str());
            prop_assert!(status == 200 || xml.all("Error/Code").len() == 1, "{}", xml.as_str());
            aws.advance(7);
        }
        prop_assert_eq!(aws.simulator.broken_rules(), Vec::<String>::new());
    }

    #[test]
    fn any_body_gets_a_well_formed_answer(body in vec(any::<u8>(), 0..300), service in select(&[
        "elasticloadbalancing", "ec2", "autoscaling", "iam", "sts", "s3", "nonsense",
    ][..])) {
        let (status, reply) = aws().send(service, body).unwrap();
        prop_assert!((200..=501).contains(&status));
        if !reply.is_empty() {
            Xml::parse(reply);
        }
    }
}

#[test]
fn depth_and_size_do_not_exhaust_anything() {
    let aws = aws();
    let deep = format!(
        "Action=DescribeLoadBalancers&Version=2012-06-01&{}=1",
        "a.".repeat(100_000)
    );
    let wide = (0..50_000).fold(String::new(), |form, number| {
        form + &format!("&Tags.member.{number}.Key=k")
    });
    let long = format!("Action={}&Version=2012-06-01", "A".repeat(1_000_000));
    for body in [deep, format!("Action=AddTags&Version=2012-06-01{wide}"), long] {
        let (status, reply) = aws.send("elasticloadbalancing", body.into_bytes()).unwrap();
        assert_eq!(status, 400);
        assert!(Xml::parse(reply).as_str().len() < 2_000);
    }
}

#[test]
fn the_same_calls_give_the_same_world() {
    let run = || {
        let aws = aws();
        let run = [("ImageId", "ami-12c6146b"), ("MinCount", "2"), ("MaxCount", "2")];
        aws.ec2("RunInstances", &run).unwrap();
        aws.create("second");
        aws.elb(
            "AddTags",
            &[("LoadBalancerNames.member.1", "lb"), ("Tags.member.1.Key", "k")],
        )
        .unwrap();
        (aws.simulator.snapshot(), aws.describe("second").as_str().to_owned())
    };
    assert!(run() == run(), "the worlds differ");
}
