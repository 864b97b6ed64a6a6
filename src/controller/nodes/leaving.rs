//! Pure: what says of a Node that it is about to go, and what we tell those who take it away.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Node as KubeNode;
use kube::ResourceExt as _;

use crate::api::DRAIN_PREFIX;

/// Nodes that carry this label, with any value, never become targets.
pub(in crate::controller) const EXCLUDE_LABEL: &str = "node.kubernetes.io/exclude-from-external-load-balancers";
/// The cluster autoscaler does not take a Node away while there is an annotation of this prefix, for a while.
const DELAY_PREFIX: &str = "delay-deletion.cluster-autoscaler.kubernetes.io/";
/// The taints of a Node that is about to go: of the cluster autoscaler, of Karpenter, and of whoever knows that a machine is
/// shut down.
const TAINTS: [&str; 3] = [
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "node.kubernetes.io/out-of-service",
];
/// The taints of the AWS Node Termination Handler, one for each event of EC2.
const TERMINATION_HANDLER: &str = "aws-node-termination-handler/";

/// What is done with Nodes that are about to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NodeDraining {
    /// Those that are being deleted, or labelled, are no targets.
    #[default]
    None,
    /// Those that a taint announces are none either, and each Node is told how far it has drained.
    Tell,
    /// The cluster autoscaler is also made to wait for that.
    Delay,
}

impl NodeDraining {
    /// Whether Nodes are told.
    pub fn is_on(self) -> bool {
        self != Self::None
    }

    /// As the flag has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tell => "tell",
            Self::Delay => "delay",
        }
    }
}

/// What says that a Node is about to go.
pub(in crate::controller) fn sign(node: &KubeNode) -> Option<&str> {
    if node.metadata.deletion_timestamp.is_some() {
        return Some("metadata.deletionTimestamp");
    }
    if node.labels().contains_key(EXCLUDE_LABEL) {
        return Some(EXCLUDE_LABEL);
    }
    taint(node)
}

/// The taint by which a Node is about to go.
pub(in crate::controller) fn taint(node: &KubeNode) -> Option<&str> {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    let mut keys = taints.map(|taint| taint.key.as_str());
    keys.find(|key| TAINTS.contains(key) || key.starts_with(TERMINATION_HANDLER))
}

/// How far a Node that is about to go has drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::controller) enum Drain {
    /// A load balancer still sends new connections.
    Registered,
    /// It finishes those that there are.
    Draining,
    /// Nothing is left to wait for: no load balancer has it, or those that do keep it whatever becomes of its Node.
    Done,
}

impl Drain {
    /// As a Node is told.
    pub(in crate::controller) fn as_str(self) -> &'static str {
        match self {
            Self::Registered => "Registered",
            Self::Draining => "Draining",
            Self::Done => "Done",
        }
    }
}

/// What a Node is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Told {
    /// Which Node it is: a name can be taken again.
    pub(in crate::controller) uid: Option<String>,
    /// How far it has drained, where it is about to go.
    pub(in crate::controller) drain: Option<String>,
    /// Whether the cluster autoscaler waits.
    pub(in crate::controller) delays: bool,
}

/// The annotations by which Nodes are told. Each operator of a cluster has its own, so that none takes back what another
/// says.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Annotations {
    drain: String,
    delay: String,
}

impl Annotations {
    /// Those of the operator that holds this Lease.
    pub(super) fn of(lease: &str) -> Self {
        Self {
            drain: format!("{DRAIN_PREFIX}{lease}"),
            delay: format!("{DELAY_PREFIX}{lease}"),
        }
    }

    /// What a Node was told.
    pub(super) fn read(&self, node: &KubeNode) -> Told {
        Told {
            uid: node.metadata.uid.clone(),
            drain: node.annotations().get(&self.drain).cloned(),
            delays: node.annotations().contains_key(&self.delay),
        }
    }

    /// The annotations to change, where a Node shall be told one thing in place of another.
    pub(in crate::controller) fn changes(&self, before: &Told, after: &Told) -> BTreeMap<String, Option<String>> {
        let mut changes = BTreeMap::new();
        if after.drain != before.drain {
            changes.insert(self.drain.clone(), after.drain.clone());
        }
        if after.delays != before.delays {
            let value = after.delays.then(|| Drain::Registered.as_str().to_owned());
            changes.insert(self.delay.clone(), value);
        }
        changes
    }
}
