//! Certificates, looked up where they are kept.

use std::collections::BTreeMap;

use aws_sdk_acm::types::{CertificateStatus, CertificateSummary};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use jiff::Timestamp;
use tracing::info;

use super::Client;
use crate::api::message;
use crate::aws::{Class, Error};
use crate::elb::Certificate;

impl Client {
    /// Proves that AWS knows a certificate. Without the permission to look, it is taken to: then the listener tells.
    ///
    /// # Errors
    /// `CertificateNotFound`, as a listener would be refused with, or whatever kept AWS from answering.
    pub(super) async fn find_certificate(&self, arn: &str) -> Result<(), Error> {
        match self.certificate(arn).await {
            Err(error) if error.class == Class::Denied => {
                info!(%error, "the certificate cannot be looked up; its listener will tell");
                Ok(())
            }
            other => other.map(drop),
        }
    }

    /// The certificate of this ARN, in IAM or in ACM.
    ///
    /// # Errors
    /// `CertificateNotFound`, also where it is not issued.
    pub async fn certificate(&self, arn: &str) -> Result<Certificate, Error> {
        if !arn.contains(":iam:") {
            return self.find_in_acm(arn).await;
        }
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let found = match self.server_certificate(name).await {
            Err(error) if error.class == Class::MissingReference => Err(unknown(error.operation, arn)),
            other => other,
        };
        // Another account or path may hold a certificate of the same name.
        found.and_then(|found| {
            let same = found.arn.eq_ignore_ascii_case(arn);
            if same {
                Ok(found)
            } else {
                Err(unknown("GetServerCertificate", arn))
            }
        })
    }

    /// The tags of the certificate of this ARN, in IAM or in ACM; `None`: it is not there.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of_certificate(&self, arn: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        if arn.contains(":iam:") {
            let name = arn.rsplit('/').next().unwrap_or(arn);
            let request = self.iam.get_server_certificate().server_certificate_name(name);
            let reply = match self.call("GetServerCertificate", request.send()).await {
                Err(error) if error.knows_none() => return Ok(None),
                other => other?,
            };
            let tags = reply
                .server_certificate
                .map(|certificate| certificate.tags.unwrap_or_default());
            return Ok(tags.map(|tags| tags.into_iter().map(|tag| (tag.key, tag.value)).collect()));
        }
        let request = self.acm.list_tags_for_certificate().certificate_arn(arn);
        let reply = match self.call("ListTagsForCertificate", request.send()).await {
            Err(error) if error.knows_none() => return Ok(None),
            other => other?,
        };
        let tags = reply.tags.unwrap_or_default().into_iter();
        Ok(Some(tags.map(|tag| (tag.key, tag.value.unwrap_or_default())).collect()))
    }

    /// The IAM server certificate of this name.
    ///
    /// # Errors
    /// `CertificateNotFound`, or whatever kept AWS from answering.
    pub async fn server_certificate(&self, name: &str) -> Result<Certificate, Error> {
        const OPERATION: &str = "GetServerCertificate";
        let request = self.iam.get_server_certificate().server_certificate_name(name);
        let reply = match self.call(OPERATION, request.send()).await {
            Err(error) if error.knows_none() => return Err(unknown(OPERATION, name)),
            other => other?,
        };
        let known = reply
            .server_certificate
            .and_then(|certificate| certificate.server_certificate_metadata)
            .ok_or_else(|| unknown(OPERATION, name))?;
        Ok(Certificate {
            not_after: text(known.expiration.as_ref()),
            arn: known.arn,
        })
    }

    async fn find_in_acm(&self, arn: &str) -> Result<Certificate, Error> {
        const OPERATION: &str = "DescribeCertificate";
        let request = self.acm.describe_certificate().certificate_arn(arn);
        let reply = match self.call(OPERATION, request.send()).await {
            Err(error) if error.knows_none() => return Err(unknown(OPERATION, arn)),
            other => other?,
        };
        let issued = |status: &Option<CertificateStatus>| *status == Some(CertificateStatus::Issued);
        let known = reply.certificate.filter(|certificate| issued(&certificate.status));
        let known = known.ok_or_else(|| unknown(OPERATION, arn))?;
        Ok(Certificate {
            not_after: text(known.not_after.as_ref()),
            arn: arn.to_owned(),
        })
    }

    /// Of the certificates in ACM that are issued for this domain name and valid at that time, the newest.
    /// `ListCertificates` leaves out keys that Classic load balancers cannot use unless it is asked for them.
    ///
    /// # Errors
    /// `CertificateNotFound`, or whatever kept AWS from answering.
    pub async fn certificate_of_domain(&self, domain: &str, now: Timestamp) -> Result<Certificate, Error> {
        const OPERATION: &str = "ListCertificates";
        let now = DateTime::from_secs(now.as_second());
        let mut newest: Option<CertificateSummary> = None;
        let mut token = None;
        loop {
            let request = self
                .acm
                .list_certificates()
                .certificate_statuses(CertificateStatus::Issued);
            let reply = self.call(OPERATION, request.set_next_token(token).send()).await?;
            for summary in reply.certificate_summary_list.unwrap_or_default() {
                let better = newest.as_ref().is_none_or(|best| age(&summary) > age(best));
                if better && is_for(&summary, domain) && is_valid(&summary, now) {
                    newest = Some(summary);
                }
            }
            token = reply.next_token.filter(|token| !token.is_empty());
            if token.is_none() {
                break;
            }
        }
        let newest = newest.ok_or_else(|| unknown(OPERATION, domain))?;
        Ok(Certificate {
            not_after: text(newest.not_after.as_ref()),
            arn: newest.certificate_arn.ok_or_else(|| unknown(OPERATION, domain))?,
        })
    }
}

fn is_for(summary: &CertificateSummary, domain: &str) -> bool {
    let names = summary.subject_alternative_name_summaries.iter().flatten();
    summary
        .domain_name
        .iter()
        .chain(names)
        .any(|name| name.eq_ignore_ascii_case(domain))
}

/// What AWS tells no time of is not ruled out by it.
fn is_valid(summary: &CertificateSummary, now: DateTime) -> bool {
    summary.not_before.is_none_or(|from| from <= now) && summary.not_after.is_none_or(|until| until > now)
}

/// When it was made, then when it expires, then its ARN: of two the order is always the same.
fn age(summary: &CertificateSummary) -> (Option<DateTime>, Option<DateTime>, Option<&str>) {
    let made = [
        summary.issued_at,
        summary.imported_at,
        summary.created_at,
        summary.not_before,
    ];
    (
        made.into_iter().flatten().max(),
        summary.not_after,
        summary.certificate_arn.as_deref(),
    )
}

fn text(time: Option<&DateTime>) -> Option<String> {
    time.and_then(|time| time.fmt(Format::DateTime).ok())
}

fn unknown(operation: &'static str, name: &str) -> Error {
    let answer = message::no_certificate_for(name);
    Error::new(operation, Class::MissingReference, answer.code, answer.text)
}
