//! What ACM remembers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::certificate::CertificateFacts;
use crate::clock::Timestamp;

/// A certificate of a region.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Certificate {
    pub(crate) domain: String,
    pub(crate) names: Vec<String>,
    pub(crate) status: CertificateStatus,
    pub(crate) created: Timestamp,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) imported: bool,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) serial: String,
    pub(crate) body: Option<String>,
    pub(crate) chain: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum CertificateStatus {
    Issued,
    PendingValidation,
    Inactive,
    Expired,
    ValidationTimedOut,
    Revoked,
    Failed,
}

const YEAR: Duration = Duration::from_hours(8760);

impl Certificate {
    /// What ACM says of it at that time: an issued certificate expires by itself.
    pub(super) fn status(&self, now: Timestamp) -> CertificateStatus {
        match self.status {
            CertificateStatus::Issued if now >= self.not_after => CertificateStatus::Expired,
            status => status,
        }
    }

    pub(super) fn kind(&self) -> &'static str {
        if self.imported { "IMPORTED" } else { "AMAZON_ISSUED" }
    }

    /// Only an issued certificate can be presented.
    pub(crate) fn is_issued(&self, now: Timestamp) -> bool {
        self.status(now) == CertificateStatus::Issued
    }

    /// Whether it was ever issued, so that it has times of validity.
    pub(super) fn was_issued(&self) -> bool {
        use CertificateStatus::{Expired, Inactive, Issued, Revoked};
        matches!(self.status, Issued | Expired | Inactive | Revoked)
    }

    /// A certificate of Amazon's for a domain.
    pub(crate) fn requested(domain: &str, names: Vec<String>, status: CertificateStatus, now: Timestamp) -> Self {
        Self {
            domain: domain.to_owned(),
            names,
            status,
            created: now,
            not_before: now,
            not_after: now.plus(YEAR),
            imported: false,
            issuer: "Amazon".to_owned(),
            subject: format!("CN={domain}"),
            serial: "0a:0b:0c:0d".to_owned(),
            body: None,
            chain: None,
            tags: BTreeMap::new(),
        }
    }

    pub(super) fn imported(facts: CertificateFacts, now: Timestamp) -> Self {
        Self {
            not_before: facts.not_before,
            not_after: facts.not_after,
            imported: true,
            issuer: facts.issuer,
            subject: facts.subject,
            serial: facts.serial,
            ..Self::requested(&facts.common_name, facts.names, CertificateStatus::Issued, now)
        }
    }

    /// How far the proof of a domain has come.
    pub(super) fn validation(&self) -> &'static str {
        match self.status {
            CertificateStatus::PendingValidation => "PENDING_VALIDATION",
            CertificateStatus::Failed | CertificateStatus::ValidationTimedOut => "FAILED",
            _ => "SUCCESS",
        }
    }
}
