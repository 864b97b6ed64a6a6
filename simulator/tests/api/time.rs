//! What takes time in AWS takes that time here.

use aws_simulator::Delays;

use crate::client::{Aws, certificate};
use crate::registration::{SEED, with_instances};

const SERVING: &str = "InService/N/A/N/A";
const REGISTERING: &str = "OutOfService/ELB/Instance registration is still in progress.";
const WARMING: &str = "OutOfService/Instance/Instance has not passed the configured HealthyThreshold number of health checks consecutively.";
const FAILED: &str =
    "OutOfService/Instance/Instance has failed at least the UnhealthyThreshold number of health checks consecutively.";

fn registered(delays: Delays) -> Aws {
    let aws = Aws::with(delays);
    aws.seed(SEED);
    aws.create("lb");
    with_instances(&aws, "RegisterInstancesWithLoadBalancer", &["i-4f8cf126"]).unwrap();
    aws
}

fn answer(aws: &Aws, port: Option<u16>, healthy: bool) {
    aws.answer("i-4f8cf126", port, healthy);
}

fn by_default_a_registration_takes_one_second() {
    let aws = registered(Delays::Default);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), REGISTERING);
    aws.advance(1);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), SERVING);
    answer(&aws, None, false);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), FAILED);
    answer(&aws, None, true);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), SERVING);
}

fn as_in_aws_health_follows_interval_and_thresholds() {
    let aws = registered(Delays::Aws);
    let told = || aws.health("lb", "i-4f8cf126").unwrap();
    assert_eq!(told(), REGISTERING);
    aws.advance(10);
    assert_eq!(told(), WARMING);
    aws.advance(299);
    assert_eq!(told(), WARMING);
    aws.advance(1);
    assert_eq!(told(), SERVING);
    answer(&aws, Some(8080), false);
    aws.advance(59);
    assert_eq!(told(), SERVING);
    aws.advance(1);
    assert_eq!(told(), FAILED);
    answer(&aws, Some(8080), true);
    aws.advance(299);
    assert_eq!(told(), FAILED);
    aws.advance(1);
    assert_eq!(told(), SERVING);
    answer(&aws, Some(9), false);
    aws.advance(1000);
    assert_eq!(told(), SERVING, "another port is not checked");
}

fn health_changes_only_when_a_threshold_is_reached() {
    let aws = registered(Delays::Aws);
    let told = || aws.health("lb", "i-4f8cf126").unwrap();
    aws.advance(310);
    assert_eq!(told(), SERVING);
    answer(&aws, None, true);
    assert_eq!(told(), SERVING, "it was told nothing new");
    answer(&aws, None, false);
    aws.advance(40);
    answer(&aws, None, true);
    assert_eq!(told(), SERVING, "one failed check is too few");
    aws.advance(20);
    answer(&aws, None, false);
    aws.advance(59);
    assert_eq!(told(), SERVING, "failures count only in a row");
    answer(&aws, None, false);
    aws.advance(1);
    assert_eq!(told(), FAILED, "saying it twice does not begin it again");
    answer(&aws, None, true);
    aws.advance(200);
    answer(&aws, Some(8080), false);
    aws.advance(10);
    answer(&aws, None, true);
    aws.advance(299);
    assert_eq!(told(), FAILED, "so do passes");
    aws.advance(1);
    assert_eq!(told(), SERVING);
}

fn draining_instances_serve_but_are_not_listed() {
    let aws = registered(Delays::Aws);
    let drain = [
        ("LoadBalancerName", "lb"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionDraining.Timeout", "120"),
    ];
    aws.elb("ModifyLoadBalancerAttributes", &drain).unwrap();
    aws.advance(1000);
    with_instances(&aws, "DeregisterInstancesFromLoadBalancer", &["i-4f8cf126"]).unwrap();
    assert!(aws.describe("lb").all("Instances/member/InstanceId").is_empty());
    let draining = "InService/N/A/Instance deregistration currently in progress.";
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), draining);
    aws.advance(119);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), draining);
    aws.advance(1);
    assert_eq!(aws.health("lb", "i-4f8cf126"), None);
}

fn a_zone_is_disabled_in_steps() {
    let aws = registered(Delays::Aws);
    let drain = [
        ("LoadBalancerName", "lb"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
    ];
    aws.elb("ModifyLoadBalancerAttributes", &drain).unwrap();
    let zone = |zone| [("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", zone)];
    aws.elb("EnableAvailabilityZonesForLoadBalancer", &zone("us-east-1b"))
        .unwrap();
    aws.elb("DisableAvailabilityZonesForLoadBalancer", &zone("us-east-1a"))
        .unwrap();
    let leaving = "InService/N/A/Disable Availability Zone is currently in progress.";
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), leaving);
    aws.advance(300);
    assert!(
        aws.health("lb", "i-4f8cf126")
            .unwrap()
            .contains("not configured to route traffic")
    );
    assert_eq!(
        aws.refused("DisableAvailabilityZonesForLoadBalancer", &zone("us-east-1b")),
        (409, "InvalidConfigurationRequest".to_owned())
    );
}

fn instances_pass_through_their_states() {
    let aws = registered(Delays::Aws);
    aws.advance(1000);
    let listed = || aws.describe("lb").all("Instances/member/InstanceId").len();
    aws.ec2("StopInstances", &[("InstanceId.1", "i-4f8cf126")]).unwrap();
    let stopped = "OutOfService/Instance/Instance is in stopped state.";
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), stopped);
    aws.advance(20);
    aws.ec2("StartInstances", &[("InstanceId.1", "i-4f8cf126")]).unwrap();
    assert_eq!(
        aws.health("lb", "i-4f8cf126").unwrap(),
        "OutOfService/Instance/Instance is in pending state."
    );
    aws.advance(20);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), WARMING);
    aws.advance(300);
    assert_eq!(aws.health("lb", "i-4f8cf126").unwrap(), SERVING);
    // A terminated instance is not reported at once, and is still listed for a while.
    aws.ec2("TerminateInstances", &[("InstanceId.1", "i-4f8cf126")])
        .unwrap();
    assert_eq!((aws.health("lb", "i-4f8cf126"), listed()), (None, 1));
    aws.advance(60);
    assert_eq!(listed(), 0);
    let known = || {
        aws.ec2("DescribeInstances", &[])
            .unwrap()
            .all("instanceId")
            .contains(&"i-4f8cf126".to_owned())
    };
    assert!(known());
    aws.advance(3600);
    assert!(!known());
}

fn a_certificate_spreads() {
    let aws = Aws::with(Delays::Aws);
    let (body, key) = certificate("www.example.com");
    let upload = [
        ("ServerCertificateName", "web"),
        ("CertificateBody", &*body),
        ("PrivateKey", &*key),
    ];
    let arn = aws.iam("UploadServerCertificate", &upload).unwrap().one("Arn");
    let create = [
        ("LoadBalancerName", "lb"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("Listeners.member.1.Protocol", "HTTPS"),
        ("Listeners.member.1.LoadBalancerPort", "443"),
        ("Listeners.member.1.InstancePort", "80"),
        ("Listeners.member.1.SSLCertificateId", &arn),
    ];
    let early = aws.elb("CreateLoadBalancer", &create).unwrap_err();
    assert_eq!(
        (early.code, early.message),
        (
            "CertificateNotFound".to_owned(),
            format!("Server Certificate not found for the key: {arn}")
        )
    );
    aws.advance(30);
    aws.elb("CreateLoadBalancer", &create).unwrap();
}

fn a_group_takes_its_time() {
    let aws = Aws::with(Delays::Aws);
    aws.create("lb");
    aws.autoscaling(
        "CreateLaunchConfiguration",
        &[("LaunchConfigurationName", "web"), ("ImageId", "ami-12c6146b")],
    )
    .unwrap();
    let group = [
        ("AutoScalingGroupName", "asg"),
        ("LaunchConfigurationName", "web"),
        ("MinSize", "0"),
        ("MaxSize", "5"),
        ("DesiredCapacity", "1"),
        ("AvailabilityZones.member.1", "us-east-1a"),
    ];
    aws.autoscaling("CreateAutoScalingGroup", &group).unwrap();
    let states = || {
        aws.autoscaling("DescribeAutoScalingGroups", &[])
            .unwrap()
            .all("LifecycleState")
    };
    let attach = [("AutoScalingGroupName", "asg"), ("LoadBalancerNames.member.1", "lb")];
    let state = || {
        aws.autoscaling("DescribeLoadBalancers", &attach[..1])
            .unwrap()
            .all("State")
    };
    assert!(states().is_empty());
    aws.advance(15);
    assert_eq!(states(), ["Pending"]);
    aws.advance(20);
    assert_eq!(states(), ["InService"]);
    aws.autoscaling("AttachLoadBalancers", &attach).unwrap();
    assert_eq!(state(), ["Adding"]);
    assert!(aws.describe("lb").all("Instances/member/InstanceId").is_empty());
    aws.advance(15);
    assert_eq!(
        (state(), aws.describe("lb").all("Instances/member/InstanceId").len()),
        (vec!["Added".to_owned()], 1)
    );
    aws.autoscaling("DetachLoadBalancers", &attach).unwrap();
    assert_eq!(state(), ["Removing"]);
    aws.advance(15);
    assert!(state().is_empty());
    // A long jump of the clock passes through all that lies on the way.
    aws.autoscaling("AttachLoadBalancers", &attach).unwrap();
    aws.autoscaling(
        "SetDesiredCapacity",
        &[("AutoScalingGroupName", "asg"), ("DesiredCapacity", "3")],
    )
    .unwrap();
    aws.advance(3600);
    assert_eq!(aws.describe("lb").all("Instances/member/InstanceId").len(), 3);
}

fn a_port_and_a_zone_are_busy_for_a_while_after_they_were_left() {
    let aws = Aws::with(Delays::Aws);
    aws.seed("regions: [{subnets: [{id: subnet-0000000a, availabilityZone: us-east-1a}]}]");
    let zones = ("AvailabilityZones.member.2", "us-east-1b");
    let create: Vec<_> = [
        ("LoadBalancerName", "lb"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        zones,
    ]
    .into_iter()
    .chain(crate::client::LISTENER_80)
    .collect();
    aws.elb("CreateLoadBalancer", &create).unwrap();
    let lb = ("LoadBalancerName", "lb");
    let listener = |instance_port| {
        let parameters = [
            lb,
            ("Listeners.member.1.Protocol", "HTTP"),
            ("Listeners.member.1.LoadBalancerPort", "80"),
            ("Listeners.member.1.InstancePort", instance_port),
        ];
        let made = aws.elb("CreateLoadBalancerListeners", &parameters);
        made.map(|_| ()).map_err(|refusal| refusal.code)
    };
    let delete = || {
        let parameters = [lb, ("LoadBalancerPorts.member.1", "80")];
        aws.elb("DeleteLoadBalancerListeners", &parameters).unwrap();
    };
    delete();
    assert_eq!(listener("8081").unwrap_err(), "DuplicateListener");
    listener("8080").unwrap();
    delete();
    aws.advance(5);
    listener("8081").unwrap();

    let left = aws.describe("lb").all("Subnets/member");
    let in_first_zone = aws
        .ec2(
            "DescribeSubnets",
            &[
                ("Filter.1.Name", "default-for-az"),
                ("Filter.1.Value.1", "true"),
                ("Filter.2.Name", "availability-zone"),
                ("Filter.2.Value.1", "us-east-1a"),
            ],
        )
        .unwrap()
        .one("item/subnetId");
    assert!(left.contains(&in_first_zone));
    let swap = |operation, subnet: &str| {
        let done = aws.elb(operation, &[lb, ("Subnets.member.1", subnet)]);
        done.map(|_| ())
            .map_err(|refusal| (refusal.status, refusal.code, refusal.message))
    };
    swap("DetachLoadBalancerFromSubnets", &in_first_zone).unwrap();
    let busy = swap("AttachLoadBalancerToSubnets", "subnet-0000000a").unwrap_err();
    assert_eq!((busy.0, busy.1.as_str()), (409, "InvalidConfigurationRequest"));
    assert_eq!(busy.2, "ELB cannot be attached to multiple subnets in the same AZ.");
    aws.advance(5);
    swap("AttachLoadBalancerToSubnets", "subnet-0000000a").unwrap();
    assert!(aws.simulator.broken_rules().is_empty());
}

fn interfaces_of_a_balancer_are_attached_after_a_while() {
    for delays in [Delays::Default, Delays::Aws] {
        let aws = Aws::with(delays);
        aws.create("lb");
        let interfaces = |status: &str| {
            let filters = [
                ("Filter.1.Name", "description"),
                ("Filter.1.Value.1", "ELB lb"),
                ("Filter.2.Name", "status"),
                ("Filter.2.Value.1", status),
            ];
            let found = aws.ec2("DescribeNetworkInterfaces", &filters).unwrap();
            (
                found.all("item/networkInterfaceId").len(),
                found.all("attachment").len(),
            )
        };
        assert_eq!((interfaces("available"), interfaces("in-use")), ((1, 0), (0, 0)));
        aws.advance(10);
        assert_eq!((interfaces("available"), interfaces("in-use")), ((0, 0), (1, 1)));
        let enable = [("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", "us-east-1b")];
        aws.elb("EnableAvailabilityZonesForLoadBalancer", &enable).unwrap();
        assert_eq!((interfaces("available"), interfaces("in-use")), ((1, 0), (1, 1)));
        aws.advance(10);
        assert_eq!((interfaces("available"), interfaces("in-use")), ((0, 0), (2, 2)));
    }
}

fn interfaces_of_a_deleted_balancer_linger() {
    let aws = Aws::with(Delays::Aws);
    let group = [("GroupName", "web"), ("GroupDescription", "d")];
    let group = aws.ec2("CreateSecurityGroup", &group).unwrap().one("groupId");
    aws.create("lb");
    let apply = [("LoadBalancerName", "lb"), ("SecurityGroups.member.1", group.as_str())];
    aws.elb("ApplySecurityGroupsToLoadBalancer", &apply).unwrap();
    let interfaces = || {
        let filter = [("Filter.1.Name", "description"), ("Filter.1.Value.1", "ELB lb")];
        let found = aws.ec2("DescribeNetworkInterfaces", &filter).unwrap();
        found.all("networkInterfaceSet/item/networkInterfaceId")
    };
    let before = interfaces();
    assert_eq!(before.len(), 1);
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]).unwrap();
    assert_eq!(interfaces(), before);
    let delete = || {
        aws.ec2("DeleteSecurityGroup", &[("GroupId", &group)])
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(delete().unwrap_err(), "DependencyViolation");
    aws.advance(60);
    assert_eq!(interfaces(), [""; 0]);
    delete().unwrap();
}

everywhere! {
    a_port_and_a_zone_are_busy_for_a_while_after_they_were_left,
    interfaces_of_a_balancer_are_attached_after_a_while,
    interfaces_of_a_deleted_balancer_linger,
    by_default_a_registration_takes_one_second,
    as_in_aws_health_follows_interval_and_thresholds,
    health_changes_only_when_a_threshold_is_reached,
    draining_instances_serve_but_are_not_listed,
    a_zone_is_disabled_in_steps,
    instances_pass_through_their_states,
    a_certificate_spreads,
    a_group_takes_its_time,
}
