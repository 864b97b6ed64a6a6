//! Pure: the listeners of a spec.

use std::collections::{BTreeMap, BTreeSet};

use super::{CertificateName, References, Refusal, found};
use crate::api::message;
use crate::api::{Listener as ListenerSpec, Protocol as ProtocolSpec};
use crate::elb::{Listener, Port, Protocol};
use crate::plan::Problem;

/// The listeners, and the ports of those that refer to something that was not found.
#[derive(Debug, Default)]
pub(super) struct Read {
    pub(super) listeners: BTreeMap<Port, Listener>,
    pub(super) unresolved: BTreeSet<Port>,
}

impl Read {
    /// Whether the listener with the lowest port is among those that are known.
    pub(super) fn is_lowest_known(&self) -> bool {
        match (self.listeners.keys().next(), self.unresolved.first()) {
            (Some(known), Some(unresolved)) => known < unresolved,
            (known, _) => known.is_some(),
        }
    }
}

pub(super) fn declare(
    specs: &[ListenerSpec],
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Read, Refusal> {
    let mut listeners: BTreeMap<Port, Listener> = BTreeMap::new();
    let mut unresolved = BTreeSet::new();
    for spec in specs {
        let Some(listener) = declare_one(spec, references, missing)? else {
            unresolved.insert(port(spec, "port", spec.port)?);
            continue;
        };
        if let Some(twin) = listeners
            .values()
            .find(|other: &&Listener| other.conflicts_with(&listener))
        {
            return Err(message::instance_ports_disagree(spec.port, twin.port));
        }
        if listeners.insert(listener.port, listener).is_some() {
            return Err(message::port_taken(spec.port));
        }
    }
    if specs.is_empty() {
        return Err(message::no_listeners());
    }
    Ok(Read { listeners, unresolved })
}

/// `None`: it refers to something that was not found.
fn declare_one(
    spec: &ListenerSpec,
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Option<Listener>, Refusal> {
    let protocol = protocol(spec.protocol);
    if protocol.is_secure() != spec.certificate.is_some() {
        return Err(if protocol.is_secure() {
            message::certificate_required(spec.port)
        } else {
            message::certificate_not_allowed(spec.port)
        });
    }
    if protocol.is_secure() && spec.instance_protocol.is_none() {
        return Err(message::no_instance_protocol(spec.port));
    }
    let instance_protocol = spec.instance_protocol.map_or(protocol, self::protocol);
    if protocol.is_http() != instance_protocol.is_http() {
        return Err(message::other_layer(spec.port));
    }
    let port_number = port(spec, "port", spec.port)?;
    let instance_port = instance_port(spec, references, missing)?;
    let certificate = certificate(spec, references, missing)?;
    let (Some(instance_port), Some(certificate)) = (instance_port, certificate) else {
        return Ok(None);
    };
    Ok(Some(Listener {
        port: port_number,
        protocol,
        instance_port,
        instance_protocol,
        certificate,
        policies: protocol.policies_at_creation(),
    }))
}

fn instance_port(
    spec: &ListenerSpec,
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Option<Port>, Refusal> {
    match (spec.instance_port, &spec.instance_port_from) {
        (Some(number), None) => port(spec, "instancePort", number).map(Some),
        (None, Some(from)) => Ok(found(references.instance_ports.get(from), missing)),
        _ => Err(message::no_instance_port(spec.port)),
    }
}

/// The ARN, or that there is none; `None`: it was not found.
#[allow(clippy::option_option)] // not found, none, or one
fn certificate(
    spec: &ListenerSpec,
    references: &References,
    missing: &mut Vec<Problem>,
) -> Result<Option<Option<String>>, Refusal> {
    let Some(certificate) = &spec.certificate else {
        return Ok(Some(None));
    };
    match (&certificate.arn, CertificateName::of(certificate)) {
        (Some(arn), None) => Ok(Some(Some(arn.clone()))),
        (None, Some(name)) => Ok(found(references.certificates.get(&name), missing).map(Some)),
        _ => Err(message::one_certificate(spec.port)),
    }
}

fn port(spec: &ListenerSpec, member: &str, number: i32) -> Result<Port, Refusal> {
    Port::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| message::not_a_port(spec.port, member))
}

pub(super) fn protocol(spec: ProtocolSpec) -> Protocol {
    match spec {
        ProtocolSpec::Http => Protocol::Http,
        ProtocolSpec::Https => Protocol::Https,
        ProtocolSpec::Tcp => Protocol::Tcp,
        ProtocolSpec::Ssl => Protocol::Ssl,
    }
}
