//! Pure: the load balancers of a state, each put together from its resources.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::resource::{Resource, State};
use super::whose::{account, ambiguous, named, owners, region};
use crate::elb::{
    AccessLog, Attributes, DesyncMitigationMode, HealthCheck, Identity, Listener, LoadBalancer, Policy, PolicyKind,
    PolicyName, Port, Protocol, Scheme, Stickiness, TlsPolicy,
};

/// Resources that belong to a load balancer, with the attributes that may name it.
const COMPANIONS: [(&str, &[&str]); 9] = [
    ("aws_elb_attachment", &["elb"]),
    ("aws_load_balancer_policy", &["load_balancer_name"]),
    ("aws_load_balancer_listener_policy", &["load_balancer_name"]),
    ("aws_load_balancer_backend_server_policy", &["load_balancer_name"]),
    ("aws_lb_ssl_negotiation_policy", &["load_balancer"]),
    ("aws_app_cookie_stickiness_policy", &["load_balancer"]),
    ("aws_lb_cookie_stickiness_policy", &["load_balancer"]),
    ("aws_proxy_protocol_policy", &["load_balancer"]),
    ("aws_autoscaling_attachment", &["elb"]),
];

/// The name that the provider gives an `aws_proxy_protocol_policy`.
const PROXY_PROTOCOL: &str = "TFEnableProxyProtocol";

/// A load balancer of a state.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Known {
    /// The address of its `aws_elb`.
    pub(in crate::cli) address: String,
    /// The region, where the state tells it.
    pub(in crate::cli) region: Option<String>,
    /// The id of the account, where the state tells it.
    pub(in crate::cli) account: Option<String>,
    /// The load balancer as the state has it.
    pub(in crate::cli) lb: LoadBalancer,
    /// Whether the state tells the scheme and the health check.
    tells: (bool, bool),
    /// The policies of which the state tells the content that they were made with, whatever has become of them.
    as_made: BTreeSet<PolicyName>,
    /// The addresses of the resources that belong to it.
    pub(in crate::cli) companions: BTreeSet<String>,
    /// The addresses of others that refer to it.
    pub(in crate::cli) dependents: BTreeSet<String>,
}

impl Known {
    /// What the state tells, and the rest as AWS has it.
    pub(in crate::cli) fn over(&self, actual: &LoadBalancer) -> LoadBalancer {
        let mut lb = self.lb.clone();
        let (scheme, health_check) = self.tells;
        if !scheme {
            lb.scheme = actual.scheme;
        }
        if !health_check {
            lb.health_check.clone_from(&actual.health_check);
        }
        if lb.subnets.is_empty() && lb.availability_zones.is_empty() {
            lb.subnets.clone_from(&actual.subnets);
            lb.availability_zones.clone_from(&actual.availability_zones);
        }
        for name in &self.as_made {
            if let Some(policy) = actual.policies.get(name) {
                lb.policies.insert(name.clone(), policy.clone());
            }
        }
        // The provider lists every port that has any policy.
        let has_one = |port: &Port| {
            let names = actual.backends.get(port).into_iter().flatten();
            names
                .into_iter()
                .any(|name| actual.policy_kind(name) == PolicyKind::ProxyProtocol)
        };
        lb.backends
            .retain(|port, names| has_one(port) || !names.remove(PROXY_PROTOCOL) || !names.is_empty());
        lb
    }
}

/// The load balancers of a state, and what is to be told of the others of its resources.
pub(in crate::cli) fn known(state: &State) -> (Vec<Known>, Vec<String>) {
    let balancers: Vec<&Resource> = state.of_kind("aws_elb").collect();
    let mut companions: BTreeMap<&str, Vec<(&Resource, bool)>> = BTreeMap::new();
    let mut told = state.skipped.clone();
    for resource in &state.resources {
        let Some(name) = companion_of(resource) else { continue };
        let owners = owners(resource, name, &balancers);
        let alone = owners.len() == 1;
        match owners.as_slice() {
            [] => told.push(format!(
                "{}: its load balancer {name} is not in this state, so it stays Terraform's; --bindings makes bindings of attachments",
                resource.address
            )),
            [_] => {}
            several => told.push(format!(
                "{}, so whichever goes takes it along",
                ambiguous(resource, name, several)
            )),
        }
        for owner in owners {
            companions.entry(&owner.address).or_default().push((resource, alone));
        }
    }
    let mut all = Vec::new();
    for resource in balancers {
        let Some(name) = named(resource) else {
            continue;
        };
        let own = companions.remove(resource.address.as_str()).unwrap_or_default();
        let mut lb = load_balancer(name, &resource.values);
        // What may be another's says nothing of this one.
        let certain = || own.iter().filter(|(_, alone)| *alone).map(|(companion, _)| *companion);
        for companion in certain() {
            put(companion, &mut lb);
        }
        let as_made = certain().filter(|companion| companion.kind == "aws_lb_ssl_negotiation_policy");
        name_predefined(&mut lb);
        let block = resource.block();
        let theirs: BTreeSet<String> = own.iter().map(|(companion, _)| companion.address.clone()).collect();
        let others = state.resources.iter().filter(|other| {
            other.dependencies.contains(&block) && companion_of(other).is_none() && other.kind != "aws_elb"
        });
        all.push(Known {
            region: region(resource),
            account: account(resource),
            dependents: others.map(|other| other.address.clone()).collect(),
            address: resource.address.clone(),
            companions: theirs,
            tells: (
                boolean(&resource.values["internal"]).is_some(),
                health_check(&resource.values["health_check"][0]).is_some(),
            ),
            as_made: as_made
                .filter_map(|policy| policy.text("name").map(ToOwned::to_owned))
                .collect(),
            lb,
        });
    }
    (all, told)
}

/// The name of the load balancer that a resource belongs to.
fn companion_of(resource: &Resource) -> Option<&str> {
    let (_, attributes) = COMPANIONS.iter().find(|(kind, _)| *kind == resource.kind)?;
    attributes.iter().find_map(|attribute| resource.text(attribute))
}

fn load_balancer(name: &str, values: &Value) -> LoadBalancer {
    let listeners = values["listener"].as_array().into_iter().flatten().filter_map(listener);
    let listeners: BTreeMap<Port, Listener> = listeners.map(|listener| (listener.port, listener)).collect();
    let tags = match &values["tags_all"] {
        Value::Object(tags) if !tags.is_empty() => tags,
        _ => match &values["tags"] {
            Value::Object(tags) => tags,
            _ => &serde_json::Map::new(),
        },
    };
    LoadBalancer {
        name: name.to_owned(),
        identity: Identity::default(),
        scheme: if boolean(&values["internal"]) == Some(true) {
            Scheme::Internal
        } else {
            Scheme::InternetFacing
        },
        health_check: health_check(&values["health_check"][0])
            .unwrap_or_else(|| HealthCheck::of(HealthCheck::default_target(&listeners))),
        // Those that no resource names are AWS's to give.
        policies: BTreeMap::new(),
        listeners,
        backends: BTreeMap::new(),
        attributes: attributes(values),
        availability_zones: texts(&values["availability_zones"]),
        subnets: texts(&values["subnets"]),
        security_groups: texts(&values["security_groups"]),
        instances: texts(&values["instances"]),
        tags: tags
            .iter()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        auto_scaling_groups: BTreeSet::new(),
    }
}

fn listener(value: &Value) -> Option<Listener> {
    let protocol: Protocol = value["lb_protocol"].as_str()?.parse().ok()?;
    let certificate = value["ssl_certificate_id"].as_str().filter(|arn| !arn.is_empty());
    Some(Listener {
        port: port(&value["lb_port"])?,
        protocol,
        instance_port: port(&value["instance_port"])?,
        instance_protocol: value["instance_protocol"]
            .as_str()
            .and_then(|word| word.parse().ok())
            .unwrap_or(protocol),
        certificate: certificate.map(ToOwned::to_owned),
        policies: BTreeSet::new(),
    })
}

fn health_check(value: &Value) -> Option<HealthCheck> {
    let of = HealthCheck::of(value["target"].as_str()?.to_owned());
    let int = |member: &str, default: i32| {
        number(&value[member])
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or(default)
    };
    Some(HealthCheck {
        interval: int("interval", of.interval),
        timeout: int("timeout", of.timeout),
        unhealthy_threshold: int("unhealthy_threshold", of.unhealthy_threshold),
        healthy_threshold: int("healthy_threshold", of.healthy_threshold),
        target: of.target,
    })
}

fn attributes(values: &Value) -> Attributes {
    let int = |member: &str| number(&values[member]).and_then(|n| i32::try_from(n).ok());
    let draining = boolean(&values["connection_draining"]).map(|on| {
        let timeout = int("connection_draining_timeout").unwrap_or(Attributes::DRAINING_TIMEOUT);
        on.then_some(timeout)
    });
    let logs = &values["access_logs"][0];
    let log = logs["bucket"].as_str().map(|bucket| AccessLog {
        bucket: bucket.to_owned(),
        prefix: logs["bucket_prefix"].as_str().unwrap_or_default().to_owned(),
        emit_interval: number(&logs["interval"])
            .and_then(|n| i32::try_from(n).ok())
            .unwrap_or(Attributes::EMIT_INTERVAL),
    });
    Attributes {
        cross_zone: boolean(&values["cross_zone_load_balancing"]),
        idle_timeout: int("idle_timeout"),
        connection_draining: draining,
        access_log: values["access_logs"]
            .is_array()
            .then(|| log.filter(|_| boolean(&logs["enabled"]) != Some(false))),
        desync_mitigation_mode: values["desync_mitigation_mode"]
            .as_str()
            .and_then(DesyncMitigationMode::read),
    }
}

/// Puts what a companion says on the load balancer.
fn put(companion: &Resource, lb: &mut LoadBalancer) {
    let values = &companion.values;
    let name = |attribute: &str| companion.text(attribute).unwrap_or_default().to_owned();
    match companion.kind.as_str() {
        "aws_elb_attachment" => lb.instances.extend(companion.text("instance").map(ToOwned::to_owned)),
        "aws_autoscaling_attachment" => {
            lb.auto_scaling_groups
                .extend(companion.text("autoscaling_group_name").map(ToOwned::to_owned));
        }
        "aws_load_balancer_policy" => {
            let policy = Policy::read(&name("policy_type_name"), &pairs(&values["policy_attribute"]));
            lb.policies.insert(name("policy_name"), policy);
        }
        "aws_load_balancer_listener_policy" => {
            if let Some(listener) = port(&values["load_balancer_port"]).and_then(|port| lb.listeners.get_mut(&port)) {
                listener.policies = texts(&values["policy_names"]);
            }
        }
        "aws_load_balancer_backend_server_policy" => {
            if let Some(port) = port(&values["instance_port"]) {
                lb.backends
                    .entry(port)
                    .or_default()
                    .extend(texts(&values["policy_names"]));
            }
        }
        "aws_lb_ssl_negotiation_policy" => {
            let policy = Policy::read("SSLNegotiationPolicyType", &pairs(&values["attribute"]));
            on_listener(lb, &values["lb_port"], name("name"), policy);
        }
        "aws_app_cookie_stickiness_policy" => {
            let policy = Policy::Stickiness(Stickiness::ApplicationCookie(name("cookie_name")));
            on_listener(lb, &values["lb_port"], name("name"), policy);
        }
        "aws_lb_cookie_stickiness_policy" => {
            let seconds = number(&values["cookie_expiration_period"]).filter(|seconds| *seconds > 0);
            let policy = Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds));
            on_listener(lb, &values["lb_port"], name("name"), policy);
        }
        "aws_proxy_protocol_policy" => {
            let name: PolicyName = PROXY_PROTOCOL.to_owned();
            for port in values["instance_ports"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(port)
            {
                lb.backends.entry(port).or_default().insert(name.clone());
            }
            lb.policies.insert(name, Policy::ProxyProtocol(true));
        }
        _ => {}
    }
}

/// Adds the policies of AWS that listeners name: nobody makes those.
pub(in crate::cli) fn name_predefined(lb: &mut LoadBalancer) {
    let named = lb.listeners.values().flat_map(|listener| &listener.policies);
    for name in named.filter(|name| name.starts_with("ELBSecurityPolicy-")) {
        let own = || Policy::Tls(TlsPolicy::Predefined(name.clone()));
        lb.policies.entry(name.clone()).or_insert_with(own);
    }
}

/// Attaches a policy to a listener, in the place of one of its kind.
fn on_listener(lb: &mut LoadBalancer, at: &Value, name: PolicyName, policy: Policy) {
    let kinds: BTreeSet<PolicyName> = lb
        .policies
        .iter()
        .filter(|(_, other)| other.kind() == policy.kind())
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(listener) = port(at).and_then(|port| lb.listeners.get_mut(&port)) {
        listener.policies.retain(|name| !kinds.contains(name));
        listener.policies.insert(name.clone());
    }
    lb.policies.insert(name, policy);
}

fn pairs(value: &Value) -> Vec<(String, String)> {
    let pair = |one: &Value| Some((one["name"].as_str()?.to_owned(), one["value"].as_str()?.to_owned()));
    value.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// Numbers of old states are texts.
pub(in crate::cli) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

pub(in crate::cli) fn boolean(value: &Value) -> Option<bool> {
    value
        .as_bool()
        .or_else(|| value.as_str()?.trim().to_ascii_lowercase().parse().ok())
}

pub(in crate::cli) fn port(value: &Value) -> Option<Port> {
    number(value)
        .and_then(|number| Port::try_from(number).ok())
        .filter(|port| *port > 0)
}

/// A list of texts.
pub(in crate::cli) fn texts(value: &Value) -> BTreeSet<String> {
    let list = value.as_array().into_iter().flatten();
    list.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
}
