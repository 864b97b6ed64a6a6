//! Kubernetes operator that owns AWS Classic Elastic Load Balancers.
//!
//! A module imports only from lower layers or from its own children:
//!
//! ```text
//! L6  main.rs        parse arguments, build parameters, run      bin/kubectl-clb.rs
//! L5  cli            the commands of kubectl-clb
//! L4  operator       composition root: clients, controller, server; the operator's flags
//! L3  controller     resolve → desired → observe → plan → apply → status
//!     server         /metrics /healthz /readyz
//! L2  aws            the only place that names SDK types
//! L1  plan           pure: declared × observed → Plan
//! L0  elb            the model      api      the CRD      metrics, readiness, telemetry
//! ```
#![recursion_limit = "256"]

pub mod api;
pub mod aws;
pub mod cli;
pub mod controller;
pub mod elb;
pub mod metrics;
pub mod operator;
pub mod plan;
pub mod readiness;
pub mod server;
pub mod telemetry;
