//! Random load balancers as AWS would have them. The unit tests of the command line use them too, so this names no module but its
//! neighbour.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use classic_lb_operator::elb::{
    AccessLog, Attributes, DesyncMitigationMode, HealthCheck, LoadBalancer, Policy, Scheme, TlsPolicy,
};
use proptest::prelude::*;

use super::strategies::observed;

pub(crate) const REGION: &str = "eu-west-1";

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
    pub(crate) fn balancer()(lb in observed(), attributes in attributes(), check in proptest::option::of(check()),
        public in any::<bool>(), foreign in any::<bool>(), by_zones in any::<bool>()) -> LoadBalancer {
        let mut lb = real(lb);
        lb.attributes = attributes;
        lb.health_check = check.unwrap_or_else(|| HealthCheck::of(HealthCheck::default_target(&lb.listeners)));
        lb.scheme = if public { Scheme::InternetFacing } else { Scheme::Internal };
        if by_zones {
            lb.subnets.clear();
        }
        if foreign {
            lb.tags.insert("aws:cloudformation:stack-name".into(), "s".into());
            lb.tags.insert("kubernetes.io/cluster/x".into(), "owned".into());
        }
        lb
    }
}

/// Some of the instances, which a group registers.
pub(crate) fn members(lb: &LoadBalancer) -> BTreeSet<String> {
    let count = if lb.auto_scaling_groups.is_empty() {
        0
    } else {
        lb.instances.len() / 2
    };
    lb.instances.iter().take(count).cloned().collect()
}
