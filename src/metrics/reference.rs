//! The page `docs/reference/metrics.md`: every metric that `/metrics` exposes, read from what the registry prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use super::{BucketSample, Endpoint, Format, Metrics, QueueSample, RegionSample, Told, WaitingSample};

const INTRODUCTION: &str = "\
# Metrics

Written by `make generate` from the registry. The operator serves them on `/metrics`, by default on port 8080, in the text format of
Prometheus (0.0.4), or in OpenMetrics where `Accept` asks for `application/openmetrics-text`, as Prometheus does. The names that begin with `controller_runtime_`, `workqueue_`, `rest_client_`, `leader_election_` and `process_` mean
what they mean in other controllers, so dashboards for those work. A histogram has the series `_bucket`, `_sum` and `_count`.

The metrics `clb_load_balancer_…` are of single `ClassicLoadBalancers` and `clb_binding_…` of single bindings, about nine series each,
of 1000 objects at most (`--object-metrics`, chart values `objectMetrics`; 0 switches them off). Only the operator that leads has
them. Their labels `namespace` and `name` are those of the object: scrape with `honorLabels`, as the chart's monitors do. All other metrics do not grow with the
number of objects.

An object waits for two things, and never for both at once. Where our share of AWS's rate is used up (`WaitingForAWSRate`), it waits for its turn,
and neither for a worker nor in the queue: `clb_operator_objects_waiting_for_rate` counts such objects, and
`clb_operator_aws_api_waits_total` the calls that were put off. When its turn has come, when it changes and when it is time to look at it, it
waits for a worker: `workqueue_depth` counts those, `clb_operator_queue_depth` tells in which account and region they are, and
`clb_operator_queue_age_seconds` how long the one of them has waited that came first. As in controller-runtime only the depth has a
priority, and not `workqueue_queue_duration_seconds`.

Names of controller-runtime that there are not: `controller_runtime_terminal_reconcile_errors_total`, since a mistake in an object is no
error here: its reconcile ends as `requeue_after`, and `clb_load_balancer_reason` tells of it as long as it lasts;
`controller_runtime_reconcile_timeouts_total`, since a reconcile that does not end in its time counts as `error`; `controller_runtime_webhook_…` and
`controller_runtime_conversion_webhook_…`, since there are no webhooks; `certwatcher_…`, since a certificate that cannot be read stands in
the log; `leader_election_slowpath_total` and `go_…`, which are of Go.

[Alerts](../runbooks/README.md) on them and a [dashboard](../runbooks/README.md#the-dashboard) come with the chart.
";

/// What the labels hold.
const LABELS: &[(&str, &str)] = &[
    (
        "account",
        "the id of the account; empty for that of the operator's own identity; where an `AWSAccount` cannot be read, its name",
    ),
    (
        "bucket",
        "the bucket of AWS's that a call draws from, such as `describe`",
    ),
    ("certificate", "the ARN of the certificate"),
    (
        "code",
        "`OK`, or the error code of AWS; of `rest_client_requests_total` the status of HTTP",
    ),
    ("controller", "always `classicloadbalancer`"),
    ("host", "the API server"),
    ("method", "of HTTP"),
    ("lane", "`instances`, `change`, `repair` or `sweep`"),
    (
        "operation",
        "the operation of the AWS API, such as `DescribeLoadBalancers`",
    ),
    ("priority", "as a lane: what the objects wait for"),
    ("region", "the region of AWS"),
    (
        "name",
        "the name of the object; of `leader_election_master_status` that of the Lease, of `workqueue_…` `classicloadbalancer`",
    ),
    ("namespace", "the namespace of the object"),
    ("reason", "a [reason](conditions.md) of `Ready`"),
    ("result", "`success`, `requeue_after` or `error`"),
    ("state", "`InService`, `OutOfService` or `Draining`"),
    ("version", "the version of the operator"),
];

/// Questions that the metrics answer, and the expressions that ask them.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "Does anything fail again and again?",
        "sum(rate(controller_runtime_reconcile_errors_total[10m])) > 0",
    ),
    (
        "How many objects wait for another try?",
        "clb_operator_objects_backing_off",
    ),
    (
        "Are there objects that this version cannot read?",
        "max(clb_operator_undecodable_objects) > 0",
    ),
    (
        "Does the operator still hear from the API server?",
        "time() - clb_operator_last_watch_event_timestamp_seconds > 600",
    ),
    (
        "What is AWS asked, and how often?",
        "sum by (operation) (rate(clb_operator_aws_api_requests_total[5m]))",
    ),
    (
        "What does AWS refuse?",
        "sum by (operation, code) (increase(clb_operator_aws_api_requests_total{code!=\"OK\"}[1h])) > 0",
    ),
    (
        "Does AWS throttle an account, and where?",
        "sum by (account, region, operation) (rate(clb_operator_aws_api_throttles_total[5m])) > 0",
    ),
    (
        "Is our share of what AWS lets the account ask used up?",
        "min by (account, region, bucket) (clb_operator_aws_budget_level) < 0.1",
    ),
    (
        "How many calls wait for their turn?",
        "sum by (lane, bucket) (rate(clb_operator_aws_api_waits_total[5m])) > 0",
    ),
    (
        "How many objects wait for AWS's rate, and where?",
        "sum by (account, region) (clb_operator_objects_waiting_for_rate) > 0",
    ),
    (
        "Where do objects wait long for a worker?",
        "max by (priority, account, region) (clb_operator_queue_age_seconds) > 60",
    ),
    (
        "How old does the health of instances get, and where?",
        "histogram_quantile(0.9, sum by (account, region, le) (rate(clb_operator_health_age_seconds_bucket[30m])))",
    ),
    (
        "Does a worker hang?",
        "max(workqueue_longest_running_processor_seconds{name=\"classicloadbalancer\"}) > 180",
    ),
    (
        "Are there load balancers that nobody looks after any more?",
        "max by (account, region) (clb_operator_orphans) > 0",
    ),
    (
        "What was changed in AWS today?",
        "sum by (operation) (increase(clb_operator_plan_steps_total[1d]))",
    ),
    (
        "Which certificate expires soon?",
        "clb_load_balancer_certificate_expiration_timestamp_seconds - time() < 21 * 86400",
    ),
    (
        "Which load balancers are not as declared?",
        "clb_load_balancer_ready == 0",
    ),
    (
        "Why?",
        "clb_load_balancer_reason * on (namespace, name) group_left () (clb_load_balancer_ready == bool 0) == 1",
    ),
    (
        "Which bindings have not registered what they shall?",
        "clb_binding_ready == 0",
    ),
    (
        "Where is less in service than there shall be?",
        "clb_load_balancer_instances{state=\"InService\"} < ignoring (state) clb_load_balancer_instances_desired",
    ),
    (
        "What does somebody else keep changing?",
        "increase(clb_load_balancer_drift_corrected_total[1d]) > 0",
    ),
    (
        "How long does a reconcile take?",
        "histogram_quantile(0.99, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket[5m])))",
    ),
];

/// A metric as it is printed.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    labels: BTreeSet<String>,
    /// The names of its series.
    series: BTreeSet<String>,
}

/// The page.
///
/// # Errors
/// The registry cannot be printed.
pub fn page() -> Result<String, std::fmt::Error> {
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n| metric | type | labels | what it tells |\n|---|---|---|---|\n");
    let families = families(&sample().encode(Format::OpenMetrics)?);
    for (name, family) in &families {
        let name = if family.kind == "histogram" {
            name
        } else {
            family.series.first().unwrap_or(name)
        };
        let labels: Vec<String> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        writeln!(
            page,
            "| `{name}` | {} | {} | {}. |",
            family.kind,
            labels.join(", "),
            family.help.trim_end_matches('.')
        )?;
    }
    page.push_str("\n## Labels\n\n| label | what it holds |\n|---|---|\n");
    let used: BTreeSet<&String> = families.values().flat_map(|family| &family.labels).collect();
    for label in used {
        let meaning = LABELS.iter().find(|(name, _)| name == label);
        writeln!(page, "| `{label}` | {} |", meaning.map_or("", |(_, meaning)| meaning))?;
    }
    page.push_str("\n## Questions\n\n| question | expression |\n|---|---|\n");
    for (question, expression) in QUESTIONS {
        writeln!(page, "| {question} | `{expression}` |")?;
    }
    Ok(page)
}

/// Metrics of which each has a series, since only those show their labels.
fn sample() -> Metrics {
    let metrics = Metrics::with_objects(2);
    metrics.leads("classic-lb-operator", true);
    let at = Endpoint {
        account: "".into(),
        region: "us-east-1".into(),
    };
    metrics.call(&at, ("DescribeLoadBalancers", "sweep"), "OK", true, Duration::ZERO);
    metrics.step("CreateLoadBalancer");
    metrics.works_on_at_most(1);
    metrics.requested("GET", "kubernetes", Some(200));
    metrics.waits(&at, "change", "describe");
    metrics.health_read(&at, Duration::ZERO);
    metrics.queue_from({
        let at = at.clone();
        move || QueueSample {
            depths: vec![("change", 0)],
            waiting: vec![WaitingSample {
                priority: "change",
                at: at.clone(),
                depth: 0,
                oldest: Duration::ZERO,
            }],
            at_work: Vec::new(),
            for_rate: vec![(at.clone(), 0)],
        }
    });
    metrics.regions_from(move || {
        let bucket = BucketSample {
            bucket: "describe",
            level: 1.0,
            rate: 1.0,
        };
        vec![RegionSample {
            at: at.clone(),
            buckets: vec![bucket],
            view_age: Some(0.0),
            orphans: Some(0),
        }]
    });
    let told = Told {
        certificates: [("arn".to_owned(), 0)].into(),
        deleted_at: Some(0),
        ..Told::default()
    };
    let binding = Told {
        binding: true,
        ..told.clone()
    };
    metrics.tell_of("uid", told);
    metrics.tell_of("another", binding);
    metrics
}

/// What a text in the `OpenMetrics` format tells of its metrics, by name.
fn families(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    // The lines of a metric follow its description.
    let mut current = String::new();
    for line in text.lines() {
        if let Some((name, help)) = line.strip_prefix("# HELP ").and_then(|rest| rest.split_once(' ')) {
            name.clone_into(&mut current);
            help.clone_into(&mut families.entry(name.to_owned()).or_default().help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            kind.clone_into(&mut families.entry(name.to_owned()).or_default().kind);
        } else if let Some(family) = families.get_mut(&current).filter(|_| !line.starts_with('#')) {
            let (series, labels) = series(line);
            family.series.insert(series.to_owned());
            family.labels.extend(labels);
        }
    }
    families
}

/// The name and the labels of a series. The values of the sample hold no comma.
fn series(line: &str) -> (&str, Vec<String>) {
    let name = line.split(['{', ' ']).next().unwrap_or_default();
    let inner = line.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
    let pairs = inner.map_or("", |(inner, _)| inner).split(',');
    let labels = pairs.filter_map(|pair| pair.split_once('=')).map(|(label, _)| label);
    (
        name,
        labels.filter(|label| *label != "le").map(ToOwned::to_owned).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One account that is throttled must not hide behind many that are not.
    #[test]
    fn what_is_throttled_is_told_where_it_is() {
        let metrics = Metrics::new();
        for (account, throttled) in [("", false), ("111122223333", true)] {
            let at = Endpoint {
                account: account.into(),
                region: "us-east-1".into(),
            };
            metrics.call(&at, ("DescribeTags", "sweep"), "Throttling", throttled, Duration::ZERO);
        }
        let text = metrics.encode(Format::Text).unwrap();
        let told: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("clb_operator_aws_api_throttles_total"))
            .collect();
        let expected = "clb_operator_aws_api_throttles_total{operation=\"DescribeTags\",account=\"111122223333\",region=\"us-east-1\"} 1";
        assert_eq!(told, [expected]);
    }

    /// Else a dashboard or an alert made for other controllers waits for them in vain.
    #[test]
    fn names_that_are_left_out_are_told_with_the_reason() {
        let page = page().unwrap();
        for (name, is_there) in [
            ("controller_runtime_reconcile_total", true),
            ("controller_runtime_reconcile_errors_total", true),
            ("controller_runtime_terminal_reconcile_errors_total", false),
            ("controller_runtime_reconcile_panics_total", true),
            ("controller_runtime_reconcile_time_seconds", true),
            ("controller_runtime_reconcile_timeouts_total", false),
            ("controller_runtime_max_concurrent_reconciles", true),
            ("controller_runtime_active_workers", true),
            ("leader_election_master_status", true),
            ("leader_election_slowpath_total", false),
            ("rest_client_requests_total", true),
        ] {
            assert_eq!(page.contains(&format!("| `{name}` |")), is_there, "{name}");
            let (left_out, _) = page.split_once("| metric |").unwrap();
            let (_, left_out) = left_out.split_once("that there are not:").unwrap();
            assert_eq!(left_out.contains(&format!("`{name}`")), !is_there, "{name}");
        }
    }

    #[test]
    fn every_metric_has_a_series_and_every_label_a_meaning() {
        let families = families(&sample().encode(Format::OpenMetrics).unwrap());
        assert!(families.len() > 10, "{families:?}");
        for of in ["load_balancer", "binding"] {
            let name = format!("clb_{of}_ready");
            assert!(
                families.contains_key(&name),
                "{name}: there is room for both in `sample`"
            );
        }
        for (name, family) in &families {
            assert!(!family.series.is_empty(), "{name} has no series: add it to `sample`");
            assert!(!family.help.is_empty() && !family.kind.is_empty(), "{name}: {family:?}");
            for label in &family.labels {
                let known = LABELS.iter().any(|(known, _)| known == label);
                assert!(known, "{label} of {name} is not in `LABELS`");
            }
        }
    }

    #[test]
    fn expressions_name_series_that_exist() {
        let families = families(&sample().encode(Format::OpenMetrics).unwrap());
        let series: BTreeSet<&String> = families.values().flat_map(|family| &family.series).collect();
        for (_, expression) in QUESTIONS {
            let mut words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            let name = words.find(|word| {
                ["clb_", "controller_runtime_", "workqueue_"]
                    .iter()
                    .any(|prefix| word.starts_with(prefix))
            });
            let name = name
                .unwrap_or_else(|| panic!("{expression} names no metric"))
                .to_owned();
            assert!(series.contains(&name), "{name} is not exposed");
        }
    }
}
