//! Pure: the listeners of a spec.

use std::collections::BTreeMap;

use super::Refusal;
use crate::api::{Listener as ListenerSpec, Protocol as ProtocolSpec};
use crate::elb::{Listener, Port, Protocol};

pub(super) fn declare(specs: &[ListenerSpec]) -> Result<BTreeMap<Port, Listener>, Refusal> {
    let mut listeners = BTreeMap::new();
    for spec in specs {
        let listener = declare_one(spec)?;
        if let Some(twin) = listeners
            .values()
            .find(|other: &&Listener| other.conflicts_with(&listener))
        {
            return Err(Refusal::new(
                field(spec, "instanceProtocol"),
                format!(
                    "listeners that share an instancePort must agree: instanceProtocol either HTTPS or SSL on all of \
                     them, or on none; the listener of port {} differs",
                    twin.port
                ),
            ));
        }
        if listeners.insert(listener.port, listener).is_some() {
            return Err(Refusal::new(
                field(spec, "port"),
                "every port can have one listener only",
            ));
        }
    }
    if listeners.is_empty() {
        return Err(Refusal::new("listeners", "at least one listener must be given"));
    }
    Ok(listeners)
}

fn declare_one(spec: &ListenerSpec) -> Result<Listener, Refusal> {
    let protocol = protocol(spec.protocol);
    let refuse = |member: &str, message: &str| Err(Refusal::new(field(spec, member), message));
    if protocol.is_secure() != spec.certificate.is_some() {
        let message = if protocol.is_secure() {
            "certificate is required where protocol is HTTPS or SSL"
        } else {
            "certificate is allowed only where protocol is HTTPS or SSL"
        };
        return refuse("certificate", message);
    }
    if protocol.is_secure() && spec.instance_protocol.is_none() {
        return refuse(
            "instanceProtocol",
            "instanceProtocol is required where protocol is HTTPS or SSL",
        );
    }
    let instance_protocol = spec.instance_protocol.map_or(protocol, self::protocol);
    if protocol.is_http() != instance_protocol.is_http() {
        return refuse(
            "instanceProtocol",
            "instanceProtocol must be of the same layer as protocol: HTTP or HTTPS with HTTP or HTTPS, TCP or SSL with \
             TCP or SSL",
        );
    }
    Ok(Listener {
        port: port(spec, "port", spec.port)?,
        protocol,
        instance_port: port(spec, "instancePort", spec.instance_port)?,
        instance_protocol,
        certificate: spec.certificate.as_ref().map(|certificate| certificate.arn.clone()),
        policies: protocol.policies_at_creation(),
    })
}

fn port(spec: &ListenerSpec, member: &str, number: i32) -> Result<Port, Refusal> {
    Port::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Refusal::new(field(spec, member), "must be a port from 1 to 65535"))
}

fn field(spec: &ListenerSpec, member: &str) -> String {
    format!("listeners[port={}].{member}", spec.port)
}

fn protocol(spec: ProtocolSpec) -> Protocol {
    match spec {
        ProtocolSpec::Http => Protocol::Http,
        ProtocolSpec::Https => Protocol::Https,
        ProtocolSpec::Tcp => Protocol::Tcp,
        ProtocolSpec::Ssl => Protocol::Ssl,
    }
}
