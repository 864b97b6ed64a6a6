//! Instances, and how they are registered.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::empty::{absent_if_empty, empty_if_null};

/// The instances to register.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
// Applied as a whole: server-side apply turns a struct whose members go one by one into null, and empty is a wish here.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct Targets {
    /// Ids of EC2 instances.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 1000), inner(length(max = 32), regex(pattern = "^i-[0-9a-f]{8,17}$")))]
    pub instance_ids: Option<Vec<String>>,
    /// Nodes of this cluster, by label; an empty selector means every node. The instance is taken from the node's
    /// `spec.providerID`. Nodes labelled `node.kubernetes.io/exclude-from-external-load-balancers` are left out, and with
    /// the operator's flag `--node-draining` those that a taint says are about to go.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    pub node_selector: Option<LabelSelector>,
    /// EC2 instances of the load balancer's region by their tags: those that run and match any entry.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 10))]
    pub instance_tags: Option<Vec<InstanceTags>>,
    /// Auto Scaling groups of the load balancer's region.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 50))]
    pub auto_scaling_groups: Option<Vec<AutoScalingGroupTarget>>,
}

/// EC2 instances by their tags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceTags {
    /// Tags that an instance must have, all of them with exactly these values.
    #[x_kube(validation = Rule::new("size(self) > 0 && self.all(k, size(k) >= 1 && size(k) <= 128)").message("tags must name at least one tag, with a key of 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 20, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: BTreeMap<String, String>,
    /// The id of the VPC that the instance must be in. Default: the load balancer's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = "^vpc-[0-9a-f]{8,17}$"))]
    pub vpc_id: Option<String>,
}

/// An Auto Scaling group whose instances are targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoScalingGroupTarget {
    /// The name of the group.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// `Attach` (default): the load balancer is attached to the group, which then registers its own instances.
    /// `Resolve`: the operator registers those instances of the group that are in service, and leaves the group as it
    /// is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AutoScalingGroupMode>,
}

/// How the group becomes a target. `Attach` (default): the load balancer is attached to the group, which then registers
/// its own instances. `Resolve`: the operator registers the instances of the group that are in service. From `Attach`
/// to `Resolve` AWS deregisters the instances of the group as it is detached; they are registered again at once and
/// serve when they have passed the health check, so have others in service meanwhile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutoScalingGroupMode {
    /// Attach the load balancer to the group.
    #[default]
    Attach,
    /// Register its instances, and leave the group as it is.
    Resolve,
}

/// A selector over labels, as in Kubernetes: all its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$') && self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))").message("keys and values of matchLabels must be those of labels: letters, digits, - _ . with a letter or digit at both ends, and a key may begin with a domain and /"))]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Requirements on labels.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(max = 40))]
    pub match_expressions: Option<Vec<LabelSelectorRequirement>>,
}

/// One requirement on a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.operator in ['In', 'NotIn']) == (has(self.values) && size(self.values) > 0)").message("values must be given with operator In or NotIn, and with no other"))]
pub struct LabelSelectorRequirement {
    /// The key of the label.
    #[x_kube(validation = Rule::new("self.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')").message("key must be that of a label: letters, digits, - _ . with a letter or digit at both ends, and a domain and / before it where there is one"))]
    #[schemars(length(min = 1, max = 317))]
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: LabelSelectorOperator,
    /// The values for `In` and `NotIn`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = Rule::new("self.all(v, v.matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))").message("values must be those of labels: letters, digits, - _ . with a letter or digit at both ends"))]
    #[schemars(length(max = 40), inner(length(max = 63)))]
    pub values: Option<Vec<String>>,
}

/// How a requirement compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum LabelSelectorOperator {
    /// The label has one of the values.
    In,
    /// The label is absent or has none of the values.
    NotIn,
    /// The label is there.
    Exists,
    /// The label is not there.
    DoesNotExist,
}

/// How instances are registered and deregistered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.notReadyGraceSeconds) || (has(self.notReadyNodes) && self.notReadyNodes == 'RemoveAfter')").message("notReadyGraceSeconds is for notReadyNodes RemoveAfter only: take it out, or set notReadyNodes: RemoveAfter").field_path(".notReadyGraceSeconds").reason(Reason::FieldValueForbidden))]
pub struct Registration {
    /// `Exclusive` (default): the load balancer has exactly the targets, and members of attached Auto Scaling groups.
    /// `Additive`: instances that others registered stay; only those are deregistered that this object registered since
    /// `Additive` was set. So what was registered before stays, also where it is no target any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<RegistrationMode>,
    /// What becomes of instances whose Node is not ready. `Keep` (default) leaves them to the health check; `Remove`
    /// deregisters them; `RemoveAfter` does so after `notReadyGraceSeconds`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_ready_nodes: Option<NotReadyNodes>,
    /// With `notReadyNodes: RemoveAfter`: for how many seconds a Node may be not ready, 0-86400. Default 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86_400))]
    pub not_ready_grace_seconds: Option<i32>,
    /// What becomes of instances whose Node is cordoned. `Keep` (default) leaves them; `Remove` deregisters them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cordoned_nodes: Option<CordonedNodes>,
    /// How many percent of the registered instances may be deregistered at once, 1-100, but always at least one, where
    /// nodes, tags or groups ask for it. The next ones follow when those have drained. Ids taken out of `instanceIds`
    /// are not counted, nor Nodes that are about to go (the operator's flag `--node-draining`). Default 34.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub max_deregister_percent: Option<i32>,
    /// How many instances must stay in service when nodes, tags or groups ask to deregister others, 0-1000. 0 lets the
    /// load balancer run empty. Default 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_in_service: Option<i32>,
}

/// What becomes of registered instances that are no targets. `Exclusive` (default) deregisters them; `Additive` leaves
/// those that others registered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RegistrationMode {
    /// Exactly the targets.
    #[default]
    Exclusive,
    /// The targets, beside what others registered.
    Additive,
}

/// What becomes of instances whose Node is not ready: `Keep` (default), `Remove` or `RemoveAfter`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NotReadyNodes {
    /// Leave them to the health check.
    #[default]
    Keep,
    /// Deregister them.
    Remove,
    /// Deregister them after a while.
    RemoveAfter,
}

/// What becomes of instances whose Node is cordoned: `Keep` (default) or `Remove`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CordonedNodes {
    /// Leave them.
    #[default]
    Keep,
    /// Deregister them.
    Remove,
}
