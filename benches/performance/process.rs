//! What a person waits for, with the real process: from apply to Ready, from a Node to its registration, from the start to
//! the first call.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Cluster, Options, Stack};

use crate::filled::{instance, object, zone};
use crate::rows::Row;

const BALANCERS: usize = 25;
const STARTS: usize = 9;
const NODES: usize = 100;
/// Fewer than half of all: when most vanish, that is not believed for some minutes.
const LEAVING: usize = 50;
/// Objects and Nodes that are there at a start.
const FEW: usize = 10;

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stack = Stack::start(Options::without_delays()).await?;
        let namespace = stack.namespace().await?;
        let placed: Vec<_> = (0..NODES + FEW)
            .map(|number| json!({"id": instance(number), "availabilityZone": zone(number)}))
            .collect();
        let seed = json!({"regions": [{"region": testkit::simulator::REGION, "instances": placed}]});
        stack.simulator().seed(&seed).await?;

        let ids = json!({"instanceIds": [instance(0), instance(1)]});
        let mut ready = Vec::new();
        for number in 0..BALANCERS {
            let balancer = object(number, &ids);
            let name = balancer["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            let started = Instant::now();
            namespace.apply(&balancer.to_string()).await?;
            namespace.until_ready(&name).await?;
            ready.push(started.elapsed());
        }
        for number in FEW..BALANCERS {
            let balancer = object(number, &ids);
            let name = balancer["metadata"]["name"].as_str().unwrap_or_default();
            namespace.delete_and_wait(Kind::CLB, name).await?;
        }

        let (came, went) = nodes(&stack, &namespace).await?;
        let first = starts(&stack).await?;
        Ok(vec![
            Row::real("", "from `kubectl apply` to Ready, median", middle(ready), "ms"),
            Row::real(
                "P10",
                "from a Node to its registration with one load balancer, p99",
                late(came),
                "ms",
            )
            .at_most(150.0)
            .limit("one call"),
            Row::real(
                "P12",
                "from the end of a Node to its deregistration, p99",
                late(went),
                "ms",
            )
            .at_most(150.0)
            .limit("one call; then it drains for 1 to 3,600 s"),
            Row::real(
                "P17",
                "from the start of the process to its first call of AWS, median",
                middle(first),
                "ms",
            )
            .at_most(500.0)
            .limit("some round trips"),
        ])
    })
}

/// Nodes that join one after the other, and leave again: how long until AWS is told.
async fn nodes(stack: &Stack, namespace: &Cluster) -> anyhow::Result<(Vec<Duration>, Vec<Duration>)> {
    for number in NODES..NODES + FEW {
        join(namespace, number).await?;
    }
    let mut balancer = object(BALANCERS, &json!({"nodeSelector": {"matchLabels": {"role": "web"}}}));
    balancer["spec"]["registration"] = json!({"maxDeregisterPercent": 100});
    namespace.apply(&balancer.to_string()).await?;
    namespace
        .until_ready(balancer["metadata"]["name"].as_str().unwrap_or_default())
        .await?;
    let (mut came, mut went) = (Vec::new(), Vec::new());
    for number in 0..NODES {
        let mark = stack.simulator().mark()?;
        let started = Instant::now();
        join(namespace, number).await?;
        until_called(stack, mark, "RegisterInstancesWithLoadBalancer", &instance(number)).await?;
        came.push(started.elapsed());
    }
    for number in 0..LEAVING {
        let mark = stack.simulator().mark()?;
        let started = Instant::now();
        namespace.delete(Kind::NODE, &format!("node-{number}")).await?;
        until_called(stack, mark, "DeregisterInstancesFromLoadBalancer", &instance(number)).await?;
        went.push(started.elapsed());
    }
    Ok((came, went))
}

async fn join(cluster: &Cluster, number: usize) -> anyhow::Result<()> {
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": format!("node-{number}"), "labels": {"role": "web"}},
        "spec": {"providerID": format!("aws:///{}/{}", zone(number), instance(number))},
    });
    cluster.create(&node.to_string()).await?;
    Ok(())
}

/// Waits until a call about that instance came in.
async fn until_called(stack: &Stack, mark: u64, operation: &str, id: &str) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let calls = stack.simulator().core().requests(mark);
        let told = |call: &testkit::aws_simulator::RequestRecord| {
            call.operation == operation && call.parameters.values().any(|value| value == id)
        };
        if calls.iter().any(told) {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_mins(1), "no {operation} of {id}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// How long each of several starts takes to its first call.
async fn starts(stack: &Stack) -> anyhow::Result<Vec<Duration>> {
    let mut first = Vec::new();
    for _ in 0..STARTS {
        stack.operator().stop().await?;
        let mark = stack.simulator().mark()?;
        let started = Instant::now();
        stack.operator().start()?;
        while stack.simulator().mark()? == mark {
            ensure!(
                started.elapsed() < Duration::from_mins(1),
                "the operator makes no AWS call: {}",
                stack.operator().log()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        first.push(started.elapsed());
        stack.operator().until_ready().await?;
    }
    Ok(first)
}

/// The median, in milliseconds.
fn middle(times: Vec<Duration>) -> f64 {
    at(times, 50)
}

/// What 99 of a hundred keep to, in milliseconds.
fn late(times: Vec<Duration>) -> f64 {
    at(times, 99)
}

fn at(mut times: Vec<Duration>, percent: usize) -> f64 {
    times.sort();
    let place = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(place).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
