//! Pure: an object and what it refers to → [`Declared`], or a [`Refusal`] that names the field.
//!
//! The API server enforces most of this at admission. It is enforced here again, in the same words, for objects that
//! were admitted under an older definition; past this module the code meets only valid values.

mod attributes;
pub mod fields;
mod health_check;
mod listeners;
mod placement;
mod policies;
mod whereabouts;

pub use health_check::{unfit, unserved};
pub use whereabouts::{
    brings_certificates, check_whereabouts, foreign_zone, is_elsewhere, withhold_foreign_certificates,
};

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::Problem;
use super::targets::Members;
use crate::api::message;
pub use crate::api::message::Refusal;
use crate::api::{
    Applied, AutoScalingGroupMode, Certificate, ClassicLoadBalancerSpec, ConfigMapKeyRef, InstancePortFrom,
    Part as PartSpec, RegistrationMode, Scheme as SchemeSpec, Targets,
};
use crate::elb::{
    Declared, InstanceId, NAME_LENGTH, Origin, Owner, Part, Port, Registration, Scheme, TAG_PREFIX, TAGS, is_legal_tag,
};

/// The most tags that an operator gives every load balancer.
const DEFAULT_TAGS: usize = 40;

/// What was looked up.
pub type Lookup<T> = Result<T, Problem>;

/// What the names in a spec stand for. What is not named is not looked up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    /// The subnets that `subnetSelector` finds.
    pub subnets: Option<Lookup<BTreeSet<String>>>,
    /// The groups that `securityGroupSelector` finds.
    pub security_groups: Option<Lookup<BTreeSet<String>>>,
    /// The ARN of each certificate that is named otherwise.
    pub certificates: BTreeMap<CertificateName, Lookup<String>>,
    /// The node port of each Service port.
    pub instance_ports: BTreeMap<InstancePortFrom, Lookup<Port>>,
    /// The content of each key of a `ConfigMap`.
    pub public_keys: BTreeMap<ConfigMapKeyRef, Lookup<String>>,
}

/// How a certificate is named, other than by its ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateName {
    /// The name of an IAM server certificate.
    IamServerCertificate(String),
    /// A domain name in ACM.
    AcmDomain(String),
}

impl CertificateName {
    /// The name in a spec; `None` where that gives the ARN.
    pub fn of(certificate: &Certificate) -> Option<Self> {
        let iam = certificate
            .iam_server_certificate_name
            .clone()
            .map(Self::IamServerCertificate);
        iam.or_else(|| certificate.acm_domain_name.clone().map(Self::AcmDomain))
    }
}

/// What a spec refers to, as resolved.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The instances that `targets` names, by whatever source.
    pub members: Members,
    /// The instances that other objects want of the load balancer.
    pub kept: BTreeSet<InstanceId>,
    /// Whether what is known of the sources cannot be trusted to shrink the set.
    pub hold: bool,
    /// What names stand for.
    pub references: References,
    /// Sources of instances that were not found, or could not be looked for.
    pub missing: Vec<Problem>,
    /// The tags that the operator gives every load balancer.
    pub default_tags: BTreeMap<String, String>,
}

/// What was found; what was not is added to `missing`.
fn found<T: Clone>(lookup: Option<&Lookup<T>>, missing: &mut Vec<Problem>) -> Option<T> {
    match lookup? {
        Ok(found) => Some(found.clone()),
        Err(problem) => {
            missing.push(problem.clone());
            None
        }
    }
}

/// What is declared, and what it lacks.
#[derive(Clone, Debug)]
pub struct Desired {
    /// What is declared; parts that lack something are left as AWS has them.
    pub declared: Declared,
    /// What was not found.
    pub missing: Vec<Problem>,
}

/// A spec, and what is needed to read it.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The spec.
    pub spec: &'a ClassicLoadBalancerSpec,
    /// The name in AWS.
    pub name: &'a str,
    /// Whose the load balancer is.
    pub owner: &'a Owner,
    /// What was declared before, so that a field taken out goes back to its default once.
    pub applied: Option<&'a Applied>,
    /// What it refers to.
    pub resolved: &'a Resolved,
}

/// Reads a spec.
///
/// # Errors
/// What cannot be realised, with its field.
pub fn declare(wish: &Wish<'_>) -> Result<Desired, Refusal> {
    let nothing = Applied::default();
    let Wish {
        spec,
        name,
        owner,
        applied,
        resolved,
    } = *wish;
    let applied = applied.unwrap_or(&nothing);
    check_name(name)?;
    let references = &resolved.references;
    let mut missing = Vec::new();
    let read = listeners::declare(&spec.listeners, references, &mut missing)?;
    let before: BTreeSet<&str> = applied.fields.iter().map(String::as_str).collect();
    let health_check = health_check::declare(spec.health_check.as_ref(), &read, &before)?;
    let mut tags = resolved.default_tags.clone();
    tags.extend(declare_tags(spec.tags.as_ref())?);
    let ignored_keys: BTreeSet<&String> = spec.ignored_tag_keys.iter().flatten().collect();
    tags.retain(|key, _| !ignored_keys.contains(key));
    check_number(&tags, spec.tags.as_ref(), owner)?;
    let tags_removed = applied
        .tag_keys
        .iter()
        .filter(|key| !tags.contains_key(*key) && !key.starts_with(TAG_PREFIX) && !ignored_keys.contains(key))
        .cloned()
        .collect();
    let declared = Declared {
        name: name.to_owned(),
        owner: Some(owner.clone()),
        scheme: match spec.scheme {
            SchemeSpec::InternetFacing => Scheme::InternetFacing,
            SchemeSpec::Internal => Scheme::Internal,
        },
        placement: placement::declare(spec, references, &mut missing)?,
        security_groups: placement::security_groups(spec, references, &mut missing),
        listener_policies: policies::of_listeners(&spec.listeners, &before)?,
        backends: policies::of_backends(spec, &read, references, &before, &mut missing)?,
        listeners: read.listeners,
        unresolved: read.unresolved,
        ungiven: fields::ungiven(spec, &before),
        health_check,
        attributes: attributes::declare(spec.attributes.as_ref(), &before)?,
        registration: spec.targets.as_ref().map(|_| registration(spec, applied, resolved)),
        auto_scaling_groups: spec.targets.as_ref().map(auto_scaling_groups),
        tags,
        tags_removed,
        ignored: spec
            .ignore_differences
            .iter()
            .flatten()
            .map(|part| self::part(*part))
            .collect(),
    };
    missing.extend(resolved.missing.iter().cloned());
    Ok(Desired { declared, missing })
}

/// Reads the targets of an object whose load balancer is somebody else's.
///
/// # Errors
/// What cannot be realised, with its field.
pub fn declare_instances(wish: &Wish<'_>) -> Result<Desired, Refusal> {
    let Wish {
        spec,
        name,
        applied,
        resolved,
        ..
    } = *wish;
    check_name(name)?;
    let applied = applied.cloned().unwrap_or_default();
    let targets = spec.targets.as_ref();
    Ok(Desired {
        declared: Declared::of_instances(
            name,
            targets.map(|_| registration(spec, &applied, resolved)),
            targets.map(auto_scaling_groups),
        ),
        missing: resolved.missing.clone(),
    })
}

fn registration(spec: &ClassicLoadBalancerSpec, applied: &Applied, resolved: &Resolved) -> Registration {
    let declared = spec.registration.clone().unwrap_or_default();
    let percent = declared
        .max_deregister_percent
        .and_then(|percent| u8::try_from(percent).ok());
    let minimum = declared
        .min_in_service
        .and_then(|minimum| usize::try_from(minimum).ok());
    let additive = declared.mode == Some(RegistrationMode::Additive);
    Registration {
        wanted: resolved.members.keys().cloned().collect(),
        kept: resolved.kept.clone(),
        hold: resolved.hold,
        only: additive.then(|| applied.instance_ids.iter().cloned().collect()),
        max_deregister_percent: percent.unwrap_or(Registration::MAX_DEREGISTER_PERCENT),
        min_in_service: minimum.unwrap_or(Registration::MIN_IN_SERVICE),
    }
}

fn part(part: PartSpec) -> Part {
    match part {
        PartSpec::Listeners => Part::Listeners,
        PartSpec::Policies => Part::Policies,
        PartSpec::Certificates => Part::Certificates,
        PartSpec::HealthCheck => Part::HealthCheck,
        PartSpec::Attributes => Part::Attributes,
        PartSpec::Tags => Part::Tags,
        PartSpec::SecurityGroups => Part::SecurityGroups,
        PartSpec::Placement => Part::Placement,
        PartSpec::Instances => Part::Instances,
    }
}

/// The names of the groups to attach.
pub fn auto_scaling_groups(targets: &Targets) -> BTreeSet<String> {
    targets
        .auto_scaling_groups
        .iter()
        .flatten()
        .filter(|group| group.mode != Some(AutoScalingGroupMode::Resolve))
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

/// `namespace/name` of the object in another namespace whose load balancer is called so where no name is declared, as far as
/// the name tells: one that was cut does not.
pub fn default_name_of_another(cluster_id: &str, namespace: &str, name: &str) -> Option<String> {
    let (readable, _) = name.rsplit_once('-')?;
    let pairs = readable
        .match_indices('-')
        .map(|(at, _)| (&readable[..at], &readable[at + 1..]));
    let mut others = pairs.filter(|(other, _)| *other != namespace);
    let (other, object) = others.find(|(other, object)| default_name(cluster_id, other, object) == name)?;
    Some(format!("{other}/{object}"))
}

/// Whether a name may be one that is made where none is declared and that was cut, so that it does not tell of which object.
pub fn may_be_a_cut_default(name: &str) -> bool {
    let hash = |hash: &str| hash.len() == 8 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    // What is cut behind a hyphen loses that, too.
    let is_long = name.len() >= NAME_LENGTH - 1;
    is_long && name.rsplit_once('-').is_some_and(|(_, end)| hash(end))
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if name.is_empty()
        || name.len() > NAME_LENGTH
        || !name.chars().all(legal)
        || name.starts_with('-')
        || name.ends_with('-')
    {
        return Err(message::illegal_name());
    }
    Ok(())
}

/// Whether a key of a tag belongs to AWS or to the operator.
fn is_reserved(key: &str) -> bool {
    key.to_ascii_lowercase().starts_with("aws:") || key.starts_with(TAG_PREFIX)
}

/// Reads `KEY=VALUE,KEY=VALUE`, the tags that an operator gives every load balancer.
///
/// # Errors
/// What is wrong with it, in words.
pub fn default_tags(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| message::not_a_tag(format_args!("{pair:?}")))?;
        if is_reserved(key) {
            return Err(message::reserved_tag(key));
        }
        if !is_legal_tag(key, value) {
            return Err(message::illegal_tag(format_args!("{pair:?}")));
        }
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(message::tag_given_twice(key));
        }
    }
    match tags.len() {
        0..=DEFAULT_TAGS => Ok(tags),
        more => Err(message::too_many_tags(more, DEFAULT_TAGS)),
    }
}

fn declare_tags(tags: Option<&BTreeMap<String, String>>) -> Result<BTreeMap<String, String>, Refusal> {
    let tags = tags.cloned().unwrap_or_default();
    match tags.keys().find(|key| is_reserved(key)) {
        Some(key) => Err(message::reserved_tag_key(key)),
        None => Ok(tags),
    }
}

/// AWS would refuse the load balancer, or all of its tags, without a word of where they come from.
fn check_number(
    tags: &BTreeMap<String, String>,
    of_the_object: Option<&BTreeMap<String, String>>,
    owner: &Owner,
) -> Result<(), Refusal> {
    let own = owner.tags(Origin::Created).len();
    let count = tags.len() + own;
    let Some(surplus) = count.checked_sub(TAGS).filter(|surplus| *surplus > 0) else {
        return Ok(());
    };
    let given = tags
        .keys()
        .filter(|key| of_the_object.is_none_or(|tags| !tags.contains_key(*key)));
    Err(message::too_many_tags_together(
        count,
        given.count(),
        own,
        TAGS,
        surplus,
    ))
}

#[cfg(test)]
mod tests;
