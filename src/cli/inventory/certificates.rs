//! Certificates that are about to end.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use k8s_openapi::jiff::Timestamp;

use crate::aws::{AccountRegion, Class, patiently};
use crate::cli::failure::Failure;
use crate::cli::fleet::AT_ONCE;

/// Seconds in a day.
const DAY: i64 = 86_400;

/// When each of these certificates ends, as far as it may be asked.
pub(super) struct Ends {
    by_arn: BTreeMap<String, End>,
    /// Why some were not asked for.
    pub(super) unread: Option<String>,
}

enum End {
    At(Timestamp),
    /// AWS does not know it, or has not issued it.
    Gone,
}

impl Ends {
    /// Asks for each once.
    pub(super) async fn read(region: &AccountRegion, arns: BTreeSet<String>) -> Self {
        let mut ends = Self {
            by_arn: BTreeMap::new(),
            unread: None,
        };
        let mut reads = stream::iter(arns)
            .map(async |arn: String| {
                let read = patiently(|| region.client.certificate(&arn)).await;
                (arn, read)
            })
            .buffer_unordered(AT_ONCE);
        while let Some((arn, read)) = reads.next().await {
            match read {
                Ok(certificate) => {
                    let at = certificate.not_after.and_then(|text| text.parse::<Timestamp>().ok());
                    ends.by_arn.extend(at.map(|at| (arn, End::At(at))));
                }
                Err(error) if error.class == Class::MissingReference => drop(ends.by_arn.insert(arn, End::Gone)),
                Err(error) => ends.unread = Some(Failure::aws(&region.region, &error).to_string()),
            }
        }
        drop(reads);
        ends
    }

    /// What there is to say of a certificate that ends within so many days.
    pub(super) fn finding(&self, arn: &str, port: u16, within: u32, now: Timestamp) -> Option<String> {
        match self.by_arn.get(arn)? {
            End::Gone => Some(format!("the certificate of {port} is gone, or not valid any more")),
            End::At(at) => {
                let seconds = at.as_second() - now.as_second();
                let days = seconds.div_euclid(DAY);
                if seconds < 0 {
                    Some(format!("the certificate of {port} has ended"))
                } else {
                    (days < i64::from(within)).then(|| format!("the certificate of {port} ends in {days} days"))
                }
            }
        }
    }
}
