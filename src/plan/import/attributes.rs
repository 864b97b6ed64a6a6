//! Pure: attributes of a load balancer → a spec.

use std::collections::BTreeSet;

use super::Left;
use crate::api::{
    AccessLog as AccessLogSpec, Attributes as AttributesSpec, ConnectionDraining, DesyncMitigationMode as ModeSpec,
};
use crate::elb::{AccessLog, Attributes, DesyncMitigationMode};

/// The longest prefix of access logs in a spec.
const PREFIX: usize = 512;

/// Those that are not at AWS's default.
pub(super) fn import(attributes: &Attributes, left: &mut BTreeSet<Left>) -> Option<AttributesSpec> {
    let default = Attributes::at_creation();
    let timeout = attributes.connection_draining.flatten();
    let mode = attributes.desync_mitigation_mode;
    let spec = AttributesSpec {
        cross_zone: attributes.cross_zone.filter(|on| Some(*on) != default.cross_zone),
        idle_timeout_seconds: attributes
            .idle_timeout
            .filter(|seconds| Some(*seconds) != default.idle_timeout),
        connection_draining: timeout.map(|seconds| ConnectionDraining {
            enabled: Some(true),
            timeout_seconds: (seconds != Attributes::DRAINING_TIMEOUT).then_some(seconds),
        }),
        access_log: attributes
            .access_log
            .clone()
            .flatten()
            .and_then(|log| access_log(log, left)),
        desync_mitigation_mode: mode
            .filter(|mode| *mode != DesyncMitigationMode::default())
            .map(|mode| match mode {
                DesyncMitigationMode::Monitor => ModeSpec::Monitor,
                DesyncMitigationMode::Defensive => ModeSpec::Defensive,
                DesyncMitigationMode::Strictest => ModeSpec::Strictest,
            }),
    };
    (spec != AttributesSpec::default()).then_some(spec)
}

fn access_log(log: AccessLog, left: &mut BTreeSet<Left>) -> Option<AccessLogSpec> {
    // Names of the first years of S3 may have other characters.
    let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-');
    let is_bucket = (3..=63).contains(&log.bucket.len())
        && log.bucket.chars().all(legal)
        && !log.bucket.starts_with(['.', '-'])
        && !log.bucket.ends_with(['.', '-']);
    let is_prefix = log.prefix.chars().count() <= PREFIX && !log.prefix.contains("AWSLogs");
    if !is_bucket || !is_prefix || !matches!(log.emit_interval, 5 | 60) {
        left.insert(Left::AccessLog(format!("{}/{}", log.bucket, log.prefix)));
        return None;
    }
    Some(AccessLogSpec {
        enabled: Some(true),
        bucket: Some(log.bucket),
        prefix: Some(log.prefix).filter(|prefix| !prefix.is_empty()),
        emit_interval_minutes: (log.emit_interval != Attributes::EMIT_INTERVAL).then_some(log.emit_interval),
    })
}
