//! The operations of Auto Scaling.

use super::settle::settle;
use super::{absent, activities, attach, configurations, describe, groups, members};
use crate::call::Call;
use crate::wire::{ApiError, Service, Table, Xml};

/// Writes what stands inside the result element of a reply.
type Handler = fn(&mut Call<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::AutoScaling,
    &[
        ("AttachInstances", members::attach),
        ("AttachLoadBalancers", attach::attach),
        ("CreateAutoScalingGroup", groups::create),
        ("CreateLaunchConfiguration", configurations::create),
        ("CreateOrUpdateTags", groups::put_tags),
        ("DeleteAutoScalingGroup", groups::delete),
        ("DeleteLaunchConfiguration", configurations::delete),
        ("DeleteTags", groups::delete_tags),
        ("DescribeAutoScalingGroups", describe::groups),
        ("DescribeAutoScalingInstances", describe::instances),
        ("DescribeInstanceRefreshes", absent::instance_refreshes),
        ("DescribeLaunchConfigurations", configurations::describe),
        ("DescribeLifecycleHooks", absent::lifecycle_hooks),
        ("DescribeLoadBalancerTargetGroups", absent::target_groups),
        ("DescribeLoadBalancers", attach::describe),
        ("DescribeNotificationConfigurations", absent::notifications),
        ("DescribePolicies", absent::policies),
        ("DescribeScalingActivities", activities::describe),
        ("DescribeScheduledActions", absent::scheduled_actions),
        ("DescribeTags", describe::tags),
        ("DescribeTrafficSources", attach::describe_traffic_sources),
        ("DescribeWarmPool", absent::warm_pool),
        ("DetachInstances", members::detach),
        ("DetachLoadBalancers", attach::detach),
        ("EnterStandby", members::enter_standby),
        ("ExitStandby", members::exit_standby),
        ("SetDesiredCapacity", groups::set_desired),
        ("SetInstanceHealth", members::set_health),
        ("SetInstanceProtection", members::set_protection),
        ("TerminateInstanceInAutoScalingGroup", members::terminate),
        ("UpdateAutoScalingGroup", groups::update),
    ],
);

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS.find(operation)?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    // What is due at once has happened when the next request asks.
    settle(call);
    Ok(xml.finish())
}
