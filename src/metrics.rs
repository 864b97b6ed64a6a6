//! Metrics of the operator, in the names that controller-runtime made familiar where the meaning is the same.
//!
//! Only the metrics of single objects, which are bounded and can be switched off, grow with the fleet.

mod labels;
mod objects;
mod process;
mod queue;
mod reconciled;
pub mod reference;
mod regions;
mod text;

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use labels::{
    CallLabels, ControllerLabels, LaneLabels, LeaseLabels, OperationLabels, PlaceLabels, ReconcileLabels,
    RequestLabels, ThrottleLabels,
};
use objects::Objects;
pub use objects::Told;
use process::Process;
use queue::{Queue, Work};
pub use queue::{QueueSample, WaitingSample};
pub use reconciled::Reconciled;
use regions::Regions;
pub use regions::{BucketSample, Endpoint, RegionSample};
pub use text::Format;

/// The value of the `controller` label, in logs too.
pub const CONTROLLER: &str = "classicloadbalancer";

/// All metrics and the registry that prints them.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<ReconcileLabels, Counter>,
    reconcile_errors: Family<ControllerLabels, Counter>,
    reconcile_panics: Family<ControllerLabels, Counter>,
    reconcile_seconds: Family<ControllerLabels, Histogram>,
    active_workers: Family<ControllerLabels, Gauge>,
    most_workers: Family<ControllerLabels, Gauge>,
    requests: Family<RequestLabels, Counter>,
    calls: Family<CallLabels, Counter>,
    call_seconds: Family<OperationLabels, Histogram>,
    throttles: Family<ThrottleLabels, Counter>,
    waits: Family<LaneLabels, Counter>,
    health_age: Family<PlaceLabels, Histogram>,
    regions: Regions,
    queue: Queue,
    work: Work,
    steps: Family<OperationLabels, Counter>,
    objects: Objects,
    leader: Family<LeaseLabels, Gauge>,
    /// Objects that wait for another try after a failure.
    pub backing_off: Gauge,
    /// Objects that cannot be decoded as they are.
    pub undecodable: Gauge,
    /// How often one could not be.
    pub decode_failures: Counter,
    /// Seconds between two reads of a load balancer that nothing asked for.
    pub resync_period: Gauge<f64, AtomicU64>,
    /// Seconds of the Unix epoch at the last event of any watch.
    pub last_watch_event: Gauge<f64, AtomicU64>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Without metrics of single objects.
    pub fn new() -> Self {
        Self::with_objects(0)
    }

    /// With metrics of so many objects at most. Registers everything; the controller's series exist from the start, so
    /// that a rate can be taken of them.
    pub fn with_objects(limit: usize) -> Self {
        let seconds = || {
            Histogram::new([
                0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0,
            ])
        };
        let ages = || Histogram::new([15.0, 30.0, 60.0, 90.0, 120.0, 300.0, 600.0, 1200.0, 3600.0]);
        let mut metrics = Self {
            registry: Registry::default(),
            reconciles: Family::default(),
            reconcile_errors: Family::default(),
            reconcile_panics: Family::default(),
            reconcile_seconds: Family::new_with_constructor(seconds),
            active_workers: Family::default(),
            most_workers: Family::default(),
            requests: Family::default(),
            calls: Family::default(),
            call_seconds: Family::new_with_constructor(seconds),
            throttles: Family::default(),
            waits: Family::default(),
            health_age: Family::new_with_constructor(ages),
            regions: Regions::default(),
            queue: Queue::default(),
            work: Work::new(),
            steps: Family::default(),
            objects: Objects::new(limit),
            leader: Family::default(),
            backing_off: Gauge::default(),
            undecodable: Gauge::default(),
            decode_failures: Counter::default(),
            resync_period: Gauge::default(),
            last_watch_event: Gauge::default(),
        };
        metrics.register();
        let labels = ControllerLabels { controller: CONTROLLER };
        metrics.reconcile_errors.get_or_create(&labels).inc_by(0);
        metrics.reconcile_panics.get_or_create(&labels).inc_by(0);
        metrics.active_workers.get_or_create(&labels).set(0);
        drop(metrics.reconcile_seconds.get_or_create(&labels));
        for result in Reconciled::ALL.map(Reconciled::as_str) {
            metrics
                .reconciles
                .get_or_create(&ReconcileLabels {
                    controller: CONTROLLER,
                    result,
                })
                .inc_by(0);
        }
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "controller_runtime_reconcile",
            "Reconciles by result: success; requeue_after, where an object asks for what cannot be had yet; error, where the \
             operator, Kubernetes or AWS failed",
            self.reconciles.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_errors",
            "Reconciles that failed, but for no mistake in an object",
            self.reconcile_errors.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_panics",
            "Reconciles that panicked",
            self.reconcile_panics.clone(),
        );
        registry.register(
            "controller_runtime_reconcile_time_seconds",
            "Duration of reconciles",
            self.reconcile_seconds.clone(),
        );
        registry.register(
            "controller_runtime_active_workers",
            "Reconciles under way",
            self.active_workers.clone(),
        );
        registry.register(
            "clb_operator_aws_api_requests",
            "Calls to AWS by operation and outcome",
            self.calls.clone(),
        );
        registry.register(
            "clb_operator_aws_api_duration_seconds",
            "Duration of calls to AWS",
            self.call_seconds.clone(),
        );
        registry.register(
            "clb_operator_aws_api_throttles",
            "Calls that AWS throttled",
            self.throttles.clone(),
        );
        registry.register(
            "clb_operator_aws_api_waits",
            "Calls that found our share of a bucket used up, so that their object waits for its turn",
            self.waits.clone(),
        );
        registry.register(
            "clb_operator_health_age_seconds",
            "How old the health of a load balancer's instances was when it was read again",
            self.health_age.clone(),
        );
        registry.register(
            "clb_operator_plan_steps",
            "Steps of plans that AWS carried out",
            self.steps.clone(),
        );
        self.register_state();
    }

    /// What the operator itself is like.
    fn register_state(&mut self) {
        let registry = &mut self.registry;
        registry.register_collector(Box::new(self.regions.clone()));
        registry.register_collector(Box::new(self.queue.clone()));
        self.work.register(registry);
        registry.register_collector(Box::new(Process));
        registry.register(
            "controller_runtime_max_concurrent_reconciles",
            "How many reconciles there may be at once",
            self.most_workers.clone(),
        );
        registry.register(
            "rest_client_requests",
            "Requests to the Kubernetes API server by status, or `<error>` where none came",
            self.requests.clone(),
        );
        registry.register_collector(Box::new(self.objects.clone()));
        registry.register(
            "leader_election_master_status",
            "Whether this process holds the Lease, 1 or 0",
            self.leader.clone(),
        );
        registry.register(
            "clb_operator_objects_backing_off",
            "Objects waiting after a failure",
            self.backing_off.clone(),
        );
        registry.register(
            "clb_operator_undecodable_objects",
            "Objects that this version cannot read as they are now",
            self.undecodable.clone(),
        );
        registry.register(
            "clb_operator_objects_undecodable",
            "Objects that could not be decoded, counted anew when they change and still cannot be",
            self.decode_failures.clone(),
        );
        registry.register(
            "clb_operator_resync_period_seconds",
            "How often a load balancer is read though nothing happened, as the operator was told",
            self.resync_period.clone(),
        );
        registry.register(
            "clb_operator_last_watch_event_timestamp_seconds",
            "When a watch of the Kubernetes API last said anything",
            self.last_watch_event.clone(),
        );
        registry.register(
            "clb_operator_build",
            "The running version",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
    }

    /// Whether this process holds a Lease. One that does not works on no object, and leaves it to another to tell of them.
    pub fn leads(&self, lease: &str, leads: bool) {
        let labels = LeaseLabels { name: lease.to_owned() };
        self.leader.get_or_create(&labels).set(leads.into());
        if !leads {
            self.objects.clear(lease);
        }
    }

    /// Nobody is to hold this Lease any more, as where no object is left in a region.
    pub fn no_lease(&self, lease: &str) {
        self.leader.remove(&LeaseLabels { name: lease.to_owned() });
    }

    /// So many objects are worked on at once, at most.
    pub fn works_on_at_most(&self, limit: u16) {
        let labels = ControllerLabels { controller: CONTROLLER };
        self.most_workers.get_or_create(&labels).set(limit.into());
    }

    /// An object came to wait for a worker.
    pub fn queued(&self) {
        self.work.added();
    }

    /// A worker took it up.
    pub fn taken_up(&self, waited: Duration) {
        self.work.taken_up(waited);
    }

    /// A request to the API server ended; without a status none was had.
    pub fn requested(&self, method: &str, host: &str, status: Option<u16>) {
        let labels = RequestLabels {
            code: status.map_or_else(|| "<error>".to_owned(), |status| status.to_string()),
            method: method.to_owned(),
            host: host.to_owned(),
        };
        self.requests.get_or_create(&labels).inc();
    }

    /// A reconcile begins; the guard counts it as ended when dropped.
    pub fn reconcile_started(&self) -> impl Drop + use<> {
        let gauge = self
            .active_workers
            .get_or_create(&ControllerLabels { controller: CONTROLLER })
            .clone();
        gauge.inc();
        OnDrop(move || {
            gauge.dec();
        })
    }

    /// A reconcile ended.
    pub fn reconcile_ended(&self, reconciled: Reconciled, took: Duration) {
        let labels = ControllerLabels { controller: CONTROLLER };
        let result = reconciled.as_str();
        self.reconciles
            .get_or_create(&ReconcileLabels {
                controller: CONTROLLER,
                result,
            })
            .inc();
        self.work.done(took);
        if reconciled == Reconciled::Error {
            self.work.retried();
            self.reconcile_errors.get_or_create(&labels).inc();
        }
        self.reconcile_seconds
            .get_or_create(&labels)
            .observe(took.as_secs_f64());
    }

    /// A reconcile panicked.
    pub fn reconcile_panicked(&self) {
        self.reconcile_panics
            .get_or_create(&ControllerLabels { controller: CONTROLLER })
            .inc();
    }

    /// A call to AWS ended; `code` is `OK` or the error code.
    pub fn call(&self, at: &Endpoint, call: (&'static str, &'static str), code: &str, throttled: bool, took: Duration) {
        let (operation, lane) = call;
        self.calls
            .get_or_create(&CallLabels::new(at, operation, lane, code))
            .inc();
        self.call_seconds
            .get_or_create(&OperationLabels { operation })
            .observe(took.as_secs_f64());
        if throttled {
            self.throttles.get_or_create(&ThrottleLabels::new(at, operation)).inc();
        }
    }

    /// A call was not made, since our share of the bucket is used up.
    pub fn waits(&self, at: &Endpoint, lane: &'static str, bucket: &'static str) {
        self.waits.get_or_create(&LaneLabels::new(at, lane, bucket)).inc();
    }

    /// The health of a load balancer's instances was read, and the reading before was so old.
    pub fn health_read(&self, at: &Endpoint, age: Duration) {
        self.health_age
            .get_or_create(&PlaceLabels::new(at))
            .observe(age.as_secs_f64());
    }

    /// Who is asked, at each scrape, how the regions stand.
    pub fn regions_from(&self, source: impl Fn() -> Vec<RegionSample> + Send + Sync + 'static) {
        self.regions.from(source);
    }

    /// Who is asked, at each scrape, which objects wait, and which are worked on.
    pub fn queue_from(&self, source: impl Fn() -> QueueSample + Send + Sync + 'static) {
        self.queue.from(source);
    }

    /// AWS carried out a step of a plan.
    pub fn step(&self, operation: &'static str) {
        self.steps.get_or_create(&OperationLabels { operation }).inc();
    }

    /// How the object of this UID is.
    pub fn tell_of(&self, uid: &str, told: Told) {
        self.objects.tell(uid, told);
    }

    /// What somebody else made of an object's load balancer was put right.
    pub fn drift_corrected(&self, uid: &str) {
        self.objects.drift_corrected(uid);
    }

    /// The object of this UID is gone.
    pub fn forget(&self, uid: &str) {
        self.objects.forget(uid);
    }

    /// The text that a Prometheus server reads.
    pub fn encode(&self, format: Format) -> Result<String, std::fmt::Error> {
        let mut open = String::new();
        encode(&mut open, &self.registry)?;
        Ok(match format {
            Format::OpenMetrics => open,
            Format::Text => text::plain(&open),
        })
    }
}

/// Runs a closure when dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}
