//! What a user declares.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::ClassicLoadBalancerStatus;

/// What the AWS Classic Elastic Load Balancer shall be.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "classiclb.dev",
    version = "v1alpha1",
    kind = "ClassicLoadBalancer",
    plural = "classicloadbalancers",
    shortname = "clb",
    category = "classiclb",
    namespaced,
    status = "ClassicLoadBalancerStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An AWS Classic Elastic Load Balancer, kept as declared.",
    selectable = ".spec.loadBalancerName",
    selectable = ".spec.scheme",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "DNS", type_ = "string", json_path = ".status.dnsName"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.instances.summary"),
    printcolumn(name = "Scheme", type_ = "string", json_path = ".spec.scheme"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "AWS Name", type_ = "string", json_path = ".status.loadBalancerName", priority = 1),
    printcolumn(name = "VPC", type_ = "string", json_path = ".status.vpcId", priority = 1),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region cannot be changed, added or removed"),
    validation = Rule::new("has(self.loadBalancerName) == has(oldSelf.loadBalancerName) && (!has(self.loadBalancerName) || self.loadBalancerName == oldSelf.loadBalancerName)")
        .message("loadBalancerName cannot be changed, added or removed"),
    validation = Rule::new("has(self.availabilityZones) != has(self.subnets)")
        .message("exactly one of availabilityZones and subnets must be given"),
    validation = Rule::new("has(self.availabilityZones) == has(oldSelf.availabilityZones)")
        .message("availabilityZones cannot be changed to subnets, nor subnets to availabilityZones"),
    validation = Rule::new("self.listeners.all(a, self.listeners.all(b, a.instancePort != b.instancePort || (has(a.instanceProtocol) && a.instanceProtocol in ['HTTPS', 'SSL']) == (has(b.instanceProtocol) && b.instanceProtocol in ['HTTPS', 'SSL'])))")
        .message("listeners that share an instancePort must agree: instanceProtocol either HTTPS or SSL on all of them, or on none"),
)]
pub struct ClassicLoadBalancerSpec {
    /// The AWS region of the balancer. Default: the region the operator runs with. It cannot be changed, added or
    /// removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$')").message("region must be the name of an AWS region, such as us-east-1"))]
    #[schemars(length(max = 32))]
    pub region: Option<String>,

    /// The name of the balancer in AWS, unique among the Classic balancers of the account and region. Default: made
    /// from the namespace and name of the object and a hash. It cannot be changed, added or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$')").message("loadBalancerName must consist of letters, digits and hyphens, with no hyphen at its ends"))]
    #[schemars(length(min = 1, max = 32))]
    pub load_balancer_name: Option<String>,

    /// `internet-facing` (default) or `internal`. It cannot be changed later: AWS would give another DNS name.
    #[serde(default)]
    #[x_kube(validation = Rule::new("self == oldSelf").message("scheme cannot be changed"))]
    pub scheme: Scheme,

    /// The Availability Zones to serve, through the default subnets of the default VPC. Either this or `subnets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = "^[a-z0-9][a-z0-9-]+[a-z]$"))
    )]
    pub availability_zones: Option<Vec<String>>,

    /// The ids of the subnets to attach, at most one for each Availability Zone. Either this or `availabilityZones`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = "^subnet-[0-9a-f]{8,17}$"))
    )]
    pub subnets: Option<Vec<String>>,

    /// The ids of the security groups of the balancer, exactly these. Default: the groups that AWS chose at creation.
    /// Removed later, the groups stay as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = "^sg-[0-9a-f]{8,17}$"))
    )]
    pub security_groups: Option<Vec<String>>,

    /// The listeners: what the balancer accepts on which port, and where it sends it.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into()]))]
    #[schemars(length(min = 1, max = 100))]
    pub listeners: Vec<Listener>,

    /// How the balancer finds out which instances are well. Absent at creation: a TCP check of the instance port of
    /// the listener with the lowest port. Absent later: left as AWS has it. Removed: back to that default, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheck>,

    /// The instances to register: the union of all sources named here, and no other instance. Absent: instances are
    /// not touched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,

    /// Tags of the balancer. Keys that this object never set are left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"),
        validation = Rule::new("self.all(k, !k.lowerAscii().startsWith('aws:') && !k.startsWith('classiclb.dev/'))").message("keys of tags must not start with aws: or classiclb.dev/, which are reserved"),
        validation = Rule::new("self.all(k, k.matches('^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$') && self[k].matches('^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$'))").message("tags may hold letters, digits, spaces and _ . : / = + - @ only"),
    )]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: Option<BTreeMap<String, String>>,

    /// What happens to the balancer when this object is deleted: `Delete` removes it, `Retain` leaves it and removes
    /// only the operator's own tags. Default: `Delete` for a balancer that the operator created.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// What happens when the balancer was deleted in AWS behind the operator's back: `Never` (default) reports it as
    /// lost, `Always` makes a new one, which gets another DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recreate_policy: Option<RecreatePolicy>,

    /// How far the operator goes: `Full` (default) keeps the balancer as declared, `Suspended` does nothing at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
}

/// Whether the balancer has public addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Scheme {
    /// Public addresses.
    #[default]
    #[serde(rename = "internet-facing")]
    InternetFacing,
    /// Private addresses only.
    #[serde(rename = "internal")]
    Internal,
}

/// HTTP, HTTPS, TCP or SSL. Left out as `instanceProtocol`, it is that of `protocol`, where that is HTTP or TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Protocol {
    /// HTTP, read by the balancer.
    Http,
    /// HTTP over TLS.
    Https,
    /// A byte stream.
    Tcp,
    /// A byte stream over TLS.
    Ssl,
}

/// What the balancer accepts on one port.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.certificate) || self.protocol in ['HTTPS', 'SSL']")
        .message("certificate is allowed only where protocol is HTTPS or SSL"),
    validation = Rule::new("has(self.certificate) || !(self.protocol in ['HTTPS', 'SSL'])")
        .message("certificate is required where protocol is HTTPS or SSL"),
    validation = Rule::new("has(self.instanceProtocol) || !(self.protocol in ['HTTPS', 'SSL'])")
        .message("instanceProtocol is required where protocol is HTTPS or SSL"),
    validation = Rule::new("!has(self.instanceProtocol) || (self.protocol in ['HTTP', 'HTTPS']) == (self.instanceProtocol in ['HTTP', 'HTTPS'])")
        .message("instanceProtocol must be of the same layer as protocol: HTTP or HTTPS with HTTP or HTTPS, TCP or SSL with TCP or SSL"),
)]
pub struct Listener {
    /// The port clients connect to, 1-65535. Unique among the listeners.
    #[schemars(range(min = 1, max = 65535))]
    pub port: i32,
    /// The protocol clients speak: HTTP, HTTPS, TCP or SSL.
    pub protocol: Protocol,
    /// The port on the instances, 1-65535.
    #[schemars(range(min = 1, max = 65535))]
    pub instance_port: i32,
    /// The protocol instances speak: HTTP, HTTPS, TCP or SSL. Default: as `protocol`, where that is HTTP or TCP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_protocol: Option<Protocol>,
    /// The server certificate, for HTTPS and SSL only. Changed alone, it is replaced without touching the listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// Where a server certificate is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Certificate {
    /// The ARN of a certificate in ACM (of the balancer's region) or of an IAM server certificate.
    #[x_kube(validation = Rule::new("self.matches('^arn:[a-z0-9-]+:(acm|iam):[a-z0-9-]*:[0-9]{12}:(certificate|server-certificate)/.+$')").message("certificate.arn must be the ARN of an ACM certificate or of an IAM server certificate"))]
    #[schemars(length(min = 20, max = 2048))]
    pub arn: String,
}

/// How the balancer finds out which instances are well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(has(self.timeoutSeconds) ? self.timeoutSeconds : 5) < (has(self.intervalSeconds) ? self.intervalSeconds : 30)").message("timeoutSeconds (default 5) must be less than intervalSeconds (default 30)"))]
pub struct HealthCheck {
    /// What to ask each instance: `TCP:port`, `SSL:port`, `HTTP:port/path` or `HTTPS:port/path`. Default: a TCP check
    /// of the instance port of the listener with the lowest port.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^((TCP|SSL):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])|(HTTP|HTTPS):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])/[!-~]*)$')").message("target must be TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path, with a port from 1 to 65535 and a path of printable ASCII without spaces"))]
    #[schemars(length(max = 1024))]
    pub target: Option<String>,
    /// Seconds between two checks of an instance, 5-300. Default 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 300))]
    pub interval_seconds: Option<i32>,
    /// Seconds to wait for an answer, 2-60 and less than the interval. Default 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 60))]
    pub timeout_seconds: Option<i32>,
    /// Failed checks in a row that take an instance out of service, 2-10. Default 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub unhealthy_threshold: Option<i32>,
    /// Passed checks in a row that put an instance in service, 2-10. Default 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 10))]
    pub healthy_threshold: Option<i32>,
}

/// The instances to register.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Targets {
    /// Ids of EC2 instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 1000), inner(length(max = 32), regex(pattern = "^i-[0-9a-f]{8,17}$")))]
    pub instance_ids: Option<Vec<String>>,
    /// Nodes of this cluster, by label; an empty selector means every node. The instance is taken from the node's
    /// `spec.providerID`. Nodes labelled `node.kubernetes.io/exclude-from-external-load-balancers` are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_selector: Option<LabelSelector>,
    /// Auto Scaling groups of the balancer's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    #[schemars(length(max = 50))]
    pub auto_scaling_groups: Option<Vec<AutoScalingGroupTarget>>,
}

/// An Auto Scaling group whose instances are targets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AutoScalingGroupTarget {
    /// The name of the group.
    #[schemars(length(min = 1, max = 255))]
    pub name: String,
    /// `Attach` (default): the balancer is attached to the group, which then registers its own instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<AutoScalingGroupMode>,
}

/// How the group becomes a target. `Attach` (default): the balancer is attached to the group, which then registers its
/// own instances.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AutoScalingGroupMode {
    /// Attach the balancer to the group.
    #[default]
    Attach,
}

/// A selector over labels, as in Kubernetes: all its requirements must hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct LabelSelector {
    /// Labels that must have exactly these values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.all(k, k.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$') && self[k].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))").message("keys and values of matchLabels must be those of labels: letters, digits, - _ . with a letter or digit at both ends, and a key may begin with a domain and /"))]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Requirements on labels.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
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

/// What happens to the balancer when this object is deleted: `Delete` removes it, `Retain` leaves it and removes only the
/// operator's own tags. Default: `Delete` for a balancer that the operator created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Delete the balancer.
    Delete,
    /// Leave it, without the operator's own tags.
    Retain,
}

/// What happens when the balancer was deleted in AWS behind the operator's back: `Never` (default) reports it as lost,
/// `Always` makes a new one, which gets another DNS name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecreatePolicy {
    /// Report it as lost.
    #[default]
    Never,
    /// Create a new one.
    Always,
}

/// How far the operator goes: `Full` (default) keeps the balancer as declared, `Suspended` does nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// Keep the balancer as declared.
    #[default]
    Full,
    /// Do nothing.
    Suspended,
}
