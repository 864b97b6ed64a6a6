//! What is found in the log of a cluster: by the object, by the reconcile, and when the operator tries again.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Options, Result};

use crate::Test;
use crate::setup::{by_ids, minimal};

fn lines(log: &str) -> Vec<Value> {
    let json = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    log.lines().map(json).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_an_object_are_found_by_its_name_and_tell_the_next_try() -> Result<()> {
    let mut options = Options::default();
    options.operator.log_format = "json".into();
    let test = Test::web().on(options).ready().await?;
    test.apply(&minimal(&by_ids(&["i-0123456789abcdef0".to_owned()])))
        .await?;
    test.until_reason("Programmed", "InstanceNotFound").await?;
    // A mistake in an object is no failure of the operator.
    let counted = |result: &'static str| {
        let series =
            format!("controller_runtime_reconcile_total{{controller=\"classicloadbalancer\",result=\"{result}\"}} ");
        move |metrics: &str| {
            metrics
                .lines()
                .any(|line| line.strip_prefix(&series).is_some_and(|count| count != "0"))
        }
    };
    let requeued = counted("requeue_after");
    let reply = test
        .stack
        .operator()
        .until("/metrics", "a mistake", |reply| requeued(&reply.body));
    assert!(!counted("error")(&reply.await?.body), "no failure is counted");
    test.stack.operator().stop().await?;

    let log = lines(&test.stack.operator().log());
    let start = log.iter().find(|line| line["message"] == "starting").expect("a start");
    assert_eq!(start["adoption"], "tagged", "as the flag takes it: {start}");
    assert_eq!(start["resync"], "10m", "as the flag takes it: {start}");
    let page = include_str!("../../docs/reference/log.md");
    let members: BTreeSet<&String> = log
        .iter()
        .filter(|line| line.get("name").is_some() || line.get("lease").is_some())
        .flat_map(|line| line.as_object().expect("an object").keys())
        .collect();
    let untold: Vec<_> = members
        .iter()
        .filter(|member| !page.contains(&format!("`{member}`")))
        .collect();
    assert!(untold.is_empty(), "docs/reference/log.md does not tell of {untold:?}");
    let of_the_object: Vec<&Value> = log
        .iter()
        .filter(|line| line["name"] == "web" && line["namespace"] == test.namespace.namespace())
        .collect();
    let accepted = of_the_object.iter().find(|line| line["message"] == "AWS accepted");
    assert_eq!(accepted.expect("a step")["controller"], "classicloadbalancer");
    let reconciles: BTreeSet<&str> = of_the_object
        .iter()
        .map(|line| line["reconcileID"].as_str().expect("an id"))
        .collect();
    assert!(reconciles.len() > 1, "each reconcile has its own: {reconciles:?}");
    for line in &log {
        for repeated in ["span", "spans", "object.ref"] {
            assert!(line.get(repeated).is_none(), "{repeated}: {line}");
        }
    }
    let end = of_the_object.iter().find(|line| line["message"] == "not as declared");
    let end = end.expect("a line that tells what stands");
    assert_eq!(
        (&end["reason"], &end["level"]),
        (&"InstanceNotFound".into(), &"WARN".into())
    );
    let next = end["next_try"].as_str().expect("when it is tried again");
    assert!(next.starts_with("in ") && next.ends_with('s'), "{next}");
    assert!(!end["because"].as_str().expect("why").is_empty());
    Ok(())
}
