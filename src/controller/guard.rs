//! One reconcile, kept from harming others: it has a deadline, a panic ends it alone, and an object that cannot be
//! decoded is told once.

mod samples;

use std::collections::HashSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use kube::ResourceExt as _;
use kube::core::error_boundary::InvalidObject;
use tokio::time::Instant;
use tracing::field::{Empty, display};
use tracing::{Instrument as _, Span, debug, error, info, info_span, warn};

use super::accounts::Terms;
use super::admission::{Admission, Line, Turn};
use super::backoff;
use super::context::Context;
use super::drains;
use super::error::Error;
use super::memory::Memories;
use super::object::{Guarded, Kind, Object, Watched};
use super::orphans::Orphans;
use super::reconcile::Next;
use super::reconcile::subject::{beside, seen};
use super::replacement::reconcile;
use super::shares::{Shares, share_of, share_of_object};
use crate::api::FINALIZER;
use crate::api::message;
use crate::elb::Lane;
use crate::lease::{Share, Used};
use crate::metrics::{Reconciled, Told};
use crate::plan::Problem;
use samples::told;

/// When to look again at an object that came too late for this process.
const STOPPING: Duration = Duration::from_mins(1);

/// No reconcile takes longer; one that does is given up, so that its worker is free again.
const DEADLINE: Duration = Duration::from_mins(3);

/// Reconciles objects, and keeps what is remembered of each.
pub struct Reconciler {
    /// What every reconcile needs.
    pub cx: Context,
    memories: Memories,
    admission: Admission,
    /// Which of them are whose.
    shares: Shares,
    /// The load balancers that have no object any more.
    orphans: Orphans,
    /// By which the reconciles of this process are told from those of others in a log.
    process: u64,
    begun: AtomicU64,
}

impl Reconciler {
    /// Nothing is remembered yet. So many objects are worked on at once.
    pub fn new(cx: Context, concurrency: u16) -> Self {
        let admission = Admission::new(concurrency.into());
        cx.metrics.works_on_at_most(concurrency);
        cx.metrics.resync_period.set(cx.intervals.resync.as_secs_f64());
        Self {
            // The upper half of what is random in it.
            process: (cx.jitter.fraction().to_bits() >> 20) & 0xffff_ffff,
            cx,
            memories: Memories::default(),
            admission,
            shares: Shares::default(),
            orphans: Orphans::default(),
            begun: AtomicU64::new(0),
        }
    }

    /// An event brought the object of this kind and UID.
    pub fn arrived(&self, kind: Kind, uid: &str) {
        self.memories.arrived(kind, uid, Instant::now());
    }

    /// The same, with what its status says.
    pub fn arrived_with<K: Watched>(&self, object: &Guarded<K>) {
        let Some(uid) = object.uid() else { return };
        self.arrived(K::KIND, &uid);
        self.memories.is_legible(&uid, object.0.is_ok());
        self.count_undecodable();
        if let Some(share) = self.share(object) {
            self.shares.arrived(&uid, share);
        }
        if self.cx.rules.node_draining.is_on() {
            match &object.0 {
                Ok(object) => self.cx.drains.arrived(&uid, object.status(), Instant::now()),
                Err(_) => self.cx.drains.arrived_undecodable(&uid),
            }
        }
    }

    /// The share that an object is of; `None`: of none, or nobody can say.
    fn share<K: Watched>(&self, object: &Guarded<K>) -> Option<Share> {
        let object = object.0.as_ref().ok()?;
        share_of_object(self.cx.leaders(), object)
    }

    /// The shares that objects are of, and where each is.
    pub fn used(&self) -> Used {
        self.cx.places(self.shares.used())
    }

    /// Whether work on an object may begin here now.
    pub(super) fn admits<K: Watched>(&self, object: &Guarded<K>) -> bool {
        let share = self.share(object);
        self.cx.leaders().of(share.as_ref()).admits()
    }

    /// Tells the Nodes that are about to go what they do not know yet of how far they have drained; `false`: some could not be
    /// told.
    pub async fn tell_nodes(&self) -> bool {
        drains::tell_nodes(&self.cx).await
    }

    /// The object of this UID is gone.
    pub fn forget(&self, uid: &str) {
        self.memories.forget(uid);
        self.count_undecodable();
        self.shares.forget(uid);
        for claimant in [uid, &beside(uid)] {
            self.cx.drains.forget(claimant);
            self.cx.claims.withdraw(claimant);
        }
        self.cx.accounts.release(uid);
        self.cx.metrics.forget(uid);
    }

    /// A list of all objects of a kind was read, and those of these UIDs are there. One that vanished while nobody watched
    /// is forgotten.
    pub fn retain(&self, kind: Kind, uids: &HashSet<String>) {
        for uid in self.memories.others(kind, uids) {
            self.forget(&uid);
        }
    }

    /// Another operator may have worked on all objects of the share since this one led last: what it remembers is of another time.
    fn begin_term(&self, share: Option<&Share>, term: u64) {
        self.shares.begin_term(share, term, || {
            self.memories.clear(|uid| self.shares.is_of(uid, share));
            self.cx.drains.begin_term();
            let region = share.map(|share| share.region.as_deref().or(self.cx.accounts.default_region()));
            self.cx.accounts.forget_readings(region.flatten());
        });
    }

    /// One reconcile of one object; the answer says after how long to look again, if nothing happens before. `newest` is the object
    /// as the watch has told of it by the time that a worker has it.
    ///
    /// # Errors
    /// When the object lacks what every stored object has.
    pub async fn reconcile_one<K: Watched>(
        &self,
        object: Arc<Guarded<K>>,
        newest: impl FnOnce() -> Option<Arc<Guarded<K>>>,
    ) -> Result<Option<Duration>, Error> {
        let stored = match &object.0 {
            Ok(object) => object,
            Err(invalid) => {
                Box::pin(self.undecodable(K::KIND, invalid)).await;
                return Ok(None);
            }
        };
        let uid = stored.uid().ok_or(Error::Incomplete("uid"))?;
        // Ten thousand may wait here at once, so what the work needs is made when it begins.
        let line = self.line(&Object::of(stored), &uid);
        let Some(_turn) = self.turn(&uid, line).await else {
            return Ok(Some(STOPPING));
        };
        // It may have been changed while it waited. What is gone, or is another one, comes again by its own event.
        let newest = newest();
        match newest.as_ref().map(|object| &object.0) {
            Some(Ok(stored)) if stored.uid().as_ref() == Some(&uid) => {
                Box::pin(self.taken_up(&Object::of(stored), &uid)).await
            }
            _ => Ok(None),
        }
    }

    /// One reconcile, once a worker has it.
    async fn taken_up(&self, object: &Object, uid: &str) -> Result<Option<Duration>, Error> {
        let started = Instant::now();
        let _active = self.cx.metrics.reconcile_started();
        // The names are those of controller-runtime, which queries of logs know.
        let span = info_span!(
            "reconcile",
            controller = object.controller(),
            namespace = object.namespace(),
            name = object.name_any(),
            reconcileID = self.reconcile_id(),
            because = Empty,
            result = Empty,
            reason = Empty,
            error = Empty,
            otel.status_code = Empty,
        );
        self.guarded(object, uid, started).instrument(span).await
    }

    /// Where an object waits for a worker.
    fn line(&self, object: &Object, uid: &str) -> Line {
        let lane = if object.metadata.deletion_timestamp.is_some() {
            Lane::Change
        } else {
            let settled = is_settled(object);
            self.memories.lane(uid, &seen(object), settled, self.cx.clock.now().at)
        };
        let region = object.spec.region.as_deref().or(self.cx.accounts.default_region());
        let region = region.unwrap_or_default();
        let namespace = object.namespace().unwrap_or_default();
        let terms = Terms::of(&object.spec, &namespace, &self.cx.account_view, &self.cx.rules).ok();
        let role = terms.and_then(|terms| terms.role());
        let silent = self.cx.accounts.is_silent(role.as_ref(), region);
        // One account that hangs takes no workers from another in the same region.
        let account = object.spec.account_ref.as_ref().map_or("", |account| &account.name);
        let at = self.at(account, region);
        Line { lane, at, silent }
    }

    /// An event brought an object that may be waiting for a worker, and the cache has it.
    pub fn changed<K: Watched>(&self, object: &Guarded<K>) {
        let Ok(stored) = &object.0 else { return };
        if let Some(uid) = stored.uid().filter(|uid| self.admission.has_waiting(uid)) {
            self.admission.changed(&uid, self.line(&Object::of(stored), &uid));
        }
    }

    /// Waits for a worker; `None`: the operator stops.
    async fn turn(&self, uid: &str, line: Line) -> Option<Turn> {
        self.cx.metrics.queued();
        let came = Instant::now();
        let turn = self.admission.turn(uid, line).await;
        self.cx.metrics.taken_up(came.elapsed());
        turn
    }

    /// No reconcile begins any more; those under way end.
    pub(super) fn close(&self) {
        self.admission.close();
    }

    /// One that no other reconcile has, of this process or of others.
    fn reconcile_id(&self) -> String {
        format!("{:08x}-{}", self.process, self.begun.fetch_add(1, Ordering::Relaxed))
    }

    async fn guarded(&self, object: &Object, uid: &str, started: Instant) -> Result<Option<Duration>, Error> {
        // What it has read so far may be others' work by the next term, so it is not taken up again there.
        let share = share_of(self.cx.leaders(), &object.spec);
        let leadership = self.cx.leaders().of(share.as_ref());
        let work = leadership.begin().ok_or(Error::NotLeader)?;
        let term = work.term();
        self.begin_term(share.as_ref(), term);
        let mut memory = self.memories.take(uid);
        memory.schedule.arrived(self.memories.arrival(uid));
        let outcome = {
            let done = work.during(reconcile(&self.cx, object, &mut memory));
            let done = tokio::time::timeout(DEADLINE, done);
            match Box::pin(AssertUnwindSafe(done).catch_unwind()).await {
                Ok(Ok(Some(result))) => result,
                Ok(Ok(None)) => Err(Error::NotLeader),
                Ok(Err(_)) => Err(Error::Timeout(DEADLINE)),
                Err(panic) => {
                    self.cx.metrics.reconcile_panicked();
                    memory = memory.after_a_panic();
                    Err(Error::Panic(panic_text(panic.as_ref())))
                }
            }
        };
        self.cx.drains.ends(uid);
        let reconciled = outcome.as_ref().map_or(Reconciled::Error, reconciled);
        self.cx.metrics.reconcile_ended(reconciled, started.elapsed());
        let wait = match outcome {
            Ok(next) => {
                tell_what_stands(&next);
                if next.whole {
                    debug!(next_try = when(next.wait), "reconciled");
                }
                next.wait
            }
            Err(error) => {
                let wait = backoff::delay(memory.schedule.failed(), self.cx.jitter.fraction());
                error!(%error, next_try = when(Some(wait)), "the reconcile failed");
                Span::current().record("error", display(error));
                Some(wait)
            }
        };
        let span = Span::current();
        span.record("result", reconciled.as_str());
        if reconciled == Reconciled::Error {
            span.record("otel.status_code", "ERROR");
        }
        if memory.lifecycle.is_released() {
            self.cx.metrics.forget(uid);
        }
        let keeps = !memory.lifecycle.is_released() && term == leadership.term();
        if let Some(told) = told(object, &memory).filter(|_| keeps && leadership.is_current()) {
            let lease = share.and_then(|share| self.cx.leaders().lease(&share));
            self.cx.metrics.tell_of(uid, Told { lease, ..told });
        }
        if self.memories.put(uid, keeps.then_some(memory)) {
            // With what this reconcile has told of it since.
            self.forget(uid);
        }
        let backing_off = i64::try_from(self.memories.backing_off()).unwrap_or(i64::MAX);
        self.cx.metrics.backing_off.set(backing_off);
        Ok(wait)
    }

    /// Tells whose object it is and what is wrong with it, once for each of its generations and once more when it is deleted;
    /// the others go on.
    async fn undecodable(&self, kind: Kind, invalid: &InvalidObject) {
        let uid = invalid.metadata.uid.clone().unwrap_or_default();
        let deleted = invalid.metadata.deletion_timestamp.is_some();
        // Not by its version, which others change as often as they like.
        let what = format!("{:?} {deleted} {}", invalid.metadata.generation, invalid.error);
        if !self.memories.is_news(uid, what) {
            return;
        }
        self.cx.metrics.decode_failures.inc();
        let object = Object {
            kind,
            metadata: invalid.metadata.clone(),
            ..Object::default()
        };
        error!(
            controller = object.controller(),
            namespace = object.namespace(),
            name = object.name_any(),
            error = %invalid.error,
            "the object cannot be decoded"
        );
        let message = if deleted {
            message::undecodable_and_deleted(&invalid.error, FINALIZER)
        } else {
            message::undecodable(&invalid.error)
        };
        self.cx.kubernetes.warning(&object, "Reconcile", &message).await;
    }
}

/// Whether the status is about the spec as it is.
fn is_settled(object: &Object) -> bool {
    let observed = object.status.as_ref().and_then(|status| status.observed_generation);
    observed == object.metadata.generation
}

/// A mistake in an object must wake nobody who runs the operator.
fn reconciled(next: &Next) -> Reconciled {
    if !next.failed {
        Reconciled::Success
    } else if !next.problems.is_empty() && next.problems.iter().all(Problem::is_for_its_owner) {
        Reconciled::RequeueAfter
    } else {
        Reconciled::Error
    }
}

/// Ends the log of a reconcile that left something undone: what, and when it is tried again. What went wrong on the way
/// was told when it did.
fn tell_what_stands(next: &Next) {
    let Some(problem) = next.problems.first() else {
        return;
    };
    let (reason, problem, problems) = (problem.message.reason(), problem.message.text(), next.problems.len());
    let next_try = when(next.wait);
    if next.failed {
        warn!(reason, problem, problems, next_try, "not as declared");
    } else {
        info!(reason, problem, problems, next_try, "not as declared");
    }
    Span::current().record("reason", reason);
}

/// When an object is looked at again, for a log.
fn when(wait: Option<Duration>) -> String {
    wait.map_or_else(
        || "on-change".to_owned(),
        |wait| format!("in {:.1}s", wait.as_secs_f64()),
    )
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(message::no_message)
}
