//! Attributes of the load balancer.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::empty::absent_if_empty;

/// Attributes of the load balancer, each on its own: absent, it is left as AWS has it; removed, it goes back to AWS's
/// default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Attributes {
    /// Whether each node of the load balancer spreads requests over the instances of all zones. AWS's default: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_zone: Option<bool>,
    /// How many seconds a connection may be idle, 1-4000. AWS's default: 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4000))]
    pub idle_timeout_seconds: Option<i32>,
    /// Whether instances that are deregistered finish their requests. AWS's default: off.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub connection_draining: Option<ConnectionDraining>,
    /// Where requests are logged. AWS's default: nowhere.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "absent_if_empty"
    )]
    pub access_log: Option<AccessLog>,
    /// What is done with requests that proxies may read in two ways: monitor, defensive or strictest. AWS's default:
    /// defensive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desync_mitigation_mode: Option<DesyncMitigationMode>,
}

/// Whether instances that are deregistered finish their requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.enabled) || !has(self.timeoutSeconds)").message("connectionDraining.enabled is required where timeoutSeconds is given").field_path(".enabled").reason(Reason::FieldValueRequired))]
pub struct ConnectionDraining {
    /// Whether they do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// How many seconds they have for it, 1-3600, where enabled. Default 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3600))]
    pub timeout_seconds: Option<i32>,
}

/// Where requests are logged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.enabled) || (!has(self.bucket) && !has(self.prefix) && !has(self.emitIntervalMinutes))").message("accessLog.enabled is required where bucket, prefix or emitIntervalMinutes is given").field_path(".enabled").reason(Reason::FieldValueRequired),
    validation = Rule::new("!has(self.enabled) || !self.enabled || has(self.bucket)").message("accessLog.bucket is required where enabled is true").field_path(".bucket").reason(Reason::FieldValueRequired),
    validation = Rule::new("!has(self.prefix) || !self.prefix.contains('AWSLogs')").message("accessLog.prefix must not contain AWSLogs").field_path(".prefix"),
    validation = Rule::new("!has(self.emitIntervalMinutes) || self.emitIntervalMinutes in [5, 60]").message("accessLog.emitIntervalMinutes must be 5 or 60").field_path(".emitIntervalMinutes"),
)]
pub struct AccessLog {
    /// Whether they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The name of an S3 bucket in the load balancer's region, which lets AWS's log delivery write to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 3, max = 63), regex(pattern = "^[a-z0-9][a-z0-9.-]*[a-z0-9]$"))]
    pub bucket: Option<String>,
    /// What the names of the logs begin with. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub prefix: Option<String>,
    /// How many minutes one log covers: 5 or 60. Default 60.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 5, max = 60))]
    pub emit_interval_minutes: Option<i32>,
}

/// What is done with requests that proxies may read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DesyncMitigationMode {
    /// They are passed on and counted.
    Monitor,
    /// Those that are a risk are passed on alone or refused.
    Defensive,
    /// Only those that follow RFC 7230 are passed on.
    Strictest,
}
