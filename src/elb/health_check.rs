//! Pure: health checks.

use std::collections::BTreeMap;
use std::fmt;

use super::{Listener, Port, Protocol};

/// How the load balancer finds out which instances are well. All five values are always sent and always answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// `TCP:port`, `SSL:port`, `HTTP:port/path` or `HTTPS:port/path`.
    pub target: String,
    /// Seconds between two checks, 5-300.
    pub interval: i32,
    /// Seconds to wait for an answer, 2-60, less than the interval.
    pub timeout: i32,
    /// Failed checks that take an instance out, 2-10.
    pub unhealthy_threshold: i32,
    /// Passed checks that put an instance in, 2-10.
    pub healthy_threshold: i32,
}

impl HealthCheck {
    /// Default seconds between two checks.
    pub const INTERVAL: i32 = 30;
    /// Default seconds to wait for an answer.
    pub const TIMEOUT: i32 = 5;
    /// Default of failed checks that take an instance out.
    pub const UNHEALTHY_THRESHOLD: i32 = 2;
    /// Default of passed checks that put an instance in.
    pub const HEALTHY_THRESHOLD: i32 = 10;

    /// A check of this target with AWS's default numbers.
    pub fn of(target: String) -> Self {
        Self {
            target,
            interval: Self::INTERVAL,
            timeout: Self::TIMEOUT,
            unhealthy_threshold: Self::UNHEALTHY_THRESHOLD,
            healthy_threshold: Self::HEALTHY_THRESHOLD,
        }
    }

    /// The target where none is declared: the instance port of the listener with the lowest port, over TCP.
    pub fn default_target(listeners: &BTreeMap<Port, Listener>) -> String {
        let port = listeners.values().next().map_or(80, |lowest| lowest.instance_port);
        format!("{}:{port}", Protocol::Tcp)
    }

    /// The port of the target.
    pub fn port(&self) -> Option<Port> {
        let (_, rest) = self.target.split_once(':')?;
        rest.split('/').next()?.parse().ok()
    }
}

impl fmt::Display for HealthCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} every {} s, timeout {} s, unhealthy after {}, healthy after {}",
            self.target, self.interval, self.timeout, self.unhealthy_threshold, self.healthy_threshold
        )
    }
}
