//! The same for the neighbours of ELB.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::client::Xml;
use crate::fuzz::aws;

/// Operations of the neighbours, each with its service and version.
const NEIGHBOURS: [(&str, &str, &[&str]); 4] = [
    (
        "ec2",
        "2016-11-15",
        &[
            "AssociateRouteTable",
            "AttachInternetGateway",
            "AuthorizeSecurityGroupIngress",
            "CreateInternetGateway",
            "CreateRoute",
            "CreateRouteTable",
            "CreateSecurityGroup",
            "CreateSubnet",
            "CreateTags",
            "CreateVpc",
            "DeleteSecurityGroup",
            "DeleteSubnet",
            "DeleteTags",
            "DeleteVpc",
            "DescribeAvailabilityZones",
            "DescribeInstanceAttribute",
            "DescribeInstances",
            "DescribeNetworkInterfaces",
            "DescribeRegions",
            "DescribeRouteTables",
            "DescribeSecurityGroupRules",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeTags",
            "DescribeVpcAttribute",
            "DescribeVpcs",
            "DisassociateRouteTable",
            "ModifyInstanceAttribute",
            "ReplaceRouteTableAssociation",
            "RevokeSecurityGroupIngress",
            "RunInstances",
            "StartInstances",
            "StopInstances",
            "TerminateInstances",
        ],
    ),
    (
        "autoscaling",
        "2011-01-01",
        &[
            "AttachInstances",
            "AttachLoadBalancers",
            "CreateAutoScalingGroup",
            "CreateLaunchConfiguration",
            "CreateOrUpdateTags",
            "DeleteAutoScalingGroup",
            "DescribeAutoScalingGroups",
            "DescribeAutoScalingInstances",
            "DescribeLoadBalancers",
            "DescribeScalingActivities",
            "DetachInstances",
            "DetachLoadBalancers",
            "EnterStandby",
            "ExitStandby",
            "SetDesiredCapacity",
            "SetInstanceHealth",
            "TerminateInstanceInAutoScalingGroup",
            "UpdateAutoScalingGroup",
        ],
    ),
    (
        "iam",
        "2010-05-08",
        &[
            "DeleteServerCertificate",
            "GetServerCertificate",
            "ListServerCertificates",
            "UpdateServerCertificate",
            "UploadServerCertificate",
        ],
    ),
    (
        "sts",
        "2011-06-15",
        &["AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"],
    ),
];

const NEIGHBOUR_NAMES: [&str; 40] = [
    "AssociationId",
    "Attribute",
    "AutoScalingGroupName",
    "AvailabilityZone",
    "AvailabilityZones.member.1",
    "CertificateBody",
    "CidrBlock",
    "DesiredCapacity",
    "DestinationCidrBlock",
    "DurationSeconds",
    "Filter.1.Name",
    "Filter.1.Value.1",
    "GatewayId",
    "GroupDescription",
    "GroupId",
    "GroupName",
    "ImageId",
    "InstanceId",
    "InstanceId.1",
    "InstanceIds.member.1",
    "IpPermissions.1.FromPort",
    "IpPermissions.1.IpProtocol",
    "IpPermissions.1.IpRanges.1.CidrIp",
    "LaunchConfigurationName",
    "LoadBalancerNames.member.1",
    "Marker",
    "MaxCount",
    "MaxItems",
    "MaxResults",
    "MaxSize",
    "MinCount",
    "MinSize",
    "NextToken",
    "ResourceId.1",
    "RoleArn",
    "RouteTableId",
    "ServerCertificateName",
    "ShouldDecrementDesiredCapacity",
    "SubnetId",
    "VpcId",
];

const NEIGHBOUR_VALUES: [&str; 30] = [
    "",
    "0",
    "1",
    "3",
    "7",
    "-1",
    "99999999999999999999",
    "1.5",
    "true",
    "*",
    "a",
    "asg",
    "lb",
    "default",
    "10.0.0.0/0",
    "10.0.0.0/16",
    "10.0.255.0/28",
    "255.255.255.255/32",
    "us-east-1a",
    "us-east-1-bos-1a",
    "i-4f8cf126",
    "vpc-0000000a",
    "subnet-0000000a",
    "sg-0000000a",
    "arn:aws:iam::123456789012:role/r",
    "tag:k",
    "vpc-id",
    "YWZ0ZXI6aQ",
    "-----BEGIN CERTIFICATE-----\n",
    "<\u{0}&]]>",
];

fn neighbour_call() -> impl Strategy<Value = (&'static str, &'static str, &'static str, Vec<(String, String)>)> {
    let name = prop_oneof![9 => select(&NEIGHBOUR_NAMES[..]).prop_map(str::to_owned), 1 => "[A-Za-z.0-9]{0,40}"];
    let value = prop_oneof![9 => select(&NEIGHBOUR_VALUES[..]).prop_map(str::to_owned), 1 => any::<String>()];
    let operation = select(&NEIGHBOURS[..]).prop_flat_map(|(service, version, operations)| {
        select(operations).prop_map(move |operation| (service, version, operation))
    });
    (operation, vec((name, value), 0..9))
        .prop_map(|((service, version, operation), form)| (service, version, operation, form))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn neighbours_answer_whatever_is_sent(calls in vec(neighbour_call(), 1..40)) {
        let aws = aws();
        aws.seed("
regions:
- vpcs: [{id: vpc-0000000a, internetGateway: true}]
  subnets: [{id: subnet-0000000a, vpcId: vpc-0000000a, public: true}]
  securityGroups: [{id: sg-0000000a, name: a}]
  serverCertificates: [{name: a}]
  launchConfigurations: [{name: a}]
  autoScalingGroups: [{name: asg, launchConfiguration: a, maxSize: 2, desiredCapacity: 1, availabilityZones: [us-east-1a]}]
");
        for (service, version, operation, form) in calls {
            let body = form_urlencoded::Serializer::new(String::new())
                .extend_pairs([("Action", operation), ("Version", version)])
                .extend_pairs(&form)
                .finish();
            let (status, reply) = aws.send(service, body.into_bytes()).unwrap();
            let xml = Xml::parse(reply);
            prop_assert!([200, 400, 403, 404, 409].contains(&status), "{status} {}", xml.as_str());
            prop_assert!(status == 200 || xml.all("Error/Code").len() == 1, "{}", xml.as_str());
            aws.advance(11);
        }
        prop_assert_eq!(aws.simulator.broken_rules(), Vec::<String>::new());
        let taken = aws.simulator.snapshot();
        aws.simulator.restore(taken.clone()).unwrap();
        prop_assert_eq!(aws.simulator.snapshot(), taken);
    }

    #[test]
    fn json_services_answer_whatever_is_sent(
        target in select(&[
            "CertificateManager.ListCertificates",
            "CertificateManager.DescribeCertificate",
            "CertificateManager.ImportCertificate",
            "CertificateManager.RequestCertificate",
            "CertificateManager.Nothing",
            "ResourceGroupsTaggingAPI_20170126.GetResources",
            "ResourceGroupsTaggingAPI_20170126.TagResources",
            "CloudTrail_20131101.LookupEvents",
            "Nobody.Nothing",
        ][..]),
        members in vec((select(&[
            "CertificateArn", "Certificate", "PrivateKey", "DomainName", "MaxItems", "NextToken", "Tags", "TagFilters",
            "ResourceARNList", "ResourcesPerPage", "Includes", "CertificateStatuses", "PaginationToken",
            "LookupAttributes", "MaxResults", "StartTime", "EndTime",
        ][..]), select(&["null", "1", "-1", "\"a\"", "[]", "{}", "[1]", "[{\"Key\": 1}]", "[[[]]]", "1e99"][..])), 0..6),
        cut in 0_usize..200,
    ) {
        let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        let mut body = format!("{{{}}}", members.join(", "));
        body.truncate(cut.max(2));
        let aws = aws();
        let service = match target.split('.').next() {
            Some("CertificateManager") => "acm",
            Some("CloudTrail_20131101") => "cloudtrail",
            _ => "tagging",
        };
        let request = aws.request(service).header("x-amz-target", target).body(body.into()).unwrap();
        let (status, reply) = aws.call(request).unwrap();
        prop_assert!([200, 400].contains(&status), "{status} {reply}");
        prop_assert!(serde_json::from_str::<serde_json::Value>(&reply).is_ok(), "{reply}");
    }
}
