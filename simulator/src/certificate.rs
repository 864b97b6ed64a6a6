//! What IAM and ACM read from an uploaded certificate.

use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::{GeneralName, X509Certificate};

use crate::clock::Timestamp;

/// Facts of an X.509 certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFacts {
    pub(crate) common_name: String,
    pub(crate) names: Vec<String>,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) serial: String,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
}

/// Reads the first certificate of a PEM text.
pub(crate) fn read(pem: &str) -> Option<CertificateFacts> {
    let (_, pem) = parse_x509_pem(pem.trim_start().as_bytes()).ok()?;
    let certificate = pem.parse_x509().ok()?;
    let common_name = certificate
        .subject()
        .iter_common_name()
        .next()
        .and_then(|name| name.as_str().ok())
        .unwrap_or_default();
    let seconds = |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp().saturating_mul(1000));
    Some(CertificateFacts {
        common_name: common_name.to_owned(),
        names: alternative_names(&certificate, common_name),
        issuer: certificate.issuer().to_string(),
        subject: certificate.subject().to_string(),
        serial: certificate.raw_serial_as_string(),
        not_before: seconds(certificate.validity().not_before),
        not_after: seconds(certificate.validity().not_after),
    })
}

fn alternative_names(certificate: &X509Certificate<'_>, common_name: &str) -> Vec<String> {
    let mut names = vec![common_name.to_owned()];
    if let Ok(Some(extension)) = certificate.subject_alternative_name() {
        for name in &extension.value.general_names {
            if let GeneralName::DNSName(name) = name
                && *name != common_name
            {
                names.push((*name).to_owned());
            }
        }
    }
    names.retain(|name| !name.is_empty());
    names
}
