//! The ELB tutorial, played with kubectl against a stack of its own; every step is checked.

mod play;
mod steps;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use testkit::{OperatorOptions, Options, Stack};

use crate::recording::Recording;
use crate::screen::Screen;
use crate::site;
use play::Play;

/// Enough on a slow machine; without it a hung step would hang the demo.
const LIMIT: Duration = Duration::from_mins(10);

/// What will happen, told before it does.
const PROLOGUE: [&str; 3] = [
    "The ELB tutorial, in nine steps and less than a minute: a real Kubernetes API server, the operator, and an AWS that is simulated.",
    "Lines after $ are what you would type; \u{2713} is what was seen to hold. All of it is on 127.0.0.1, and nothing stays.",
    "Starting etcd, kube-apiserver, the AWS simulator and the operator...",
];

/// Plays every step, and fails at the first that is not seen to happen. With a file, takes down what is printed.
pub(crate) async fn play(record: Option<PathBuf>) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut screen = Screen::new(record.map(Recording::to));
    for line in PROLOGUE {
        screen.tell(line);
    }
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
    screen.tell(&format!("Ready after {:.0} s.", started.elapsed().as_secs_f64()));

    let mut play = Play::new(&stack, cluster, screen).await?;
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
    play.screen.end(started.elapsed().as_secs_f64())
}
