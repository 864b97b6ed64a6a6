//! What EC2 tells of zones, subnets, route tables and security groups.

use crate::client::{Aws, Refusal, Xml};

const SEED: &str = "
regions:
- vpcs:
  - {id: vpc-0000000a, internetGateway: true, tags: {Name: shop}}
  subnets:
  - {id: subnet-0000000a, vpcId: vpc-0000000a, availabilityZone: us-east-1a, public: true, tags: {tier: web}}
  - {id: subnet-0000000b, vpcId: vpc-0000000a, availabilityZone: us-east-1b, public: true, availableIpAddresses: 7, tags: {tier: web}}
  - {id: subnet-0000000c, vpcId: vpc-0000000a, availabilityZone: us-east-1a, tags: {tier: data}}
  - {id: subnet-0000000d, vpcId: vpc-0000000a, availabilityZone: us-east-1-bos-1a, cidrBlock: 10.0.128.0/20}
  - {id: subnet-0000000e, availabilityZone: us-east-1c, public: false}
  securityGroups:
  - {id: sg-0000000a, name: web, vpcId: vpc-0000000a, tags: {team: shop}}
  - {id: sg-0000000b, name: web, description: of the default VPC}
  instances:
  - {id: i-0000000a, subnetId: subnet-0000000a, securityGroups: [sg-0000000a]}
";

fn seeded() -> Aws {
    let aws = Aws::new();
    aws.seed(SEED);
    aws
}

fn filtered(aws: &Aws, operation: &str, filters: &[(&str, &str)]) -> Result<Xml, Refusal> {
    let named: Vec<_> = (1..)
        .zip(filters)
        .flat_map(|(number, (name, value))| {
            [
                (format!("Filter.{number}.Name"), *name),
                (format!("Filter.{number}.Value.1"), *value),
            ]
        })
        .collect();
    let parameters: Vec<_> = named.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    aws.ec2(operation, &parameters)
}

fn subnets(aws: &Aws, filters: &[(&str, &str)]) -> Vec<String> {
    filtered(aws, "DescribeSubnets", filters)
        .unwrap()
        .all("subnetSet/item/subnetId")
}

fn subnets_are_found_by_id_tag_vpc_and_zone() {
    let aws = seeded();
    let vpc = ("vpc-id", "vpc-0000000a");
    assert_eq!(subnets(&aws, &[vpc]).len(), 4);
    assert_eq!(
        subnets(&aws, &[vpc, ("tag:tier", "web")]),
        ["subnet-0000000a", "subnet-0000000b"]
    );
    assert_eq!(
        subnets(&aws, &[vpc, ("availability-zone", "us-east-1a")]),
        ["subnet-0000000a", "subnet-0000000c"]
    );
    assert_eq!(subnets(&aws, &[("subnet-id", "subnet-0000000d")]), ["subnet-0000000d"]);
    assert_eq!(
        subnets(&aws, &[("tag-key", "tier"), ("tag:tier", "d*")]),
        ["subnet-0000000c"]
    );
    assert_eq!(
        subnets(&aws, &[("available-ip-address-count", "7")]),
        ["subnet-0000000b"]
    );
    let one = aws
        .ec2("DescribeSubnets", &[("SubnetId.1", "subnet-0000000b")])
        .unwrap();
    assert_eq!(one.one("availableIpAddressCount"), "7");
    assert_eq!(one.one("mapPublicIpOnLaunch"), "true");
    assert_eq!(one.one("tagSet/item/value"), "web");
    assert!(one.one("subnetArn").ends_with(":123456789012:subnet/subnet-0000000b"));
    let unknown = [
        ("SubnetId.1", "subnet-0000000a"),
        ("SubnetId.2", "subnet-00000001"),
        ("SubnetId.3", "subnet-00000002"),
    ];
    let refusal = aws.ec2("DescribeSubnets", &unknown).unwrap_err();
    assert_eq!(
        (refusal.status, refusal.code.as_str(), refusal.message.as_str()),
        (
            400,
            "InvalidSubnetID.NotFound",
            "The subnet IDs 'subnet-00000001, subnet-00000002' do not exist"
        )
    );
    assert_eq!(
        filtered(&aws, "DescribeSubnets", &[("shape", "round")])
            .unwrap_err()
            .code,
        "InvalidParameterValue"
    );
}

fn addresses_are_taken_by_instances_and_given_back() {
    let aws = seeded();
    let free = || {
        let one = aws
            .ec2("DescribeSubnets", &[("SubnetId.1", "subnet-0000000a")])
            .unwrap();
        one.one("availableIpAddressCount").parse::<u32>().unwrap()
    };
    assert_eq!(free(), 256 - 5 - 1, "AWS keeps five, one instance has one");
    let run = [
        ("ImageId", "ami-12c6146b"),
        ("MinCount", "1"),
        ("MaxCount", "300"),
        ("SubnetId", "subnet-0000000a"),
    ];
    let launched = aws
        .ec2("RunInstances", &run)
        .unwrap()
        .all("instancesSet/item/instanceId");
    assert_eq!((launched.len(), free()), (250, 0));
    for id in [&launched[3], &launched[7]] {
        aws.ec2("TerminateInstances", &[("InstanceId.1", id)]).unwrap();
        aws.ec2("TerminateInstances", &[("InstanceId.1", id)]).unwrap();
    }
    assert_eq!(free(), 2);
    let again = aws.ec2("RunInstances", &run).unwrap();
    assert_eq!((again.all("instancesSet/item/instanceId").len(), free()), (2, 0));
    let living = filtered(
        &aws,
        "DescribeInstances",
        &[("instance-state-name", "running"), ("subnet-id", "subnet-0000000a")],
    );
    let mut addresses = living.unwrap().all("instancesSet/item/privateIpAddress");
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), 251, "no two have the same");
}

fn a_balancer_needs_room_in_its_subnets() {
    let aws = seeded();
    let create: Vec<_> = [("LoadBalancerName", "lb"), ("Subnets.member.1", "subnet-0000000b")]
        .into_iter()
        .chain(crate::client::LISTENER_80)
        .collect();
    let refusal = aws.elb("CreateLoadBalancer", &create).unwrap_err();
    assert_eq!((refusal.status, refusal.code.as_str()), (400, "InvalidSubnet"));
    assert_eq!(
        refusal.message,
        "Not enough IP space available in subnet-0000000b. ELB requires at least 8 free IP addresses in each subnet."
    );
    let mut create = create;
    create[1].1 = "subnet-0000000a";
    aws.elb("CreateLoadBalancer", &create).unwrap();
    let attach = |subnet| [("LoadBalancerName", "lb"), ("Subnets.member.1", subnet)];
    let refused = |subnet| aws.refused("AttachLoadBalancerToSubnets", &attach(subnet));
    assert_eq!(refused("subnet-0000000b"), (400, "InvalidSubnet".to_owned()));
    assert_eq!(
        refused("subnet-0000000d"),
        (409, "InvalidConfigurationRequest".to_owned()),
        "a Local Zone"
    );
}

fn route_tables_tell_public_subnets_from_private_ones() {
    let aws = seeded();
    let tables = |filters: &[(&str, &str)]| filtered(&aws, "DescribeRouteTables", filters).unwrap();
    let of = |subnet| tables(&[("association.subnet-id", subnet)]);
    let public = of("subnet-0000000a");
    assert!(
        public
            .all("routeSet/item/gatewayId")
            .iter()
            .any(|target| target.starts_with("igw-"))
    );
    let mut users = public.all("associationSet/item/subnetId");
    users.sort();
    assert_eq!(users, ["subnet-0000000a", "subnet-0000000b"]);
    assert_eq!(
        of("subnet-0000000c").all("routeTableId"),
        [""; 0],
        "it has no table of its own"
    );
    let main = tables(&[("vpc-id", "vpc-0000000a"), ("association.main", "true")]);
    assert_eq!(main.all("routeSet/item/gatewayId"), ["local"]);
    assert_eq!(main.one("associationSet/item/main"), "true");
    assert_eq!(main.all("associationSet/item/subnetId"), [""; 0]);
    assert_eq!(
        of("subnet-0000000e").all("routeSet/item/gatewayId"),
        ["local"],
        "kept private in a public VPC"
    );
    assert_eq!(
        tables(&[("vpc-id", "vpc-0000000a")])
            .all("routeTableSet/item/routeTableId")
            .len(),
        2
    );
    let association = main.one("associationSet/item/routeTableAssociationId");
    let refusal = aws
        .ec2("DisassociateRouteTable", &[("AssociationId", &association)])
        .unwrap_err();
    assert_eq!(
        refusal.code, "InvalidParameterValue",
        "every VPC has a main route table"
    );
    let gateways = filtered(
        &aws,
        "DescribeInternetGateways",
        &[("attachment.vpc-id", "vpc-0000000a")],
    );
    assert_eq!(gateways.unwrap().all("attachmentSet/item/state"), ["available"]);
}

fn security_groups_are_found_by_id_name_tag_and_vpc() {
    let aws = seeded();
    let groups = |filters: &[(&str, &str)]| {
        let found = filtered(&aws, "DescribeSecurityGroups", filters).unwrap();
        found.all("securityGroupInfo/item/groupId")
    };
    assert_eq!(groups(&[("group-name", "web")]), ["sg-0000000a", "sg-0000000b"]);
    assert_eq!(
        groups(&[("group-name", "web"), ("vpc-id", "vpc-0000000a")]),
        ["sg-0000000a"]
    );
    assert_eq!(groups(&[("tag:team", "shop")]), ["sg-0000000a"]);
    assert_eq!(groups(&[("tag:team", "other")]), [""; 0]);
    assert_eq!(groups(&[("vpc-id", "vpc-0000000a")]).len(), 2, "and the default one");
    let by = |name, value| {
        aws.ec2("DescribeSecurityGroups", &[(name, value)])
            .map(|xml| xml.all("securityGroupInfo/item/groupId"))
            .map_err(|refusal| refusal.code)
    };
    assert_eq!(by("GroupId.1", "sg-0000000a").unwrap(), ["sg-0000000a"]);
    assert_eq!(
        by("GroupName.1", "web").unwrap(),
        ["sg-0000000b"],
        "names are those of the default VPC"
    );
    assert_eq!(by("GroupId.1", "sg-00000001").unwrap_err(), "InvalidGroup.NotFound");
    assert_eq!(by("GroupName.1", "nobody").unwrap_err(), "InvalidGroup.NotFound");
    assert_eq!(by("GroupId.1", "web").unwrap_err(), "InvalidGroupId.Malformed");
}

fn local_zones_are_told_when_they_are_used_or_asked_for() {
    let aws = Aws::new();
    let zones = |aws: &Aws, parameters: &[(&str, &str)]| aws.ec2("DescribeAvailabilityZones", parameters).unwrap();
    let local = |xml: &Xml| xml.all("zoneType").iter().filter(|kind| *kind == "local-zone").count();
    assert_eq!(local(&zones(&aws, &[])), 0);
    assert!(local(&zones(&aws, &[("AllAvailabilityZones", "true")])) > 0);
    aws.seed(SEED);
    assert_eq!(local(&zones(&aws, &[])), 1, "who has a subnet there has opted in");
    let one = zones(&aws, &[("ZoneName.1", "us-east-1-bos-1a")]);
    for (path, text) in [
        ("zoneName", "us-east-1-bos-1a"),
        ("zoneType", "local-zone"),
        ("optInStatus", "opted-in"),
        ("zoneState", "available"),
        ("regionName", "us-east-1"),
        ("parentZoneName", "us-east-1a"),
    ] {
        assert_eq!(one.one(path), text, "{path}");
    }
    let id = one.one("zoneId");
    assert!(id.contains('-') && id.ends_with("-az1"), "{id}");
    assert_eq!(zones(&aws, &[("ZoneId.1", &id)]).one("zoneId"), id);
    let ordinary = filtered(&aws, "DescribeAvailabilityZones", &[("zone-type", "availability-zone")]).unwrap();
    assert_eq!(local(&ordinary), 0);
    let unknown = aws
        .ec2("DescribeAvailabilityZones", &[("ZoneName.1", "us-east-1q")])
        .unwrap_err();
    assert_eq!(unknown.code, "InvalidParameterValue");
}

fn regions_are_those_of_the_partition() {
    let aws = Aws::new();
    let regions = aws
        .ec2("DescribeRegions", &[])
        .unwrap()
        .all("regionInfo/item/regionName");
    assert!(
        regions.len() > 25 && regions.contains(&"us-east-1".to_owned()),
        "{regions:?}"
    );
    assert!(!regions.iter().any(|name| name.starts_with("cn-")));
    let one = aws.ec2("DescribeRegions", &[("RegionName.1", "eu-north-1")]).unwrap();
    assert_eq!(one.one("regionEndpoint"), "ec2.eu-north-1.amazonaws.com");
    let unknown = aws.ec2("DescribeRegions", &[("RegionName.1", "mars-1")]).unwrap_err();
    assert_eq!(unknown.code, "InvalidParameterValue");
}

fn lists_come_in_pages_that_survive_deletions() {
    let aws = seeded();
    let mut made: Vec<String> = (0..13)
        .map(|number| {
            let name = format!("group-{number}");
            let create = [("GroupName", name.as_str()), ("GroupDescription", "d")];
            aws.ec2("CreateSecurityGroup", &create).unwrap().one("groupId")
        })
        .collect();
    made.sort();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let parameters = [
            ("Filter.1.Name", "group-name"),
            ("Filter.1.Value.1", "group-*"),
            ("MaxResults", "5"),
            ("NextToken", token.as_str()),
        ];
        let given = if token.is_empty() {
            &parameters[..3]
        } else {
            &parameters
        };
        let page = aws.ec2("DescribeSecurityGroups", given).unwrap();
        seen.extend(page.all("securityGroupInfo/item/groupId"));
        // The one that a page ended with may go before the next is asked for.
        aws.ec2("DeleteSecurityGroup", &[("GroupId", seen.last().unwrap())])
            .unwrap();
        match page.all("nextToken").pop() {
            Some(next) => token = next,
            None => break,
        }
    }
    assert_eq!(seen, made);
    for (operation, id) in [
        ("DescribeSubnets", ("SubnetId.1", "subnet-0000000a")),
        ("DescribeSecurityGroups", ("GroupId.1", "sg-0000000a")),
        ("DescribeInstances", ("InstanceId.1", "i-0000000a")),
    ] {
        let refused = |parameters: &[(&str, &str)]| aws.ec2(operation, parameters).unwrap_err().code;
        assert_eq!(
            refused(&[id, ("MaxResults", "5")]),
            "InvalidParameterCombination",
            "{operation}"
        );
        assert_eq!(refused(&[("MaxResults", "4")]), "InvalidParameterValue", "{operation}");
        assert_eq!(
            refused(&[("NextToken", "garbage")]),
            "InvalidParameterValue",
            "{operation}"
        );
    }
}

fn interfaces_are_those_of_instances_and_balancers() {
    let aws = seeded();
    let interfaces = |filters: &[(&str, &str)]| filtered(&aws, "DescribeNetworkInterfaces", filters).unwrap();
    let of_instance = interfaces(&[("attachment.instance-id", "i-0000000a")]);
    let described = aws.ec2("DescribeInstances", &[("InstanceId.1", "i-0000000a")]).unwrap();
    let id = of_instance.one("networkInterfaceId");
    assert_eq!(described.one("networkInterfaceSet/item/networkInterfaceId"), id);
    assert_eq!(
        described.one("networkInterfaceSet/item/groupSet/item/groupId"),
        "sg-0000000a"
    );
    let address = described.one("instancesSet/item/privateIpAddress");
    assert_eq!(of_instance.one("networkInterfaceSet/item/privateIpAddress"), address);
    aws.create("lb");
    let of_balancer = interfaces(&[("requester-id", "amazon-elb")]);
    assert_eq!(of_balancer.one("networkInterfaceSet/item/description"), "ELB lb");
    aws.ec2("TerminateInstances", &[("InstanceId.1", "i-0000000a")])
        .unwrap();
    assert_eq!(
        interfaces(&[]).all("networkInterfaceSet/item/networkInterfaceId").len(),
        1
    );
}

everywhere! {
    subnets_are_found_by_id_tag_vpc_and_zone,
    addresses_are_taken_by_instances_and_given_back,
    a_balancer_needs_room_in_its_subnets,
    route_tables_tell_public_subnets_from_private_ones,
    security_groups_are_found_by_id_name_tag_and_vpc,
    local_zones_are_told_when_they_are_used_or_asked_for,
    regions_are_those_of_the_partition,
    lists_come_in_pages_that_survive_deletions,
    interfaces_are_those_of_instances_and_balancers,
}
