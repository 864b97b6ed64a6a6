//! The operations of Classic Elastic Load Balancing.

use super::{
    attributes, create, describe, health, instances, limits, listeners, placement, policies, policy_types, tags,
};
use crate::call::Call;
use crate::wire::{ApiError, Service, Table, Xml};

/// Writes what stands inside the result element of a reply.
type Handler = fn(&mut Call<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Elb,
    &[
        ("AddTags", tags::add),
        ("ApplySecurityGroupsToLoadBalancer", placement::apply_security_groups),
        ("AttachLoadBalancerToSubnets", placement::attach_subnets),
        ("ConfigureHealthCheck", health::configure),
        ("CreateAppCookieStickinessPolicy", policies::create_app_cookie),
        ("CreateLBCookieStickinessPolicy", policies::create_lb_cookie),
        ("CreateLoadBalancer", create::create),
        ("CreateLoadBalancerListeners", listeners::create),
        ("CreateLoadBalancerPolicy", policies::create),
        ("DeleteLoadBalancer", create::delete),
        ("DeleteLoadBalancerListeners", listeners::delete),
        ("DeleteLoadBalancerPolicy", policies::delete),
        ("DeregisterInstancesFromLoadBalancer", instances::deregister),
        ("DescribeAccountLimits", limits::describe),
        ("DescribeInstanceHealth", health::describe),
        ("DescribeLoadBalancerAttributes", attributes::describe),
        ("DescribeLoadBalancerPolicies", policies::describe),
        ("DescribeLoadBalancerPolicyTypes", policy_types::describe),
        ("DescribeLoadBalancers", describe::load_balancers),
        ("DescribeTags", tags::describe),
        ("DetachLoadBalancerFromSubnets", placement::detach_subnets),
        ("DisableAvailabilityZonesForLoadBalancer", placement::disable_zones),
        ("EnableAvailabilityZonesForLoadBalancer", placement::enable_zones),
        ("ModifyLoadBalancerAttributes", attributes::modify),
        ("RegisterInstancesWithLoadBalancer", instances::register),
        ("RemoveTags", tags::remove),
        ("SetLoadBalancerListenerSSLCertificate", listeners::set_certificate),
        ("SetLoadBalancerPoliciesForBackendServer", policies::set_for_backend),
        ("SetLoadBalancerPoliciesOfListener", policies::set_of_listener),
    ],
);

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS.find(operation)?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}
