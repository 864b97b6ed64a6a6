//! I/O: what a spec refers to outside of the watched views: EC2, ACM, IAM, Auto Scaling and `ConfigMaps`.
//!
//! Looked up at the beginning of a full pass and remembered until the next one. Something that is not found, or cannot be
//! looked for, is told with the part of the balancer that waits for it; the other parts go on.

mod certificates;
pub(super) mod instances;
mod network;
pub(super) mod preflight;
mod public_keys;
mod security_groups;
mod spare;
mod subnets;

use std::collections::BTreeMap;

use super::reconcile::Context;
use super::subject::Subject;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus};
use crate::aws::Subnet;
use crate::plan::desired::{Missing, References};
use crate::plan::targets::Members;

pub(super) use network::subnets_of;
pub(super) use spare::find as spare_subnet;

/// Subnets by id.
pub(super) type Subnets = BTreeMap<String, Subnet>;

/// What was looked up.
#[derive(Clone, Debug, Default)]
pub(super) struct Remote {
    /// What names stand for.
    pub(super) references: References,
    /// The subnets that were seen on the way.
    pub(super) subnets: Subnets,
    /// The instances that `targets.instanceTags` and resolved Auto Scaling groups name.
    pub(super) members: Members,
    /// Why those may be incomplete; then the registered set is not shrunk.
    pub(super) suspicion: Option<Missing>,
    /// Groups to resolve that do not exist.
    pub(super) absent_groups: Option<Missing>,
    /// When certificates expire, RFC 3339, by ARN.
    pub(super) not_after: BTreeMap<String, String>,
}

/// Looks up everything that a spec names. `before` is what the last pass found, `previous` the status it wrote.
pub(super) async fn look_up(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    before: &Remote,
    previous: &ClassicLoadBalancerStatus,
) -> Remote {
    let mut remote = Remote::default();
    certificates::look_up(&object.spec, &subject.client, before, &mut remote).await;
    certificates::keep_expiries(previous, &mut remote);
    network::look_up(&mut remote, object, subject, previous).await;
    public_keys::look_up(&object.spec, &ctx.client, &subject.namespace, &mut remote).await;
    remote
}
