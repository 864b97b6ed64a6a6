//! Pure: what an object declares, with the parts that it leaves out left out.

mod policies;
mod registration;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Attributes, HealthCheck, Listener, LoadBalancer, Origin, Owner, Policies, Policy, PolicyKind, PolicyName, Port,
    Scheme, Stickiness, TlsPolicy,
};

pub use registration::Registration;

/// Where a load balancer has its network interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The default subnets of these zones of the default VPC.
    AvailabilityZones(BTreeSet<String>),
    /// These subnets, at most one for each zone.
    Subnets(BTreeSet<String>),
}

/// A part of a load balancer that can be left as AWS has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Which ports are open, and where they lead.
    Listeners,
    /// Policies of listeners and of instance ports.
    Policies,
    /// Server certificates.
    Certificates,
    /// The health check.
    HealthCheck,
    /// Attributes.
    Attributes,
    /// Tags other than those that prove the ownership.
    Tags,
    /// Security groups.
    SecurityGroups,
    /// Zones and subnets.
    Placement,
    /// Registered instances and attached Auto Scaling groups.
    Instances,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Listeners,
        Self::Policies,
        Self::Certificates,
        Self::HealthCheck,
        Self::Attributes,
        Self::Tags,
        Self::SecurityGroups,
        Self::Placement,
        Self::Instances,
    ];
}

/// A member of a group of fields, of which each is on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    /// What the health check asks.
    CheckTarget,
    /// Seconds between two checks.
    CheckInterval,
    /// Seconds to wait for an answer.
    CheckTimeout,
    /// Failed checks that take an instance out.
    CheckUnhealthy,
    /// Passed checks that put an instance in.
    CheckHealthy,
    /// Seconds for draining.
    DrainingTimeout,
    /// What the names of access logs begin with.
    LogPrefix,
    /// Minutes that one access log covers.
    LogInterval,
}

/// The policies that a listener shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListenerPolicies {
    /// TLS protocols and ciphers; `None`: as AWS has them.
    pub tls: Option<TlsPolicy>,
    /// Stickiness, or none; `None`: as AWS has it.
    #[allow(clippy::option_option)] // not declared, off, or on
    pub stickiness: Option<Option<Stickiness>>,
}

/// The policies that a port of the instances shall have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backend {
    /// Whether connections begin with a proxy protocol header; `None`: as AWS has it.
    pub proxy_protocol: Option<bool>,
    /// The keys that instances must prove to have, or none; `None`: as AWS has them.
    pub public_keys: Option<BTreeSet<String>>,
}

/// A load balancer as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name in AWS.
    pub name: String,
    /// Who owns it; `None`: somebody else, and only instances are declared.
    pub owner: Option<Owner>,
    /// Public or private addresses.
    pub scheme: Scheme,
    /// Zones or subnets; `None`: as AWS has them.
    pub placement: Option<Placement>,
    /// The security groups; `None`: as AWS has them.
    pub security_groups: Option<BTreeSet<String>>,
    /// The listeners, with the policies that AWS gives them at their creation.
    pub listeners: BTreeMap<Port, Listener>,
    /// Ports that are declared with something that was not found. They stay as AWS has them.
    pub unresolved: BTreeSet<Port>,
    /// The policies of listeners by port.
    pub listener_policies: BTreeMap<Port, ListenerPolicies>,
    /// The policies of instance ports.
    pub backends: BTreeMap<Port, Backend>,
    /// The health check; `None`: the default at creation, then as AWS has it.
    pub health_check: Option<HealthCheck>,
    /// Members of what is declared that nobody gave a value: the default at creation, then as AWS has them.
    pub ungiven: BTreeSet<Member>,
    /// The attributes, where declared.
    pub attributes: Attributes,
    /// The instances; `None`: as AWS has them.
    pub registration: Option<Registration>,
    /// Auto Scaling groups to attach; `None`: left as they are.
    pub auto_scaling_groups: Option<BTreeSet<String>>,
    /// Tags to have.
    pub tags: BTreeMap<String, String>,
    /// Keys of tags that were set once and are declared no more.
    pub tags_removed: BTreeSet<String>,
    /// What is left as AWS has it.
    pub ignored: BTreeSet<Part>,
}

impl Declared {
    /// The instances of a load balancer that is somebody else's. Nothing else of it is declared.
    pub fn of_instances(
        name: &str,
        registration: Option<Registration>,
        auto_scaling_groups: Option<BTreeSet<String>>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            owner: None,
            scheme: Scheme::InternetFacing,
            placement: None,
            security_groups: None,
            listeners: BTreeMap::new(),
            unresolved: BTreeSet::new(),
            listener_policies: BTreeMap::new(),
            backends: BTreeMap::new(),
            health_check: None,
            ungiven: BTreeSet::new(),
            attributes: Attributes::default(),
            registration,
            auto_scaling_groups,
            tags: BTreeMap::new(),
            tags_removed: BTreeSet::new(),
            ignored: Part::ALL.into_iter().filter(|part| *part != Part::Instances).collect(),
        }
    }

    /// All tags to have, those that prove the ownership included.
    pub fn all_tags(&self, origin: Origin) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.extend(self.owner.iter().flat_map(|owner| owner.tags(origin)));
        tags
    }

    /// The load balancer that `CreateLoadBalancer` shall make of this, as far as that call can.
    pub fn at_creation(&self) -> LoadBalancer {
        let (availability_zones, subnets) = match &self.placement {
            Some(Placement::AvailabilityZones(zones)) => (zones.clone(), BTreeSet::new()),
            Some(Placement::Subnets(subnets)) => (BTreeSet::new(), subnets.clone()),
            None => (BTreeSet::new(), BTreeSet::new()),
        };
        LoadBalancer {
            name: self.name.clone(),
            identity: super::Identity::default(),
            scheme: self.scheme,
            listeners: self.listeners.clone(),
            policies: at_creation(&self.listeners),
            backends: BTreeMap::new(),
            attributes: Attributes::at_creation(),
            health_check: HealthCheck::of(HealthCheck::default_target(&self.listeners)),
            availability_zones,
            subnets,
            security_groups: self.security_groups.clone().unwrap_or_default(),
            instances: BTreeSet::new(),
            tags: self.all_tags(Origin::Created),
            auto_scaling_groups: BTreeSet::new(),
        }
    }

    /// What AWS shall have, given what it has: everything declared, and the rest as it is.
    #[must_use]
    pub fn over(&self, observed: &LoadBalancer) -> LoadBalancer {
        let ignores = |part| self.ignored.contains(&part);
        let mut wanted = observed.clone();
        if !ignores(Part::Listeners) {
            wanted.listeners = self.listeners_over(observed);
        } else if !ignores(Part::Certificates) {
            for (port, listener) in &mut wanted.listeners {
                let declared = self
                    .listeners
                    .get(port)
                    .filter(|declared| !listener.needs_rebuild(declared));
                if let Some(declared) = declared.filter(|declared| !declared.has_certificate_of(listener)) {
                    listener.certificate.clone_from(&declared.certificate);
                }
            }
        }
        if !ignores(Part::Policies) {
            policies::put(self, &mut wanted);
        }
        for (name, policy) in given(&wanted, observed) {
            wanted.policies.entry(name).or_insert(policy);
        }
        if !ignores(Part::HealthCheck) {
            wanted.health_check = self.health_check_over(observed, &wanted);
        }
        if !ignores(Part::Attributes) {
            wanted.attributes = self.attributes_over(&observed.attributes);
        }
        match self.placement.as_ref().filter(|_| !ignores(Part::Placement)) {
            Some(Placement::AvailabilityZones(zones)) => wanted.availability_zones.clone_from(zones),
            Some(Placement::Subnets(subnets)) => wanted.subnets.clone_from(subnets),
            None => {}
        }
        if let Some(groups) = self.security_groups.as_ref().filter(|_| !ignores(Part::SecurityGroups)) {
            wanted.security_groups.clone_from(groups);
        }
        if !ignores(Part::Instances) {
            if let Some(registration) = &self.registration {
                wanted.instances = registration.over(&observed.instances);
            }
            if let Some(groups) = &self.auto_scaling_groups {
                wanted.auto_scaling_groups.clone_from(groups);
            }
        }
        let origin = Origin::of(&observed.tags);
        if ignores(Part::Tags) {
            wanted
                .tags
                .extend(self.owner.iter().flat_map(|owner| owner.tags(origin)));
        } else {
            wanted.tags.retain(|key, _| !self.tags_removed.contains(key));
            wanted.tags.extend(self.all_tags(origin));
        }
        wanted
    }

    /// The health check: what is declared of it, over the one that AWS has.
    fn health_check_over(&self, observed: &LoadBalancer, wanted: &LoadBalancer) -> HealthCheck {
        let has = Self::check_as_it_is(observed, wanted);
        let Some(declared) = &self.health_check else {
            return has;
        };
        let of = |member, has, declared| if self.ungiven.contains(&member) { has } else { declared };
        HealthCheck {
            target: if self.ungiven.contains(&Member::CheckTarget) {
                has.target
            } else {
                declared.target.clone()
            },
            interval: of(Member::CheckInterval, has.interval, declared.interval),
            timeout: of(Member::CheckTimeout, has.timeout, declared.timeout),
            unhealthy_threshold: of(
                Member::CheckUnhealthy,
                has.unhealthy_threshold,
                declared.unhealthy_threshold,
            ),
            healthy_threshold: of(Member::CheckHealthy, has.healthy_threshold, declared.healthy_threshold),
        }
    }

    /// The attributes declared, and what is left to AWS of them. What it stores beside a switch that is off does not count.
    fn attributes_over(&self, observed: &Attributes) -> Attributes {
        let mut declared = self.attributes.clone();
        let leaves = |member| self.ungiven.contains(&member);
        if let (Some(Some(timeout)), Some(Some(has))) =
            (&mut declared.connection_draining, &observed.connection_draining)
            && leaves(Member::DrainingTimeout)
        {
            *timeout = *has;
        }
        if let (Some(Some(log)), Some(Some(has))) = (&mut declared.access_log, &observed.access_log) {
            if leaves(Member::LogPrefix) {
                log.prefix.clone_from(&has.prefix);
            }
            if leaves(Member::LogInterval) {
                log.emit_interval = has.emit_interval;
            }
        }
        declared.over(observed)
    }

    /// The health check where nobody declares one: that which AWS has. The default target, though, is the port of a
    /// listener, and follows it when nobody serves that port any more: it would take every instance out.
    fn check_as_it_is(observed: &LoadBalancer, wanted: &LoadBalancer) -> HealthCheck {
        let is_default = observed.health_check.target == HealthCheck::default_target(&observed.listeners);
        let is_served = observed
            .health_check
            .port()
            .is_some_and(|port| wanted.uses_instance_port(port));
        if is_default && !is_served && !wanted.listeners.is_empty() {
            return HealthCheck {
                target: HealthCheck::default_target(&wanted.listeners),
                ..observed.health_check.clone()
            };
        }
        observed.health_check.clone()
    }

    /// The listeners: those declared, and those that are declared but not resolved as they are.
    fn listeners_over(&self, observed: &LoadBalancer) -> BTreeMap<Port, Listener> {
        let declared = self.listeners.iter().map(|(&port, listener)| {
            let mut listener = over_listener(listener, observed);
            let old = observed.listeners.get(&port).and_then(|old| old.certificate.as_ref());
            if let Some(old) =
                old.filter(|_| listener.certificate.is_some() && self.ignored.contains(&Part::Certificates))
            {
                listener.certificate = Some(old.clone());
            }
            (port, listener)
        });
        let kept = observed
            .listeners
            .iter()
            .filter(|(port, _)| self.unresolved.contains(*port));
        declared
            .chain(kept.map(|(&port, listener)| (port, listener.clone())))
            .collect()
    }
}

/// The policies that AWS gives a load balancer with these listeners.
fn at_creation(listeners: &BTreeMap<Port, Listener>) -> Policies {
    let names = listeners
        .values()
        .flat_map(|listener| listener.protocol.policies_at_creation());
    names.map(|name| (name, Policy::Tls(TlsPolicy::default()))).collect()
}

/// The policies that AWS gives listeners which are new or built anew.
fn given(wanted: &LoadBalancer, observed: &LoadBalancer) -> Policies {
    let anew = |new: &&Listener| {
        observed
            .listeners
            .get(&new.port)
            .is_none_or(|old| old.needs_rebuild(new))
    };
    let names = wanted
        .listeners
        .values()
        .filter(anew)
        .flat_map(|listener| listener.protocol.policies_at_creation());
    names.map(|name| (name, Policy::Tls(TlsPolicy::default()))).collect()
}

/// A declared listener with the policies that the observed one has and the new one can keep. Cookies need HTTP on the
/// client's side and TLS policies a secure one; a policy that nothing is known of stays on the same protocol only.
fn over_listener(declared: &Listener, observed: &LoadBalancer) -> Listener {
    let mut listener = declared.clone();
    let Some(old) = observed.listeners.get(&declared.port) else {
        return listener;
    };
    if declared.has_certificate_of(old) {
        listener.certificate.clone_from(&old.certificate);
    }
    if !old.needs_rebuild(declared) {
        listener.policies.clone_from(&old.policies);
        return listener;
    }
    let fits = |name: &&PolicyName| match observed.policy_kind(name) {
        PolicyKind::Tls => declared.protocol.is_secure(),
        PolicyKind::Stickiness => declared.protocol.is_http(),
        _ => old.protocol == declared.protocol,
    };
    let kept: BTreeSet<PolicyName> = old.policies.iter().filter(fits).cloned().collect();
    if kept
        .iter()
        .any(|name| observed.policy_kind(name) != PolicyKind::Stickiness)
    {
        listener.policies = kept;
    } else {
        listener.policies.extend(kept);
    }
    listener
}
