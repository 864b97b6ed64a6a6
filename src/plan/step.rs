//! Pure: one AWS call as data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::api::message;
use crate::elb::{
    Attribute, HealthCheck, InstanceId, Listener, LoadBalancer, Policy, PolicyKind, PolicyName, Port, Stickiness,
    TlsPolicy,
};

/// One call that changes AWS, or that must succeed before one does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `CreateLoadBalancer` with listeners, placement, groups, scheme and tags.
    CreateLoadBalancer(Box<LoadBalancer>),
    /// `ConfigureHealthCheck`, always all five values.
    ConfigureHealthCheck(HealthCheck),
    /// `CreateLoadBalancerListeners`; where AWS refuses it, the steps that put back what was deleted for it.
    CreateListeners {
        /// The new listeners.
        listeners: Vec<Listener>,
        /// What to run when AWS refuses.
        otherwise: Vec<Step>,
    },
    /// `DeleteLoadBalancerListeners`.
    DeleteListeners(BTreeSet<Port>),
    /// Looks a certificate up (ACM `DescribeCertificate` or IAM `GetServerCertificate`), before a port is closed to be
    /// opened again with it.
    FindCertificate(String),
    /// `SetLoadBalancerListenerSSLCertificate`.
    SetCertificate {
        /// The port of the listener.
        port: Port,
        /// The ARN.
        certificate: String,
    },
    /// `SetLoadBalancerPoliciesOfListener`, which replaces the whole list.
    SetPolicies {
        /// The port of the listener.
        port: Port,
        /// The policies in force from then on.
        policies: BTreeSet<PolicyName>,
    },
    /// `CreateLoadBalancerPolicy`, or the call that makes a cookie policy.
    CreatePolicy {
        /// Its name.
        name: PolicyName,
        /// Its content.
        policy: Policy,
    },
    /// `DeleteLoadBalancerPolicy`.
    DeletePolicy(PolicyName),
    /// `SetLoadBalancerPoliciesForBackendServer`, which replaces the whole list.
    SetBackendPolicies {
        /// The port of the instances.
        port: Port,
        /// The policies in force from then on.
        policies: BTreeSet<PolicyName>,
    },
    /// `ModifyLoadBalancerAttributes` with one attribute, so that a refused one stops no other.
    ModifyAttribute(Attribute),
    /// `EnableAvailabilityZonesForLoadBalancer`.
    EnableZones(BTreeSet<String>),
    /// `DisableAvailabilityZonesForLoadBalancer`.
    DisableZones(BTreeSet<String>),
    /// `AttachLoadBalancerToSubnets`.
    AttachSubnets(BTreeSet<String>),
    /// `DetachLoadBalancerFromSubnets`.
    DetachSubnets(BTreeSet<String>),
    /// `ApplySecurityGroupsToLoadBalancer`, which replaces the set.
    ApplySecurityGroups(BTreeSet<String>),
    /// `RegisterInstancesWithLoadBalancer`.
    RegisterInstances(BTreeSet<InstanceId>),
    /// `DeregisterInstancesFromLoadBalancer`.
    DeregisterInstances(BTreeSet<InstanceId>),
    /// Auto Scaling `AttachLoadBalancers`.
    AttachAutoScalingGroup(String),
    /// Auto Scaling `DetachLoadBalancers`.
    DetachAutoScalingGroup(String),
    /// `DeleteLoadBalancer`, which also succeeds for a load balancer that is not there.
    DeleteLoadBalancer,
    /// `AddTags`.
    AddTags(BTreeMap<String, String>),
    /// `RemoveTags`.
    RemoveTags(BTreeSet<String>),
}

/// The operations of steps that write.
const WRITES: [&str; 24] = [
    "AddTags",
    "ApplySecurityGroupsToLoadBalancer",
    "AttachLoadBalancerToSubnets",
    "AttachLoadBalancers",
    "ConfigureHealthCheck",
    "CreateAppCookieStickinessPolicy",
    "CreateLBCookieStickinessPolicy",
    "CreateLoadBalancer",
    "CreateLoadBalancerListeners",
    "CreateLoadBalancerPolicy",
    "DeleteLoadBalancer",
    "DeleteLoadBalancerListeners",
    "DeleteLoadBalancerPolicy",
    "DeregisterInstancesFromLoadBalancer",
    "DetachLoadBalancerFromSubnets",
    "DetachLoadBalancers",
    "DisableAvailabilityZonesForLoadBalancer",
    "EnableAvailabilityZonesForLoadBalancer",
    "ModifyLoadBalancerAttributes",
    "RegisterInstancesWithLoadBalancer",
    "RemoveTags",
    "SetLoadBalancerListenerSSLCertificate",
    "SetLoadBalancerPoliciesForBackendServer",
    "SetLoadBalancerPoliciesOfListener",
];

/// Whether an operation, as a status names it, is a write of a step.
pub fn is_write(operation: &str) -> bool {
    WRITES.contains(&operation)
}

impl Step {
    /// Whether the step changes AWS; one that does not only proves something first.
    pub fn writes(&self) -> bool {
        is_write(self.operation())
    }

    /// The AWS operation.
    pub fn operation(&self) -> &'static str {
        match self {
            Self::CreateLoadBalancer(_) => "CreateLoadBalancer",
            Self::ConfigureHealthCheck(_) => "ConfigureHealthCheck",
            Self::CreateListeners { .. } => "CreateLoadBalancerListeners",
            Self::DeleteListeners(_) => "DeleteLoadBalancerListeners",
            Self::FindCertificate(arn) if arn.contains(":iam:") => "GetServerCertificate",
            Self::FindCertificate(_) => "DescribeCertificate",
            Self::SetCertificate { .. } => "SetLoadBalancerListenerSSLCertificate",
            Self::SetPolicies { .. } => "SetLoadBalancerPoliciesOfListener",
            Self::CreatePolicy { policy, .. } => match policy {
                Policy::Stickiness(Stickiness::LoadBalancerCookie(_)) => "CreateLBCookieStickinessPolicy",
                Policy::Stickiness(Stickiness::ApplicationCookie(_)) => "CreateAppCookieStickinessPolicy",
                _ => "CreateLoadBalancerPolicy",
            },
            Self::DeletePolicy(_) => "DeleteLoadBalancerPolicy",
            Self::SetBackendPolicies { .. } => "SetLoadBalancerPoliciesForBackendServer",
            Self::ModifyAttribute(_) => "ModifyLoadBalancerAttributes",
            Self::EnableZones(_) => "EnableAvailabilityZonesForLoadBalancer",
            Self::DisableZones(_) => "DisableAvailabilityZonesForLoadBalancer",
            Self::AttachSubnets(_) => "AttachLoadBalancerToSubnets",
            Self::DetachSubnets(_) => "DetachLoadBalancerFromSubnets",
            Self::ApplySecurityGroups(_) => "ApplySecurityGroupsToLoadBalancer",
            Self::RegisterInstances(_) => "RegisterInstancesWithLoadBalancer",
            Self::DeregisterInstances(_) => "DeregisterInstancesFromLoadBalancer",
            Self::AttachAutoScalingGroup(_) => "AttachLoadBalancers",
            Self::DetachAutoScalingGroup(_) => "DetachLoadBalancers",
            Self::DeleteLoadBalancer => "DeleteLoadBalancer",
            Self::AddTags(_) => "AddTags",
            Self::RemoveTags(_) => "RemoveTags",
        }
    }

    /// Whether the step takes something away that serves clients, or that somebody has put there.
    /// `before` is the load balancer as it is then, where there is one.
    pub fn takes_away(&self, before: Option<&LoadBalancer>) -> bool {
        match self {
            Self::DeleteListeners(_)
            | Self::DisableZones(_)
            | Self::DetachSubnets(_)
            | Self::DeregisterInstances(_)
            | Self::DetachAutoScalingGroup(_)
            | Self::DeleteLoadBalancer
            | Self::RemoveTags(_) => true,
            // Those that replace a list.
            Self::ApplySecurityGroups(groups) => before.is_some_and(|lb| !lb.security_groups.is_subset(groups)),
            Self::SetPolicies { port, policies } => before.is_some_and(|lb| {
                let listener = lb.listeners.get(port);
                listener.is_some_and(|listener| drops(lb, &listener.policies, policies))
            }),
            Self::SetBackendPolicies { port, policies } => {
                before.is_some_and(|lb| lb.backends.get(port).is_some_and(|old| drops(lb, old, policies)))
            }
            _ => false,
        }
    }

    /// Whether AWS changes more by itself after the step than it says: an Auto Scaling group registers or deregisters its
    /// instances, and zones bring their default subnets.
    pub fn moves_more(&self) -> bool {
        matches!(
            self,
            Self::AttachAutoScalingGroup(_)
                | Self::DetachAutoScalingGroup(_)
                | Self::EnableZones(_)
                | Self::DisableZones(_)
        )
    }

    /// Whether the step makes a listener that sends to this port of the instances.
    pub(super) fn brings_instance_port(&self, port: Option<Port>) -> bool {
        matches!(self, Self::CreateListeners { listeners, .. }
            if listeners.iter().any(|listener| Some(listener.instance_port) == port))
    }

    /// What the call makes of a load balancer. Status after a reconcile is derived from this instead of another read.
    pub fn apply_to(&self, lb: &mut LoadBalancer) {
        match self {
            // Of a load balancer that is gone nothing is planned any more.
            Self::FindCertificate(_) | Self::DeleteLoadBalancer => {}
            Self::CreateLoadBalancer(created) => created.as_ref().clone_into(lb),
            Self::ConfigureHealthCheck(health_check) => lb.health_check.clone_from(health_check),
            Self::CreateListeners { listeners, .. } => {
                for listener in listeners {
                    let policies = listener.protocol.policies_at_creation();
                    for name in &policies {
                        let default = Policy::Tls(TlsPolicy::default());
                        lb.policies.entry(name.clone()).or_insert(default);
                    }
                    let listener = Listener {
                        policies,
                        ..listener.clone()
                    };
                    lb.listeners.insert(listener.port, listener);
                }
            }
            Self::DeleteListeners(ports) => lb.listeners.retain(|port, _| !ports.contains(port)),
            Self::SetCertificate { port, certificate } => {
                if let Some(listener) = lb.listeners.get_mut(port) {
                    listener.certificate = Some(certificate.clone());
                }
            }
            Self::SetPolicies { port, policies } => {
                if let Some(listener) = lb.listeners.get_mut(port) {
                    listener.policies.clone_from(policies);
                }
            }
            Self::CreatePolicy { name, policy } => {
                lb.policies.insert(name.clone(), policy.clone());
            }
            Self::DeletePolicy(name) => {
                lb.policies.remove(name);
            }
            Self::SetBackendPolicies { port, policies } if policies.is_empty() => {
                lb.backends.remove(port);
            }
            Self::SetBackendPolicies { port, policies } => {
                lb.backends.insert(*port, policies.clone());
            }
            Self::ModifyAttribute(attribute) => lb.attributes.set(attribute.clone()),
            Self::EnableZones(zones) => lb.availability_zones.extend(zones.iter().cloned()),
            Self::DisableZones(zones) => lb.availability_zones.retain(|zone| !zones.contains(zone)),
            Self::AttachSubnets(subnets) => lb.subnets.extend(subnets.iter().cloned()),
            Self::DetachSubnets(subnets) => lb.subnets.retain(|subnet| !subnets.contains(subnet)),
            Self::ApplySecurityGroups(groups) => lb.security_groups.clone_from(groups),
            Self::RegisterInstances(ids) => lb.instances.extend(ids.iter().cloned()),
            Self::DeregisterInstances(ids) => lb.instances.retain(|id| !ids.contains(id)),
            Self::AttachAutoScalingGroup(name) => {
                lb.auto_scaling_groups.insert(name.clone());
            }
            Self::DetachAutoScalingGroup(name) => {
                lb.auto_scaling_groups.remove(name);
            }
            Self::AddTags(tags) => lb.tags.extend(tags.clone()),
            Self::RemoveTags(keys) => lb.tags.retain(|key, _| !keys.contains(key)),
        }
    }
}

/// Whether a policy is in force no more, and no other of its kind in its place.
fn drops(lb: &LoadBalancer, old: &BTreeSet<PolicyName>, new: &BTreeSet<PolicyName>) -> bool {
    let replaced = |name: &PolicyName| {
        let kind = lb.policy_kind(name);
        kind != PolicyKind::Unknown && new.iter().any(|other| lb.policy_kind(other) == kind)
    };
    old.difference(new).any(|name| !replaced(name))
}

/// For people: logs and events.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.operation())?;
        match self {
            Self::DeleteLoadBalancer => Ok(()),
            Self::CreateLoadBalancer(lb) => write!(f, " {}", lb.name),
            Self::ConfigureHealthCheck(health_check) => write!(f, " {health_check}"),
            Self::CreateListeners { listeners, .. } => write!(f, " {}", list(listeners)),
            Self::DeleteListeners(ports) => write!(f, " {}", list(ports)),
            Self::SetCertificate { port, certificate } => write!(f, " {port} {certificate}"),
            Self::SetPolicies { port, policies } | Self::SetBackendPolicies { port, policies } => {
                write!(f, " {port} [{}]", list(policies))
            }
            Self::CreatePolicy { name, policy } => write!(f, " {name}: {policy}"),
            Self::ModifyAttribute(attribute) => write!(f, " {attribute}"),
            Self::EnableZones(names)
            | Self::DisableZones(names)
            | Self::AttachSubnets(names)
            | Self::DetachSubnets(names)
            | Self::ApplySecurityGroups(names)
            | Self::RegisterInstances(names)
            | Self::DeregisterInstances(names)
            | Self::RemoveTags(names) => write!(f, " {}", list(names)),
            Self::FindCertificate(name)
            | Self::DeletePolicy(name)
            | Self::AttachAutoScalingGroup(name)
            | Self::DetachAutoScalingGroup(name) => write!(f, " {name}"),
            Self::AddTags(tags) => {
                let pairs = tags.iter().map(|(key, value)| format!("{key}={value}"));
                write!(f, " {}", list(pairs))
            }
        }
    }
}

/// A short enumeration: a call with a thousand instances must still fit an event.
fn list<T: fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    const SHOWN: usize = 8;
    let all: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    let shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => message::and_others(shown, more),
    }
}

#[cfg(test)]
mod tests;
