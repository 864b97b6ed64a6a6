//! Policies and attributes: their reads, and the calls that change them.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancing::types;
use aws_smithy_types::error::operation::BuildError;

use super::{Client, not_sent};
use crate::aws::Error;
use crate::elb::{
    AccessLog, Attribute, Attributes, DesyncMitigationMode, Policies, Policy, PolicyName, Port, Stickiness,
};

/// The one additional attribute that AWS knows.
const DESYNC_MITIGATION_MODE: &str = "elb.http.desyncmitigationmode";

impl Client {
    /// All policies of a load balancer with their content.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn policies(&self, name: &str) -> Result<Policies, Error> {
        let request = self.elb.describe_load_balancer_policies().load_balancer_name(name);
        let reply = self.call("DescribeLoadBalancerPolicies", request.send()).await?;
        let descriptions = reply.policy_descriptions.unwrap_or_default().into_iter();
        let read = |description: types::PolicyDescription| {
            let attributes: Vec<(String, String)> = description
                .policy_attribute_descriptions
                .unwrap_or_default()
                .into_iter()
                .filter_map(|attribute| {
                    Some((attribute.attribute_name?, attribute.attribute_value.unwrap_or_default()))
                })
                .collect();
            let type_name = description.policy_type_name.unwrap_or_default();
            Some((description.policy_name?, Policy::read(&type_name, &attributes)))
        };
        Ok(descriptions.filter_map(read).collect())
    }

    /// The attributes of a load balancer.
    ///
    /// # Errors
    /// Class `Gone` when the load balancer does not exist.
    pub async fn attributes(&self, name: &str) -> Result<Attributes, Error> {
        let request = self.elb.describe_load_balancer_attributes().load_balancer_name(name);
        let reply = self.call("DescribeLoadBalancerAttributes", request.send()).await?;
        Ok(reply.load_balancer_attributes.map(read).unwrap_or_default())
    }

    pub(super) async fn delete_policy(&self, name: &str, policy: &str) -> Result<(), Error> {
        let request = self.elb.delete_load_balancer_policy().load_balancer_name(name);
        self.write("DeleteLoadBalancerPolicy", request.policy_name(policy).send())
            .await
    }

    pub(super) async fn set_policies(
        &self,
        name: &str,
        port: Port,
        policies: &BTreeSet<PolicyName>,
    ) -> Result<(), Error> {
        let request = self
            .elb
            .set_load_balancer_policies_of_listener()
            .load_balancer_name(name)
            .load_balancer_port(i32::from(port))
            // An empty list must be sent as such: it clears the policies.
            .set_policy_names(Some(policies.iter().cloned().collect()));
        self.write("SetLoadBalancerPoliciesOfListener", request.send()).await
    }

    pub(super) async fn set_backend_policies(
        &self,
        name: &str,
        port: Port,
        policies: &BTreeSet<PolicyName>,
    ) -> Result<(), Error> {
        let request = self
            .elb
            .set_load_balancer_policies_for_backend_server()
            .load_balancer_name(name)
            .instance_port(i32::from(port))
            .set_policy_names(Some(policies.iter().cloned().collect()));
        self.write("SetLoadBalancerPoliciesForBackendServer", request.send())
            .await
    }

    pub(super) async fn create_policy(
        &self,
        name: &str,
        policy_name: &str,
        policy: &Policy,
        operation: &'static str,
    ) -> Result<(), Error> {
        match policy {
            Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds)) => {
                let request = self.elb.create_lb_cookie_stickiness_policy().load_balancer_name(name);
                let request = request.policy_name(policy_name).set_cookie_expiration_period(*seconds);
                self.write(operation, request.send()).await
            }
            Policy::Stickiness(Stickiness::ApplicationCookie(cookie)) => {
                let request = self.elb.create_app_cookie_stickiness_policy().load_balancer_name(name);
                let request = request.policy_name(policy_name).cookie_name(cookie);
                self.write(operation, request.send()).await
            }
            _ => {
                let attributes = policy.attributes().into_iter().map(|(name, value)| {
                    types::PolicyAttribute::builder()
                        .attribute_name(name)
                        .attribute_value(value)
                        .build()
                });
                let request = self.elb.create_load_balancer_policy().load_balancer_name(name);
                let request = request.policy_name(policy_name).policy_type_name(policy.type_name());
                let request = request.set_policy_attributes(Some(attributes.collect()));
                self.write(operation, request.send()).await
            }
        }
    }

    /// `ModifyLoadBalancerAttributes` with one attribute: AWS leaves those that are not sent as they are.
    pub(super) async fn modify_attribute(&self, name: &str, attribute: &Attribute) -> Result<(), Error> {
        const OPERATION: &str = "ModifyLoadBalancerAttributes";
        let attributes = to_attributes(attribute).map_err(|error| not_sent(OPERATION, &error))?;
        let request = self.elb.modify_load_balancer_attributes().load_balancer_name(name);
        self.write(OPERATION, request.load_balancer_attributes(attributes).send())
            .await
    }
}

fn read(attributes: types::LoadBalancerAttributes) -> Attributes {
    let log = attributes.access_log.map(|log| {
        log.enabled.then(|| AccessLog {
            bucket: log.s3_bucket_name.unwrap_or_default(),
            prefix: log.s3_bucket_prefix.unwrap_or_default(),
            emit_interval: log.emit_interval.unwrap_or(Attributes::EMIT_INTERVAL),
        })
    });
    let draining = attributes.connection_draining.map(|draining| {
        draining
            .enabled
            .then(|| draining.timeout.unwrap_or(Attributes::DRAINING_TIMEOUT))
    });
    let mut additional = attributes.additional_attributes.unwrap_or_default().into_iter();
    let mode = additional.find(|attribute| attribute.key.as_deref() == Some(DESYNC_MITIGATION_MODE));
    Attributes {
        cross_zone: attributes
            .cross_zone_load_balancing
            .map(|cross_zone| cross_zone.enabled),
        idle_timeout: attributes.connection_settings.map(|settings| settings.idle_timeout),
        connection_draining: draining,
        access_log: log,
        desync_mitigation_mode: mode
            .and_then(|attribute| attribute.value)
            .and_then(|word| DesyncMitigationMode::read(&word)),
    }
}

fn to_attributes(attribute: &Attribute) -> Result<types::LoadBalancerAttributes, BuildError> {
    let all = types::LoadBalancerAttributes::builder();
    Ok(match attribute {
        Attribute::CrossZone(on) => {
            all.cross_zone_load_balancing(types::CrossZoneLoadBalancing::builder().enabled(*on).build())
        }
        Attribute::IdleTimeout(seconds) => {
            all.connection_settings(types::ConnectionSettings::builder().idle_timeout(*seconds).build()?)
        }
        // AWS takes a timeout only together with the switch.
        Attribute::ConnectionDraining(seconds) => all.connection_draining(
            types::ConnectionDraining::builder()
                .enabled(seconds.is_some())
                .set_timeout(*seconds)
                .build(),
        ),
        Attribute::AccessLog(None) => all.access_log(types::AccessLog::builder().enabled(false).build()),
        Attribute::AccessLog(Some(log)) => all.access_log(
            types::AccessLog::builder()
                .enabled(true)
                .s3_bucket_name(&log.bucket)
                .s3_bucket_prefix(&log.prefix)
                .emit_interval(log.emit_interval)
                .build(),
        ),
        Attribute::DesyncMitigationMode(mode) => all.additional_attributes(
            types::AdditionalAttribute::builder()
                .key(DESYNC_MITIGATION_MODE)
                .value(mode.as_str())
                .build(),
        ),
    }
    .build())
}
