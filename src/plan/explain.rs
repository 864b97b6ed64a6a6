//! Pure: what a step makes, takes away and replaces, for whoever reads a plan before it runs.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::step::Step;
use crate::elb::{Listener, LoadBalancer, Port};

/// A step, and what there is to know of it beyond its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The call.
    pub step: Step,
    /// What a creation carries, and what was there before a change; one thing a line.
    pub details: Vec<String>,
}

impl Explained {
    /// A step before it is taken. `before` is the load balancer as it is then, where there is one.
    pub fn new(step: &Step, before: Option<&LoadBalancer>) -> Self {
        let details = match (step, before) {
            (Step::CreateLoadBalancer(created), _) => creation(created),
            (_, Some(before)) => replaced(step, before),
            (_, None) => Vec::new(),
        };
        Self {
            step: step.clone(),
            details,
        }
    }
}

/// All that the one call carries.
fn creation(lb: &LoadBalancer) -> Vec<String> {
    let mut lines = vec![format!("scheme {}", lb.scheme.as_str())];
    lines.extend(
        lb.listeners
            .values()
            .map(|listener| format!("listener {}", whole(listener))),
    );
    for (what, names) in [
        ("zones", &lb.availability_zones),
        ("subnets", &lb.subnets),
        ("groups", &lb.security_groups),
    ] {
        if !names.is_empty() {
            lines.push(format!("{what} {}", list(names)));
        }
    }
    lines.extend(tags(&lb.tags).map(|tag| format!("tag {tag}")));
    lines
}

/// What was there, in the words in which the step says what will be.
fn replaced(step: &Step, before: &LoadBalancer) -> Vec<String> {
    let listener = |port: &Port| before.listeners.get(port);
    match step {
        // After a creation it is the same, since AWS's own default is sent explicitly.
        Step::ConfigureHealthCheck(check) => was((*check != before.health_check).then_some(&before.health_check)),
        Step::DeleteListeners(ports) => was(ports.iter().filter_map(listener).map(whole)),
        Step::SetCertificate { port, .. } => was(listener(port).and_then(|listener| listener.certificate.as_ref())),
        Step::SetPolicies { port, .. } => was(listener(port).map(|listener| in_brackets(&listener.policies))),
        Step::SetBackendPolicies { port, .. } => was(before.backends.get(port).map(in_brackets)),
        Step::DeletePolicy(name) => was(before.policies.get(name)),
        Step::ModifyAttribute(attribute) => {
            let known = before.attributes.all();
            was(known.iter().filter(|known| known.is_same_attribute(attribute)))
        }
        Step::ApplySecurityGroups(_) => was([list(&before.security_groups)]),
        Step::EnableZones(_) | Step::DisableZones(_) => was([list(&before.availability_zones)]),
        Step::AttachSubnets(_) | Step::DetachSubnets(_) => was([list(&before.subnets)]),
        Step::AddTags(added) => {
            let replaced = before.tags.iter().filter(|(key, _)| added.contains_key(*key));
            was(replaced.map(|(key, value)| format!("{key}={value}")))
        }
        Step::RemoveTags(keys) => {
            let removed = before.tags.iter().filter(|(key, _)| keys.contains(*key));
            was(removed.map(|(key, value)| format!("{key}={value}")))
        }
        Step::CreateLoadBalancer(_)
        | Step::CreateListeners { .. }
        | Step::FindCertificate(_)
        | Step::CreatePolicy { .. }
        | Step::RegisterInstances(_)
        | Step::DeregisterInstances(_)
        | Step::AttachAutoScalingGroup(_)
        | Step::DetachAutoScalingGroup(_)
        | Step::DeleteLoadBalancer => Vec::new(),
    }
}

fn was<T: Display>(things: impl IntoIterator<Item = T>) -> Vec<String> {
    let shown = things.into_iter().map(|thing| thing.to_string());
    shown
        .filter(|thing| !thing.is_empty())
        .map(|thing| format!("was {thing}"))
        .collect()
}

/// A listener with its certificate.
fn whole(listener: &Listener) -> String {
    match &listener.certificate {
        Some(certificate) => format!("{listener}, certificate {certificate}"),
        None => listener.to_string(),
    }
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

fn in_brackets<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    format!("[{}]", list(items))
}

fn tags(tags: &BTreeMap<String, String>) -> impl Iterator<Item = String> {
    tags.iter().map(|(key, value)| format!("{key}={value}"))
}
