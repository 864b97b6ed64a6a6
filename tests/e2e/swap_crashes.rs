//! The operator dies in the middle of an exchange of subnets, after each of its calls.

use std::collections::BTreeSet;

use serde_json::json;
use testkit::{Calls, Options, Result};

use crate::network::Vpc;
use crate::swaps::{ATTACH, DETACH, spec};
use crate::{Test, set};

/// Subnets, with one to borrow where that is needed.
fn declared(subnets: &[&String]) -> String {
    format!("{}\nallowTemporarySubnet: true", spec(subnets))
}

/// Asks for these subnets and kills the operator while it waits for the answer to a call, which AWS has not obeyed.
async fn die_at(test: &Test, operation: &str, nth: usize, to: &[&String]) -> Result<()> {
    test.fault(operation, &json!({"nth": nth}), &json!("hang")).await?;
    let mark = test.mark()?;
    test.apply(&declared(to)).await?;
    let reached = |calls: &Calls| calls.of(operation).len() == nth;
    test.simulator()
        .until_calls(mark, &format!("{operation} number {nth}"), reached)
        .await?;
    test.stack.operator().kill();
    test.simulator().clear_faults().await
}

/// Exchanges subnets, with a death at each call and one after the last, and looks at what becomes of it.
async fn exchange(test: &Test, between: [&[&String]; 2], steps: &[&str]) -> Result<()> {
    for died_at in 0..=steps.len() {
        let (from, to) = (between[died_at % 2], between[(died_at + 1) % 2]);
        assert_eq!(test.attached().await?, set(from));
        let mark = test.mark()?;
        if let Some(operation) = steps.get(died_at) {
            let nth = steps[..=died_at].iter().filter(|step| *step == operation).count();
            die_at(test, operation, nth, to).await?;
        } else {
            test.apply(&declared(to)).await?;
            let moved = |calls: &Calls| moves(calls).len() == steps.len();
            test.simulator().until_calls(mark, "all calls", moved).await?;
            test.stack.operator().kill();
        }
        let before = moves(&test.simulator().calls(mark)?);
        assert_eq!(before.len(), died_at.min(steps.len()), "{before:?}");
        test.stack.operator().start_ready().await?;
        test.until_ready().await?;
        assert_eq!(test.attached().await?, set(to), "{steps:?}, died at {died_at}");
        never_empty(&set(from), &moves(&test.simulator().calls(mark)?));
    }
    Ok(())
}

/// What AWS did: whether it attached, and which subnets.
fn moves(calls: &Calls) -> Vec<(bool, Vec<String>)> {
    let of_subnets = calls.only(|call| [ATTACH, DETACH].contains(&call.operation.as_str()));
    let list = of_subnets.successful();
    let list = list.iter().map(|call| {
        let subnets = call.members("Subnets.member.").into_iter();
        (call.operation == ATTACH, subnets.map(|(_, subnet)| subnet).collect())
    });
    list.collect()
}

/// Follows what AWS did from the subnets at first.
fn never_empty(from: &BTreeSet<String>, moves: &[(bool, Vec<String>)]) {
    let mut attached = from.clone();
    for (attach, subnets) in moves {
        for subnet in subnets {
            let news = if *attach {
                attached.insert(subnet.clone())
            } else {
                attached.remove(subnet)
            };
            assert!(news, "{moves:?}");
        }
        assert!(!attached.is_empty(), "{moves:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_call_of_an_exchange_it_ends_with_the_declared_subnets() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc
        .subnets(&["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"])
        .await?;
    let [a, a2, b, b2] = [0, 1, 2, 3].map(|index| &made[index]);
    test.ready(&declared(&[a, b])).await?;
    exchange(&test, [&[a, b], &[a2, b]], &[DETACH, ATTACH]).await?;
    // An odd number of exchanges: the last ended at the other.
    exchange(&test, [&[a2, b], &[a, b2]], &[DETACH, ATTACH, DETACH, ATTACH]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_call_it_exchanges_the_only_subnet_and_gives_back_what_was_lent() -> Result<()> {
    let test = Test::web().on(Options::default()).start().await?;
    let vpc = Vpc::new(test.simulator()).await?;
    let made = vpc.subnets(&["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    let (a, a2) = (&made[0], &made[1]);
    test.ready(&declared(&[a])).await?;
    exchange(&test, [&[a], &[a2]], &[ATTACH, DETACH, ATTACH, DETACH]).await?;
    let web = test.get().await?;
    assert_eq!(*web.status("/subnets"), json!([a2]), "the status follows");
    Ok(())
}
