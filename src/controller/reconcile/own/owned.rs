//! Pure: a load balancer that is the object's own.

use crate::elb::LoadBalancer;

/// A load balancer that is the object's own, or would be after the steps of a dry run.
#[derive(Debug)]
pub(in crate::controller::reconcile) struct Owned {
    /// As AWS has it, or as the dry steps leave it.
    pub(in crate::controller::reconcile) lb: LoadBalancer,
    /// It was made in this reconcile.
    pub(in crate::controller::reconcile) made: bool,
    /// It was taken over in this reconcile.
    pub(in crate::controller::reconcile) claimed: bool,
    /// What AWS has of it; `None`: all of it, since nothing was dry.
    pub(in crate::controller::reconcile) reality: Option<Reality>,
}

/// What there really is under a dry run.
#[derive(Debug)]
pub(in crate::controller::reconcile) enum Reality {
    /// Nothing.
    Absent,
    /// The load balancer as it is, under somebody else's tags.
    NotClaimed(Box<LoadBalancer>),
}

impl From<LoadBalancer> for Owned {
    fn from(lb: LoadBalancer) -> Self {
        Self {
            lb,
            made: false,
            claimed: false,
            reality: None,
        }
    }
}
