//! Certificates, looked up where they are kept.

use aws_sdk_acm::types::CertificateStatus;
use tracing::info;

use super::Client;
use crate::aws::{Class, Error};

impl Client {
    /// Whether AWS knows a certificate. Without the permission to look, the answer is yes: then the listener tells.
    ///
    /// # Errors
    /// `CertificateNotFound`, as a listener would be refused with, or whatever kept AWS from answering.
    pub(super) async fn find_certificate(&self, arn: &str) -> Result<(), Error> {
        let found = if arn.contains(":iam:") {
            self.find_in_iam(arn).await
        } else {
            self.find_in_acm(arn).await
        };
        match found {
            Err(error) if error.class == Class::Denied => {
                info!(%error, "the certificate cannot be looked up; its listener will tell");
                Ok(())
            }
            other => other,
        }
    }

    async fn find_in_iam(&self, arn: &str) -> Result<(), Error> {
        const OPERATION: &str = "GetServerCertificate";
        let name = arn.rsplit('/').next().unwrap_or(arn);
        let reply = match self
            .call(
                OPERATION,
                self.iam.get_server_certificate().server_certificate_name(name).send(),
            )
            .await
        {
            Err(error) if error.code == "NoSuchEntity" => return Err(unknown(OPERATION, arn)),
            other => other?,
        };
        let known = reply
            .server_certificate
            .and_then(|certificate| certificate.server_certificate_metadata);
        // Another account or path may hold a certificate of the same name.
        if known.is_some_and(|metadata| metadata.arn.eq_ignore_ascii_case(arn)) {
            Ok(())
        } else {
            Err(unknown(OPERATION, arn))
        }
    }

    async fn find_in_acm(&self, arn: &str) -> Result<(), Error> {
        const OPERATION: &str = "DescribeCertificate";
        let reply = match self
            .call(OPERATION, self.acm.describe_certificate().certificate_arn(arn).send())
            .await
        {
            Err(error)
                if matches!(
                    error.code.as_str(),
                    "ResourceNotFoundException" | "InvalidArnException" | "ValidationException"
                ) =>
            {
                return Err(unknown(OPERATION, arn));
            }
            other => other?,
        };
        let status = reply.certificate.and_then(|certificate| certificate.status);
        if status == Some(CertificateStatus::Issued) {
            Ok(())
        } else {
            Err(unknown(OPERATION, arn))
        }
    }
}

fn unknown(operation: &'static str, arn: &str) -> Error {
    Error {
        operation,
        class: Class::MissingReference,
        code: "CertificateNotFound".to_owned(),
        message: format!("no issued server certificate is found for the key: {arn}"),
        request_id: None,
    }
}
