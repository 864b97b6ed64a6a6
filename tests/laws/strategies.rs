//! Random balancers, observed and declared.

use std::collections::{BTreeMap, BTreeSet};

use classic_lb_operator::elb::{
    Attributes, Backend, DEFAULT_TLS_POLICY, Declared, HealthCheck, Identity, Listener, ListenerPolicies, LoadBalancer,
    Member, Owner, Placement, Policies, Policy, PolicyKind, Port, Protocol, Registration, Scheme, Stickiness,
    TlsPolicy,
};
use proptest::prelude::*;

/// Subnets `a1`, `a2`, `b1`, …: the letter is the zone.
pub(crate) fn subnets() -> impl Strategy<Value = BTreeSet<String>> {
    let one_of_each = proptest::collection::btree_map("[abcd]", 1..3_u8, 1..4);
    one_of_each.prop_map(|zones| {
        zones
            .into_iter()
            .map(|(zone, number)| format!("{zone}{number}"))
            .collect()
    })
}

pub(crate) fn words(pattern: &'static str, most: usize) -> impl Strategy<Value = BTreeSet<String>> {
    proptest::collection::btree_set(pattern, 0..most)
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-e]", "[x-z]", 0..4)
}

fn health_check() -> impl Strategy<Value = HealthCheck> {
    (1..5_u16, 2..10_i32).prop_map(|(port, healthy)| HealthCheck {
        healthy_threshold: healthy,
        ..HealthCheck::of(format!("TCP:{port}"))
    })
}

/// Plain instance ports are odd and secure ones even, as AWS demands that listeners of one instance port agree.
fn listener(port: Port) -> impl Strategy<Value = Listener> {
    (0..4_u8, 0..3_u16, "[AB]").prop_map(move |(kind, step, certificate)| {
        let (protocol, instance_protocol) = match kind {
            0 => (Protocol::Http, Protocol::Http),
            1 => (Protocol::Https, Protocol::Https),
            2 => (Protocol::Tcp, Protocol::Tcp),
            _ => (Protocol::Ssl, Protocol::Tcp),
        };
        Listener {
            port,
            protocol,
            instance_port: step * 2 + 1 + u16::from(instance_protocol.is_secure()),
            instance_protocol,
            certificate: protocol.is_secure().then_some(certificate),
            policies: protocol.policies_at_creation(),
        }
    })
}

fn listeners() -> impl Strategy<Value = BTreeMap<Port, Listener>> {
    proptest::collection::btree_set(1..6_u16, 1..5).prop_flat_map(|ports| {
        let listeners: Vec<_> = ports.into_iter().map(listener).collect();
        listeners.prop_map(|list| list.into_iter().map(|listener| (listener.port, listener)).collect())
    })
}

pub(crate) fn owner() -> Owner {
    Owner {
        cluster: "c".into(),
        object: "n/o".into(),
        uid: "u".into(),
    }
}

/// Policies that somebody made by hand, one of each kind, in two variants.
fn by_hand() -> Policies {
    let tls = |name: &str| Policy::Tls(TlsPolicy::Custom([name.to_owned()].into()));
    [
        ("hand-tls-1", tls("Protocol-TLSv1.2")),
        (
            "hand-tls-2",
            Policy::Tls(TlsPolicy::Predefined("ELBSecurityPolicy-2015-05".into())),
        ),
        (
            "hand-cookie-1",
            Policy::Stickiness(Stickiness::LoadBalancerCookie(Some(60))),
        ),
        (
            "hand-cookie-2",
            Policy::Stickiness(Stickiness::ApplicationCookie("session".into())),
        ),
        ("hand-proxy", Policy::ProxyProtocol(true)),
        ("hand-key", Policy::PublicKey("KEY1".into())),
        (
            "hand-auth",
            Policy::BackendAuthentication(["hand-key".to_owned()].into()),
        ),
    ]
    .into_iter()
    .map(|(name, policy)| (name.to_owned(), policy))
    .collect()
}

fn tls() -> impl Strategy<Value = TlsPolicy> {
    prop_oneof![
        Just(TlsPolicy::default()),
        Just(TlsPolicy::Predefined("ELBSecurityPolicy-2015-05".into())),
        Just(TlsPolicy::Custom(["Protocol-TLSv1.2".to_owned()].into())),
        Just(TlsPolicy::Custom(
            ["Protocol-TLSv1.2".to_owned(), "AES128-SHA".to_owned()].into()
        )),
    ]
}

fn stickiness() -> impl Strategy<Value = Stickiness> {
    prop_oneof![
        Just(Stickiness::LoadBalancerCookie(None)),
        Just(Stickiness::LoadBalancerCookie(Some(60))),
        Just(Stickiness::ApplicationCookie("session".into())),
    ]
}

fn listener_policies() -> impl Strategy<Value = BTreeMap<Port, ListenerPolicies>> {
    let policies = (
        proptest::option::of(tls()),
        proptest::option::of(proptest::option::of(stickiness())),
    )
        .prop_map(|(tls, stickiness)| ListenerPolicies { tls, stickiness });
    proptest::collection::btree_map(1..6_u16, policies, 0..4)
}

fn backends() -> impl Strategy<Value = BTreeMap<Port, Backend>> {
    let backend = (
        proptest::option::of(any::<bool>()),
        proptest::option::of(words("KEY[12]", 3)),
    )
        .prop_map(|(proxy_protocol, public_keys)| Backend {
            proxy_protocol,
            public_keys,
        });
    proptest::collection::btree_map(1..8_u16, backend, 0..4)
}

/// Members that nobody gives a value.
fn ungiven() -> impl Strategy<Value = BTreeSet<Member>> {
    let members = [
        Member::CheckTarget,
        Member::CheckInterval,
        Member::CheckTimeout,
        Member::CheckUnhealthy,
        Member::CheckHealthy,
        Member::DrainingTimeout,
        Member::LogPrefix,
        Member::LogInterval,
    ];
    proptest::sample::subsequence(members.to_vec(), 0..=members.len()).prop_map(|some| some.into_iter().collect())
}

fn attributes() -> impl Strategy<Value = Attributes> {
    (
        proptest::option::of(any::<bool>()),
        proptest::option::of(1..4_i32),
        proptest::option::of(proptest::option::of(1..4_i32)),
    )
        .prop_map(|(cross_zone, idle_timeout, connection_draining)| Attributes {
            cross_zone,
            idle_timeout,
            connection_draining,
            ..Attributes::default()
        })
}

/// Puts policies that were made by hand, and some of the operator's own, on listeners and instance ports as AWS allows.
fn with_policies(mut lb: LoadBalancer, seed: &[u8]) -> LoadBalancer {
    let mut pick = seed.iter().copied().cycle();
    let mut next = || pick.next().unwrap_or_default();
    lb.policies = by_hand();
    // Under the name of the policy that AWS makes by itself somebody may have put another.
    let under_that_name = if next() % 4 == 0 {
        "ELBSecurityPolicy-2011-08"
    } else {
        DEFAULT_TLS_POLICY
    };
    let under_that_name = Policy::Tls(TlsPolicy::Predefined(under_that_name.into()));
    lb.policies.insert(DEFAULT_TLS_POLICY.into(), under_that_name);
    if next() % 2 == 0 {
        for policy in [
            Policy::Tls(TlsPolicy::default()),
            Policy::PublicKey("KEY2".into()),
            Policy::ProxyProtocol(true),
        ] {
            lb.policies.insert(policy.own_name(), policy);
        }
        let own = Policy::BackendAuthentication([Policy::PublicKey("KEY2".into()).own_name()].into());
        lb.policies.insert(own.own_name(), own);
    }
    // Somebody has put other contents under names that the operator would give.
    if next() % 3 == 0 {
        for (of, content) in [
            (
                Policy::Tls(TlsPolicy::Predefined("ELBSecurityPolicy-2015-05".into())),
                Policy::Tls(TlsPolicy::default()),
            ),
            (
                Policy::Stickiness(Stickiness::LoadBalancerCookie(Some(60))),
                Policy::Stickiness(Stickiness::LoadBalancerCookie(Some(7))),
            ),
            (Policy::ProxyProtocol(true), Policy::ProxyProtocol(false)),
            (Policy::PublicKey("KEY1".into()), Policy::PublicKey("KEY9".into())),
        ] {
            lb.policies.retain(|_, policy| *policy != of);
            lb.policies.insert(of.own_name(), content);
        }
        let known: BTreeSet<_> = lb.policies.keys().cloned().collect();
        lb.policies.retain(|_, policy| match policy {
            Policy::BackendAuthentication(names) => names.is_subset(&known),
            _ => true,
        });
    }
    let of = |kind: PolicyKind, number: u8| {
        let names: Vec<_> = lb
            .policies
            .iter()
            .filter(|(_, p)| p.kind() == kind)
            .map(|(name, _)| name.clone())
            .collect();
        let index = usize::from(number) % (names.len() + 1);
        names.get(index).cloned()
    };
    for listener in lb.listeners.values_mut() {
        let tls = listener
            .protocol
            .is_secure()
            .then(|| of(PolicyKind::Tls, next()))
            .flatten();
        let cookie = listener
            .protocol
            .is_http()
            .then(|| of(PolicyKind::Stickiness, next()))
            .flatten();
        listener.policies = tls.into_iter().chain(cookie).collect();
    }
    for port in 1..8 {
        let names: BTreeSet<_> = [
            of(PolicyKind::ProxyProtocol, next()),
            of(PolicyKind::BackendAuthentication, next()),
        ]
        .into_iter()
        .flatten()
        .collect();
        // Those of a port that no listener uses are left from one that did.
        if !names.is_empty() && next() % 2 == 0 {
            lb.backends.insert(port, names);
        }
    }
    lb
}

prop_compose! {
    pub(crate) fn observed()(
        listeners in listeners(), health_check in health_check(), subnets in subnets(),
        zones in proptest::collection::btree_set("[abcd]", 1..4), groups in words("sg-[ab]", 3),
        instances in words("i-[a-f]", 5), tags in tags(), scaling in words("[gh]", 2),
        attributes in attributes(), seed in proptest::collection::vec(any::<u8>(), 16),
    ) -> LoadBalancer {
        let lb = LoadBalancer {
            name: "lb".into(), identity: Identity::default(), scheme: Scheme::Internal, listeners, health_check,
            policies: Policies::new(), backends: BTreeMap::new(), attributes,
            availability_zones: zones, subnets, security_groups: groups, instances, tags, auto_scaling_groups: scaling,
        };
        with_policies(lb, &seed)
    }
}

prop_compose! {
    pub(crate) fn declared()(
        listeners in listeners(), health_check in proptest::option::of(health_check()), subnets in subnets(),
        zones in proptest::option::of(proptest::collection::btree_set("[abcd]", 1..4)),
        groups in proptest::option::of(words("sg-[ab]", 3)),
        registration in proptest::option::of((words("i-[a-f]", 5), words("i-[a-f]", 2), any::<bool>())),
        scaling in proptest::option::of(words("[gh]", 2)), tags in tags(), removed in words("[a-e]", 3),
        policies in (listener_policies(), backends()), attributes in attributes(), ungiven in ungiven(),
    ) -> Declared {
        let (listener_policies, backends) = policies;
        Declared {
            name: "lb".into(), owner: Some(owner()), scheme: Scheme::Internal,
            placement: Some(zones.map_or(Placement::Subnets(subnets), Placement::AvailabilityZones)),
            security_groups: groups, listeners, health_check, unresolved: BTreeSet::new(), ignored: BTreeSet::new(), ungiven,
            listener_policies, backends, attributes,
            registration: registration.map(|(wanted, kept, hold)| Registration { wanted, kept, hold, ..Registration::default() }),
            auto_scaling_groups: scaling,
            tags_removed: removed.into_iter().filter(|key| !tags.contains_key(key)).collect(),
            tags,
        }
    }
}

/// A balancer of which only the least is declared.
pub(crate) fn sample() -> Declared {
    Declared {
        name: "lb".into(),
        owner: Some(owner()),
        scheme: Scheme::Internal,
        placement: Some(Placement::AvailabilityZones(["a".to_owned()].into())),
        security_groups: None,
        listeners: BTreeMap::new(),
        unresolved: BTreeSet::new(),
        listener_policies: BTreeMap::new(),
        backends: BTreeMap::new(),
        attributes: Attributes::default(),
        health_check: None,
        ungiven: BTreeSet::new(),
        registration: None,
        auto_scaling_groups: None,
        tags: BTreeMap::new(),
        tags_removed: BTreeSet::new(),
        ignored: BTreeSet::new(),
    }
}
