//! Every example as it stands in the repository: applied whole, and not written again by a pass that finds it as it is in Git.

use std::collections::BTreeMap;

use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::{Kind, Result, object, tool};

use crate::flux::{Flux, KUSTOMIZATION};
use crate::lab::{Turn, managers, objects, read};

/// The examples by the path that they get in the repository.
fn examples() -> BTreeMap<String, String> {
    let entries = std::fs::read_dir(tool::root().join("examples")).expect("examples");
    entries
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .filter(|name| name.ends_with(".yaml"))
        .map(|name| (format!("load-balancers/{name}"), read(&format!("examples/{name}"))))
        .collect()
}

/// The kind and the name of the one object of a file.
fn kind_and_name(file: &str) -> (Kind, String) {
    let objects = objects(&file.replace("load-balancers/", "examples/"));
    let [one] = objects.as_slice() else {
        panic!("{file} has {} objects", objects.len());
    };
    let kind = match one["kind"].as_str() {
        Some("ClassicLoadBalancer") => Kind::CLB,
        Some("ClassicLoadBalancerBinding") => Kind::BINDING,
        Some("AWSAccount") => Kind::ACCOUNT,
        other => panic!("{file}: {other:?}"),
    };
    (kind, one["metadata"]["name"].as_str().expect("a name").to_owned())
}

/// Whether the operator has looked at it as it is.
fn is_seen(object: &DynamicObject) -> bool {
    let seen = object::at(object, "/status/observedGeneration").and_then(Value::as_i64);
    seen.is_some() && seen == object.metadata.generation
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_applied_and_not_written_again() -> Result<()> {
    let turn = Turn::begin("flux-examples").await?.with_flux().await?;
    let examples = examples();
    assert!(examples.len() >= 24, "{}", examples.len());
    let files: Vec<_> = examples
        .iter()
        .map(|(file, text)| (file.as_str(), Some(text.as_str())))
        .collect();
    let commit = turn.repository.push(&files);
    // What each of them names is not all there, so that not all become ready.
    let flux = Flux::apply(&turn, "deploy/flux/load-balancers.yaml", |kustomization| {
        kustomization["spec"]["wait"] = json!(false);
    })
    .await?;
    flux.until_ready(&commit).await?;
    turn.lap("applied");
    let mut before = Vec::new();
    for file in examples.keys() {
        let (kind, name) = kind_and_name(file);
        let seen = turn.namespace.until(kind, &name, "to be looked at", is_seen).await?;
        assert!(
            managers(&seen).contains(&"kustomize-controller Apply".to_owned()),
            "{file}: {:?}",
            managers(&seen)
        );
        before.push((kind, name, seen.metadata.generation));
    }
    turn.lap("looked at");
    // A default that the API server fills in, or a finalizer, would be a difference for ever.
    for _ in 0..2 {
        flux.pass().await?;
    }
    for (kind, name, generation) in &before {
        let after = turn.namespace.get(*kind, name).await?;
        assert_eq!(after.metadata.generation, *generation, "{name} was written again");
    }
    let told = flux.cluster.events(turn.name).await?;
    let configured: Vec<_> = told
        .iter()
        .filter(|(_, _, message)| message.contains(" configured"))
        .collect();
    assert!(configured.is_empty(), "{configured:?}");

    // What is protected is not deleted, which would hold up all of it.
    let protected = "load-balancers/deletion-protection.yaml";
    let free = examples[protected].replace("deletionProtection: true", "deletionProtection: false");
    assert_ne!(free, examples[protected]);
    let commit = turn.repository.push(&[(protected, Some(&free))]);
    flux.until_ready(&commit).await?;
    flux.cluster.delete_and_wait(KUSTOMIZATION, turn.name).await?;
    for (kind, name, _) in before {
        assert!(turn.namespace.find(kind, &name).await?.is_none(), "{name} is left");
    }
    Ok(())
}
