//! How many objects wait for a worker, asked at each scrape.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

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

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let depths = {
            let source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            source.as_ref().map_or_else(Vec::new, |source| source())
        };
        let help = "Objects that wait for a worker";
        let mut descriptor = encoder.encode_descriptor("workqueue_depth", help, None, MetricType::Gauge)?;
        for (priority, depth) in depths {
            let labels = [("controller", CONTROLLER), ("priority", priority)];
            let depth = u64::try_from(depth).unwrap_or(u64::MAX);
            ConstGauge::new(depth).encode(descriptor.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
