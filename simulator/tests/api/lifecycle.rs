//! Members of Auto Scaling groups in each of their lifecycle states.

use aws_simulator::Delays;

use crate::client::Aws;

const STATES: [&str; 13] = [
    "Pending",
    "Pending:Wait",
    "Pending:Proceed",
    "InService",
    "Terminating",
    "Terminating:Wait",
    "Terminating:Proceed",
    "Detaching",
    "EnteringStandby",
    "Standby",
    "Warmed:Pending",
    "Warmed:Running",
    "Warmed:Stopped",
];

fn group(members: &str) -> String {
    format!(
        "launchConfigurations: [{{name: web}}], autoScalingGroups: [{{name: asg, launchConfiguration: web, \
         availabilityZones: [us-east-1a], loadBalancers: [lb], instances: [{members}]}}]"
    )
}

fn states(aws: &Aws) -> Vec<(String, String)> {
    let described = aws.autoscaling("DescribeAutoScalingGroups", &[]).unwrap();
    let ids = described.all("Instances/member/InstanceId");
    ids.into_iter()
        .zip(described.all("Instances/member/LifecycleState"))
        .collect()
}

fn a_seed_chooses_any_lifecycle_state() {
    let aws = Aws::with(Delays::Aws);
    let (mut instances, mut members) = (Vec::new(), Vec::new());
    for (number, state) in STATES.iter().enumerate() {
        let halted = if *state == "Warmed:Stopped" {
            ", state: stopped"
        } else {
            ""
        };
        instances.push(format!("{{id: i-000000{number:02x}{halted}}}"));
        members.push(format!("{{id: i-000000{number:02x}, lifecycleState: '{state}'}}"));
    }
    let (instances, members) = (instances.join(", "), members.join(", "));
    let balancer = "loadBalancers: [{name: lb, availabilityZones: [us-east-1a]}]";
    aws.seed(&format!(
        "regions: [{{instances: [{instances}], {balancer}, {}}}]",
        group(&members)
    ));
    let told: Vec<_> = states(&aws).into_iter().map(|(_, state)| state).collect();
    assert_eq!(told, STATES);
    let registered = || aws.describe("lb").all("Instances/member/InstanceId");
    assert_eq!(registered(), ["i-00000003"], "only what is in service");
    // They stay, and no others are launched in their place; what was only pending comes into service.
    aws.advance(3600);
    let mut expected = STATES;
    expected[0] = "InService";
    let told: Vec<_> = states(&aws).into_iter().map(|(_, state)| state).collect();
    assert_eq!(told, expected);
    assert_eq!(registered(), ["i-00000000", "i-00000003"]);
    let one = [("InstanceIds.member.1", "i-0000000a")];
    let instance = aws.autoscaling("DescribeAutoScalingInstances", &one).unwrap();
    assert_eq!(instance.one("LifecycleState"), "Warmed:Pending");
    assert!(aws.simulator.broken_rules().is_empty());
}

fn members_leave_when_their_connections_have_drained() {
    let aws = Aws::with(Delays::Aws);
    let members = "{id: i-0000000a}, {id: i-0000000b}, {id: i-0000000c}";
    let balancer = "loadBalancers: [{name: lb, availabilityZones: [us-east-1a]}]";
    aws.seed(&format!(
        "regions: [{{instances: [{members}], {balancer}, {}}}]",
        group(members)
    ));
    let drain = [
        ("LoadBalancerName", "lb"),
        ("LoadBalancerAttributes.ConnectionDraining.Enabled", "true"),
        ("LoadBalancerAttributes.ConnectionDraining.Timeout", "60"),
    ];
    aws.elb("ModifyLoadBalancerAttributes", &drain).unwrap();
    let leave = |operation, id| {
        let parameters = [
            ("AutoScalingGroupName", "asg"),
            ("InstanceIds.member.1", id),
            ("ShouldDecrementDesiredCapacity", "true"),
        ];
        aws.autoscaling(operation, &parameters).unwrap();
    };
    leave("DetachInstances", "i-0000000a");
    leave("EnterStandby", "i-0000000b");
    let told = |expected: &[(&str, &str)]| {
        let states = states(&aws);
        let states: Vec<_> = states.iter().map(|(id, state)| (id.as_str(), state.as_str())).collect();
        assert_eq!(states, expected);
    };
    told(&[
        ("i-0000000a", "Detaching"),
        ("i-0000000b", "EnteringStandby"),
        ("i-0000000c", "InService"),
    ]);
    assert_eq!(aws.describe("lb").all("Instances/member/InstanceId"), ["i-0000000c"]);
    aws.advance(60);
    told(&[("i-0000000b", "Standby"), ("i-0000000c", "InService")]);
    let detached = aws.ec2("DescribeInstances", &[("InstanceId.1", "i-0000000a")]).unwrap();
    assert_eq!(detached.one("instanceState/name"), "running", "it is not terminated");
}

everywhere! {
    a_seed_chooses_any_lifecycle_state,
    members_leave_when_their_connections_have_drained,
}
