//! I/O: the certificates of listeners: which one a name stands for, and when each expires.

use std::collections::BTreeMap;

use k8s_openapi::jiff::Timestamp;

use super::found::Lookups;
use crate::api::message;
use crate::api::{ClassicLoadBalancerSpec, ClassicLoadBalancerStatus};
use crate::aws::{CertificateOf, Error, View};
use crate::elb::Class;
use crate::plan::desired::CertificateName;
use crate::plan::{Problem, Track};

/// Looks up the certificates of all listeners. What could not be asked leaves `before` standing: a certificate that was
/// found once is not doubted because AWS is busy.
pub(super) async fn look_up(
    spec: &ClassicLoadBalancerSpec,
    view: &View,
    before: &Lookups,
    lookups: &mut Lookups,
    now: Timestamp,
    elsewhere: impl Fn(&str) -> bool,
) {
    for listener in &spec.listeners {
        let Some(certificate) = &listener.certificate else {
            continue;
        };
        let Some(name) = CertificateName::of(certificate) else {
            if let Some(arn) = certificate.arn.as_ref().filter(|arn| !elsewhere(arn)) {
                expiry(view, (arn, now), &before.not_after, lookups).await;
            }
            continue;
        };
        if lookups.references.certificates.contains_key(&name) {
            continue;
        }
        let of = match &name {
            CertificateName::IamServerCertificate(name) => CertificateOf::Server(name.clone()),
            CertificateName::AcmDomain(domain) => CertificateOf::Domain(domain.clone()),
        };
        let found = match view.certificate(&of, now).await {
            Ok(found) => {
                lookups
                    .not_after
                    .extend(found.not_after.map(|time| (found.arn.clone(), time)));
                Ok(found.arn)
            }
            Err(error) => match before.references.certificates.get(&name) {
                Some(Ok(arn)) if error.class.is_passing() => Ok(arn.clone()),
                _ => Err(missing(listener.port, &name, &error)),
            },
        };
        lookups.references.certificates.insert(name, found);
    }
}

/// When a certificate expires is worth knowing and no more: without it nothing waits.
async fn expiry(
    view: &View,
    (arn, now): (&String, Timestamp),
    before: &BTreeMap<String, String>,
    lookups: &mut Lookups,
) {
    if lookups.not_after.contains_key(arn) {
        return;
    }
    let time = match view.certificate(&CertificateOf::Arn(arn.clone()), now).await {
        Ok(found) => found.not_after,
        Err(error) if error.class == Class::MissingReference => None,
        Err(error) => {
            tracing::debug!(arn, %error, "when the certificate expires could not be read");
            before.get(arn).cloned()
        }
    };
    lookups.not_after.extend(time.map(|time| (arn.clone(), time)));
}

/// A certificate that serves on though it is not declared any more, since the declared one is not to be had, expires
/// when it did before.
pub(super) fn keep_expiries(previous: &ClassicLoadBalancerStatus, lookups: &mut Lookups) {
    let serving = previous
        .listeners
        .iter()
        .filter_map(|listener| listener.certificate.as_ref());
    for certificate in serving {
        if let Some(time) = &certificate.not_after {
            let known = lookups.not_after.entry(certificate.arn.clone());
            known.or_insert_with(|| time.clone());
        }
    }
}

fn missing(port: i32, name: &CertificateName, error: &Error) -> Problem {
    let (field, value) = match name {
        CertificateName::IamServerCertificate(name) => ("iamServerCertificateName", name),
        CertificateName::AcmDomain(domain) => ("acmDomainName", domain),
    };
    let field = format!("spec.listeners[port={port}].certificate.{field}");
    let message = if error.class == Class::MissingReference {
        message::no_certificate(field, value)
    } else {
        message::certificate_not_looked_up(error.reason(), field, value, error)
    };
    Problem::missing(Track::Listeners, message)
}
