//! What the documentation of the service states in prose only, shape by shape.

use crate::wire::ApiError;
use crate::wire::params::short;

/// Checks one value of a named shape.
pub(super) fn check(shape: &str, text: &str, path: &impl std::fmt::Display) -> Result<(), ApiError> {
    match shape {
        "AccessPointName" => name(text),
        "PolicyName" => policy_name(text),
        "AccessPointPort" if !(1..=65_535).contains(&text.parse::<i64>().unwrap_or(0)) => Err(ApiError::constraint(
            text,
            path,
            "Member must have value between 1 and 65535",
        )),
        "AccessLogInterval" if text != "5" && text != "60" => Err(ApiError::validation(format!(
            "EmitInterval must be 5 or 60 minutes, not {}.",
            short(text)
        ))),
        "ConnectionDrainingTimeout" if !(1..=3_600).contains(&text.parse::<i64>().unwrap_or(0)) => Err(
            ApiError::validation("ConnectionDraining timeout must be a value between 1 and 3600 seconds."),
        ),
        "HealthCheckTarget" => target(text),
        _ => Ok(()),
    }
}

fn name(text: &str) -> Result<(), ApiError> {
    let shown = short(text);
    if text.is_empty() {
        return Err(ApiError::validation("LoadBalancerName cannot be empty"));
    }
    if text.chars().count() > 32 {
        return Err(ApiError::validation(
            "LoadBalancerName cannot be longer than 32 characters",
        ));
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(ApiError::validation(format!(
            "LoadBalancerName '{shown}' can only contain characters that are alphanumeric characters and hyphens(-)"
        )));
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(ApiError::validation(format!(
            "LoadBalancerName '{shown}' cannot begin or end with a hyphen(-)"
        )));
    }
    Ok(())
}

/// Predefined policies are named here too, so dashes are as good as letters; the length is that of other names in AWS.
fn policy_name(text: &str) -> Result<(), ApiError> {
    let legal = text
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
    if text.is_empty() || text.chars().count() > 128 || !legal {
        return Err(ApiError::validation(format!(
            "PolicyName '{}' must have 1 to 128 characters that are alphanumeric or hyphens(-)",
            short(text)
        )));
    }
    Ok(())
}

fn target(text: &str) -> Result<(), ApiError> {
    let bad = |why: &str| {
        Err(ApiError::validation(format!(
            "HealthCheck HTTP Target {}",
            why.replace("{}", &short(text))
        )))
    };
    let Some((protocol, rest)) = text.split_once(':') else {
        return bad("'{}' must specify a protocol and a port, as in HTTP:80/index.html or TCP:443.");
    };
    let (port, path) = rest.find('/').map_or((rest, ""), |slash| rest.split_at(slash));
    let digits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    if !digits || !(1..=65_535).contains(&port.parse::<u32>().unwrap_or(0)) {
        return bad("'{}' must specify a port between 1 and 65535.");
    }
    match protocol.to_ascii_uppercase().as_str() {
        "HTTP" | "HTTPS" if path.is_empty() => {
            bad("must specify a port followed by a path that begins with '/'. e.g. HTTP:80/")
        }
        "HTTP" | "HTTPS" if path.chars().count() > 1024 => bad("has a path of more than 1024 characters."),
        "TCP" | "SSL" if !path.is_empty() => bad("'{}' must not have a path: its protocol has none."),
        "HTTP" | "HTTPS" | "TCP" | "SSL" => Ok(()),
        _ => bad("'{}' must have one of the protocols HTTP, HTTPS, TCP and SSL."),
    }
}
