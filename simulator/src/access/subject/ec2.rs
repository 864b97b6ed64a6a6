//! EC2: every resource that a change names has to be allowed.

use super::super::ask::Ask;
use super::{Subject, Tags};
use crate::ec2::tags;

const RESOURCE_TAG: &str = "ec2:ResourceTag";

/// Parameters that name a resource, one or a list of them.
const NAMING: [&str; 8] = [
    "GroupId",
    "InstanceId",
    "InternetGatewayId",
    "ResourceId",
    "RouteTableId",
    "SecurityGroupId",
    "SubnetId",
    "VpcId",
];

/// What operations make, by the kinds in ARNs.
const MADE: [(&str, &str); 6] = [
    ("CreateInternetGateway", "internet-gateway"),
    ("CreateRouteTable", "route-table"),
    ("CreateSecurityGroup", "security-group"),
    ("CreateSubnet", "subnet"),
    ("CreateVpc", "vpc"),
    ("RunInstances", "instance"),
];

pub(super) fn asks(subject: &Subject<'_>) -> Vec<Ask> {
    let operation = subject.operation;
    let ask = |action: &str, resource: Option<String>| {
        let region = [subject.facts.name.to_owned()];
        subject.ask(action, resource).with("ec2:Region", region)
    };
    if subject.describes() {
        return vec![ask(operation, None)];
    }
    let mut asks = Vec::new();
    for id in named(subject) {
        let Some(kind) = kind_of(&id) else { continue };
        let existing = subject.region().and_then(|region| tags::of(&region.ec2, &id));
        let ask = ask(operation, Some(subject.arn("ec2", &format!("{kind}/{id}")))).on_tags(RESOURCE_TAG, existing);
        asks.push(match operation {
            "CreateTags" => ask.bringing(&tags::read(subject.params)),
            "DeleteTags" => ask.naming(tags::read(subject.params).keys()),
            _ => ask,
        });
    }
    if let Some((_, kind)) = MADE.iter().find(|(name, _)| *name == operation) {
        let arn = subject.arn("ec2", &format!("{kind}/*"));
        let brought: Tags = tags::of_new(subject.params, kind);
        asks.push(ask(operation, Some(arn.clone())).bringing(&brought));
        if !brought.is_empty() {
            let tagging = ask("CreateTags", Some(arn)).bringing(&brought);
            asks.push(tagging.with("ec2:CreateAction", [operation.to_owned()]));
        }
    }
    if asks.is_empty() {
        asks.push(ask(operation, None));
    }
    asks
}

/// The ids in the request, each once.
fn named(subject: &Subject<'_>) -> Vec<String> {
    let mut ids = Vec::new();
    for name in NAMING {
        let one = subject.params.str(name).map(str::to_owned);
        ids.extend(one.into_iter().chain(subject.params.strings(name)));
    }
    ids.sort();
    ids.dedup();
    ids
}

fn kind_of(id: &str) -> Option<&'static str> {
    Some(match id.split_once('-')?.0 {
        "i" => "instance",
        "igw" => "internet-gateway",
        "rtb" => "route-table",
        "sg" => "security-group",
        "subnet" => "subnet",
        "vpc" => "vpc",
        _ => return None,
    })
}
