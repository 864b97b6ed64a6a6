//! Load balancers as `list` and `inventory` show them.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::elb::InstanceHealth;
use crate::elb::{Listener, LoadBalancer, TAG_CLUSTER, TAG_ORIGIN, TAG_OWNER, TAG_SERVICE_NAME, TAG_UID};

/// What the tag begins with by which other controllers of Kubernetes mark the load balancers of a cluster.
const SERVICE_CLUSTER: &str = "kubernetes.io/cluster/";

/// More listeners than these are counted in a table.
const LISTENERS: usize = 4;

/// One load balancer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) dns_name: Option<String>,
    pub(super) scheme: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) vpc_id: Option<String>,
    pub(super) availability_zones: Vec<String>,
    pub(super) subnets: Vec<String>,
    pub(super) security_groups: Vec<String>,
    pub(super) listeners: Vec<ShownListener>,
    pub(super) health_check: ShownHealthCheck,
    pub(super) registered: usize,
    /// Absent where the health was not read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) in_service: Option<usize>,
    pub(super) instances: Vec<ShownInstance>,
    /// Absent where no tag names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) owner: Option<ShownOwner>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) canonical_hosted_zone_id: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownListener {
    port: u16,
    protocol: &'static str,
    instance_port: u16,
    instance_protocol: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    policies: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownHealthCheck {
    pub(super) target: String,
    interval_seconds: i32,
    timeout_seconds: i32,
    unhealthy_threshold: i32,
    healthy_threshold: i32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownInstance {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
}

/// Who owns a load balancer, as its tags say.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownOwner {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cluster: Option<String>,
    /// `ClassicLoadBalancer` or `Service`.
    pub(super) kind: &'static str,
    /// Namespace and name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    uid: Option<String>,
    /// `created` or `adopted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    origin: Option<String>,
}

impl Shown {
    pub(super) fn new(region: &str, balancer: LoadBalancer, tags: BTreeMap<String, String>) -> Self {
        let list = |set: std::collections::BTreeSet<String>| set.into_iter().collect();
        let instances = balancer.instances.into_iter().map(|id| ShownInstance {
            id,
            state: None,
            reason: None,
            description: None,
        });
        let instances: Vec<_> = instances.collect();
        Self {
            name: balancer.name,
            region: region.to_owned(),
            dns_name: balancer.identity.dns_name,
            scheme: balancer.scheme.as_str(),
            vpc_id: balancer.identity.vpc_id,
            availability_zones: list(balancer.availability_zones),
            subnets: list(balancer.subnets),
            security_groups: list(balancer.security_groups),
            listeners: balancer.listeners.into_values().map(ShownListener::new).collect(),
            health_check: ShownHealthCheck {
                target: balancer.health_check.target,
                interval_seconds: balancer.health_check.interval,
                timeout_seconds: balancer.health_check.timeout,
                unhealthy_threshold: balancer.health_check.unhealthy_threshold,
                healthy_threshold: balancer.health_check.healthy_threshold,
            },
            registered: instances.len(),
            // Nobody needs to be asked how many of none are in service.
            in_service: instances.is_empty().then_some(0),
            instances,
            owner: owner(&tags),
            tags,
            created_time: balancer.identity.created_time,
            canonical_hosted_zone_id: balancer.identity.canonical_hosted_zone_id,
        }
    }

    /// Whether it is of an object or Service in this namespace.
    pub(super) fn is_of(&self, namespace: &str) -> bool {
        let object = self.owner.as_ref().and_then(|owner| owner.object.as_deref());
        object
            .and_then(|object| object.split_once('/'))
            .is_some_and(|(own, _)| own == namespace)
    }

    /// Puts in the health as it was read.
    pub(super) fn set_health(&mut self, health: &[InstanceHealth]) {
        self.in_service = Some(health.iter().filter(|instance| instance.is_in_service()).count());
        for instance in &mut self.instances {
            if let Some(read) = health.iter().find(|read| read.id == instance.id) {
                instance.state = Some(read.state.to_string());
                instance.reason = read.reason.as_deref().map(ToOwned::to_owned);
                instance.description = read.description.as_deref().map(ToOwned::to_owned);
            }
        }
    }

    /// The listeners in a table: the first ones and how many more there are, unless it is a wide one.
    pub(super) fn listeners_cell(&self, wide: bool) -> String {
        let shown = if wide { self.listeners.len() } else { LISTENERS };
        let first: Vec<String> = self.listeners.iter().take(shown).map(ShownListener::short).collect();
        match self.listeners.len().saturating_sub(shown) {
            0 => first.join(","),
            more => format!("{} (+{more})", first.join(",")),
        }
    }

    /// Instances in service of those registered.
    pub(super) fn summary(&self) -> String {
        let in_service = self
            .in_service
            .map_or_else(|| "?".to_owned(), |count| count.to_string());
        format!("{in_service}/{}", self.registered)
    }
}

impl ShownListener {
    fn new(listener: Listener) -> Self {
        Self {
            port: listener.port,
            protocol: listener.protocol.as_str(),
            instance_port: listener.instance_port,
            instance_protocol: listener.instance_protocol.as_str(),
            certificate: listener.certificate,
            policies: listener.policies.into_iter().collect(),
        }
    }

    /// `HTTP:80->8080`, `HTTPS:443->HTTP:8080`.
    pub(super) fn short(&self) -> String {
        let to = if self.protocol == self.instance_protocol {
            self.instance_port.to_string()
        } else {
            format!("{}:{}", self.instance_protocol, self.instance_port)
        };
        format!("{}:{}->{to}", self.protocol, self.port)
    }
}

/// Our own tags first; else those of a Service of type `LoadBalancer`.
fn owner(tags: &BTreeMap<String, String>) -> Option<ShownOwner> {
    let tag = |key: &str| tags.get(key).cloned();
    let (cluster, object) = (tag(TAG_CLUSTER), tag(TAG_OWNER));
    if cluster.is_some() || object.is_some() {
        return Some(ShownOwner {
            cluster,
            kind: "ClassicLoadBalancer",
            object,
            uid: tag(TAG_UID),
            origin: tag(TAG_ORIGIN),
        });
    }
    let cluster = tags.keys().find_map(|key| key.strip_prefix(SERVICE_CLUSTER));
    let (cluster, object) = (cluster.map(ToOwned::to_owned), tag(TAG_SERVICE_NAME));
    (cluster.is_some() || object.is_some()).then_some(ShownOwner {
        cluster,
        kind: "Service",
        object,
        uid: None,
        origin: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner_of(tags: &[(&str, &str)]) -> Option<(Option<String>, &'static str, Option<String>)> {
        let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        owner(&tags.collect()).map(|owner| (owner.cluster, owner.kind, owner.object))
    }

    #[test]
    fn tags_tell_the_owner() {
        assert_eq!(owner_of(&[("team", "shop")]), None);
        assert_eq!(
            owner_of(&[("classiclb.dev/cluster", "a"), ("classiclb.dev/owner", "shop/web")]),
            Some((Some("a".into()), "ClassicLoadBalancer", Some("shop/web".into())))
        );
        assert_eq!(
            owner_of(&[("classiclb.dev/owner", "shop/web")]),
            Some((None, "ClassicLoadBalancer", Some("shop/web".into())))
        );
        assert_eq!(
            owner_of(&[
                ("kubernetes.io/cluster/b", "owned"),
                ("kubernetes.io/service-name", "shop/api")
            ]),
            Some((Some("b".into()), "Service", Some("shop/api".into())))
        );
    }
}
