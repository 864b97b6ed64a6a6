//! What is told of the other load balancer, while one takes the place of another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Applied, ClassicLoadBalancerStatus, InstancesStatus};

/// How far a replacement is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ReplacementPhase {
    /// The successor is being made.
    #[default]
    Creating,
    /// The successor is there, and is to have enough instances in service.
    WaitingForHealth,
    /// `status.dnsName` is the successor's, and the one before it is kept for a while.
    Keeping,
    /// The one that is not wanted any more is being removed.
    Removing,
}

/// The other load balancer of a replacement: the successor until `status.dnsName` has moved, the one before it since then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplacementStatus {
    /// How far it is.
    pub phase: ReplacementPhase,
    /// Since when it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// What is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Until when a load balancer that clients have used is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept_until: Option<String>,
    /// The name of the other load balancer in AWS.
    pub load_balancer_name: String,
    /// When AWS created it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_time: Option<String>,
    /// Its DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns_name: Option<String>,
    /// The Route 53 hosted zone of its DNS name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canonical_hosted_zone_id: Option<String>,
    /// internet-facing or internal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// Its VPC, or the one that it is to be made in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its instances in service of those wanted, such as `3/4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub targets: Option<String>,
    /// AWS was asked for it, and it was not seen yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_pending: Option<bool>,
    /// What was applied to it and could not be told from AWS alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub applied: Option<Applied>,
}

impl ReplacementStatus {
    /// The same, in a phase that it comes to now unless it was in it before.
    #[must_use]
    pub fn at(self, phase: ReplacementPhase, now: String) -> Self {
        let since = self.since.filter(|_| self.phase == phase);
        Self {
            since: since.or(Some(now)),
            phase,
            ..self
        }
    }

    /// The same, of a load balancer with this status.
    #[must_use]
    pub fn of(self, status: &ClassicLoadBalancerStatus) -> Self {
        Self {
            created_time: status.created_time.clone(),
            dns_name: status.dns_name.clone(),
            canonical_hosted_zone_id: status.canonical_hosted_zone_id.clone(),
            scheme: status.scheme.clone(),
            vpc_id: status.vpc_id.clone().or(self.vpc_id),
            targets: status.instances.as_ref().map(|instances| instances.summary.clone()),
            creation_pending: status.creation_pending,
            applied: status.applied.clone().filter(|applied| *applied != Applied::default()),
            ..self
        }
    }

    /// The status that a reconcile of it builds on; `object` is that of the object.
    #[must_use]
    pub fn alone(&self, object: &ClassicLoadBalancerStatus) -> ClassicLoadBalancerStatus {
        // The targets are the same, so that what is known of them tells whether the first view after a start is whole.
        let instances = object.instances.clone().map(|instances| InstancesStatus {
            summary: String::new(),
            in_service: 0,
            ..instances
        });
        ClassicLoadBalancerStatus {
            observed_generation: object.observed_generation,
            instances,
            load_balancer_name: Some(self.load_balancer_name.clone()),
            cluster_id: object.cluster_id.clone(),
            region: object.region.clone(),
            account_id: object.account_id.clone(),
            created_time: self.created_time.clone(),
            dns_name: self.dns_name.clone(),
            canonical_hosted_zone_id: self.canonical_hosted_zone_id.clone(),
            scheme: self.scheme.clone(),
            vpc_id: self.vpc_id.clone(),
            creation_pending: self.creation_pending,
            applied: self.applied.clone(),
            ..ClassicLoadBalancerStatus::default()
        }
    }
}
