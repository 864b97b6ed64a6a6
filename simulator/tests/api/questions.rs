//! What clients ask of EC2 and Auto Scaling besides what this project asks: each filter and attribute that AWS documents.

use crate::client::{Aws, Refusal, Xml};
use crate::registration::SEED;

type Answer = Result<Xml, Refusal>;

fn filter(aws: &Aws, operation: &str, filters: &[(&str, &str)]) -> Answer {
    let mut parameters = Vec::new();
    for (number, (name, value)) in filters.iter().enumerate() {
        parameters.push((format!("Filter.{}.Name", number + 1), *name));
        parameters.push((format!("Filter.{}.Value.1", number + 1), *value));
    }
    let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    aws.ec2(operation, &parameters)
}

/// Operation and the filters of it that the EC2 API reference lists, but for those of tags.
const FILTERS: [(&str, &str); 13] = [
    (
        "DescribeInstances",
        "affinity architecture availability-zone availability-zone-id block-device-mapping.attach-time \
         block-device-mapping.delete-on-termination block-device-mapping.device-name \
         block-device-mapping.status block-device-mapping.volume-id boot-mode capacity-reservation-id \
         capacity-reservation-specification.capacity-reservation-preference \
         capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id \
         capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn \
         client-token current-instance-boot-mode dns-name ebs-optimized ena-support enclave-options.enabled \
         hibernation-options.configured host-id hypervisor iam-instance-profile.arn iam-instance-profile.id \
         image-id instance-id instance-lifecycle instance-state-code instance-state-name instance-type \
         instance.group-id instance.group-name ip-address ipv6-address kernel-id key-name launch-index \
         launch-time maintenance-options.auto-recovery metadata-options.http-endpoint \
         metadata-options.http-protocol-ipv4 metadata-options.http-protocol-ipv6 \
         metadata-options.http-put-response-hop-limit metadata-options.http-tokens \
         metadata-options.instance-metadata-tags metadata-options.state monitoring-state \
         network-interface.addresses.association.allocation-id \
         network-interface.addresses.association.association-id \
         network-interface.addresses.association.carrier-ip \
         network-interface.addresses.association.customer-owned-ip \
         network-interface.addresses.association.ip-owner-id \
         network-interface.addresses.association.public-dns-name \
         network-interface.addresses.association.public-ip network-interface.addresses.primary \
         network-interface.addresses.private-dns-name network-interface.addresses.private-ip-address \
         network-interface.association.allocation-id network-interface.association.association-id \
         network-interface.association.carrier-ip network-interface.association.customer-owned-ip \
         network-interface.association.ip-owner-id network-interface.association.public-dns-name \
         network-interface.association.public-ip network-interface.attachment.attach-time \
         network-interface.attachment.attachment-id network-interface.attachment.delete-on-termination \
         network-interface.attachment.device-index network-interface.attachment.instance-id \
         network-interface.attachment.instance-owner-id network-interface.attachment.network-card-index \
         network-interface.attachment.status network-interface.availability-zone \
         network-interface.deny-all-igw-traffic network-interface.description network-interface.group-id \
         network-interface.group-name network-interface.ipv4-prefixes.ipv4-prefix \
         network-interface.ipv6-address network-interface.ipv6-addresses.ipv6-address \
         network-interface.ipv6-addresses.is-primary-ipv6 network-interface.ipv6-native \
         network-interface.ipv6-prefixes.ipv6-prefix network-interface.mac-address \
         network-interface.network-interface-id network-interface.operator.managed \
         network-interface.operator.principal network-interface.outpost-arn network-interface.owner-id \
         network-interface.private-dns-name network-interface.private-ip-address \
         network-interface.public-dns-name network-interface.requester-id network-interface.requester-managed \
         network-interface.status network-interface.source-dest-check network-interface.subnet-id \
         network-interface.tag-key network-interface.tag-value network-interface.vpc-id \
         network-performance-options.bandwidth-weighting operator.managed operator.principal outpost-arn \
         owner-id placement-group-name placement-partition-number platform platform-details private-dns-name \
         private-dns-name-options.enable-resource-name-dns-a-record \
         private-dns-name-options.enable-resource-name-dns-aaaa-record private-dns-name-options.hostname-type \
         private-ip-address product-code product-code.type ramdisk-id requester-id reservation-id \
         root-device-name root-device-type source-dest-check spot-instance-request-id state-reason-code \
         state-reason-message subnet-id tenancy tpm-support usage-operation usage-operation-update-time \
         virtualization-type vpc-id",
    ),
    (
        "DescribeInstanceStatus",
        "availability-zone availability-zone-id event.code event.description event.instance-event-id \
         event.not-after event.not-before event.not-before-deadline instance-state-code instance-state-name \
         instance-status.reachability instance-status.status operator.managed operator.principal \
         system-status.reachability system-status.status attached-ebs-status.status application-status.status",
    ),
    (
        "DescribeSubnets",
        "availability-zone availability-zone-id available-ip-address-count cidr-block \
         customer-owned-ipv4-pool default-for-az enable-dns64 enable-lni-at-device-index \
         ipv6-cidr-block-association.ipv6-cidr-block ipv6-cidr-block-association.association-id \
         ipv6-cidr-block-association.state ipv6-native map-customer-owned-ip-on-launch \
         map-public-ip-on-launch outpost-arn owner-id private-dns-name-options-on-launch.hostname-type \
         private-dns-name-options-on-launch.enable-resource-name-dns-a-record \
         private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record state subnet-arn subnet-id \
         vpc-id",
    ),
    (
        "DescribeVpcs",
        "cidr cidr-block-association.cidr-block cidr-block-association.association-id \
         cidr-block-association.state dhcp-options-id ipv6-cidr-block-association.ipv6-cidr-block \
         ipv6-cidr-block-association.ipv6-pool ipv6-cidr-block-association.association-id \
         ipv6-cidr-block-association.state is-default owner-id state vpc-id",
    ),
    (
        "DescribeSecurityGroups",
        "description egress.ip-permission.cidr egress.ip-permission.from-port egress.ip-permission.group-id \
         egress.ip-permission.group-name egress.ip-permission.ipv6-cidr egress.ip-permission.prefix-list-id \
         egress.ip-permission.protocol egress.ip-permission.to-port egress.ip-permission.user-id group-id \
         group-name ip-permission.cidr ip-permission.from-port ip-permission.group-id \
         ip-permission.group-name ip-permission.ipv6-cidr ip-permission.prefix-list-id ip-permission.protocol \
         ip-permission.to-port ip-permission.user-id owner-id vpc-id",
    ),
    ("DescribeSecurityGroupRules", "group-id security-group-rule-id"),
    (
        "DescribeNetworkInterfaces",
        "association.allocation-id association.association-id addresses.association.owner-id \
         addresses.association.public-ip addresses.primary addresses.private-ip-address \
         association.ip-owner-id association.public-ip association.public-dns-name attachment.attach-time \
         attachment.attachment-id attachment.delete-on-termination attachment.device-index \
         attachment.instance-id attachment.instance-owner-id attachment.status availability-zone \
         availability-zone-id description group-id ipv6-addresses.ipv6-address interface-type mac-address \
         network-interface-id operator.managed operator.principal owner-id private-dns-name \
         private-ip-address requester-id requester-managed source-dest-check status subnet-id vpc-id",
    ),
    (
        "DescribeRouteTables",
        "association.gateway-id association.route-table-association-id association.route-table-id \
         association.subnet-id association.main owner-id route-table-id route.destination-cidr-block \
         route.destination-ipv6-cidr-block route.destination-prefix-list-id \
         route.egress-only-internet-gateway-id route.gateway-id route.instance-id route.nat-gateway-id \
         route.transit-gateway-id route.origin route.state route.vpc-peering-connection-id vpc-id",
    ),
    (
        "DescribeInternetGateways",
        "attachment.state attachment.vpc-id internet-gateway-id owner-id",
    ),
    (
        "DescribeImages",
        "architecture block-device-mapping.delete-on-termination block-device-mapping.device-name \
         block-device-mapping.snapshot-id block-device-mapping.volume-size block-device-mapping.volume-type \
         block-device-mapping.encrypted creation-date description ena-support free-tier-eligible hypervisor \
         image-allowed image-id image-type is-public kernel-id manifest-location name owner-alias owner-id \
         platform product-code product-code.type public-ssm-parameter-name ramdisk-id root-device-name \
         root-device-type source-image-id source-image-region source-instance-id state state-reason-code \
         state-reason-message sriov-net-support virtualization-type",
    ),
    ("DescribeTags", "key resource-id resource-type value"),
    (
        "DescribeAvailabilityZones",
        "group-long-name group-name message opt-in-status parent-zone-id parent-zone-name region-name state \
         zone-id zone-name zone-type",
    ),
    ("DescribeRegions", "endpoint opt-in-status region-name"),
];

#[test]
fn each_documented_filter_is_taken_and_no_other() {
    let aws = Aws::new();
    aws.seed(SEED);
    aws.create("lb");
    aws.ec2(
        "CreateTags",
        &[("ResourceId.1", "i-4f8cf126"), ("Tag.1.Key", "a"), ("Tag.1.Value", "b")],
    )
    .unwrap();
    for (operation, names) in FILTERS {
        for name in names.split(' ') {
            if let Err(refusal) = filter(&aws, operation, &[(name, "x")]) {
                panic!("{operation} {name}: {refusal:?}");
            }
            // Also where another filter leaves nothing over to be asked.
            let refused = filter(&aws, operation, &[(name, "there-is-no-such"), ("shape", "round")]).unwrap_err();
            assert_eq!(refused.code, "InvalidParameterValue", "{operation} {name}");
            assert!(refused.message.contains("'shape'"), "{refused:?}");
        }
    }
}

#[test]
fn what_every_instance_is_can_be_asked_for() {
    let aws = Aws::new();
    aws.seed(SEED);
    let all = aws
        .ec2("DescribeInstances", &[])
        .unwrap()
        .all("instancesSet/item/instanceId");
    for (name, value) in [
        ("hypervisor", "xen"),
        ("virtualization-type", "hvm"),
        ("root-device-name", "/dev/xvda"),
        ("monitoring-state", "disabled"),
        ("tenancy", "default"),
        ("source-dest-check", "true"),
        ("platform-details", "Linux*"),
        ("instance.group-name", "default"),
        ("network-interface.status", "in-use"),
        ("network-interface.attachment.status", "attached"),
    ] {
        let found = filter(&aws, "DescribeInstances", &[(name, value)]).unwrap();
        assert_eq!(found.all("instancesSet/item/instanceId"), all, "{name}");
    }
    let none = filter(&aws, "DescribeInstances", &[("instance-lifecycle", "spot")]).unwrap();
    assert!(none.all("instanceId").is_empty());
}

#[test]
fn an_instance_tells_each_documented_attribute() {
    let aws = Aws::new();
    aws.seed(SEED);
    let ask = |attribute: &str| {
        aws.ec2(
            "DescribeInstanceAttribute",
            &[("InstanceId", "i-4f8cf126"), ("Attribute", attribute)],
        )
    };
    let group = aws
        .ec2("DescribeInstances", &[("InstanceId.1", "i-4f8cf126")])
        .unwrap()
        .one("instancesSet/item/groupSet/item/groupId");
    assert_eq!(ask("groupSet").unwrap().all("groupSet/item/groupId"), [group]);
    for (attribute, path, text) in [
        ("instanceType", "instanceType/value", "t3.micro"),
        ("rootDeviceName", "rootDeviceName/value", "/dev/xvda"),
        ("disableApiStop", "disableApiStop/value", "false"),
        ("ebsOptimized", "ebsOptimized/value", "false"),
        ("enaSupport", "enaSupport/value", "true"),
        ("enclaveOptions", "enclaveOptions/enabled", "false"),
        ("kernel", "kernel", ""),
        ("ramdisk", "ramdisk", ""),
        ("userData", "userData", ""),
        ("sriovNetSupport", "sriovNetSupport", ""),
        ("blockDeviceMapping", "blockDeviceMapping", ""),
        ("productCodes", "productCodes", ""),
    ] {
        assert_eq!(ask(attribute).unwrap().one(path), text, "{attribute}");
    }
    let refused = ask("colour").unwrap_err();
    assert_eq!(refused.code, "InvalidParameterValue");
}

#[test]
fn images_are_found_by_their_owner() {
    let aws = Aws::new();
    let images = |parameters: &[(&str, &str)]| aws.ec2("DescribeImages", parameters).unwrap().all("item/imageId").len();
    assert_eq!(images(&[]), 3);
    for (owner, count) in [("amazon", 3), ("137112412989", 3), ("self", 0), ("125523088429", 0)] {
        assert_eq!(images(&[("Owner.1", owner)]), count, "{owner}");
    }
    assert_eq!(images(&[("Owner.1", "self"), ("Owner.2", "amazon")]), 3);
    let by_filter = |owner: &str| {
        filter(&aws, "DescribeImages", &[("owner-id", owner)])
            .unwrap()
            .all("item/imageId")
            .len()
    };
    assert_eq!((by_filter("137112412989"), by_filter("125523088429")), (3, 0));
}

const GROUPS: &str = "
regions:
- launchConfigurations: [{name: web}]
  autoScalingGroups:
  - {name: blue, launchConfiguration: web, minSize: 0, maxSize: 3, desiredCapacity: 1, availabilityZones: [us-east-1a], tags: {team: shop}}
  - {name: green, launchConfiguration: web, minSize: 0, maxSize: 3, desiredCapacity: 1, availabilityZones: [us-east-1a], tags: {team: till, tier: web}}
";

#[test]
fn a_group_answers_for_what_it_has_not() {
    let aws = Aws::new();
    aws.seed(GROUPS);
    let blue = ("AutoScalingGroupName", "blue");
    for (operation, list) in [
        ("DescribeLifecycleHooks", "LifecycleHooks"),
        ("DescribePolicies", "ScalingPolicies"),
        ("DescribeScheduledActions", "ScheduledUpdateGroupActions"),
        ("DescribeInstanceRefreshes", "InstanceRefreshes"),
        ("DescribeWarmPool", "Instances"),
    ] {
        assert_eq!(
            aws.autoscaling(operation, &[blue]).unwrap().one(list),
            "",
            "{operation}"
        );
        let refused = aws
            .autoscaling(operation, &[("AutoScalingGroupName", "red")])
            .unwrap_err();
        assert_eq!(refused.code, "ValidationError", "{operation}");
    }
    let named = [("AutoScalingGroupNames.member.1", "blue")];
    let notified = aws.autoscaling("DescribeNotificationConfigurations", &named).unwrap();
    assert_eq!(notified.one("NotificationConfigurations"), "");
}

#[test]
fn groups_tags_and_activities_are_filtered() {
    let aws = Aws::new();
    aws.seed(GROUPS);
    let filtered = |operation: &str, name: &str, value: &str| {
        let parameters = [
            ("Filters.member.1.Name", name),
            ("Filters.member.1.Values.member.1", value),
        ];
        aws.autoscaling(operation, &parameters)
    };
    for (name, value, keys) in [
        ("auto-scaling-group", "green", vec!["team", "tier"]),
        ("key", "tier", vec!["tier"]),
        ("value", "shop", vec!["team"]),
        ("propagate-at-launch", "false", vec![]),
    ] {
        let found = filtered("DescribeTags", name, value).unwrap();
        assert_eq!(found.all("Tags/member/Key"), keys, "{name}");
    }
    let groups = filtered("DescribeAutoScalingGroups", "tag-value", "till").unwrap();
    assert_eq!(groups.one("AutoScalingGroups/member/AutoScalingGroupName"), "green");
    for operation in ["DescribeTags", "DescribeAutoScalingGroups", "DescribeScalingActivities"] {
        let refused = filtered(operation, "shape", "round").unwrap_err();
        assert_eq!(refused.code, "ValidationError", "{operation}");
        assert!(refused.message.contains("shape"), "{refused:?}");
    }
    let launched = |parameters: &[(&str, &str)]| {
        let found = aws.autoscaling("DescribeScalingActivities", parameters).unwrap();
        found.all("Activities/member/AutoScalingGroupName")
    };
    assert_eq!(launched(&[]), ["blue", "green"]);
    assert_eq!(launched(&[("AutoScalingGroupName", "green")]), ["green"]);
    let failed = filtered("DescribeScalingActivities", "Status", "Failed").unwrap();
    assert!(failed.all("Activities/member/ActivityId").is_empty());
}
