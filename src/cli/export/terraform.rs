//! Pure: a load balancer as a configuration of Terraform, with the block that imports it.

use std::collections::{BTreeMap, BTreeSet};

use super::hcl::{Body, Labels, quoted};
use super::{Subject, commented, is_unknown, kept_tags, unknown};
use crate::elb::{AccessLog, Attributes, LoadBalancer, Policy, PolicyName};

/// The configuration, and what it lacks. `labels` are those of the others in it.
pub(super) fn terraform(subject: &Subject, labels: &mut Labels) -> (String, Vec<String>) {
    let lb = &subject.lb;
    let own = labels.free("aws_elb", &lb.name);
    let mut file = Body::default();
    let mut import = Body::default();
    import.raw("to", format!("aws_elb.{own}")).text("id", &lb.name);
    file.block("import", import);
    file.block(&format!("resource \"aws_elb\" {}", quoted(&own)), elb(subject));
    let policies = Names::of(lb, &own, labels);
    policies.write(lb, &own, labels, &mut file);
    attachments(subject, &own, labels, &mut file);
    let mut notes = unknown(lb, "it is referred to by its name, and Terraform does not make it anew");
    let comments = commented(&notes);
    if !policies.0.is_empty() {
        notes.push(
            "Terraform cannot import policies: the first apply makes them anew under other names, with the same content, \
             and puts them in the place of those that are there"
                .to_owned(),
        );
    }
    if !lb.auto_scaling_groups.is_empty() || !subject.single.is_empty() {
        notes.push(
            "attachments are created by the first apply, which repeats what is there and changes nothing".to_owned(),
        );
    }
    (comments + &file.render(0), notes)
}

fn elb(subject: &Subject) -> Body {
    let lb = &subject.lb;
    let mut body = Body::default();
    body.text("name", &lb.name);
    body.raw("internal", (lb.scheme == crate::elb::Scheme::Internal).to_string());
    if lb.subnets.is_empty() {
        body.list("availability_zones", &lb.availability_zones);
    } else {
        body.list("subnets", &lb.subnets);
    }
    body.list("security_groups", &lb.security_groups);
    let default = Attributes::at_creation();
    let attributes = lb.attributes.over(&default);
    // Terraform's own default is true.
    body.raw(
        "cross_zone_load_balancing",
        attributes.cross_zone.unwrap_or_default().to_string(),
    );
    if attributes.idle_timeout != default.idle_timeout {
        body.raw("idle_timeout", attributes.idle_timeout.unwrap_or_default().to_string());
    }
    if let Some(seconds) = attributes.connection_draining.flatten() {
        body.raw("connection_draining", "true")
            .raw("connection_draining_timeout", seconds.to_string());
    }
    if let Some(mode) = attributes
        .desync_mitigation_mode
        .filter(|mode| Some(*mode) != default.desync_mitigation_mode)
    {
        body.text("desync_mitigation_mode", mode.as_str());
    }
    for listener in lb.listeners.values() {
        let mut block = Body::default();
        block
            .raw("lb_port", listener.port.to_string())
            .text("lb_protocol", &listener.protocol.as_str().to_ascii_lowercase())
            .raw("instance_port", listener.instance_port.to_string())
            .text(
                "instance_protocol",
                &listener.instance_protocol.as_str().to_ascii_lowercase(),
            );
        if let Some(arn) = &listener.certificate {
            block.text("ssl_certificate_id", arn);
        }
        body.block("listener", block);
    }
    let check = &lb.health_check;
    let mut block = Body::default();
    block
        .text("target", &check.target)
        .raw("interval", check.interval.to_string())
        .raw("timeout", check.timeout.to_string())
        .raw("unhealthy_threshold", check.unhealthy_threshold.to_string())
        .raw("healthy_threshold", check.healthy_threshold.to_string());
    body.block("health_check", block);
    if let Some(log) = attributes.access_log.flatten() {
        body.block("access_logs", access_logs(&log));
    }
    let tags: Vec<_> = kept_tags(&lb.tags).into_iter().collect();
    body.map("tags", &tags);
    body
}

fn access_logs(log: &AccessLog) -> Body {
    let mut block = Body::default();
    block.text("bucket", &log.bucket);
    if !log.prefix.is_empty() {
        block.text("bucket_prefix", &log.prefix);
    }
    block.raw("interval", log.emit_interval.to_string());
    block
}

/// The policies in force that are more than AWS's default, by their names in AWS, with their names in the configuration. Those
/// that say the same are one there: their new name comes of what they say.
struct Names(BTreeMap<PolicyName, String>);

impl Names {
    fn of(lb: &LoadBalancer, own: &str, labels: &mut Labels) -> Self {
        let of_listeners = lb.listeners.values().filter(|listener| {
            let default = listener.protocol.policies_at_creation();
            listener.policies != default && !listener.policies.is_empty()
        });
        let mut used: BTreeSet<PolicyName> = of_listeners
            .flat_map(|listener| listener.policies.iter().cloned())
            .collect();
        let backends = lb.backends.iter().filter(|(port, _)| lb.uses_instance_port(**port));
        used.extend(backends.flat_map(|(_, names)| names.iter().cloned()));
        let keys: Vec<PolicyName> = used
            .iter()
            .filter_map(|name| match lb.policies.get(name) {
                Some(Policy::BackendAuthentication(names)) => Some(names.iter().cloned()),
                _ => None,
            })
            .flatten()
            .collect();
        used.extend(keys);
        used.retain(|name| !is_unknown(lb, name));
        let mut by_content: BTreeMap<&Policy, String> = BTreeMap::new();
        let named = used.into_iter().filter_map(|name| {
            let content = lb.policies.get(&name)?;
            let free = || labels.free("aws_load_balancer_policy", &format!("{own}_{name}"));
            let label = by_content.entry(content).or_insert_with(free).clone();
            Some((name, label))
        });
        Self(named.collect())
    }

    /// How the configuration refers to a policy.
    fn reference(&self, name: &PolicyName) -> String {
        match self.0.get(name) {
            Some(label) => format!("aws_load_balancer_policy.{label}.policy_name"),
            None => quoted(name),
        }
    }

    fn write(&self, lb: &LoadBalancer, own: &str, labels: &mut Labels, file: &mut Body) {
        let mut written = BTreeSet::new();
        for (name, label) in &self.0 {
            let Some(policy) = lb.policies.get(name).filter(|_| written.insert(label)) else {
                continue;
            };
            let mut body = Body::default();
            body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                .text("policy_name", &new_name(policy))
                .text("policy_type_name", policy.type_name());
            for (attribute, value) in policy.attributes() {
                let mut block = Body::default();
                block.text("name", &attribute);
                // A policy that refers to keys does so by their new names.
                if self.0.contains_key(&value) && attribute == "PublicKeyPolicyName" {
                    block.raw("value", self.reference(&value));
                } else {
                    block.text("value", &value);
                }
                body.block("policy_attribute", block);
            }
            file.block(
                &format!("resource \"aws_load_balancer_policy\" {}", quoted(label)),
                body,
            );
        }
        let list = |names: &BTreeSet<PolicyName>| {
            let names: Vec<String> = names.iter().map(|name| self.reference(name)).collect();
            format!("[{}]", names.join(", "))
        };
        for listener in lb.listeners.values() {
            if listener.policies.iter().any(|name| self.0.contains_key(name)) {
                let mut body = Body::default();
                body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                    .raw("load_balancer_port", listener.port.to_string())
                    .raw("policy_names", list(&listener.policies));
                resource(
                    "aws_load_balancer_listener_policy",
                    &format!("{own}_{}", listener.port),
                    labels,
                    file,
                    body,
                );
            }
        }
        for (port, names) in lb.backends.iter().filter(|(port, _)| lb.uses_instance_port(**port)) {
            let mut body = Body::default();
            body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                .raw("instance_port", port.to_string())
                .raw("policy_names", list(names));
            resource(
                "aws_load_balancer_backend_server_policy",
                &format!("{own}_{port}"),
                labels,
                file,
                body,
            );
        }
    }
}

/// A name that no policy has yet: AWS refuses one that is taken, whatever its content.
fn new_name(policy: &Policy) -> String {
    let own = policy.own_name();
    format!("tf-{}", own.strip_prefix("clb-").unwrap_or(&own))
}

/// A resource under a name of its own.
fn resource(kind: &str, name: &str, labels: &mut Labels, file: &mut Body, body: Body) {
    let label = quoted(&labels.free(kind, name));
    file.block(&format!("resource \"{kind}\" {label}"), body);
}

fn attachments(subject: &Subject, own: &str, labels: &mut Labels, file: &mut Body) {
    let single = &subject.single;
    if !single.is_empty() {
        let mut body = Body::default();
        let ids: Vec<String> = single.iter().map(|id| quoted(id)).collect();
        body.raw("for_each", format!("toset([{}])", ids.join(", ")))
            .raw("elb", format!("aws_elb.{own}.id"))
            .raw("instance", "each.value");
        resource("aws_elb_attachment", own, labels, file, body);
    }
    for group in &subject.lb.auto_scaling_groups {
        let mut body = Body::default();
        body.text("autoscaling_group_name", group)
            .raw("elb", format!("aws_elb.{own}.id"));
        resource(
            "aws_autoscaling_attachment",
            &format!("{own}_{group}"),
            labels,
            file,
            body,
        );
    }
}
