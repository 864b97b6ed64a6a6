//! Pure: what an account lets an object use.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::message::{self, Message};
use crate::api::{Allow, ClassicLoadBalancerSpec, reason};
use crate::elb::{Declared, HealthCheck, Listener, Port, glob};

/// What stands for the namespace of the object.
const NAMESPACE: &str = "$(namespace)";

/// A value with the namespace in its place.
pub fn filled_in(value: &str, namespace: &str) -> String {
    value.replace(NAMESPACE, namespace)
}

/// Tags by key.
pub type Tags = BTreeMap<String, String>;

/// What must carry tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tagged {
    /// Subnets.
    Subnet,
    /// Security groups.
    SecurityGroup,
    /// Auto Scaling groups.
    AutoScalingGroup,
    /// Instances.
    Instance,
    /// Certificates.
    Certificate,
}

impl Tagged {
    /// The field of `spec.allow`.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Subnet => "subnetTags",
            Self::SecurityGroup => "securityGroupTags",
            Self::AutoScalingGroup => "autoScalingGroupTags",
            Self::Instance => "instanceTags",
            Self::Certificate => "certificateTags",
        }
    }
}

/// What an account lets the objects of a namespace use.
#[derive(Clone, Debug)]
pub struct Allowance<'a> {
    account: String,
    allow: &'a Allow,
    namespace: &'a str,
}

impl<'a> Allowance<'a> {
    /// By the rules of the account of this name.
    pub fn new(account: String, allow: &'a Allow, namespace: &'a str) -> Self {
        Self {
            account,
            allow,
            namespace,
        }
    }

    /// The name of the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The tags that something must carry; `None`: it need not.
    pub fn tags(&self, kind: Tagged) -> Option<Tags> {
        let tags = match kind {
            Tagged::Subnet => &self.allow.subnet_tags,
            Tagged::SecurityGroup => &self.allow.security_group_tags,
            Tagged::AutoScalingGroup => &self.allow.auto_scaling_group_tags,
            Tagged::Instance => &self.allow.instance_tags,
            Tagged::Certificate => &self.allow.certificate_tags,
        };
        let fill = |(key, value): (&String, &String)| (key.clone(), filled_in(value, self.namespace));
        Some(tags.as_ref()?.iter().map(fill).collect())
    }

    /// Whether something carries the tags that it must.
    ///
    /// # Errors
    /// When it does not.
    pub fn check_tags(&self, kind: Tagged, field: &str, what: &str, carries: &Tags) -> Result<(), Message> {
        let wanted = self.tags(kind).unwrap_or_default();
        if carries_all(carries, &wanted) {
            return Ok(());
        }
        let wanted = wanted.iter().map(|(key, value)| format!("{key}={value}"));
        let wanted = wanted.collect::<Vec<_>>().join(", ");
        Err(message::tags_not_allowed(
            field,
            what,
            &self.account,
            kind.rule(),
            wanted,
        ))
    }

    /// What is told of things that AWS does not show.
    pub fn not_shown(&self, kind: Tagged, field: &str, ids: &BTreeSet<String>) -> Message {
        let reason = match kind {
            Tagged::Subnet => reason::SUBNET_NOT_FOUND,
            Tagged::SecurityGroup => reason::SECURITY_GROUP_NOT_FOUND,
            Tagged::AutoScalingGroup => reason::AUTO_SCALING_GROUP_NOT_FOUND,
            Tagged::Instance => reason::INSTANCE_NOT_FOUND,
            Tagged::Certificate => reason::CERTIFICATE_NOT_FOUND,
        };
        let ids = ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        message::tagged_not_shown(reason, field, ids, kind.rule(), &self.account)
    }

    /// Names, buckets and ports, which AWS need not be asked for.
    ///
    /// # Errors
    /// The first that is not allowed.
    pub fn check_values(&self, spec: &ClassicLoadBalancerSpec, declared: &Declared) -> Result<(), Message> {
        // A name that is not given is made of the namespace.
        if let (Some(name), Some(patterns)) = (&spec.load_balancer_name, &self.allow.load_balancer_names) {
            self.check_name("spec.loadBalancerName", name, "loadBalancerNames", patterns)?;
        }
        let log = spec
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.access_log.as_ref());
        let bucket = log
            .filter(|log| log.enabled == Some(true))
            .and_then(|log| log.bucket.as_ref());
        if let (Some(bucket), Some(patterns)) = (bucket, &self.allow.log_buckets) {
            self.check_name("spec.attributes.accessLog.bucket", bucket, "logBuckets", patterns)?;
        }
        for listener in declared.listeners.values() {
            let field = format!("spec.listeners[port={}]", listener.port);
            self.check_port(&field, listener.instance_port)?;
        }
        let checked = declared.health_check.as_ref().and_then(HealthCheck::port);
        checked.map_or(Ok(()), |port| self.check_port("spec.healthCheck", port))
    }

    fn check_name(&self, field: &str, name: &str, rule: &str, patterns: &[String]) -> Result<(), Message> {
        let patterns: Vec<String> = patterns
            .iter()
            .map(|pattern| filled_in(pattern, self.namespace))
            .collect();
        if patterns.iter().any(|pattern| glob::matches(pattern, name)) {
            return Ok(());
        }
        let patterns = listed(patterns);
        Err(message::value_not_allowed(field, name, &self.account, rule, patterns))
    }

    fn check_port(&self, field: &str, port: Port) -> Result<(), Message> {
        let Some(ranges) = &self.allow.instance_ports else {
            return Ok(());
        };
        let holds = |range: &String| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let bounds = first.parse::<Port>().ok().zip(last.parse::<Port>().ok());
            bounds.is_some_and(|(first, last)| (first..=last).contains(&port))
        };
        if ranges.iter().any(holds) {
            return Ok(());
        }
        let ranges = listed(ranges);
        Err(message::value_not_allowed(
            field,
            port,
            &self.account,
            "instancePorts",
            ranges,
        ))
    }
}

/// Takes out of what is declared what AWS does not show: what it carries is not known, so it is given to no load balancer, and
/// taken from none that has it.
pub fn withhold(kind: Tagged, ids: &BTreeSet<String>, declared: &mut Declared) {
    match kind {
        Tagged::Subnet => declared.placement = None,
        Tagged::SecurityGroup => declared.security_groups = None,
        Tagged::AutoScalingGroup => declared.auto_scaling_groups = None,
        Tagged::Instance => {
            if let Some(registration) = &mut declared.registration {
                registration.wanted.retain(|id| !ids.contains(id));
                registration.kept.extend(ids.iter().cloned());
            }
        }
        Tagged::Certificate => {
            let lacks = |listener: &&Listener| listener.certificate.as_ref().is_some_and(|arn| ids.contains(arn));
            let ports: Vec<Port> = declared
                .listeners
                .values()
                .filter(lacks)
                .map(|listener| listener.port)
                .collect();
            for port in ports {
                declared.listeners.remove(&port);
                declared.unresolved.insert(port);
            }
        }
    }
}

/// Whether all these tags are there, with these values.
pub fn carries_all(carries: &Tags, wanted: &Tags) -> bool {
    wanted.iter().all(|(key, value)| carries.get(key) == Some(value))
}

/// What an account lists, in words.
pub(crate) fn listed<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.as_ref().to_owned()).collect();
    if items.is_empty() {
        message::nothing_listed()
    } else {
        items.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::Owner;
    use crate::plan::desired::{Resolved, Wish, declare};

    /// What is told of a spec with these lines under an account that allows this.
    fn told(allow: &str, lines: &str) -> Option<String> {
        let spec = format!("availabilityZones: [us-east-1a]\n{lines}");
        let spec: ClassicLoadBalancerSpec = serde_saphyr::from_str(&spec).expect("a spec");
        let allow: Allow = serde_saphyr::from_str(allow).expect("rules");
        let owner = Owner {
            cluster: "c".into(),
            object: "shop/web".into(),
            uid: "1".into(),
        };
        let resolved = Resolved::default();
        let desired = declare(&Wish {
            spec: &spec,
            name: spec.load_balancer_name.as_deref().unwrap_or("any"),
            owner: &owner,
            applied: None,
            resolved: &resolved,
        });
        let desired = desired.expect("declared");
        let allowance = Allowance::new("prod".into(), &allow, "shop");
        let refused = allowance.check_values(&spec, &desired.declared).err()?;
        assert_eq!(refused.reason(), "AccountNotAllowed");
        assert!(refused.text().contains("prod"), "{refused}");
        Some(refused.text().to_owned())
    }

    const WEB: &str = "listeners: [{port: 80, protocol: HTTP, instancePort: 8080}]\n";

    #[test]
    fn what_was_emptied_lets_nothing_in() {
        let log = "attributes: {accessLog: {enabled: true, bucket: logs}}\n";
        for (rule, lines) in [
            ("loadBalancerNames", format!("{WEB}loadBalancerName: shop-web")),
            ("logBuckets", format!("{WEB}{log}")),
            ("instancePorts", WEB.to_owned()),
        ] {
            assert_eq!(told("{}", &lines), None, "{rule}");
            let text = told(&format!("{rule}: null"), &lines).expect(rule);
            assert!(text.contains(&format!("whose spec.allow.{rule} are none")), "{text}");
        }
    }

    #[test]
    fn names_follow_patterns_and_a_name_that_is_not_given_is_allowed() {
        let (allow, named) = ("loadBalancerNames: ['$(namespace)-*', shared]", |name: &str| {
            format!("{WEB}loadBalancerName: {name}")
        });
        assert_eq!(told(allow, &named("shop-web")), None);
        assert_eq!(told(allow, &named("shared")), None);
        assert_eq!(told(allow, WEB), None);
        let refused = told(allow, &named("web-shop-1")).expect("refused");
        let words = [
            "spec.loadBalancerName",
            "web-shop-1",
            "loadBalancerNames",
            "shop-*, shared",
        ];
        assert!(words.iter().all(|word| refused.contains(word)), "{refused}");
    }

    #[test]
    fn ports_are_those_of_listeners_and_of_the_health_check() {
        assert_eq!(told("instancePorts: ['80', 8000-8100]", WEB), None);
        let refused = told("instancePorts: ['80', 30000-32767]", WEB).expect("refused");
        assert!(
            refused.contains("spec.listeners[port=80]") && refused.contains("8080"),
            "{refused}"
        );
        let checked = format!("{WEB}healthCheck: {{target: 'TCP:22'}}");
        let refused = told("instancePorts: ['8080']", &checked).expect("refused");
        assert!(
            refused.contains("spec.healthCheck") && refused.contains("22"),
            "{refused}"
        );
    }

    #[test]
    fn a_bucket_counts_where_logs_are_written() {
        let log = |enabled| format!("{WEB}attributes: {{accessLog: {{enabled: {enabled}, bucket: web-logs}}}}");
        let allow = "logBuckets: ['$(namespace)-logs']";
        assert_eq!(told(allow, &log(false)), None);
        let refused = told(allow, &log(true)).expect("refused");
        assert!(
            refused.contains("spec.attributes.accessLog.bucket") && refused.contains("shop-logs"),
            "{refused}"
        );
    }

    #[test]
    fn tags_must_all_be_there() {
        let allow: Allow = serde_saphyr::from_str("subnetTags: {team: $(namespace), tier: web}").expect("rules");
        let allowance = Allowance::new("prod".into(), &allow, "shop");
        let tags = |pairs: &[(&str, &str)]| -> Tags {
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
        };
        let check = |carries: &Tags| allowance.check_tags(Tagged::Subnet, "spec.subnets", "subnet-1", carries);
        assert!(check(&tags(&[("team", "shop"), ("tier", "web"), ("a", "b")])).is_ok());
        let refused = check(&tags(&[("team", "web"), ("tier", "web")])).expect_err("of another team");
        assert!(refused.text().contains("team=shop, tier=web"), "{refused}");
        assert_eq!(allowance.tags(Tagged::Instance), None);
    }
}
