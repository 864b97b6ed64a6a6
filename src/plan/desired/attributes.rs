//! Pure: the attributes of a spec.

use std::collections::BTreeSet;

use super::{Refusal, fields};
use crate::api::message;
use crate::api::{Attributes as AttributesSpec, DesyncMitigationMode as ModeSpec};
use crate::elb::{AccessLog, Attributes, DesyncMitigationMode};

/// Those declared, and those that are declared no more with AWS's default.
pub(super) fn declare(spec: Option<&AttributesSpec>, before: &BTreeSet<&str>) -> Result<Attributes, Refusal> {
    let defaults = Attributes::at_creation();
    let none = AttributesSpec::default();
    let spec = spec.unwrap_or(&none);
    let was = |field: &str| before.contains(field);
    let draining = spec.connection_draining.as_ref().and_then(|draining| {
        let timeout = draining.timeout_seconds.unwrap_or(Attributes::DRAINING_TIMEOUT);
        Some(draining.enabled?.then_some(timeout))
    });
    let mode = spec.desync_mitigation_mode.map(|mode| match mode {
        ModeSpec::Monitor => DesyncMitigationMode::Monitor,
        ModeSpec::Defensive => DesyncMitigationMode::Defensive,
        ModeSpec::Strictest => DesyncMitigationMode::Strictest,
    });
    Ok(Attributes {
        cross_zone: spec
            .cross_zone
            .or(defaults.cross_zone.filter(|_| was(fields::CROSS_ZONE))),
        idle_timeout: spec
            .idle_timeout_seconds
            .or(defaults.idle_timeout.filter(|_| was(fields::IDLE_TIMEOUT))),
        connection_draining: draining.or(defaults
            .connection_draining
            .filter(|_| was(fields::CONNECTION_DRAINING))),
        access_log: access_log(spec)?.or(defaults.access_log.filter(|_| was(fields::ACCESS_LOG))),
        desync_mitigation_mode: mode.or(defaults
            .desync_mitigation_mode
            .filter(|_| was(fields::DESYNC_MITIGATION_MODE))),
    })
}

#[allow(clippy::option_option)] // not declared, off, or on
fn access_log(spec: &AttributesSpec) -> Result<Option<Option<AccessLog>>, Refusal> {
    let Some((log, enabled)) = spec.access_log.as_ref().and_then(|log| Some((log, log.enabled?))) else {
        return Ok(None);
    };
    if !enabled {
        return Ok(Some(None));
    }
    let Some(bucket) = log.bucket.clone() else {
        return Err(message::no_bucket());
    };
    Ok(Some(Some(AccessLog {
        bucket,
        prefix: log.prefix.clone().unwrap_or_default(),
        emit_interval: log.emit_interval_minutes.unwrap_or(Attributes::EMIT_INTERVAL),
    })))
}
