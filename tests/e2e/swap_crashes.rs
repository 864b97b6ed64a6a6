//! The operator dies in the middle of an exchange of subnets, after each of its calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use testkit::{Calls, Namespace, Options, Result, Stack, object};

use crate::network::Vpc;
use crate::swaps::{ATTACH, DETACH, spec};
use crate::{describe, manifest};

/// A stack of its own, since its operator is killed, with the one balancer.
struct Site {
    stack: Stack,
    namespace: Namespace,
    name: String,
}

impl Site {
    /// With a balancer in these subnets.
    async fn new(stack: Stack, subnets: &[&String]) -> Result<Self> {
        let namespace = stack.namespace().await?;
        namespace.apply(&declared(subnets)).await?;
        let ready = namespace.until_ready("web").await?;
        let name = object::text(&ready, "/status/loadBalancerName").to_owned();
        Ok(Self { stack, namespace, name })
    }

    async fn attached(&self) -> BTreeSet<String> {
        let lb = describe(&self.stack, &self.name).await.expect("the balancer");
        lb.subnets().iter().cloned().collect()
    }

    /// Asks for these subnets and kills the operator while it waits for the answer to a call, which AWS has not obeyed.
    async fn die_at(&self, operation: &str, nth: usize, to: &[&String]) -> Result<()> {
        let simulator = self.stack.simulator();
        let hang = json!({"match": {"operation": operation, "loadBalancer": self.name, "nth": nth}, "do": "hang"});
        simulator.fault(&hang).await?;
        let mark = simulator.mark()?;
        self.namespace.apply(&declared(to)).await?;
        let reached = |calls: &Calls| calls.of(operation).len() == nth;
        simulator
            .until_calls(mark, &format!("{operation} number {nth}"), reached)
            .await?;
        self.stack.operator().kill();
        simulator.clear_faults().await
    }

    /// Exchanges subnets, with a death at each call and one after the last, and looks at what becomes of it.
    async fn exchange(&self, between: [&[&String]; 2], steps: &[&str]) -> Result<()> {
        let simulator = self.stack.simulator();
        for died_at in 0..=steps.len() {
            let (from, to) = (between[died_at % 2], between[(died_at + 1) % 2]);
            assert_eq!(self.attached().await, set(from));
            let mark = simulator.mark()?;
            if let Some(operation) = steps.get(died_at) {
                let nth = steps[..=died_at].iter().filter(|step| *step == operation).count();
                self.die_at(operation, nth, to).await?;
            } else {
                self.namespace.apply(&declared(to)).await?;
                let moved = |calls: &Calls| moves(calls).len() == steps.len();
                simulator.until_calls(mark, "all calls", moved).await?;
                self.stack.operator().kill();
            }
            let before = moves(&simulator.calls(mark)?);
            assert_eq!(before.len(), died_at.min(steps.len()), "{before:?}");
            self.stack.operator().start_ready().await?;
            self.namespace.until_ready("web").await?;
            assert_eq!(self.attached().await, set(to), "{steps:?}, died at {died_at}");
            never_empty(&set(from), &moves(&simulator.calls(mark)?));
        }
        Ok(())
    }
}

fn declared(subnets: &[&String]) -> String {
    manifest(&format!("{}\nallowTemporarySubnet: true", spec(subnets)))
}

fn set(subnets: &[&String]) -> BTreeSet<String> {
    subnets.iter().map(|subnet| (*subnet).clone()).collect()
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
    let stack = Stack::start(Options::default()).await?;
    let vpc = Vpc::new(stack.simulator()).await?;
    let made = vpc
        .subnets(&["us-east-1a", "us-east-1a", "us-east-1b", "us-east-1b"])
        .await?;
    let [a, a2, b, b2] = [0, 1, 2, 3].map(|index| &made[index]);
    let site = Site::new(stack, &[a, b]).await?;
    site.exchange([&[a, b], &[a2, b]], &[DETACH, ATTACH]).await?;
    // An odd number of exchanges: the last ended at the other.
    site.exchange([&[a2, b], &[a, b2]], &[DETACH, ATTACH, DETACH, ATTACH])
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_each_call_it_exchanges_the_only_subnet_and_gives_back_what_was_lent() -> Result<()> {
    let stack = Stack::start(Options::default()).await?;
    let vpc = Vpc::new(stack.simulator()).await?;
    let made = vpc.subnets(&["us-east-1a", "us-east-1a", "us-east-1b"]).await?;
    let (a, a2) = (&made[0], &made[1]);
    let site = Site::new(stack, &[a]).await?;
    site.exchange([&[a], &[a2]], &[ATTACH, DETACH, ATTACH, DETACH]).await?;
    let status = site.namespace.get(testkit::Kind::CLB, "web").await?;
    let told = object::at(&status, "/status/subnets");
    assert_eq!(told, Some(&Value::from(vec![a2.clone()])), "the status follows");
    Ok(())
}
