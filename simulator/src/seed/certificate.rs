//! Certificates of a seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::error::SeedError;
use crate::acm::state::{Certificate, CertificateStatus};
use crate::call::Call;
use crate::clock::{Timestamp, TimestampError};
use crate::iam::state::ServerCertificate;
use crate::world::World;

/// An IAM server certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServerCertificateSeed {
    /// Its name, which is also the end of its ARN.
    pub name: String,
    /// Begins and ends with a slash; `/` if absent.
    pub path: Option<String>,
    /// When it expires; in a year if absent.
    #[serde(alias = "expires")]
    pub not_after: Option<Moment>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// An ACM certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateSeed {
    /// Its ARN.
    pub arn: String,
    /// The domain it is for; `example.com` if absent.
    pub domain_name: Option<String>,
    /// Further names.
    pub alternative_names: Vec<String>,
    /// `ISSUED` if absent, else another status of ACM's, such as `PENDING_VALIDATION` or `REVOKED`. An issued one
    /// becomes `EXPIRED` by itself.
    pub status: Option<String>,
    /// When it expires; in a year if absent.
    #[serde(alias = "expires")]
    pub not_after: Option<Moment>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A point in time, as a seed writes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Moment {
    /// Seconds since 1970.
    Seconds(i64),
    /// As in `2026-01-31T12:00:00Z`.
    Text(String),
}

impl Moment {
    fn read(&self) -> Result<Timestamp, String> {
        match self {
            Self::Seconds(seconds) => Ok(Timestamp::from_millis(seconds.saturating_mul(1000))),
            Self::Text(text) => text.parse().map_err(|error: TimestampError| error.to_string()),
        }
    }
}

/// As old as the world, so that it is known everywhere already.
pub(super) fn plant_server_certificate(
    world: &mut World,
    account: &str,
    partition: &str,
    seed: &ServerCertificateSeed,
    now: Timestamp,
) -> Result<(), SeedError> {
    let refuse = |why| SeedError::new(format!("server certificate {}", seed.name), why);
    let path = seed.path.clone().unwrap_or_else(|| "/".to_owned());
    if seed.name.is_empty() || !path.starts_with('/') || !path.ends_with('/') {
        return Err(refuse(
            "it needs a name, and a path begins and ends with a slash".to_owned(),
        ));
    }
    let certificate = ServerCertificate {
        arn: format!("arn:{partition}:iam::{account}:server-certificate{path}{}", seed.name),
        id: format!("ASCA{}", world.ids.letters(17)),
        path,
        body: String::new(),
        chain: None,
        uploaded: Timestamp::default(),
        expires: expiry(seed.not_after.as_ref(), now).map_err(refuse)?,
        tags: seed.tags.clone(),
    };
    let account = world.accounts.entry(account.to_owned()).or_default();
    account.server_certificates.insert(seed.name.clone(), certificate);
    Ok(())
}

fn expiry(given: Option<&Moment>, now: Timestamp) -> Result<Timestamp, String> {
    let year = now.plus(std::time::Duration::from_hours(8760));
    given.map_or(Ok(year), Moment::read)
}

pub(super) fn plant_certificate(call: &mut Call<'_>, seed: &CertificateSeed) -> Result<(), SeedError> {
    let refuse = |why| SeedError::new(format!("certificate {}", seed.arn), why);
    if !seed.arn.starts_with("arn:") {
        return Err(refuse("an ARN is needed".to_owned()));
    }
    let status = match &seed.status {
        None => CertificateStatus::Issued,
        Some(text) => {
            serde_json::from_value(text.clone().into()).map_err(|_| refuse(format!("ACM knows no status {text}")))?
        }
    };
    let domain = seed.domain_name.as_deref().unwrap_or("example.com");
    let names = std::iter::once(domain.to_owned())
        .chain(seed.alternative_names.iter().cloned())
        .collect();
    let mut certificate = Certificate::requested(domain, names, status, Timestamp::default());
    certificate.not_after = expiry(seed.not_after.as_ref(), call.now).map_err(refuse)?;
    certificate.tags.clone_from(&seed.tags);
    call.region.certificates.insert(seed.arn.clone(), certificate);
    Ok(())
}
