//! One instance among a thousand that AWS does not take.

use serde_json::json;
use testkit::{Call, Calls, Result};

use crate::setup::{by_ids, minimal};
use crate::{Test, error, set};

const REGISTER: &str = "RegisterInstancesWithLoadBalancer";

/// Running instances, in the order of their ids, which is the order in which batches are halved.
async fn thousand() -> Result<(Test, Vec<String>)> {
    let test = Test::web().instances(1000).start().await?;
    let mut ids = test.ids.clone();
    ids.sort();
    Ok((test, ids))
}

/// The registrations up to the first that satisfies the condition.
async fn registrations(test: &Test, mark: u64, mut last: impl FnMut(&Call) -> bool) -> Result<Calls> {
    let calls = test.calls(mark).await?.of(REGISTER);
    let end = calls.iter().find(|call| last(call)).map(|call| call.seq);
    let end = end.unwrap_or_else(|| panic!("{} registrations, and not the one", calls.len()));
    Ok(calls.only(|call| call.seq <= end))
}

fn instances(call: &Call) -> Vec<String> {
    let members = call.members("Instances.member.").into_iter();
    members.map(|(_, id)| id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_aws_does_not_name_is_isolated_in_21_calls() -> Result<()> {
    let (test, ids) = thousand().await?;
    let simulator = test.simulator();
    // The last one is in the larger half each time.
    let odd = ids.last().expect("a thousand");
    let refusal = error("InvalidInstance", 400, "An instance is not valid.");
    let fault = json!({"match": {"operation": REGISTER, "instance": odd}, "do": refusal});
    simulator.fault(&fault).await?;
    let mark = test.mark()?;
    test.apply(&minimal(&by_ids(&ids))).await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(message.ends_with(&format!(": {odd}")), "{message}");
    assert!(test.get().await?.has("Reconciling", "True"));
    let others = set(&ids[..999]);
    assert_eq!(test.registered().await?, others, "the others are registered");

    let alone = |call: &Call| instances(call) == [odd.clone()];
    let calls = registrations(&test, mark, alone).await?;
    assert!(calls.len() <= 21, "{} calls", calls.len());
    let registered_once = calls.successful();
    let count: usize = registered_once.iter().map(|call| instances(call).len()).sum();
    assert!(count <= 999, "no instance is registered twice");
    // The question for zones goes by a filter.
    let by_id = |call: &Call| !call.members("InstanceId.").is_empty();
    let asked = simulator.calls(mark)?.of("DescribeInstances").naming(odd).only(by_id);
    assert!(asked.len() <= 1, "EC2 is asked once about each: {}", asked.len());

    // From now on the one is tried alone.
    let end = calls.iter().last().expect("calls").seq;
    test.request().await?;
    let again = |calls: &Calls| !calls.naming(odd).of(REGISTER).is_empty();
    simulator.until_calls(end, "another try", again).await?;
    let since = simulator.calls(end)?.of(REGISTER).naming(odd);
    assert!(since.iter().all(alone), "{since}");
    simulator.clear_faults().await?;
    test.request().await?;
    test.until_ready().await?;
    assert_eq!(test.registered().await?.len(), 1000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_aws_names_is_isolated_in_2_calls() -> Result<()> {
    let (test, mut ids) = thousand().await?;
    "i-0dead0000000beefa".clone_into(&mut ids[500]);
    let mark = test.mark()?;
    test.apply(&minimal(&by_ids(&ids))).await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(message.ends_with(": i-0dead0000000beefa"), "{message}");
    assert_eq!(test.registered().await?.len(), 999);
    let calls = registrations(&test, mark, |call| instances(call).len() == 999).await?;
    assert_eq!(calls.len(), 2, "{} calls", calls.len());
    Ok(())
}
