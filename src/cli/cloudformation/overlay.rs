//! Pure: a load balancer as AWS has it, with what a template says in plain words put over it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::node::is_literal;
use crate::cli::terraform::{boolean, name_predefined, number, port, texts};
use crate::elb::{
    AccessLog, Attributes, HealthCheck, Listener, LoadBalancer, Policy, PolicyName, Protocol, Scheme, Stickiness,
};

/// What the template would make of it. A property that stands elsewhere is left as AWS has it.
pub(in crate::cli) fn overlay(actual: &LoadBalancer, properties: &Value) -> LoadBalancer {
    let mut lb = actual.clone();
    let literal = |name: &str| Some(&properties[name]).filter(|value| !value.is_null() && is_literal(value));
    match literal("Scheme").and_then(Value::as_str) {
        Some("internal") => lb.scheme = Scheme::Internal,
        Some("internet-facing") => lb.scheme = Scheme::InternetFacing,
        _ => {}
    }
    if let Some(value) = literal("Listeners") {
        lb.listeners = value
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(listener)
            .map(|one| (one.port, one))
            .collect();
        if has_policies(properties) {
            policies(properties, &mut lb);
            name_predefined(&mut lb);
        } else {
            // They have a part of the template that cannot be read.
            for (port, listener) in &mut lb.listeners {
                if let Some(old) = actual.listeners.get(port) {
                    listener.policies.clone_from(&old.policies);
                }
            }
        }
    }
    if let Some(check) = literal("HealthCheck").and_then(health_check) {
        lb.health_check = check;
    }
    if let Some(on) = literal("CrossZone").and_then(boolean) {
        lb.attributes.cross_zone = Some(on);
    }
    if let Some(seconds) = literal("ConnectionSettings").and_then(|value| int(&value["IdleTimeout"])) {
        lb.attributes.idle_timeout = Some(seconds);
    }
    if let Some(value) = literal("ConnectionDrainingPolicy") {
        let timeout = int(&value["Timeout"]).unwrap_or(Attributes::DRAINING_TIMEOUT);
        lb.attributes.connection_draining = Some((boolean(&value["Enabled"]) == Some(true)).then_some(timeout));
    }
    if let Some(value) = literal("AccessLoggingPolicy") {
        lb.attributes.access_log = Some(access_log(value));
    }
    for (name, set) in [
        ("Subnets", &mut lb.subnets),
        ("SecurityGroups", &mut lb.security_groups),
    ] {
        if let Some(value) = literal(name) {
            *set = texts(value);
        }
    }
    // AWS names the subnets of those zones, too.
    if literal("Subnets").is_none()
        && let Some(zones) = literal("AvailabilityZones").map(texts)
        && zones != actual.availability_zones
    {
        lb.availability_zones = zones;
        lb.subnets = BTreeSet::new();
    }
    if let Some(value) = literal("Instances") {
        lb.instances.extend(texts(value));
    }
    if let Some(tags) = literal("Tags").and_then(Value::as_array) {
        let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), text(&tag["Value"])?));
        lb.tags.extend(tags.iter().filter_map(pair));
    }
    lb
}

/// Whether all that speaks of policies stands there in plain words.
fn has_policies(properties: &Value) -> bool {
    ["Policies", "AppCookieStickinessPolicy", "LBCookieStickinessPolicy"]
        .iter()
        .all(|name| is_literal(&properties[*name]))
}

/// Numbers and switches may be written as texts, and texts as numbers.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(on) => Some(on.to_string()),
        _ => None,
    }
}

fn int(value: &Value) -> Option<i32> {
    number(value).and_then(|number| i32::try_from(number).ok())
}

fn listener(value: &Value) -> Option<Listener> {
    let protocol: Protocol = value["Protocol"].as_str()?.parse().ok()?;
    Some(Listener {
        port: port(&value["LoadBalancerPort"])?,
        protocol,
        instance_port: port(&value["InstancePort"])?,
        instance_protocol: value["InstanceProtocol"]
            .as_str()
            .and_then(|word| word.parse().ok())
            .unwrap_or(protocol),
        certificate: value["SSLCertificateId"].as_str().map(ToOwned::to_owned),
        policies: texts(&value["PolicyNames"]),
    })
}

fn health_check(value: &Value) -> Option<HealthCheck> {
    Some(HealthCheck {
        target: value["Target"].as_str()?.to_owned(),
        interval: int(&value["Interval"])?,
        timeout: int(&value["Timeout"])?,
        unhealthy_threshold: int(&value["UnhealthyThreshold"])?,
        healthy_threshold: int(&value["HealthyThreshold"])?,
    })
}

fn access_log(value: &Value) -> Option<AccessLog> {
    (boolean(&value["Enabled"]) == Some(true)).then(|| AccessLog {
        bucket: value["S3BucketName"].as_str().unwrap_or_default().to_owned(),
        prefix: value["S3BucketPrefix"].as_str().unwrap_or_default().to_owned(),
        emit_interval: int(&value["EmitInterval"]).unwrap_or(Attributes::EMIT_INTERVAL),
    })
}

/// The policies that the template makes, by content, and where it puts them.
fn policies(properties: &Value, lb: &mut LoadBalancer) {
    let each = |name: &str| properties[name].as_array().into_iter().flatten();
    let mut made: Vec<(PolicyName, Policy)> = Vec::new();
    for value in each("AppCookieStickinessPolicy") {
        if let (Some(name), Some(cookie)) = (text(&value["PolicyName"]), text(&value["CookieName"])) {
            made.push((name, Policy::Stickiness(Stickiness::ApplicationCookie(cookie))));
        }
    }
    for value in each("LBCookieStickinessPolicy") {
        if let Some(name) = text(&value["PolicyName"]) {
            let seconds = number(&value["CookieExpirationPeriod"]).filter(|seconds| *seconds > 0);
            made.push((name, Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds))));
        }
    }
    lb.backends.clear();
    for value in each("Policies") {
        let (Some(name), Some(kind)) = (text(&value["PolicyName"]), text(&value["PolicyType"])) else {
            continue;
        };
        let pair = |one: &Value| Some((text(&one["Name"])?, text(&one["Value"])?));
        let attributes: Vec<_> = value["Attributes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(pair)
            .collect();
        let policy = Policy::read(&kind, &attributes);
        for at in value["InstancePorts"].as_array().into_iter().flatten().filter_map(port) {
            lb.backends.entry(at).or_default().insert(name.clone());
        }
        for at in value["LoadBalancerPorts"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(port)
        {
            if let Some(listener) = lb.listeners.get_mut(&at) {
                listener.policies.insert(name.clone());
            }
        }
        made.push((name, policy));
    }
    lb.policies.extend(made);
}
