//! The calls of a plan: for each step one method, for each method one call.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::TagKeyOnly;
use aws_smithy_types::error::operation::BuildError;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::{Client, convert, not_sent};
use crate::aws::{Class, Error};
use crate::elb::{HealthCheck, InstanceId, Listener, LoadBalancer, Port, Scheme};
use crate::plan::Step;

type Answer = Result<(), Error>;

impl Client {
    /// Makes the one call of a step.
    ///
    /// # Errors
    /// As AWS refuses it.
    pub(in crate::aws) async fn run(&self, name: &str, step: &Step) -> Answer {
        self.call_of(name, step).await
    }

    /// The call of a step, on the heap: side by side the futures of all of them would fill the stack.
    fn call_of<'a>(&'a self, name: &'a str, step: &'a Step) -> BoxFuture<'a, Answer> {
        match step {
            Step::CreateLoadBalancer(lb) => self.create(lb).boxed(),
            Step::DeleteLoadBalancer => self.delete(name).boxed(),
            Step::ConfigureHealthCheck(check) => self.configure_health_check(name, check).boxed(),
            Step::CreateListeners { listeners, .. } => self.create_listeners(name, listeners).boxed(),
            Step::DeleteListeners(ports) => self.delete_listeners(name, ports).boxed(),
            Step::FindCertificate(arn) => self.find_certificate(arn).boxed(),
            Step::SetCertificate { port, certificate } => self.set_certificate(name, *port, certificate).boxed(),
            Step::CreatePolicy { name: of, policy } => self.create_policy(name, of, policy, step.operation()).boxed(),
            Step::DeletePolicy(policy) => self.delete_policy(name, policy).boxed(),
            Step::SetPolicies { port, policies } => self.set_policies(name, *port, policies).boxed(),
            Step::SetBackendPolicies { port, policies } => self.set_backend_policies(name, *port, policies).boxed(),
            Step::ModifyAttribute(attribute) => self.modify_attribute(name, attribute).boxed(),
            Step::EnableZones(zones) => self.enable_zones(name, zones).boxed(),
            Step::DisableZones(zones) => self.disable_zones(name, zones).boxed(),
            Step::AttachSubnets(subnets) => self.attach_subnets(name, subnets).boxed(),
            Step::DetachSubnets(subnets) => self.detach_subnets(name, subnets).boxed(),
            Step::ApplySecurityGroups(groups) => self.apply_security_groups(name, groups).boxed(),
            Step::RegisterInstances(ids) => self.register(name, ids).boxed(),
            Step::DeregisterInstances(ids) => self.deregister(name, ids).boxed(),
            Step::AttachAutoScalingGroup(group) => self.attach_group(name, group).boxed(),
            Step::DetachAutoScalingGroup(group) => self.detach_group(name, group).boxed(),
            Step::AddTags(tags) => self.add_tags(name, tags).boxed(),
            Step::RemoveTags(keys) => self.remove_tags(name, keys).boxed(),
        }
    }

    async fn create(&self, lb: &LoadBalancer) -> Answer {
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
        self.write(OPERATION, request.send()).await
    }

    async fn delete(&self, name: &str) -> Answer {
        let request = self.elb.delete_load_balancer().load_balancer_name(name);
        self.write("DeleteLoadBalancer", request.send()).await
    }

    async fn configure_health_check(&self, name: &str, check: &HealthCheck) -> Answer {
        const OPERATION: &str = "ConfigureHealthCheck";
        let check = convert::to_health_check(check).map_err(|error| not_sent(OPERATION, &error))?;
        let request = self.elb.configure_health_check().load_balancer_name(name);
        self.write(OPERATION, request.health_check(check).send()).await
    }

    async fn create_listeners(&self, name: &str, listeners: &[Listener]) -> Answer {
        const OPERATION: &str = "CreateLoadBalancerListeners";
        let listeners = convert::to_listeners(listeners).map_err(|error| not_sent(OPERATION, &error))?;
        let request = self.elb.create_load_balancer_listeners().load_balancer_name(name);
        self.write(OPERATION, request.set_listeners(Some(listeners)).send())
            .await
    }

    async fn delete_listeners(&self, name: &str, ports: &BTreeSet<Port>) -> Answer {
        let ports = ports.iter().map(|port| i32::from(*port)).collect();
        let request = self.elb.delete_load_balancer_listeners().load_balancer_name(name);
        let request = request.set_load_balancer_ports(Some(ports));
        self.write("DeleteLoadBalancerListeners", request.send()).await
    }

    async fn set_certificate(&self, name: &str, port: Port, certificate: &str) -> Answer {
        let request = self
            .elb
            .set_load_balancer_listener_ssl_certificate()
            .load_balancer_name(name)
            .load_balancer_port(i32::from(port))
            .ssl_certificate_id(certificate);
        self.write("SetLoadBalancerListenerSSLCertificate", request.send())
            .await
    }

    async fn enable_zones(&self, name: &str, zones: &BTreeSet<String>) -> Answer {
        let request = self.elb.enable_availability_zones_for_load_balancer();
        let request = request.load_balancer_name(name);
        let request = request.set_availability_zones(convert::to_list(zones));
        self.write("EnableAvailabilityZonesForLoadBalancer", request.send())
            .await
    }

    async fn disable_zones(&self, name: &str, zones: &BTreeSet<String>) -> Answer {
        let request = self.elb.disable_availability_zones_for_load_balancer();
        let request = request.load_balancer_name(name);
        let request = request.set_availability_zones(convert::to_list(zones));
        self.write("DisableAvailabilityZonesForLoadBalancer", request.send())
            .await
    }

    async fn attach_subnets(&self, name: &str, subnets: &BTreeSet<String>) -> Answer {
        let request = self.elb.attach_load_balancer_to_subnets().load_balancer_name(name);
        let request = request.set_subnets(convert::to_list(subnets));
        self.write("AttachLoadBalancerToSubnets", request.send()).await
    }

    async fn detach_subnets(&self, name: &str, subnets: &BTreeSet<String>) -> Answer {
        let request = self.elb.detach_load_balancer_from_subnets().load_balancer_name(name);
        let request = request.set_subnets(convert::to_list(subnets));
        self.write("DetachLoadBalancerFromSubnets", request.send()).await
    }

    async fn apply_security_groups(&self, name: &str, groups: &BTreeSet<String>) -> Answer {
        let request = self.elb.apply_security_groups_to_load_balancer();
        let request = request.load_balancer_name(name);
        let request = request.set_security_groups(convert::to_list(groups));
        self.write("ApplySecurityGroupsToLoadBalancer", request.send()).await
    }

    async fn register(&self, name: &str, ids: &BTreeSet<InstanceId>) -> Answer {
        let request = self.elb.register_instances_with_load_balancer();
        let request = request.load_balancer_name(name);
        let request = request.set_instances(Some(convert::to_instances(ids)));
        self.write("RegisterInstancesWithLoadBalancer", request.send()).await
    }

    async fn deregister(&self, name: &str, ids: &BTreeSet<InstanceId>) -> Answer {
        let request = self.elb.deregister_instances_from_load_balancer();
        let request = request.load_balancer_name(name);
        let request = request.set_instances(Some(convert::to_instances(ids)));
        self.write("DeregisterInstancesFromLoadBalancer", request.send()).await
    }

    async fn attach_group(&self, name: &str, group: &str) -> Answer {
        let request = self.autoscaling.attach_load_balancers().auto_scaling_group_name(group);
        self.write("AttachLoadBalancers", request.load_balancer_names(name).send())
            .await
    }

    /// Detaching from a group that is gone is done.
    async fn detach_group(&self, name: &str, group: &str) -> Answer {
        let request = self.autoscaling.detach_load_balancers().auto_scaling_group_name(group);
        match self
            .write("DetachLoadBalancers", request.load_balancer_names(name).send())
            .await
        {
            Err(error) if error.class != Class::MissingReference => Err(error),
            _ => Ok(()),
        }
    }

    async fn add_tags(&self, name: &str, tags: &BTreeMap<String, String>) -> Answer {
        const OPERATION: &str = "AddTags";
        let tags = convert::to_tags(tags).map_err(|error| not_sent(OPERATION, &error))?;
        let request = self.elb.add_tags().load_balancer_names(name);
        self.write(OPERATION, request.set_tags(Some(tags)).send()).await
    }

    async fn remove_tags(&self, name: &str, keys: &BTreeSet<String>) -> Answer {
        let keys = keys.iter().map(|key| TagKeyOnly::builder().key(key).build()).collect();
        let request = self.elb.remove_tags().load_balancer_names(name);
        self.write("RemoveTags", request.set_tags(Some(keys)).send()).await
    }
}
