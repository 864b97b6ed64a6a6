//! The Nodes of the cluster, as far as balancers need them, and whether that view can be trusted.
//!
//! A wrong view empties balancers: controllers that acted on a cold cache have deregistered whole fleets. So the view
//! says when it is not to be trusted, and then the registered set is not shrunk.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::ResourceExt as _;
use kube::core::{Selector, SelectorExt as _};
use kube::runtime::watcher::Event;
use tokio::sync::Notify;

use super::provider_id;
use crate::elb::InstanceId;

/// Nodes that carry this label, with any value, never become targets.
const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
/// Where the zone stands that `providerID` may leave out.
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
/// How long the loss of most Nodes must last before it is believed.
pub(super) const BELIEVED_AFTER: Duration = Duration::from_mins(5);

/// How long the number of Nodes must not fall for the view to count as one; Nodes that vanish one after the other within
/// it vanish together.
const ONE_VIEW: Duration = Duration::from_secs(2);

/// A Node, as far as balancers need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    labels: BTreeMap<String, String>,
    /// The instance it runs on; `None` for nodes that are no EC2 instance, such as Fargate's.
    pub(super) instance: Option<InstanceId>,
    /// Its zone.
    pub(super) zone: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    nodes: BTreeMap<String, Node>,
    /// What a list that is under way has brought so far.
    listing: Option<BTreeMap<String, Node>>,
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
    state: Mutex<State>,
    synced: Notify,
}

/// What a selector finds.
#[derive(Clone, Debug, Default)]
pub(super) struct Selection {
    /// The matching Nodes by name that run on an EC2 instance.
    pub(super) nodes: BTreeMap<String, Node>,
    /// Why the view cannot be trusted to shrink a set.
    pub(super) suspicion: Option<String>,
}

impl NodeView {
    /// Takes in an event of the watch. `true`: something changed that targets may depend on.
    pub fn take(&self, event: &Event<KubeNode>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A list that merely begins, or is under way, proves nothing yet.
        if !matches!(event, Event::Init | Event::InitApply(_)) {
            state.failure = None;
        }
        match event {
            Event::Init => {
                state.listing = Some(BTreeMap::new());
                false
            }
            Event::InitApply(node) => {
                if let Some(listing) = &mut state.listing {
                    listing.insert(node.name_any(), Node::read(node));
                }
                false
            }
            Event::InitDone => {
                let listed = state.listing.take().unwrap_or_default();
                let changed = !state.synced || listed != state.nodes;
                state.nodes = listed;
                state.synced = true;
                self.synced.notify_waiters();
                changed
            }
            Event::Apply(node) => {
                let node_read = Node::read(node);
                state.nodes.insert(node.name_any(), node_read.clone()) != Some(node_read)
            }
            Event::Delete(node) => state.nodes.remove(&node.name_any()).is_some(),
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

    /// The Nodes that a selector matches, and whether the view can be trusted.
    pub(super) fn select(&self, selector: &Selector, now: Instant) -> Selection {
        self.settle(now);
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let nodes: BTreeMap<String, Node> = state
            .nodes
            .iter()
            .filter(|(_, node)| node.instance.is_some() && !node.labels.contains_key(EXCLUDE_LABEL))
            .filter(|(_, node)| selector.matches(&node.labels))
            .map(|(name, node)| (name.clone(), node.clone()))
            .collect();
        let suspicion = if !state.synced {
            Some("the Nodes have not been listed yet".to_owned())
        } else if let Some(failure) = &state.failure {
            Some(format!("the Nodes cannot be watched: {failure}"))
        } else if state.nodes.is_empty() {
            Some("the cluster has no Nodes at all".to_owned())
        } else if state.suspect_since.is_some() {
            Some(format!(
                "the cluster went from {} to {} Nodes at once",
                state.believed,
                state.nodes.len()
            ))
        } else {
            None
        };
        Selection { nodes, suspicion }
    }
}

impl Node {
    fn read(node: &KubeNode) -> Self {
        let labels = node.labels().clone();
        let id = node
            .spec
            .as_ref()
            .and_then(|spec| spec.provider_id.as_deref())
            .and_then(provider_id::parse);
        let zone = id
            .as_ref()
            .and_then(|id| id.zone.clone())
            .or_else(|| labels.get(ZONE_LABEL).cloned());
        Self {
            labels,
            instance: id.map(|id| id.instance),
            zone,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str, labels: &[(&str, &str)]) -> KubeNode {
        let labels: BTreeMap<_, _> = labels.iter().map(|(k, v)| (*k, *v)).collect();
        serde_json::from_value(serde_json::json!({
            "metadata": {"name": name, "labels": labels},
            "spec": {"providerID": format!("aws:///us-east-1a/i-{:08x}", name.len())},
        }))
        .expect("a node")
    }

    fn view(count: usize) -> NodeView {
        let view = NodeView::default();
        view.take(&Event::Init);
        for index in 0..count {
            view.take(&Event::InitApply(node(&format!("node-{index}"), &[("role", "web")])));
        }
        view.take(&Event::InitDone);
        view.settle(Instant::now());
        view
    }

    fn everything() -> Selector {
        Selector::default()
    }

    #[test]
    fn a_view_that_was_never_listed_is_suspicious() {
        assert!(
            NodeView::default()
                .select(&everything(), Instant::now())
                .suspicion
                .is_some()
        );
        assert!(view(1).select(&everything(), Instant::now()).suspicion.is_none());
    }

    #[test]
    fn no_nodes_at_all_are_suspicious_for_ever() {
        let view = view(0);
        let later = Instant::now() + BELIEVED_AFTER * 2;
        assert!(view.select(&everything(), later).suspicion.is_some());
    }

    #[test]
    fn losing_half_is_believed_and_losing_more_is_not_until_it_lasts() {
        let now = Instant::now();
        let view = view(4);
        for index in 0..2 {
            view.take(&Event::Delete(node(&format!("node-{index}"), &[])));
        }
        assert!(view.select(&everything(), now).suspicion.is_none(), "half of four");
        let view = super::tests::view(4);
        for index in 0..3 {
            view.take(&Event::Delete(node(&format!("node-{index}"), &[])));
        }
        assert!(view.select(&everything(), now).suspicion.is_some(), "three of four");
        assert!(view.select(&everything(), now + BELIEVED_AFTER / 2).suspicion.is_some());
        assert!(view.select(&everything(), now + BELIEVED_AFTER * 2).suspicion.is_none());
    }

    #[test]
    fn nodes_that_vanish_one_after_the_other_vanish_together() {
        let (now, view) = (Instant::now(), view(8));
        let mut at = now;
        for index in 0..5 {
            view.take(&Event::Delete(node(&format!("node-{index}"), &[])));
            at += Duration::from_millis(200);
            let suspicion = view.select(&everything(), at).suspicion;
            assert_eq!(suspicion.is_some(), index >= 4, "{index}: {suspicion:?}");
        }
    }

    #[test]
    fn nodes_that_leave_in_their_own_time_are_believed() {
        let (mut at, view) = (Instant::now(), view(8));
        for index in 0..7 {
            at += Duration::from_secs(5);
            view.select(&everything(), at);
            view.take(&Event::Delete(node(&format!("node-{index}"), &[])));
            assert!(
                view.select(&everything(), at).suspicion.is_none() || index == 6,
                "{index}"
            );
        }
    }

    #[test]
    fn a_view_that_recovers_is_trusted_at_once() {
        let view = view(4);
        for index in 0..3 {
            view.take(&Event::Delete(node(&format!("node-{index}"), &[])));
        }
        assert!(view.select(&everything(), Instant::now()).suspicion.is_some());
        view.take(&Event::Apply(node("node-0", &[])));
        assert!(view.select(&everything(), Instant::now()).suspicion.is_none());
    }

    #[test]
    fn a_failed_watch_is_suspicious_until_it_goes_on() {
        let view = view(2);
        view.fail("forbidden".into());
        assert!(view.select(&everything(), Instant::now()).suspicion.is_some());
        view.recover();
        assert!(view.select(&everything(), Instant::now()).suspicion.is_none());
    }

    #[test]
    fn excluded_nodes_are_no_targets() {
        let view = view(1);
        view.take(&Event::Apply(node("other", &[(EXCLUDE_LABEL, "")])));
        assert_eq!(view.select(&everything(), Instant::now()).nodes.len(), 1);
    }

    #[test]
    fn status_updates_of_nodes_change_nothing() {
        let view = view(1);
        assert!(!view.take(&Event::Apply(node("node-0", &[("role", "web")]))));
        assert!(view.take(&Event::Apply(node("node-0", &[("role", "db")]))));
    }
}
