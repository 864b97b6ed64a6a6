//! Pure: how a reconcile reads AWS.

use tokio::time::Instant;

use crate::elb::Lane;

/// How a reconcile reads AWS.
#[derive(Clone, Copy, Debug)]
pub struct Reads {
    /// What its calls are made for.
    pub lane: Lane,
    /// What was read before does not serve it.
    pub since: Instant,
}
