//! Public keys that a `ConfigMap` holds, as they change.

use std::collections::BTreeSet;

use testkit::{Calls, Kind, Result};

use crate::Test;
use crate::policies::{backend, contents, own};

const SPEC: &str = "\
availabilityZones: [us-east-1a]
listeners: [{port: 80, protocol: TCP, instancePort: 8443, instanceProtocol: SSL}]
backends: [{instancePort: 8443, publicKeys: [{configMapKeyRef: {name: keys, key: now.pem}}]}]";

fn map(keys: &[(&str, &str)]) -> String {
    let data = keys.iter().map(|(name, key)| {
        format!("{name}: \"-----BEGIN PUBLIC KEY-----\\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8{key}\\n-----END PUBLIC KEY-----\\n\"")
    });
    let data = data.collect::<Vec<_>>().join(", ");
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: keys}}\ndata: {{{data}}}\n")
}

/// The policy names of calls.
fn names(calls: &Calls) -> BTreeSet<String> {
    calls.iter().map(|call| call.member("PolicyName")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_is_in_use_before_the_old_one_goes() -> Result<()> {
    let test = Test::new().await?;
    test.namespace.apply(&map(&[("now.pem", "A")])).await?;
    test.ready(SPEC).await?;
    let before: BTreeSet<String> = own(&test).await?.into_iter().collect();
    assert_eq!(before.len(), 2, "the key and what refers to it: {before:?}");
    let mark = test.mark()?;
    test.namespace
        .apply(&map(&[("now.pem", "A"), ("other.pem", "C")]))
        .await?;
    test.pass().await?;
    test.nothing_written(mark, "another key of the map").await?;

    test.namespace.apply(&map(&[("now.pem", "B")])).await?;
    test.pass().await?;
    let calls = test.writes(mark).await?;
    let expected = [
        "CreateLoadBalancerPolicy",
        "CreateLoadBalancerPolicy",
        "SetLoadBalancerPoliciesForBackendServer",
        "DeleteLoadBalancerPolicy",
        "DeleteLoadBalancerPolicy",
    ];
    assert_eq!(calls.operations(), expected, "{calls}");
    assert_eq!(names(&calls.of("DeleteLoadBalancerPolicy")), before, "the old ones go");
    let used = backend(&test, 8443).await?;
    let set = calls.of("SetLoadBalancerPoliciesForBackendServer");
    let set = set.iter().next().expect("one").members("PolicyNames.member.");
    assert_eq!(set, [("1".to_owned(), used[0].clone())], "at no time none");
    let after: BTreeSet<String> = own(&test).await?.into_iter().collect();
    assert_eq!(names(&calls.of("CreateLoadBalancerPolicy")), after);
    let keys: Vec<String> = after.iter().filter(|name| !used.contains(name)).cloned().collect();
    let content = contents(&test, &keys).await?;
    let new_key = |(name, value): &(String, String)| name == "PublicKey" && value.contains("AAOCAQ8B");
    assert!(content[0].1.iter().any(new_key), "{content:?}");

    // A map that goes takes nothing with it.
    test.namespace.delete(Kind("v1", "ConfigMap"), "keys").await?;
    test.request().await?;
    test.until_reason("Programmed", "ConfigMapNotFound").await?;
    assert_eq!(backend(&test, 8443).await?, used);
    Ok(())
}
