//! Measures the operator against its goals, P1 to P22, and writes what it finds into `docs/performance.md` and
//! `docs/performance.json`. Run it with `make bench`.
//!
//! What AWS lets an account ask for is the same on every machine, so calls and the time they take are played by the
//! simulation of `tests/simulation`, under the published buckets and in virtual time. Memory, processor time, sizes and
//! what a person waits for are real: a kube-apiserver with etcd, the simulator over HTTP, the release build of the operator.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // measuring may

// Of the simulation; its files know one another by these names, which is why this one lies among them.
#[allow(unused, reason = "what only the tests need")]
mod aws;
#[allow(unused, reason = "what only the tests need")]
mod day;
#[allow(unused, reason = "what only the tests need")]
mod driver;
#[allow(unused, reason = "what only the tests need")]
mod invariants;
#[allow(unused, reason = "what only the tests need")]
mod kubernetes;
#[allow(unused, reason = "what only the tests need")]
mod operator;
#[allow(unused, reason = "what only the tests need")]
mod weather;
#[allow(unused, reason = "what only the tests need")]
mod world;

#[path = "../../benches/performance/decisions.rs"]
mod decisions;
#[path = "../../benches/performance/failover.rs"]
mod failover;
#[path = "../../benches/performance/filled.rs"]
mod filled;
#[path = "../../benches/performance/lanes.rs"]
mod lanes;
#[path = "../../benches/performance/page.rs"]
mod page;
#[path = "../../benches/performance/played.rs"]
mod played;
#[path = "../../benches/performance/process.rs"]
mod process;
#[path = "../../benches/performance/rows.rs"]
mod rows;
#[path = "../../benches/performance/scale.rs"]
mod scale;
#[path = "../../benches/performance/size.rs"]
mod size;

use std::time::Instant;

use anyhow::Context as _;
use rows::Row;

/// The parts, in the order in which they are measured.
const PARTS: [&str; 9] = [
    "decisions",
    "size",
    "twenty",
    "hundred",
    "thousand",
    "lanes",
    "process",
    "failover",
    "scale",
];

fn main() -> anyhow::Result<()> {
    // Cargo adds flags of its own for the harness that this is not.
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    if let Some(unknown) = asked.iter().find(|part| !PARTS.contains(&part.as_str())) {
        anyhow::bail!("there is no part {unknown}, but {}", PARTS.join(", "));
    }
    let mut all = page::read()?;
    let mut failed = None;
    for part in PARTS {
        if !asked.is_empty() && !asked.iter().any(|wanted| wanted == part) {
            continue;
        }
        let started = Instant::now();
        let rows = measure(part).with_context(|| format!("measuring {part}"));
        println!("{part}, in {} s:", started.elapsed().as_secs());
        match rows {
            Ok(rows) => rows.into_iter().for_each(|row| {
                println!("  {row}");
                rows::replace(&mut all, row);
            }),
            // The others are worth having all the same.
            Err(error) => {
                println!("  {error:#}");
                failed = Some(error);
            }
        }
        page::write(&mut all)?;
    }
    failed.map_or(Ok(()), Err)
}

fn measure(part: &str) -> anyhow::Result<Vec<Row>> {
    match part {
        "decisions" => Ok(decisions::measure()),
        "size" => size::measure(),
        "twenty" => Ok(day::apart(async || played::fleet(20).await)),
        "hundred" => Ok(day::apart(async || played::fleet(100).await)),
        "thousand" => Ok(day::apart(async || played::fleet(1000).await)),
        "lanes" => Ok(day::apart(async || lanes::measure().await)),
        "process" => process::measure(),
        "failover" => failover::measure(),
        _ => scale::measure(),
    }
}
