//! Pure: the model: what a Classic Elastic Load Balancer is, in canonical form.
//!
//! [`LoadBalancer`] is what AWS has or shall have; [`Declared`] is the same with optional parts. Planning compares two
//! values of the one type, so everything that is compared is also read back, and sets compare as sets.

mod account;
mod attributes;
mod bucket;
mod declared;
mod element;
pub mod glob;
mod health_check;
mod instance_health;
mod lane;
mod limits;
mod listener;
mod log_delivery;
mod network;
mod policy;
mod refusal;
pub mod region;
mod similar;
mod tags;

use std::collections::{BTreeMap, BTreeSet};

pub use account::{Account, AutoScalingGroup, Certificate};
pub use attributes::{AccessLog, Attribute, Attributes, DesyncMitigationMode};
pub use bucket::{ATTACHED, Bucket, Calls, PARTS, Wait};
pub use declared::{Backend, Declared, ListenerPolicies, Member, Part, Placement, Registration};
pub use element::{Element, Value};
pub use health_check::HealthCheck;
pub use instance_health::InstanceHealth;
pub use lane::Lane;
pub use limits::{
    DESCRIBE_AUTO_SCALING_GROUPS, DESCRIBE_AUTO_SCALING_INSTANCES, DESCRIBE_INSTANCES, DESCRIBE_LOAD_BALANCERS,
    DESCRIBE_TAGS, FREE_ADDRESSES, INSTANCES, LISTENERS, NAME_LENGTH, POLICIES, TAGS,
};
pub use listener::{Listener, Protocol};
pub use network::{RouteTable, SecurityGroup, Subnet};
pub use policy::{
    DEFAULT_TLS_POLICY, PREDEFINED_TLS_POLICIES, Policies, Policy, PolicyKind, PolicyName, Stickiness, TlsPolicy,
    canonical_key, is_own_policy,
};
pub use refusal::{Class, Code};
pub use similar::similar;
pub use tags::{
    Origin, Owner, Ownership, TAG_ADOPT_BY, TAG_BIND_BY, TAG_CLUSTER, TAG_KOPS_CLUSTER, TAG_ORIGIN, TAG_OWNER,
    TAG_PREFIX, TAG_SERVICE_NAME, TAG_UID, is_legal_tag,
};

/// A port of a listener or of an instance.
pub type Port = u16;

/// The id of an EC2 instance, such as `i-0123456789abcdef0`.
pub type InstanceId = String;

/// Whether a load balancer has public addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Public addresses.
    InternetFacing,
    /// Private addresses only.
    Internal,
}

impl Scheme {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InternetFacing => "internet-facing",
            Self::Internal => "internal",
        }
    }
}

/// What AWS decides and nobody declares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// When the load balancer was created, RFC 3339. With account, region and name this is the identity of a load
    /// balancer: a name alone may have been deleted and taken again.
    pub created_time: Option<String>,
    /// The name that clients resolve.
    pub dns_name: Option<String>,
    /// The Route 53 zone of the DNS name; AWS's answer, since tables of zones by region are wrong for old load
    /// balancers.
    pub canonical_hosted_zone_id: Option<String>,
    /// The VPC.
    pub vpc_id: Option<String>,
    /// Owner and name of the security group that the load balancer's traffic comes from.
    pub source_security_group: Option<(String, String)>,
}

/// A load balancer as AWS has it, or shall have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancer {
    /// The name, unique in its account and region.
    pub name: String,
    /// What AWS decided at creation.
    pub identity: Identity,
    /// Public or private addresses; cannot be changed.
    pub scheme: Scheme,
    /// The listeners by port.
    pub listeners: BTreeMap<Port, Listener>,
    /// The policies by name, in force or not.
    pub policies: Policies,
    /// The policies in force on ports of the instances. Those of a port that no listener uses any more stay.
    pub backends: BTreeMap<Port, BTreeSet<PolicyName>>,
    /// The health check.
    pub health_check: HealthCheck,
    /// The attributes, as far as they were read.
    pub attributes: Attributes,
    /// The zones served.
    pub availability_zones: BTreeSet<String>,
    /// The subnets attached.
    pub subnets: BTreeSet<String>,
    /// The security groups.
    pub security_groups: BTreeSet<String>,
    /// The registered instances.
    pub instances: BTreeSet<InstanceId>,
    /// All tags.
    pub tags: BTreeMap<String, String>,
    /// Of the Auto Scaling groups that matter to us, those that list this load balancer.
    pub auto_scaling_groups: BTreeSet<String>,
}

#[cfg(test)]
impl LoadBalancer {
    /// One that has nothing, for tests to add to.
    pub(crate) fn bare(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            identity: Identity::default(),
            scheme: Scheme::Internal,
            listeners: BTreeMap::new(),
            policies: Policies::new(),
            backends: BTreeMap::new(),
            health_check: HealthCheck::of("TCP:80".to_owned()),
            attributes: Attributes::default(),
            availability_zones: BTreeSet::new(),
            subnets: BTreeSet::new(),
            security_groups: BTreeSet::new(),
            instances: BTreeSet::new(),
            tags: BTreeMap::new(),
            auto_scaling_groups: BTreeSet::new(),
        }
    }
}

impl LoadBalancer {
    /// What a policy is for; `Unknown` also where there is none of that name.
    pub fn policy_kind(&self, name: &str) -> PolicyKind {
        match self.policies.get(name).filter(|policy| **policy != Policy::UNREAD) {
            Some(policy) => policy.kind(),
            // Nobody read it, or a listener that is yet to be made brings it.
            None if name == DEFAULT_TLS_POLICY => PolicyKind::Tls,
            None => PolicyKind::Unknown,
        }
    }

    /// Takes over the policies of another state that this one refers to and lacks.
    pub fn keep_policies_of(&mut self, other: &Self) {
        let referenced = |lb: &Self| -> BTreeSet<PolicyName> {
            let of_listeners = lb.listeners.values().flat_map(|listener| &listener.policies);
            let of_policies = lb.policies.values().filter_map(|policy| match policy {
                Policy::BackendAuthentication(names) => Some(names),
                _ => None,
            });
            let all = of_listeners
                .chain(lb.backends.values().flatten())
                .chain(of_policies.flatten());
            all.cloned().collect()
        };
        loop {
            let mut lacking = referenced(self);
            lacking.retain(|name| !self.policies.contains_key(name) && other.policies.contains_key(name));
            if lacking.is_empty() {
                return;
            }
            let kept = lacking
                .into_iter()
                .filter_map(|name| Some((name.clone(), other.policies.get(&name)?.clone())));
            self.policies.extend(kept.collect::<Vec<_>>());
        }
    }

    /// Whether a port of the instances is served by any listener.
    pub fn uses_instance_port(&self, port: Port) -> bool {
        self.listeners.values().any(|listener| listener.instance_port == port)
    }
}
