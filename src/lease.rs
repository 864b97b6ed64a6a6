//! Leadership: who may write.
//!
//! A claim ends by this process's own monotonic clock, before anybody else may take it. The gate of every AWS call and
//! every write to Kubernetes asks it at the moment of the write, so a process that slept through its claim writes
//! nothing. The rules are those of client-go: a Lease lasts 15 s from when others saw it renewed, its holder stops after
//! 10 s without a renewal, and everybody asks every 2 s. No clock is compared with that of another machine.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, ResourceExt as _};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::message;
use crate::metrics::Metrics;

/// How long a Lease lasts after others saw it renewed.
const LASTS: Duration = Duration::from_secs(15);
/// How long its holder goes on without having renewed it.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY: Duration = Duration::from_secs(2);
/// Between two looks whether this process leads.
const SOON: Duration = Duration::from_millis(50);
/// How long an answer of the API server is waited for.
const ANSWER: Duration = Duration::from_secs(5);

/// The right to write, shared by everything that writes.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Until when; `None`: without end, since nobody else may take it.
    until: Arc<Mutex<Option<Instant>>>,
    /// How often leadership was taken. What was known in an earlier term may be others' work by now.
    term: Arc<AtomicU64>,
}

impl Leadership {
    /// Of the only process there is, such as a command line or an operator without a Lease.
    pub fn sole() -> Self {
        Self {
            until: Arc::new(Mutex::new(None)),
            term: Arc::default(),
        }
    }

    /// That of a process which does not lead, until it claims.
    pub fn none() -> Self {
        let leadership = Self::sole();
        leadership.claim_until(Instant::now());
        leadership
    }

    /// The claim holds until then.
    pub fn claim_until(&self, end: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// Which term it is.
    pub fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    /// Waits until this process leads.
    pub async fn wait(&self) {
        while !self.is_current() {
            tokio::time::sleep(SOON).await;
        }
    }

    /// The claim ends now.
    fn end(&self) {
        self.claim_until(Instant::now());
    }

    /// Whether a write that begins now is this process's to make.
    pub fn is_current(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_none_or(|end| Instant::now() < end)
    }
}

/// What a Lease says; it changes with each renewal.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    holder: Option<String>,
    version: Option<String>,
}

/// Who leads, as far as this process knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leader {
    /// Nobody was asked yet.
    Unknown,
    /// This process.
    Us,
    /// Another one.
    Other(String),
}

/// Holds a Lease, or waits for it.
pub struct Election {
    leases: Api<Lease>,
    name: String,
    /// Who this process is. Of two that live at the same time no two are alike; one that died and was started again is
    /// the same, and need not wait for itself.
    identity: String,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    leader: Mutex<Leader>,
}

impl Election {
    /// For the Lease of this name.
    pub fn new(
        leases: Api<Lease>,
        name: String,
        identity: String,
        leadership: Leadership,
        metrics: Arc<Metrics>,
    ) -> Self {
        metrics.leads(&name, false);
        Self {
            leases,
            name,
            identity,
            leadership,
            metrics,
            leader: Mutex::new(Leader::Unknown),
        }
    }

    /// Who leads.
    pub fn leader(&self) -> Leader {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Claims leadership again and again until the future is dropped. Then the claim runs out, unless it is
    /// [released](Self::release).
    pub async fn run(&self) {
        let mut seen = None;
        loop {
            if !self.leadership.is_current() && self.leader() == Leader::Us {
                self.tell(Leader::Unknown);
            }
            let began = Instant::now();
            match tokio::time::timeout(ANSWER, self.attempt(&mut seen)).await {
                Ok(Ok(leader)) => {
                    if leader == Leader::Us {
                        if self.leader() != Leader::Us {
                            self.leadership.term.fetch_add(1, Ordering::Relaxed);
                        }
                        self.leadership.claim_until(began + RENEWED_WITHIN);
                    } else {
                        self.leadership.end();
                    }
                    self.tell(leader);
                }
                // As before there was a Lease: better unguarded than idle, unless it was seen before, so that rights were taken away
                // or the API server errs.
                Ok(Err(kube::Error::Api(error))) if error.code == 403 && seen.is_none() => {
                    if self.leader() != Leader::Us {
                        warn!(lease = self.name, %error, "{}", message::no_lease());
                    }
                    self.leadership.claim_until(began + RENEWED_WITHIN);
                    self.tell(Leader::Us);
                }
                Ok(Err(error)) => warn!(lease = self.name, %error, "the Lease could not be claimed"),
                Err(_) => warn!(lease = self.name, "the API server did not answer about the Lease"),
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// One try to take or to renew the Lease. `seen` is what it said when it changed last, and when that was.
    async fn attempt(&self, seen: &mut Option<(Record, Instant)>) -> kube::Result<Leader> {
        let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
            let mut lease = Lease::default();
            lease.metadata.name = Some(self.name.clone());
            self.take(&mut lease);
            return self.written(self.leases.create(&PostParams::default(), &lease).await);
        };
        let holder = lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone());
        let record = Record {
            holder: holder.clone().filter(|holder| !holder.is_empty()),
            version: lease.resource_version(),
        };
        if seen.as_ref().is_none_or(|(before, _)| *before != record) {
            *seen = Some((record.clone(), Instant::now()));
        }
        let since = seen.as_ref().map_or_else(Instant::now, |(_, since)| *since);
        match record.holder {
            Some(other) if other != self.identity && since.elapsed() < lasts(&lease) => Ok(Leader::Other(other)),
            _ => {
                self.take(&mut lease);
                self.written(self.leases.replace(&self.name, &PostParams::default(), &lease).await)
            }
        }
    }

    /// Somebody else may have been faster.
    fn written(&self, answer: kube::Result<Lease>) -> kube::Result<Leader> {
        match answer {
            Ok(_) => Ok(Leader::Us),
            Err(kube::Error::Api(error)) if error.code == 409 => Ok(match self.leader() {
                Leader::Us => Leader::Unknown,
                other => other,
            }),
            Err(error) => Err(error),
        }
    }

    fn take(&self, lease: &mut Lease) {
        let now = now();
        let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
        if spec.holder_identity.as_ref() != Some(&self.identity) {
            spec.acquire_time = Some(now.clone());
            spec.lease_transitions = Some(spec.lease_transitions.map_or(0, |before| before.saturating_add(1)));
        }
        spec.holder_identity = Some(self.identity.clone());
        spec.lease_duration_seconds = i32::try_from(LASTS.as_secs()).ok();
        spec.renew_time = Some(now);
    }

    fn tell(&self, leader: Leader) {
        let mut known = self.leader.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == leader {
            return;
        }
        self.metrics.leads(&self.name, leader == Leader::Us);
        match &leader {
            Leader::Us => info!(lease = self.name, identity = self.identity, "leading"),
            Leader::Other(holder) => info!(lease = self.name, holder, "{}", message::waits_for_lease(holder)),
            Leader::Unknown => {}
        }
        *known = leader;
    }

    /// Gives the Lease back, so that nobody has to wait until it runs out. Nothing is written after that.
    pub async fn release(&self) {
        self.leadership.end();
        let give_back = async {
            let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
                return kube::Result::<()>::Ok(());
            };
            let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
            if spec.holder_identity.as_ref() == Some(&self.identity) {
                spec.holder_identity = None;
                spec.renew_time = Some(now());
                self.leases.replace(&self.name, &PostParams::default(), &lease).await?;
            }
            Ok(())
        };
        match tokio::time::timeout(ANSWER, give_back).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(lease = self.name, %error, "the Lease could not be given back"),
            Err(_) => warn!(lease = self.name, "the API server did not answer about the Lease"),
        }
    }
}

/// How long the holder says that it lasts.
fn lasts(lease: &Lease) -> Duration {
    let seconds = lease.spec.as_ref().and_then(|spec| spec.lease_duration_seconds);
    let seconds = seconds.and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map_or(LASTS, Duration::from_secs)
}

/// For people who read the Lease: nothing compares it.
#[allow(clippy::disallowed_methods)] // no decision depends on it
fn now() -> MicroTime {
    MicroTime(Timestamp::now())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_itself() {
        let leadership = Leadership::none();
        assert!(!leadership.is_current());
        leadership.claim_until(Instant::now() + Duration::from_secs(10));
        let shared = leadership.clone();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(shared.is_current());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!shared.is_current());
        assert!(Leadership::sole().is_current());
    }
}
