//! Pure: an object and what it refers to → [`Declared`], or a [`Refusal`] that names the field.
//!
//! The API server enforces most of this at admission. It is enforced here again, in the same words, for objects that
//! were admitted under an older definition; past this module the code meets only valid values.

mod listeners;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sha2::{Digest as _, Sha256};

use super::targets::Members;
use crate::api::{Applied, ClassicLoadBalancerSpec, HealthCheck as HealthCheckSpec, Scheme as SchemeSpec, Targets};
use crate::elb::{
    Declared, HealthCheck, Listener, NAME_LENGTH, Owner, Placement, Port, Registration, Scheme, TAG_PREFIX,
};

/// Names of optional fields as `status.applied.fields` remembers them.
pub const FIELD_HEALTH_CHECK: &str = "healthCheck";

/// Why a spec cannot be realised.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The path of the field below `spec`.
    pub field: String,
    /// What must hold.
    pub message: String,
}

impl Refusal {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spec.{}: {}", self.field, self.message)
    }
}

/// What a spec refers to, as resolved.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The instances that `targets` names by id or by node.
    pub members: Members,
    /// Whether the view of the nodes cannot be trusted to shrink the set.
    pub hold: bool,
}

/// Reads a spec. `applied` tells what was declared before, so that a field taken out goes back to its default once.
pub fn declare(
    spec: &ClassicLoadBalancerSpec,
    name: &str,
    owner: &Owner,
    applied: &Applied,
    resolved: &Resolved,
) -> Result<Declared, Refusal> {
    check_name(name)?;
    let listeners = listeners::declare(&spec.listeners)?;
    let health_check = match &spec.health_check {
        Some(health_check) => Some(declare_health_check(health_check, &listeners)?),
        None if applied.fields.iter().any(|field| field == FIELD_HEALTH_CHECK) => {
            Some(HealthCheck::of(HealthCheck::default_target(&listeners)))
        }
        None => None,
    };
    let tags = declare_tags(spec.tags.as_ref())?;
    let tags_removed = applied
        .tag_keys
        .iter()
        .filter(|key| !tags.contains_key(*key) && !key.starts_with(TAG_PREFIX))
        .cloned()
        .collect();
    Ok(Declared {
        name: name.to_owned(),
        owner: owner.clone(),
        scheme: match spec.scheme {
            SchemeSpec::InternetFacing => Scheme::InternetFacing,
            SchemeSpec::Internal => Scheme::Internal,
        },
        placement: declare_placement(spec)?,
        security_groups: spec
            .security_groups
            .as_ref()
            .map(|groups| groups.iter().cloned().collect()),
        listeners,
        health_check,
        registration: spec.targets.as_ref().map(|_| Registration {
            wanted: resolved.members.keys().cloned().collect(),
            kept: BTreeSet::new(),
            hold: resolved.hold,
        }),
        auto_scaling_groups: spec.targets.as_ref().map(auto_scaling_groups),
        tags,
        tags_removed,
    })
}

/// The names of the groups to attach.
pub fn auto_scaling_groups(targets: &Targets) -> BTreeSet<String> {
    targets
        .auto_scaling_groups
        .iter()
        .flatten()
        .map(|group| group.name.clone())
        .collect()
}

/// The name in AWS where none is declared: readable, legal, and unique by a hash of cluster, namespace and name.
pub fn default_name(cluster_id: &str, namespace: &str, name: &str) -> String {
    const HASH_LENGTH: usize = 8;
    let mut readable: String = format!("{namespace}-{name}")
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(NAME_LENGTH - HASH_LENGTH - 1)
        .collect();
    readable = readable.trim_matches('-').to_owned();
    let digest = Sha256::digest(format!("{cluster_id}\0{namespace}\0{name}"));
    let hash = digest
        .iter()
        .take(HASH_LENGTH / 2)
        .fold(0_u32, |hash, byte| (hash << 8) | u32::from(*byte));
    format!("{readable}-{hash:08x}")
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty()
        || name.len() > NAME_LENGTH
        || !name.chars().all(legal)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        return Err(Refusal::new(
            "loadBalancerName",
            "must be 1 to 32 letters, digits and hyphens, with no hyphen at its ends",
        ));
    }
    Ok(())
}

fn declare_placement(spec: &ClassicLoadBalancerSpec) -> Result<Placement, Refusal> {
    let set = |list: &Vec<String>| list.iter().cloned().collect::<BTreeSet<_>>();
    match (&spec.availability_zones, &spec.subnets) {
        (Some(zones), None) if !zones.is_empty() => Ok(Placement::AvailabilityZones(set(zones))),
        (None, Some(subnets)) if !subnets.is_empty() => Ok(Placement::Subnets(set(subnets))),
        _ => Err(Refusal::new(
            "availabilityZones",
            "exactly one of availabilityZones and subnets must be given, with at least one entry",
        )),
    }
}

fn declare_health_check(spec: &HealthCheckSpec, listeners: &BTreeMap<Port, Listener>) -> Result<HealthCheck, Refusal> {
    let target = spec
        .target
        .clone()
        .unwrap_or_else(|| HealthCheck::default_target(listeners));
    let check = HealthCheck {
        target,
        interval: spec.interval_seconds.unwrap_or(HealthCheck::INTERVAL),
        timeout: spec.timeout_seconds.unwrap_or(HealthCheck::TIMEOUT),
        unhealthy_threshold: spec.unhealthy_threshold.unwrap_or(HealthCheck::UNHEALTHY_THRESHOLD),
        healthy_threshold: spec.healthy_threshold.unwrap_or(HealthCheck::HEALTHY_THRESHOLD),
    };
    let printable = check.target.bytes().all(|byte| byte.is_ascii_graphic());
    if check.port().is_none_or(|port| port == 0) || !printable {
        return Err(Refusal::new(
            "healthCheck.target",
            "target must be TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path, with a port from 1 to 65535",
        ));
    }
    if check.timeout >= check.interval {
        return Err(Refusal::new(
            "healthCheck.timeoutSeconds",
            "timeoutSeconds (default 5) must be less than intervalSeconds (default 30)",
        ));
    }
    Ok(check)
}

fn declare_tags(tags: Option<&BTreeMap<String, String>>) -> Result<BTreeMap<String, String>, Refusal> {
    let tags = tags.cloned().unwrap_or_default();
    let reserved = |key: &&String| key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(TAG_PREFIX);
    match tags.keys().find(reserved) {
        Some(key) => Err(Refusal::new(
            format!("tags[{key}]"),
            "keys of tags must not start with aws: or classiclb.dev/, which are reserved",
        )),
        None => Ok(tags),
    }
}

#[cfg(test)]
mod tests;
