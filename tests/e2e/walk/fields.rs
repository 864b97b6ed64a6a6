//! The fields of the spec, and what sets, changes and un-sets each.

use serde_json::{Value, json};

/// What becomes of a field that is taken out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unset {
    /// AWS has what it had before the field was first set.
    Default,
    /// AWS keeps what it has.
    Kept,
}

/// One field: the patches that set, change and un-set it.
pub(super) struct Field {
    pub(super) path: &'static str,
    pub(super) set: Value,
    pub(super) change: Value,
    pub(super) unset: Value,
    pub(super) after: Unset,
}

pub(super) fn field(path: &'static str, set: Value, change: Value, unset: Value) -> Field {
    Field {
        path,
        set,
        change,
        unset,
        after: Unset::Default,
    }
}

/// Fields whose effect is no state of the balancer, or takes more than one object to see: the test that shows each.
const SHOWN_ELSEWHERE: &str = "
region what_cannot_change_cannot_be_added_or_removed_either
accountRef what_cannot_change_cannot_be_added_or_removed_either
loadBalancerName what_cannot_change_cannot_be_added_or_removed_either
scheme what_cannot_change_cannot_be_added_or_removed_either
listeners[].port listeners_added_and_removed
listeners[].protocol listeners_added_and_removed
listeners[].instanceProtocol listeners_added_and_removed
listeners[].certificate.arn another_certificate_never_rebuilds_the_listener
listeners[].certificate.iamServerCertificateName a_server_certificate_is_found_by_its_name
listeners[].certificate.acmDomainName a_domain_stands_for_its_newest_valid_certificate_and_rotates_in_place
listeners[].sslPolicy ssl_policies_are_set_changed_unset_and_repaired
backends[].instancePort proxy_protocol_follows_its_port_and_leaves_nothing_behind
backends[].publicKeys public_keys_come_inline_and_from_config_maps
subnets subnets_and_groups_follow_also_within_their_zones
subnetSelector a_selector_finds_one_subnet_of_each_zone_and_is_followed
allowTemporarySubnet the_only_subnet_is_exchanged_through_another_zone_where_that_is_permitted
securityGroupSelector groups_are_found_by_name_and_by_tag_in_the_vpc_of_the_balancer
listeners[].instancePortFrom a_node_port_that_changes_rebuilds_its_listener_and_moves_the_health_check
replacement a_balancer_of_the_other_scheme_takes_over_when_it_serves
replacementKeepSeconds a_balancer_of_the_other_scheme_takes_over_when_it_serves
targets.nodeSelector nodes_are_followed_as_they_come_go_and_change_labels
targets.instanceTags instances_are_followed_by_their_tags_without_reads_of_the_balancer
targets.autoScalingGroups groups_are_attached_and_detached_and_their_members_left_alone
registration.mode additive_registration_leaves_what_others_registered
registration.notReadyNodes nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise
registration.notReadyGraceSeconds nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise
registration.cordonedNodes nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise
registration.maxDeregisterPercent inferred_removals_go_in_steps_and_the_last_in_service_stays
registration.minInService inferred_removals_go_in_steps_and_the_last_in_service_stays
ignoredTagKeys ignored_keys_are_never_set_changed_or_removed
adopt an_object_restored_with_another_uid_takes_its_balancer_over_only_when_asked
ignoreDifferences drift_stays_and_a_change_of_the_spec_writes_nothing_part_by_part
deletionPolicy retain_removes_only_our_own_tags
deletionProtection the_deletion_waits_until_the_protection_is_lifted
recreatePolicy a_lost_balancer_is_not_made_again_unless_asked_for
management drift_is_told_and_left_and_deletion_releases
";

/// The fields that a test of their own shows, and its name.
pub(super) fn shown_elsewhere() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHOWN_ELSEWHERE.lines().filter_map(|line| line.split_once(' '))
}

/// Puts the members of one object into another.
pub(super) fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

/// All walks that need nothing but names.
pub(super) fn every_walk() -> Vec<Field> {
    let mut all = health_check();
    all.extend(attributes("bucket"));
    all.extend(listener());
    all.extend(sets("sg-00000001", "sg-00000002", "i-00000001", "i-00000002"));
    all
}

pub(super) fn health_check() -> Vec<Field> {
    let walk = |path, first: Value, second: Value| {
        let check = |members: Value| json!({"healthCheck": members});
        field(path, check(first), check(second), check(Value::Null))
    };
    let number = |path: &'static str, first: i32, second: i32| {
        let name = path.trim_start_matches("healthCheck.");
        walk(path, json!({name: first}), json!({name: second}))
    };
    vec![
        number("healthCheck.intervalSeconds", 20, 60),
        number("healthCheck.timeoutSeconds", 3, 9),
        number("healthCheck.unhealthyThreshold", 3, 4),
        number("healthCheck.healthyThreshold", 3, 4),
        walk(
            "healthCheck.target",
            json!({"target": "HTTP:8080/a"}),
            json!({"target": "TCP:9000"}),
        ),
        walk(
            "healthCheck.protocol",
            json!({"protocol": "SSL"}),
            json!({"protocol": "HTTP", "path": "/ready"}),
        ),
        walk(
            "healthCheck.port",
            json!({"protocol": "TCP", "port": 9000}),
            json!({"port": 9001}),
        ),
        walk(
            "healthCheck.path",
            json!({"protocol": "HTTP", "path": "/a"}),
            json!({"path": "/b"}),
        ),
    ]
}

pub(super) fn attributes(bucket: &str) -> Vec<Field> {
    let walk = |path: &'static str, first: Value, second: Value| {
        let name = path.trim_start_matches("attributes.");
        let attribute = |value: Value| json!({"attributes": {name: value}});
        field(path, attribute(first), attribute(second), attribute(Value::Null))
    };
    let log = |members: Value| {
        let mut log = json!({"enabled": true, "bucket": bucket});
        merge(&mut log, &members);
        log
    };
    let drain = |seconds: i32| json!({"enabled": true, "timeoutSeconds": seconds});
    vec![
        walk("attributes.crossZone", json!(true), json!(false)),
        walk("attributes.idleTimeoutSeconds", json!(5), json!(4000)),
        walk("attributes.connectionDraining", drain(9), drain(3600)),
        walk(
            "attributes.accessLog",
            log(json!({"prefix": "a"})),
            log(json!({"prefix": "b", "emitIntervalMinutes": 5})),
        ),
        walk("attributes.desyncMitigationMode", json!("monitor"), json!("strictest")),
    ]
}

pub(super) fn listener() -> Vec<Field> {
    let one = |members: Value| {
        let mut listener = json!({"port": 80, "protocol": "HTTP", "instancePort": 8080});
        merge(&mut listener, &members);
        json!({"listeners": [listener]})
    };
    let tcp = |proxy: Value| {
        json!({
            "listeners": [{"port": 80, "protocol": "TCP", "instancePort": 8080}],
            "backends": [{"instancePort": 8080, "proxyProtocol": proxy}],
        })
    };
    let cookie = |seconds: i32| one(json!({"stickiness": {"loadBalancerCookie": {"expirationSeconds": seconds}}}));
    let application = |name: &str| one(json!({"stickiness": {"applicationCookie": {"name": name}}}));
    vec![
        field(
            "listeners[].instancePort",
            one(json!({"instancePort": 81})),
            one(json!({"instancePort": 82})),
            one(json!({})),
        ),
        field(
            "listeners[].stickiness.loadBalancerCookie",
            cookie(60),
            cookie(61),
            one(json!({})),
        ),
        field(
            "listeners[].stickiness.applicationCookie",
            application("a"),
            application("b"),
            one(json!({})),
        ),
        field("backends[].proxyProtocol", tcp(json!(true)), tcp(json!(false)), {
            let mut plain = one(json!({}));
            merge(&mut plain, &json!({"backends": null}));
            plain
        }),
    ]
}

pub(super) fn sets(group: &str, other: &str, instance: &str, another: &str) -> Vec<Field> {
    let targets = |ids: Value| json!({"targets": {"instanceIds": ids}});
    vec![
        field(
            "tags",
            json!({"tags": {"team": "a"}}),
            json!({"tags": {"team": "b", "more": "c"}}),
            json!({"tags": null}),
        ),
        field(
            "availabilityZones",
            json!({"availabilityZones": ["us-east-1b", "us-east-1c"]}),
            json!({"availabilityZones": ["us-east-1c"]}),
            json!({"availabilityZones": ["us-east-1a", "us-east-1b"]}),
        ),
        Field {
            after: Unset::Kept,
            ..field(
                "securityGroups",
                json!({"securityGroups": [group]}),
                json!({"securityGroups": [group, other]}),
                json!({"securityGroups": null}),
            )
        },
        Field {
            after: Unset::Kept,
            ..field(
                "targets.instanceIds",
                targets(json!([instance])),
                targets(json!([instance, another])),
                json!({"targets": null}),
            )
        },
    ]
}
