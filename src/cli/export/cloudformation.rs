//! Pure: a load balancer as a CloudFormation template, and the change set that imports it.

use serde_json::{Map, Value, json};

use super::{Subject, commented, kept_tags, unknown};
use crate::cli::failure::Failure;
use crate::elb::{Attributes, DesyncMitigationMode, LoadBalancer, Policy, Stickiness};

/// The type of its resources.
const KIND: &str = "AWS::ElasticLoadBalancing::LoadBalancer";

/// The template of the load balancers of a region, and what it lacks of each.
pub(super) fn cloudformation(subjects: &[Subject]) -> Result<(String, Vec<Vec<String>>), Failure> {
    let (mut resources, mut imported) = (Map::new(), Vec::new());
    for subject in subjects {
        let name = &subject.lb.name;
        let id = logical_id(name, &resources);
        imported.push(json!({
            "ResourceType": KIND,
            "LogicalResourceId": id,
            "ResourceIdentifier": {"LoadBalancerName": name},
        }));
        let resource = json!({
            "Type": KIND,
            // An import asks for it.
            "DeletionPolicy": "Retain",
            "UpdateReplacePolicy": "Retain",
            "Properties": properties(subject),
        });
        resources.insert(id, resource);
    }
    let template = json!({"AWSTemplateFormatVersion": "2010-09-09", "Resources": resources});
    let text = serde_saphyr::to_string(&template).map_err(|error| Failure::new(format!("writing YAML: {error}")))?;
    let region = subjects.first().map_or("", |subject| subject.region.as_str());
    let stack = match subjects {
        [one] => one.lb.name.as_str(),
        _ => "load-balancers",
    };
    let comments = format!(
        "# Import it, which changes nothing:\n#   aws cloudformation create-change-set --region {region} --change-set-type \
         IMPORT \\\n#     --stack-name {stack} --change-set-name import --template-body file://{stack}.yaml \\\n#     \
         --resources-to-import '{}'\n",
        Value::Array(imported)
    );
    let lacking: String = subjects.iter().map(|subject| commented(&unread(&subject.lb))).collect();
    Ok((
        comments + &lacking + &text,
        subjects.iter().map(|subject| lacks(&subject.lb)).collect(),
    ))
}

/// The policies that the template lacks.
fn unread(lb: &LoadBalancer) -> Vec<String> {
    unknown(lb, &format!("the template of {} lacks it", lb.name))
}

/// What has no property.
fn lacks(lb: &LoadBalancer) -> Vec<String> {
    let mut notes = unread(lb);
    if let Some(mode) = lb
        .attributes
        .desync_mitigation_mode
        .filter(|mode| *mode != DesyncMitigationMode::default())
    {
        notes.push(format!(
            "CloudFormation has no property for the desync mitigation mode: it is {} and stays so until the stack makes the \
             load balancer anew",
            mode.as_str()
        ));
    }
    for group in &lb.auto_scaling_groups {
        notes.push(format!(
            "the Auto Scaling group {group} is attached: its own template must name {} in LoadBalancerNames",
            lb.name
        ));
    }
    notes
}

/// Letters and digits alone, each word with a capital, and another one than those that are taken.
fn logical_id(name: &str, taken: &Map<String, Value>) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    let plain: String = words.map(capital).collect();
    let numbered = (2..).map(|number| format!("{plain}{number}"));
    let mut free = std::iter::once(plain.clone())
        .chain(numbered)
        .filter(|id| !taken.contains_key(id));
    free.next().unwrap_or_default()
}

fn properties(subject: &Subject) -> Value {
    let lb = &subject.lb;
    let mut all = Map::new();
    all.insert("LoadBalancerName".to_owned(), json!(lb.name));
    all.insert("Scheme".to_owned(), json!(lb.scheme.as_str()));
    let mut put = |name: &str, value: Value| {
        if !value.as_array().is_some_and(Vec::is_empty) {
            all.insert(name.to_owned(), value);
        }
    };
    if lb.subnets.is_empty() {
        put("AvailabilityZones", json!(lb.availability_zones));
    } else {
        put("Subnets", json!(lb.subnets));
    }
    put("SecurityGroups", json!(lb.security_groups));
    put("Listeners", lb.listeners.values().map(|listener| {
        let mut one = json!({
            "LoadBalancerPort": listener.port.to_string(), "Protocol": listener.protocol.as_str(),
            "InstancePort": listener.instance_port.to_string(), "InstanceProtocol": listener.instance_protocol.as_str(),
        });
        if let Some(arn) = &listener.certificate {
            one["SSLCertificateId"] = json!(arn);
        }
        // The others are put there by their own LoadBalancerPorts.
        let cookies: Vec<_> = listener.policies.iter().filter(|name| is_cookie(lb, name)).collect();
        if !cookies.is_empty() {
            one["PolicyNames"] = json!(cookies);
        }
        one
    }).collect());
    let check = &lb.health_check;
    put(
        "HealthCheck",
        json!({
            "Target": check.target, "Interval": check.interval.to_string(), "Timeout": check.timeout.to_string(),
            "UnhealthyThreshold": check.unhealthy_threshold.to_string(),
            "HealthyThreshold": check.healthy_threshold.to_string(),
        }),
    );
    policies(lb, &mut put);
    attributes(&lb.attributes, &mut put);
    put("Instances", json!(subject.single));
    let tags = kept_tags(&lb.tags);
    put(
        "Tags",
        tags.iter()
            .map(|(key, value)| json!({"Key": key, "Value": value}))
            .collect(),
    );
    Value::Object(all)
}

fn is_cookie(lb: &LoadBalancer, name: &str) -> bool {
    matches!(lb.policies.get(name), Some(Policy::Stickiness(_)))
}

/// The policies under the names that they have, which an import takes along.
fn policies(lb: &LoadBalancer, put: &mut impl FnMut(&str, Value)) {
    let (mut app, mut cookies, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for (name, policy) in &lb.policies {
        let of_listeners = lb
            .listeners
            .values()
            .filter(|listener| listener.policies.contains(name));
        let ports: Vec<String> = of_listeners.map(|listener| listener.port.to_string()).collect();
        let backends = lb.backends.iter().filter(|(_, names)| names.contains(name));
        let instance_ports: Vec<String> = backends.map(|(port, _)| port.to_string()).collect();
        match policy {
            Policy::Stickiness(Stickiness::ApplicationCookie(cookie)) => {
                app.push(json!({"PolicyName": name, "CookieName": cookie}));
            }
            Policy::Stickiness(Stickiness::LoadBalancerCookie(seconds)) => {
                let mut one = json!({"PolicyName": name});
                if let Some(seconds) = seconds {
                    one["CookieExpirationPeriod"] = json!(seconds.to_string());
                }
                cookies.push(one);
            }
            Policy::Unknown(_) => {}
            // AWS makes it itself.
            _ if name == crate::elb::DEFAULT_TLS_POLICY => {}
            _ => {
                let attributes = policy.attributes().into_iter();
                let mut one = json!({
                    "PolicyName": name, "PolicyType": policy.type_name(),
                    "Attributes": attributes.map(|(name, value)| json!({"Name": name, "Value": value})).collect::<Vec<_>>(),
                });
                for (member, ports) in [("LoadBalancerPorts", ports), ("InstancePorts", instance_ports)] {
                    if !ports.is_empty() {
                        one[member] = json!(ports);
                    }
                }
                others.push(one);
            }
        }
    }
    put("AppCookieStickinessPolicy", Value::Array(app));
    put("LBCookieStickinessPolicy", Value::Array(cookies));
    put("Policies", Value::Array(others));
}

fn attributes(attributes: &Attributes, put: &mut impl FnMut(&str, Value)) {
    let default = Attributes::at_creation();
    let attributes = attributes.over(&default);
    put("CrossZone", json!(attributes.cross_zone.unwrap_or_default()));
    if attributes.idle_timeout != default.idle_timeout {
        put("ConnectionSettings", json!({"IdleTimeout": attributes.idle_timeout}));
    }
    if let Some(seconds) = attributes.connection_draining.flatten() {
        put("ConnectionDrainingPolicy", json!({"Enabled": true, "Timeout": seconds}));
    }
    if let Some(log) = attributes.access_log.flatten() {
        let mut one = json!({"Enabled": true, "S3BucketName": log.bucket, "EmitInterval": log.emit_interval});
        if !log.prefix.is_empty() {
            one["S3BucketPrefix"] = json!(log.prefix);
        }
        put("AccessLoggingPolicy", one);
    }
}
