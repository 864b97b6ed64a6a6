//! What the operator costs: from apply to Ready, from its start to its first AWS call, memory and size. Prints figures
//! of this machine; run it with `make bench`.

use std::fmt::Display;
use std::time::{Duration, Instant};

use serde_json::json;
use testkit::aws_simulator::{Config, Delays};
use testkit::{Cluster, Kind, Options, Result, Stack, tool};

const BALANCERS: usize = 25;
const STARTS: usize = 7;

#[tokio::main]
async fn main() -> Result<()> {
    let aws = Config {
        delays: Delays::None,
        ..Config::default()
    };
    let stack = Stack::start(Options {
        aws,
        ..Options::default()
    })
    .await?;
    let namespace = stack.namespace().await?;
    let instances = namespace
        .instances(stack.simulator(), &["us-east-1a", "us-east-1b"])
        .await?;

    let idle = memory(&stack)?;
    let mut ready = Vec::new();
    for number in 0..BALANCERS {
        ready.push(apply_to_ready(&namespace, &format!("balancer-{number}"), &instances).await?);
    }
    let busy = memory(&stack)?;
    let mut first_call = Vec::new();
    for _ in 0..STARTS {
        stack.operator().stop().await?;
        first_call.push(start_to_first_call(&stack).await?);
        stack.operator().until_ready().await?;
    }

    println!(
        "operator, simulator's delays off, {} cores",
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    row("apply to Ready", &spread(&mut ready));
    row("process start to first AWS call", &spread(&mut first_call));
    row("resident memory, idle", &format!("{idle:.1} MiB"));
    row(
        &format!("resident memory, {BALANCERS} balancers"),
        &format!("{busy:.1} MiB"),
    );
    row("binary", &format!("{:.1} MiB", size()?));
    for number in 0..BALANCERS {
        namespace.delete(Kind::CLB, &format!("balancer-{number}")).await?;
    }
    Ok(())
}

async fn apply_to_ready(cluster: &Cluster, name: &str, instances: &[String]) -> Result<Duration> {
    let balancer = json!({
        "apiVersion": Kind::CLB.0, "kind": Kind::CLB.1,
        "metadata": {"name": name},
        "spec": {
            "availabilityZones": ["us-east-1a", "us-east-1b"],
            "listeners": [
                {"port": 80, "protocol": "HTTP", "instancePort": 8080},
                {"port": 443, "protocol": "TCP", "instancePort": 8443},
            ],
            "healthCheck": {"target": "HTTP:8080/health", "intervalSeconds": 20},
            "targets": {"instanceIds": instances},
        },
    });
    let started = Instant::now();
    cluster.apply(&balancer.to_string()).await?;
    cluster.until_ready(name).await?;
    Ok(started.elapsed())
}

async fn start_to_first_call(stack: &Stack) -> Result<Duration> {
    let mark = stack.simulator().mark()?;
    let started = Instant::now();
    stack.operator().start()?;
    while stack.simulator().calls(mark)?.is_empty() {
        assert!(
            started.elapsed() < Duration::from_mins(1),
            "the operator makes no AWS call: {}",
            stack.operator().log()
        );
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(started.elapsed())
}

/// The resident set of the operator's process, in MiB.
fn memory(stack: &Stack) -> Result<f64> {
    let kib = stack.operator().resident_kib()?;
    Ok(f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0)
}

/// The size of the operator's binary, in MiB.
fn size() -> Result<f64> {
    let bytes = std::fs::metadata(tool::operator()?).map_or(0, |metadata| metadata.len());
    Ok(f64::from(u32::try_from(bytes / 1024).unwrap_or(u32::MAX)) / 1024.0)
}

fn spread(times: &mut [Duration]) -> String {
    times.sort();
    let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let (least, most) = (milliseconds(times.first()), milliseconds(times.last()));
    let median = milliseconds(times.get(times.len() / 2));
    format!(
        "median {median:.0} ms, {least:.0} to {most:.0} ms, {} times",
        times.len()
    )
}

fn row(what: &str, figure: &impl Display) {
    println!("  {what:<34} {figure}");
}
