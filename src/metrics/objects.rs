//! What is told of each load balancer, under the namespace and the name of its object. The number of objects is bounded, and
//! so with it the number of series; what is beyond is counted.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// What is told of one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// The namespace of the object.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether it is a binding.
    pub binding: bool,
    /// Whether its condition Ready is True.
    pub ready: bool,
    /// The reason of that condition.
    pub reason: String,
    /// How many instances are wanted.
    pub desired: i32,
    /// How many are in service.
    pub in_service: i32,
    /// How many are out of service.
    pub out_of_service: i32,
    /// How many are being deregistered.
    pub draining: i32,
    /// How many shall leave and are held back.
    pub held: usize,
    /// The certificates in use: ARN, and end of validity in seconds of the Unix epoch.
    pub certificates: BTreeMap<String, i64>,
    /// Since when it is being deleted, in seconds of the Unix epoch.
    pub deleted_at: Option<i64>,
    /// The Lease whose holder works on it, where it is not the operator's own.
    pub lease: Option<String>,
}

/// One object, and what is counted of it.
#[derive(Debug, Default)]
struct Entry {
    told: Told,
    drift_corrected: u64,
}

#[derive(Debug, Default)]
struct Entries {
    told: BTreeMap<String, Entry>,
    /// What was counted of those of which nothing was told yet: the first reconcile of a process counts before it tells.
    early: BTreeMap<String, u64>,
    /// The UIDs for which there was no room.
    beyond: BTreeSet<String>,
}

/// What is told of all objects, by UID.
#[derive(Clone, Debug)]
pub(super) struct Objects {
    limit: usize,
    entries: Arc<Mutex<Entries>>,
}

impl Objects {
    /// Of so many objects at most.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: Arc::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&mut Entries) -> T) -> T {
        work(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces what is told of an object.
    pub(super) fn tell(&self, uid: &str, told: Told) {
        if self.limit == 0 {
            return;
        }
        self.with(|entries| {
            if let Some(entry) = entries.told.get_mut(uid) {
                entry.told = told;
            } else if entries.told.len() < self.limit {
                entries.beyond.remove(uid);
                let entry = Entry {
                    told,
                    drift_corrected: entries.early.remove(uid).unwrap_or_default(),
                };
                entries.told.insert(uid.to_owned(), entry);
            } else {
                entries.early.remove(uid);
                entries.beyond.insert(uid.to_owned());
            }
        });
    }

    /// Drift of an object was put right.
    pub(super) fn drift_corrected(&self, uid: &str) {
        self.with(|entries| {
            if let Some(entry) = entries.told.get_mut(uid) {
                entry.drift_corrected += 1;
            } else if self.limit > 0 && !entries.beyond.contains(uid) {
                *entries.early.entry(uid.to_owned()).or_default() += 1;
            }
        });
    }

    /// The object is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.with(|entries| {
            entries.told.remove(uid);
            entries.early.remove(uid);
            entries.beyond.remove(uid);
        });
    }

    /// Another process holds this Lease, and tells of its objects now.
    pub(super) fn clear(&self, lease: &str) {
        self.with(|entries| {
            let others = |entry: &Entry| entry.told.lease.as_ref().is_some_and(|other| other != lease);
            entries.told.retain(|_, entry| others(entry));
            entries.beyond.clear();
        });
    }
}

/// Writes one metric, a series for each that is given; without any there is no metric.
fn family<M: EncodeMetric>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    series: impl IntoIterator<Item = (Vec<(&'static str, String)>, M)>,
) -> Result<(), Error> {
    let mut series = series.into_iter().peekable();
    let Some((_, first)) = series.peek() else { return Ok(()) };
    let kind = first.metric_type();
    let mut family = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, metric) in series {
        metric.encode(family.encode_family(&labels)?)?;
    }
    Ok(())
}

/// The labels of an object, and more.
fn labels(told: &Told, more: Option<(&'static str, &str)>) -> Vec<(&'static str, String)> {
    let own = [("namespace", &*told.namespace), ("name", &*told.name)];
    let all = own.into_iter().chain(more);
    all.map(|(label, value)| (label, value.to_owned())).collect()
}

/// A series, by its labels.
type Series = (Vec<(&'static str, String)>, ConstGauge<i64>);

/// What the metrics of a kind of objects are called and speak of.
struct Names {
    /// Between `clb_` and what is told.
    of: &'static str,
    ready: &'static str,
    desired: &'static str,
}

const OWNERS: Names = Names {
    of: "load_balancer",
    ready: "Whether a load balancer is as declared, 1 or 0",
    desired: "Instances that a load balancer shall have",
};

const BINDINGS: Names = Names {
    of: "binding",
    ready: "Whether the instances of a binding are registered as declared, 1 or 0",
    desired: "Instances that a binding shall have registered",
};

/// The state of the objects of a kind.
fn states(all: &[&Told], names: &Names, now: i64, encoder: &mut DescriptorEncoder<'_>) -> Result<(), Error> {
    let Names { of, ready, desired } = names;
    let mut tell =
        |name: &str, help: &str, series: Vec<Series>| family(encoder, (&format!("clb_{of}_{name}"), help), series);
    let gauge = |told: &Told, value: i64| (labels(told, None), ConstGauge::new(value));
    let is_ready = |told: &&Told| gauge(told, i64::from(told.ready));
    tell("ready", ready, all.iter().map(is_ready).collect())?;
    let reason = |told: &&Told| (labels(told, Some(("reason", &told.reason))), ConstGauge::new(1_i64));
    tell(
        "reason",
        "The reason of the condition Ready of an object; always 1",
        all.iter().map(reason).collect(),
    )?;
    let wanted = |told: &&Told| gauge(told, told.desired.into());
    tell("instances_desired", desired, all.iter().map(wanted).collect())?;
    let by_state = |told: &&Told| {
        let states = [
            ("InService", told.in_service),
            ("OutOfService", told.out_of_service),
            ("Draining", told.draining),
        ];
        let told = (*told).clone();
        states.map(move |(state, count)| {
            let labels = labels(&told, Some(("state", state)));
            (labels, ConstGauge::new(i64::from(count)))
        })
    };
    tell(
        "instances",
        "Registered instances by their state",
        all.iter().flat_map(by_state).collect(),
    )?;
    let held = |told: &&Told| gauge(told, i64::try_from(told.held).unwrap_or(i64::MAX));
    tell(
        "removals_held",
        "Instances that shall be deregistered and are held back by the brake",
        all.iter().map(held).collect(),
    )?;
    let pending = |told: &&Told| Some(gauge(told, (now - told.deleted_at?).max(0)));
    tell(
        "deletion_pending_seconds",
        "How long an object has been going; only while it is",
        all.iter().filter_map(pending).collect(),
    )
}

impl Collector for Objects {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        #[allow(clippy::disallowed_methods)] // whoever reads the metrics lives by this clock
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let encoder = &mut encoder;
        let of = |binding: bool| -> Vec<&Told> {
            let all = entries.told.values().map(|entry| &entry.told);
            all.filter(|told| told.binding == binding).collect()
        };
        states(&of(false), &OWNERS, now, encoder)?;
        states(&of(true), &BINDINGS, now, encoder)?;
        let owners = || entries.told.values().filter(|entry| !entry.told.binding);
        let corrected = |entry: &Entry| (labels(&entry.told, None), ConstCounter::new(entry.drift_corrected));
        family(
            encoder,
            (
                "clb_load_balancer_drift_corrected",
                "How often a change that somebody else made in AWS was put right",
            ),
            owners().map(corrected),
        )?;
        let all = || entries.told.values().map(|entry| &entry.told);
        let expirations = all().flat_map(|told| {
            let expirations = told.certificates.iter();
            expirations.map(|(arn, at)| (labels(told, Some(("certificate", arn))), ConstGauge::new(*at)))
        });
        family(
            encoder,
            (
                "clb_load_balancer_certificate_expiration_timestamp_seconds",
                "When a certificate in use expires, in seconds of the Unix epoch",
            ),
            expirations,
        )?;
        if self.limit == 0 {
            return Ok(());
        }
        let beyond = ConstGauge::new(i64::try_from(entries.beyond.len()).unwrap_or(i64::MAX));
        let metric = encoder.encode_descriptor(
            "clb_operator_objects_without_metrics",
            "Objects beyond --object-metrics, which have no metrics of their own",
            None,
            beyond.metric_type(),
        )?;
        beyond.encode(metric)
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    fn printed(objects: &Objects) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(objects.clone()));
        let mut text = String::new();
        encode(&mut text, &registry).expect("encoded");
        text
    }

    fn told(name: &str) -> Told {
        Told {
            namespace: "shop".into(),
            name: name.into(),
            reason: "Lost".into(),
            desired: 3,
            in_service: 2,
            certificates: [("arn:a".to_owned(), 1_900_000_000)].into(),
            ..Told::default()
        }
    }

    #[test]
    fn each_object_has_its_series_until_it_is_gone() {
        let objects = Objects::new(10);
        objects.drift_corrected("1");
        objects.tell("1", told("web"));
        objects.drift_corrected("1");
        objects.tell("1", told("web"));
        let text = printed(&objects);
        let of = "{namespace=\"shop\",name=\"web\"";
        for line in [
            format!("clb_load_balancer_ready{of}}} 0"),
            format!("clb_load_balancer_reason{of},reason=\"Lost\"}} 1"),
            format!("clb_load_balancer_instances{of},state=\"InService\"}} 2"),
            format!("clb_load_balancer_instances_desired{of}}} 3"),
            format!("clb_load_balancer_drift_corrected_total{of}}} 2"),
            format!(
                "clb_load_balancer_certificate_expiration_timestamp_seconds{of},certificate=\"arn:a\"}} 1900000000"
            ),
        ] {
            assert!(text.lines().any(|printed| printed == line), "{line} is not in:\n{text}");
        }
        assert!(!text.contains("deletion_pending"), "{text}");
        objects.forget("1");
        assert!(!printed(&objects).contains("shop"));
    }

    #[test]
    fn no_more_objects_are_told_of_than_there_is_room_for() {
        let objects = Objects::new(2);
        for (uid, name) in [("1", "a"), ("2", "b"), ("3", "c")] {
            objects.tell(uid, told(name));
        }
        let text = printed(&objects);
        assert!(text.contains("clb_operator_objects_without_metrics 1"), "{text}");
        assert_eq!(text.matches("\nclb_load_balancer_ready{").count(), 2);
        objects.forget("1");
        objects.tell("3", told("c"));
        let text = printed(&objects);
        assert!(
            text.contains("without_metrics 0") && text.contains("name=\"c\""),
            "{text}"
        );
        objects.clear("classic-lb-operator");
        assert!(!printed(&objects).contains("name="));

        let off = Objects::new(0);
        off.tell("1", told("a"));
        assert!(!printed(&off).contains("clb_"), "it is switched off");
    }

    #[test]
    fn a_deletion_is_told_by_its_age() {
        let objects = Objects::new(1);
        objects.tell(
            "1",
            Told {
                deleted_at: Some(0),
                ..told("web")
            },
        );
        let text = printed(&objects);
        let line = text
            .lines()
            .find(|line| line.starts_with("clb_load_balancer_deletion_pending_seconds{"));
        let age: i64 = line
            .and_then(|line| line.rsplit(' ').next()?.parse().ok())
            .expect("an age");
        assert!(age > 1_700_000_000, "{text}");
    }
}
