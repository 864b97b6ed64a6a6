//! The queue of objects that wait for a worker: how many there are, asked at each scrape, and how long they wait and are
//! worked on.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::CONTROLLER;

type Source = Box<dyn Fn() -> Vec<(&'static str, usize)> + Send + Sync>;

/// Asks for the depth of the queue by priority when it is scraped.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Option<Source>>>);

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    pub(super) fn from(&self, source: impl Fn() -> Vec<(&'static str, usize)> + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(source));
    }
}

/// The queue, under the two labels that dashboards know it by.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct QueueLabels {
    name: &'static str,
    controller: &'static str,
}

const QUEUE: QueueLabels = QueueLabels {
    name: CONTROLLER,
    controller: CONTROLLER,
};

/// What became of those that were in the queue.
#[derive(Clone, Debug)]
pub(super) struct Work {
    adds: Family<QueueLabels, Counter>,
    retries: Family<QueueLabels, Counter>,
    waited: Family<QueueLabels, Histogram>,
    worked: Family<QueueLabels, Histogram>,
}

impl Work {
    pub(super) fn new() -> Self {
        let seconds = || Histogram::new([0.001, 0.01, 0.1, 1.0, 10.0, 100.0, 1000.0]);
        let work = Self {
            adds: Family::default(),
            retries: Family::default(),
            waited: Family::new_with_constructor(seconds),
            worked: Family::new_with_constructor(seconds),
        };
        // They exist from the start, so that a rate can be taken of them.
        work.adds.get_or_create(&QUEUE).inc_by(0);
        work.retries.get_or_create(&QUEUE).inc_by(0);
        drop(work.waited.get_or_create(&QUEUE));
        drop(work.worked.get_or_create(&QUEUE));
        work
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "workqueue_adds",
            "Objects that came to wait for a worker",
            self.adds.clone(),
        );
        registry.register(
            "workqueue_retries",
            "Objects that wait for another try, since the last one failed",
            self.retries.clone(),
        );
        registry.register(
            "workqueue_queue_duration_seconds",
            "How long an object waited for a worker",
            self.waited.clone(),
        );
        registry.register(
            "workqueue_work_duration_seconds",
            "How long a worker had an object",
            self.worked.clone(),
        );
    }

    pub(super) fn added(&self) {
        self.adds.get_or_create(&QUEUE).inc();
    }

    pub(super) fn taken_up(&self, waited: Duration) {
        self.waited.get_or_create(&QUEUE).observe(waited.as_secs_f64());
    }

    pub(super) fn done(&self, took: Duration) {
        self.worked.get_or_create(&QUEUE).observe(took.as_secs_f64());
    }

    pub(super) fn retried(&self) {
        self.retries.get_or_create(&QUEUE).inc();
    }
}

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let depths = {
            let source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            source.as_ref().map_or_else(Vec::new, |source| source())
        };
        let help = "Objects that wait for a worker";
        let mut descriptor = encoder.encode_descriptor("workqueue_depth", help, None, MetricType::Gauge)?;
        for (priority, depth) in depths {
            let labels = [("name", CONTROLLER), ("controller", CONTROLLER), ("priority", priority)];
            let depth = u64::try_from(depth).unwrap_or(u64::MAX);
            ConstGauge::new(depth).encode(descriptor.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
