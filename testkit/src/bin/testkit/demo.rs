//! The ELB tutorial, played with kubectl against a stack of its own; every step is checked.

mod play;
mod steps;

use std::time::{Duration, Instant};

use testkit::{OperatorOptions, Options, Stack};

use crate::screen::say;
use crate::site;
use play::Play;

/// Enough on a slow machine; without it a hung step would hang the demo.
const LIMIT: Duration = Duration::from_mins(10);

/// Plays every step, and fails at the first that is not seen to happen.
pub(crate) async fn play() -> anyhow::Result<()> {
    let started = Instant::now();
    say("Starting etcd, kube-apiserver, the AWS simulator and the operator...");
    let operator = OperatorOptions {
        cluster_id: "demo".into(),
        // Often enough that a change of health is seen while one watches.
        health_interval: "2s".into(),
        ..OperatorOptions::default()
    };
    let stack = Stack::start(Options {
        operator,
        ..Options::default()
    })
    .await?;
    let cluster = stack.control_plane().cluster("default").await?;
    site::prepare(&stack, &cluster, 2).await?;
    say(&format!("Ready after {:.0} s.", started.elapsed().as_secs_f64()));

    let mut play = Play::new(&stack, cluster).await?;
    let played = match tokio::time::timeout(LIMIT, steps::all(&mut play)).await {
        Ok(played) => played,
        Err(_) => Err(anyhow::anyhow!("the demo did not end within {} s", LIMIT.as_secs())),
    };
    if played.is_err() {
        eprintln!("--- the end of the operator's log ---");
        let log = stack.operator().log();
        let lines: Vec<&str> = log.lines().collect();
        for line in lines.iter().skip(lines.len().saturating_sub(30)) {
            eprintln!("{line}");
        }
    }
    played?;
    play.screen.end(started.elapsed().as_secs_f64());
    Ok(())
}
