//! Two operators over load balancers that nobody changes: nothing may be written but the Lease, and no memory be lost.

use std::time::{Duration, Instant};

use anyhow::ensure;
use clap::Args;
use serde_json::json;
use testkit::{Kind, KubernetesCall, Namespace, Operator, OperatorOptions, Options, Stack};

use crate::screen::say;

/// By how much memory may grow, in percent.
const GROWTH: u64 = 5;
/// Between two looks at it.
const LOOK: Duration = Duration::from_secs(5);
/// How long it may settle first: every load balancer is read and its health asked for once more.
const SETTLING: Duration = Duration::from_secs(90);

#[derive(Args)]
pub(crate) struct Arguments {
    /// How long nothing is done.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// How many load balancers there are, with two instances each.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..))]
    load_balancers: u64,
}

pub(crate) async fn soak(arguments: Arguments) -> anyhow::Result<()> {
    say("Starting etcd, kube-apiserver, the AWS simulator and two operators...");
    let stack = Stack::start(Options::without_delays()).await?;
    let follower = stack.another_operator(&OperatorOptions::default())?;
    follower.start_ready().await?;
    let namespace = stack.namespace().await?;
    fill(&stack, &namespace, arguments.load_balancers).await?;
    say(&format!(
        "{} load balancers are ready; they settle for {} s.",
        arguments.load_balancers,
        SETTLING.as_secs()
    ));
    tokio::time::sleep(SETTLING).await;

    let (aws, kubernetes) = (stack.simulator().mark()?, stack.control_plane().operator_calls()?.len());
    let mut watched =
        [("leader", stack.operator()), ("follower", &follower)].map(|(name, operator)| Memory::new(name, operator));
    for memory in &mut watched {
        memory.begin()?;
    }
    let started = Instant::now();
    while started.elapsed() < Duration::from_mins(arguments.minutes) {
        tokio::time::sleep(LOOK).await;
        for memory in &mut watched {
            memory.look()?;
        }
    }

    let calls = stack.simulator().calls(aws)?;
    let asked = stack.control_plane().operator_calls()?;
    let asked = asked.get(kubernetes..).unwrap_or_default();
    let (leases, others): (Vec<_>, Vec<_>) = asked
        .iter()
        .filter(|call| call.is_write())
        .partition(|call: &&KubernetesCall| call.resource == "leases");
    say(&format!(
        "In {} min: {} calls to AWS, {} to Kubernetes, of which {} renewed the Lease.",
        arguments.minutes,
        calls.len(),
        asked.len(),
        leases.len()
    ));
    for memory in &watched {
        say(&format!(
            "Memory of the {}: {} KiB, {} KiB at most.",
            memory.name, memory.first, memory.most
        ));
    }
    ensure!(!leases.is_empty(), "the Lease was not renewed, so nobody led");
    ensure!(!calls.is_empty(), "AWS was not asked, so nothing was watched over");
    let writes = calls.writes();
    ensure!(writes.is_empty(), "written to AWS though nothing happened:\n{writes}");
    ensure!(
        others.is_empty(),
        "written to Kubernetes though nothing happened: {others:?}"
    );
    for Memory { name, first, most, .. } in watched {
        ensure!(
            most * 100 <= first * (100 + GROWTH),
            "the memory of the {name} grew from {first} to {most} KiB, which is over {GROWTH} %"
        );
    }
    Ok(())
}

/// Makes the load balancers and waits until they are ready.
async fn fill(stack: &Stack, namespace: &Namespace, count: u64) -> anyhow::Result<()> {
    let instances = namespace
        .instances(stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;
    for number in 0..count {
        let balancer = json!({
            "apiVersion": Kind::CLB.0, "kind": Kind::CLB.1,
            "metadata": {"name": format!("idle-{number}")},
            "spec": {
                "availabilityZones": ["us-east-1a", "us-east-1b"],
                "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080}],
                // In service within seconds: by the defaults that takes minutes, and is told.
                "healthCheck": {"target": "TCP:8080", "intervalSeconds": 5, "timeoutSeconds": 2, "healthyThreshold": 2},
                "targets": {"instanceIds": instances},
            },
        });
        namespace.apply(&balancer.to_string()).await?;
    }
    for number in 0..count {
        namespace.until_ready(&format!("idle-{number}")).await?;
    }
    Ok(())
}

/// The resident memory of a process, in KiB.
struct Memory<'a> {
    name: &'static str,
    operator: &'a Operator,
    first: u64,
    most: u64,
}

impl<'a> Memory<'a> {
    fn new(name: &'static str, operator: &'a Operator) -> Self {
        Self {
            name,
            operator,
            first: 0,
            most: 0,
        }
    }

    fn begin(&mut self) -> anyhow::Result<()> {
        self.first = self.operator.resident_kib()?;
        self.most = self.first;
        Ok(())
    }

    fn look(&mut self) -> anyhow::Result<()> {
        self.most = self.most.max(self.operator.resident_kib()?);
        Ok(())
    }
}
