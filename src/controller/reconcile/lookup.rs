//! I/O: what a spec refers to outside of the watched views: EC2, ACM, IAM, Auto Scaling and `ConfigMaps`.
//!
//! Looked up at the beginning of a full reconcile and remembered until the next one. Something that is not found, or
//! cannot be looked for, is told with the part of the load balancer that waits for it; the other parts go on.

mod certificates;
mod found;
pub(super) mod instances;
mod network;
pub(super) mod placement_check;
mod public_keys;
mod security_groups;
mod spare;
mod subnets;
mod unread;

use k8s_openapi::jiff::Timestamp;

use super::subject::Subject;
use crate::plan::desired::is_elsewhere;

pub(in crate::controller) use found::{Lookups, Subnets};
pub(super) use network::{subnets_of, vpc_of};
pub(super) use spare::find as spare_subnet;

/// Looks up everything that a spec names, but for instances. `before` is what the last reconcile found.
pub(super) async fn look_up(subject: &Subject<'_>, client: &kube::Client, before: &Lookups, now: Timestamp) -> Lookups {
    let mut lookups = Lookups::default();
    let (object, previous) = (subject.object, &subject.previous);
    let (view, region) = (&subject.region.view, &subject.region.region);
    let elsewhere = |arn: &str| is_elsewhere(arn, region, previous.account_id.as_deref());
    certificates::look_up(&object.spec, view, before, &mut lookups, now, elsewhere).await;
    certificates::keep_expiries(previous, &mut lookups);
    network::look_up(&mut lookups, object, subject, previous).await;
    public_keys::look_up(&object.spec, client, &subject.namespace, &mut lookups).await;
    lookups
}
