//! Tags: those of the object, those of the operator, and those of nobody here.

use std::sync::Arc;

use serde_json::json;
use testkit::cluster::Kind;
use testkit::process::Folder;
use testkit::{Operator, OperatorOptions, Options, Result, Stack, object};

use crate::{MINIMAL, Test, manifest, tags};

fn with_defaults(tags: &str) -> OperatorOptions {
    OperatorOptions {
        env: vec![("CLB_DEFAULT_TAGS".into(), tags.into())],
        ..OperatorOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn default_tags_give_way_to_those_of_an_object_and_go_when_they_are_taken_away() -> Result<()> {
    let stack = Stack::start(Options {
        operator: with_defaults("team=ops,env=prod,cost=7"),
        ..Options::default()
    })
    .await?;
    let namespace = stack.namespace().await?;
    namespace
        .apply(&manifest(&format!(
            "{MINIMAL}\ntags: {{team: web}}\nignoredTagKeys: [cost]"
        )))
        .await?;
    let object = namespace.until_ready("web").await?;
    let name = object::text(&object, "/status/loadBalancerName").to_owned();
    let of_users = |mut tags: std::collections::BTreeMap<String, String>| {
        tags.retain(|key, _| !key.starts_with("classiclb.dev/"));
        tags.into_iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(of_users(tags(&stack, &name).await), ["env=prod", "team=web"]);
    assert_eq!(
        object::at(&object, "/status/applied/tagKeys"),
        Some(&json!(["env", "team"]))
    );

    // An operator without them, and then the object's own tag gives the default free again.
    stack.operator().stop().await?;
    let start = |defaults: &str| {
        Operator::prepare(
            &with_defaults(defaults),
            stack.control_plane().operator_kubeconfig(),
            stack.simulator().environment(),
            Arc::new(Folder::new()?),
        )
    };
    let other = start("team=ops")?;
    let mark = stack.simulator().mark()?;
    other.start_ready().await?;
    let removed = |calls: &testkit::Calls| !calls.naming(&name).of("RemoveTags").is_empty();
    let calls = stack
        .simulator()
        .until_calls(mark, "the default to go", removed)
        .await?;
    assert_eq!(calls.naming(&name).writes().operations(), ["RemoveTags"]);
    assert_eq!(of_users(tags(&stack, &name).await), ["team=web"]);
    namespace
        .patch(Kind::CLB, "web", json!({"spec": {"tags": null}}))
        .await?;
    namespace.until_ready("web").await?;
    assert_eq!(of_users(tags(&stack, &name).await), ["team=ops"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_keys_are_never_set_changed_or_removed() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&format!("{MINIMAL}\ntags: {{a: '1', b: '1'}}")).await?;
    let mark = test.mark()?;
    // Set by us before, and ignored from now on.
    test.ready(&format!(
        "{MINIMAL}\ntags: {{a: '2', c: '1'}}\nignoredTagKeys: [a, b, c]"
    ))
    .await?;
    test.pass().await?;
    assert!(
        test.calls(mark).await?.writes().is_empty(),
        "{}",
        test.calls(mark).await?
    );
    let found = test.tags().await?;
    assert_eq!(
        (found["a"].as_str(), found["b"].as_str(), found.get("c")),
        ("1", "1", None)
    );
    test.ready(MINIMAL).await?;
    let found = test.tags().await?;
    assert!(
        found.contains_key("a") && found.contains_key("b"),
        "nobody knows whose they became: {found:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_annotations_and_names_of_the_object_do_not_leak() -> Result<()> {
    let test = Test::new().await?;
    test.ready(&format!("{MINIMAL}\ntags: {{a: '1'}}")).await?;
    test.namespace
        .label(Kind::CLB, "web", "secret-label", Some("x"))
        .await?;
    test.namespace
        .annotate(Kind::CLB, "web", "secret-annotation", Some("x"))
        .await?;
    test.pass().await?;
    let keys: Vec<String> = test.tags().await?.into_keys().collect();
    let expected = [
        "a",
        "classiclb.dev/cluster",
        "classiclb.dev/origin",
        "classiclb.dev/owner",
        "classiclb.dev/uid",
    ];
    assert_eq!(keys, expected);
    Ok(())
}
