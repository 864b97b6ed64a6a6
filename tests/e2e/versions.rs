//! The API version after this one, tried: served beside it and stored in its place, and taken back again.

use std::time::Instant;

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testkit::cluster::{Kind, PATIENCE};
use testkit::{Options, Result, Stack};

use crate::{MINIMAL, Test};

const DEFINITION: &str = include_str!("../../crds/classicloadbalancers.yaml");
const NAME: &str = "classicloadbalancers.classiclb.dev";
const NEXT: Kind = Kind("classiclb.dev/v1beta1", "ClassicLoadBalancer");

/// The definition with two versions of one schema, of which this one is stored.
fn both(stored: &str) -> Value {
    let definition: Value = serde_saphyr::from_str(DEFINITION).expect("YAML");
    let this = &definition["spec"]["versions"][0];
    let versions = ["v1alpha1", "v1beta1"].map(|name| {
        let mut version = this.clone();
        version["name"] = json!(name);
        version["storage"] = json!(name == stored);
        version
    });
    json!({"spec": {"versions": versions}})
}

/// Waits until the next version is served.
async fn until_served(test: &Test) -> Result<()> {
    let started = Instant::now();
    loop {
        // Not the test's own handle, which remembers what it found.
        let fresh = testkit::Cluster::new(test.namespace.client(), test.namespace.namespace());
        if let Ok(api) = fresh.api(NEXT).await
            && api.get("web").await.is_ok()
        {
            return Ok(());
        }
        assert!(started.elapsed() < PATIENCE, "v1beta1 is not served");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_version_of_the_api_is_served_beside_this_one_and_stored_without_loss() -> Result<()> {
    let test = Test::on(Stack::start(Options::default()).await?).await?;
    let before = test.ready(MINIMAL).await?;
    let mark = test.mark()?;

    test.namespace.patch(Kind::CRD, NAME, both("v1beta1")).await?;
    until_served(&test).await?;
    let next = test.namespace.api(NEXT).await?;
    let object = next.get("web").await.expect("in the next version");
    let text = |pointer: &str| object.data.pointer(pointer).cloned().unwrap_or_default();
    assert_eq!(text("/spec/listeners/0/port"), json!(80));
    assert_eq!(text("/status/dnsName"), json!(before.text("/dnsName")));

    // Who writes in the next version is heard by an operator that knows this one alone.
    let tags = json!({"spec": {"tags": {"team": "web"}}});
    let patched = next.patch("web", &PatchParams::default(), &Patch::Merge(&tags)).await;
    patched.expect("patched");
    test.until("the tag", |web| {
        web.is_ready() && *web.status("/observedGeneration") == json!(2)
    })
    .await?;
    assert_eq!(test.tags().await?["team"], "web");

    // What is written is stored in the next version, and then nothing is left of this one.
    let definitions = test.namespace.api(Kind::CRD).await?;
    let migrated = json!({"status": {"storedVersions": ["v1beta1"]}});
    let told = definitions
        .patch_status(NAME, &PatchParams::default(), &Patch::Merge(&migrated))
        .await
        .expect("told");
    assert_eq!(told.data["status"]["storedVersions"], json!(["v1beta1"]));

    // Back again, as by a rollback.
    test.namespace.patch(Kind::CRD, NAME, both("v1alpha1")).await?;
    test.change(json!({"tags": null})).await?;
    assert!(!test.tags().await?.contains_key("team"));
    let created = test.calls(mark).await?.of("CreateLoadBalancer");
    assert!(created.is_empty(), "{created}");
    test.delete().await
}
