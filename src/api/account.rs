//! The custom resource `AWSAccount`: an account that load balancers can be in, and what a namespace may use of it.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::spec::empty::{absent_if_empty, empty_if_null};
use super::spec::{LabelSelector, Scheme};

/// The AWS account, how the operator gets into it, and what load balancers there may be.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "classiclb.dev",
    version = "v1alpha1",
    kind = "AWSAccount",
    plural = "awsaccounts",
    shortname = "clbacct",
    category = "classiclb",
    status = "AWSAccountStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "An AWS account that load balancers can be in, and what namespaces may use of it.",
    selectable = ".spec.accountId",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Account", type_ = "string", json_path = ".spec.accountId"),
    printcolumn(name = "Load Balancers", type_ = "integer", json_path = ".status.loadBalancers"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Role", type_ = "string", json_path = ".spec.roleArn", priority = 1),
    printcolumn(name = "Namespaces", type_ = "string", json_path = ".spec.namespaces.from", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.roleArn) || self.roleArn.split(':')[4] == self.accountId")
        .message("roleArn must be a role of the account accountId"),
    validation = Rule::new("has(self.roleArn) || (!has(self.externalId) && !has(self.sessionName))")
        .message("externalId and sessionName can be given only with roleArn"),
)]
pub struct AWSAccountSpec {
    /// The twelve digits of the account. Whoever answers with the role is compared with it before anything else is asked.
    #[schemars(length(max = 12), regex(pattern = "^[0-9]{12}$"))]
    pub account_id: String,

    /// The ARN of the role that the operator assumes from its own identity. Default: its own identity is used as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(max = 640),
        regex(pattern = "^arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]+$")
    )]
    pub role_arn: Option<String>,

    /// The external id that the role's trust policy asks for. It is no secret: it keeps the role from being assumed on behalf
    /// of somebody else by mistake.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 1224), regex(pattern = r"^[A-Za-z0-9_+=,.@:/\\-]*$"))]
    pub external_id: Option<String>,

    /// The name of the session, as CloudTrail shows it. Default: `classic-lb-operator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 64), regex(pattern = "^[A-Za-z0-9_+=,.@-]*$"))]
    pub session_name: Option<String>,

    /// The regions that load balancers may be in. Absent or empty: all.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(
        length(max = 50),
        inner(length(max = 32), regex(pattern = "^[a-z]{2,}(-[a-z]+)+-[0-9]{1,2}$"))
    )]
    pub regions: Option<Vec<String>>,

    /// The namespaces whose objects may refer to this account.
    pub namespaces: AccountNamespaces,

    /// The schemes that load balancers may have. Absent: both.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(length(min = 1, max = 2))]
    pub schemes: Option<Vec<Scheme>>,

    /// What load balancers may use. What is absent here allows everything. In values `$(namespace)` stands for the namespace
    /// of the object.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub allow: Option<Allow>,

    /// Tags of every load balancer of the account; those of an object win over them, and they over the operator's own default
    /// tags. In values `$(namespace)` stands for the namespace of the object.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(
        validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of defaultTags must be 1 to 128 characters"),
        validation = Rule::new("self.all(k, !k.lowerAscii().startsWith('aws:') && !k.startsWith('classiclb.dev/'))").message("keys of defaultTags must not start with aws: or classiclb.dev/, which are reserved"),
        validation = Rule::new("self.all(k, k.matches('^[\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]*$') && self[k].matches('^([\\\\p{L}\\\\p{Z}\\\\p{N}_.:/=+@-]|[$][(]namespace[)])*$'))").message("defaultTags may hold letters, digits, spaces and _ . : / = + - @ only, and $(namespace) in values"),
    )]
    #[schemars(extend("maxProperties" = 40, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub default_tags: Option<BTreeMap<String, String>>,

    /// Which existing load balancers are taken over where an object asks for it (`spec.adopt`). Default: as the operator's
    /// `--adoption` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption: Option<Permission>,

    /// Which load balancers of others objects may register instances with. Default: as the operator's
    /// `--binding` says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Permission>,

    /// The share of the rates that AWS grants the account which the operator may use, in percent, where it enters it by
    /// `roleArn`. Default: as the operator's `--rate-share` says, 50. Of several `AWSAccount`s of one account the least counts
    /// for all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100))]
    pub rate_share: Option<i32>,
}

/// The namespaces whose objects may refer to this account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("(self.from == 'Selector') == has(self.selector)").message("selector must be given where from is Selector, and only there"))]
pub struct AccountNamespaces {
    /// `All`: every namespace. `Selector`: those whose labels match `selector`.
    pub from: NamespacesFrom,
    /// Selects namespaces by their labels; an empty one, such as `{}`, selects all.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    pub selector: Option<LabelSelector>,
}

/// Which namespaces: `All`, or those that `selector` selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NamespacesFrom {
    /// Every namespace.
    All,
    /// Those that the selector selects.
    #[default]
    Selector,
}

/// Which load balancers of others may be used: `Never` none, `Tagged` those whose tags offer them, `Any` also those that
/// nobody owns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Permission {
    /// None.
    Never,
    /// Those whose tags offer them.
    #[default]
    Tagged,
    /// Also those that nobody owns.
    Any,
}

impl Permission {
    /// As the flags take it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Tagged => "tagged",
            Self::Any => "any",
        }
    }
}

/// What load balancers may use. What is absent allows everything. It is looked at after names were resolved and before
/// anything is written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Allow {
    /// Patterns of `spec.loadBalancerName`: `*` stands for any characters, `?` for one. A name that the object does not give
    /// is made of its namespace and always allowed.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(
        length(min = 1, max = 50),
        inner(
            length(min = 1, max = 96),
            regex(pattern = r"^([A-Za-z0-9*?-]|[$][(]namespace[)])+$")
        )
    )]
    pub load_balancer_names: Option<Vec<String>>,

    /// Tags that every subnet must carry, all of them with these values.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 10, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub subnet_tags: Option<BTreeMap<String, String>>,

    /// Tags that every security group must carry. The groups must then be named or selected: AWS would choose the default
    /// group of the VPC.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 10, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub security_group_tags: Option<BTreeMap<String, String>>,

    /// Tags that every Auto Scaling group of `spec.targets` must carry.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 10, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub auto_scaling_group_tags: Option<BTreeMap<String, String>>,

    /// Tags that every instance must carry that the operator registers, wherever `spec.targets` finds it, in Nodes too.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 10, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub instance_tags: Option<BTreeMap<String, String>>,

    /// Tags that every certificate of a listener must carry, of ACM and of IAM.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 10, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub certificate_tags: Option<BTreeMap<String, String>>,

    /// Patterns of the buckets that access logs may go to.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    #[schemars(
        length(min = 1, max = 50),
        inner(
            length(min = 1, max = 128),
            regex(pattern = r"^([A-Za-z0-9._*?-]|[$][(]namespace[)])+$")
        )
    )]
    pub log_buckets: Option<Vec<String>>,

    /// The ports of instances that listeners may send to and health checks may ask, as `8080` or `30000-32767`.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    #[x_kube(
        merge_strategy = ListMerge::Atomic,
        validation = Rule::new("self.all(p, p.split('-').all(n, int(n) >= 1 && int(n) <= 65535) && int(p.split('-')[0]) <= int(p.split('-')[size(p.split('-')) - 1]))").message("instancePorts must be ports from 1 to 65535, or ranges of them such as 30000-32767")
    )]
    #[schemars(
        length(min = 1, max = 50),
        inner(length(max = 11), regex(pattern = "^[0-9]{1,5}(-[0-9]{1,5})?$"))
    )]
    pub instance_ports: Option<Vec<String>>,
}

/// What the operator found.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AWSAccountStatus {
    /// The generation of the spec that this status speaks of; -1 before it was looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready first, the others in the order of their types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Who answered: the ARN of the session or of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// How many objects refer to this account; not told by an operator that looks at single namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<i32>,
    /// The regions that they are in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 50), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub regions: Vec<AccountRegionStatus>,
}

/// AWS answers there.
pub const VIEW_ANSWERING: &str = "Answering";
/// AWS has not answered there for a while.
pub const VIEW_SILENT: &str = "Silent";
/// Nothing was asked there yet.
pub const VIEW_UNREAD: &str = "Unread";
/// The operator has its share of what AWS permits.
pub const BUDGET_SUFFICIENT: &str = "Sufficient";
/// Others use so much of what AWS permits that little of the share is left.
pub const BUDGET_THROTTLED: &str = "Throttled";

/// A region of the account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountRegionStatus {
    /// The name of the region.
    pub name: String,
    /// How many objects are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancers: Option<i32>,
    /// `Answering`, `Silent` where AWS has not answered for a while, or `Unread` where nothing was asked yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub view: Option<String>,
    /// `Sufficient`, or `Throttled` where others use so much of what AWS permits that little of the operator's share is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub budget: Option<String>,
}
