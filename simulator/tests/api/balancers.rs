//! Balancers, listeners, placement, attributes, tags.

use crate::client::{Aws, LISTENER_80};

type Parameters<'p> = &'p [(&'p str, &'p str)];

fn codes(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

fn a_new_balancer_shows_all_that_aws_always_shows() {
    let aws = Aws::new();
    let dns = aws.create("lb").one("DNSName");
    let number = dns
        .strip_prefix("lb-")
        .unwrap()
        .strip_suffix(".us-east-1.elb.amazonaws.com")
        .unwrap();
    assert!(
        number.len() == 10 && number.bytes().all(|byte| byte.is_ascii_digit()),
        "{dns}"
    );
    let lb = aws.describe("lb");
    for (path, text) in [
        ("LoadBalancerDescriptions/member/DNSName", dns.as_str()),
        ("CanonicalHostedZoneName", &dns),
        ("CanonicalHostedZoneNameID", "Z35SXDOTRQ7X7K"),
        ("HealthCheck/Target", "TCP:8080"),
        ("HealthCheck/Interval", "30"),
        ("HealthCheck/Timeout", "5"),
        ("HealthCheck/UnhealthyThreshold", "2"),
        ("HealthCheck/HealthyThreshold", "10"),
        ("Listener/Protocol", "HTTP"),
        ("Listener/InstanceProtocol", "HTTP"),
        ("AvailabilityZones/member", "us-east-1a"),
        ("SourceSecurityGroup/OwnerAlias", "123456789012"),
        ("Scheme", "internet-facing"),
        ("CreatedTime", "2026-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(lb.one(path), text, "{path}");
    }
    assert!(lb.one("SourceSecurityGroup/GroupName").starts_with("default_elb_"));
    assert!(lb.one("VPCId").starts_with("vpc-") && lb.one("Subnets/member").starts_with("subnet-"));
    for empty in [
        "Instances",
        "BackendServerDescriptions",
        "OtherPolicies",
        "LBCookieStickinessPolicies",
    ] {
        assert_eq!(lb.one(empty), "", "{empty} is there and empty");
    }
    let attributes = aws
        .elb("DescribeLoadBalancerAttributes", &[("LoadBalancerName", "lb")])
        .unwrap();
    assert_eq!(attributes.one("ConnectionDraining/Timeout"), "300");
    assert_eq!(attributes.one("ConnectionSettings/IdleTimeout"), "60");
    assert_eq!(attributes.one("AdditionalAttributes/member/Value"), "defensive");
}

fn an_identical_repeat_succeeds_and_any_other_is_refused() {
    let aws = Aws::new();
    let first = aws.create("lb").one("DNSName");
    assert_eq!(aws.create("lb").one("DNSName"), first);
    let repeat = |extra: &[(&'static str, &'static str)]| {
        let mut parameters = vec![("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", "us-east-1a")];
        parameters.extend(LISTENER_80);
        for (name, value) in extra {
            parameters.retain(|(existing, _)| existing != name);
            parameters.push((name, value));
        }
        aws.elb("CreateLoadBalancer", &parameters).unwrap_err()
    };
    for (extra, differs) in [
        (vec![("Listeners.member.1.InstancePort", "81")], "parameters"),
        (vec![("AvailabilityZones.member.1", "us-east-1b")], "parameters"),
        (vec![("Scheme", "internal")], "parameters"),
        (vec![("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")], "tags"),
    ] {
        let refusal = repeat(&extra);
        assert_eq!(refusal.code, "DuplicateLoadBalancerName");
        let expected = format!("Load Balancer named lb already exists and it is configured with different {differs}.");
        assert_eq!(refusal.message, expected);
    }
}

#[test]
fn regions_and_accounts_are_apart() {
    let aws = Aws::new();
    for region in ["us-east-1", "eu-central-1", "cn-north-1"] {
        for key in ["AKIDEXAMPLE", "AKIDOTHER"] {
            let other = aws.in_region(region).as_key(key);
            let suffix = if region.starts_with("cn-") {
                "amazonaws.com.cn"
            } else {
                "amazonaws.com"
            };
            assert!(
                other
                    .create("same")
                    .one("DNSName")
                    .ends_with(&format!(".{region}.elb.{suffix}"))
            );
            assert_eq!(
                other.elb("DescribeLoadBalancers", &[]).unwrap().all("LoadBalancerName"),
                ["same"]
            );
        }
    }
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "same")]).unwrap();
    assert!(
        aws.elb("DescribeLoadBalancers", &[])
            .unwrap()
            .all("LoadBalancerName")
            .is_empty()
    );
    assert_eq!(aws.as_key("AKIDOTHER").describe("same").one("LoadBalancerName"), "same");
    let nowhere = aws.in_region("mars-1").elb("DescribeLoadBalancers", &[]).unwrap_err();
    assert_eq!((nowhere.status, nowhere.code.as_str()), (403, "SignatureDoesNotMatch"));
}

fn bad_creations_are_refused_and_leave_nothing() {
    let aws = Aws::new();
    let subnets = aws.ec2("DescribeSubnets", &[]).unwrap().all("subnetSet/item/subnetId");
    let base = [
        ("LoadBalancerName", "bad"),
        ("AvailabilityZones.member.1", "us-east-1a"),
    ];
    let cases: &[(Parameters<'_>, u16, &str)] = &[
        (&[("LoadBalancerName", "a_b")], 400, "ValidationError"),
        (&[("LoadBalancerName", "-a")], 400, "ValidationError"),
        (
            &[("LoadBalancerName", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")],
            400,
            "ValidationError",
        ),
        (&[("AvailabilityZones.member.1", "us-east-1q")], 400, "ValidationError"),
        (&[("Subnets.member.1", &subnets[0])], 400, "ValidationError"),
        (&[("Scheme", "sideways")], 400, "InvalidScheme"),
        (
            &[("SecurityGroups.member.1", "sg-0123456789abcdef0")],
            400,
            "InvalidSecurityGroup",
        ),
        (&[("Listeners.member.1.Protocol", "GOPHER")], 400, "UnsupportedProtocol"),
        (
            &[("Listeners.member.1.InstanceProtocol", "TCP")],
            409,
            "InvalidConfigurationRequest",
        ),
        (&[("Listeners.member.1.LoadBalancerPort", "0")], 400, "ValidationError"),
        (&[("Listeners.member.1.InstancePort", "70000")], 400, "ValidationError"),
        (&[("Listeners.member.1.Protocol", "HTTPS")], 400, "ValidationError"),
        (
            &[
                ("Listeners.member.1.Protocol", "SSL"),
                ("Listeners.member.1.SSLCertificateId", "arn:aws:iam::1:x"),
            ],
            400,
            "CertificateNotFound",
        ),
        (
            &[("Tags.member.1.Key", "k"), ("Tags.member.2.Key", "k")],
            400,
            "DuplicateTagKeys",
        ),
        (&[("Tags.member.1.Key", "aws:k")], 400, "ValidationError"),
        (&[("Unheard", "of")], 400, "ValidationError"),
    ];
    for (changed, status, code) in cases {
        let mut parameters: Vec<(&str, &str)> = base.iter().chain(&LISTENER_80).copied().collect();
        parameters.retain(|(name, _)| changed.iter().all(|(other, _)| other != name));
        parameters.extend_from_slice(changed);
        assert_eq!(
            aws.refused("CreateLoadBalancer", &parameters),
            codes(*status, code),
            "{changed:?}"
        );
    }
    let no_placement: Vec<_> = [("LoadBalancerName", "bad")].into_iter().chain(LISTENER_80).collect();
    assert_eq!(
        aws.refused("CreateLoadBalancer", &no_placement),
        codes(400, "ValidationError")
    );
    assert_eq!(aws.refused("CreateLoadBalancer", &base), codes(400, "ValidationError"));
    assert!(
        aws.elb("DescribeLoadBalancers", &[])
            .unwrap()
            .all("LoadBalancerName")
            .is_empty()
    );
}

fn every_operation_knows_a_missing_balancer() {
    let aws = Aws::new();
    let name = ("LoadBalancerName", "gone");
    let health = [
        name,
        ("HealthCheck.Target", "TCP:80"),
        ("HealthCheck.Interval", "30"),
        ("HealthCheck.Timeout", "5"),
        ("HealthCheck.UnhealthyThreshold", "2"),
        ("HealthCheck.HealthyThreshold", "2"),
    ];
    let listeners: Vec<_> = [name].into_iter().chain(LISTENER_80).collect();
    let calls: &[(&str, Parameters<'_>)] = &[
        (
            "AddTags",
            &[("LoadBalancerNames.member.1", "gone"), ("Tags.member.1.Key", "k")],
        ),
        (
            "ApplySecurityGroupsToLoadBalancer",
            &[name, ("SecurityGroups.member.1", "sg-1")],
        ),
        ("AttachLoadBalancerToSubnets", &[name, ("Subnets.member.1", "subnet-1")]),
        ("ConfigureHealthCheck", &health),
        (
            "CreateAppCookieStickinessPolicy",
            &[name, ("PolicyName", "p"), ("CookieName", "c")],
        ),
        ("CreateLBCookieStickinessPolicy", &[name, ("PolicyName", "p")]),
        ("CreateLoadBalancerListeners", &listeners),
        (
            "CreateLoadBalancerPolicy",
            &[name, ("PolicyName", "p"), ("PolicyTypeName", "ProxyProtocolPolicyType")],
        ),
        (
            "DeleteLoadBalancerListeners",
            &[name, ("LoadBalancerPorts.member.1", "80")],
        ),
        ("DeleteLoadBalancerPolicy", &[name, ("PolicyName", "p")]),
        (
            "DeregisterInstancesFromLoadBalancer",
            &[name, ("Instances.member.1.InstanceId", "i-12345678")],
        ),
        ("DescribeInstanceHealth", &[name]),
        ("DescribeLoadBalancerAttributes", &[name]),
        ("DescribeLoadBalancerPolicies", &[name]),
        ("DescribeLoadBalancers", &[("LoadBalancerNames.member.1", "gone")]),
        ("DescribeTags", &[("LoadBalancerNames.member.1", "gone")]),
        (
            "DetachLoadBalancerFromSubnets",
            &[name, ("Subnets.member.1", "subnet-1")],
        ),
        (
            "DisableAvailabilityZonesForLoadBalancer",
            &[name, ("AvailabilityZones.member.1", "us-east-1a")],
        ),
        (
            "EnableAvailabilityZonesForLoadBalancer",
            &[name, ("AvailabilityZones.member.1", "us-east-1a")],
        ),
        (
            "ModifyLoadBalancerAttributes",
            &[name, ("LoadBalancerAttributes.CrossZoneLoadBalancing.Enabled", "true")],
        ),
        (
            "RegisterInstancesWithLoadBalancer",
            &[name, ("Instances.member.1.InstanceId", "i-12345678")],
        ),
        (
            "RemoveTags",
            &[("LoadBalancerNames.member.1", "gone"), ("Tags.member.1.Key", "k")],
        ),
        (
            "SetLoadBalancerListenerSSLCertificate",
            &[name, ("LoadBalancerPort", "80"), ("SSLCertificateId", "arn")],
        ),
        (
            "SetLoadBalancerPoliciesForBackendServer",
            &[name, ("InstancePort", "80"), ("PolicyNames", "")],
        ),
        (
            "SetLoadBalancerPoliciesOfListener",
            &[name, ("LoadBalancerPort", "80"), ("PolicyNames", "")],
        ),
    ];
    for (operation, parameters) in calls {
        assert_eq!(
            aws.refused(operation, parameters),
            codes(400, "LoadBalancerNotFound"),
            "{operation}"
        );
    }
    aws.elb("DeleteLoadBalancer", &[name]).unwrap();
    assert_eq!(aws.simulator.violations(), 0);
}

fn a_name_given_twice_is_one_balancer() {
    let aws = Aws::new();
    aws.create("lb");
    aws.create("other");
    let parameters = [
        ("LoadBalancerNames.member.1", "lb"),
        ("LoadBalancerNames.member.2", "other"),
        ("LoadBalancerNames.member.3", "lb"),
    ];
    let xml = aws.elb("DescribeLoadBalancers", &parameters).unwrap();
    assert_eq!(
        xml.all("LoadBalancerDescriptions/member/LoadBalancerName"),
        ["lb", "other"]
    );
}

fn pages_are_complete_and_survive_deletions() {
    let aws = Aws::new();
    let names: Vec<String> = (0..23).map(|number| format!("lb-{number:02}")).collect();
    for name in &names {
        aws.create(name);
    }
    let mut marker = String::new();
    let mut seen = Vec::new();
    for page in 0..4 {
        let parameters = [("PageSize", "7"), ("Marker", marker.as_str())];
        let given = if page == 0 { &parameters[..1] } else { &parameters[..] };
        let xml = aws.elb("DescribeLoadBalancers", given).unwrap();
        seen.extend(xml.all("LoadBalancerDescriptions/member/LoadBalancerName"));
        marker = xml.all("NextMarker").pop().unwrap_or_default();
        // The balancer that a page ended with may go before the next is asked for.
        aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", seen.last().unwrap())])
            .unwrap();
    }
    assert_eq!(seen, names);
    assert_eq!(marker, "");
    assert_eq!(
        aws.refused("DescribeLoadBalancers", &[("Marker", "garbage")]),
        codes(400, "ValidationError")
    );
    for size in ["0", "401", "x"] {
        assert_eq!(
            aws.refused("DescribeLoadBalancers", &[("PageSize", size)]),
            codes(400, "ValidationError")
        );
    }
    assert_eq!(aws.simulator.violations(), 3);
}

fn a_call_with_one_bad_listener_changes_nothing() {
    let aws = Aws::new();
    aws.create("lb");
    let add = |listeners: &[(&str, &str, &str)]| {
        let mut parameters = vec![("LoadBalancerName".to_owned(), "lb".to_owned())];
        for (index, (protocol, port, instance_port)) in listeners.iter().enumerate() {
            for (name, value) in [
                ("Protocol", protocol),
                ("LoadBalancerPort", port),
                ("InstancePort", instance_port),
            ] {
                parameters.push((format!("Listeners.member.{}.{name}", index + 1), (*value).to_owned()));
            }
        }
        let parameters: Vec<_> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        aws.elb("CreateLoadBalancerListeners", &parameters)
            .map_err(|refusal| refusal.code)
    };
    let ports = || aws.describe("lb").all("Listener/LoadBalancerPort");
    add(&[("tcp", "81", "81")]).unwrap();
    add(&[("TCP", "81", "81"), ("HTTP", "80", "8080")]).unwrap();
    assert_eq!(ports(), ["80", "81"]);
    assert_eq!(
        add(&[("TCP", "90", "90"), ("TCP", "81", "82")]).unwrap_err(),
        "DuplicateListener"
    );
    assert_eq!(
        add(&[("TCP", "90", "90"), ("GOPHER", "91", "82")]).unwrap_err(),
        "UnsupportedProtocol"
    );
    assert_eq!(ports(), ["80", "81"]);
    let delete = [
        ("LoadBalancerName", "lb"),
        ("LoadBalancerPorts.member.1", "80"),
        ("LoadBalancerPorts.member.2", "7"),
    ];
    aws.elb("DeleteLoadBalancerListeners", &delete).unwrap();
    assert_eq!(ports(), ["81"]);
}

everywhere! {
    a_new_balancer_shows_all_that_aws_always_shows,
    an_identical_repeat_succeeds_and_any_other_is_refused,
    bad_creations_are_refused_and_leave_nothing,
    every_operation_knows_a_missing_balancer,
    a_name_given_twice_is_one_balancer,
    pages_are_complete_and_survive_deletions,
    a_call_with_one_bad_listener_changes_nothing,
}
