//! Pure: successors as objects of ACK's controller for Elastic Load Balancing v2.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Migration;
use super::model::{NewListener, Successor, TargetGroup};
use crate::cli::failure::Failure;
use crate::cli::import::manifest::object_name;

/// The group and version of its kinds.
const API: &str = "elbv2.services.k8s.aws/v1alpha1";

/// Everything that a load balancer needs, with what these kinds cannot say as comments. `taken` are the names of other
/// objects, by their kinds.
pub(super) fn ack(
    migration: &Migration,
    namespace: &str,
    taken: &mut BTreeSet<(String, String)>,
) -> Result<String, Failure> {
    let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": API, "kind": kind, "metadata": {"namespace": namespace, "name": name}, "spec": spec});
    let mut free = |name: &str, kind: &str| object_name(name, &migration.region, kind, taken);
    let (mut documents, mut notes) = (Vec::new(), Vec::new());
    for new in &migration.successors {
        let name = free(&new.name, "LoadBalancer");
        documents.push(object("LoadBalancer", &name, load_balancer(migration, new)));
        let mut groups = BTreeMap::new();
        for group in &new.target_groups {
            let own = free(&group.name, "TargetGroup");
            let followed = migration.followed.as_ref();
            let binding = followed.and_then(|followed| followed.binding(&own, group.port));
            documents.push(object(
                "TargetGroup",
                &own,
                target_group(migration, new, group, binding.is_none()),
            ));
            if let Some(binding) = binding {
                notes.extend(follows(&own, &binding)?);
            }
            groups.insert(group.name.as_str(), own);
        }
        for one in &new.listeners {
            let group = groups.get(one.target_group.as_str()).map_or("", String::as_str);
            documents.push(object(
                "Listener",
                &format!("{name}-{}", one.port),
                listener(&name, group, one),
            ));
        }
        notes.extend(without_field(migration, new, &name));
    }
    let mut texts = Vec::new();
    for document in &documents {
        texts.push(serde_saphyr::to_string(document).map_err(|error| Failure::new(format!("writing YAML: {error}")))?);
    }
    let comments: String = notes.iter().map(|line| format!("# {line}\n")).collect();
    Ok(comments + &texts.join("---\n"))
}

/// What has no field.
fn without_field(migration: &Migration, new: &Successor, name: &str) -> Vec<String> {
    let listeners = new.listeners.iter();
    let timed = listeners.filter(|listener| listener.tcp_idle_timeout.is_some_and(|it| it != 350));
    let timeouts = timed.map(|listener| {
        format!(
            "Listener {name}-{} has no field for tcp.idle_timeout.seconds={}: set it with aws elbv2 \
             modify-listener-attributes",
            listener.port,
            listener.tcp_idle_timeout.unwrap_or_default()
        )
    });
    let groups = migration.lb.auto_scaling_groups.iter().map(|group| {
        format!(
            "There is no kind that attaches a group: aws autoscaling attach-load-balancer-target-groups \
             --auto-scaling-group-name {group} --target-group-arns ARN, for each target group"
        )
    });
    timeouts.chain(groups).collect()
}

/// The tags, where there are any.
fn tags(new: &Successor, spec: &mut Value) {
    if !new.tags.is_empty() {
        spec["tags"] = pairs(new.tags.iter().map(|(key, value)| (key.as_str(), value.clone())));
    }
}

fn pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> Value {
    pairs
        .into_iter()
        .map(|(key, value)| json!({"key": key, "value": value}))
        .collect()
}

fn load_balancer(migration: &Migration, new: &Successor) -> Value {
    let lb = &migration.lb;
    let attributes = new.attributes.iter().map(|(key, value)| (*key, value.clone()));
    let mut spec = json!({
        "name": new.name, "type": new.kind.type_name(), "scheme": lb.scheme.as_str(), "subnets": lb.subnets,
        "attributes": pairs(attributes),
    });
    if !lb.security_groups.is_empty() {
        spec["securityGroups"] = json!(lb.security_groups);
    }
    tags(new, &mut spec);
    spec
}

/// How Nodes get into a target group, once it is there.
fn follows(group: &str, binding: &Value) -> Result<Vec<String>, Failure> {
    let text = serde_saphyr::to_string(binding).map_err(|error| Failure::new(format!("writing YAML: {error}")))?;
    let first = format!(
        "TargetGroup {group} has no targets: apply this with its ARN (status.ackResourceMetadata.arn), and the AWS Load \
         Balancer Controller follows the Nodes"
    );
    Ok(std::iter::once(first)
        .chain(text.lines().map(|line| format!("  {line}")))
        .collect())
}

fn target_group(migration: &Migration, new: &Successor, group: &TargetGroup, with_targets: bool) -> Value {
    let check = &group.check;
    let mut attributes = vec![(
        "deregistration_delay.timeout_seconds",
        group.deregistration_delay.to_string(),
    )];
    if group.protocol == "TCP" || group.protocol == "TLS" {
        attributes.push(("preserve_client_ip.enabled", "false".to_owned()));
        attributes.push(("proxy_protocol_v2.enabled", group.proxy_protocol.to_string()));
    }
    attributes.extend(
        group
            .cross_zone
            .map(|on| ("load_balancing.cross_zone.enabled", on.to_string())),
    );
    if let Some(cookie) = &group.cookie {
        attributes.push(("stickiness.enabled", "true".to_owned()));
        if let Some(name) = &cookie.name {
            attributes.push(("stickiness.type", "app_cookie".to_owned()));
            attributes.push(("stickiness.app_cookie.cookie_name", name.clone()));
            attributes.push(("stickiness.app_cookie.duration_seconds", cookie.seconds.to_string()));
        } else {
            attributes.push(("stickiness.type", "lb_cookie".to_owned()));
            attributes.push(("stickiness.lb_cookie.duration_seconds", cookie.seconds.to_string()));
        }
    }
    let mut spec = json!({
        "name": group.name, "port": group.port, "protocol": group.protocol, "targetType": "instance",
        "vpcID": migration.vpc(), "healthCheckEnabled": true, "healthCheckProtocol": check.protocol,
        "healthCheckPort": check.port.map_or_else(|| "traffic-port".to_owned(), |port| port.to_string()),
        "healthCheckIntervalSeconds": check.interval, "healthCheckTimeoutSeconds": check.timeout,
        "healthyThresholdCount": check.healthy, "unhealthyThresholdCount": check.unhealthy,
        "attributes": pairs(attributes),
    });
    if let Some(path) = &check.path {
        spec["healthCheckPath"] = json!(path);
        spec["matcher"] = json!({"httpCode": "200"});
    }
    let targets: Vec<Value> = migration
        .single
        .iter()
        .map(|id| json!({"id": id, "port": group.port}))
        .collect();
    if with_targets && !targets.is_empty() {
        spec["targets"] = json!(targets);
    }
    tags(new, &mut spec);
    spec
}

fn listener(of: &str, group: &str, listener: &NewListener) -> Value {
    let reference = |name: &str| json!({"from": {"name": name}});
    let mut spec = json!({
        "loadBalancerRef": reference(of), "port": listener.port, "protocol": listener.protocol,
        "defaultActions": [{"type": "forward", "targetGroupRef": reference(group)}],
    });
    if let Some(arn) = &listener.certificate {
        spec["certificates"] = json!([{"certificateARN": arn}]);
    }
    if let Some(policy) = listener.ssl_policy {
        spec["sslPolicy"] = json!(policy);
    }
    spec
}
