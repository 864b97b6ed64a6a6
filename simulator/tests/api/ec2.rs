//! EC2: instances, VPCs, security groups, interfaces.

use crate::client::Aws;
use crate::registration::SEED;

#[test]
fn instances_are_filtered_and_paged() {
    let aws = Aws::new();
    aws.seed(SEED);
    let run = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "7"),
        ("MaxCount", "7"),
        ("TagSpecification.1.ResourceType", "instance"),
        ("TagSpecification.1.Tag.1.Key", "role"),
        ("TagSpecification.1.Tag.1.Value", "web"),
    ];
    assert_eq!(
        aws.ec2("RunInstances", &run).unwrap().all("instanceState/name"),
        ["pending"; 7]
    );
    let ids = |filters: &[(&str, &str)]| {
        aws.ec2("DescribeInstances", filters)
            .unwrap()
            .all("instancesSet/item/instanceId")
    };
    assert_eq!(
        ids(&[("Filter.1.Name", "tag:role"), ("Filter.1.Value.1", "web")]).len(),
        7
    );
    assert_eq!(
        ids(&[("Filter.1.Name", "tag:role"), ("Filter.1.Value.1", "w?*")]).len(),
        7
    );
    assert_eq!(
        ids(&[("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "nope")]).len(),
        0
    );
    assert_eq!(
        ids(&[
            ("Filter.1.Name", "instance-state-name"),
            ("Filter.1.Value.1", "stopped")
        ]),
        ["i-00000000000000003"]
    );
    let unknown = aws
        .ec2(
            "DescribeInstances",
            &[("Filter.1.Name", "shape"), ("Filter.1.Value.1", "round")],
        )
        .unwrap_err();
    assert_eq!(unknown.code, "InvalidParameterValue");
    let mut seen = Vec::new();
    let mut token = String::new();
    loop {
        let parameters = [("MaxResults", "5"), ("NextToken", token.as_str())];
        let page = aws
            .ec2(
                "DescribeInstances",
                if token.is_empty() {
                    &parameters[..1]
                } else {
                    &parameters
                },
            )
            .unwrap();
        seen.extend(page.all("instancesSet/item/instanceId"));
        match page.all("nextToken").pop() {
            Some(next) => token = next,
            None => break,
        }
    }
    assert_eq!(seen, ids(&[]));
    let unknown = aws
        .ec2("DescribeInstances", &[("InstanceId.1", "i-0123456789abcdef0")])
        .unwrap_err();
    assert_eq!(
        (unknown.status, unknown.code.as_str()),
        (400, "InvalidInstanceID.NotFound")
    );
}

#[test]
fn every_region_has_a_default_vpc_that_is_public() {
    let aws = Aws::new().in_region("eu-west-1");
    let vpc = aws
        .ec2(
            "DescribeVpcs",
            &[("Filter.1.Name", "is-default"), ("Filter.1.Value.1", "true")],
        )
        .unwrap()
        .one("vpcId");
    let subnets = aws
        .ec2(
            "DescribeSubnets",
            &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &vpc)],
        )
        .unwrap();
    let mut zones = subnets.all("availabilityZone");
    zones.sort();
    assert_eq!(zones, ["eu-west-1a", "eu-west-1b", "eu-west-1c"]);
    let tables = aws
        .ec2(
            "DescribeRouteTables",
            &[("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", &vpc)],
        )
        .unwrap();
    assert!(
        tables
            .all("routeSet/item/gatewayId")
            .iter()
            .any(|target| target.starts_with("igw-"))
    );
    let zones = |parameters: &[(&str, &str)]| {
        aws.in_region("us-west-2")
            .ec2("DescribeAvailabilityZones", parameters)
            .unwrap()
            .all("zoneType")
    };
    assert_eq!(zones(&[]), ["availability-zone"; 4]);
    assert_eq!(
        zones(&[("AllAvailabilityZones", "true")])
            .iter()
            .filter(|kind| *kind == "local-zone")
            .count(),
        2
    );
}

#[test]
fn security_groups_in_use_cannot_be_deleted() {
    let aws = Aws::new();
    let group = aws
        .ec2(
            "CreateSecurityGroup",
            &[("GroupName", "web"), ("GroupDescription", "d")],
        )
        .unwrap()
        .one("groupId");
    let twice = aws
        .ec2(
            "CreateSecurityGroup",
            &[("GroupName", "web"), ("GroupDescription", "d")],
        )
        .unwrap_err();
    assert_eq!(twice.code, "InvalidGroup.Duplicate");
    let open = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "8080"),
        ("IpPermissions.1.ToPort", "8080"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ];
    aws.ec2("AuthorizeSecurityGroupIngress", &open).unwrap();
    assert_eq!(
        aws.ec2("AuthorizeSecurityGroupIngress", &open).unwrap_err().code,
        "InvalidPermission.Duplicate"
    );
    let described = aws.ec2("DescribeSecurityGroups", &[("GroupId.1", &group)]).unwrap();
    assert_eq!(described.one("ipPermissions/item/fromPort"), "8080");
    aws.create("lb");
    let apply = [("LoadBalancerName", "lb"), ("SecurityGroups.member.1", group.as_str())];
    aws.elb("ApplySecurityGroupsToLoadBalancer", &apply).unwrap();
    assert_eq!(aws.describe("lb").one("SourceSecurityGroup/GroupName"), "web");
    assert_eq!(
        aws.ec2("DeleteSecurityGroup", &[("GroupId", &group)]).unwrap_err().code,
        "DependencyViolation"
    );
    let interfaces = [("Filter.1.Name", "description"), ("Filter.1.Value.1", "ELB lb")];
    assert_eq!(
        aws.ec2("DescribeNetworkInterfaces", &interfaces)
            .unwrap()
            .all("groupSet/item/groupId"),
        [group.as_str()]
    );
    aws.elb("DeleteLoadBalancer", &[("LoadBalancerName", "lb")]).unwrap();
    assert!(
        aws.ec2("DescribeNetworkInterfaces", &interfaces)
            .unwrap()
            .all("networkInterfaceId")
            .is_empty()
    );
    aws.ec2("DeleteSecurityGroup", &[("GroupId", &group)]).unwrap();
}

#[test]
fn a_subnet_launches_no_more_than_it_has_addresses() {
    let aws = Aws::new();
    let subnets = aws.ec2("DescribeSubnets", &[]).unwrap().all("item/subnetId");
    let run = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "10000"),
        ("SubnetId", subnets[0].as_str()),
    ];
    // AWS keeps five of the 4096 addresses.
    let launched = aws
        .ec2("RunInstances", &run)
        .unwrap()
        .all("instancesSet/item/instanceId");
    assert_eq!(launched.len(), 4091);
    let refused = aws.ec2("RunInstances", &run).unwrap_err();
    assert_eq!(refused.code, "InsufficientFreeAddressesInSubnet");
}

#[test]
fn an_interface_that_a_filter_leaves_out_is_not_unknown() {
    let aws = Aws::new();
    aws.create("lb");
    let interfaces = |parameters: &[(&str, &str)]| {
        let found = aws.ec2("DescribeNetworkInterfaces", parameters);
        found
            .map(|xml| xml.all("item/networkInterfaceId"))
            .map_err(|refusal| refusal.code)
    };
    let id = interfaces(&[]).unwrap().remove(0);
    let named = ("NetworkInterfaceId.1", id.as_str());
    assert_eq!(interfaces(&[named]).unwrap(), [id.as_str()]);
    let other = [
        named,
        ("Filter.1.Name", "description"),
        ("Filter.1.Value.1", "ELB other"),
    ];
    assert!(interfaces(&other).unwrap().is_empty());
    let unknown = interfaces(&[("NetworkInterfaceId.1", "eni-00000000000000000")]);
    assert_eq!(unknown.unwrap_err(), "InvalidNetworkInterfaceID.NotFound");
}
