//! What is seen of the Lease, and whether that makes it free.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use super::{GIVEN_BACK, LASTS, RETRY};

/// What a Lease says; it changes with each renewal. Without a version there is none.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    pub(super) holder: Option<String>,
    version: Option<String>,
    /// How long it lasts after it was seen to change.
    lasts: Duration,
    /// Its holder gave it back.
    given_back: bool,
}

impl Record {
    pub(super) fn of(lease: Option<&Lease>) -> Self {
        let spec = lease.and_then(|lease| lease.spec.clone()).unwrap_or_default();
        let holder = spec.holder_identity.filter(|holder| !holder.is_empty());
        let seconds = spec.lease_duration_seconds.unwrap_or_default();
        // Shorter only by somebody's hand, and its holder goes by ours.
        let lasts = Duration::from_secs(u64::try_from(seconds).unwrap_or_default()).max(LASTS);
        Self {
            given_back: holder.is_none() && seconds == GIVEN_BACK,
            holder,
            version: lease.and_then(|lease| lease.metadata.resource_version.clone()),
            lasts,
        }
    }
}

/// What this process has seen of the Lease.
#[derive(Debug, Default)]
pub(super) struct Sight {
    /// What it said when it changed last, and when that was seen.
    last: Option<(Record, Instant)>,
    /// The version of what this process wrote last.
    pub(super) written: Option<String>,
    /// A try came to its end once.
    pub(super) settled: bool,
}

impl Sight {
    /// Whether the Lease says something else than when it was seen last.
    pub(super) fn changes(&self, record: &Record) -> bool {
        self.last
            .as_ref()
            .is_none_or(|(last, _)| last.version != record.version)
    }

    /// Takes in what the Lease says now. Returns how long it has said so.
    pub(super) fn take(&mut self, record: &Record) -> Duration {
        match &self.last {
            Some((last, since)) if last.version == record.version => since.elapsed(),
            _ => {
                self.last = Some((record.clone(), Instant::now()));
                Duration::ZERO
            }
        }
    }

    /// Whether the Lease is free for this process to take, or is its own to renew.
    ///
    /// Who leads and finds it gone or without a holder writes it again; to anybody else that is no proof that nobody leads, since
    /// whoever does may not know of it yet. The same holds for a follower that finds its own name there by somebody else's hand.
    pub(super) fn is_free(&self, record: &Record, rested: Duration, identity: &str, leads: bool) -> bool {
        let other = record.holder.as_deref().is_some_and(|holder| holder != identity);
        let untouched = record.version.is_some() && record.version == self.written;
        // Of a predecessor that had the same name and is gone; or there was none before.
        let from_before = !self.settled && (record.version.is_none() || record.holder.is_some());
        record.given_back || rested >= record.lasts || (!other && (leads || untouched || from_before))
    }

    /// How long to wait before the next try: not longer than until the Lease is free.
    pub(super) fn pause(&self) -> Duration {
        let rest = self
            .last
            .as_ref()
            .map(|(record, since)| record.lasts.saturating_sub(since.elapsed()));
        rest.filter(|rest| !rest.is_zero())
            .map_or(RETRY, |rest| rest.min(RETRY))
    }
}
