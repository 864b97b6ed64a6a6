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
    /// Whether it takes something away that serves clients, or that somebody has put there.
    pub takes_away: bool,
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
            takes_away: step.takes_away(before),
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::elb::{Policy, Stickiness, TlsPolicy};

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    /// With two security groups, a TLS policy and a cookie on 443, and two policies on the instance port 8443.
    fn before() -> LoadBalancer {
        let mut lb = LoadBalancer::bare("web");
        lb.security_groups = names(&["sg-a", "sg-b"]);
        for (name, policy) in [
            (
                "tls-1",
                Policy::Tls(TlsPolicy::Predefined("ELBSecurityPolicy-2015-05".into())),
            ),
            ("tls-2", Policy::Tls(TlsPolicy::default())),
            ("cookie", Policy::Stickiness(Stickiness::LoadBalancerCookie(None))),
            ("proxy", Policy::ProxyProtocol(true)),
            ("proxy-2", Policy::ProxyProtocol(true)),
            ("odd", Policy::Unknown("SomethingNew".into())),
        ] {
            lb.policies.insert(name.into(), policy);
        }
        lb.listeners.insert(
            443,
            Listener {
                port: 443,
                protocol: crate::elb::Protocol::Https,
                instance_port: 8443,
                instance_protocol: crate::elb::Protocol::Https,
                certificate: None,
                policies: names(&["tls-1", "cookie"]),
            },
        );
        lb.backends.insert(8443, names(&["proxy", "odd"]));
        lb
    }

    #[test]
    fn a_list_that_is_replaced_takes_away_what_it_lacks() {
        let groups = |list: &[&str]| Step::ApplySecurityGroups(names(list));
        let policies = |list: &[&str]| Step::SetPolicies {
            port: 443,
            policies: names(list),
        };
        let backend = |list: &[&str]| Step::SetBackendPolicies {
            port: 8443,
            policies: names(list),
        };
        for (step, takes_away) in [
            (groups(&["sg-a", "sg-b", "sg-c"]), false),
            (groups(&["sg-a", "sg-c"]), true),
            (policies(&["tls-1", "cookie"]), false),
            // Another of its kind is in its place.
            (policies(&["tls-2", "cookie"]), false),
            (policies(&["tls-1"]), true),
            (policies(&[]), true),
            (backend(&["proxy-2", "odd"]), false),
            (backend(&["proxy"]), true),
            (backend(&["odd"]), true),
            (Step::RemoveTags(names(&["team"])), true),
            (Step::RegisterInstances(names(&["i-1"])), false),
        ] {
            assert_eq!(Explained::new(&step, Some(&before())).takes_away, takes_away, "{step}");
            assert_eq!(
                Explained::new(&step, None).takes_away,
                matches!(step, Step::RemoveTags(_)),
                "{step} of which nothing is known"
            );
        }
    }
}
