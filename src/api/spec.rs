//! What a user declares.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::empty::{absent_if_empty, empty_if_null};
use super::status::ClassicLoadBalancerStatus;

mod attributes;
pub(super) mod empty;
mod health_check;
mod listeners;
mod placement;
mod targets;

pub use attributes::{AccessLog, Attributes, ConnectionDraining, DesyncMitigationMode};
pub use health_check::{CheckProtocol, HealthCheck};
pub use listeners::{
    ApplicationCookie, Backend, Certificate, ConfigMapKeyRef, CustomSslPolicy, InstancePortFrom, Listener,
    LoadBalancerCookie, Protocol, PublicKey, SslPolicy, Stickiness,
};
pub use placement::{SecurityGroupSelector, SubnetRole, SubnetSelector};
pub use targets::{
    AutoScalingGroupMode, AutoScalingGroupTarget, CordonedNodes, InstanceTags, LabelSelector, LabelSelectorOperator,
    LabelSelectorRequirement, NotReadyNodes, Registration, RegistrationMode, Targets,
};

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
    selectable = ".spec.region",
    selectable = ".spec.accountRef.name",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "DNS", type_ = "string", json_path = ".status.dnsName"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.instances.summary"),
    printcolumn(name = "Scheme", type_ = "string", json_path = ".spec.scheme"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "AWS Name", type_ = "string", json_path = ".status.loadBalancerName", priority = 1),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "VPC", type_ = "string", json_path = ".status.vpcId", priority = 1),
    printcolumn(name = "Management", type_ = "string", json_path = ".spec.management", priority = 1),
    printcolumn(name = "Plan", type_ = "integer", json_path = ".status.plannedCalls", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region cannot be changed, added or removed: a load balancer stays in its region. Make another object for the other region, and delete this one when nothing uses it any more").field_path(".region").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef.name == oldSelf.accountRef.name)")
        .message("accountRef cannot be changed, added or removed: a load balancer stays in its account. Make another object for the other account, and delete this one when nothing uses it any more").field_path(".accountRef").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.replacement) || (has(self.loadBalancerName) == has(oldSelf.loadBalancerName) && (!has(self.loadBalancerName) || self.loadBalancerName == oldSelf.loadBalancerName))")
        .message("loadBalancerName cannot be changed, added or removed: AWS renames no load balancer. With replacement: BlueGreen another one takes its place; or make another object with the new name, and delete this one when nothing uses it any more; with deletionPolicy: Retain its load balancer stays").field_path(".loadBalancerName").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.replacement) || self.scheme == oldSelf.scheme")
        .message("scheme cannot be changed: AWS would need another load balancer, with another DNS name. With replacement: BlueGreen another one takes its place; or make another object with the other scheme, and delete this one when nothing uses its DNS name any more").field_path(".scheme").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.availabilityZones) || has(self.subnets) || has(self.subnetSelector)")
        .message("exactly one of availabilityZones, subnets and subnetSelector must be given: name the zones, or the subnets").field_path(".availabilityZones").reason(Reason::FieldValueRequired),
    validation = Rule::new("!has(self.subnets) || !has(self.availabilityZones)")
        .message("exactly one of availabilityZones, subnets and subnetSelector must be given: take the others out").field_path(".subnets").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.subnetSelector) || (!has(self.availabilityZones) && !has(self.subnets))")
        .message("exactly one of availabilityZones, subnets and subnetSelector must be given: take the others out").field_path(".subnetSelector").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.replacement) || has(self.availabilityZones) == has(oldSelf.availabilityZones)")
        .message("availabilityZones cannot be changed to subnets or subnetSelector, nor these to availabilityZones: the load balancer would have to move to another VPC. With replacement: BlueGreen another one takes its place where that is so; or set back what was given, or make another object placed the other way").field_path(".availabilityZones").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.securityGroups) || size(self.securityGroups) == 0 || !has(self.securityGroupSelector) || (!has(self.securityGroupSelector.names) && !has(self.securityGroupSelector.tags))")
        .message("only one of securityGroups and securityGroupSelector can be given: take the other out").field_path(".securityGroupSelector").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.allowTemporarySubnet) || !has(self.availabilityZones)")
        .message("allowTemporarySubnet is for subnets and subnetSelector only: take it out").field_path(".allowTemporarySubnet").reason(Reason::FieldValueForbidden),
    validation = Rule::new("self.listeners.all(a, self.listeners.all(b, !has(a.instancePort) || !has(b.instancePort) || a.instancePort != b.instancePort || (has(a.instanceProtocol) && a.instanceProtocol in ['HTTPS', 'SSL']) == (has(b.instanceProtocol) && b.instanceProtocol in ['HTTPS', 'SSL'])))")
        .message("listeners that share an instancePort must agree: instanceProtocol either HTTPS or SSL on all of them, or on none").field_path(".listeners"),
    validation = Rule::new("!has(self.backends) || self.listeners.exists(l, has(l.instancePortFrom)) || self.backends.all(b, self.listeners.exists(l, has(l.instancePort) && l.instancePort == b.instancePort))")
        .message("backends must name an instancePort that a listener uses: correct it, or add the listener").field_path(".backends"),
    validation = Rule::new("!has(self.backends) || self.backends.all(b, !has(b.proxyProtocol) || !b.proxyProtocol || self.listeners.all(l, !has(l.instancePort) || l.instancePort != b.instancePort || l.protocol in ['TCP', 'SSL']))")
        .message("backends can have proxyProtocol only behind listeners with protocol TCP or SSL: take it out, or change the protocol of the listeners").field_path(".backends").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.backends) || self.backends.all(b, !has(b.publicKeys) || size(b.publicKeys) == 0 || self.listeners.all(l, !has(l.instancePort) || l.instancePort != b.instancePort || (has(l.instanceProtocol) && l.instanceProtocol in ['HTTPS', 'SSL'])))")
        .message("backends can have publicKeys only behind listeners with instanceProtocol HTTPS or SSL: take them out, or change the instanceProtocol of the listeners").field_path(".backends").reason(Reason::FieldValueForbidden),
)]
pub struct ClassicLoadBalancerSpec {
    /// The AWS region of the load balancer. Default: the region the operator runs with. It cannot be changed, added or
    /// removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$')").message("region must be the name of an AWS region, such as us-east-1"))]
    #[schemars(length(max = 32))]
    pub region: Option<String>,

    /// The `AWSAccount` that the load balancer is in. Default: the account of the operator's own identity. It cannot be
    /// changed, added or removed later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_ref: Option<AccountRef>,

    /// The name of the load balancer in AWS, unique among the Classic load balancers of the account and region.
    /// Default: made from the namespace and name of the object and a hash. Changed, added or removed later only
    /// with `replacement: BlueGreen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$')").message("loadBalancerName must consist of letters, digits and hyphens, with no hyphen at its ends"))]
    #[schemars(length(min = 1, max = 32))]
    pub load_balancer_name: Option<String>,

    /// `internet-facing` (default) or `internal`. Changed later only with `replacement: BlueGreen`: the load balancer of
    /// the other scheme has another DNS name.
    #[serde(default)]
    pub scheme: Scheme,

    /// The Availability Zones to serve, through the default subnets of the default VPC. Exactly one of this, `subnets`
    /// and `subnetSelector`. Changed to one of these, or these to it, only with `replacement: BlueGreen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = "^[a-z0-9][a-z0-9-]+[a-z]$"))
    )]
    pub availability_zones: Option<Vec<String>>,

    /// The ids of the subnets to attach, at most one for each Availability Zone. Exactly one of this,
    /// `availabilityZones` and `subnetSelector`. Those of another VPC only with `replacement: BlueGreen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(min = 1, max = 20),
        inner(length(max = 32), regex(pattern = "^subnet-[0-9a-f]{8,17}$"))
    )]
    pub subnets: Option<Vec<String>>,

    /// Finds the subnets to attach, one for each Availability Zone. Exactly one of this, `availabilityZones` and
    /// `subnets`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_selector: Option<SubnetSelector>,

    /// Whether a load balancer in one Availability Zone may use a subnet of another zone for a moment, to exchange its
    /// only subnet for another one of the same zone. AWS has no other way to do that. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_temporary_subnet: Option<bool>,

    /// The ids of the security groups of the load balancer, exactly these. Default: the groups that AWS chose at
    /// creation. Removed later, the groups stay as they are.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 20), inner(length(max = 32), regex(pattern = "^sg-[0-9a-f]{8,17}$")))]
    pub security_groups: Option<Vec<String>>,

    /// Finds the security groups of the load balancer. Not together with `securityGroups`.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub security_group_selector: Option<SecurityGroupSelector>,

    /// The listeners: what the load balancer accepts on which port, and where it sends it.
    #[x_kube(merge_strategy = ListMerge::Map(vec!["port".into()]))]
    #[schemars(length(min = 1, max = 100))]
    pub listeners: Vec<Listener>,

    /// What holds for a port of the instances, whichever listener sends to it.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["instancePort".into()]))]
    #[schemars(length(max = 100))]
    pub backends: Option<Vec<Backend>>,

    /// How the load balancer finds out which instances are well. Absent at creation: a TCP check of the instance port
    /// of the listener with the lowest port. Absent later: left as AWS has it. Removed: back to that default, once.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub health_check: Option<HealthCheck>,

    /// Attributes of the load balancer, each on its own. Absent: left as AWS has it. Removed: back to AWS's default,
    /// once.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub attributes: Option<Attributes>,

    /// The instances to register: the union of all sources named here, and no other instance. Absent: instances are
    /// not touched.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    pub targets: Option<Targets>,

    /// How instances are registered and deregistered.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub registration: Option<Registration>,

    /// Tags of the load balancer. Keys that this object never set are left alone.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"),
        validation = Rule::new("self.all(k, !k.lowerAscii().startsWith('aws:') && !k.startsWith('classiclb.dev/'))").message("keys of tags must not start with aws: or classiclb.dev/, which are reserved"),
        validation = Rule::new("self.all(k, k.matches('^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$') && self[k].matches('^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$'))").message("tags may hold letters, digits, spaces and _ . : / = + - @ only"),
    )]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: Option<BTreeMap<String, String>>,

    /// Keys of tags that are never set, changed or removed, whoever sets them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 40), inner(length(min = 1, max = 128)))]
    pub ignored_tag_keys: Option<Vec<String>>,

    /// Whether an existing load balancer of this name is taken over. The operator's `--adoption` decides whether it may
    /// be; by default the load balancer must carry the tag `classiclb.dev/adopt-by` with the value
    /// `CLUSTER-ID/NAMESPACE/NAME`. Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<bool>,

    /// What is left as AWS has it once the load balancer exists, though it differs from this spec.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 9))]
    pub ignore_differences: Option<Vec<Part>>,

    /// What happens to the load balancer when this object is deleted: `Delete` removes it, `Retain` leaves it and
    /// removes only the operator's own tags. Default: `Delete` for a load balancer that the operator created, `Retain`
    /// for one that it adopted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,

    /// Whether this object can be deleted. While true, the deletion is refused, or waits until this is false again.
    /// Default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,

    /// What happens when the load balancer was deleted in AWS behind the operator's back: `Never` (default) reports it
    /// as lost, `Always` makes a new one, which gets another DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recreate_policy: Option<RecreatePolicy>,

    /// What a change of `loadBalancerName`, of `scheme` or of the VPC does, which AWS cannot change. Absent: it is refused.
    /// `BlueGreen`: another load balancer is made beside, `status.dnsName` moves to it once as many instances are in
    /// service there, and the one before it is kept for a while and then removed. `status.replacement` tells how far it
    /// is; set back before the end, the change is undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<ReplacementPolicy>,

    /// How many seconds the load balancer before a replacement is kept once `status.dnsName` has moved, 0 to 2592000.
    /// Clients use it until the DNS names that they know expire. A change holds for the one that is kept now. Default:
    /// 600.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 2_592_000))]
    pub replacement_keep_seconds: Option<i32>,

    /// How far the operator goes: `Full` (default) keeps the load balancer as declared; `Observe` writes nothing to AWS
    /// and tells in `status.plan` what it would do; `Suspended` does nothing at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management: Option<Management>,
}

/// Names an `AWSAccount`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRef {
    /// The name of the `AWSAccount`.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Whether the load balancer has public addresses.
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

/// What happens to the load balancer when this object is deleted: `Delete` removes it, `Retain` leaves it and removes
/// only the operator's own tags. Default: `Delete` for a load balancer that the operator created, `Retain` for one that
/// it adopted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Delete the load balancer.
    Delete,
    /// Leave it, without the operator's own tags.
    Retain,
}

/// What happens when the load balancer was deleted in AWS behind the operator's back: `Never` (default) reports it as
/// lost, `Always` makes a new one, which gets another DNS name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecreatePolicy {
    /// Report it as lost.
    #[default]
    Never,
    /// Create a new one.
    Always,
}

/// What a change of what AWS cannot change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReplacementPolicy {
    /// Another load balancer is made beside and takes the place of the one that is there.
    BlueGreen,
}

/// How far the operator goes: `Full` (default) keeps the load balancer as declared; `Observe` writes nothing to AWS and
/// tells in `status.plan` what it would do; `Suspended` does nothing at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// Keep the load balancer as declared.
    #[default]
    Full,
    /// Read, plan, and tell.
    Observe,
    /// Do nothing.
    Suspended,
}

/// A part of the load balancer that can be left as AWS has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Part {
    /// Listeners: which ports are open, and where they lead.
    Listeners,
    /// Policies of listeners and of instance ports.
    Policies,
    /// Server certificates of listeners.
    Certificates,
    /// The health check.
    HealthCheck,
    /// Attributes.
    Attributes,
    /// Tags other than the operator's own.
    Tags,
    /// Security groups.
    SecurityGroups,
    /// Availability Zones and subnets.
    Placement,
    /// Registered instances and attached Auto Scaling groups.
    Instances,
}
