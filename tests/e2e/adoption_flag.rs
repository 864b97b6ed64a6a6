//! `--adoption` decides what the operator takes over. The balancer is made by other hands, and the object asks for it.

use std::collections::BTreeMap;

use testkit::cluster::Kind;
use testkit::{Namespace, OperatorOptions, Options, Result, Stack, object};

use crate::adoption::{everything, plain, tag};
use crate::{MINIMAL, manifest, tags};

/// An operator with this flag, and an object that asks for the balancer `by-hand`.
async fn under(flag: &str) -> Result<(Stack, Namespace)> {
    let operator = OperatorOptions {
        args: vec![format!("--adoption={flag}")],
        ..OperatorOptions::default()
    };
    let options = Options {
        operator,
        ..Options::default()
    };
    let stack = Stack::start(options).await?;
    let namespace = stack.namespace().await?;
    plain(&stack, "by-hand").await?;
    let spec = format!("loadBalancerName: by-hand\nadopt: true\n{MINIMAL}");
    namespace.apply(&manifest(&spec)).await?;
    Ok((stack, namespace))
}

/// Waits until the operator says no, and returns its words.
async fn refusal(namespace: &Namespace) -> Result<String> {
    let refused = |object: &kube::api::DynamicObject| object::has_reason(object, "Accepted", "NotAdopted");
    let object = namespace.until(Kind::CLB, "web", "the refusal", refused).await?;
    assert!(object::has(&object, "Ready", "False") && object::has(&object, "Stalled", "True"));
    Ok(object::condition(&object, "Accepted").expect("the condition").message)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_never_adopts_touches_nothing_not_even_what_is_offered() -> Result<()> {
    let (stack, namespace) = under("never").await?;
    let message = refusal(&namespace).await?;
    assert!(
        message.contains("by-hand in us-east-1") && message.contains("the operator runs with --adoption=never"),
        "{message}"
    );
    let offer = format!("test/{}/web", namespace.namespace());
    tag(&stack, "by-hand", "classiclb.dev/adopt-by", &offer).await?;
    let (found, mark) = (everything(&stack, "by-hand").await?, stack.simulator().mark()?);
    for pass in ["one", "two"] {
        let before = stack.simulator().mark()?;
        namespace
            .annotate(Kind::CLB, "web", crate::REQUESTED_AT, Some(pass))
            .await?;
        let read = |calls: &testkit::Calls| !calls.naming("by-hand").of("DescribeTags").is_empty();
        stack.simulator().until_calls(before, "a pass", read).await?;
    }
    assert_eq!(refusal(&namespace).await?, message, "the same as before");
    assert!(stack.simulator().calls(mark)?.writes().is_empty());
    assert_eq!(everything(&stack, "by-hand").await?, found);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_adopts_what_is_tagged_waits_for_the_tag() -> Result<()> {
    let (stack, namespace) = under("tagged").await?;
    let offer = format!("test/{}/web", namespace.namespace());
    let message = refusal(&namespace).await?;
    assert!(
        message.contains(&format!("set the tag classiclb.dev/adopt-by={offer} on the balancer")),
        "{message}"
    );
    assert_eq!(
        stack.simulator().calls(0)?.writes().operations(),
        ["CreateLoadBalancer"],
        "by hand"
    );
    let found = everything(&stack, "by-hand").await?;
    tag(&stack, "by-hand", "classiclb.dev/adopt-by", &offer).await?;
    namespace
        .annotate(Kind::CLB, "web", crate::REQUESTED_AT, Some("now"))
        .await?;
    // The second is the offer.
    adopted(
        &stack,
        &namespace,
        &found,
        &["CreateLoadBalancer", "AddTags", "AddTags"],
    )
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_that_adopts_any_takes_what_nobody_owns() -> Result<()> {
    let (stack, namespace) = under("any").await?;
    let found = everything(&stack, "by-hand").await?;
    adopted(&stack, &namespace, &found, &["CreateLoadBalancer", "AddTags"]).await
}

/// Taken over with nothing but our tags, after what was written by hand.
async fn adopted(
    stack: &Stack,
    namespace: &Namespace,
    found: &(String, BTreeMap<String, String>),
    written: &[&str],
) -> Result<()> {
    namespace.until_ready("web").await?;
    let calls = stack.simulator().calls(0)?.writes();
    assert_eq!(calls.operations(), written, "{calls}");
    let tags = tags(stack, "by-hand").await;
    assert_eq!(tags["classiclb.dev/origin"], "adopted");
    assert_eq!(tags["classiclb.dev/owner"], format!("{}/web", namespace.namespace()));
    assert_eq!(&everything(stack, "by-hand").await?, found, "left as it was");
    Ok(())
}
