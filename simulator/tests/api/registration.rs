//! Registering instances, by hand and by Auto Scaling.

use crate::client::{Aws, Refusal, Xml};

pub(crate) const SEED: &str = "
regions:
- instances:
  - {id: i-4f8cf126, availabilityZone: us-east-1a}
  - {id: i-0bb7ca62, availabilityZone: us-east-1b}
  - {id: i-00000000000000003, availabilityZone: us-east-1c, state: stopped}
  - {id: i-00000000000000004, state: terminated}
";

pub(crate) fn with_instances(aws: &Aws, operation: &str, ids: &[&str]) -> Result<Xml, Refusal> {
    let names: Vec<String> = (1..=ids.len())
        .map(|number| format!("Instances.member.{number}.InstanceId"))
        .collect();
    let mut parameters = vec![("LoadBalancerName", "lb")];
    parameters.extend(names.iter().zip(ids).map(|(name, id)| (name.as_str(), *id)));
    aws.elb(operation, &parameters)
}

const REGISTER: &str = "RegisterInstancesWithLoadBalancer";
const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";

fn listed(aws: &Aws, name: &str) -> Vec<String> {
    aws.describe(name).all("Instances/member/InstanceId")
}

fn registration_is_a_set_and_all_or_nothing() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.create("lb");
    let reply = with_instances(&aws, REGISTER, &["i-4f8cf126", "i-0bb7ca62", "i-4f8cf126"]).unwrap();
    assert_eq!(reply.all("Instances/member/InstanceId"), ["i-0bb7ca62", "i-4f8cf126"]);
    with_instances(&aws, REGISTER, &["i-4f8cf126"]).unwrap();
    assert_eq!(listed(&aws, "lb").len(), 2);
    let unknown = with_instances(&aws, REGISTER, &["i-00000000000000003", "i-0123456789abcdef0"]).unwrap_err();
    assert_eq!((unknown.status, unknown.code.as_str()), (400, "InvalidInstance"));
    assert_eq!(unknown.message, "Could not find EC2 instance i-0123456789abcdef0.");
    for bad in ["i-00000000000000004", "banana", ""] {
        assert_eq!(
            with_instances(&aws, REGISTER, &[bad]).unwrap_err().code,
            "InvalidInstance",
            "{bad}"
        );
    }
    assert_eq!(listed(&aws, "lb").len(), 2);
    // One that was never registered gives the same error as one that does not exist, and nothing is done.
    let stranger = with_instances(&aws, DEREGISTER, &["i-4f8cf126", "i-00000000000000003"]).unwrap_err();
    assert_eq!(stranger.message, "Could not find EC2 instance i-00000000000000003.");
    let reply = with_instances(&aws, DEREGISTER, &["i-4f8cf126"]).unwrap();
    assert_eq!(reply.all("Instances/member/InstanceId"), ["i-0bb7ca62"]);
    with_instances(&aws, DEREGISTER, &["i-4f8cf126"]).unwrap();
    assert!(aws.simulator.broken_rules().is_empty());
}

fn an_instance_of_another_vpc_is_refused() {
    let aws = Aws::new();
    aws.create("lb");
    let vpc = aws
        .ec2("CreateVpc", &[("CidrBlock", "10.0.0.0/16")])
        .unwrap()
        .one("vpcId");
    let subnet = aws
        .ec2("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", "10.0.1.0/24")])
        .unwrap()
        .one("subnetId");
    let run = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("SubnetId", &subnet),
    ];
    let id = aws.ec2("RunInstances", &run).unwrap().one("instanceId");
    assert_eq!(
        with_instances(&aws, REGISTER, &[&id]).unwrap_err().code,
        "InvalidInstance"
    );
}

fn health_tells_states_in_aws_words() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.create("lb");
    with_instances(&aws, REGISTER, &["i-4f8cf126", "i-0bb7ca62", "i-00000000000000003"]).unwrap();
    let told = |id| aws.health("lb", id).unwrap();
    assert_eq!(told("i-4f8cf126"), "InService/N/A/N/A");
    assert_eq!(
        told("i-00000000000000003"),
        "OutOfService/Instance/Instance is in stopped state."
    );
    let elsewhere = "OutOfService/ELB/Instance is in the EC2 Availability Zone for which LoadBalancer is not configured to route traffic to.";
    assert_eq!(told("i-0bb7ca62"), elsewhere);
    let enable = [("LoadBalancerName", "lb"), ("AvailabilityZones.member.1", "us-east-1b")];
    aws.elb("EnableAvailabilityZonesForLoadBalancer", &enable).unwrap();
    assert_eq!(told("i-0bb7ca62"), "InService/N/A/N/A");

    with_instances(&aws, DEREGISTER, &["i-0bb7ca62"]).unwrap();
    assert_eq!(aws.health("lb", "i-0bb7ca62"), None);
    let asked = with_instances(&aws, "DescribeInstanceHealth", &["i-0bb7ca62"]).unwrap();
    assert_eq!(
        asked.one("Description"),
        "Instance is not currently registered with the LoadBalancer."
    );
    let stranger = with_instances(&aws, "DescribeInstanceHealth", &["i-0123456789abcdef0"]).unwrap_err();
    assert_eq!(stranger.code, "InvalidInstance");

    aws.ec2("TerminateInstances", &[("InstanceId.1", "i-4f8cf126")])
        .unwrap();
    assert_eq!(aws.health("lb", "i-4f8cf126"), None);
    assert_eq!(listed(&aws, "lb"), ["i-00000000000000003"]);
}

fn group(aws: &Aws, balancers: &[&str]) {
    let configuration = [("LaunchConfigurationName", "web"), ("ImageId", "ami-12c6146b")];
    aws.autoscaling("CreateLaunchConfiguration", &configuration).unwrap();
    let names: Vec<String> = (1..=balancers.len())
        .map(|number| format!("LoadBalancerNames.member.{number}"))
        .collect();
    let mut parameters = vec![
        ("AutoScalingGroupName", "asg"),
        ("LaunchConfigurationName", "web"),
        ("MinSize", "0"),
        ("MaxSize", "5"),
        ("DesiredCapacity", "2"),
        ("AvailabilityZones.member.1", "us-east-1a"),
        ("AvailabilityZones.member.2", "us-east-1b"),
    ];
    parameters.extend(
        names
            .iter()
            .zip(balancers)
            .map(|(name, balancer)| (name.as_str(), *balancer)),
    );
    aws.autoscaling("CreateAutoScalingGroup", &parameters).unwrap();
}

fn members(aws: &Aws) -> Vec<String> {
    aws.autoscaling("DescribeAutoScalingGroups", &[])
        .unwrap()
        .all("Instances/member/InstanceId")
}

fn a_group_registers_and_deregisters_its_members() {
    let aws = Aws::new();
    aws.create("lb");
    aws.create("second");
    group(&aws, &["lb"]);
    assert_eq!((listed(&aws, "lb"), members(&aws).len()), (members(&aws), 2));
    let attach = |operation, name| {
        let parameters = [("AutoScalingGroupName", "asg"), ("LoadBalancerNames.member.1", name)];
        aws.autoscaling(operation, &parameters).map_err(|refusal| refusal.code)
    };
    attach("AttachLoadBalancers", "second").unwrap();
    attach("AttachLoadBalancers", "second").unwrap();
    assert_eq!(listed(&aws, "second"), members(&aws));
    let desired = |count| {
        aws.autoscaling(
            "SetDesiredCapacity",
            &[("AutoScalingGroupName", "asg"), ("DesiredCapacity", count)],
        )
    };
    for count in ["5", "1", "3"] {
        desired(count).unwrap();
        assert_eq!(listed(&aws, "lb"), members(&aws));
        assert_eq!(members(&aws).len().to_string(), count);
    }
    assert_eq!(desired("6").unwrap_err().code, "ValidationError");
    attach("DetachLoadBalancers", "second").unwrap();
    assert!(listed(&aws, "second").is_empty());
    let attached = aws
        .autoscaling("DescribeLoadBalancers", &[("AutoScalingGroupName", "asg")])
        .unwrap();
    assert_eq!(attached.all("LoadBalancerName"), ["lb"]);
    assert_eq!(attached.one("State"), "Added");
    for name in ["nope", "second"] {
        assert_eq!(attach("DetachLoadBalancers", name).unwrap_err(), "ValidationError");
    }
    assert_eq!(attach("AttachLoadBalancers", "nope").unwrap_err(), "ValidationError");
}

fn a_group_replaces_what_it_loses_and_survives_its_balancer() {
    let aws = Aws::new();
    aws.create("lb");
    group(&aws, &["lb"]);
    let lost = members(&aws).remove(0);
    aws.ec2("TerminateInstances", &[("InstanceId.1", &lost)]).unwrap();
    assert!(!members(&aws).contains(&lost) && members(&aws).len() == 2);
    assert_eq!(listed(&aws, "lb"), members(&aws));
    let out = members(&aws).remove(0);
    with_instances(&aws, DEREGISTER, &[&out]).unwrap();
    assert!(
        !listed(&aws, "lb").contains(&out),
        "a member taken out by hand stays out"
    );
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]).unwrap();
    let grow = [("AutoScalingGroupName", "asg"), ("DesiredCapacity", "4")];
    aws.autoscaling("SetDesiredCapacity", &grow).unwrap();
    assert_eq!(members(&aws).len(), 4);
    let delete = aws
        .autoscaling("DeleteAutoScalingGroup", &[("AutoScalingGroupName", "asg")])
        .unwrap_err();
    assert_eq!(delete.code, "ResourceInUse");
    aws.autoscaling(
        "DeleteAutoScalingGroup",
        &[("AutoScalingGroupName", "asg"), ("ForceDelete", "true")],
    )
    .unwrap();
    assert!(members(&aws).is_empty());
    assert!(aws.simulator.broken_rules().is_empty());
}

fn standby_members_are_out_of_the_balancer_until_they_return() {
    let aws = Aws::new();
    aws.create("lb");
    group(&aws, &["lb"]);
    let id = members(&aws).remove(0);
    let standby = |operation, extra: &[(&'static str, &'static str)]| {
        let mut parameters = vec![("AutoScalingGroupName", "asg"), ("InstanceIds.member.1", id.as_str())];
        parameters.extend_from_slice(extra);
        aws.autoscaling(operation, &parameters).unwrap();
    };
    standby("EnterStandby", &[("ShouldDecrementDesiredCapacity", "true")]);
    assert!(!listed(&aws, "lb").contains(&id) && members(&aws).len() == 2);
    standby("ExitStandby", &[]);
    assert!(listed(&aws, "lb").contains(&id));
}

fn a_group_does_not_shrink_below_its_minimum() {
    let aws = Aws::new();
    aws.create("lb");
    group(&aws, &["lb"]);
    let minimum = [("AutoScalingGroupName", "asg"), ("MinSize", "3")];
    let sizes = [minimum[0], minimum[1], ("DesiredCapacity", "3"), ("MaxSize", "4")];
    aws.autoscaling("UpdateAutoScalingGroup", &sizes).unwrap();
    let before = members(&aws);
    let id = before[0].as_str();
    let ask = |operation, decrement| {
        let parameters = [
            ("AutoScalingGroupName", "asg"),
            ("InstanceIds.member.1", id),
            ("ShouldDecrementDesiredCapacity", decrement),
        ];
        aws.autoscaling(operation, &parameters).map_err(|refusal| refusal.code)
    };
    let refused = "ValidationError";
    for operation in ["DetachInstances", "EnterStandby"] {
        assert_eq!(ask(operation, "true").unwrap_err(), refused, "{operation}");
        assert_eq!(
            ask(operation, "").unwrap_err(),
            refused,
            "{operation} without saying which"
        );
    }
    let terminate = [("InstanceId", id), ("ShouldDecrementDesiredCapacity", "true")];
    let told = aws
        .autoscaling("TerminateInstanceInAutoScalingGroup", &terminate)
        .unwrap_err();
    assert!(told.message.contains("equals minSize (3)"), "{}", told.message);
    // Nothing of it happened.
    assert_eq!((members(&aws), listed(&aws, "lb")), (before.clone(), before.clone()));
    assert!(aws.simulator.broken_rules().is_empty());
    // Only from service to standby, and only from there back.
    assert_eq!(ask("ExitStandby", "true").unwrap_err(), refused);
    ask("EnterStandby", "false").unwrap();
    assert_eq!(ask("EnterStandby", "false").unwrap_err(), refused);
}

everywhere! {
    registration_is_a_set_and_all_or_nothing,
    an_instance_of_another_vpc_is_refused,
    health_tells_states_in_aws_words,
    a_group_registers_and_deregisters_its_members,
    a_group_replaces_what_it_loses_and_survives_its_balancer,
    standby_members_are_out_of_the_balancer_until_they_return,
    a_group_does_not_shrink_below_its_minimum,
}
