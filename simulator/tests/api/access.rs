//! Calls that IAM policies allow and refuse.

use aws_simulator::{AccessRules, Config, Policy};
use serde_json::{Value, json};

use crate::client::{Aws, LISTENER_80, Refusal};

const MINE: &str = "arn:*:elasticloadbalancing:*:*:loadbalancer/*";

/// A simulator where AKIDEXAMPLE has these statements, and AKIDOTHER of the same account everything.
fn bound(statements: &Value) -> Aws {
    let policy = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
    let mut access = AccessRules::default();
    access.bind("AKIDEXAMPLE", Policy::from_json(&policy).unwrap());
    let mut config = Config {
        access,
        ..Config::default()
    };
    let mut admin = config.keys["AKIDEXAMPLE"].clone();
    "admin".clone_into(&mut admin.secret);
    config.keys.insert("AKIDADMIN".to_owned(), admin);
    Aws::of(config)
}

fn refused(result: Result<crate::client::Xml, Refusal>) -> (u16, String, String) {
    let Refusal { status, code, message } = result.expect_err("allowed");
    (status, code, message)
}

fn allow(action: &str, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[test]
fn without_policies_everything_is_allowed_and_with_some_only_what_they_allow() {
    let aws = bound(&json!([allow("elasticloadbalancing:Describe*", "*")]));
    aws.as_key("AKIDADMIN").create("lb");
    aws.describe("lb");
    let (status, code, message) = refused(aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]));
    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
    assert_eq!(
        message,
        "User: arn:aws:iam::123456789012:user/simulator is not authorized to perform: \
         elasticloadbalancing:DeleteLoadBalancer on resource: \
         arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/lb because no identity-based policy allows the \
         elasticloadbalancing:DeleteLoadBalancer action"
    );
    aws.describe("lb");
}

#[test]
fn each_service_refuses_in_its_own_way() {
    let aws = bound(&json!([
        allow("elasticloadbalancing:*", "*"),
        {"Effect": "Deny", "Action": "autoscaling:*", "Resource": "*"},
    ]));
    let (status, code, message) = refused(aws.ec2("DescribeSubnets", &[]));
    assert_eq!((status, code.as_str()), (403, "UnauthorizedOperation"));
    assert_eq!(
        message,
        "You are not authorized to perform this operation. User: arn:aws:iam::123456789012:user/simulator is not \
         authorized to perform: ec2:DescribeSubnets because no identity-based policy allows the ec2:DescribeSubnets action."
    );
    let (status, code, message) = refused(aws.autoscaling("DescribeAutoScalingGroups", &[]));
    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    let (_, code, _) = refused(aws.iam("ListServerCertificates", &[]));
    assert_eq!(code, "AccessDenied");
    let (status, refused) = aws.json("acm", "CertificateManager.ListCertificates", &json!({}));
    assert_eq!((status, &refused["__type"]), (400, &json!("AccessDeniedException")));
    let (status, refused) = aws.json("cloudtrail", "CloudTrail_20131101.LookupEvents", &json!({}));
    assert_eq!((status, &refused["__type"]), (400, &json!("AccessDeniedException")));
    // Who one is may everybody ask.
    aws.sts("GetCallerIdentity", &[]).unwrap();
}

#[test]
fn a_creation_with_tags_needs_leave_to_tag() {
    let create = |aws: &Aws, tagged: bool| {
        let mut parameters = vec![("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", "us-east-1a")];
        parameters.extend(LISTENER_80);
        if tagged {
            parameters.extend([("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "shop")]);
        }
        aws.elb("CreateLoadBalancer", &parameters)
    };
    let creates = allow("elasticloadbalancing:CreateLoadBalancer", MINE);
    let aws = bound(&json!([creates]));
    let (_, _, message) = refused(create(&aws, true));
    assert!(
        message.contains("perform: elasticloadbalancing:AddTags on resource"),
        "{message}"
    );
    create(&aws, false).unwrap();

    let mut tags = allow("elasticloadbalancing:AddTags", MINE);
    tags["Condition"] = json!({
        "StringEquals": {
            "elasticloadbalancing:CreateAction": "CreateLoadBalancer",
            "aws:RequestTag/team": "${aws:ResourceTag/none, 'shop'}",
        },
        "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]},
    });
    let aws = bound(&json!([creates, tags]));
    create(&aws, true).unwrap();
    // Not later, and not with another tag.
    let later = [
        ("LoadBalancerNames.member.1", "lb"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "shop"),
    ];
    refused(aws.elb("AddTags", &later));
}

#[test]
fn tags_of_the_resource_and_of_the_request_decide() {
    let mut own = allow("elasticloadbalancing:*", MINE);
    own["Condition"] = json!({"StringEquals": {"elasticloadbalancing:ResourceTag/team": "shop"}});
    let mut untag = json!({"Effect": "Deny", "Action": "elasticloadbalancing:RemoveTags", "Resource": "*"});
    untag["Condition"] = json!({"ForAnyValue:StringLike": {"aws:TagKeys": "team*"}});
    let aws = bound(&json!([own, untag]));
    let admin = aws.as_key("AKIDADMIN");
    admin.create("lb");
    let delete = || aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]);
    refused(delete());
    // A balancer that is not there has no tags either.
    refused(aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "none")]));
    let tags = |value| {
        let key = ("Tags.member.1.Key", "team");
        [
            ("LoadBalancerNames.member.1", "lb"),
            key,
            ("Tags.member.1.Value", value),
        ]
    };
    admin.elb("AddTags", &tags("web")).unwrap();
    refused(delete());
    admin.elb("AddTags", &tags("shop")).unwrap();
    let (_, _, message) = refused(aws.elb("RemoveTags", &tags("shop")[..2]));
    assert!(
        message.ends_with("with an explicit deny in an identity-based policy"),
        "{message}"
    );
    delete().unwrap();
}

#[test]
fn what_a_creation_asks_for_can_be_restricted() {
    let mut internal = allow("elasticloadbalancing:CreateLoadBalancer", MINE);
    internal["Condition"] = json!({
        "StringEquals": {"elasticloadbalancing:Scheme": "internal", "aws:RequestedRegion": "us-east-1"},
        "ForAllValues:StringEquals": {"elasticloadbalancing:ListenerProtocol": ["HTTPS", "SSL", "HTTP"]},
        "Null": {"elasticloadbalancing:Subnet": "true"},
    });
    let aws = bound(&json!([internal]));
    let create = |aws: &Aws, scheme: &str, protocol: &str| {
        let zone = format!("{}a", aws.region);
        let mut parameters = vec![
            ("LoadBalancerName", "lb"),
            ("Scheme", scheme),
            ("AvailabilityZones.member.1", zone.as_str()),
        ];
        parameters.extend(LISTENER_80);
        parameters.push(("Listeners.member.1.Protocol", protocol));
        aws.elb("CreateLoadBalancer", &parameters)
    };
    refused(create(&aws, "internet-facing", "HTTP"));
    refused(create(&aws, "internal", "TCP"));
    refused(create(&aws.in_region("us-west-2"), "internal", "HTTP"));
    create(&aws, "internal", "http").unwrap();
}

#[test]
fn other_resources_are_known_by_their_arns_and_tags() {
    let mut group = allow(
        "autoscaling:AttachLoadBalancers",
        "arn:*:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/web-*",
    );
    group["Condition"] = json!({"StringEquals": {"aws:ResourceTag/balanced": "yes"}});
    let mut instances = allow("ec2:StopInstances", "arn:aws:ec2:us-east-1:*:instance/i-*");
    instances["Condition"] = json!({"StringEquals": {"ec2:ResourceTag/role": "web"}});
    let aws = bound(&json!([
        group,
        instances,
        allow(
            "iam:GetServerCertificate",
            "arn:aws:iam::123456789012:server-certificate/www"
        ),
        allow("s3:ListBucket", "arn:aws:s3:::logs"),
    ]));
    aws.seed(
        "regions: [{region: us-east-1, \
         instances: [{id: i-0000000a, tags: {role: web}}, {id: i-0000000b, tags: {role: db}}], \
         serverCertificates: [{name: www, notAfter: '2030-01-01T00:00:00Z'}], \
         launchConfigurations: [{name: web}]}]",
    );
    let admin = aws.as_key("AKIDADMIN");
    admin.create("lb");
    for (name, value) in [("web-1", "yes"), ("web-2", "no"), ("api", "yes")] {
        let parameters = [
            ("AutoScalingGroupName", name),
            ("LaunchConfigurationName", "web"),
            ("MinSize", "0"),
            ("MaxSize", "1"),
            ("AvailabilityZones.member.1", "us-east-1a"),
            ("Tags.member.1.Key", "balanced"),
            ("Tags.member.1.Value", value),
        ];
        admin.autoscaling("CreateAutoScalingGroup", &parameters).unwrap();
    }
    let attach = |name| {
        let parameters = [("AutoScalingGroupName", name), ("LoadBalancerNames.member.1", "lb")];
        aws.autoscaling("AttachLoadBalancers", &parameters)
    };
    attach("web-1").unwrap();
    refused(attach("web-2"));
    let (_, _, message) = refused(attach("api"));
    assert!(message.contains("autoScalingGroupName/api because"), "{message}");
    aws.ec2("StopInstances", &[("InstanceId.1", "i-0000000a")]).unwrap();
    // All resources of a call have to be allowed.
    let both = [("InstanceId.1", "i-0000000a"), ("InstanceId.2", "i-0000000b")];
    refused(aws.ec2("StopInstances", &both));
    aws.iam("GetServerCertificate", &[("ServerCertificateName", "www")])
        .unwrap();
    refused(aws.iam("GetServerCertificate", &[("ServerCertificateName", "other")]));
}

#[test]
fn the_sessions_of_a_role_have_the_policies_of_the_role() {
    let role = "arn:aws:iam::123456789012:role/clb";
    let mut access = AccessRules::default();
    let policy = json!({"Version": "2012-10-17", "Statement": [allow("ec2:Describe*", "*")]}).to_string();
    access.bind(role, Policy::from_json(&policy).unwrap());
    let aws = Aws::of(Config {
        access,
        ..Config::default()
    });
    let session = aws
        .sts("AssumeRole", &[("RoleArn", role), ("RoleSessionName", "s")])
        .unwrap();
    let key: &'static str = session.one("Credentials/AccessKeyId").leak();
    let assumed = aws.as_key(key);
    assumed.ec2("DescribeVpcs", &[]).unwrap();
    let (_, _, message) = refused(assumed.elb("DescribeLoadBalancers", &[]));
    assert!(
        message.starts_with("User: arn:aws:sts::123456789012:assumed-role/clb/s is not"),
        "{message}"
    );
    aws.elb("DescribeLoadBalancers", &[]).unwrap();
    let keys: Vec<String> = aws
        .simulator
        .requests(0)
        .into_iter()
        .map(|it| it.access_key_id)
        .collect();
    assert_eq!(keys, ["AKIDEXAMPLE", key, key, "AKIDEXAMPLE"]);
}
