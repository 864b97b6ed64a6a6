//! What an object declares, with the parts that it leaves out left out.

use std::collections::{BTreeMap, BTreeSet};

use super::{HealthCheck, InstanceId, Listener, LoadBalancer, Owner, Port, Scheme};

/// Where a balancer has its network interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The default subnets of these zones of the default VPC.
    AvailabilityZones(BTreeSet<String>),
    /// These subnets, at most one for each zone.
    Subnets(BTreeSet<String>),
}

/// Which instances shall be registered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// The instances that this object registers itself.
    pub wanted: BTreeSet<InstanceId>,
    /// Instances that are never deregistered though nobody here wants them: members of Auto Scaling groups that are
    /// attached to the balancer, which would only be registered again.
    pub kept: BTreeSet<InstanceId>,
    /// Whether nothing is deregistered at all, since what is known of the nodes cannot be trusted.
    pub hold: bool,
}

/// A balancer as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name in AWS.
    pub name: String,
    /// Who owns it.
    pub owner: Owner,
    /// Public or private addresses.
    pub scheme: Scheme,
    /// Zones or subnets.
    pub placement: Placement,
    /// The security groups; `None`: as AWS has them.
    pub security_groups: Option<BTreeSet<String>>,
    /// The listeners, without policies.
    pub listeners: BTreeMap<Port, Listener>,
    /// The health check; `None`: the default at creation, then as AWS has it.
    pub health_check: Option<HealthCheck>,
    /// The instances; `None`: as AWS has them.
    pub registration: Option<Registration>,
    /// Auto Scaling groups to attach; `None`: left as they are.
    pub auto_scaling_groups: Option<BTreeSet<String>>,
    /// Tags to have.
    pub tags: BTreeMap<String, String>,
    /// Keys of tags that were set once and are declared no more.
    pub tags_removed: BTreeSet<String>,
}

impl Declared {
    /// All tags to have, those that prove the ownership included.
    pub fn all_tags(&self) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.extend(self.owner.tags());
        tags
    }

    /// The balancer that `CreateLoadBalancer` shall make of this, as far as that call can.
    pub fn at_creation(&self) -> LoadBalancer {
        let (availability_zones, subnets) = match &self.placement {
            Placement::AvailabilityZones(zones) => (zones.clone(), BTreeSet::new()),
            Placement::Subnets(subnets) => (BTreeSet::new(), subnets.clone()),
        };
        LoadBalancer {
            name: self.name.clone(),
            identity: super::Identity::default(),
            scheme: self.scheme,
            listeners: self.listeners.clone(),
            health_check: HealthCheck::of(HealthCheck::default_target(&self.listeners)),
            availability_zones,
            subnets,
            security_groups: self.security_groups.clone().unwrap_or_default(),
            instances: BTreeSet::new(),
            tags: self.all_tags(),
            auto_scaling_groups: BTreeSet::new(),
        }
    }

    /// What AWS shall have, given what it has: everything declared, and the rest as it is.
    #[must_use]
    pub fn over(&self, observed: &LoadBalancer) -> LoadBalancer {
        let mut wanted = observed.clone();
        wanted.listeners = self
            .listeners
            .iter()
            .map(|(&port, listener)| (port, over_listener(listener, observed.listeners.get(&port))))
            .collect();
        if let Some(health_check) = &self.health_check {
            wanted.health_check = health_check.clone();
        }
        match &self.placement {
            Placement::AvailabilityZones(zones) => wanted.availability_zones.clone_from(zones),
            Placement::Subnets(subnets) => wanted.subnets.clone_from(subnets),
        }
        if let Some(groups) = &self.security_groups {
            wanted.security_groups.clone_from(groups);
        }
        if let Some(registration) = &self.registration {
            wanted.instances = registration.over(&observed.instances);
        }
        if let Some(groups) = &self.auto_scaling_groups {
            wanted.auto_scaling_groups.clone_from(groups);
        }
        wanted.tags.retain(|key, _| !self.tags_removed.contains(key));
        wanted.tags.extend(self.all_tags());
        wanted
    }
}

impl Registration {
    /// The set to have, given the registered one.
    fn over(&self, registered: &BTreeSet<InstanceId>) -> BTreeSet<InstanceId> {
        let stays = |id: &&InstanceId| self.hold || self.kept.contains(*id) || self.wanted.contains(*id);
        let mut set: BTreeSet<_> = registered.iter().filter(stays).cloned().collect();
        set.extend(self.wanted.iter().cloned());
        set
    }
}

/// A declared listener with the policies that the observed one has and the new one can keep. Cookies need HTTP on the
/// client's side and TLS policies a secure one, so a listener of another kind starts without.
fn over_listener(declared: &Listener, observed: Option<&Listener>) -> Listener {
    let mut listener = declared.clone();
    if let Some(observed) = observed {
        if observed.protocol == declared.protocol {
            listener.policies.clone_from(&observed.policies);
        }
        if declared.has_certificate_of(observed) {
            listener.certificate.clone_from(&observed.certificate);
        }
    }
    listener
}
