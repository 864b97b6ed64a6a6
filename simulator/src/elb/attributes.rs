//! Attributes of balancers.

use super::request::invalid_configuration;
use super::state::Attributes;
use crate::call::Call;
use crate::s3::logs::check_log_bucket;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};

const DESYNC: &str = "elb.http.desyncmitigationmode";

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let balancer = call.balancer()?;
    write(xml, &balancer.attributes, |_| true);
    Ok(())
}

/// The reply tells the attributes that were named and no others, as the examples of botocore and the AWS CLI show.
pub(super) fn modify(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.edit(|balancer, call| {
        let empty = Value::default();
        let given = call.params.get("LoadBalancerAttributes").unwrap_or(&empty);
        let mut attributes = balancer.attributes.clone();
        change(&mut attributes, given, call)?;
        balancer.attributes = attributes;
        xml.text("LoadBalancerName", &balancer.name);
        write(xml, &balancer.attributes, |name| given.get(name).is_some());
        Ok(())
    })
}

/// Attributes that the request does not name stay as they are.
fn change(attributes: &mut Attributes, given: &Value, call: &Call<'_>) -> Result<(), ApiError> {
    if let Some(enabled) = given
        .get("CrossZoneLoadBalancing")
        .and_then(|part| part.bool("Enabled"))
    {
        attributes.cross_zone = enabled;
    }
    if let Some(draining) = given.get("ConnectionDraining") {
        attributes.draining = draining.bool("Enabled").unwrap_or(attributes.draining);
        // AWS takes the timeout only along with Enabled=true.
        let timeout = draining.int("Timeout")?.and_then(|timeout| u32::try_from(timeout).ok());
        if let (Some(timeout), true) = (timeout, attributes.draining) {
            attributes.draining_timeout = timeout;
        }
    }
    if let Some(seconds) = given
        .get("ConnectionSettings")
        .map(|part| part.int("IdleTimeout"))
        .transpose()?
        .flatten()
    {
        attributes.idle_timeout = u32::try_from(seconds).unwrap_or(attributes.idle_timeout);
    }
    if let Some(log) = given.get("AccessLog") {
        change_access_log(attributes, log, call)?;
    }
    for additional in given.list("AdditionalAttributes") {
        let (key, value) = (
            additional.str("Key").unwrap_or_default(),
            additional.str("Value").unwrap_or_default(),
        );
        if key != DESYNC {
            let message = format!("The specified load balancer attribute does not exist: {}", short(key));
            return Err(ApiError::sender("LoadBalancerAttributeNotFound", message));
        }
        if !["monitor", "defensive", "strictest"].contains(&value) {
            let message = format!(
                "{DESYNC} must be monitor, defensive or strictest, not '{}'",
                short(value)
            );
            return Err(ApiError::validation(message));
        }
        value.clone_into(&mut attributes.desync_mitigation_mode);
    }
    Ok(())
}

fn change_access_log(attributes: &mut Attributes, given: &Value, call: &Call<'_>) -> Result<(), ApiError> {
    let mut log = attributes.access_log.clone();
    log.enabled = given.bool("Enabled").unwrap_or(log.enabled);
    if let Some(bucket) = given.non_empty("S3BucketName") {
        log.bucket = Some(bucket.to_owned());
    }
    if let Some(prefix) = given.str("S3BucketPrefix") {
        log.prefix = (!prefix.is_empty()).then(|| prefix.to_owned());
    }
    if let Some(minutes) = given.int("EmitInterval")? {
        log.emit_interval = u16::try_from(minutes).ok();
    }
    if log.enabled {
        if log.prefix.as_deref().is_some_and(|prefix| prefix.contains("AWSLogs")) {
            return Err(invalid_configuration("The S3 bucket prefix must not contain AWSLogs."));
        }
        let bucket = log
            .bucket
            .as_deref()
            .ok_or_else(|| invalid_configuration("S3BucketName must be specified when the access log is enabled."))?;
        check_log_bucket(call.buckets, bucket, call.facts).map_err(invalid_configuration)?;
        log.emit_interval.get_or_insert(60);
    }
    attributes.access_log = log;
    Ok(())
}

fn write(xml: &mut Xml, attributes: &Attributes, told: impl Fn(&str) -> bool) {
    let part = |xml: &mut Xml, name: &str, inner: &dyn Fn(&mut Xml)| {
        if told(name) {
            xml.element(name, inner);
        }
    };
    xml.element("LoadBalancerAttributes", |xml| {
        part(xml, "CrossZoneLoadBalancing", &|xml| {
            xml.show("Enabled", attributes.cross_zone);
        });
        part(xml, "AccessLog", &|xml| {
            let log = &attributes.access_log;
            xml.show("Enabled", log.enabled)
                .maybe("S3BucketName", log.bucket.as_deref());
            if let Some(minutes) = log.emit_interval {
                xml.show("EmitInterval", minutes);
            }
            xml.maybe("S3BucketPrefix", log.prefix.as_deref());
        });
        part(xml, "ConnectionDraining", &|xml| {
            xml.show("Enabled", attributes.draining)
                .show("Timeout", attributes.draining_timeout);
        });
        part(xml, "ConnectionSettings", &|xml| {
            xml.show("IdleTimeout", attributes.idle_timeout);
        });
        part(xml, "AdditionalAttributes", &|xml| {
            xml.element("member", |xml| {
                xml.text("Key", DESYNC)
                    .text("Value", &attributes.desync_mitigation_mode);
            });
        });
    });
}
