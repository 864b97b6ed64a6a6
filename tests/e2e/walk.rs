//! A walk through the schema: every field of the spec is set, changed, un-set and set again on a live object, and AWS has
//! what that asks for each time. The fields come from the CRD itself, so that a new one cannot be forgotten.

mod fields;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::{AccessLog, ConnectionDraining, LoadBalancerAttributes};
use serde_json::{Value, json};
use testkit::Result;
use testkit::cluster::Kind;

use self::fields::{Field, SHOWN_ELSEWHERE, Unset, attributes, every_walk, health_check, listener, sets};
use crate::{MINIMAL, Test, unique};

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
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).expect("a text"))
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

/// The balancer as AWS has it, without what AWS alone decides.
pub(crate) async fn view(test: &Test) -> Result<Value> {
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
