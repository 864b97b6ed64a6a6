//! Listeners and their certificates.

use std::collections::BTreeMap;

use super::limits::MAX_LISTENERS;
use super::predefined;
use super::request::invalid_configuration;
use super::state::{Listener, LoadBalancer, Policy, PolicyType, Protocol};
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};

pub(super) fn create(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let wanted = read(call)?;
    call.edit(|balancer, call| {
        let mut added = Vec::new();
        let now = call.now;
        balancer.leaving_listeners.retain(|_, (_, until)| *until > now);
        for (port, listener) in wanted {
            let leaving = balancer.leaving_listeners.remove(&port);
            let existing = balancer.listeners.get(&port);
            match existing.or(leaving.as_ref().map(|(listener, _)| listener)) {
                Some(same) if same.same_as(&listener) && existing.is_some() => {}
                Some(other) if !other.same_as(&listener) => return Err(duplicate(&balancer.name, port)),
                _ => {
                    balancer.listeners.insert(port, listener);
                    added.push(port);
                }
            }
        }
        if call.settings.quotas && balancer.listeners.len() > MAX_LISTENERS {
            return Err(invalid_configuration(
                "The quota for the number of listeners has been reached.",
            ));
        }
        check_shared_ports(&balancer.listeners)?;
        attach_default_policy(balancer, &added);
        Ok(())
    })
}

pub(super) fn delete(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let ports = call.params.strings("LoadBalancerPorts");
    let (now, settling) = (call.now, call.settings.timing.settling);
    call.edit(|balancer, _| {
        for port in ports.iter().filter_map(|port| port.parse::<u16>().ok()) {
            if let Some(listener) = balancer.listeners.remove(&port)
                && !settling.is_zero()
            {
                balancer.leaving_listeners.insert(port, (listener, now.plus(settling)));
            }
        }
        Ok(())
    })
}

pub(super) fn set_certificate(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = call.name()?.to_owned();
    let certificate = call.params.required("SSLCertificateId")?.to_owned();
    let port = call.params.required("LoadBalancerPort")?.to_owned();
    call.edit(|balancer, call| {
        let listener = listener_mut(balancer, &port)?;
        if !listener.protocol.is_secure() {
            return Err(invalid_configuration(format!(
                "The listener on port {port} of load balancer {name} does not terminate HTTPS or SSL."
            )));
        }
        check_certificate(call, &certificate)?;
        listener.certificate = Some(certificate);
        Ok(())
    })
}

/// The listener on a port that came as text, or the error for none.
pub(super) fn listener_mut<'b>(balancer: &'b mut LoadBalancer, port: &str) -> Result<&'b mut Listener, ApiError> {
    let name = &balancer.name;
    let missing = ApiError::sender(
        "ListenerNotFound",
        format!(
            "Load balancer {name} does not have a listener configured at port {}",
            short(port)
        ),
    );
    let number: u16 = port.parse().map_err(|_| missing.clone())?;
    balancer.listeners.get_mut(&number).ok_or(missing)
}

/// The listeners of a request by port, each of them valid by itself.
pub(super) fn read(call: &Call<'_>) -> Result<BTreeMap<u16, Listener>, ApiError> {
    let mut listeners = BTreeMap::new();
    for given in call.params.list("Listeners") {
        let (port, listener) = read_one(call, given)?;
        if listeners.get(&port).is_some_and(|other| *other != listener) {
            return Err(duplicate(call.name()?, port));
        }
        listeners.insert(port, listener);
    }
    Ok(listeners)
}

fn read_one(call: &Call<'_>, given: &Value) -> Result<(u16, Listener), ApiError> {
    let protocol = read_protocol(given.required("Protocol")?)?;
    let instance_protocol = match given.non_empty("InstanceProtocol") {
        Some(text) => read_protocol(text)?,
        None => protocol,
    };
    if protocol.is_application_layer() != instance_protocol.is_application_layer() {
        return Err(invalid_configuration(format!(
            "A listener with protocol {protocol} cannot have the instance protocol {instance_protocol}: HTTP and HTTPS go together, and TCP and SSL."
        )));
    }
    let certificate = given.non_empty("SSLCertificateId").map(str::to_owned);
    if let Some(certificate) = &certificate {
        check_certificate(call, certificate)?;
    }
    let (port, instance_port) = (read_port(given, "LoadBalancerPort")?, read_port(given, "InstancePort")?);
    Ok((
        port,
        Listener {
            protocol,
            instance_protocol,
            instance_port,
            certificate,
            policies: Vec::new(),
        },
    ))
}

fn read_protocol(text: &str) -> Result<Protocol, ApiError> {
    Protocol::parse(text).ok_or_else(|| {
        ApiError::sender(
            "UnsupportedProtocol",
            format!("The specified protocol is not supported: {}", short(text)),
        )
    })
}

fn read_port(given: &Value, name: &str) -> Result<u16, ApiError> {
    let text = given.required(name)?;
    text.parse()
        .map_err(|_| ApiError::validation(format!("{name} '{}' is not a port.", short(text))))
}

/// ELB knows a certificate some time after IAM or ACM does.
fn check_certificate(call: &Call<'_>, arn: &str) -> Result<(), ApiError> {
    let spread = |since| call.now.since(since) >= call.settings.timing.certificate;
    let uploaded = call
        .server_certificates
        .values()
        .find(|certificate| certificate.arn.eq_ignore_ascii_case(arn));
    let issued = call
        .region
        .certificates
        .get(arn)
        .filter(|certificate| certificate.is_issued(call.now));
    if uploaded.is_some_and(|certificate| spread(certificate.uploaded))
        || issued.is_some_and(|certificate| spread(certificate.created))
    {
        return Ok(());
    }
    let message = format!("Server Certificate not found for the key: {}", short(arn));
    Err(ApiError::sender("CertificateNotFound", message))
}

/// Listeners that share an instance port are all secure behind the balancer or all plain.
pub(super) fn check_shared_ports(listeners: &BTreeMap<u16, Listener>) -> Result<(), ApiError> {
    let mut secure_by_port = BTreeMap::new();
    for listener in listeners.values() {
        let secure = listener.instance_protocol.is_secure();
        if *secure_by_port.entry(listener.instance_port).or_insert(secure) != secure {
            return Err(invalid_configuration(format!(
                "Instance port {} is used by listeners with a secure and with a plain instance protocol.",
                listener.instance_port
            )));
        }
    }
    Ok(())
}

/// A new secure listener gets the default SSL policy, which then shows among the balancer's policies.
pub(super) fn attach_default_policy(balancer: &mut LoadBalancer, new_ports: &[u16]) {
    let is_secure = |port: &u16| {
        balancer
            .listeners
            .get(port)
            .is_some_and(|listener| listener.protocol.is_secure())
    };
    let secure: Vec<u16> = new_ports.iter().copied().filter(is_secure).collect();
    for port in secure {
        let name = predefined::DEFAULT;
        balancer.policies.entry(name.to_owned()).or_insert_with(|| Policy {
            kind: PolicyType::SslNegotiation,
            attributes: predefined::attributes(name).unwrap_or_default(),
        });
        if let Some(listener) = balancer.listeners.get_mut(&port) {
            listener.policies.push(name.to_owned());
        }
    }
}

fn duplicate(name: &str, port: u16) -> ApiError {
    ApiError::sender(
        "DuplicateListener",
        format!(
            "A listener already exists for {name} with LoadBalancerPort {port}, but with a different InstancePort, Protocol, or SSLCertificateId"
        ),
    )
}
