//! The Nodes of the cluster, as far as load balancers need them, and whether that view can be trusted.
//!
//! A wrong view empties load balancers: controllers that acted on a cold cache have deregistered whole fleets. So the
//! view says when it is not to be trusted, and then the registered set is not shrunk.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node as KubeNode;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;
use kube::runtime::watcher::Event;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::index::Nodes;
pub use self::leaving::NodeDraining;
use self::leaving::sign;
pub(super) use self::leaving::{Annotations, Drain, EXCLUDE_LABEL, Told, taint};
use self::readiness::Readiness;
pub(super) use self::readiness::Unready;
use super::clock::Moment;
use super::provider_id;
use super::selector::Labels;
use crate::api::message::{self, Message};
use crate::api::{CordonedNodes, NotReadyNodes, Registration};
use crate::elb::InstanceId;

/// Where the zone stands that `providerID` may leave out.
const ZONE_LABELS: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];
const REGION_LABELS: [&str; 2] = [
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/region",
];
/// How long the loss of most Nodes must last before it is believed.
pub(super) const BELIEVED_AFTER: Duration = Duration::from_mins(5);

/// How long the number of Nodes must not fall for the view to count as one; Nodes that vanish one after the other
/// within it vanish together.
const ONE_VIEW: Duration = Duration::from_secs(2);

/// A Node, as far as load balancers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) labels: BTreeMap<String, String>,
    /// The instance it runs on; `None` for nodes that are no EC2 instance, such as Fargate's.
    pub(super) instance: Option<InstanceId>,
    /// Its zone.
    pub(super) zone: Option<String>,
    /// Since when its kubelet is not ready, or silent; `None`: it is ready, or never said anything. Clocks differ: it is
    /// never later than when we saw it.
    pub(super) not_ready_since: Option<Timestamp>,
    /// What its condition says of that: whether nobody knows, and since when.
    pub(super) told: Option<(bool, Timestamp)>,
    pub(super) cordoned: bool,
    pub(super) deleting: bool,
    /// Since when we see that it is about to go.
    pub(super) leaving_since: Option<Timestamp>,
}

/// Which of the matching Nodes are targets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NodePolicy {
    /// For how long a Node may be not ready; `None`: for ever.
    pub(super) grace: Option<Duration>,
    /// Whether a cordoned Node is none.
    pub(super) without_cordoned: bool,
    /// Whether one that is about to go is none.
    pub(super) without_leaving: bool,
}

impl NodePolicy {
    /// What a spec asks for.
    pub(super) fn of(registration: Option<&Registration>, draining: NodeDraining) -> Self {
        const GRACE: i32 = 300;
        let without_leaving = draining.is_on();
        let Some(registration) = registration else {
            return Self {
                without_leaving,
                ..Self::default()
            };
        };
        let seconds = registration.not_ready_grace_seconds.unwrap_or(GRACE);
        Self {
            grace: match registration.not_ready_nodes.unwrap_or_default() {
                NotReadyNodes::Keep => None,
                NotReadyNodes::Remove => Some(Duration::ZERO),
                NotReadyNodes::RemoveAfter => Some(Duration::from_secs(u64::try_from(seconds).unwrap_or_default())),
            },
            without_cordoned: registration.cordoned_nodes == Some(CordonedNodes::Remove),
            without_leaving,
        }
    }

    /// Whether a Node is a target, and how long until that may change by itself.
    pub(super) fn admits(self, node: &Node, now: Timestamp) -> (bool, Option<Duration>) {
        let leaves = self.without_leaving && node.leaving_since.is_some();
        if node.deleting || leaves || (self.without_cordoned && node.cordoned) {
            return (false, None);
        }
        let (Some(grace), Some(since)) = (self.grace, node.not_ready_since) else {
            return (true, None);
        };
        let lasted = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let left = grace.saturating_sub(lasted);
        (!left.is_zero(), (!left.is_zero()).then_some(left))
    }
}

#[derive(Debug, Default)]
struct State {
    nodes: Nodes,
    /// What we told each of them.
    told: BTreeMap<String, Told>,
    /// What a list that is under way has brought so far.
    listing: Option<Nodes>,
    synced: bool,
    failure: Option<String>,
    /// How many Nodes there were when the view was last believed.
    believed: usize,
    /// How many there were when last looked at, and when that last fell.
    count: usize,
    fell: Option<Instant>,
    /// Since when there are fewer than half of those believed.
    suspect_since: Option<Instant>,
}

/// The view, fed by a watch.
#[derive(Debug, Default)]
pub struct NodeView {
    annotations: Annotations,
    state: Mutex<State>,
    synced: Notify,
}

/// What a selector finds.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// The matching Nodes by name that run on an EC2 instance.
    pub(super) nodes: BTreeMap<String, Arc<Node>>,
    /// Why the view cannot be trusted to shrink a set.
    pub(super) suspicion: Option<Message>,
    /// Whether any Node matched, also one that is no target at the moment.
    pub(super) matched: bool,
    /// How many Nodes there are at all.
    pub(super) total: usize,
    /// The matching Nodes that run on no EC2 instance.
    pub(super) without_instance: BTreeSet<String>,
    /// Most of the matching Nodes became not ready at once.
    pub(super) unready: Option<Unready>,
    /// When a Node will have been not ready for too long.
    pub(super) changes_in: Option<Duration>,
}

impl NodeView {
    /// That of the operator that holds this Lease.
    pub(super) fn of(lease: &str) -> Self {
        Self {
            annotations: Annotations::of(lease),
            ..Self::default()
        }
    }

    /// The annotations by which Nodes are told.
    pub(super) fn annotations(&self) -> &Annotations {
        &self.annotations
    }

    /// Takes in an event of the watch at this time. `true`: something changed that targets may depend on.
    pub fn take(&self, event: &Event<KubeNode>, now: Timestamp) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A list that merely begins, or is under way, proves nothing yet.
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            state.failure = None;
        }
        if let Event::InitApply(node) | Event::Apply(node) = event {
            let told = self.annotations.read(node);
            state.told.insert(node.name_any(), told);
        }
        match event {
            Event::Init => {
                state.listing = Some(Nodes::default());
                false
            }
            Event::InitApply(node) => {
                let state = &mut *state;
                if let Some(listing) = &mut state.listing {
                    let name = node.name_any();
                    let before = state.nodes.get(&name);
                    listing.insert(&name, Node::read(node, before.map(Arc::as_ref), now));
                }
                false
            }
            Event::InitDone => {
                let listed = state.listing.take().unwrap_or_default();
                let changed = !state.synced || listed != state.nodes;
                state.told.retain(|name, _| listed.get(name).is_some());
                state.nodes = listed;
                state.synced = true;
                self.synced.notify_waiters();
                changed
            }
            Event::Apply(node) => {
                let name = node.name_any();
                let before = state.nodes.get(&name);
                let node = Node::read(node, before.map(Arc::as_ref), now);
                state.nodes.insert(&name, node)
            }
            Event::Delete(node) => {
                state.told.remove(&node.name_any());
                state.nodes.remove(&node.name_any())
            }
        }
    }

    /// The watch failed.
    pub fn fail(&self, error: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure = Some(error);
    }

    /// The API server lists Nodes again, so the watch will go on.
    pub fn recover(&self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).failure = None;
    }

    /// Whether the Nodes were listed.
    pub fn is_synced(&self) -> bool {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).synced
    }

    /// Waits until the Nodes were listed.
    pub async fn wait_synced(&self) {
        loop {
            let notified = self.synced.notified();
            if self.is_synced() {
                return;
            }
            notified.await;
        }
    }

    /// Compares the number of Nodes with the one believed before.
    fn settle(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.synced {
            return;
        }
        let count = state.nodes.len();
        if count < state.count {
            state.fell = Some(now);
        }
        state.count = count;
        let lost_most = (state.believed - count.min(state.believed)) * 2 > state.believed;
        if lost_most {
            let since = *state.suspect_since.get_or_insert(now);
            if count > 0 && now.saturating_duration_since(since) >= BELIEVED_AFTER {
                state.believed = count;
                state.suspect_since = None;
            }
            return;
        }
        state.suspect_since = None;
        let falling = state
            .fell
            .is_some_and(|fell| now.saturating_duration_since(fell) < ONE_VIEW);
        if count > state.believed || !falling {
            state.believed = count;
        }
    }

    /// The Nodes that run on these instances: names and zones, by instance.
    pub(super) fn on(&self, ids: &BTreeSet<InstanceId>) -> BTreeMap<InstanceId, (String, Option<String>)> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let found = ids.iter().filter_map(|id| {
            let (name, node) = state.nodes.on(id)?;
            Some((id.clone(), (name.to_string(), node.zone.clone())))
        });
        found.collect()
    }

    /// The instances of the Nodes that are about to go.
    pub(super) fn departing(&self) -> BTreeSet<InstanceId> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.nodes.leaving().filter_map(|node| node.instance.clone()).collect()
    }

    /// Every Node, and what we told it.
    pub(super) fn each(&self, mut look: impl FnMut(&str, &Node, &Told)) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, node) in state.nodes.iter() {
            if let Some(told) = state.told.get(&**name) {
                look(name, node, told);
            }
        }
    }

    /// The Node of this UID was told this.
    pub(super) fn was_told(&self, name: &str, told: Told) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = state.told.get_mut(name).filter(|known| known.uid == told.uid) {
            *known = told;
        }
    }

    /// The Nodes that a selector matches, and whether the view can be trusted.
    pub(super) fn select(&self, selector: &Labels, policy: NodePolicy, now: Moment) -> Selection {
        self.settle(now.at);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut nodes = BTreeMap::new();
        let (mut matched, mut changes_in): (bool, Option<Duration>) = (false, None);
        let mut readiness = Readiness::default();
        let mut matching = state.nodes.matching(selector);
        matching.retain(|(_, node)| !node.labels.contains_key(EXCLUDE_LABEL));
        let mut without_instance = BTreeSet::new();
        for (name, node) in matching {
            if node.instance.is_none() {
                without_instance.insert(name.to_string());
                continue;
            }
            matched |= !node.deleting;
            let (admitted, left) = policy.admits(&node, now.wall);
            changes_in = changes_in.into_iter().chain(left).min();
            readiness.count(&node, admitted);
            if admitted {
                nodes.insert(name.to_string(), node);
            }
        }
        let suspicion = match &state.failure {
            Some(failure) if state.synced => Some(message::nodes_not_watched(failure)),
            Some(failure) => Some(message::nodes_not_readable(failure)),
            None if !state.synced => Some(message::nodes_not_listed()),
            None if state.nodes.is_empty() => Some(message::no_nodes()),
            None if state.suspect_since.is_some() => Some(message::most_nodes_lost(state.believed, state.nodes.len())),
            None => None,
        };
        Selection {
            nodes,
            suspicion,
            matched,
            total: state.nodes.len(),
            without_instance,
            unready: policy.grace.and_then(|grace| readiness.unready(grace)),
            changes_in,
        }
    }
}

impl Node {
    /// What tells where it is: its zone, or else its region.
    pub(super) fn place(&self) -> Option<&String> {
        let region = || REGION_LABELS.iter().find_map(|label| self.labels.get(*label));
        self.zone.as_ref().or_else(region)
    }

    pub(super) fn read(node: &KubeNode, before: Option<&Self>, now: Timestamp) -> Self {
        let labels = node.labels().clone();
        let id = node
            .spec
            .as_ref()
            .and_then(|spec| spec.provider_id.as_deref())
            .and_then(provider_id::parse);
        let zone = id
            .as_ref()
            .and_then(|id| id.zone.clone())
            .or_else(|| ZONE_LABELS.iter().find_map(|label| labels.get(*label)).cloned());
        let conditions = node.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let mut not_ready = conditions.filter(|condition| condition.type_ == "Ready" && condition.status != "True");
        let not_ready = not_ready.next();
        let told = not_ready.and_then(|condition| {
            let time = condition.last_transition_time.as_ref()?;
            Some((condition.status == "Unknown", time.0))
        });
        let since = not_ready.map(|_| not_ready_since(told, before, now));
        Self {
            labels,
            instance: id.map(|id| id.instance),
            zone,
            not_ready_since: since,
            told,
            cordoned: node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true),
            deleting: node.metadata.deletion_timestamp.is_some(),
            leaving_since: sign(node).map(|_| before.and_then(|before| before.leaving_since).unwrap_or(now)),
        }
    }
}

/// Since when a Node counts as not ready that says this of itself. A grace period runs from when it was seen to fail, by the clock that ends
/// it, since a kubelet's may be wrong. Whoever says of the same failure that it began earlier is believed: no clock does that.
fn not_ready_since(told: Option<(bool, Timestamp)>, before: Option<&Node>, now: Timestamp) -> Timestamp {
    let Some(before) = before else {
        return told.map_or(now, |(_, time)| time.min(now));
    };
    let seen = before.not_ready_since.unwrap_or(now);
    match (before.told, told) {
        (Some((unknown, then)), Some((is_unknown, time))) if unknown == is_unknown && time < then => seen.min(time),
        _ => seen,
    }
}

mod index;
mod leaving;
mod readiness;

#[cfg(test)]
mod tests;
