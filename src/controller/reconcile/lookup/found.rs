//! Pure: what was looked up.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::elb::{InstanceId, Subnet};
use crate::plan::Problem;
use crate::plan::desired::References;
use crate::plan::targets::Members;

/// Subnets by id.
pub(in crate::controller) type Subnets = BTreeMap<String, Subnet>;

/// Instances that are lacking where they were.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Vanished {
    /// Of which generation of the spec is what is known; `None`: nothing was looked up yet.
    pub(in crate::controller) generation: Option<i64>,
    /// Since when each is lacking.
    pub(in crate::controller) since: BTreeMap<InstanceId, Instant>,
}

/// What a spec refers to outside of the watched views.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Lookups {
    /// What names stand for.
    pub(in crate::controller) references: References,
    /// The subnets that were seen on the way.
    pub(in crate::controller) subnets: Subnets,
    /// The instances that `targets.instanceTags` and resolved Auto Scaling groups name.
    pub(in crate::controller) members: Members,
    /// Those that the last look lacked, and since when; and the generation of the spec that they were looked up for.
    pub(in crate::controller) vanished: Vanished,
    /// Why those may be incomplete; then the registered set is not shrunk.
    pub(in crate::controller) suspicion: Option<Problem>,
    /// Groups to resolve that do not exist.
    pub(in crate::controller) absent_groups: Option<Problem>,
    /// When certificates expire, RFC 3339, by ARN.
    pub(in crate::controller) not_after: BTreeMap<String, String>,
}
