//! Auto Scaling: changes act on a group or on a launch configuration.

use super::super::ask::Ask;
use super::{Subject, Tags};
use crate::wire::Value;

const RESOURCE_TAG: &str = "autoscaling:ResourceTag";

/// What stands for the UUID of groups and launch configurations, which only AWS knows.
const UUID: &str = "00000000-0000-4000-8000-000000000000";

pub(super) fn asks(subject: &Subject<'_>) -> Vec<Ask> {
    let (operation, params) = (subject.operation, subject.params);
    if subject.describes() {
        return vec![subject.ask(operation, None)];
    }
    if let (Some(name), true) = (
        params.str("LaunchConfigurationName"),
        operation.ends_with("LaunchConfiguration"),
    ) {
        let resource = format!("launchConfiguration:{UUID}:launchConfigurationName/{name}");
        return vec![subject.ask(operation, Some(subject.arn("autoscaling", &resource)))];
    }
    let tags = params.list("Tags");
    let of_tags = tags.iter().filter_map(|tag| tag.str("ResourceId"));
    let mut names: Vec<&str> = params.str("AutoScalingGroupName").into_iter().chain(of_tags).collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return vec![subject.ask(operation, None)];
    }
    let brought: Tags = tags.iter().map(|tag| pair(tag)).collect();
    let ask = |name: &str| {
        let resource = format!("autoScalingGroup:{UUID}:autoScalingGroupName/{name}");
        let group = subject.region().and_then(|region| region.autoscaling.by_name.get(name));
        let has: Option<Tags> = group.map(|group| {
            let tags = group.tags.iter();
            tags.map(|(key, tag)| (key.clone(), tag.value.clone())).collect()
        });
        let ask = subject.ask(operation, Some(subject.arn("autoscaling", &resource)));
        let ask = ask.on_tags(RESOURCE_TAG, has.as_ref());
        let ask = if operation == "DeleteTags" {
            ask.naming(brought.keys())
        } else {
            ask.bringing(&brought)
        };
        ask.with("autoscaling:LoadBalancerNames", params.strings("LoadBalancerNames"))
    };
    names.into_iter().map(ask).collect()
}

fn pair(tag: &Value) -> (String, String) {
    let text = |name: &str| tag.str(name).unwrap_or_default().to_owned();
    (text("Key"), text("Value"))
}
