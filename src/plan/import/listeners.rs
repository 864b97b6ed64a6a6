//! Pure: listeners of a load balancer → a spec.

use std::collections::BTreeSet;

use super::{Left, Unfit, policies};
use crate::api::{Certificate, Listener as ListenerSpec, Protocol as ProtocolSpec};
use crate::elb::{Listener, LoadBalancer, Protocol};

/// The longest ARN of a certificate in a spec.
const ARN: usize = 2048;

/// Every listener, by port.
pub(super) fn import(lb: &LoadBalancer, left: &mut BTreeSet<Left>) -> Result<Vec<ListenerSpec>, Unfit> {
    let each = lb.listeners.values().map(|listener| one(lb, listener, left));
    each.collect()
}

fn one(lb: &LoadBalancer, listener: &Listener, left: &mut BTreeSet<Left>) -> Result<ListenerSpec, Unfit> {
    let certificate = match &listener.certificate {
        Some(arn) if is_arn(arn) => Some(Certificate {
            arn: Some(arn.clone()),
            ..Certificate::default()
        }),
        Some(_) => return Err(Unfit::Certificate(listener.port)),
        None if listener.protocol.is_secure() => return Err(Unfit::Certificate(listener.port)),
        None => None,
    };
    let is_stated = listener.protocol.is_secure() || listener.instance_protocol != listener.protocol;
    let (ssl_policy, stickiness) = policies::of_listener(lb, listener, left);
    Ok(ListenerSpec {
        port: i32::from(listener.port),
        protocol: protocol(listener.protocol),
        instance_port: Some(i32::from(listener.instance_port)),
        instance_port_from: None,
        instance_protocol: is_stated.then(|| protocol(listener.instance_protocol)),
        certificate,
        ssl_policy,
        stickiness,
    })
}

fn protocol(protocol: Protocol) -> ProtocolSpec {
    match protocol {
        Protocol::Http => ProtocolSpec::Http,
        Protocol::Https => ProtocolSpec::Https,
        Protocol::Tcp => ProtocolSpec::Tcp,
        Protocol::Ssl => ProtocolSpec::Ssl,
    }
}

/// Whether a spec can name a certificate by this ARN.
fn is_arn(arn: &str) -> bool {
    let Ok([_, partition, service, _, account, resource]) =
        <[&str; 6]>::try_from(arn.splitn(6, ':').collect::<Vec<_>>())
    else {
        return false;
    };
    let kind = resource.split_once('/').filter(|(_, rest)| !rest.is_empty());
    arn.starts_with("arn:")
        && arn.len() <= ARN
        && !partition.is_empty()
        && matches!(service, "acm" | "iam")
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && kind.is_some_and(|(kind, _)| matches!(kind, "certificate" | "server-certificate"))
}
