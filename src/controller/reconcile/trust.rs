//! Pure: whether what is seen first after a start is believed, where it would take most instances away.

use tokio::time::Instant;

use super::met::Met;
use super::resolution::Resolution;
use super::subject::Subject;
use crate::api::message;
use crate::api::{InstanceStatus, InstancesStatus};
use crate::controller::memory::Memory;
use crate::controller::nodes::BELIEVED_AFTER;
use crate::elb::{Declared, LoadBalancer};
use crate::plan::targets::SOURCE_NODE_SELECTOR;
use crate::plan::{Cause, Problem, Track};

/// After a start there is no earlier view of the Nodes to compare with but the status. A first view that lacks most of
/// what the status knows is doubted for a while, unless the spec changed and asks for it.
pub(super) fn doubt_first_view(subject: &Subject<'_>, memory: &mut Memory, resolution: &mut Resolution, now: Instant) {
    let previous = &subject.previous;
    let came = previous.instances.as_ref().map_or(0, came_from_nodes);
    let members = resolution.resolved.members.values();
    let found = members
        .filter(|member| member.sources.contains(SOURCE_NODE_SELECTOR))
        .count();
    let unchanged = previous.observed_generation == Some(subject.generation());
    let lacks_most = unchanged && found * 2 < came;
    let until = match memory.known.doubts_nodes_until() {
        None if memory.schedule.is_first() && lacks_most => Some(now + BELIEVED_AFTER),
        Some(until) if lacks_most && now < until => Some(until),
        _ => None,
    };
    memory.known.doubt_nodes_until(until);
    if until.is_some() && resolution.suspicion.is_none() {
        resolution.resolved.hold = true;
        let message = message::most_nodes_lost_at_start(found, came);
        resolution.suspicion = Some(Problem::new(Track::Instances, Cause::Doubt, message));
    }
}

/// How many instances came from Nodes. A status does not list all of very many, so those that it lists stand for the others.
fn came_from_nodes(told: &InstancesStatus) -> usize {
    let came = |item: &&InstanceStatus| item.sources.iter().any(|source| source == SOURCE_NODE_SELECTOR);
    let (listed, came) = (told.items.len(), told.items.iter().filter(came).count());
    let all = usize::try_from(told.desired.max(told.registered)).unwrap_or_default();
    came * all.max(listed) / listed.max(1)
}

/// A load balancer that is ours and of which the status knows nothing when this process first comes by it: the status was
/// lost, and with it what its instances came from. What would take most of them away is doubted for as long as a first view
/// is.
pub(super) fn doubt_lost_status(
    subject: &Subject<'_>,
    memory: &mut Memory,
    declared: &mut Declared,
    lb: &LoadBalancer,
    met: &mut Met,
    first: bool,
    now: Instant,
) {
    let Some(registration) = &mut declared.registration else {
        return;
    };
    let selects = subject
        .object
        .spec
        .targets
        .iter()
        .any(|targets| targets.node_selector.is_some());
    let wanted = lb.instances.intersection(&registration.wanted).count();
    let lacks_most = selects && wanted * 2 < lb.instances.len();
    let lost = first && subject.previous.created_time.is_none();
    let until = match memory.known.doubts_loss_until() {
        None if lost && lacks_most => Some(now + BELIEVED_AFTER),
        Some(until) if lacks_most && now < until => Some(until),
        _ => None,
    };
    memory.known.doubt_loss_until(until);
    if until.is_some() {
        registration.hold = true;
        let message = message::most_nodes_lost_at_start(wanted, lb.instances.len());
        met.problems.push(Problem::new(Track::Instances, Cause::Doubt, message));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// A status that lists so many of its instances, every `one_in` of which came from a Node.
    fn told(listed: usize, registered: i32, one_in: usize) -> InstancesStatus {
        let item = |number: usize| InstanceStatus {
            id: format!("i-{number:08x}"),
            sources: (number.is_multiple_of(one_in))
                .then(|| SOURCE_NODE_SELECTOR.to_owned())
                .into_iter()
                .collect(),
            ..InstanceStatus::default()
        };
        InstancesStatus {
            desired: registered,
            registered,
            items: Arc::new((0..listed).map(item).collect()),
            ..InstancesStatus::default()
        }
    }

    #[test]
    fn a_list_that_was_cut_stands_for_all() {
        assert_eq!(came_from_nodes(&told(0, 0, 1)), 0);
        assert_eq!(came_from_nodes(&told(200, 200, 1)), 200);
        assert_eq!(came_from_nodes(&told(250, 1000, 1)), 1000);
        assert_eq!(came_from_nodes(&told(250, 1000, 2)), 500);
        assert_eq!(came_from_nodes(&told(250, 1000, 1000)), 4);
    }
}
