//! Pure: a load balancer as the commands of the AWS CLI that make it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Subject, commented, is_unknown, kept_tags, unknown};
use crate::elb::{Attributes, Listener, LoadBalancer, Policy, PolicyName, Stickiness};

/// The script, and what it lacks.
pub(super) fn aws_cli(subject: &Subject) -> (String, Vec<String>) {
    let lb = &subject.lb;
    let notes = unknown(lb, "the script does not make it");
    let mut script = Script {
        lines: vec![
            "#!/bin/sh".to_owned(),
            "# Makes the load balancer anew: where it exists already, AWS refuses what differs and repeats the rest.\n"
                .to_owned()
                + &commented(&notes)
                + "set -eu",
            // The CLI reads the former before the latter, and its version 1 the latter alone.
            format!("export AWS_REGION={0} AWS_DEFAULT_REGION={0}", word(&subject.region)),
            format!("name={}", word(&lb.name)),
        ],
    };
    create(lb, &mut script);
    let check = &lb.health_check;
    script.call(
        "configure-health-check",
        &[(
            "--health-check",
            json!({
                "Target": check.target, "Interval": check.interval, "Timeout": check.timeout,
                "UnhealthyThreshold": check.unhealthy_threshold, "HealthyThreshold": check.healthy_threshold,
            }),
        )],
    );
    attributes(lb, &mut script);
    policies(lb, &mut script);
    let single = &subject.single;
    if !single.is_empty() {
        let ids: Vec<Value> = single.iter().map(|id| json!({"InstanceId": id})).collect();
        script.call("register-instances-with-load-balancer", &[("--instances", json!(ids))]);
    }
    for group in &lb.auto_scaling_groups {
        script.lines.push(format!(
            "aws autoscaling attach-load-balancers --auto-scaling-group-name {} --load-balancer-names \"$name\"",
            word(group)
        ));
    }
    (script.lines.join("\n") + "\n", notes)
}

#[derive(Default)]
struct Script {
    lines: Vec<String>,
}

impl Script {
    /// A call about the load balancer. What is no plain word is given as JSON.
    fn call(&mut self, command: &str, arguments: &[(&str, Value)]) {
        let mut line = format!("aws elb {command} --load-balancer-name \"$name\"");
        for (flag, value) in arguments {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Array(items) if items.iter().all(Value::is_string) => {
                    let words = items.iter().filter_map(Value::as_str).map(word);
                    line.push_str(&format!(" \\\n  {flag} {}", words.collect::<Vec<_>>().join(" ")));
                    continue;
                }
                other => other.to_string(),
            };
            line.push_str(&format!(" \\\n  {flag} {}", word(&value)));
        }
        self.lines.push(line);
    }
}

/// A word of a shell.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

fn create(lb: &LoadBalancer, script: &mut Script) {
    let mut arguments = Vec::new();
    if lb.scheme == crate::elb::Scheme::Internal {
        arguments.push(("--scheme", json!(lb.scheme.as_str())));
    }
    if lb.subnets.is_empty() {
        arguments.push(("--availability-zones", json!(lb.availability_zones)));
    } else {
        arguments.push(("--subnets", json!(lb.subnets)));
    }
    if !lb.security_groups.is_empty() {
        arguments.push(("--security-groups", json!(lb.security_groups)));
    }
    let listener = |listener: &Listener| {
        let mut one = json!({
            "Protocol": listener.protocol.as_str(), "LoadBalancerPort": listener.port,
            "InstanceProtocol": listener.instance_protocol.as_str(), "InstancePort": listener.instance_port,
        });
        if let Some(arn) = &listener.certificate {
            one["SSLCertificateId"] = json!(arn);
        }
        one
    };
    arguments.push(("--listeners", lb.listeners.values().map(listener).collect()));
    let tags = kept_tags(&lb.tags);
    if !tags.is_empty() {
        let tags: Vec<Value> = tags
            .iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect();
        arguments.push(("--tags", json!(tags)));
    }
    script.call("create-load-balancer", &arguments);
}

fn attributes(lb: &LoadBalancer, script: &mut Script) {
    let default = Attributes::at_creation();
    let attributes = lb.attributes.over(&default);
    let mut all = json!({
        "CrossZoneLoadBalancing": {"Enabled": attributes.cross_zone},
        "ConnectionSettings": {"IdleTimeout": attributes.idle_timeout},
    });
    if let Some(seconds) = attributes.connection_draining.flatten() {
        all["ConnectionDraining"] = json!({"Enabled": true, "Timeout": seconds});
    }
    if let Some(log) = attributes.access_log.flatten() {
        all["AccessLog"] = json!({
            "Enabled": true, "S3BucketName": log.bucket, "S3BucketPrefix": log.prefix, "EmitInterval": log.emit_interval,
        });
    }
    if let Some(mode) = attributes.desync_mitigation_mode {
        all["AdditionalAttributes"] = json!([{"Key": "elb.http.desyncmitigationmode", "Value": mode.as_str()}]);
    }
    script.call(
        "modify-load-balancer-attributes",
        &[("--load-balancer-attributes", all)],
    );
}

fn policies(lb: &LoadBalancer, script: &mut Script) {
    // Keys go before the policies that refer to them.
    let refers = |policy: &Policy| matches!(policy, Policy::BackendAuthentication(_));
    let mut ordered: Vec<(&PolicyName, &Policy)> = lb.policies.iter().collect();
    ordered.sort_by_key(|(_, policy)| refers(policy));
    for (name, policy) in ordered {
        let own = ("--policy-name", json!(name));
        match policy {
            _ if name == crate::elb::DEFAULT_TLS_POLICY => {}
            Policy::Unknown(_) => {}
            Policy::Stickiness(Stickiness::ApplicationCookie(cookie)) => {
                script.call(
                    "create-app-cookie-stickiness-policy",
                    &[own, ("--cookie-name", json!(cookie))],
                );
            }
            Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds)) => {
                let mut arguments = vec![own];
                arguments.extend(seconds.map(|seconds| ("--cookie-expiration-period", json!(seconds))));
                script.call("create-lb-cookie-stickiness-policy", &arguments);
            }
            _ => {
                let attribute =
                    |(name, value): (String, String)| json!({"AttributeName": name, "AttributeValue": value});
                let attributes: Vec<Value> = policy.attributes().into_iter().map(attribute).collect();
                script.call(
                    "create-load-balancer-policy",
                    &[
                        own,
                        ("--policy-type-name", json!(policy.type_name())),
                        ("--policy-attributes", json!(attributes)),
                    ],
                );
            }
        }
    }
    for listener in lb.listeners.values() {
        let made = made(lb, &listener.policies);
        // In the place of one that is not made the default is better than nothing.
        let is_told = made == listener.policies || !made.is_empty();
        if is_told && made != listener.protocol.policies_at_creation() {
            script.call(
                "set-load-balancer-policies-of-listener",
                &[
                    ("--load-balancer-port", json!(listener.port)),
                    ("--policy-names", names(&made)),
                ],
            );
        }
    }
    let backends = lb.backends.iter().map(|(port, policies)| (port, made(lb, policies)));
    for (port, policies) in backends.filter(|(_, policies)| !policies.is_empty()) {
        script.call(
            "set-load-balancer-policies-for-backend-server",
            &[("--instance-port", json!(port)), ("--policy-names", names(&policies))],
        );
    }
}

/// Those that the script makes.
fn made(lb: &LoadBalancer, policies: &BTreeSet<PolicyName>) -> BTreeSet<PolicyName> {
    policies.iter().filter(|name| !is_unknown(lb, name)).cloned().collect()
}

/// An empty list must be sent as such.
fn names(policies: &BTreeSet<PolicyName>) -> Value {
    if policies.is_empty() {
        json!("[]")
    } else {
        json!(policies)
    }
}
