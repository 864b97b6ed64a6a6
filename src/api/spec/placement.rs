//! Subnets and security groups that are found rather than named.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::empty::absent_if_empty;

/// Finds subnets, one for each Availability Zone: of several in a zone the one that is attached already, else the one
/// with the lowest id that has room for the load balancer's addresses. Subnets of Local Zones are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
// Applied as a whole: an empty selector is a wish, and no rule could tell the null that it would become from no
// selector.
#[schemars(extend("x-kubernetes-map-type" = "atomic"))]
pub struct SubnetSelector {
    /// The id of the VPC. Default: the VPC of the load balancer, or the one VPC that has matching subnets. Changed later to
    /// another VPC than that of the load balancer only with `replacement: BlueGreen`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), regex(pattern = "^vpc-[0-9a-f]{8,17}$"))]
    pub vpc_id: Option<String>,
    /// Tags that a subnet must have, all of them with exactly these values.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 20, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: Option<BTreeMap<String, String>>,
    /// `Public`: only subnets with a route to an Internet gateway. `Private`: only those without. `Auto` (default):
    /// public ones for an internet-facing load balancer, and for an internal one private ones in each zone that has
    /// any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<SubnetRole>,
}

/// Which subnets are meant, by their route to an Internet gateway: `Auto` (default), `Public` or `Private`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SubnetRole {
    /// As the scheme asks for.
    #[default]
    Auto,
    /// With a route to an Internet gateway.
    Public,
    /// Without one.
    Private,
}

/// Finds security groups in the VPC of the load balancer: those with one of the names, and those with all the tags.
/// Empty, it is as good as absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityGroupSelector {
    /// Names of security groups. Each must exist.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    #[schemars(length(max = 20), inner(length(min = 1, max = 255)))]
    pub names: Option<Vec<String>>,
    /// Tags that a security group must have, all of them with exactly these values.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    #[x_kube(validation = Rule::new("self.all(k, size(k) >= 1 && size(k) <= 128)").message("keys of tags must be 1 to 128 characters"))]
    #[schemars(extend("maxProperties" = 20, "additionalProperties" = {"type": "string", "maxLength": 256}))]
    pub tags: Option<BTreeMap<String, String>>,
}
