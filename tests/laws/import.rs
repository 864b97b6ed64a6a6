//! Laws of taking over: what is made of a load balancer declares it as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use classic_lb_operator::api::ClassicLoadBalancerSpec;
use classic_lb_operator::elb::{
    AccessLog, Attributes, Declared, DesyncMitigationMode, HealthCheck, LoadBalancer, Policy, Scheme, TAG_PREFIX,
    TlsPolicy, is_own_policy,
};
use classic_lb_operator::plan::desired::{Resolved, Wish, declare};
use classic_lb_operator::plan::import::{Imported, Left, import};
use classic_lb_operator::plan::targets::Member;
use classic_lb_operator::plan::{Facts, Plan, Step};
use proptest::prelude::*;

use crate::strategies::{observed, owner};

const REGION: &str = "eu-west-1";

/// A word of the strategies as AWS would name such a thing.
fn named(prefix: &str, word: &str) -> String {
    let digits = word.bytes().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    });
    format!("{prefix}-{digits:0>17}")
}

fn all(set: &BTreeSet<String>, prefix: &str) -> BTreeSet<String> {
    set.iter().map(|word| named(prefix, word)).collect()
}

/// The load balancers of the other laws with names and keys that AWS would take.
fn real(mut lb: LoadBalancer) -> LoadBalancer {
    lb.subnets = all(&lb.subnets, "subnet");
    lb.security_groups = all(&lb.security_groups, "sg");
    lb.instances = all(&lb.instances, "i");
    for listener in lb.listeners.values_mut() {
        if let Some(letter) = &listener.certificate {
            listener.certificate = Some(format!("arn:aws:acm:{REGION}:123456789012:certificate/{letter}"));
        }
    }
    for policy in lb.policies.values_mut() {
        match policy {
            Policy::PublicKey(key) => *key = format!("{key}{}", "A".repeat(96)),
            // AWS has no policy without ciphers.
            Policy::Tls(TlsPolicy::Custom(on)) => on.extend(["ECDHE-RSA-AES128-GCM-SHA256".to_owned()]),
            _ => {}
        }
    }
    lb
}

prop_compose! {
    fn attributes()(
        cross_zone in any::<bool>(), idle_timeout in prop_oneof![Just(60), 1..4000_i32],
        draining in proptest::option::of(prop_oneof![Just(300), 1..3600_i32]),
        log in proptest::option::of(("[a-z]{3,8}", "[a-z/]{0,3}", prop_oneof![Just(5), Just(60)])),
        mode in prop_oneof![Just(DesyncMitigationMode::Monitor), Just(DesyncMitigationMode::Defensive),
            Just(DesyncMitigationMode::Strictest)],
    ) -> Attributes {
        Attributes {
            cross_zone: Some(cross_zone), idle_timeout: Some(idle_timeout), connection_draining: Some(draining),
            access_log: Some(log.map(|(bucket, prefix, emit_interval)| AccessLog { bucket, prefix, emit_interval })),
            desync_mitigation_mode: Some(mode),
        }
    }
}

prop_compose! {
    fn check()(target in "(TCP|SSL):[1-9]|(HTTP|HTTPS):[1-9]/[a-z?=&]{0,5}", interval in prop_oneof![Just(30), 6..300_i32],
        timeout in 2..6_i32, unhealthy in 2..10_i32, healthy in 2..10_i32) -> HealthCheck {
        HealthCheck { target, interval, timeout, unhealthy_threshold: unhealthy, healthy_threshold: healthy }
    }
}

prop_compose! {
    fn balancer()(lb in observed(), attributes in attributes(), check in proptest::option::of(check()),
        public in any::<bool>(), foreign in any::<bool>()) -> LoadBalancer {
        let mut lb = real(lb);
        lb.attributes = attributes;
        lb.health_check = check.unwrap_or_else(|| HealthCheck::of(HealthCheck::default_target(&lb.listeners)));
        lb.scheme = if public { Scheme::InternetFacing } else { Scheme::Internal };
        if foreign {
            lb.tags.insert("aws:cloudformation:stack-name".into(), "s".into());
            lb.tags.insert("kubernetes.io/cluster/x".into(), "owned".into());
        }
        lb
    }
}

/// What an operator makes of the spec.
fn read(spec: &ClassicLoadBalancerSpec, members: &BTreeSet<String>) -> Declared {
    let ids = spec
        .targets
        .iter()
        .flat_map(|targets| targets.instance_ids.iter().flatten());
    let resolved = Resolved {
        members: ids
            .map(|id| (id.clone(), Member::default()))
            .collect::<BTreeMap<_, _>>(),
        ..Resolved::default()
    };
    let wish = Wish {
        spec,
        name: "lb",
        owner: &owner(),
        applied: None,
        resolved: &resolved,
    };
    let mut desired = declare(&wish).expect("a spec that can be realised");
    assert!(desired.missing.is_empty(), "{:?}", desired.missing);
    if let Some(registration) = &mut desired.declared.registration {
        registration.kept.clone_from(members);
    }
    desired.declared
}

/// Some of the instances, which a group registers.
fn members(lb: &LoadBalancer) -> BTreeSet<String> {
    let count = if lb.auto_scaling_groups.is_empty() {
        0
    } else {
        lb.instances.len() / 2
    };
    lb.instances.iter().take(count).cloned().collect()
}

fn imported(lb: &LoadBalancer) -> Imported {
    import(lb, REGION, &members(lb)).expect("a spec")
}

proptest! {
    #[test]
    fn what_was_imported_changes_nothing_but_the_tags_of_the_operator(lb in balancer()) {
        let Imported { spec, .. } = imported(&lb);
        prop_assert_eq!((spec.adopt, spec.deletion_policy.is_some()), (Some(true), true));
        let plan = Plan::update(&read(&spec, &members(&lb)), &lb, &Facts::default());
        // What this operator made itself it tidies up, also before it was told that the load balancer is its own.
        let own = |step: &Step| match step {
            Step::AddTags(tags) => tags.keys().all(|key| key.starts_with(TAG_PREFIX)),
            Step::DeletePolicy(name) => is_own_policy(name),
            Step::SetBackendPolicies { port, .. } => !lb.uses_instance_port(*port),
            _ => false,
        };
        prop_assert!(plan.steps().all(own), "{}", plan);
    }

    /// Made anew from its manifest alone, a load balancer has the same manifest: all that can be said is said.
    #[test]
    fn what_was_imported_makes_the_same_load_balancer_again(lb in balancer()) {
        let Imported { spec, .. } = imported(&lb);
        let declared = read(&spec, &members(&lb));
        let mut again = declared.over(&declared.at_creation());
        // The group registers those.
        again.instances.extend(members(&lb));
        again.tags.retain(|key, _| !key.starts_with(TAG_PREFIX));
        let second = import(&again, REGION, &members(&lb)).expect("a spec");
        prop_assert_eq!(second.spec, spec);
        prop_assert!(second.left.iter().all(|left| matches!(left, Left::UnusedPolicy(_))), "{:?}", second.left);
    }

    #[test]
    fn what_is_left_is_only_what_no_field_can_say(lb in balancer()) {
        for left in imported(&lb).left {
            let is_so = match &left {
                Left::NoTlsPolicy(port) => lb.listeners[port].protocol.is_secure(),
                Left::UnusedBackend(port) => !lb.uses_instance_port(*port),
                Left::UnusedPolicy(_) => true,
                Left::BackendPolicy { port, .. } => lb.uses_instance_port(*port),
                Left::TagsOfOthers(keys) => keys.iter().all(|key| key.starts_with("kubernetes.io/")),
                _ => false,
            };
            prop_assert!(is_so, "{:?}", left);
        }
    }
}
