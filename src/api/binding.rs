//! The custom resource `ClassicLoadBalancerBinding`: instances registered with a load balancer that somebody else owns.

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

use super::spec::empty::{absent_if_empty, empty_if_null};
use super::spec::{AccountRef, DeletionPolicy, Registration, Targets};
use super::status::ClassicLoadBalancerStatus;

/// Which instances are registered with the load balancer. Nothing else of it is touched.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "classiclb.dev",
    version = "v1alpha1",
    kind = "ClassicLoadBalancerBinding",
    plural = "classicloadbalancerbindings",
    shortname = "clbb",
    category = "classiclb",
    namespaced,
    status = "ClassicLoadBalancerStatus",
    derive = "PartialEq",
    derive = "Default",
    doc = "Instances registered with an AWS Classic Elastic Load Balancer that somebody else owns.",
    selectable = ".spec.loadBalancerName",
    selectable = ".spec.region",
    selectable = ".spec.accountRef.name",
    validation = Rule::new("size(self.metadata.name) <= 63").message("metadata.name must be at most 63 characters"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Load Balancer", type_ = "string", json_path = ".spec.loadBalancerName"),
    printcolumn(name = "Targets", type_ = "string", json_path = ".status.instances.summary"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Region", type_ = "string", json_path = ".status.region", priority = 1),
    printcolumn(name = "Account", type_ = "string", json_path = ".status.accountId", priority = 1),
    printcolumn(name = "DNS", type_ = "string", json_path = ".status.dnsName", priority = 1)
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region cannot be changed, added or removed: a load balancer stays in its region. Make another object for the other region, and delete this one").field_path(".region").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.accountRef) == has(oldSelf.accountRef) && (!has(self.accountRef) || self.accountRef.name == oldSelf.accountRef.name)")
        .message("accountRef cannot be changed, added or removed: a load balancer stays in its account. Make another object for the other account, and delete this one").field_path(".accountRef").reason(Reason::FieldValueForbidden),
    validation = Rule::new("self.loadBalancerName == oldSelf.loadBalancerName")
        .message("loadBalancerName cannot be changed: make another object for the other load balancer, and delete this one").field_path(".loadBalancerName").reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.registration) || !has(self.registration.mode) || self.registration.mode == 'Additive'")
        .message("registration.mode of a binding can only be Additive: the load balancer is somebody else's, and what others registered stays. Take it out").field_path(".registration.mode").reason(Reason::FieldValueForbidden),
)]
pub struct ClassicLoadBalancerBindingSpec {
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

    /// The name of the load balancer in AWS. It must be there and, unless the operator runs with `--binding=any`, carry the
    /// tag `classiclb.dev/bind-by` with the value `CLUSTER-ID/NAMESPACE/NAME` of this object. The tag can hold several such
    /// values with spaces between, and one that ends with a slash, such as `CLUSTER-ID/NAMESPACE/`, means every object below
    /// it. The name cannot be changed later.
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$')").message("loadBalancerName must consist of letters, digits and hyphens, with no hyphen at its ends"))]
    #[schemars(length(min = 1, max = 32))]
    pub load_balancer_name: String,

    /// The instances to register. Absent: none are registered or deregistered; those that this object registered stay.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "empty_if_null")]
    pub targets: Option<Targets>,

    /// How instances are registered and deregistered. `mode` is `Additive`, always. The percentage and the minimum are of all
    /// instances of the load balancer, whoever registered them.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub registration: Option<Registration>,

    /// What happens when this object is deleted: `Delete` (default) deregisters the instances that it registered, but for
    /// those that other objects of the operator want; `Retain` leaves them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
}
