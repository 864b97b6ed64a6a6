//! What `/metrics` said at two moments, as Prometheus would have it, and what an expression asks of it.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::{Value, json};

/// What scraping adds: where the operator runs. Metrics of objects have a `namespace` of their own, which `honorLabels` keeps.
pub(super) const TARGET: [(&str, &str); 4] = [
    ("namespace", "classic-lb-operator"),
    ("job", "classic-lb-operator"),
    ("pod", "classic-lb-operator-a"),
    ("instance", "10.0.0.1:8080"),
];

/// A series, and whether it only ever grows.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    counts: bool,
    value: f64,
}

/// Everything that one process said at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scrape {
    pub(super) series: Vec<Series>,
    /// In seconds of the Unix epoch.
    at: f64,
}

impl Scrape {
    /// Reads the text format of Prometheus.
    pub(super) fn of(text: &str) -> Self {
        let sample = Regex::new(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$").expect("an expression");
        let label = Regex::new(r#"([a-z_]+)="((?:[^"\\]|\\.)*)""#).expect("an expression");
        let mut counters = BTreeSet::new();
        let mut series = Vec::new();
        for line in text.lines() {
            if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
                match kind {
                    "counter" => drop(counters.insert(name.to_owned())),
                    "histogram" => counters.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}"))),
                    _ => {}
                }
            }
            if line.starts_with('#') {
                continue;
            }
            let found = sample.captures(line).unwrap_or_else(|| panic!("no sample: {line}"));
            let own = found.get(2).map_or("", |labels| labels.as_str());
            let own = label
                .captures_iter(own)
                .map(|pair| (pair[1].to_owned(), pair[2].to_owned()));
            series.push(Series {
                name: found[1].to_owned(),
                labels: own.collect(),
                counts: counters.contains(&found[1]),
                value: found[3].parse().expect("a number"),
            });
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Self {
            series,
            at: now.expect("after 1970").as_secs_f64(),
        }
    }

    fn value(&self, name: &str, labels: &BTreeMap<String, String>) -> Option<f64> {
        let found = self
            .series
            .iter()
            .find(|series| series.name == name && series.labels == *labels);
        found.map(|series| series.value)
    }

    /// How much all series of a counter have grown since another moment.
    pub(super) fn growth(&self, before: &Self, name: &str) -> f64 {
        let named = self.series.iter().filter(|series| series.name == name);
        named
            .map(|series| series.value - before.value(name, &series.labels).unwrap_or_default())
            .sum()
    }

    /// As promtool takes it, one minute after another: what counts goes on as it has grown since `before`, ages go on as time does, and
    /// all else stays. Its time begins at 0, so moments are told from then on. Of objects, only those with this name.
    pub(super) fn input_series(&self, before: &Self, object: Option<&str>) -> Vec<Value> {
        let of_objects =
            |series: &Series| series.name.starts_with("clb_load_balancer_") || series.name.starts_with("clb_binding_");
        let told = |series: &&Series| !of_objects(series) || series.labels.get("name").map(String::as_str) == object;
        let input = |series: &Series| {
            let mut labels: BTreeMap<&str, &str> = TARGET.into();
            labels.extend(
                series
                    .labels
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str())),
            );
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{value}\""))
                .collect();
            let (name, value) = (&series.name, series.value);
            let values = if series.counts {
                let grown = value - before.value(name, &series.labels).unwrap_or_default();
                format!("0+{grown:.6}x240")
            } else if name.ends_with("_pending_seconds") || name.ends_with("_age_seconds") {
                format!("{value:.6}+60x240")
            } else if name.contains("_timestamp_seconds") {
                format!("{:.6}x240", value - self.at)
            } else {
                format!("{value:.6}x240")
            };
            json!({"series": format!("{name}{{{}}}", labels.join(",")), "values": values})
        };
        self.series.iter().filter(told).map(input).collect()
    }
}

/// What an expression asks for and none of these series is: metrics with the labels that are asked of them, and labels that are gone by.
pub(super) fn lacking(expression: &str, series: &[Series]) -> Vec<String> {
    let metric =
        Regex::new(r"\b((?:clb|controller_runtime|leader_election|workqueue|process)_[a-z_]+)(?:\{([^}]*)\})?");
    let matcher = Regex::new(r#"([a-z_]+)(=~|!=|=)"([^"]*)""#).expect("an expression");
    let grouping = Regex::new(r"\b(?:by|on|group_left) ?\(([^)]*)\)").expect("an expression");
    let mut lacking = Vec::new();
    let mut labels: BTreeSet<&str> = TARGET.iter().map(|(name, _)| *name).collect();
    for found in metric.expect("an expression").captures_iter(expression) {
        let matchers: Vec<_> = matcher
            .captures_iter(found.get(2).map_or("", |matchers| matchers.as_str()))
            .collect();
        let fits = |series: &&Series| {
            series.name == found[1]
                && matchers.iter().all(|matcher| {
                    let value = series.labels.get(&matcher[1]);
                    match &matcher[2] {
                        "=" => value.is_some_and(|value| *value == matcher[3]),
                        "!=" => value.is_some_and(|value| *value != matcher[3]),
                        _ => value.is_some_and(|value| {
                            // A variable of the dashboard stands for any value.
                            matcher[3].starts_with('$')
                                || Regex::new(&format!("^(?:{})$", &matcher[3]))
                                    .expect("an expression")
                                    .is_match(value)
                        }),
                    }
                })
        };
        let mut fitting = series.iter().filter(fits).peekable();
        if fitting.peek().is_none() {
            lacking.push(found[0].to_owned());
        }
        labels.extend(fitting.flat_map(|series| series.labels.keys().map(String::as_str)));
    }
    for found in grouping.captures_iter(expression) {
        let gone = found[1]
            .split(',')
            .map(str::trim)
            .filter(|label| !label.is_empty() && !labels.contains(label));
        lacking.extend(gone.map(|label| format!("label {label}")));
    }
    lacking
}
