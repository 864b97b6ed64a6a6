//! The health check.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Instead of `target`: the protocol to ask by, HTTP, HTTPS, TCP or SSL.
// A type of its own, since a schema shows the words of the type where a field can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum CheckProtocol {
    /// A request that must be answered with status 200.
    Http,
    /// The same over TLS.
    Https,
    /// A connection that must be accepted.
    Tcp,
    /// The same with a TLS handshake.
    Ssl,
}

/// How the load balancer finds out which instances are well.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("(has(self.timeoutSeconds) ? self.timeoutSeconds : 5) < (has(self.intervalSeconds) ? self.intervalSeconds : 30)").message("timeoutSeconds (default 5) must be less than intervalSeconds (default 30)").field_path(".timeoutSeconds"),
    validation = Rule::new("!has(self.target) || (!has(self.protocol) && !has(self.port) && !has(self.path))").message("target stands alone: protocol, port and path are its parts, so take these or target out").field_path(".target").reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.protocol) || (!has(self.port) && !has(self.path))").message("port and path need protocol").field_path(".protocol").reason(Reason::FieldValueRequired),
    validation = Rule::new("!has(self.protocol) || has(self.path) == (self.protocol in ['HTTP', 'HTTPS'])").message("path is required where protocol is HTTP or HTTPS, and allowed nowhere else").field_path(".path"),
)]
pub struct HealthCheck {
    /// What to ask each instance: `TCP:port`, `SSL:port`, `HTTP:port/path` or `HTTPS:port/path`. Default: a TCP check
    /// of the instance port of the listener with the lowest port.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self.matches('^((TCP|SSL):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])|(HTTP|HTTPS):([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])/[!-~]*)$')").message("target must be TCP:port, SSL:port, HTTP:port/path or HTTPS:port/path, with a port from 1 to 65535 and a path of printable ASCII without spaces"))]
    #[schemars(length(max = 1024))]
    pub target: Option<String>,
    /// Instead of `target`: the protocol to ask by, HTTP, HTTPS, TCP or SSL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protocol: Option<CheckProtocol>,
    /// With `protocol`: the port to ask, 1-65535. Default: the instance port of the listener with the lowest port, also
    /// where that comes from a Service and changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// With `protocol` HTTP or HTTPS: the path to ask for, which begins with /.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000), regex(pattern = "^/[!-~]*$"))]
    pub path: Option<String>,
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
