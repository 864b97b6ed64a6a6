//! Leadership: who may write.
//!
//! A claim ends by this process's own monotonic clock, before anybody else may take it. The gate of every AWS call and
//! every write to Kubernetes asks it at the moment of the write, so a process that slept through its claim writes
//! nothing. The rules are those of client-go: a Lease lasts 15 s from when others saw it renewed, its holder stops after
//! 10 s without a renewal, and everybody asks every 2 s. No clock is compared with that of another machine.

mod claim;
mod leaders;
mod members;
mod sharing;
mod sight;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};
use kube::{Api, Client, Resource as _, ResourceExt as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::{FIELD_MANAGER, message};
use crate::metrics::Metrics;
use crate::readiness::{Readiness, Resource};
use sight::{Record, Sight};

pub use claim::{Claim, Leadership, Work};
pub use leaders::{Leaders, Share, best};
pub use sharing::{Sharing, Used};

/// How long a Lease lasts after others saw it renewed.
const LASTS: Duration = Duration::from_secs(15);
/// What stands in a Lease that was given back, in place of how long it lasts, as client-go writes it: with no holder, anybody may
/// take it at once.
const GIVEN_BACK: i32 = 1;
/// How long its holder goes on without having renewed it.
const RENEWED_WITHIN: Duration = Duration::from_secs(10);
/// Between two tries.
const RETRY: Duration = Duration::from_secs(2);
/// How long an answer of the API server is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// How long work under way may take to end before a Lease is given to another process.
pub const GRACE: Duration = Duration::from_secs(25);
/// How often giving back is tried, where a renewal that was under way comes in between.
const TRIES: usize = 3;

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
    client: Client,
    leases: Api<Lease>,
    name: String,
    /// Who this process is. Of two that live at the same time no two are alike; one that died and was started again is
    /// the same, and need not wait for itself.
    identity: String,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    leader: Mutex<Leader>,
    /// Whether it is for this process to lead. If not, it gives the Lease back.
    wanted: watch::Sender<bool>,
}

impl Election {
    /// For the Lease of this name in this namespace.
    pub fn new(
        client: Client,
        (namespace, name): (&str, String),
        identity: String,
        leadership: Leadership,
        metrics: Arc<Metrics>,
        readiness: Arc<Readiness>,
    ) -> Self {
        metrics.leads(&name, false);
        Self {
            leases: Api::namespaced(client.clone(), namespace),
            client,
            name,
            identity,
            leadership,
            metrics,
            readiness,
            leader: Mutex::new(Leader::Unknown),
            wanted: watch::Sender::new(true),
        }
    }

    /// Whether it is for this process to lead, from now on.
    fn want(&self, wanted: bool) {
        self.wanted
            .send_if_modified(|before| std::mem::replace(before, wanted) != wanted);
    }

    fn is_wanted(&self) -> bool {
        *self.wanted.borrow()
    }

    /// Who leads.
    pub fn leader(&self) -> Leader {
        self.leader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Claims leadership again and again until the future is dropped. Then the claim runs out, unless it is
    /// [released](Self::release).
    pub async fn run(&self) {
        let mut sight = Sight::default();
        let mut wanted = self.wanted.subscribe();
        let mut closed = None;
        loop {
            if !self.leadership.is_current() && self.leader() == Leader::Us {
                self.tell(Leader::Unknown);
            }
            if *wanted.borrow_and_update() {
                self.leadership.open();
                closed = None;
            } else if self.leader() == Leader::Us {
                self.yields(*closed.get_or_insert_with(Instant::now)).await;
            }
            let led = self.leader() == Leader::Us;
            let taken = self.try_once(&mut sight).await;
            let announced = async {
                if let Some(lease) = taken.filter(|_| !led) {
                    self.announce(&lease).await;
                }
            };
            let pause = async {
                tokio::select! {
                    biased;
                    () = tokio::time::sleep(sight.pause()) => {}
                    _ = wanted.changed() => {}
                    () = self.leadership.idle(), if closed.is_some() && self.leader() == Leader::Us => {}
                }
            };
            tokio::join!(pause, announced);
        }
    }

    /// The Lease is to be another process's: it is given back when the work under way has ended, or has had its time since then.
    async fn yields(&self, since: Instant) {
        self.leadership.close();
        let idle = self.leadership.idle().now_or_never().is_some();
        if idle || since.elapsed() >= GRACE {
            self.release().await;
        }
    }

    /// One try, and what follows from it. Returns the Lease where it is ours.
    async fn try_once(&self, sight: &mut Sight) -> Option<Lease> {
        let began = Instant::now();
        match tokio::time::timeout(ANSWER, self.attempt(sight)).await {
            Ok(Ok((leader, lease))) => {
                sight.settled = true;
                self.readiness.listed(Resource::Lease);
                if leader == Leader::Us {
                    self.leadership.claim_until(began + RENEWED_WITHIN);
                } else {
                    self.leadership.end();
                }
                self.tell(leader);
                return lease;
            }
            // Nobody leads unguarded, also not who has no right to the Lease: who else is there cannot be known.
            Ok(Err(error)) => {
                warn!(lease = self.name, %error, "the Lease could not be claimed");
                self.readiness.failing(Resource::Lease, &in_words(&error));
            }
            Err(_) => {
                warn!(lease = self.name, "the API server did not answer about the Lease");
                let silent = message::api_server_silent(ANSWER.as_secs());
                self.readiness.failing(Resource::Lease, &silent);
            }
        }
        None
    }

    /// One try to take or to renew the Lease.
    async fn attempt(&self, sight: &mut Sight) -> kube::Result<(Leader, Option<Lease>)> {
        let lease = self.leases.get_opt(&self.name).await?;
        let record = Record::of(lease.as_ref());
        let rested = sight.take(&record);
        // One that is not wanted only goes on, until it has given the Lease back.
        let takes = self.is_wanted() || self.leader() == Leader::Us;
        if !takes || !sight.is_free(&record, rested, &self.identity, self.leadership.is_current()) {
            let other = record.holder.filter(|holder| *holder != self.identity);
            return Ok((other.map_or(Leader::Unknown, Leader::Other), None));
        }
        let exists = lease.is_some();
        let mut lease = lease.unwrap_or_default();
        self.take(&mut lease);
        let written = if exists {
            self.leases.replace(&self.name, &PostParams::default(), &lease).await
        } else {
            lease.metadata.name = Some(self.name.clone());
            self.leases.create(&PostParams::default(), &lease).await
        };
        match written {
            Ok(lease) => {
                sight.written = lease.resource_version();
                Ok((Leader::Us, Some(lease)))
            }
            // Somebody else was faster.
            Err(kube::Error::Api(error)) if error.code == 409 => Ok(match self.leader() {
                Leader::Us => (Leader::Unknown, None),
                other => (other, None),
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

    /// Publishes an Event about the Lease: this process leads from now on. It must not hold up the next renewal.
    async fn announce(&self, lease: &Lease) {
        let message = message::became_leader(&self.identity);
        let event = Event {
            type_: EventType::Normal,
            reason: message.reason().to_owned(),
            note: Some(message.text().to_owned()),
            action: message.reason().to_owned(),
            secondary: None,
        };
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: None,
        };
        let recorder = Recorder::new(self.client.clone(), reporter);
        let reference = lease.object_ref(&());
        match tokio::time::timeout(RETRY, recorder.publish(&event, &reference)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, reason = message.reason(), "an Event could not be published"),
            Err(_) => warn!(reason = message.reason(), "an Event could not be published in time"),
        }
    }

    /// Gives the Lease back, so that nobody has to wait until it runs out. Nothing is written after that.
    pub async fn release(&self) {
        self.leadership.end();
        self.tell(Leader::Unknown);
        match tokio::time::timeout(ANSWER, self.give_back()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(lease = self.name, %error, "the Lease could not be given back"),
            Err(_) => warn!(lease = self.name, "the API server did not answer about the Lease"),
        }
    }

    async fn give_back(&self) -> kube::Result<()> {
        let mut tries = 1;
        loop {
            let Some(mut lease) = self.leases.get_opt(&self.name).await? else {
                return Ok(());
            };
            let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
            if spec.holder_identity.as_ref() != Some(&self.identity) {
                return Ok(());
            }
            spec.holder_identity = None;
            spec.lease_duration_seconds = Some(GIVEN_BACK);
            spec.renew_time = Some(now());
            match self.leases.replace(&self.name, &PostParams::default(), &lease).await {
                // A renewal that was under way came in between.
                Err(kube::Error::Api(error)) if error.code == 409 && tries < TRIES => tries += 1,
                other => return other.map(drop),
            }
        }
    }
}

/// For people who read the Lease: nothing compares it.
#[allow(clippy::disallowed_methods)] // no decision depends on it
fn now() -> MicroTime {
    MicroTime(Timestamp::now())
}

/// Why the API server could not be asked, for people.
fn in_words(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => message::refused_by_kubernetes(&status.message, status.code),
        other => other.to_string(),
    }
}
