//! How the operator gets on with AWS: how old its view is, and whether AWS's rate holds it up. As its objects say, and as it says itself
//! at `/metrics`, to those who may ask a pod through the API server.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};

use super::operator::Operator;
use super::{Checked, of};
use crate::api::reason::{Kind, known_code};
use crate::api::{AWSAccountStatus, BUDGET_THROTTLED, VIEW_SILENT};
use crate::cli::age::age;
use crate::cli::failure::Failure;
use crate::cli::finding::Finding;

const VIEW: &str = "aws-view";
const RATE: &str = "aws-rate";
/// More names than these are counted.
const NAMED: usize = 5;
/// A view may be older than the resync period by so many seconds: the alert `ClassicLoadBalancerViewOld` waits as long.
const LATE: f64 = 900.0;
/// With less than this part of its rate an operator is slow.
const LITTLE: f64 = 0.5;

const HINT_VIEW: &str = "see the operator's log for what AWS answers, and whether the pod reaches it";
const HINT_RATE: &str =
    "see what else calls this API in the account; where AWS has raised its limits, set the chart's aws.rateLimits";

/// What objects say: which of them AWS's rate holds up.
pub(super) fn of_objects<'a>(objects: impl Iterator<Item = (&'a str, &'a [Condition])>) -> Checked {
    let mut held = Vec::new();
    for (name, conditions) in objects {
        let slow = |condition: &&Condition| {
            let kind = known_code(&condition.reason).map(|(kind, _)| kind);
            matches!(kind, Some(Kind::Throttled | Kind::OverBudget))
        };
        if let Some(condition) = conditions.iter().find(slow) {
            held.push(format!("{name}: {}", condition.reason));
        }
    }
    let finding = match held.len() {
        0 => Finding::success("no object waits for AWS's rate"),
        count => {
            let mut named: Vec<String> = held.iter().take(NAMED).cloned().collect();
            named.extend(
                count
                    .checked_sub(NAMED)
                    .filter(|more| *more > 0)
                    .map(|more| format!("and {more} more")),
            );
            Finding::warning(format!("{count} objects wait for AWS's rate"))
                .with(&named.join("\n"))
                .hint(HINT_RATE)
        }
    };
    of(RATE, finding)
}

/// What an `AWSAccount` says of its regions, where that is anything.
pub(super) fn of_account(name: &str, status: &AWSAccountStatus) -> Vec<Checked> {
    let mut checks = Vec::new();
    for region in &status.regions {
        let place = format!("{} of AWSAccount {name}", region.name);
        if region.view.as_deref() == Some(VIEW_SILENT) {
            let finding = Finding::warning(format!("AWS has not answered in {place} for a while"));
            checks.push(of(VIEW, finding.hint(HINT_VIEW)));
        }
        if region.budget.as_deref() == Some(BUDGET_THROTTLED) {
            let finding = Finding::warning(format!("others leave the operator little of AWS's rate in {place}"));
            checks.push(of(RATE, finding.hint(HINT_RATE)));
        }
    }
    checks
}

/// What the pods of each operator say. Nothing of those that may not be asked: that takes a right that few need.
pub(super) async fn of_operators(client: &Client, operators: &[Operator]) -> Vec<Checked> {
    let mut checks = Vec::new();
    for operator in operators {
        let pods: Api<Pod> = Api::namespaced(client.clone(), &operator.namespace);
        let Ok(list) = pods.list(&ListParams::default().labels(&operator.selector)).await else {
            continue;
        };
        let running = |pod: &&Pod| {
            let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
            phase == Some("Running")
        };
        for pod in list.items.iter().filter(running) {
            checks.extend(of_pod(client, operator, &pod.name_any()).await);
        }
    }
    checks
}

async fn of_pod(client: &Client, operator: &Operator, pod: &str) -> Vec<Checked> {
    let place = format!("{}:{pod}:{}", operator.metrics.0, operator.metrics.1);
    let path = format!("/api/v1/namespaces/{}/pods/{place}/proxy/metrics", operator.namespace);
    let Ok(request) = http::Request::get(path).body(Vec::new()) else {
        return Vec::new();
    };
    match client.request_text(request).await {
        Ok(text) => said(&text),
        Err(kube::Error::Api(status)) if matches!(status.code, 401 | 403) => Vec::new(),
        Err(error) => {
            let finding = Finding::warning(format!(
                "pod {}/{pod} does not say how old its view of AWS is",
                operator.namespace
            ));
            vec![of(
                VIEW,
                finding.with(&Failure::kube("asking it for its metrics", &error).to_string()),
            )]
        }
    }
}

/// A line of a text of metrics.
struct Sample<'a> {
    name: &'a str,
    labels: BTreeMap<&'a str, &'a str>,
    value: f64,
}

impl Sample<'_> {
    fn place(&self) -> String {
        let label = |name: &str| self.labels.get(name).copied().unwrap_or_default();
        match label("account") {
            "" => label("region").to_owned(),
            account => format!("{} of account {account}", label("region")),
        }
    }
}

/// The samples of a text in the format of Prometheus whose labels hold no quotes, as those of regions do not.
fn samples(text: &str) -> impl Iterator<Item = Sample<'_>> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let pairs = labels
            .trim_end_matches('}')
            .split(',')
            .filter_map(|pair| pair.split_once('='));
        Some(Sample {
            name,
            labels: pairs.map(|(name, value)| (name, value.trim_matches('"'))).collect(),
            value: value.parse().ok()?,
        })
    })
}

/// What an operator's metrics say of AWS. One that does not lead has no view.
fn said(text: &str) -> Vec<Checked> {
    let of_name = |name: &'static str| samples(text).filter(move |sample| sample.name == name);
    let mut checks = Vec::new();
    let period = of_name("clb_operator_resync_period_seconds")
        .next()
        .map_or(0.0, |sample| sample.value);
    let (mut fresh, mut oldest) = (0, 0.0_f64);
    for sample in of_name("clb_operator_view_age_seconds") {
        if sample.value > period + LATE {
            let line = format!("AWS was not read in {} for {}", sample.place(), lasting(sample.value));
            checks.push(of(VIEW, Finding::warning(line).hint(HINT_VIEW)));
        } else {
            (fresh, oldest) = (fresh + 1, oldest.max(sample.value));
        }
    }
    if fresh > 0 {
        let places = if fresh == 1 {
            "the region".to_owned()
        } else {
            format!("{fresh} regions")
        };
        let line = format!(
            "AWS was read in {places} of the load balancers {} ago or less",
            lasting(oldest)
        );
        checks.push(of(VIEW, Finding::success(line)));
    }
    for sample in of_name("clb_operator_objects_waiting_for_rate").filter(|sample| sample.value > 0.0) {
        let line = format!("{} objects wait for AWS's rate in {}", sample.value, sample.place());
        checks.push(of(RATE, Finding::warning(line).hint(HINT_RATE)));
    }
    for sample in of_name("clb_operator_aws_budget_rate").filter(|sample| sample.value < LITTLE) {
        let bucket = sample.labels.get("bucket").copied().unwrap_or_default();
        let line = format!(
            "AWS throttles calls of the bucket {bucket} in {}: {:.0} % of the operator's rate are left",
            sample.place(),
            sample.value * 100.0
        );
        checks.push(of(RATE, Finding::warning(line).hint(HINT_RATE)));
    }
    checks
}

/// So many seconds, as kubectl says it.
fn lasting(seconds: f64) -> String {
    #[allow(clippy::cast_possible_truncation)] // ages of views are small
    let seconds = seconds as i64;
    let at = |second| Timestamp::from_second(second).unwrap_or_default();
    age(at(0), at(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::finding::Grade;
    use crate::metrics::{BucketSample, Endpoint, Format, Metrics, QueueSample, RegionSample};

    /// What the metrics themselves write, so that another name of one is noticed here.
    fn told(view_age: f64, rate: f64, waiting: usize) -> Vec<(Grade, String)> {
        let metrics = Metrics::new();
        metrics.resync_period.set(600.0);
        let at = Endpoint {
            account: "123456789012".into(),
            region: "eu-west-1".into(),
        };
        let bucket = BucketSample {
            bucket: "describe",
            level: 1.0,
            rate,
        };
        let sample = RegionSample {
            at: at.clone(),
            buckets: vec![bucket],
            view_age: Some(view_age),
            orphans: None,
        };
        metrics.regions_from(move || vec![sample.clone()]);
        metrics.queue_from(move || QueueSample {
            for_rate: vec![(at.clone(), waiting)],
            ..QueueSample::default()
        });
        let text = metrics.encode(Format::Text).expect("a text");
        let checks = said(&text).into_iter();
        checks
            .map(|check| (check.finding.result, check.finding.description))
            .collect()
    }

    #[test]
    fn an_operator_says_how_old_its_view_is() {
        let fresh = "AWS was read in the region of the load balancers 12s ago or less".to_owned();
        assert_eq!(told(12.0, 1.0, 0), [(Grade::Success, fresh)]);
        let old = "AWS was not read in eu-west-1 of account 123456789012 for 25m".to_owned();
        assert_eq!(told(1501.0, 1.0, 0), [(Grade::Warning, old)]);
        assert_eq!(told(1499.0, 1.0, 0)[0].0, Grade::Success);
        assert!(said("").is_empty(), "one that follows has none");
    }

    #[test]
    fn an_operator_says_what_aws_leaves_it() {
        let slow = told(12.0, 0.25, 3);
        let lines: Vec<&str> = slow.iter().skip(1).map(|(_, line)| line.as_str()).collect();
        assert_eq!(
            lines,
            [
                "3 objects wait for AWS's rate in eu-west-1 of account 123456789012",
                "AWS throttles calls of the bucket describe in eu-west-1 of account 123456789012: 25 % of the operator's rate are left",
            ]
        );
    }
}
