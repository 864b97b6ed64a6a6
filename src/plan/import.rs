//! Pure: a load balancer as AWS has it → the spec that declares it, the way back of [`desired`](super::desired).
//!
//! What such a spec leaves out is at AWS's default, so that it reads as a person would have written it, and what no field
//! can say is told as [`Left`]: it stays as AWS has it.

mod attributes;
mod drift;
mod listeners;
mod policies;

use std::collections::{BTreeMap, BTreeSet};

pub use drift::{Drift, differences};

use crate::api::{
    AutoScalingGroupTarget, ClassicLoadBalancerSpec, DeletionPolicy, HealthCheck as HealthCheckSpec, Registration,
    RegistrationMode, Scheme as SchemeSpec, Targets,
};
use crate::elb::{
    HealthCheck, InstanceId, LoadBalancer, PolicyName, Port, Scheme, TAG_PREFIX, TAG_SERVICE_NAME, is_legal_tag,
};

/// The most tags of a spec.
const TAGS: usize = 40;
/// The most ids in `targets.instanceIds`.
const INSTANCES: usize = 1000;
/// The most groups in `targets.autoScalingGroups`.
const GROUPS: usize = 50;
/// The longest target of a health check.
const CHECK_TARGET: usize = 1024;
/// Prefixes of tags by which other tools know their load balancers. They are theirs to set and to take off.
const OF_OTHERS: [&str; 5] = [
    "kubernetes.io/",
    "k8s.io/",
    "elasticbeanstalk:",
    "KubernetesCluster",
    TAG_SERVICE_NAME,
];

/// What no field can say of a load balancer. It is left as AWS has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Left {
    /// A policy of a listener that no field can declare.
    ListenerPolicy {
        /// The port of the listener.
        port: Port,
        /// The name of the policy.
        name: PolicyName,
        /// AWS's name of its type; empty where it is not known.
        type_name: String,
    },
    /// A secure listener without any TLS policy.
    NoTlsPolicy(Port),
    /// A policy of an instance port that no field can declare there.
    BackendPolicy {
        /// The port of the instances.
        port: Port,
        /// The name of the policy.
        name: PolicyName,
    },
    /// The policies of an instance port that no listener uses.
    UnusedBackend(Port),
    /// A policy that nothing uses.
    UnusedPolicy(PolicyName),
    /// A health check of a form that a spec cannot have.
    HealthCheck(String),
    /// Tags that other tools set, by key.
    TagsOfOthers(BTreeSet<String>),
    /// Tags that a spec cannot have, or has no room for, by key.
    Tags(BTreeSet<String>),
    /// Where the access logs go, in a form that a spec cannot have.
    AccessLog(String),
    /// Instances that a spec cannot name, or has no room for.
    Instances(BTreeSet<InstanceId>),
    /// Auto Scaling groups that a spec has no room for.
    Groups(BTreeSet<String>),
}

/// Why no spec can declare a load balancer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// It has no listener.
    NoListener,
    /// It has neither zones nor subnets.
    NoPlacement,
    /// A secure listener has a certificate that no field can name.
    Certificate(Port),
}

/// A load balancer as a spec.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// What declares it: it is adopted, and kept when the object goes.
    pub spec: ClassicLoadBalancerSpec,
    /// What the spec cannot say.
    pub left: BTreeSet<Left>,
}

/// Reads a load balancer with its tags, policies, attributes and attached Auto Scaling groups. `members` are the
/// instances that those groups register.
///
/// # Errors
/// Why there is no such spec.
pub fn import(lb: &LoadBalancer, region: &str, members: &BTreeSet<InstanceId>) -> Result<Imported, Unfit> {
    if lb.listeners.is_empty() {
        return Err(Unfit::NoListener);
    }
    let mut left = BTreeSet::new();
    let targets = targets(lb, members, &mut left);
    let list = |set: &BTreeSet<String>| (!set.is_empty()).then(|| set.iter().cloned().collect::<Vec<_>>());
    let subnets = list(&lb.subnets);
    let availability_zones = list(&lb.availability_zones).filter(|_| subnets.is_none());
    if subnets.is_none() && availability_zones.is_none() {
        return Err(Unfit::NoPlacement);
    }
    let by_id = targets.as_ref().is_some_and(|targets| targets.instance_ids.is_some());
    let spec = ClassicLoadBalancerSpec {
        region: Some(region.to_owned()),
        load_balancer_name: Some(lb.name.clone()),
        scheme: match lb.scheme {
            Scheme::InternetFacing => SchemeSpec::InternetFacing,
            Scheme::Internal => SchemeSpec::Internal,
        },
        availability_zones,
        subnets,
        security_groups: list(&lb.security_groups),
        listeners: listeners::import(lb, &mut left)?,
        backends: policies::backends(lb, &mut left),
        health_check: health_check(lb, &mut left),
        attributes: attributes::import(&lb.attributes, &mut left),
        targets,
        // Who registers them is not known, so whoever does may go on.
        registration: by_id.then(|| Registration {
            mode: Some(RegistrationMode::Additive),
            ..Registration::default()
        }),
        tags: tags(&lb.tags, &mut left),
        adopt: Some(true),
        deletion_policy: Some(DeletionPolicy::Retain),
        ..ClassicLoadBalancerSpec::default()
    };
    policies::unused(lb, &mut left);
    Ok(Imported { spec, left })
}

/// The health check where it is another than the one that AWS is given at creation, and of that what is not default.
fn health_check(lb: &LoadBalancer, left: &mut BTreeSet<Left>) -> Option<HealthCheckSpec> {
    let check = &lb.health_check;
    let default = HealthCheck::of(HealthCheck::default_target(&lb.listeners));
    if *check == default {
        return None;
    }
    let other = |value: i32, default: i32| (value != default).then_some(value);
    let target = (check.target != default.target).then(|| check.target.clone());
    if let Some(target) = target.as_ref().filter(|target| !is_target(target)) {
        left.insert(Left::HealthCheck(target.clone()));
        return None;
    }
    Some(HealthCheckSpec {
        // The default one moves with the listeners, and a check that is stated shall not.
        target: Some(check.target.clone()),
        interval_seconds: other(check.interval, default.interval),
        timeout_seconds: other(check.timeout, default.timeout),
        unhealthy_threshold: other(check.unhealthy_threshold, default.unhealthy_threshold),
        healthy_threshold: other(check.healthy_threshold, default.healthy_threshold),
        ..HealthCheckSpec::default()
    })
}

/// Whether a spec can have this target.
fn is_target(target: &str) -> bool {
    let Some((protocol, rest)) = target.split_once(':') else {
        return false;
    };
    let (port, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let fits = match protocol {
        "HTTP" | "HTTPS" => !path.is_empty(),
        "TCP" | "SSL" => path.is_empty(),
        _ => false,
    };
    let is_number = !port.starts_with('0') && port.parse::<Port>().is_ok_and(|port| port > 0);
    fits && is_number && target.len() <= CHECK_TARGET && target.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The Auto Scaling groups, and the instances that none of them registers. Nothing at all: instances are not touched.
fn targets(lb: &LoadBalancer, members: &BTreeSet<InstanceId>, left: &mut BTreeSet<Left>) -> Option<Targets> {
    let is_id = |id: &&InstanceId| {
        let hexadecimal = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let digits = id.strip_prefix("i-");
        digits.is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(hexadecimal))
    };
    let (mut ids, mut lost) = (Vec::new(), BTreeSet::new());
    for id in lb.instances.difference(members) {
        if is_id(&id) && ids.len() < INSTANCES {
            ids.push(id.clone());
        } else {
            lost.insert(id.clone());
        }
    }
    if !lost.is_empty() {
        left.insert(Left::Instances(lost));
    }
    let groups: Vec<_> = lb.auto_scaling_groups.iter().take(GROUPS).cloned().collect();
    let more: BTreeSet<String> = lb.auto_scaling_groups.iter().skip(GROUPS).cloned().collect();
    if !more.is_empty() {
        left.insert(Left::Groups(more));
    }
    let attached = groups
        .into_iter()
        .map(|name| AutoScalingGroupTarget { name, mode: None });
    let targets = Targets {
        auto_scaling_groups: Some(attached.collect()).filter(|groups: &Vec<_>| !groups.is_empty()),
        instance_ids: Some(ids).filter(|ids| !ids.is_empty()),
        ..Targets::default()
    };
    (targets != Targets::default()).then_some(targets)
}

/// Whether another tool knows its load balancers by a tag of this key.
pub fn is_of_another_tool(key: &str) -> bool {
    OF_OTHERS.iter().any(|prefix| key.starts_with(prefix))
}

/// The tags, but for those that are AWS's, the operator's or another tool's.
fn tags(all: &BTreeMap<String, String>, left: &mut BTreeSet<Left>) -> Option<BTreeMap<String, String>> {
    let (mut tags, mut others, mut lost) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for (key, value) in all {
        if key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(TAG_PREFIX) {
            continue;
        }
        if is_of_another_tool(key) {
            others.insert(key.clone());
        } else if is_legal_tag(key, value) && tags.len() < TAGS {
            tags.insert(key.clone(), value.clone());
        } else {
            lost.insert(key.clone());
        }
    }
    if !others.is_empty() {
        left.insert(Left::TagsOfOthers(others));
    }
    if !lost.is_empty() {
        left.insert(Left::Tags(lost));
    }
    (!tags.is_empty()).then_some(tags)
}
