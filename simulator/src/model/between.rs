//! Rules between the members of one request, which need no look at any state.

use crate::wire::{ApiError, Value};

/// Checks a request whose members are each allowed by themselves.
pub(super) fn check(operation: &str, params: &Value) -> Result<(), ApiError> {
    match operation {
        "CreateLoadBalancer" => {
            placement(params)?;
            listeners(params)?;
            tag_keys(params)
        }
        "CreateLoadBalancerListeners" => listeners(params),
        "AddTags" | "RemoveTags" => {
            only_name(params)?;
            tag_keys(params)
        }
        "ConfigureHealthCheck" => timeout(params),
        "RegisterInstancesWithLoadBalancer" | "DeregisterInstancesFromLoadBalancer" => instances(params),
        _ => Ok(()),
    }
}

fn placement(params: &Value) -> Result<(), ApiError> {
    let given = |name: &str| !params.list(name).is_empty();
    match (given("AvailabilityZones"), given("Subnets")) {
        (false, false) => Err(ApiError::validation(
            "Either AvailabilityZones or SubnetIds must be specified",
        )),
        (true, true) => Err(ApiError::validation(
            "Only one of SubnetIds or AvailabilityZones may be specified",
        )),
        _ => Ok(()),
    }
}

/// A certificate goes with a secure listener and with no other.
fn listeners(params: &Value) -> Result<(), ApiError> {
    let listeners = params.list("Listeners");
    if listeners.is_empty() {
        return Err(ApiError::validation(
            "Listeners must be specified: at least one is required.",
        ));
    }
    for listener in listeners {
        let protocol = listener.str("Protocol").unwrap_or_default().to_ascii_uppercase();
        let certificate = listener.non_empty("SSLCertificateId").is_some();
        match protocol.as_str() {
            "HTTPS" | "SSL" if !certificate => {
                let message = format!("A listener with protocol {protocol} must specify SSLCertificateId.");
                return Err(ApiError::validation(message));
            }
            "HTTP" | "TCP" if certificate => {
                let message = format!("SSLCertificateId is not allowed for a listener with protocol {protocol}.");
                return Err(ApiError::validation(message));
            }
            _ => {}
        }
    }
    Ok(())
}

fn tag_keys(params: &Value) -> Result<(), ApiError> {
    let reserved = |key: &str| key.to_ascii_lowercase().starts_with("aws:");
    let tags = params.list("Tags");
    if tags.iter().filter_map(|tag| tag.str("Key")).any(reserved) {
        return Err(ApiError::validation(
            "Tag keys starting with 'aws:' are reserved for system use.",
        ));
    }
    Ok(())
}

fn only_name(params: &Value) -> Result<(), ApiError> {
    if params.list("LoadBalancerNames").len() == 1 {
        return Ok(());
    }
    Err(ApiError::validation("Exactly 1 LoadBalancerName can be specified"))
}

fn timeout(params: &Value) -> Result<(), ApiError> {
    let seconds = |name: &str| params.get("HealthCheck")?.str(name)?.parse::<u32>().ok();
    match (seconds("Timeout"), seconds("Interval")) {
        (Some(timeout), Some(interval)) if timeout >= interval => {
            Err(ApiError::validation("HealthCheck timeout must be less than interval"))
        }
        _ => Ok(()),
    }
}

fn instances(params: &Value) -> Result<(), ApiError> {
    if params.list("Instances").is_empty() {
        return Err(ApiError::validation("Instances cannot be empty"));
    }
    Ok(())
}
