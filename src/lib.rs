//! Kubernetes operator that owns AWS Classic Elastic Load Balancers.
//!
//! A module imports only from lower layers or from its own children:
//!
//! ```text
//! L6  main  bin              parse arguments, run
//! L5  operator  cli          composition root; the commands of kubectl-clb
//! L4  controller  server  flags
//! L3  aws  lease             the only place that names SDK types; leadership
//! L2  plan                   pure: declared × observed → Plan
//! L1  elb  api  metrics  readiness  telemetry
//! ```
#![recursion_limit = "256"]

pub mod api;
pub mod aws;
pub mod cli;
pub mod controller;
pub mod elb;
pub mod flags;
pub mod lease;
pub mod metrics;
pub mod operator;
pub mod plan;
pub mod readiness;
pub mod server;
pub mod telemetry;
