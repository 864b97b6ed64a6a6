//! Deterministic simulation: the real reconciler, AWS by the simulator and Kubernetes in memory, all in one process and
//! under paused time, so that a virtual day takes seconds and a seed replays what it did.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::similar_names,
    clippy::many_single_char_names
)] // tests may

mod accounts;
mod aws;
mod blue_green;
mod day;
mod drains;
mod driver;
mod dry_run;
mod fleet;
mod invariants;
mod kubernetes;
mod leadership;
mod lies;
mod lost;
mod operator;
mod orphans;
mod shared;
mod sharing;
mod stale;
mod weather;
mod world;
