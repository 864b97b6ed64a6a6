//! Pure: a load balancer that is the object's own.

use crate::elb::LoadBalancer;
use crate::plan::Problem;

/// How a reconcile came by a load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller::reconcile) enum Source {
    /// It made it.
    Made,
    /// It took it over.
    Claimed,
    /// It read it, with the tags that prove whose it is.
    Proven,
    /// It read it; the tags are those of an earlier reconcile.
    Read,
    /// It is as the one before left it: nothing of it was read.
    Remembered,
}

impl Source {
    /// Whether its tags were read in this reconcile.
    pub(in crate::controller::reconcile) fn is_proven(self) -> bool {
        !matches!(self, Self::Read | Self::Remembered)
    }
}

/// A load balancer that is the object's own, or would be after the steps of a dry run.
#[derive(Debug)]
pub(in crate::controller::reconcile) struct Owned {
    /// As AWS has it, or as the dry steps leave it.
    pub(in crate::controller::reconcile) lb: LoadBalancer,
    /// How this reconcile came by it.
    pub(in crate::controller::reconcile) source: Source,
    /// Why it is not the object's own yet, though a dry run goes on as if it were.
    pub(in crate::controller::reconcile) refused: Option<Problem>,
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
            source: Source::Proven,
            refused: None,
            reality: None,
        }
    }
}
