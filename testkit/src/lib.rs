//! Starts the real parts that the operator is tested with, and ends them again: etcd and kube-apiserver, the AWS
//! simulator, and the operator's binary.
//!
//! The kit knows the operator only from outside: its binary, its manifests and what it does to the API server and to
//! AWS. A test takes a [`Stack`], of which the tests of one binary share one, and a [`Namespace`] of its own:
//!
//! ```no_run
//! # async fn example() -> testkit::Result<()> {
//! let stack = testkit::Stack::shared().await?;
//! let namespace = stack.namespace().await?;
//! let mark = stack.simulator().mark()?;
//! namespace.apply(include_str!("../../examples/tutorial.yaml")).await?;
//! namespace.until_ready("my-lb").await?;
//! let calls = stack.simulator().calls(mark)?.elb();
//! assert_eq!(calls.of("CreateLoadBalancer").len(), 1, "{calls}");
//! # Ok(())
//! # }
//! ```
//!
//! Whatever way the process goes, its children go with it: see [`process`].

mod access;
mod audit;
mod calls;
pub mod cluster;
pub mod control_plane;
mod error;
mod http;
pub mod object;
pub mod operator;
mod port;
pub mod process;
pub mod simulator;
mod stack;
pub mod tool;

pub use aws_simulator;

pub use crate::access::{OPERATOR_KEY_ID, Policies};
pub use crate::audit::KubernetesCall;
pub use crate::calls::{Call, Calls};
pub use crate::cluster::{Cluster, Kind};
pub use crate::control_plane::ControlPlane;
pub use crate::error::{Error, Result};
pub use crate::http::{Reply, get};
pub use crate::object::LoadBalancer;
pub use crate::operator::{Operator, OperatorOptions};
pub use crate::port::free as free_port;
pub use crate::process::Exit;
pub use crate::simulator::Simulator;
pub use crate::stack::{Namespace, Options, Stack, instances};
