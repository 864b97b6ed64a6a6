//! The AWS API of Classic Elastic Load Balancing and its neighbours.
//!
//! ```no_run
//! # async fn run() -> std::io::Result<()> {
//! use aws_simulator::{Config, Simulator, serve};
//!
//! let simulator = Simulator::new(Config::default());
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:4566").await?;
//! serve(listener, simulator, std::future::pending()).await
//! # }
//! ```

#![expect(
    clippy::unnecessary_wraps,
    reason = "the handlers of a dispatch table share one signature"
)]

mod access;
mod acm;
mod autoscaling;
mod broken;
mod call;
mod certificate;
mod check;
mod clock;
mod cloudtrail;
mod config;
#[cfg(feature = "connector")]
mod connector;
mod control;
mod ec2;
mod elb;
mod fault;
mod iam;
mod ids;
mod log;
mod model;
mod page;
mod region;
mod reply;
mod s3;
mod seed;
mod server;
mod simulator;
mod sts;
mod tagging;
mod throttle;
mod wire;
mod world;

pub use access::{AccessRules, Policy, PolicyError};
pub use clock::{Clock, Timestamp, TimestampError};
pub use config::{AccessKey, Config, DEFAULT_ACCOUNT, DEFAULT_REGION, Delays, Signatures};
#[cfg(feature = "connector")]
pub use connector::Connector;
pub use fault::{Action, FaultRule, FaultRuleError, FaultStatus, Match};
pub use log::RequestRecord;
pub use seed::{
    AutoScalingGroupSeed, BucketSeed, CertificateSeed, InstanceSeed, LaunchConfigurationSeed, ListenerSeed,
    LoadBalancerSeed, MemberSeed, Moment, RegionSeed, SecurityGroupSeed, Seed, SeedError, ServerCertificateSeed,
    SubnetSeed, VpcSeed,
};
pub use server::serve;
pub use simulator::Simulator;
pub use simulator::control::{InstanceHealthAnswer, LoadBalancerState, RestoreError};
pub use throttle::{Bucket, Throttles, ThrottlesError};
