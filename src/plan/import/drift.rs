//! Pure: what differs between a load balancer as another tool knows it and as AWS has it.

use std::collections::BTreeSet;

use super::{Unfit, import};
use crate::elb::{
    Declared, InstanceId, ListenerPolicies, LoadBalancer, Origin, Owner, Policy, Scheme, TAG_PREFIX, is_own_policy,
};
use crate::plan::desired::{Resolved, Wish, declare};
use crate::plan::targets::Member;
use crate::plan::{Explained, Facts, Plan, Step};

/// What another tool would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// The calls that would make AWS as the tool knows it.
    pub calls: Vec<Explained>,
    /// The scheme that the tool knows, where AWS has the other one. No call changes it.
    pub scheme: Option<Scheme>,
}

/// What differs. `known` is what the tool states, and the rest as AWS has it.
///
/// # Errors
/// Why what the tool knows is no load balancer that can be declared.
pub fn differences(
    known: &LoadBalancer,
    actual: &LoadBalancer,
    region: &str,
    members: &BTreeSet<InstanceId>,
) -> Result<Drift, Unfit> {
    let mut spec = import(known, region, members)?.spec;
    // They are stated whole, below.
    (spec.health_check, spec.attributes, spec.tags) = (None, None, None);
    let owner = Owner {
        cluster: String::new(),
        object: String::new(),
        uid: String::new(),
    };
    let ids = spec
        .targets
        .iter()
        .flat_map(|targets| targets.instance_ids.iter().flatten());
    let resolved = Resolved {
        members: ids.map(|id| (id.clone(), Member::default())).collect(),
        ..Resolved::default()
    };
    let wish = Wish {
        spec: &spec,
        name: &known.name,
        owner: &owner,
        applied: None,
        resolved: &resolved,
    };
    let scheme = (known.scheme != actual.scheme).then_some(known.scheme);
    let Ok(mut desired) = declare(&wish) else {
        return Ok(Drift {
            scheme,
            ..Drift::default()
        });
    };
    state(known, &mut desired.declared);
    if let Some(registration) = &mut desired.declared.registration {
        registration.kept.clone_from(members);
    }
    // Not every tool knows of every group.
    if known.auto_scaling_groups.is_empty() {
        desired.declared.auto_scaling_groups = None;
    }
    let mut before = actual.clone();
    before.tags.extend(owner.tags(Origin::Adopted));
    let plan = Plan::update(&desired.declared, &before, &Facts::default());
    // What the operator tidies up of its own, whatever the tool knows.
    let own = |step: &Step| match step {
        Step::AddTags(tags) => tags.keys().all(|key| key.starts_with(TAG_PREFIX)),
        Step::DeletePolicy(name) => is_own_policy(name),
        Step::SetBackendPolicies { port, .. } => !known.uses_instance_port(*port),
        _ => false,
    };
    let steps = plan.steps().filter(|step| !own(step));
    Ok(Drift {
        calls: steps.map(|step| Explained::new(step, Some(actual))).collect(),
        scheme,
    })
}

/// Declares in full what a spec leaves out where it is AWS's default: AWS may have something else by now.
fn state(known: &LoadBalancer, declared: &mut Declared) {
    declared.health_check = Some(known.health_check.clone());
    declared.attributes = known.attributes.clone();
    declared.ungiven.clear();
    let is_theirs = |key: &str| !key.to_ascii_lowercase().starts_with("aws:") && !key.starts_with(TAG_PREFIX);
    let tags = known.tags.iter().filter(|(key, _)| is_theirs(key));
    declared.tags = tags.map(|(key, value)| (key.clone(), value.clone())).collect();
    for (port, listener) in &known.listeners {
        let tls = listener
            .policies
            .iter()
            .find_map(|name| match known.policies.get(name) {
                Some(Policy::Tls(tls)) => Some(tls.clone()),
                _ => None,
            });
        if tls.is_some() {
            let policies: &mut ListenerPolicies = declared.listener_policies.entry(*port).or_default();
            policies.tls = tls;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elb::{AccessLog, Attributes, DesyncMitigationMode, HealthCheck, Listener, Protocol, TlsPolicy};

    /// As AWS makes one, with a listener of each kind.
    fn made() -> LoadBalancer {
        let mut lb = LoadBalancer::bare("web");
        lb.scheme = Scheme::InternetFacing;
        lb.availability_zones = ["us-east-1a".to_owned()].into();
        lb.attributes = Attributes::at_creation();
        let listener = |port, protocol: Protocol, certificate: Option<&str>| Listener {
            port,
            protocol,
            instance_port: 8080,
            instance_protocol: Protocol::Http,
            certificate: certificate.map(ToOwned::to_owned),
            policies: BTreeSet::new(),
        };
        let certificate = "arn:aws:acm:us-east-1:123456789012:certificate/0";
        lb.listeners = [
            (80, listener(80, Protocol::Http, None)),
            (443, listener(443, Protocol::Https, Some(certificate))),
        ]
        .into();
        lb.health_check = HealthCheck::of("TCP:8080".to_owned());
        lb
    }

    fn with_tls(lb: &mut LoadBalancer, name: &str, tls: TlsPolicy) {
        let listener = lb.listeners.get_mut(&443).expect("secure");
        listener.policies = [name.to_owned()].into();
        lb.policies.insert(name.to_owned(), Policy::Tls(tls));
    }

    fn calls(known: &LoadBalancer, actual: &LoadBalancer) -> Vec<String> {
        let drift = differences(known, actual, "us-east-1", &BTreeSet::new()).expect("comparable");
        drift.calls.iter().map(|call| call.step.to_string()).collect()
    }

    #[test]
    fn what_is_stated_as_the_default_of_aws_is_stated() {
        let known = made();
        assert_eq!(calls(&known, &known), Vec::<String>::new());
        let mut actual = known.clone();
        actual.attributes = Attributes {
            cross_zone: Some(true),
            idle_timeout: Some(120),
            connection_draining: Some(Some(30)),
            access_log: Some(Some(AccessLog {
                bucket: "other".to_owned(),
                prefix: "a/b".to_owned(),
                emit_interval: 5,
            })),
            desync_mitigation_mode: Some(DesyncMitigationMode::Strictest),
        };
        actual.health_check = HealthCheck {
            target: "HTTP:8080/".to_owned(),
            interval: 6,
            timeout: 3,
            unhealthy_threshold: 9,
            healthy_threshold: 3,
        };
        actual.scheme = Scheme::Internal;
        let told = calls(&known, &actual).join("\n");
        for words in [
            "crossZone",
            "idleTimeout 60",
            "connectionDraining",
            "accessLog",
            "desync",
            "TCP:8080",
            "30 s",
            "5 s",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
        assert!(!told.contains("other"), "AWS's own value: {told}");
        let drift = differences(&known, &actual, "us-east-1", &BTreeSet::new()).expect("comparable");
        assert_eq!(drift.scheme, Some(Scheme::InternetFacing));
    }

    #[test]
    fn a_member_of_its_default_is_not_told_with_the_value_of_aws() {
        let mut known = made();
        known.health_check.target = "HTTP:8080/health".to_owned();
        let log = |prefix: &str, emit_interval| AccessLog {
            bucket: "logs".to_owned(),
            prefix: prefix.to_owned(),
            emit_interval,
        };
        known.attributes.access_log = Some(Some(log("", 60)));
        let mut actual = made();
        actual.health_check.interval = 6;
        actual.health_check.unhealthy_threshold = 9;
        actual.attributes.access_log = Some(Some(log("a/b", 5)));
        let told = calls(&known, &actual).join("\n");
        assert!(told.contains("HTTP:8080/health") && told.contains("30 s"), "{told}");
        assert!(told.contains("logs") && !told.contains("a/b"), "{told}");
    }

    #[test]
    fn a_tls_policy_is_compared_where_it_is_stated() {
        let mut actual = made();
        with_tls(
            &mut actual,
            "own",
            TlsPolicy::Predefined("ELBSecurityPolicy-TLS-1-2-2017-01".to_owned()),
        );
        let mut known = made();
        assert_eq!(calls(&known, &actual), Vec::<String>::new(), "nothing is stated");
        with_tls(&mut known, "tls", TlsPolicy::default());
        assert!(!calls(&known, &actual).is_empty(), "the default one is");
    }
}
