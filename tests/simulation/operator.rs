//! The operator as the simulation drives it: the one file that names its entry points.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use classic_lb_operator::api::{FINALIZER, REQUESTED_AT};
use classic_lb_operator::aws::{Accounts, Limits, Rates};
use classic_lb_operator::controller::{Clock, Context, Guarded, Intervals, Jitter, Reconciler, Rules, Watched};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::{Format, Metrics};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::Event;
use kube::{Resource as _, ResourceExt as _};
use tokio::sync::watch;

/// The cluster id of every simulated operator.
pub(crate) const CLUSTER: &str = "simulation";

/// How many objects it works on at once.
pub(crate) const WORKERS: u16 = 64;

/// One operator process. Dropping it is the end of the process: what it remembered is gone.
#[derive(Clone)]
pub(crate) struct Operator {
    reconciler: Arc<Reconciler>,
    metrics: Arc<Metrics>,
}

impl Operator {
    /// A freshly started one, whose clock says `now`.
    pub(crate) fn start(
        client: kube::Client,
        aws: SdkConfig,
        intervals: Intervals,
        limits: Limits,
        rules: Rules,
        now: Timestamp,
        seed: u64,
    ) -> Self {
        let metrics = Arc::new(Metrics::new());
        let accounts = Accounts::new(aws, Leadership::sole(), Arc::clone(&metrics), Rates::queued(limits));
        let cluster = CLUSTER.to_owned();
        let context = Context::new(client, accounts, cluster, intervals, rules, Arc::clone(&metrics))
            .timed_by(Clock::following(now), Jitter::seeded(seed));
        let reconciler = Arc::new(Reconciler::new(context, WORKERS));
        reconciler.answers_metrics();
        Self { reconciler, metrics }
    }

    /// The value of a series, as a Prometheus server would read it now.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        let text = self.metrics.encode(Format::Text).expect("a text");
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.map(|value| value.parse().expect("a number"))
    }

    /// Reconciles one object, or what it is by the time that a worker has it, and tells when to look again.
    pub(crate) async fn reconcile<K: Watched>(
        &self,
        object: Arc<Guarded<K>>,
        newest: impl FnOnce() -> Option<Arc<Guarded<K>>>,
    ) -> Result<Option<Duration>, String> {
        let ended = self.reconciler.reconcile_one(object, newest).await;
        ended.map_err(|error| error.to_string())
    }

    /// Takes in an event of the watch of objects of a kind.
    pub(crate) fn take_object_event<K: Watched>(&self, event: &Event<Guarded<K>>) {
        self.reconciler.cx.take_object_event(event);
    }

    /// Tells that all objects shall be looked at.
    pub(crate) fn changes(&self) -> watch::Receiver<()> {
        self.reconciler.cx.changes()
    }

    /// Takes in an event of the watch of Nodes; `true`: targets may have changed.
    pub(crate) fn take_node_event(&self, event: &Event<Node>) -> bool {
        self.reconciler.cx.take_node_event(event)
    }

    /// Takes in an event of the watch of Services; `true`: listeners may have changed.
    pub(crate) fn take_service_event(&self, event: &Event<Service>) -> bool {
        self.reconciler.cx.take_service_event(event)
    }

    /// An event of the watch brought an object.
    pub(crate) fn arrived(&self, object: &Guarded) {
        self.reconciler.arrived_with(object);
    }

    /// It did, and the cache has it.
    pub(crate) fn changed<K: Watched>(&self, object: &Guarded<K>) {
        self.reconciler.changed(object);
    }

    /// Tells Nodes how far they have drained.
    pub(crate) async fn tell_nodes(&self) -> bool {
        self.reconciler.tell_nodes().await
    }

    /// Looks for load balancers that have no object any more, if it is time.
    pub(crate) async fn look_for_orphans(&self) {
        self.reconciler.look_for_orphans().await;
    }

    /// An object is gone.
    pub(crate) fn forget(&self, uid: &str) {
        self.reconciler.forget(uid);
    }
}

/// What of an object asks for a reconcile when it changes: not the operator's own writes to the status.
pub(crate) fn trigger<K: Watched>(object: &Guarded<K>) -> String {
    let meta = object.meta();
    let held = object.finalizers().iter().any(|finalizer| finalizer == FINALIZER);
    format!(
        "{:?} {:?} {} {held} {:?}",
        meta.uid,
        meta.generation,
        meta.deletion_timestamp.is_some(),
        object.annotations().get(REQUESTED_AT)
    )
}
