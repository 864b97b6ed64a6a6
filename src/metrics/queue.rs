//! Objects that wait, for a worker or for AWS's rate: how many there are and for how long, asked at each scrape, and how long
//! they have waited and were worked on.

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

use super::{CONTROLLER, Endpoint};

/// How the queue stands.
#[derive(Clone, Debug, Default)]
pub struct QueueSample {
    /// How many wait for a worker, by priority.
    pub depths: Vec<(&'static str, usize)>,
    /// The same by account and region, too.
    pub waiting: Vec<WaitingSample>,
    /// How long each of those that are worked on has been.
    pub at_work: Vec<Duration>,
    /// How many wait for their turn at AWS, and for no worker.
    pub for_rate: Vec<(Endpoint, usize)>,
}

/// Those of one priority that wait for a worker in one region of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingSample {
    /// The priority.
    pub priority: &'static str,
    /// Account and region.
    pub at: Endpoint,
    /// How many there are.
    pub depth: usize,
    /// How long the one has waited that came first.
    pub oldest: Duration,
}

type Source = Box<dyn Fn() -> QueueSample + Send + Sync>;

/// Asks for the queue when it is scraped.
#[derive(Clone, Default)]
pub(super) struct Queue(Arc<Mutex<Option<Source>>>);

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue")
    }
}

impl Queue {
    pub(super) fn from(&self, source: impl Fn() -> QueueSample + Send + Sync + 'static) {
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
        let sample = {
            let source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            source.as_ref().map_or_else(QueueSample::default, |source| source())
        };
        let queue = [("name", CONTROLLER), ("controller", CONTROLLER)];
        let help = "Objects that wait for a worker";
        let mut gauge = encoder.encode_descriptor("workqueue_depth", help, None, MetricType::Gauge)?;
        for (priority, depth) in sample.depths {
            let labels = [queue[0], queue[1], ("priority", priority)];
            ConstGauge::new(number(depth)).encode(gauge.encode_family(&labels)?)?;
        }
        // As client-go counts them: what `workqueue_work_duration_seconds` has not seen yet.
        let longest = sample.at_work.iter().max().copied().unwrap_or_default();
        let workers: [(&str, &str, Duration); 2] = [
            (
                "workqueue_unfinished_work_seconds",
                "How long all objects that workers have now have been worked on, added up",
                sample.at_work.iter().sum(),
            ),
            (
                "workqueue_longest_running_processor_seconds",
                "How long the worker has been at work that has been longest",
                longest,
            ),
        ];
        for (name, help, time) in workers {
            let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(time.as_secs_f64()).encode(gauge.encode_family(&queue)?)?;
        }
        encode_places(&sample.waiting, &sample.for_rate, &mut encoder)
    }
}

/// What is told of each account and region.
fn encode_places(
    waiting: &[WaitingSample],
    for_rate: &[(Endpoint, usize)],
    encoder: &mut DescriptorEncoder<'_>,
) -> fmt::Result {
    let help = "Objects that wait for a worker, by account and region";
    let mut gauge = encoder.encode_descriptor("clb_operator_queue_depth", help, None, MetricType::Gauge)?;
    for waiting in waiting {
        ConstGauge::new(number(waiting.depth)).encode(gauge.encode_family(&waiting.labels())?)?;
    }
    let help = "How long the object has waited for a worker that came first of those that do, by account and region";
    let mut gauge = encoder.encode_descriptor("clb_operator_queue_age_seconds", help, None, MetricType::Gauge)?;
    for waiting in waiting {
        let oldest = waiting.oldest.as_secs_f64();
        ConstGauge::new(oldest).encode(gauge.encode_family(&waiting.labels())?)?;
    }
    let help = "Objects that wait for their turn at AWS, since our share of its rate is used up, and for no worker";
    let name = "clb_operator_objects_waiting_for_rate";
    let mut gauge = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (at, objects) in for_rate {
        ConstGauge::new(number(*objects)).encode(gauge.encode_family(&at.labels())?)?;
    }
    Ok(())
}

impl WaitingSample {
    fn labels(&self) -> [(&'static str, &str); 3] {
        let [account, region] = self.at.labels();
        [("priority", self.priority), account, region]
    }
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use crate::metrics::{Format, Metrics};

    use super::*;

    fn at(account: &str, region: &str) -> Endpoint {
        Endpoint {
            account: account.into(),
            region: region.into(),
        }
    }

    #[test]
    fn who_waits_is_told_by_place_and_what_is_gone_is_told_no_more() {
        let metrics = Metrics::new();
        let shown = |series: &str| {
            let text = metrics.encode(Format::Text).expect("a text");
            let lines = text.lines().filter_map(|line| line.strip_prefix(series));
            lines.map(ToOwned::to_owned).collect::<Vec<_>>()
        };
        metrics.queue_from(|| QueueSample {
            depths: vec![("change", 3), ("sweep", 0)],
            waiting: vec![WaitingSample {
                priority: "change",
                at: at("111122223333", "eu-west-1"),
                depth: 3,
                oldest: Duration::from_millis(2500),
            }],
            at_work: vec![Duration::from_secs(4), Duration::from_secs(7)],
            for_rate: vec![(at("", "us-east-1"), 5)],
        });
        let of_place = "{priority=\"change\",account=\"111122223333\",region=\"eu-west-1\"}";
        let queue = "{name=\"classicloadbalancer\",controller=\"classicloadbalancer\"}";
        for (name, labels, value) in [
            ("clb_operator_queue_depth", of_place, "3"),
            ("clb_operator_queue_age_seconds", of_place, "2.5"),
            (
                "clb_operator_objects_waiting_for_rate",
                "{account=\"\",region=\"us-east-1\"}",
                "5",
            ),
            ("workqueue_unfinished_work_seconds", queue, "11.0"),
            ("workqueue_longest_running_processor_seconds", queue, "7.0"),
        ] {
            assert_eq!(shown(name), [format!("{labels} {value}")], "{name}");
        }
        let depth = "workqueue_depth{name=\"classicloadbalancer\",controller=\"classicloadbalancer\",priority=";
        assert_eq!(shown(depth), ["\"change\"} 3", "\"sweep\"} 0"]);

        metrics.queue_from(QueueSample::default);
        for name in [
            "clb_operator_queue_depth",
            "clb_operator_queue_age_seconds",
            "clb_operator_objects_waiting_for_rate",
        ] {
            assert_eq!(shown(name), Vec::<String>::new());
        }
        for name in [
            "workqueue_unfinished_work_seconds",
            "workqueue_longest_running_processor_seconds",
        ] {
            assert_eq!(shown(name), [format!("{queue} 0.0")], "nobody works");
        }
    }
}
