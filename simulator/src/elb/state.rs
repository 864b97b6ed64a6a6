//! What ELB remembers of a balancer.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::clock::Timestamp;

/// The balancers of a region by name, and for stale reads how they were before the latest writes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Balancers {
    by_name: BTreeMap<String, Arc<LoadBalancer>>,
    /// Deleted ones whose network interfaces are still there, and until when.
    departed: VecDeque<(Timestamp, Arc<LoadBalancer>)>,
    #[serde(skip)]
    past: VecDeque<Past>,
    #[serde(skip)]
    remember: Duration,
}

#[derive(Clone, Debug)]
struct Past {
    until: Timestamp,
    name: String,
    was: Option<Arc<LoadBalancer>>,
}

impl Balancers {
    pub(crate) fn get(&self, name: &str) -> Option<&LoadBalancer> {
        self.by_name.get(name).map(Arc::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &LoadBalancer> {
        self.by_name.values().map(Arc::as_ref)
    }

    /// The balancers whose names come after `name`, in order.
    pub(crate) fn after<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a LoadBalancer> + use<'a> {
        let from = (std::ops::Bound::Excluded(name), std::ops::Bound::Unbounded);
        self.by_name
            .range::<str, _>(from)
            .map(|(_, balancer)| balancer.as_ref())
    }

    pub(crate) fn put(&mut self, now: Timestamp, balancer: LoadBalancer) {
        let name = balancer.name.clone();
        let was = self.by_name.insert(name.clone(), Arc::new(balancer));
        self.record(now, name, was);
    }

    /// Deletes one, whose network interfaces go `lingering` later.
    pub(crate) fn remove(&mut self, now: Timestamp, name: &str, lingering: Duration) {
        while self.departed.front().is_some_and(|(until, _)| *until <= now) {
            self.departed.pop_front();
        }
        if let Some(was) = self.by_name.remove(name) {
            if !lingering.is_zero() {
                self.departed.push_back((now.plus(lingering), Arc::clone(&was)));
            }
            self.record(now, name.to_owned(), Some(was));
        }
    }

    /// Deleted balancers whose network interfaces are still there.
    pub(crate) fn departed(&self, now: Timestamp) -> impl Iterator<Item = &LoadBalancer> {
        let there = self.departed.iter().filter(move |(until, _)| *until > now);
        there.map(|(_, balancer)| balancer.as_ref())
    }

    /// Keeps what writes replace for so long, for [`Balancers::as_of`].
    pub(crate) fn remember(&mut self, period: Duration) {
        self.remember = period;
        if period.is_zero() {
            self.past.clear();
        }
    }

    /// The balancers as they were at an earlier time, as far as it is remembered.
    pub(crate) fn as_of(&self, time: Timestamp) -> Self {
        let mut by_name = self.by_name.clone();
        for past in self.past.iter().rev().take_while(|past| past.until > time) {
            match &past.was {
                Some(was) => by_name.insert(past.name.clone(), Arc::clone(was)),
                None => by_name.remove(&past.name),
            };
        }
        Self {
            by_name,
            ..Self::default()
        }
    }

    fn record(&mut self, now: Timestamp, name: String, was: Option<Arc<LoadBalancer>>) {
        if self.remember.is_zero() {
            return;
        }
        let forget = now.minus(self.remember);
        while self.past.front().is_some_and(|past| past.until < forget) {
            self.past.pop_front();
        }
        self.past.push_back(Past { until: now, name, was });
    }
}

/// A Classic load balancer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoadBalancer {
    pub(crate) name: String,
    pub(crate) dns_name: String,
    pub(crate) created: Timestamp,
    pub(crate) scheme: Scheme,
    pub(crate) vpc_id: String,
    /// Availability Zone to subnet: a zone can be served from one subnet only.
    pub(crate) placement: BTreeMap<String, String>,
    /// Since when it is in each of its zones.
    #[serde(default)]
    pub(crate) entered: BTreeMap<String, Timestamp>,
    /// Zones that are being disabled and until when their instances still serve.
    pub(crate) leaving_zones: BTreeMap<String, Timestamp>,
    /// Zones whose subnet was detached, which subnet that was, and until when AWS takes no other in its place.
    pub(crate) leaving_subnets: BTreeMap<String, (String, Timestamp)>,
    /// Listeners that were deleted, and until when AWS takes no other on their port.
    pub(crate) leaving_listeners: BTreeMap<u16, (Listener, Timestamp)>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) listeners: BTreeMap<u16, Listener>,
    pub(crate) policies: BTreeMap<String, Policy>,
    /// Policies by instance port. They outlive the last listener that used the port.
    pub(crate) backends: BTreeMap<u16, Vec<String>>,
    pub(crate) instances: BTreeMap<SmolStr, Registration>,
    /// Instances that were deregistered, and until when they drain.
    pub(crate) deregistered: BTreeMap<SmolStr, Timestamp>,
    pub(crate) health_check: HealthCheck,
    pub(crate) attributes: Attributes,
    pub(crate) tags: BTreeMap<String, String>,
}

impl LoadBalancer {
    pub(crate) fn zones(&self) -> impl Iterator<Item = &str> {
        self.placement.keys().map(String::as_str)
    }

    pub(crate) fn subnets(&self) -> impl Iterator<Item = &str> {
        self.placement.values().map(String::as_str)
    }

    /// Lets it into a zone, which it stays in when it is there.
    pub(crate) fn enter(&mut self, zone: String, subnet: String, now: Timestamp) {
        self.leaving_zones.remove(&zone);
        if !self.placement.contains_key(&zone) {
            self.entered.insert(zone.clone(), now);
            self.placement.insert(zone, subnet);
        }
    }

    /// Whether its network interface in a zone is attached, which takes AWS a while.
    pub(crate) fn has_attached(&self, zone: &str, now: Timestamp, attaching: Duration) -> bool {
        self.entered.get(zone).is_none_or(|since| now >= since.plus(attaching))
    }

    /// Whether a listener presents this certificate.
    pub(crate) fn presents(&self, certificate_arn: &str) -> bool {
        self.listeners
            .values()
            .any(|listener| listener.certificate.as_deref() == Some(certificate_arn))
    }
}

/// Who can reach the balancer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scheme {
    #[default]
    InternetFacing,
    Internal,
}

impl Scheme {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::InternetFacing => "internet-facing",
            Self::Internal => "internal",
        }
    }
}

/// A protocol of a listener, on either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Protocol {
    Http,
    Https,
    Tcp,
    Ssl,
}

impl Protocol {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().as_str() {
            "HTTP" => Some(Self::Http),
            "HTTPS" => Some(Self::Https),
            "TCP" => Some(Self::Tcp),
            "SSL" => Some(Self::Ssl),
            _ => None,
        }
    }

    pub(crate) fn is_secure(self) -> bool {
        matches!(self, Self::Https | Self::Ssl)
    }

    pub(crate) fn is_application_layer(self) -> bool {
        matches!(self, Self::Http | Self::Https)
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Https => "HTTPS",
            Self::Tcp => "TCP",
            Self::Ssl => "SSL",
        })
    }
}

/// A listener, without its port, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Listener {
    pub(crate) protocol: Protocol,
    pub(crate) instance_protocol: Protocol,
    pub(crate) instance_port: u16,
    pub(crate) certificate: Option<String>,
    pub(crate) policies: Vec<String>,
}

impl Listener {
    /// Whether `CreateLoadBalancerListeners` would make the same one: policies are not part of that.
    pub(crate) fn same_as(&self, other: &Self) -> bool {
        Self {
            policies: Vec::new(),
            ..self.clone()
        } == Self {
            policies: Vec::new(),
            ..other.clone()
        }
    }
}

/// The kinds of policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum PolicyType {
    AppCookieStickiness,
    BackendServerAuthentication,
    LbCookieStickiness,
    ProxyProtocol,
    PublicKey,
    SslNegotiation,
}

/// A policy, without its name, which is its key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) kind: PolicyType,
    /// Attributes in the order AWS lists them; a name can occur more than once.
    pub(crate) attributes: Vec<(String, String)>,
}

impl Policy {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// An instance's membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Registration {
    pub(crate) at: Timestamp,
}

/// How instances are checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthCheck {
    pub(crate) target: String,
    pub(crate) interval: u16,
    pub(crate) timeout: u16,
    pub(crate) unhealthy_threshold: u16,
    pub(crate) healthy_threshold: u16,
}

impl HealthCheck {
    /// What a new balancer has.
    pub(crate) fn of_port(instance_port: u16) -> Self {
        Self {
            target: format!("TCP:{instance_port}"),
            interval: 30,
            timeout: 5,
            unhealthy_threshold: 2,
            healthy_threshold: 10,
        }
    }

    /// The port that is checked.
    pub(crate) fn port(&self) -> u16 {
        let digits = self.target.split(':').nth(1).unwrap_or_default();
        digits.split('/').next().unwrap_or_default().parse().unwrap_or(0)
    }
}

/// Attributes with AWS's defaults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attributes {
    pub(crate) cross_zone: bool,
    pub(crate) draining: bool,
    pub(crate) draining_timeout: u32,
    pub(crate) idle_timeout: u32,
    pub(crate) access_log: AccessLog,
    pub(crate) desync_mitigation_mode: String,
}

/// Where access logs go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AccessLog {
    pub(crate) enabled: bool,
    pub(crate) bucket: Option<String>,
    pub(crate) prefix: Option<String>,
    pub(crate) emit_interval: Option<u16>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            cross_zone: false,
            draining: false,
            draining_timeout: 300,
            idle_timeout: 60,
            access_log: AccessLog::default(),
            desync_mitigation_mode: "defensive".to_owned(),
        }
    }
}
