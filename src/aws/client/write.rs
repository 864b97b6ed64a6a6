//! The calls of a plan.

use std::collections::BTreeSet;

use aws_smithy_types::error::operation::BuildError;

use super::{Client, convert, not_sent};
use crate::aws::{Class, Error};
use crate::elb::{LoadBalancer, Scheme};
use crate::plan::Step;

impl Client {
    /// Makes the one call of a step.
    ///
    /// # Errors
    /// As AWS refuses it.
    pub async fn run(&self, name: &str, step: &Step) -> Result<(), Error> {
        let built = |error: BuildError| not_sent(step.operation(), &error);
        match step {
            Step::FindCertificate(arn) => self.find_certificate(arn).await,
            Step::CreateLoadBalancer(lb) => self.create(lb).await,
            Step::ConfigureHealthCheck(check) => {
                let check = convert::to_health_check(check).map_err(built)?;
                let request = self
                    .elb
                    .configure_health_check()
                    .load_balancer_name(name)
                    .health_check(check);
                self.call(step.operation(), request.send()).await.map(drop)
            }
            Step::CreateListeners { .. } | Step::DeleteListeners(_) | Step::SetCertificate { .. } => {
                self.run_listeners(name, step).await
            }
            Step::SetPolicies { .. }
            | Step::CreatePolicy { .. }
            | Step::DeletePolicy(_)
            | Step::SetBackendPolicies { .. } => self.run_policies(name, step).await,
            Step::ModifyAttribute(attribute) => self.modify_attribute(name, attribute).await,
            Step::EnableZones(_) | Step::DisableZones(_) | Step::AttachSubnets(_) | Step::DetachSubnets(_) => {
                self.run_placement(name, step).await
            }
            Step::ApplySecurityGroups(groups) => {
                let request = self
                    .elb
                    .apply_security_groups_to_load_balancer()
                    .load_balancer_name(name);
                let request = request.set_security_groups(convert::to_list(groups));
                self.call(step.operation(), request.send()).await.map(drop)
            }
            Step::RegisterInstances(ids) => {
                let request = self
                    .elb
                    .register_instances_with_load_balancer()
                    .load_balancer_name(name);
                let request = request.set_instances(Some(convert::to_instances(ids)));
                self.call(step.operation(), request.send()).await.map(drop)
            }
            Step::DeregisterInstances(ids) => {
                let request = self
                    .elb
                    .deregister_instances_from_load_balancer()
                    .load_balancer_name(name);
                let request = request.set_instances(Some(convert::to_instances(ids)));
                self.call(step.operation(), request.send()).await.map(drop)
            }
            Step::AttachAutoScalingGroup(group) => {
                let request = self.autoscaling.attach_load_balancers().auto_scaling_group_name(group);
                self.call(step.operation(), request.load_balancer_names(name).send())
                    .await
                    .map(drop)
            }
            Step::DetachAutoScalingGroup(group) => self.detach_group(name, group).await,
            Step::AddTags(tags) => {
                let tags = convert::to_tags(tags).map_err(built)?;
                let request = self.elb.add_tags().load_balancer_names(name).set_tags(Some(tags));
                self.call(step.operation(), request.send()).await.map(drop)
            }
            Step::RemoveTags(keys) => self.remove_tags(name, keys).await,
        }
    }

    async fn create(&self, lb: &LoadBalancer) -> Result<(), Error> {
        const OPERATION: &str = "CreateLoadBalancer";
        let built = |error: BuildError| not_sent(OPERATION, &error);
        let request = self
            .elb
            .create_load_balancer()
            .load_balancer_name(&lb.name)
            // AWS knows one word for the scheme; the other is its absence.
            .set_scheme((lb.scheme == Scheme::Internal).then(|| lb.scheme.as_str().to_owned()))
            .set_listeners(Some(convert::to_listeners(lb.listeners.values()).map_err(built)?))
            .set_availability_zones(convert::to_list(&lb.availability_zones))
            .set_subnets(convert::to_list(&lb.subnets))
            .set_security_groups(convert::to_list(&lb.security_groups))
            .set_tags(Some(convert::to_tags(&lb.tags).map_err(built)?));
        self.call(OPERATION, request.send()).await.map(drop)
    }

    async fn run_listeners(&self, name: &str, step: &Step) -> Result<(), Error> {
        let operation = step.operation();
        match step {
            Step::CreateListeners { listeners, .. } => {
                let listeners = convert::to_listeners(listeners).map_err(|error| not_sent(operation, &error))?;
                let request = self.elb.create_load_balancer_listeners().load_balancer_name(name);
                self.call(operation, request.set_listeners(Some(listeners)).send())
                    .await
                    .map(drop)
            }
            Step::DeleteListeners(ports) => {
                let ports = ports.iter().map(|port| i32::from(*port)).collect();
                let request = self.elb.delete_load_balancer_listeners().load_balancer_name(name);
                self.call(operation, request.set_load_balancer_ports(Some(ports)).send())
                    .await
                    .map(drop)
            }
            Step::SetCertificate { port, certificate } => {
                let request = self
                    .elb
                    .set_load_balancer_listener_ssl_certificate()
                    .load_balancer_name(name);
                let request = request
                    .load_balancer_port(i32::from(*port))
                    .ssl_certificate_id(certificate);
                self.call(operation, request.send()).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn run_placement(&self, name: &str, step: &Step) -> Result<(), Error> {
        let operation = step.operation();
        match step {
            Step::EnableZones(zones) => {
                let request = self
                    .elb
                    .enable_availability_zones_for_load_balancer()
                    .load_balancer_name(name);
                self.call(
                    operation,
                    request.set_availability_zones(convert::to_list(zones)).send(),
                )
                .await
                .map(drop)
            }
            Step::DisableZones(zones) => {
                let request = self
                    .elb
                    .disable_availability_zones_for_load_balancer()
                    .load_balancer_name(name);
                self.call(
                    operation,
                    request.set_availability_zones(convert::to_list(zones)).send(),
                )
                .await
                .map(drop)
            }
            Step::AttachSubnets(subnets) => {
                let request = self.elb.attach_load_balancer_to_subnets().load_balancer_name(name);
                self.call(operation, request.set_subnets(convert::to_list(subnets)).send())
                    .await
                    .map(drop)
            }
            Step::DetachSubnets(subnets) => {
                let request = self.elb.detach_load_balancer_from_subnets().load_balancer_name(name);
                self.call(operation, request.set_subnets(convert::to_list(subnets)).send())
                    .await
                    .map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Detaching from a group that is gone is done.
    async fn detach_group(&self, name: &str, group: &str) -> Result<(), Error> {
        let request = self.autoscaling.detach_load_balancers().auto_scaling_group_name(group);
        match self
            .call("DetachLoadBalancers", request.load_balancer_names(name).send())
            .await
        {
            Err(error) if error.class != Class::MissingReference => Err(error),
            _ => Ok(()),
        }
    }

    async fn remove_tags(&self, name: &str, keys: &BTreeSet<String>) -> Result<(), Error> {
        use aws_sdk_elasticloadbalancing::types::TagKeyOnly;
        let keys = keys.iter().map(|key| TagKeyOnly::builder().key(key).build()).collect();
        let request = self.elb.remove_tags().load_balancer_names(name).set_tags(Some(keys));
        self.call("RemoveTags", request.send()).await.map(drop)
    }

    /// `DeleteLoadBalancer`, which also succeeds for a balancer that is not there.
    ///
    /// # Errors
    /// As AWS refuses it.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        let request = self.elb.delete_load_balancer().load_balancer_name(name);
        self.call("DeleteLoadBalancer", request.send()).await.map(drop)
    }
}
