//! One instance among a thousand that AWS does not take.

use kube::api::DynamicObject;
use serde_json::json;
use testkit::{Call, Calls, Result, object};

use crate::{MINIMAL, Test, registered};

const REGISTER: &str = "RegisterInstancesWithLoadBalancer";

/// Running instances, in the order of their ids, which is the order in which batches are halved.
async fn thousand(test: &mut Test) -> Result<Vec<String>> {
    let simulator = test.stack.simulator();
    let mut ids = test.namespace.instances(simulator, &["us-east-1a"; 1000]).await?;
    ids.sort();
    Ok(ids)
}

fn spec(ids: &[String]) -> String {
    format!("{MINIMAL}\ntargets: {{instanceIds: [{}]}}", ids.join(", "))
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

fn told(object: &DynamicObject) -> String {
    object::condition(object, "Programmed").expect("the condition").message
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_aws_does_not_name_is_isolated_in_21_calls() -> Result<()> {
    let mut test = Test::new().await?;
    let ids = thousand(&mut test).await?;
    let simulator = test.stack.simulator();
    // The last one is in the larger half each time.
    let odd = ids.last().expect("a thousand");
    let fault = json!({
        "match": {"operation": REGISTER, "instance": odd},
        "do": {"error": {"code": "InvalidInstance", "status": 400, "message": "An instance is not valid."}},
    });
    simulator.fault(&fault).await?;
    let mark = test.mark()?;
    test.apply(&spec(&ids)).await?;
    test.until_reason("Programmed", "InstanceNotFound").await?;
    let object = test.get().await?;
    assert!(told(&object).ends_with(&format!(": {odd}")), "{}", told(&object));
    assert!(object::has(&object, "Reconciling", "True"));
    let others = ids[..999].iter().cloned().collect();
    assert_eq!(registered(&test.in_aws().await?), others, "the others are registered");

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
    test.namespace.until_ready("web").await?;
    assert_eq!(registered(&test.in_aws().await?).len(), 1000);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_aws_names_is_isolated_in_2_calls() -> Result<()> {
    let mut test = Test::new().await?;
    let mut ids = thousand(&mut test).await?;
    "i-0dead0000000beefa".clone_into(&mut ids[500]);
    let mark = test.mark()?;
    test.apply(&spec(&ids)).await?;
    let message = test.until_reason("Programmed", "InstanceNotFound").await?;
    assert!(message.ends_with(": i-0dead0000000beefa"), "{message}");
    assert_eq!(registered(&test.in_aws().await?).len(), 999);
    let calls = registrations(&test, mark, |call| instances(call).len() == 999).await?;
    assert_eq!(calls.len(), 2, "{} calls", calls.len());
    Ok(())
}
