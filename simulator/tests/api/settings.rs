//! Placement, attributes, access logs, tags and quotas.

use crate::client::{Aws, LISTENER_80};

fn codes(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn placement_keeps_one_subnet_per_zone_and_never_none() {
    let aws = Aws::new();
    let vpc = aws
        .ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/16")])
        .unwrap()
        .one("vpcId");
    let subnet = |cidr, zone| {
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", cidr), ("AvailabilityZone", zone)];
        aws.ec2("CreateSubnet", &parameters).unwrap().one("subnetId")
    };
    let (a, a2, b) = (
        subnet("10.0.1.0/24", "us-east-1a"),
        subnet("10.0.2.0/24", "us-east-1a"),
        subnet("10.0.3.0/24", "us-east-1b"),
    );
    let local = subnet("10.0.4.0/24", "us-east-1-bos-1a");
    let parameters: Vec<_> = [("LoadBalancerName", "lb"), ("Subnets.member.1", a.as_str())]
        .into_iter()
        .chain(LISTENER_80)
        .collect();
    aws.elb("CreateLoadBalancer", &parameters).unwrap();
    let call = |operation, subnet: &str| {
        let done = aws.elb(operation, &[("LoadBalancerName", "lb"), ("Subnets.member.1", subnet)]);
        done.map(|xml| xml.all("Subnets/member").len())
            .map_err(|refusal| (refusal.status, refusal.code))
    };
    let conflict = Err(codes(409, "InvalidConfigurationRequest"));
    assert_eq!(call("AttachLoadBalancerToSubnets", &a2), conflict);
    assert_eq!(call("AttachLoadBalancerToSubnets", &local), conflict);
    assert_eq!(
        call("AttachLoadBalancerToSubnets", "subnet-0123456789abcdef0"),
        Err(codes(400, "SubnetNotFound"))
    );
    assert_eq!(call("DetachLoadBalancerFromSubnets", &a), conflict);
    assert_eq!(call("AttachLoadBalancerToSubnets", &b), Ok(2));
    assert_eq!(call("AttachLoadBalancerToSubnets", &b), Ok(2));
    assert_eq!(
        aws.describe("lb").all("AvailabilityZones/member"),
        ["us-east-1a", "us-east-1b"]
    );
    assert_eq!(call("DetachLoadBalancerFromSubnets", &a), Ok(1));
    assert_eq!(call("AttachLoadBalancerToSubnets", &a2), Ok(2));
    let zone = [("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", "us-east-1c")];
    assert_eq!(
        aws.refused("EnableAvailabilityZonesForLoadBalancer", &zone),
        codes(409, "InvalidConfigurationRequest")
    );
    let used = aws.ec2("DeleteSubnet", &[("SubnetId", &b)]).unwrap_err();
    assert_eq!(used.code, "DependencyViolation");
    assert!(aws.simulator.broken_rules().is_empty());
}

fn an_internet_gateway_is_asked_for_when_configured() {
    let aws = Aws::of(aws_simulator::Config {
        require_internet_gateway: true,
        ..aws_simulator::Config::default()
    });
    aws.create("default-vpc-has-one");
    let vpc = aws
        .ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/16")])
        .unwrap()
        .one("vpcId");
    let subnet = aws
        .ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")])
        .unwrap()
        .one("subnetId");
    let create = |scheme| {
        let given = [
            ("LoadBalancerName", "lb"),
            ("Subnets.member.1", subnet.as_str()),
            ("Scheme", scheme),
        ];
        let parameters: Vec<_> = given.into_iter().chain(LISTENER_80).collect();
        aws.elb("CreateLoadBalancer", &parameters)
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(create("internet-facing").unwrap_err(), "InvalidSubnet");
    let gateway = aws.ec2("CreateInternetGateway", &[]).unwrap().one("internetGatewayId");
    aws.ec2(
        "AttachInternetGateway",
        &[("InternetGatewayId", &gateway), ("VpcId", &vpc)],
    )
    .unwrap();
    create("internet-facing").unwrap();
}

fn attributes_change_one_by_one() {
    let aws = Aws::new();
    aws.create("lb");
    let modify = |name: &str, value: &str| {
        let name = format!("LoadBalancerAttributes.{name}");
        let done = aws.elb(
            "ModifyLoadBalancerAttributes",
            &[("LoadBalancerName", "lb"), (&name, value)],
        );
        done.map_err(|refusal| (refusal.status, refusal.code))
    };
    let read = |path: &str| {
        aws.elb("DescribeLoadBalancerAttributes", &[("LoadBalancerName", "lb")])
            .unwrap()
            .one(path)
    };
    let reply = modify("CrossZoneLoadBalancing.Enabled", "true").unwrap();
    assert_eq!(
        reply.one("LoadBalancerAttributes/CrossZoneLoadBalancing/Enabled"),
        "true"
    );
    // The reply tells what was modified and is not the state.
    for other in [
        "AccessLog",
        "ConnectionDraining",
        "ConnectionSettings",
        "AdditionalAttributes",
    ] {
        assert!(reply.all(other).is_empty(), "{other}");
    }
    modify("ConnectionSettings.IdleTimeout", "4000").unwrap();
    assert_eq!(read("CrossZoneLoadBalancing/Enabled"), "true");
    assert_eq!(read("ConnectionSettings/IdleTimeout"), "4000");
    assert_eq!(read("ConnectionDraining/Enabled"), "false");
    for value in ["0", "4001", "x"] {
        assert_eq!(
            modify("ConnectionSettings.IdleTimeout", value).unwrap_err(),
            codes(400, "ValidationError")
        );
    }
    let additional = |key, value| {
        let prefix = "LoadBalancerAttributes.AdditionalAttributes.member.1";
        let (key_name, value_name) = (format!("{prefix}.Key"), format!("{prefix}.Value"));
        let parameters = [
            ("LoadBalancerName", "lb"),
            (key_name.as_str(), key),
            (value_name.as_str(), value),
        ];
        aws.elb("ModifyLoadBalancerAttributes", &parameters)
            .map_err(|refusal| refusal.code)
    };
    additional("elb.http.desyncmitigationmode", "strictest").unwrap();
    assert_eq!(read("AdditionalAttributes/member/Value"), "strictest");
    assert_eq!(
        additional("elb.http.desyncmitigationmode", "x").unwrap_err(),
        "ValidationError"
    );
    assert_eq!(
        additional("elb.nope", "x").unwrap_err(),
        "LoadBalancerAttributeNotFound"
    );
}

fn access_logs_need_a_bucket_that_elb_may_write_to() {
    let aws = Aws::new();
    let policy = |principal: &str| {
        format!(
            r#"'{{"Statement": [{{"Effect": "Allow", "Action": "s3:PutObject", "Principal": {{"AWS": "{principal}"}}}}]}}'"#
        )
    };
    aws.seed(&format!(
        "buckets: [{{name: open, region: us-east-1}}, {{name: far, region: eu-west-1}}, {{name: ours, region: us-east-1, policy: {}}}, {{name: theirs, region: us-east-1, policy: {}}}]",
        policy("arn:aws:iam::127311923021:root"),
        policy("arn:aws:iam::000000000001:root")
    ));
    aws.create("lb");
    let log_to = |bucket: &str, prefix: &str| {
        let parameters = [
            ("LoadBalancerName", "lb"),
            ("LoadBalancerAttributes.AccessLog.Enabled", "true"),
            ("LoadBalancerAttributes.AccessLog.S3BucketName", bucket),
            ("LoadBalancerAttributes.AccessLog.S3BucketPrefix", prefix),
        ];
        aws.elb("ModifyLoadBalancerAttributes", &parameters)
            .map_err(|refusal| (refusal.status, refusal.code))
    };
    for refused in ["none", "far", "theirs"] {
        assert_eq!(
            log_to(refused, "").unwrap_err(),
            codes(409, "InvalidConfigurationRequest"),
            "{refused}"
        );
    }
    assert_eq!(
        log_to("open", "x/AWSLogs").unwrap_err(),
        codes(409, "InvalidConfigurationRequest")
    );
    log_to("open", "").unwrap();
    let reply = log_to("ours", "web").unwrap();
    assert_eq!(reply.one("AccessLog/EmitInterval"), "60");
    assert_eq!(reply.one("AccessLog/S3BucketPrefix"), "web");
}

fn tags_are_merged_and_counted() {
    let aws = Aws::new();
    aws.create("lb");
    aws.create("other");
    let tag = |operation, keys: std::ops::Range<usize>, value: &str| {
        let mut parameters = vec![("LoadBalancerNames.member.1".to_owned(), "lb".to_owned())];
        for (index, key) in keys.enumerate() {
            parameters.push((format!("Tags.member.{}.Key", index + 1), format!("k{key}")));
            if operation == "AddTags" {
                parameters.push((format!("Tags.member.{}.Value", index + 1), value.to_owned()));
            }
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        aws.elb(operation, &parameters).map_err(|refusal| refusal.code)
    };
    let count = || {
        aws.elb("DescribeTags", &[("LoadBalancerNames.member.1", "lb")])
            .unwrap()
            .all("Tags/member/Key")
            .len()
    };
    tag("AddTags", 0..50, "v").unwrap();
    assert_eq!(tag("AddTags", 50..51, "v").unwrap_err(), "TooManyTags");
    tag("AddTags", 0..2, "w").unwrap();
    assert_eq!(count(), 50);
    tag("RemoveTags", 10..60, "").unwrap();
    assert_eq!(count(), 10);
    let two = [
        ("LoadBalancerNames.member.1", "lb"),
        ("LoadBalancerNames.member.2", "other"),
        ("Tags.member.1.Key", "k"),
    ];
    let refusal = aws.elb("AddTags", &two).unwrap_err();
    assert_eq!(refusal.message, "Exactly 1 LoadBalancerName can be specified");
    let names: Vec<String> = (1..=21)
        .map(|number| format!("LoadBalancerNames.member.{number}"))
        .collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "lb")).collect();
    let refusal = aws.elb("DescribeTags", &many).unwrap_err();
    assert!(
        refusal
            .message
            .ends_with("Member must have length less than or equal to 20"),
        "{refusal:?}"
    );
}

fn quotas_are_enforced_when_asked() {
    let aws = Aws::of(aws_simulator::Config {
        quotas: true,
        ..aws_simulator::Config::default()
    });
    let limits = aws.elb("DescribeAccountLimits", &[]).unwrap();
    assert_eq!(limits.all("Limits/member/Max"), ["20", "100", "1000"]);
    for number in 0..20 {
        aws.create(&format!("lb-{number}"));
    }
    let parameters: Vec<_> = [
        ("LoadBalancerName", "one-more"),
        ("AvailabilityZones.member.1", "us-east-1a"),
    ]
    .into_iter()
    .chain(LISTENER_80)
    .collect();
    assert_eq!(
        aws.refused("CreateLoadBalancer", &parameters),
        codes(400, "TooManyLoadBalancers")
    );
    aws.create("lb-7");
}

everywhere! {
    placement_keeps_one_subnet_per_zone_and_never_none,
    an_internet_gateway_is_asked_for_when_configured,
    attributes_change_one_by_one,
    access_logs_need_a_bucket_that_elb_may_write_to,
    tags_are_merged_and_counted,
    quotas_are_enforced_when_asked,
}
