//! How many days the certificates in use are still valid, counted when somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::gauge::ConstGauge;

const SECONDS_A_DAY: f64 = 86_400.0;

/// ARN and end of validity, in seconds of the Unix epoch, of the certificates of each object.
type Expiries = HashMap<String, BTreeMap<String, i64>>;

/// The certificates in use by the UID of the object that uses them.
#[derive(Clone, Debug, Default)]
pub(super) struct Certificates(Arc<Mutex<Expiries>>);

impl Certificates {
    /// Replaces what is known of an object.
    pub(super) fn set(&self, uid: &str, expiries: BTreeMap<String, i64>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if expiries.is_empty() {
            all.remove(uid);
        } else {
            all.insert(uid.to_owned(), expiries);
        }
    }
}

impl Collector for Certificates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let all: BTreeMap<String, i64> = {
            let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            all.values().flatten().map(|(arn, time)| (arn.clone(), *time)).collect()
        };
        if all.is_empty() {
            return Ok(());
        }
        #[allow(clippy::disallowed_methods)] // whoever reads the metrics lives by this clock
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64();
        let gauge = ConstGauge::new(0.0);
        let mut family = encoder.encode_descriptor(
            "clb_operator_certificate_expiry_days",
            "Days until a certificate in use expires",
            None,
            gauge.metric_type(),
        )?;
        for (arn, time) in all {
            #[allow(clippy::cast_precision_loss)] // seconds of our time are far from 2^52
            let days = (time as f64 - now) / SECONDS_A_DAY;
            let labels = [("certificate", arn.as_str())];
            ConstGauge::new(days).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}
