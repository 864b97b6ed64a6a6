//! `--adoption` decides what the operator takes over. The balancer is made by other hands, and the object asks for it.

use std::collections::BTreeMap;

use testkit::{Policies, Result};

use crate::adoption::{everything, offer, plain, tag};
use crate::setup::{minimal, with_args};
use crate::{Test, tags};

/// A test under an operator with this flag, whose object asks for the balancer `by-hand`.
async fn under(flag: &str) -> Result<Test> {
    let mut options = with_args(&[&format!("--adoption={flag}")]);
    if flag == "any" {
        options.policies = Policies::default().and("deploy/iam/adopt-any.json");
    }
    let test = Test::web().on(options).start().await?;
    plain(&test.stack, "by-hand").await?;
    test.apply(&minimal("loadBalancerName: by-hand\nadopt: true")).await?;
    Ok(test)
}

/// Waits until the operator says no, and returns its words.
async fn refusal(test: &Test) -> Result<String> {
    let web = test
        .until("the refusal", |web| web.says("Accepted", "NotAdopted"))
        .await?;
    assert!(web.has("Ready", "False") && web.has("Stalled", "True"));
    Ok(web.message("Accepted"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_never_adopts_touches_nothing_not_even_what_is_offered() -> Result<()> {
    let test = under("never").await?;
    let message = refusal(&test).await?;
    assert!(
        message.contains("by-hand in us-east-1") && message.contains("the operator runs with --adoption=never"),
        "{message}"
    );
    tag(&test.stack, "by-hand", "classiclb.dev/adopt-by", &offer(&test)).await?;
    let (found, mark) = (everything(&test.stack, "by-hand").await?, test.mark()?);
    test.pass().await?;
    assert_eq!(refusal(&test).await?, message, "the same as before");
    assert!(test.simulator().calls(mark)?.writes().is_empty());
    assert_eq!(everything(&test.stack, "by-hand").await?, found);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_adopts_what_is_tagged_waits_for_the_tag() -> Result<()> {
    let test = under("tagged").await?;
    let message = refusal(&test).await?;
    let words = format!(
        "set the tag classiclb.dev/adopt-by={} on the load balancer",
        offer(&test)
    );
    assert!(message.contains(&words), "{message}");
    let calls = test.simulator().calls(0)?.writes();
    assert_eq!(calls.operations(), ["CreateLoadBalancer"], "by hand");
    let found = everything(&test.stack, "by-hand").await?;
    tag(&test.stack, "by-hand", "classiclb.dev/adopt-by", &offer(&test)).await?;
    test.request().await?;
    // The second is the offer.
    adopted(&test, &found, &["CreateLoadBalancer", "AddTags", "AddTags"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_adopts_any_takes_what_nobody_owns() -> Result<()> {
    let test = under("any").await?;
    let found = everything(&test.stack, "by-hand").await?;
    adopted(&test, &found, &["CreateLoadBalancer", "AddTags"]).await
}

/// Taken over with nothing but our tags, after what was written by hand.
async fn adopted(test: &Test, found: &(String, BTreeMap<String, String>), written: &[&str]) -> Result<()> {
    test.until_ready().await?;
    let calls = test.simulator().calls(0)?.writes();
    assert_eq!(calls.operations(), written, "{calls}");
    let tags = tags(&test.stack, "by-hand").await;
    assert_eq!(tags["classiclb.dev/origin"], "adopted");
    assert_eq!(
        tags["classiclb.dev/owner"],
        format!("{}/web", test.namespace.namespace())
    );
    assert_eq!(&everything(&test.stack, "by-hand").await?, found, "left as it was");
    Ok(())
}
