//! A walk through the schema: every field of the spec is set, changed, un-set and set again on a live object, and AWS has
//! what that asks for each time. The fields come from the CRD itself, so that a new one cannot be forgotten.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::{AccessLog, ConnectionDraining, LoadBalancerAttributes};
use serde_json::{Value, json};
use testkit::Result;
use testkit::cluster::Kind;

use crate::{MINIMAL, Test, unique};

/// What becomes of a field that is taken out again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unset {
    /// AWS has what it had before the field was first set.
    Default,
    /// AWS keeps what it has.
    Kept,
}

/// One field: the patches that set, change and un-set it.
struct Field {
    path: &'static str,
    set: Value,
    change: Value,
    unset: Value,
    after: Unset,
}

fn field(path: &'static str, set: Value, change: Value, unset: Value) -> Field {
    Field {
        path,
        set,
        change,
        unset,
        after: Unset::Default,
    }
}

/// Fields whose effect is no state of the balancer, or takes more than one object to see: the test that shows each.
const SHOWN_ELSEWHERE: &[(&str, &str)] = &[
    ("region", "what_cannot_change_cannot_be_added_or_removed_either"),
    (
        "loadBalancerName",
        "what_cannot_change_cannot_be_added_or_removed_either",
    ),
    ("scheme", "what_cannot_change_cannot_be_added_or_removed_either"),
    ("listeners[].port", "listeners_added_and_removed"),
    ("listeners[].protocol", "listeners_added_and_removed"),
    ("listeners[].instanceProtocol", "listeners_added_and_removed"),
    (
        "listeners[].certificate.arn",
        "another_certificate_never_rebuilds_the_listener",
    ),
    (
        "listeners[].certificate.iamServerCertificateName",
        "a_server_certificate_is_found_by_its_name",
    ),
    (
        "listeners[].certificate.acmDomainName",
        "a_domain_stands_for_its_newest_valid_certificate_and_rotates_in_place",
    ),
    (
        "listeners[].sslPolicy",
        "ssl_policies_are_set_changed_unset_and_repaired",
    ),
    (
        "backends[].instancePort",
        "proxy_protocol_follows_its_port_and_leaves_nothing_behind",
    ),
    ("backends[].publicKeys", "public_keys_come_inline_and_from_config_maps"),
    ("subnets", "subnets_and_groups_follow_also_within_their_zones"),
    (
        "subnetSelector",
        "a_selector_finds_one_subnet_of_each_zone_and_is_followed",
    ),
    (
        "allowTemporarySubnet",
        "the_only_subnet_is_exchanged_through_another_zone_where_that_is_permitted",
    ),
    (
        "securityGroupSelector",
        "groups_are_found_by_name_and_by_tag_in_the_vpc_of_the_balancer",
    ),
    (
        "listeners[].instancePortFrom",
        "a_node_port_that_changes_rebuilds_its_listener_and_moves_the_health_check",
    ),
    (
        "targets.nodeSelector",
        "nodes_are_followed_as_they_come_go_and_change_labels",
    ),
    (
        "targets.instanceTags",
        "instances_are_followed_by_their_tags_without_reads_of_the_balancer",
    ),
    (
        "targets.autoScalingGroups",
        "groups_are_attached_and_detached_and_their_members_left_alone",
    ),
    (
        "registration.mode",
        "additive_registration_leaves_what_others_registered",
    ),
    (
        "registration.notReadyNodes",
        "nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise",
    ),
    (
        "registration.notReadyGraceSeconds",
        "nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise",
    ),
    (
        "registration.cordonedNodes",
        "nodes_that_are_not_ready_or_cordoned_stay_unless_told_otherwise",
    ),
    (
        "registration.maxDeregisterPercent",
        "inferred_removals_go_in_steps_and_the_last_in_service_stays",
    ),
    (
        "registration.minInService",
        "inferred_removals_go_in_steps_and_the_last_in_service_stays",
    ),
    ("ignoredTagKeys", "ignored_keys_are_never_set_changed_or_removed"),
    (
        "adopt",
        "an_object_restored_with_another_uid_takes_its_balancer_over_only_when_asked",
    ),
    (
        "ignoreDifferences",
        "drift_stays_and_a_change_of_the_spec_writes_nothing_part_by_part",
    ),
    ("deletionPolicy", "retain_removes_only_our_own_tags"),
    (
        "deletionProtection",
        "the_deletion_waits_until_the_protection_is_lifted",
    ),
    ("recreatePolicy", "a_lost_balancer_is_not_made_again_unless_asked_for"),
    ("management", "drift_is_told_and_left_and_deletion_releases"),
];

/// Puts the members of one object into another.
fn merge(into: &mut Value, from: &Value) {
    if let (Some(into), Some(from)) = (into.as_object_mut(), from.as_object()) {
        into.extend(from.clone());
    }
}

/// The leaves of a schema, lists of objects with `[]`.
fn leaves(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
    let join = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(properties) = schema["properties"].as_object() {
        for (name, member) in properties {
            leaves(member, &join(name), found);
        }
        return;
    }
    if schema["items"]["properties"].is_object() {
        leaves(&schema["items"], &format!("{path}[]"), found);
        return;
    }
    found.insert(path.to_owned());
}

/// The fields of the CRD that neither a walk nor a test of its own shows.
#[test]
fn every_field_of_the_schema_is_walked_or_shown_by_a_test_that_exists() {
    let definition = classic_lb_operator::api::crd::definition().expect("the definition");
    let spec = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    let mut fields = BTreeSet::new();
    leaves(spec, "", &mut fields);
    assert!(fields.len() > 60, "{fields:?}");
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let text: String = std::fs::read_dir(folder)
        .expect("the folder")
        .map(|entry| std::fs::read_to_string(entry.expect("an entry").path()).expect("a text"))
        .collect();
    let walked: BTreeSet<&str> = every_walk().iter().map(|field| field.path).collect();
    let covers = |path: &str, field: &str| {
        field == path || field.starts_with(&format!("{path}.")) || field.starts_with(&format!("{path}["))
    };
    let mut forgotten = fields.clone();
    for path in walked
        .iter()
        .copied()
        .chain(SHOWN_ELSEWHERE.iter().map(|(path, _)| *path))
    {
        assert!(fields.iter().any(|field| covers(path, field)), "{path} is no field");
        forgotten.retain(|field| !covers(path, field));
    }
    assert!(forgotten.is_empty(), "no test sets, changes and un-sets {forgotten:?}");
    for (path, test) in SHOWN_ELSEWHERE {
        assert!(text.contains(&format!("fn {test}(")), "{path}: there is no test {test}");
    }
}

/// All walks that need nothing but names.
fn every_walk() -> Vec<Field> {
    let mut all = health_check();
    all.extend(attributes("bucket"));
    all.extend(listener());
    all.extend(sets("sg-00000001", "sg-00000002", "i-00000001", "i-00000002"));
    all
}

fn health_check() -> Vec<Field> {
    let check = |members: Value| json!({"healthCheck": members});
    let number = |path, name: &str, first: i32, second: i32| {
        field(
            path,
            check(json!({name: first})),
            check(json!({name: second})),
            json!({"healthCheck": null}),
        )
    };
    vec![
        number("healthCheck.intervalSeconds", "intervalSeconds", 20, 60),
        number("healthCheck.timeoutSeconds", "timeoutSeconds", 3, 9),
        number("healthCheck.unhealthyThreshold", "unhealthyThreshold", 3, 4),
        number("healthCheck.healthyThreshold", "healthyThreshold", 3, 4),
        field(
            "healthCheck.target",
            check(json!({"target": "HTTP:8080/a"})),
            check(json!({"target": "TCP:9000"})),
            json!({"healthCheck": null}),
        ),
        field(
            "healthCheck.protocol",
            check(json!({"protocol": "SSL"})),
            check(json!({"protocol": "HTTP", "path": "/ready"})),
            json!({"healthCheck": null}),
        ),
        field(
            "healthCheck.port",
            check(json!({"protocol": "TCP", "port": 9000})),
            check(json!({"port": 9001})),
            json!({"healthCheck": null}),
        ),
        field(
            "healthCheck.path",
            check(json!({"protocol": "HTTP", "path": "/a"})),
            check(json!({"path": "/b"})),
            json!({"healthCheck": null}),
        ),
    ]
}

fn attributes(bucket: &str) -> Vec<Field> {
    let set = |members: Value| json!({"attributes": members});
    let none = |name: &str| json!({"attributes": {name: null}});
    let log = |members: Value| {
        let mut log = json!({"enabled": true, "bucket": bucket});
        merge(&mut log, &members);
        json!({"attributes": {"accessLog": log}})
    };
    let drain =
        |seconds: Value| json!({"attributes": {"connectionDraining": {"enabled": true, "timeoutSeconds": seconds}}});
    vec![
        field(
            "attributes.crossZone",
            set(json!({"crossZone": true})),
            set(json!({"crossZone": false})),
            none("crossZone"),
        ),
        field(
            "attributes.idleTimeoutSeconds",
            set(json!({"idleTimeoutSeconds": 5})),
            set(json!({"idleTimeoutSeconds": 4000})),
            none("idleTimeoutSeconds"),
        ),
        field(
            "attributes.connectionDraining",
            drain(json!(9)),
            drain(json!(3600)),
            none("connectionDraining"),
        ),
        field(
            "attributes.accessLog",
            log(json!({"prefix": "a"})),
            log(json!({"prefix": "b", "emitIntervalMinutes": 5})),
            none("accessLog"),
        ),
        field(
            "attributes.desyncMitigationMode",
            set(json!({"desyncMitigationMode": "monitor"})),
            set(json!({"desyncMitigationMode": "strictest"})),
            none("desyncMitigationMode"),
        ),
    ]
}

fn listener() -> Vec<Field> {
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

fn sets(group: &str, other: &str, instance: &str, another: &str) -> Vec<Field> {
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

/// The balancer as AWS has it, without what AWS alone decides.
async fn view(test: &Test) -> Result<Value> {
    let (elb, name) = (test.stack.simulator().elb(), test.name().await?);
    let lb = test.in_aws().await?;
    let reply = elb
        .describe_load_balancer_policies()
        .load_balancer_name(&name)
        .send()
        .await
        .expect("policies");
    let policies: BTreeMap<&str, Vec<String>> = reply
        .policy_descriptions()
        .iter()
        .map(|policy| {
            let attributes = policy.policy_attribute_descriptions().iter();
            let on = attributes.filter(|attribute| attribute.attribute_value() != Some("false"));
            (
                policy.policy_name().unwrap_or_default(),
                on.map(|attribute| format!("{attribute:?}")).collect(),
            )
        })
        .collect();
    let content = |names: &[String]| {
        names
            .iter()
            .map(|name| policies.get(name.as_str()).cloned())
            .collect::<Vec<_>>()
    };
    let mut listeners: Vec<String> = lb
        .listener_descriptions()
        .iter()
        .map(|entry| format!("{:?} {:?}", entry.listener(), content(entry.policy_names())))
        .collect();
    listeners.sort();
    let backends = lb.backend_server_descriptions().iter();
    let backends: Vec<String> = backends
        .map(|backend| format!("{:?} {:?}", backend.instance_port(), content(backend.policy_names())))
        .collect();
    let attributes = elb
        .describe_load_balancer_attributes()
        .load_balancer_name(&name)
        .send()
        .await
        .expect("attributes");
    let sorted = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let tags: BTreeMap<_, _> = test
        .tags()
        .await?
        .into_iter()
        .filter(|(key, _)| !key.starts_with("classiclb.dev/"))
        .collect();
    Ok(json!({
        "listeners": listeners, "backends": backends, "healthCheck": format!("{:?}", lb.health_check()),
        "zones": sorted(lb.availability_zones()), "groups": sorted(lb.security_groups()),
        "instances": crate::registered(&lb), "tags": tags,
        "attributes": attributes_of(attributes.load_balancer_attributes()),
        "own": policies.keys().filter(|name| name.starts_with("clb-")).count(),
    }))
}

/// Without what AWS stores beside a switch that is off.
fn attributes_of(attributes: Option<&LoadBalancerAttributes>) -> String {
    let mut all = attributes.cloned().expect("attributes");
    all.connection_draining = all.connection_draining.filter(ConnectionDraining::enabled);
    all.access_log = all.access_log.filter(AccessLog::enabled);
    format!("{all:?}")
}

async fn patched(test: &Test, path: &str, patch: &Value) -> Result<Value> {
    let before = test.get().await?;
    test.namespace.patch(Kind::CLB, "web", json!({"spec": patch})).await?;
    let after = test.namespace.until_ready("web").await?;
    assert_ne!(
        before.metadata.generation, after.metadata.generation,
        "{path}: {patch} changes nothing"
    );
    view(test).await
}

/// Walks through fields one after the other, each from and back to the same object.
async fn walk(base: &str, fields: impl AsyncFnOnce(&mut Test) -> Result<Vec<Field>>) -> Result<()> {
    let mut test = Test::new().await?;
    let fields = fields(&mut test).await?;
    test.ready(base).await?;
    for Field {
        path,
        set,
        change,
        unset,
        after,
    } in fields
    {
        let start = view(&test).await?;
        let was_set = patched(&test, path, &set).await?;
        assert_ne!(was_set, start, "{path}: set, and AWS has nothing of it");
        let changed = patched(&test, path, &change).await?;
        assert_ne!(changed, was_set, "{path}: changed, and AWS has nothing of it");
        let gone = patched(&test, path, &unset).await?;
        let expected = if after == Unset::Default { &start } else { &changed };
        assert_eq!(&gone, expected, "{path}: un-set");
        assert_eq!(patched(&test, path, &set).await?, was_set, "{path}: set again");
        let mark = test.mark()?;
        test.pass().await?;
        let calls = test.calls(mark).await?.writes();
        assert!(calls.is_empty(), "{path}: a second pass writes: {calls}");
        patched(&test, path, &unset).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_health_check() -> Result<()> {
    walk(MINIMAL, async |_| Ok(health_check())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_attributes() -> Result<()> {
    walk(MINIMAL, async |test| {
        let bucket = format!("walk-{}", unique());
        test.stack
            .simulator()
            .seed(&json!({"buckets": [{"name": bucket}]}))
            .await?;
        Ok(attributes(&bucket))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_listener() -> Result<()> {
    walk(MINIMAL, async |_| Ok(listener())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_sets() -> Result<()> {
    walk(MINIMAL, async |test| {
        let groups = [group(test).await?, group(test).await?];
        let ids = test
            .namespace
            .instances(test.stack.simulator(), &["us-east-1a", "us-east-1b"])
            .await?;
        Ok(sets(&groups[0], &groups[1], &ids[0], &ids[1]))
    })
    .await
}

/// A security group of the default VPC.
async fn group(test: &Test) -> Result<String> {
    let name = format!("walk-{}", unique());
    let members = [("GroupName", name.as_str()), ("GroupDescription", "for a walk")];
    let reply = test
        .stack
        .simulator()
        .query("ec2", "2016-11-15", "CreateSecurityGroup", &members)
        .await?;
    let id = reply.split("<groupId>").nth(1).and_then(|rest| rest.split('<').next());
    Ok(id.expect("an id").to_owned())
}
