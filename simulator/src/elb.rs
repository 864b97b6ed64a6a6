//! Classic Elastic Load Balancing, API version 2012-06-01.

use std::collections::BTreeMap;

use crate::model;
use crate::wire::{ApiError, Value, Xml};
use crate::world::Call;

mod attributes;
mod create;
mod describe;
mod health;
mod instances;
mod listeners;
mod placement;
mod policies;
mod policy_types;
mod predefined;
mod state;
mod tags;

pub(crate) use health::health_of;
pub(crate) use instances::{join, leave};
pub(crate) use state::{
    Attributes, Balancers, HealthCheck, Listener, LoadBalancer, Policy, PolicyType, Protocol, Registration, Scheme,
};

/// The namespace of replies.
pub(crate) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/";

/// Writes what stands inside the result element of a reply.
type Handler = fn(&mut Call<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: [(&str, Handler); 29] = [
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
    ("DescribeAccountLimits", describe::account_limits),
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
];

/// Answers a request that the model allows with what stands inside the result element.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS
        .binary_search_by_key(&operation, |(name, _)| *name)
        .ok()
        .and_then(|index| OPERATIONS.get(index))
        .map(|(_, handler)| handler)
        .ok_or_else(|| unknown_operation(operation))?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}

fn unknown_operation(operation: &str) -> ApiError {
    let shown = crate::wire::params::short(operation);
    ApiError::sender(
        "InvalidAction",
        format!("Could not find operation {shown} for version {}", model::ELB_VERSION),
    )
}

impl Call<'_> {
    /// The name in `LoadBalancerName`.
    fn name(&self) -> Result<&str, ApiError> {
        self.params.required("LoadBalancerName")
    }

    /// The balancer named in the request.
    fn balancer(&self) -> Result<&LoadBalancer, ApiError> {
        let name = self.name()?;
        self.region.elb.get(name).ok_or_else(|| not_active(name))
    }

    /// Changes the balancer named in the request: all of it, or on an error nothing.
    fn edit<T>(
        &mut self,
        change: impl FnOnce(&mut LoadBalancer, &mut Self) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let mut balancer = self.balancer()?.clone();
        let outcome = change(&mut balancer, self)?;
        self.region.elb.put(self.now, balancer);
        Ok(outcome)
    }

    /// The ARN that other services know a balancer by.
    pub(crate) fn balancer_arn(&self, name: &str) -> String {
        balancer_arn(self.facts.partition(), self.facts.name, self.account, name)
    }
}

/// The ARN that other services know a balancer by; ELB itself shows none.
pub(crate) fn balancer_arn(partition: &str, region: &str, account: &str, name: &str) -> String {
    format!("arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/{name}")
}

fn not_active(name: &str) -> ApiError {
    ApiError::sender(
        "LoadBalancerNotFound",
        format!("There is no ACTIVE Load Balancer named '{name}'"),
    )
}

/// AWS answers this one with 409, unlike all others.
fn invalid_configuration(message: impl Into<String>) -> ApiError {
    ApiError::new(409, "InvalidConfigurationRequest", message)
}

/// Tags of a request, with the rules of ELB; a tag without value has the empty one.
fn read_tags(params: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in params.list("Tags") {
        let (key, value) = (tag.str("Key").unwrap_or_default(), tag.str("Value").unwrap_or_default());
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::sender(
                "DuplicateTagKeys",
                "Tag key was specified more than once.",
            ));
        }
    }
    Ok(tags)
}

/// The user guide's number; the API reference still says 10.
pub(crate) const MAX_TAGS: usize = 50;

fn too_many_tags() -> ApiError {
    ApiError::sender(
        "TooManyTags",
        format!(
            "The quota for the number of tags that can be assigned to a load balancer has been reached: {MAX_TAGS}"
        ),
    )
}
