//! `deploy/tenancy.yaml`: what namespaces with the label of a tenant may ask for, as a ready `ValidatingAdmissionPolicy`.

use std::time::Instant;

use serde_json::{Value, json};
use testkit::cluster::{Kind, PATIENCE};
use testkit::{Namespace, Result, Stack, tool};

use crate::manifest;
use crate::setup::minimal;

/// What the API server says of an object; `None`: it is let in, and is gone again.
async fn refused(namespace: &Namespace, kind: Kind, object: &str) -> Result<Option<String>> {
    match namespace.create(object).await {
        Ok(_) => {
            namespace.delete_and_wait(kind, "web").await?;
            Ok(None)
        }
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// The same of a load balancer that rests.
async fn refusal(namespace: &Namespace, lines: &str) -> Result<Option<String>> {
    let object = manifest(&minimal(&format!("management: Suspended\n{lines}")));
    refused(namespace, Kind::CLB, &object).await
}

/// The same of a binding to a load balancer that there is not.
async fn refusal_of_binding(namespace: &Namespace, spec: &Value) -> Result<Option<String>> {
    let mut object = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancerBinding", "metadata": {"name": "web"},
        "spec": {"region": "us-east-1", "loadBalancerName": "shared"},
    });
    let members = spec.as_object().expect("an object").clone();
    object["spec"].as_object_mut().expect("an object").extend(members);
    refused(namespace, Kind::BINDING, &object.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_of_a_tenant_gets_what_its_labels_allow() -> Result<()> {
    let stack = Stack::shared().await?;
    let (namespace, free) = (stack.namespace().await?, stack.namespace().await?);
    let path = tool::root().join("deploy/tenancy.yaml");
    let policy = std::fs::read_to_string(path).expect("read");
    namespace.apply(&policy).await?;
    let name = namespace.namespace().to_owned();
    let labels = json!({"metadata": {"labels": {
        "classiclb.dev/tenant": "shop", "classiclb.dev/account": "prod", "classiclb.dev/schemes": "internal",
    }}});
    namespace.patch(Kind::NAMESPACE, &name, labels).await?;

    let good = format!("accountRef: {{name: prod}}\nscheme: internal\nloadBalancerName: {name}-web");
    // A policy takes a moment to hold.
    let started = Instant::now();
    while refusal(&namespace, "scheme: internal").await?.is_none() {
        assert!(started.elapsed() < PATIENCE, "the policy does not hold");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    for (lines, words) in [
        ("scheme: internal".to_owned(), "spec.accountRef.name must be prod"),
        (good.replace("prod", "test"), "spec.accountRef.name must be prod"),
        (good.replace("scheme: internal", ""), "spec.scheme must be internal"),
        (format!("{good}\nadopt: true"), "spec.adopt must not be true"),
        (good.replace(&name, "shop"), "spec.loadBalancerName must begin"),
        (
            format!("{good}\ntargets: {{nodeSelector: {{}}}}"),
            "spec.targets.nodeSelector must not be empty",
        ),
        (
            format!("{good}\ntargets: {{nodeSelector: {{matchLabels: {{}}}}}}"),
            "spec.targets.nodeSelector must not be empty",
        ),
    ] {
        let refused = refusal(&namespace, &lines)
            .await?
            .unwrap_or_else(|| panic!("let in: {lines}"));
        assert!(refused.contains(words), "{lines}: {refused}");
        assert_eq!(
            refusal(&free, &lines).await?,
            None,
            "a namespace that is no tenant's: {lines}"
        );
    }
    for more in [
        "",
        "\ntargets: {nodeSelector: {matchLabels: {team: shop}}}",
        "\ntargets: {instanceIds: []}",
    ] {
        assert_eq!(refusal(&namespace, &format!("{good}{more}")).await?, None, "{more}");
    }
    bindings_are_held_to_the_same(&namespace, &free).await?;
    namespace
        .label(Kind::NAMESPACE, &name, "classiclb.dev/adopt", Some("true"))
        .await?;
    let started = Instant::now();
    while let Some(refused) = refusal(&namespace, &format!("{good}\nadopt: true")).await? {
        assert!(started.elapsed() < PATIENCE, "{refused}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    Ok(())
}

/// A binding has an account and targets as a load balancer has, and reaches as far by them.
async fn bindings_are_held_to_the_same(namespace: &Namespace, free: &Namespace) -> Result<()> {
    let account = json!({"name": "prod"});
    for (spec, words) in [
        (json!({}), "spec.accountRef.name must be prod"),
        (
            json!({"accountRef": {"name": "test"}}),
            "spec.accountRef.name must be prod",
        ),
        (
            json!({"accountRef": account, "targets": {"nodeSelector": {}}}),
            "spec.targets.nodeSelector must not be empty",
        ),
    ] {
        let refused = refusal_of_binding(namespace, &spec).await?;
        let refused = refused.unwrap_or_else(|| panic!("let in: {spec}"));
        assert!(refused.contains(words), "{spec}: {refused}");
        let elsewhere = refusal_of_binding(free, &spec).await?;
        assert_eq!(elsewhere, None, "a namespace that is no tenant's: {spec}");
    }
    let good = json!({"accountRef": account, "targets": {"nodeSelector": {"matchLabels": {"team": "shop"}}}});
    assert_eq!(refusal_of_binding(namespace, &good).await?, None);
    Ok(())
}
