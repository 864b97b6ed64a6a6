//! A walk through the schema: every field of the spec is set, changed, un-set and set again on a live object, and AWS has
//! what that asks for each time. The fields come from the CRD itself, so that a new one cannot be forgotten.

mod fields;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancing::types::{
    AccessLog, ConnectionDraining, LoadBalancerAttributes, PolicyAttributeDescription, PolicyDescription,
};
use serde_json::{Value, json};
use testkit::Result;

use self::fields::{Field, Unset, attributes, every_walk, health_check, listener, sets, shown_elsewhere};
use crate::ignore_differences::group;
use crate::policies::policies;
use crate::{Test, set};

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
    let elsewhere: Vec<(&str, &str)> = shown_elsewhere().collect();
    for path in walked.iter().chain(elsewhere.iter().map(|(path, _)| path)) {
        assert!(fields.iter().any(|field| covers(path, field)), "{path} is no field");
        forgotten.retain(|field| !covers(path, field));
    }
    assert!(forgotten.is_empty(), "no test sets, changes and un-sets {forgotten:?}");
    for (path, test) in elsewhere {
        assert!(text.contains(&format!("fn {test}(")), "{path}: there is no test {test}");
    }
}

/// The balancer as AWS has it, without what AWS alone decides.
pub(crate) async fn view(test: &Test) -> Result<Value> {
    let lb = test.in_aws().await?;
    let all = policies(test).await?;
    let on = |attribute: &&PolicyAttributeDescription| attribute.attribute_value() != Some("false");
    let content = |policy: &PolicyDescription| -> Vec<String> {
        let attributes = policy.policy_attribute_descriptions().iter().filter(on);
        attributes.map(|attribute| format!("{attribute:?}")).collect()
    };
    let policies: BTreeMap<&str, _> = all
        .iter()
        .map(|policy| (policy.policy_name().unwrap_or_default(), content(policy)))
        .collect();
    let contents = |names: &[String]| -> Vec<_> { names.iter().map(|name| policies.get(&**name)).collect() };
    let listeners = lb.listener_descriptions().iter();
    let listeners: BTreeSet<String> = listeners
        .map(|entry| format!("{:?} {:?}", entry.listener(), contents(entry.policy_names())))
        .collect();
    let backends = lb.backend_server_descriptions().iter();
    let backends: Vec<String> = backends
        .map(|backend| format!("{:?} {:?}", backend.instance_port(), contents(backend.policy_names())))
        .collect();
    let mut tags = test.tags().await?;
    tags.retain(|key, _| !key.starts_with("classiclb.dev/"));
    Ok(json!({
        "listeners": listeners, "backends": backends, "healthCheck": format!("{:?}", lb.health_check()),
        "zones": set(lb.availability_zones()), "groups": set(lb.security_groups()),
        "instances": crate::registered(&lb), "tags": tags,
        "attributes": attributes_of(crate::attributes::in_aws(test).await?),
        "own": policies.keys().filter(|name| name.starts_with("clb-")).count(),
    }))
}

/// Without what AWS stores beside a switch that is off.
fn attributes_of(mut all: LoadBalancerAttributes) -> String {
    all.connection_draining = all.connection_draining.filter(ConnectionDraining::enabled);
    all.access_log = all.access_log.filter(AccessLog::enabled);
    format!("{all:?}")
}

async fn patched(test: &Test, path: &str, patch: &Value) -> Result<Value> {
    let before = test.get().await?;
    let after = test.change(patch.clone()).await?;
    assert_ne!(
        before.metadata.generation, after.metadata.generation,
        "{path}: {patch} changes nothing"
    );
    view(test).await
}

/// Walks through fields one after the other, each from and back to the same object.
async fn walk(fields: impl AsyncFnOnce(&Test) -> Result<Vec<Field>>) -> Result<()> {
    let setup = Test::web().zones(&["us-east-1a", "us-east-1b"]);
    let test = setup.ready().await?;
    let fields = fields(&test).await?;
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
        test.idle(&format!("{path}: a second pass")).await?;
        patched(&test, path, &unset).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_health_check() -> Result<()> {
    walk(async |_| Ok(health_check())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_attributes() -> Result<()> {
    walk(async |test| Ok(attributes(&test.bucket().await?))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_a_listener() -> Result<()> {
    walk(async |_| Ok(listener())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn through_the_sets() -> Result<()> {
    walk(async |test| {
        let groups = [group(test).await?, group(test).await?];
        Ok(sets(&groups[0], &groups[1], &test.ids[0], &test.ids[1]))
    })
    .await
}
