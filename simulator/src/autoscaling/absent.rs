//! What groups here never have: hooks, policies, schedules and the like, and target groups.

use crate::call::Call;
use crate::wire::{ApiError, Xml};

pub(super) fn lifecycle_hooks(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.params.required("AutoScalingGroupName")?;
    nothing(call, xml, "LifecycleHooks")
}

pub(super) fn policies(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    nothing(call, xml, "ScalingPolicies")
}

pub(super) fn scheduled_actions(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    nothing(call, xml, "ScheduledUpdateGroupActions")
}

pub(super) fn instance_refreshes(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.params.required("AutoScalingGroupName")?;
    nothing(call, xml, "InstanceRefreshes")
}

/// Seeds can make members as a warm pool has them, but no pool.
pub(super) fn warm_pool(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.params.required("AutoScalingGroupName")?;
    nothing(call, xml, "Instances")
}

pub(super) fn notifications(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    for name in call.params.strings("AutoScalingGroupNames") {
        call.region.autoscaling.get(&name)?;
    }
    nothing(call, xml, "NotificationConfigurations")
}

pub(super) fn target_groups(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.params.required("AutoScalingGroupName")?;
    nothing(call, xml, "LoadBalancerTargetGroups")
}

/// An empty list, when the group that is asked about is there.
fn nothing(call: &Call<'_>, xml: &mut Xml, list: &str) -> Result<(), ApiError> {
    if let Some(name) = call.params.non_empty("AutoScalingGroupName") {
        call.region.autoscaling.get(name)?;
    }
    xml.strings(list, []);
    Ok(())
}
