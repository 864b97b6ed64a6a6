//! Pure: one Node as a target of one object, for whoever asks why it is none.

use k8s_openapi::api::core::v1::Node as KubeNode;
use k8s_openapi::jiff::Timestamp;

use super::nodes::{EXCLUDE_LABEL, Node, NodeDraining, NodePolicy, taint};
use super::selector::Labels;
use crate::api::ClassicLoadBalancerSpec;
use crate::elb::InstanceId;

/// What the operator sees in a Node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The instance that it runs on; `None` for Nodes that are no EC2 instance.
    pub instance: Option<InstanceId>,
    /// Its zone.
    pub zone: Option<String>,
    /// Whether `targets.nodeSelector` matches its labels; `None`: there is no selector.
    pub matched: Option<bool>,
    /// The label that keeps it from ever being a target, where it has that.
    pub excluded_by: Option<&'static str>,
    /// Since when it is not ready.
    pub not_ready_since: Option<Timestamp>,
    /// Whether it is cordoned.
    pub cordoned: bool,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// The taint by which it is about to go.
    pub leaves_by: Option<String>,
    /// Whether `registration` lets a Node in this state be a target.
    pub admitted: bool,
}

/// A Node as an operator sees it that sees it for the first time.
pub fn standing(node: &KubeNode, spec: &ClassicLoadBalancerSpec, now: Timestamp) -> Standing {
    let read = Node::read(node, None, now);
    let selector = spec.targets.as_ref().and_then(|targets| targets.node_selector.as_ref());
    let matches = |selector| Labels::of(selector).is_ok_and(|selector| selector.matches(&read.labels));
    let (admitted, _) = NodePolicy::of(spec.registration.as_ref(), NodeDraining::None).admits(&read, now);
    Standing {
        matched: selector.map(matches),
        excluded_by: read.labels.contains_key(EXCLUDE_LABEL).then_some(EXCLUDE_LABEL),
        not_ready_since: read.not_ready_since,
        cordoned: read.cordoned,
        deleting: read.deleting,
        leaves_by: taint(node).map(ToOwned::to_owned),
        admitted,
        instance: read.instance,
        zone: read.zone,
    }
}
