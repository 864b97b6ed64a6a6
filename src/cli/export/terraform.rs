//! Pure: a load balancer as a configuration of Terraform, with the block that imports it.

use std::collections::{BTreeMap, BTreeSet};

use super::hcl::{Body, Labels, quoted};
use super::{Subject, commented, is_unknown, kept_tags, unknown};
use crate::elb::{AccessLog, Attributes, Listener, LoadBalancer, Policy, PolicyName, Port, Stickiness};

/// Types of resources.
const OF_COOKIE: &str = "aws_app_cookie_stickiness_policy";
const OF_LISTENER: &str = "aws_load_balancer_listener_policy";
const OF_BACKEND: &str = "aws_load_balancer_backend_server_policy";
const OF_INSTANCES: &str = "aws_elb_attachment";
const OF_GROUP: &str = "aws_autoscaling_attachment";

/// What the providers of a configuration are called, by account and region. Of one place there is no more than the provider that
/// whoever applies it has.
#[derive(Debug, Default)]
pub(super) struct Providers<'a>(BTreeMap<(Option<&'a str>, &'a str), String>);

impl<'a> Providers<'a> {
    pub(super) fn of(subjects: &'a [Subject]) -> Self {
        let places: BTreeSet<_> = subjects.iter().map(place).collect();
        if places.len() < 2 {
            return Self::default();
        }
        let mut labels = Labels::default();
        let named = places.into_iter().map(|(account, region)| {
            let words: Vec<&str> = account.into_iter().chain([region]).collect();
            ((account, region), labels.free("provider", &words.join("_")))
        });
        Self(named.collect())
    }

    /// The blocks of them; none where there is but one.
    pub(super) fn blocks(&self) -> Option<String> {
        let each = self.0.iter().map(|((account, region), alias)| {
            let mut provider = Body::default();
            provider.text("alias", alias).text("region", region);
            let mut file = Body::default();
            file.block("provider \"aws\"", provider);
            let of = account.map(|account| format!("# with credentials of the account of AWSAccount {account}\n"));
            of.unwrap_or_default() + &file.render(0)
        });
        let each: Vec<String> = each.collect();
        (!each.is_empty()).then(|| each.join("\n"))
    }

    fn reference(&self, subject: &Subject) -> Option<String> {
        self.0.get(&place(subject)).map(|alias| format!("aws.{alias}"))
    }
}

fn place(subject: &Subject) -> (Option<&str>, &str) {
    (subject.account.as_deref(), &subject.region)
}

/// The blocks of one load balancer.
struct File {
    blocks: Body,
    /// How they refer to their provider, where it is not the one without an alias.
    provider: Option<String>,
}

impl File {
    /// A resource, under a name that is free.
    fn resource(&mut self, kind: &str, label: &str, mut body: Body) {
        if let Some(provider) = &self.provider {
            body.raw("provider", provider);
        }
        let label = quoted(label);
        self.blocks.block(&format!("resource \"{kind}\" {label}"), body);
    }

    /// What takes over the one that is there.
    fn import(&mut self, address: String, id: &str) {
        let mut body = Body::default();
        body.raw("to", address).text("id", id);
        if let Some(provider) = &self.provider {
            body.raw("provider", provider);
        }
        self.blocks.block("import", body);
    }
}

/// The configuration, and what it lacks. `labels` are those of the others in it.
pub(super) fn terraform(subject: &Subject, providers: &Providers, labels: &mut Labels) -> (String, Vec<String>) {
    let lb = &subject.lb;
    let own = labels.free("aws_elb", &lb.name);
    let mut file = File {
        blocks: Body::default(),
        provider: providers.reference(subject),
    };
    file.import(format!("aws_elb.{own}"), &lb.name);
    file.resource("aws_elb", &own, elb(subject));
    let cookies = Cookies::of(lb);
    cookies.write(&own, labels, &mut file);
    let policies = Names::of(lb, &cookies, &own, labels);
    policies.write(lb, &own, labels, &mut file);
    attachments(subject, &own, labels, &mut file);
    let mut notes = unknown(lb, "it is referred to by its name, and Terraform does not make it anew");
    let comments = format!("# {} in {}\n", lb.name, subject.region) + &commented(&notes);
    if !policies.labels.is_empty() {
        notes.push(
            "of policies Terraform can import but the cookie of an application: the first apply makes the others anew under \
             other names, with the same content, and puts them in the place of those that are there"
                .to_owned(),
        );
    }
    notes.extend(cookies.left);
    if !lb.auto_scaling_groups.is_empty() || !subject.single.is_empty() {
        notes.push(
            "attachments are created by the first apply, which repeats what is there and changes nothing".to_owned(),
        );
    }
    (comments + &file.blocks.render(0), notes)
}

/// The cookies of applications that Terraform can import, by their listeners.
#[derive(Debug, Default)]
struct Cookies<'a> {
    /// The name of the load balancer.
    balancer: &'a str,
    imported: BTreeMap<Port, (&'a PolicyName, &'a str)>,
    /// Of the others, why it cannot.
    left: Vec<String>,
}

impl<'a> Cookies<'a> {
    fn of(lb: &'a LoadBalancer) -> Self {
        let mut all = Self {
            balancer: &lb.name,
            ..Self::default()
        };
        for (name, policy) in &lb.policies {
            let Policy::Stickiness(Stickiness::ApplicationCookie(cookie)) = policy else {
                continue;
            };
            let using = lb
                .listeners
                .values()
                .filter(|listener| listener.policies.contains(name));
            let using: Vec<&Listener> = using.collect();
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let why = match using.as_slice() {
                [] => continue,
                [_, _, ..] => "several listeners have it",
                [one] if one.policies.len() > 1 => "its listener has other policies, which the resource would take off",
                _ if !name.chars().all(fits) => "its name has characters that an import does not take",
                [one] => {
                    all.imported.insert(one.port, (name, cookie.as_str()));
                    continue;
                }
            };
            all.left.push(format!(
                "policy {name} with the cookie {cookie} is made anew and not imported: {why}"
            ));
        }
        all
    }

    fn write(&self, own: &str, labels: &mut Labels, file: &mut File) {
        for (port, (name, cookie)) in &self.imported {
            let label = labels.free(OF_COOKIE, &format!("{own}_{name}"));
            let mut body = Body::default();
            body.text("name", name)
                .raw("load_balancer", format!("aws_elb.{own}.name"))
                .raw("lb_port", port.to_string())
                .text("cookie_name", cookie);
            file.import(
                format!("{OF_COOKIE}.{label}"),
                &format!("{}:{port}:{name}", self.balancer),
            );
            file.resource(OF_COOKIE, &label, body);
        }
    }
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

/// The policies in force that are more than AWS's default and are made anew.
struct Names {
    /// Their names in the configuration, by those in AWS. Those that say the same are one there.
    labels: BTreeMap<PolicyName, String>,
    /// Their new names in AWS, by those in the configuration.
    new: BTreeMap<String, PolicyName>,
}

impl Names {
    fn of(lb: &LoadBalancer, cookies: &Cookies<'_>, own: &str, labels: &mut Labels) -> Self {
        let of_listeners = lb.listeners.values().filter(|listener| {
            let default = listener.protocol.policies_at_creation();
            listener.policies != default
                && !listener.policies.is_empty()
                && !cookies.imported.contains_key(&listener.port)
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
        let mut all = Self {
            labels: BTreeMap::new(),
            new: BTreeMap::new(),
        };
        for name in used {
            let Some(content) = lb.policies.get(&name) else {
                continue;
            };
            let label = by_content.entry(content).or_insert_with(|| {
                let label = labels.free("aws_load_balancer_policy", &format!("{own}_{name}"));
                all.new.insert(label.clone(), new_name(lb, content));
                label
            });
            all.labels.insert(name, label.clone());
        }
        all
    }

    /// How the configuration refers to a policy.
    fn reference(&self, name: &PolicyName) -> String {
        match self.labels.get(name) {
            Some(label) => format!("aws_load_balancer_policy.{label}.policy_name"),
            None => quoted(name),
        }
    }

    fn write(&self, lb: &LoadBalancer, own: &str, labels: &mut Labels, file: &mut File) {
        let mut written = BTreeSet::new();
        for (name, label) in &self.labels {
            let Some(policy) = lb.policies.get(name).filter(|_| written.insert(label)) else {
                continue;
            };
            let mut body = Body::default();
            body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                .text("policy_name", self.new.get(label).map_or("", String::as_str))
                .text("policy_type_name", policy.type_name());
            for (attribute, value) in policy.attributes() {
                let mut block = Body::default();
                block.text("name", &attribute);
                // A policy that refers to keys does so by their new names.
                if self.labels.contains_key(&value) && attribute == "PublicKeyPolicyName" {
                    block.raw("value", self.reference(&value));
                } else {
                    block.text("value", &value);
                }
                body.block("policy_attribute", block);
            }
            file.resource("aws_load_balancer_policy", label, body);
        }
        let list = |names: &BTreeSet<PolicyName>| {
            let names: Vec<String> = names.iter().map(|name| self.reference(name)).collect();
            format!("[{}]", names.join(", "))
        };
        for listener in lb.listeners.values() {
            if listener.policies.iter().any(|name| self.labels.contains_key(name)) {
                let mut body = Body::default();
                body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                    .raw("load_balancer_port", listener.port.to_string())
                    .raw("policy_names", list(&listener.policies));
                let label = labels.free(OF_LISTENER, &format!("{own}_{}", listener.port));
                file.resource(OF_LISTENER, &label, body);
            }
        }
        for (port, names) in lb.backends.iter().filter(|(port, _)| lb.uses_instance_port(**port)) {
            let mut body = Body::default();
            body.raw("load_balancer_name", format!("aws_elb.{own}.name"))
                .raw("instance_port", port.to_string())
                .raw("policy_names", list(names));
            let label = labels.free(OF_BACKEND, &format!("{own}_{port}"));
            file.resource(OF_BACKEND, &label, body);
        }
    }
}

/// A name that no policy has yet, also where Terraform made those that are there: AWS refuses one that is taken, whatever its
/// content.
fn new_name(lb: &LoadBalancer, policy: &Policy) -> PolicyName {
    let own = policy.own_name();
    let plain = format!("tf-{}", own.strip_prefix("clb-").unwrap_or(&own));
    let numbered = (2..).map(|number| format!("{plain}-{number}"));
    let mut names = std::iter::once(plain.clone()).chain(numbered);
    let free = names.find(|name| !lb.policies.contains_key(name));
    free.unwrap_or(plain)
}

fn attachments(subject: &Subject, own: &str, labels: &mut Labels, file: &mut File) {
    let single = &subject.single;
    if !single.is_empty() {
        let mut body = Body::default();
        let ids: Vec<String> = single.iter().map(|id| quoted(id)).collect();
        body.raw("for_each", format!("toset([{}])", ids.join(", ")))
            .raw("elb", format!("aws_elb.{own}.id"))
            .raw("instance", "each.value");
        file.resource(OF_INSTANCES, &labels.free(OF_INSTANCES, own), body);
    }
    for group in &subject.lb.auto_scaling_groups {
        let mut body = Body::default();
        body.text("autoscaling_group_name", group)
            .raw("elb", format!("aws_elb.{own}.id"));
        let label = labels.free(OF_GROUP, &format!("{own}_{group}"));
        file.resource(OF_GROUP, &label, body);
    }
}

#[cfg(test)]
mod tests;
