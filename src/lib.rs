//! Kubernetes operator that owns AWS Classic Elastic Load Balancers.
//!
//! A module imports only from lower layers or from its own children, and nothing imports in a circle. `tests/layers.rs`
//! holds this table and checks it:
//!
//! ```text
//! L7    main        clb-operator: parses arguments, runs
//!       bin         kubectl-clb: the same
//! L6    operator    composition root: clients, lease, controller, server; the order of start and stop
//!       cli         the commands of kubectl-clb
//! L5    flags       the command line of clb-operator, which `kubectl clb plan` reads too
//! L4    controller  resolve → desired → observe → plan → carry out → status
//!       server      /metrics /healthz /readyz
//! L3    aws         the only place that names SDK types
//! L2    lease       leadership: who may write
//!       plan        pure: desired × observed → Plan
//! L1    elb         pure: the model
//!       api         the resources: spec, status, conditions, messages
//!       metrics     what Prometheus reads
//!       readiness   whether the operator can work
//!       telemetry   logs and traces
//! ```
#![recursion_limit = "256"]
#![cfg_attr(not(test), warn(clippy::disallowed_methods))] // unit tests may

// What unit tests share with the laws names it from outside.
#[cfg(test)]
extern crate self as classic_lb_operator;

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
