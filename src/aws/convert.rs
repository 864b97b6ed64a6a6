//! Between the SDK's types and the model's.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::error::operation::BuildError;

use crate::elb::{
    Attributes, HealthCheck, Identity, Listener, LoadBalancer, Policies, Policy, PolicyName, Port, Protocol, Scheme,
    Stickiness,
};

/// A described load balancer, without tags, which another call gives. `Err` names what the reply lacks: a reply that
/// lacks what AWS always sends must not be taken for a load balancer that lacks it.
pub(super) fn load_balancer(description: types::LoadBalancerDescription) -> Result<LoadBalancer, String> {
    let created_time = description
        .created_time
        .and_then(|time| time.fmt(Format::DateTime).ok());
    let identity = Identity {
        created_time: Some(created_time.ok_or("CreatedTime")?),
        dns_name: Some(description.dns_name.ok_or("DNSName")?),
        canonical_hosted_zone_id: description.canonical_hosted_zone_name_id,
        vpc_id: description.vpc_id,
        source_security_group: description.source_security_group.map(|group| {
            (
                group.owner_alias.unwrap_or_default(),
                group.group_name.unwrap_or_default(),
            )
        }),
    };
    let listeners = description
        .listener_descriptions
        .unwrap_or_default()
        .into_iter()
        .map(|entry| listener(entry).map(|listener| (listener.port, listener)))
        .collect::<Result<BTreeMap<Port, Listener>, String>>()?;
    Ok(LoadBalancer {
        name: description.load_balancer_name.ok_or("LoadBalancerName")?,
        scheme: match description.scheme.as_deref() {
            Some("internal") => Scheme::Internal,
            _ => Scheme::InternetFacing,
        },
        identity,
        listeners,
        policies: policies(description.policies),
        backends: backends(description.backend_server_descriptions.unwrap_or_default())?,
        attributes: Attributes::default(),
        // AWS always tells it. Something that stands in for AWS and does not has one that equals none declared.
        health_check: description
            .health_check
            .map_or_else(|| HealthCheck::of(String::new()), health_check),
        availability_zones: set(description.availability_zones),
        subnets: set(description.subnets),
        security_groups: set(description.security_groups),
        instances: description
            .instances
            .unwrap_or_default()
            .into_iter()
            .filter_map(|i| i.instance_id)
            .collect(),
        tags: BTreeMap::new(),
        auto_scaling_groups: BTreeSet::new(),
    })
}

fn set(list: Option<Vec<String>>) -> BTreeSet<String> {
    list.unwrap_or_default().into_iter().collect()
}

fn listener(entry: types::ListenerDescription) -> Result<Listener, String> {
    let listener = entry.listener.ok_or("Listener")?;
    let protocol: Protocol = listener.protocol.parse()?;
    let instance_protocol = match listener.instance_protocol {
        Some(word) => word.parse()?,
        None => protocol,
    };
    Ok(Listener {
        port: port(listener.load_balancer_port)?,
        protocol,
        instance_port: port(listener.instance_port)?,
        instance_protocol,
        certificate: listener.ssl_certificate_id.filter(|arn| !arn.is_empty()),
        policies: set(entry.policy_names),
    })
}

/// What `DescribeLoadBalancers` tells of policies: of cookies all, of the others the names.
fn policies(policies: Option<types::Policies>) -> Policies {
    let Some(policies) = policies else {
        return Policies::new();
    };
    let balancers = policies.lb_cookie_stickiness_policies.unwrap_or_default().into_iter();
    let balancers = balancers.filter_map(|policy| {
        let seconds = policy.cookie_expiration_period.filter(|seconds| *seconds > 0);
        Some((
            policy.policy_name?,
            Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds)),
        ))
    });
    let applications = policies.app_cookie_stickiness_policies.unwrap_or_default().into_iter();
    let applications = applications.filter_map(|policy| {
        Some((
            policy.policy_name?,
            Policy::Stickiness(Stickiness::ApplicationCookie(policy.cookie_name?)),
        ))
    });
    let others = policies.other_policies.unwrap_or_default().into_iter();
    // Also the one that AWS makes: under its name somebody may have put another.
    let others = others.map(|name| (name, Policy::UNREAD));
    balancers.chain(applications).chain(others).collect()
}

fn backends(
    descriptions: Vec<types::BackendServerDescription>,
) -> Result<BTreeMap<Port, BTreeSet<PolicyName>>, String> {
    descriptions
        .into_iter()
        .map(|backend| {
            Ok((
                port(backend.instance_port.ok_or("InstancePort")?)?,
                set(backend.policy_names),
            ))
        })
        .collect::<Result<_, String>>()
        .map(|mut all: BTreeMap<Port, BTreeSet<PolicyName>>| {
            all.retain(|_, names| !names.is_empty());
            all
        })
}

fn port(number: i32) -> Result<Port, String> {
    Port::try_from(number).map_err(|_| format!("port {number}"))
}

fn health_check(check: types::HealthCheck) -> HealthCheck {
    HealthCheck {
        target: check.target,
        interval: check.interval,
        timeout: check.timeout,
        unhealthy_threshold: check.unhealthy_threshold,
        healthy_threshold: check.healthy_threshold,
    }
}

pub(super) fn to_listener(listener: &Listener) -> Result<types::Listener, BuildError> {
    types::Listener::builder()
        .protocol(listener.protocol.as_str())
        .load_balancer_port(i32::from(listener.port))
        .instance_protocol(listener.instance_protocol.as_str())
        .instance_port(i32::from(listener.instance_port))
        .set_ssl_certificate_id(listener.certificate.clone())
        .build()
}

pub(super) fn to_listeners<'a>(
    listeners: impl IntoIterator<Item = &'a Listener>,
) -> Result<Vec<types::Listener>, BuildError> {
    listeners.into_iter().map(to_listener).collect()
}

pub(super) fn to_health_check(check: &HealthCheck) -> Result<types::HealthCheck, BuildError> {
    types::HealthCheck::builder()
        .target(&check.target)
        .interval(check.interval)
        .timeout(check.timeout)
        .unhealthy_threshold(check.unhealthy_threshold)
        .healthy_threshold(check.healthy_threshold)
        .build()
}

pub(super) fn to_tags(tags: &BTreeMap<String, String>) -> Result<Vec<types::Tag>, BuildError> {
    tags.iter()
        .map(|(key, value)| types::Tag::builder().key(key).value(value).build())
        .collect()
}

pub(super) fn to_instances(ids: &BTreeSet<String>) -> Vec<types::Instance> {
    ids.iter()
        .map(|id| types::Instance::builder().instance_id(id).build())
        .collect()
}

/// An optional list: absent rather than empty.
pub(super) fn to_list(set: &BTreeSet<String>) -> Option<Vec<String>> {
    (!set.is_empty()).then(|| set.iter().cloned().collect())
}
