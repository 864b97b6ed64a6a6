//! Pure: how a reconcile ends that was not stopped.

use super::outcome::Outcome;
use super::resolution::Resolution;
use crate::plan::desired::Desired;

/// How far a reconcile got.
pub(super) enum Ended {
    /// Nothing was due but the health, of which there may be news.
    Between { desired: Box<Desired>, news: bool },
    /// It planned.
    Full(Box<(Resolution, Desired, Outcome)>),
}
