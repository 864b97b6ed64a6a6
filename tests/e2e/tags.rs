//! Tags: those of the object, those of the operator, and those of nobody here.

use serde_json::json;
use testkit::{OperatorOptions, Options, Result};

use crate::setup::minimal;
use crate::{MINIMAL, Test};

fn with_defaults(tags: &str) -> OperatorOptions {
    OperatorOptions {
        env: vec![("CLB_DEFAULT_TAGS".into(), tags.into())],
        ..OperatorOptions::default()
    }
}

/// Those that are not the operator's own.
async fn of_users(test: &Test) -> Result<Vec<String>> {
    let tags = test.tags().await?.into_iter();
    let tags = tags.filter(|(key, _)| !key.starts_with("classiclb.dev/"));
    Ok(tags.map(|(key, value)| format!("{key}={value}")).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn default_tags_give_way_to_those_of_an_object_and_go_when_they_are_taken_away() -> Result<()> {
    let options = Options {
        operator: with_defaults("team=ops,env=prod,cost=7"),
        ..Options::default()
    };
    let setup = Test::web().on(options);
    let test = setup.with("tags: {team: web}\nignoredTagKeys: [cost]").ready().await?;
    assert_eq!(of_users(&test).await?, ["env=prod", "team=web"]);
    assert_eq!(*test.get().await?.status("/applied/tagKeys"), json!(["env", "team"]));

    // An operator without them, and then the object's own tag gives the default free again.
    test.stack.operator().stop().await?;
    let other = test.stack.another_operator(&with_defaults("team=ops"))?;
    let mark = test.mark()?;
    other.start_ready().await?;
    let calls = test.until_called(mark, "RemoveTags").await?;
    assert_eq!(calls.writes().operations(), ["RemoveTags"]);
    assert_eq!(of_users(&test).await?, ["team=web"]);
    test.change(json!({"tags": null})).await?;
    assert_eq!(of_users(&test).await?, ["team=ops"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn ignored_keys_are_never_set_changed_or_removed() -> Result<()> {
    let test = Test::web().with("tags: {a: '1', b: '1'}").ready().await?;
    let mark = test.mark()?;
    // Set by us before, and ignored from now on.
    test.ready(&minimal("tags: {a: '2', c: '1'}\nignoredTagKeys: [a, b, c]"))
        .await?;
    test.pass().await?;
    test.nothing_written(mark, "ignored").await?;
    assert_eq!(of_users(&test).await?, ["a=1", "b=1"]);
    test.ready(MINIMAL).await?;
    assert_eq!(of_users(&test).await?, ["a=1", "b=1"], "nobody knows whose they became");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_annotations_and_names_of_the_object_do_not_leak() -> Result<()> {
    use testkit::cluster::Kind;
    let test = Test::web().with("tags: {a: '1'}").ready().await?;
    let (namespace, secret) = (&test.namespace, Some("x"));
    namespace.label(Kind::CLB, "web", "secret-label", secret).await?;
    namespace
        .annotate(Kind::CLB, "web", "secret-annotation", secret)
        .await?;
    test.pass().await?;
    let keys: Vec<String> = test.tags().await?.into_keys().collect();
    let expected = ["cluster", "origin", "owner", "uid"].map(|key| format!("classiclb.dev/{key}"));
    assert_eq!(keys[0], "a");
    assert_eq!(keys[1..], expected);
    Ok(())
}
