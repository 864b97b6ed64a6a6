//! Members of groups in the balancers of their groups.

use smol_str::SmolStr;

use super::state::{Group, Lifecycle};
use crate::call::Call;
use crate::clock::Timestamp;
use crate::elb::instances::{join, leave};

/// The members that a balancer of the group is to have.
pub(super) fn serving(group: &Group) -> Vec<SmolStr> {
    let in_service = group
        .members
        .iter()
        .filter(|(_, member)| member.lifecycle == Lifecycle::InService);
    in_service.map(|(id, _)| id.clone()).collect()
}

/// Puts instances into a balancer, if it is there.
pub(super) fn register(call: &mut Call<'_>, name: &str, ids: &[SmolStr], at: Timestamp) {
    if let Some(mut balancer) = call.region.elb.get(name).cloned() {
        join(&mut balancer, at, ids.iter().cloned());
        call.region.elb.put(at, balancer);
    }
}

/// Takes instances out of a balancer, if both are there.
pub(super) fn deregister(call: &mut Call<'_>, name: &str, ids: &[SmolStr], at: Timestamp) {
    if let Some(mut balancer) = call.region.elb.get(name).cloned() {
        leave(&mut balancer, at, call.settings.timing.draining, ids);
        call.region.elb.put(at, balancer);
    }
}

/// How long a balancer lets connections to an instance end that leaves it.
pub(super) fn draining_seconds(call: &Call<'_>, name: &str) -> u64 {
    let draining = call
        .region
        .elb
        .get(name)
        .filter(|it| call.settings.timing.draining && it.attributes.draining);
    draining.map_or(0, |balancer| u64::from(balancer.attributes.draining_timeout))
}
