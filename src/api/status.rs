//! What the operator reports.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod replacement;

pub use replacement::{ReplacementPhase, ReplacementStatus};

/// What the operator saw and did. It holds no clocks and no counters: a load balancer that did not change is not
/// written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ClassicLoadBalancerStatus {
    /// The generation of the spec that this status speaks of; -1 before the first reconcile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready first, the others in the order of their types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The name of the load balancer in AWS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer_name: Option<String>,
    /// The cluster id of the operator whose object it is. One of another cluster id leaves it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_id: Option<String>,
    /// The region of the load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The AWS account of the load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// The ARN of the load balancer, as IAM policies and tagging use it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arn: Option<String>,
    /// When AWS created the load balancer. With account, region and name it is the load balancer's identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<String>,
    /// The DNS name that clients use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// The Route 53 hosted zone of the DNS name, for alias records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_hosted_zone_id: Option<String>,
    /// internet-facing or internal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The VPC of the load balancer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// The Availability Zones that are served.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub availability_zones: Vec<String>,
    /// The attached subnets.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subnets: Vec<String>,
    /// The security groups of the load balancer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub security_groups: Vec<String>,
    /// The security group to let in on the instances.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_security_group: Option<SourceSecurityGroup>,
    /// The listeners as AWS has them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerStatus>,
    /// The health check as AWS has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<HealthCheckStatus>,
    /// The instances and their health.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<InstancesStatus>,
    /// The Auto Scaling groups that are declared as targets, or were attached for this object.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auto_scaling_groups: Vec<AutoScalingGroupStatus>,
    /// The other load balancer, while one takes the place of another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<ReplacementStatus>,
    /// AWS was asked for a load balancer that was not seen yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_pending: Option<bool>,
    /// What was applied and could not be told from AWS alone. Losing it means that less is removed, never more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
    /// With `management: Observe`, the calls that would be made, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<String>,
    /// How many calls that are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_calls: Option<i32>,
    /// What keeps parts of the load balancer from being as declared, after the last reconcile: calls that AWS refused, and what
    /// the spec asks for and is not to be had. At most nine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<TrackError>,
}

/// The group that traffic of the load balancer comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct SourceSecurityGroup {
    /// The owner of the group.
    pub owner_alias: String,
    /// The name of the group.
    pub group_name: String,
}

/// A listener as AWS has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ListenerStatus {
    /// The port clients connect to.
    pub port: i32,
    /// The protocol clients speak.
    pub protocol: String,
    /// The port on the instances.
    pub instance_port: i32,
    /// The protocol instances speak.
    pub instance_protocol: String,
    /// The server certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<CertificateStatus>,
    /// The names of the policies in force.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
}

/// The certificate of a listener.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CertificateStatus {
    /// The ARN of the certificate.
    pub arn: String,
    /// When the certificate expires, where that could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<String>,
}

/// The health check as AWS has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct HealthCheckStatus {
    /// What each instance is asked.
    pub target: String,
    /// Seconds between two checks.
    pub interval_seconds: i32,
    /// Seconds to wait for an answer.
    pub timeout_seconds: i32,
    /// Failed checks that take an instance out of service.
    pub unhealthy_threshold: i32,
    /// Passed checks that put an instance in service.
    pub healthy_threshold: i32,
}

/// The instances of the load balancer and their health.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstancesStatus {
    /// Instances in service of those wanted, such as `3/4`.
    pub summary: String,
    /// How many are wanted.
    pub desired: i32,
    /// How many are registered.
    pub registered: i32,
    /// How many are in service.
    pub in_service: i32,
    /// How many are out of service.
    pub out_of_service: i32,
    /// How many are being deregistered and still finish their connections.
    pub draining: i32,
    /// Ids that a source named but EC2 does not know, that are registered but terminated, or that AWS lists but says are not
    /// registered when they are to be deregistered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stale: Vec<String>,
    /// Nodes that `targets.nodeSelector` selects and that can be no targets, with the reason; at most 25.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 25))]
    pub skipped_nodes: Vec<String>,
    /// At most 250 instances, those out of service first.
    // They are most of a status: the store and whoever remembers it share them.
    #[serde(skip_serializing_if = "no_items")]
    #[schemars(length(max = 250))]
    pub items: Arc<Vec<InstanceStatus>>,
    /// Instances by Availability Zone, where the zone is known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub by_zone: Vec<ZoneStatus>,
}

impl ClassicLoadBalancerStatus {
    /// Takes the instances of another status where they are the same, so that both have them once.
    pub fn share_instances(&mut self, other: Option<&Self>) {
        let theirs = other.and_then(|other| other.instances.as_ref());
        if let (Some(ours), Some(theirs)) = (&mut self.instances, theirs)
            && ours.items == theirs.items
        {
            ours.items = Arc::clone(&theirs.items);
        }
    }
}

fn no_items(items: &Arc<Vec<InstanceStatus>>) -> bool {
    items.is_empty()
}

/// One instance.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct InstanceStatus {
    /// The id of the instance.
    pub id: String,
    /// The node that runs on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its Availability Zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// Why it is a target: `instanceIds`, `nodeSelector`, `instanceTags`, `autoScalingGroup/NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// `InService`, `OutOfService` or `Unknown`, as AWS says; `Unknown` also while it was not read.
    pub state: String,
    /// AWS's reason code: `ELB`, `Instance` or `N/A`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// AWS's description of the state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The instances of one Availability Zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ZoneStatus {
    /// The Availability Zone.
    pub zone: String,
    /// Whether the load balancer serves the zone. Instances of other zones get no traffic.
    pub served: bool,
    /// How many are registered.
    pub registered: i32,
    /// How many are in service.
    pub in_service: i32,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AutoScalingGroupStatus {
    /// The name of the group.
    pub name: String,
    /// Whether the load balancer is attached to it.
    pub attached: bool,
}

/// What was applied and could not be told from AWS alone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Applied {
    /// The optional fields of the spec that were applied.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// The keys of tags that were set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tag_keys: Vec<String>,
    /// The Auto Scaling groups that were attached.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub auto_scaling_groups: Vec<String>,
    /// With `registration.mode: Additive`, the instances that were registered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub instance_ids: Vec<String>,
}

/// What keeps a part of the load balancer behind: a call that AWS refused, or something that the spec asks for or refers to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct TrackError {
    /// The part of the load balancer that is behind.
    pub track: String,
    /// The AWS operation; empty where no call was refused.
    pub operation: String,
    /// AWS's error code, or the reason of a condition where no call was refused.
    pub code: String,
    /// AWS's message, with the field and what to do where they are known.
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(ids: &[&str]) -> ClassicLoadBalancerStatus {
        let item = |id: &&str| InstanceStatus {
            id: (*id).to_owned(),
            ..InstanceStatus::default()
        };
        ClassicLoadBalancerStatus {
            instances: Some(InstancesStatus {
                items: Arc::new(ids.iter().map(item).collect()),
                ..InstancesStatus::default()
            }),
            ..ClassicLoadBalancerStatus::default()
        }
    }

    #[test]
    fn equal_instances_are_kept_once() {
        let items = |status: &ClassicLoadBalancerStatus| status.instances.as_ref().map(|it| Arc::clone(&it.items));
        let (mut ours, same, other) = (status(&["i-1"]), status(&["i-1"]), status(&["i-2"]));
        let before = items(&ours).expect("instances");
        ours.share_instances(Some(&other));
        assert!(Arc::ptr_eq(&before, &items(&ours).expect("instances")));
        ours.share_instances(Some(&same));
        assert!(Arc::ptr_eq(
            &items(&same).expect("instances"),
            &items(&ours).expect("instances")
        ));
    }
}
