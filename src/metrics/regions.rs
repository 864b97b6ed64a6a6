//! How the operator stands with AWS in each region, asked at each scrape.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

/// Where calls go.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// The id of the account; empty for that of the operator's own identity.
    pub account: Arc<str>,
    /// The name of the region.
    pub region: Arc<str>,
}

impl Endpoint {
    /// As metrics name it.
    pub(super) fn labels(&self) -> [(&'static str, &str); 2] {
        [("account", &self.account), ("region", &self.region)]
    }
}

/// One region of one account.
#[derive(Clone, Debug)]
pub struct RegionSample {
    /// Which one.
    pub at: Endpoint,
    /// Our share of AWS's buckets.
    pub buckets: Vec<BucketSample>,
    /// Seconds since load balancers were last read, or since they can be; `None`: this process has none to read there.
    pub view_age: Option<f64>,
    /// How many load balancers have no object any more; `None`: nobody has looked.
    pub orphans: Option<usize>,
}

/// Our share of one bucket.
#[derive(Clone, Debug)]
pub struct BucketSample {
    /// Its name.
    pub bucket: &'static str,
    /// How full it is, from 0 to 1.
    pub level: f64,
    /// The part of its rate that the throttles of others leave, from 0 to 1.
    pub rate: f64,
}

/// The name and the help of a metric, and its value.
type OfBuckets = (&'static str, &'static str, fn(&BucketSample) -> f64);
type Source = Box<dyn Fn() -> Vec<RegionSample> + Send + Sync>;

/// Asks for the regions when it is scraped.
#[derive(Clone, Default)]
pub(super) struct Regions(Arc<Mutex<Option<Source>>>);

impl fmt::Debug for Regions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Regions")
    }
}

impl Regions {
    pub(super) fn from(&self, source: impl Fn() -> Vec<RegionSample> + Send + Sync + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(source));
    }
}

impl Collector for Regions {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let samples = {
            let source = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            source.as_ref().map_or_else(Vec::new, |source| source())
        };
        let of_buckets: [OfBuckets; 2] = [
            (
                "clb_operator_aws_budget_level",
                "How full our share of a bucket of AWS's is, from 0 to 1",
                |bucket| bucket.level,
            ),
            (
                "clb_operator_aws_budget_rate",
                "The part of our rate that the throttles of others leave, from 0 to 1",
                |bucket| bucket.rate,
            ),
        ];
        for (name, help, value) in of_buckets {
            let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for sample in &samples {
                for bucket in &sample.buckets {
                    let [account, region] = sample.at.labels();
                    let labels = [account, region, ("bucket", bucket.bucket)];
                    ConstGauge::new(value(bucket)).encode(descriptor.encode_family(&labels)?)?;
                }
            }
        }
        let help = "Load balancers with the tags of this cluster whose object does not exist any more, as they were last looked for";
        let mut descriptor = encoder.encode_descriptor("clb_operator_orphans", help, None, MetricType::Gauge)?;
        for sample in &samples {
            if let Some(orphans) = sample.orphans {
                let orphans = u64::try_from(orphans).unwrap_or(u64::MAX);
                ConstGauge::new(orphans).encode(descriptor.encode_family(&sample.at.labels())?)?;
            }
        }
        let help = "Seconds since load balancers of a region were last read, by name or all, where this process leads and has any to read";
        let mut descriptor =
            encoder.encode_descriptor("clb_operator_view_age_seconds", help, None, MetricType::Gauge)?;
        for sample in &samples {
            if let Some(age) = sample.view_age {
                ConstGauge::new(age).encode(descriptor.encode_family(&sample.at.labels())?)?;
            }
        }
        Ok(())
    }
}
