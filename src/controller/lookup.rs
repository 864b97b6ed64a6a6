//! I/O: what a spec refers to outside of the watched views: EC2, ACM, IAM, Auto Scaling and `ConfigMaps`.
//!
//! Looked up at the beginning of a full pass and remembered until the next one. Something that is not found, or cannot be
//! looked for, is told with the part of the balancer that waits for it; the other parts go on.

mod certificates;
mod public_keys;

use std::collections::BTreeMap;

use super::reconcile::Context;
use super::subject::Subject;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus};
use crate::plan::desired::References;
use crate::plan::targets::Members;

/// What was looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    /// What names stand for.
    pub(super) references: References,
    /// The instances that `targets.instanceTags` and resolved Auto Scaling groups name.
    pub(super) members: Members,
    /// Why those may be incomplete; then the registered set is not shrunk.
    pub(super) suspicion: Option<String>,
    /// When certificates expire, RFC 3339, by ARN.
    pub(super) not_after: BTreeMap<String, String>,
}

/// Looks up everything that a spec names. `before` is what the last pass found, `_previous` the status it wrote.
pub(super) async fn look_up(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    before: &Remote,
    _previous: &ClassicLoadBalancerStatus,
) -> Remote {
    let mut remote = Remote::default();
    certificates::look_up(&object.spec, &subject.client, before, &mut remote).await;
    public_keys::look_up(&object.spec, &ctx.client, &subject.namespace, &mut remote).await;
    remote
}
