//! Pure: a load balancer as fields, by the names that a spec has for them.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::api::ClassicLoadBalancerStatus;
use crate::elb::{Attribute, LoadBalancer};

/// In place of a value that a status does not hold.
const SET: &str = "set";

/// Fields and their values.
type Fields = BTreeMap<String, String>;

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

/// Puts in what is not empty.
fn put_in(all: &mut Fields, name: String, value: String) {
    if !value.is_empty() {
        all.insert(name, value);
    }
}

/// All that is known of a load balancer. Sets that are empty are absent.
pub(super) fn fields(lb: &LoadBalancer) -> Fields {
    let mut all = Fields::new();
    let mut put = |name, value| put_in(&mut all, name, value);
    put("scheme".to_owned(), lb.scheme.as_str().to_owned());
    put("availabilityZones".to_owned(), list(&lb.availability_zones));
    put("subnets".to_owned(), list(&lb.subnets));
    put("securityGroups".to_owned(), list(&lb.security_groups));
    for (port, listener) in &lb.listeners {
        put(format!("listeners[{port}]"), listener.to_string());
        let certificate = listener.certificate.clone().unwrap_or_default();
        put(format!("listeners[{port}].certificate"), certificate);
        put(format!("listeners[{port}].policies"), policies(lb, &listener.policies));
    }
    for (port, names) in &lb.backends {
        put(format!("backends[{port}].policies"), policies(lb, names));
    }
    let check = &lb.health_check;
    put("healthCheck.target".to_owned(), check.target.clone());
    put("healthCheck.intervalSeconds".to_owned(), check.interval.to_string());
    put("healthCheck.timeoutSeconds".to_owned(), check.timeout.to_string());
    put(
        "healthCheck.unhealthyThreshold".to_owned(),
        check.unhealthy_threshold.to_string(),
    );
    put(
        "healthCheck.healthyThreshold".to_owned(),
        check.healthy_threshold.to_string(),
    );
    for attribute in lb.attributes.all() {
        let said = attribute.to_string();
        let value = said.split_once(' ').map_or(said.as_str(), |(_, value)| value);
        put(name_of(&attribute).to_owned(), value.to_owned());
    }
    put("targets.instances".to_owned(), list(&lb.instances));
    put("targets.autoScalingGroups".to_owned(), list(&lb.auto_scaling_groups));
    for (key, value) in &lb.tags {
        let shown = if value.is_empty() { "(empty)" } else { value };
        put(format!("tags[{key}]"), shown.to_owned());
    }
    all
}

/// Policies by what they say, where that was read, since their names are nobody's business.
fn policies(lb: &LoadBalancer, names: &std::collections::BTreeSet<String>) -> String {
    list(names.iter().map(|name| match lb.policies.get(name) {
        Some(policy) if !policy.to_string().is_empty() => format!("{name} ({policy})"),
        _ => name.clone(),
    }))
}

fn name_of(attribute: &Attribute) -> &'static str {
    match attribute {
        Attribute::CrossZone(_) => "attributes.crossZone",
        Attribute::IdleTimeout(_) => "attributes.idleTimeoutSeconds",
        Attribute::ConnectionDraining(_) => "attributes.connectionDraining",
        Attribute::AccessLog(_) => "attributes.accessLog",
        Attribute::DesyncMitigationMode(_) => "attributes.desyncMitigationMode",
    }
}

/// What a status has of these fields.
pub(super) fn applied(status: &ClassicLoadBalancerStatus) -> Fields {
    let mut all = Fields::new();
    let mut put = |name, value| put_in(&mut all, name, value);
    put("scheme".to_owned(), status.scheme.clone().unwrap_or_default());
    put("availabilityZones".to_owned(), list(&status.availability_zones));
    put("subnets".to_owned(), list(&status.subnets));
    put("securityGroups".to_owned(), list(&status.security_groups));
    for listener in &status.listeners {
        let port = listener.port;
        let (from, to) = (&listener.protocol, &listener.instance_protocol);
        put(
            format!("listeners[{port}]"),
            format!("{from} {port} to {to} {}", listener.instance_port),
        );
        let certificate = listener.certificate.as_ref().map(|certificate| certificate.arn.clone());
        put(
            format!("listeners[{port}].certificate"),
            certificate.unwrap_or_default(),
        );
        put(format!("listeners[{port}].policies"), list(&listener.policies));
    }
    if let Some(check) = &status.health_check {
        put("healthCheck.target".to_owned(), check.target.clone());
        put(
            "healthCheck.intervalSeconds".to_owned(),
            check.interval_seconds.to_string(),
        );
        put(
            "healthCheck.timeoutSeconds".to_owned(),
            check.timeout_seconds.to_string(),
        );
        put(
            "healthCheck.unhealthyThreshold".to_owned(),
            check.unhealthy_threshold.to_string(),
        );
        put(
            "healthCheck.healthyThreshold".to_owned(),
            check.healthy_threshold.to_string(),
        );
    }
    if let Some(instances) = &status.instances {
        put(
            "targets.instances".to_owned(),
            format!("{} registered", instances.registered),
        );
    }
    let attached = status.auto_scaling_groups.iter().filter(|group| group.attached);
    put(
        "targets.autoScalingGroups".to_owned(),
        list(attached.map(|group| &group.name)),
    );
    if let Some(applied) = &status.applied {
        for field in applied.fields.iter().filter(|field| field.starts_with("attributes.")) {
            put(field.clone(), SET.to_owned());
        }
        for key in &applied.tag_keys {
            put(format!("tags[{key}]"), SET.to_owned());
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Attributes;

    #[test]
    fn the_names_of_attributes_are_those_of_the_spec() {
        let mut lb = LoadBalancer::bare("web");
        lb.attributes = Attributes::at_creation();
        lb.tags.insert("team".to_owned(), String::new());
        let all = fields(&lb);
        let value = |name: &str| all.get(name).map(String::as_str);
        assert_eq!(value("attributes.idleTimeoutSeconds"), Some("60 s"));
        assert_eq!(value("attributes.crossZone"), Some("false"));
        assert_eq!(value("tags[team]"), Some("(empty)"), "it is there");
        assert_eq!(value("subnets"), None);
    }
}
