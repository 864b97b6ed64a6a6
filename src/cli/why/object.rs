//! Pure: why an object is not Ready, or its instances are not in service.

use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use super::Asked;
use crate::api::condition::{ACCEPTED, PROGRAMMED, READY, TARGETS_HEALTHY};
use crate::api::reason::NOT_ACCEPTED_REASON;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, Management};
use crate::cli::age::age;
use crate::cli::events::time;
use crate::cli::find::Read;
use crate::cli::finding::{Finding, Grade, remedy};
use crate::controller::Kind;

/// More instances than these are counted.
const INSTANCES: usize = 5;
/// More warnings than these are old.
const WARNINGS: usize = 3;

/// Every answer, the weightiest first.
pub(super) fn answers(read: &Read, aws: &Asked, events: &[Event], now: Timestamp) -> Vec<Finding> {
    let object = &read.object;
    let Some(status) = object.status.as_ref().filter(|status| !status.conditions.is_empty()) else {
        return vec![
            Finding::error("the operator has not seen the object yet")
                .hint("run kubectl clb check: is the operator there, does it lead, and does it watch this namespace?"),
        ];
    };
    let mut found = Vec::new();
    found.extend(moment(object, status));
    found.extend(conditions(&status.conditions, now));
    found.extend(status.errors.iter().map(refused));
    found.extend(pending(object, status));
    found.extend(instances(read, status));
    found.extend(in_aws(status, aws));
    let is_well = !found.iter().any(|finding| finding.result != Grade::Success);
    if !is_well {
        found.extend(warnings(events, now));
    }
    found
}

/// What is to be known before the conditions are read.
fn moment(object: &ClassicLoadBalancer, status: &ClassicLoadBalancerStatus) -> Option<Finding> {
    let seen = status.observed_generation.unwrap_or(-1);
    (object.metadata.generation.is_some_and(|generation| generation > seen)).then(|| {
        Finding::warning("the spec has changed since: what follows is of an earlier one")
            .hint("wait some seconds and ask again; if it stays, run kubectl clb check")
    })
}

fn conditions(all: &[Condition], now: Timestamp) -> Vec<Finding> {
    let of = |kind: &str| all.iter().find(|condition| condition.type_ == kind);
    let told = |condition: &Condition, grade| {
        let since = age(condition.last_transition_time.0, now);
        let line = format!(
            "{}={} {}, for {since}",
            condition.type_, condition.status, condition.reason
        );
        Finding::new(grade, line)
            .with(&condition.message)
            .hint(remedy(&condition.reason).unwrap_or_default())
    };
    let bad = |condition: &&Condition| condition.status != "True" && condition.reason != NOT_ACCEPTED_REASON;
    let causes: Vec<&Condition> = [ACCEPTED, PROGRAMMED].into_iter().filter_map(of).filter(bad).collect();
    let mut found = Vec::new();
    match of(READY) {
        Some(ready) if ready.status == "True" => {
            let since = age(ready.last_transition_time.0, now);
            let mut line = format!("Ready=True, for {since}");
            if ready.reason != READY {
                line = format!("Ready=True {}, for {since}", ready.reason);
            }
            found.push(Finding::success(line));
            found.extend(causes.iter().map(|condition| told(condition, Grade::Warning)));
        }
        // It repeats what another one says.
        Some(_) if !causes.is_empty() => found.extend(causes.iter().map(|condition| told(condition, Grade::Error))),
        Some(ready) => found.push(told(ready, Grade::Error)),
        None => {}
    }
    let targets = of(TARGETS_HEALTHY).filter(bad);
    found.extend(targets.map(|condition| told(condition, Grade::Error)));
    found
}

fn refused(error: &crate::api::TrackError) -> Finding {
    let crate::api::TrackError {
        track,
        operation,
        code,
        message,
    } = error;
    let line = if operation.is_empty() {
        format!("{track} cannot be as declared: {code}")
    } else {
        format!("AWS refused {operation} ({track}): {code}")
    };
    Finding::error(line)
        .with(message)
        .hint(remedy(code).unwrap_or_default())
}

/// Calls that nobody makes.
fn pending(object: &ClassicLoadBalancer, status: &ClassicLoadBalancerStatus) -> Option<Finding> {
    if status.plan.is_empty() {
        return None;
    }
    let calls = status.plan.len();
    let line = format!("{calls} calls would make AWS as declared, and nobody makes them");
    let why = match object.spec.management {
        Some(Management::Observe) => "set spec.management: Full",
        _ => "start the operator without --read-only",
    };
    Some(Finding::warning(line).with(&status.plan.join("\n")).hint(why))
}

fn instances(read: &Read, status: &ClassicLoadBalancerStatus) -> Option<Finding> {
    let instances = status.instances.as_ref()?;
    let out = instances.items.iter().filter(|item| item.state != "InService");
    let out: Vec<_> = out.collect();
    if out.is_empty() && instances.registered > 0 {
        let line = format!("{} instances in service", instances.summary);
        return Some(Finding::success(line));
    }
    let first = out.first()?;
    let mut finding = Finding::error(format!(
        "{} of {} instances are not in service",
        out.len(),
        instances.desired
    ));
    for item in out.iter().take(INSTANCES) {
        let node = item.node.as_ref().map(|node| format!(" ({node})")).unwrap_or_default();
        let said = item.description.as_deref().filter(|said| *said != "N/A");
        let said = said.map(|said| format!(": {said}")).unwrap_or_default();
        finding = finding.with(&format!("{}{node} {}{said}", item.id, item.state));
    }
    if out.len() > INSTANCES {
        finding = finding.with(&format!("and {} more", out.len() - INSTANCES));
    }
    let namespace = read.object.namespace().unwrap_or_default();
    let named = match read.kind {
        Kind::Owner => format!("{namespace}/{}", read.named()),
        Kind::Binding => format!("-n {namespace} {}", read.named()),
    };
    Some(finding.hint(format!("kubectl clb why {named} {} tells of one", first.id)))
}

/// What AWS says now, where that is something else than the status.
fn in_aws(status: &ClassicLoadBalancerStatus, aws: &Asked) -> Option<Finding> {
    let name = status.load_balancer_name.as_deref().unwrap_or_default();
    match aws {
        Asked::Nothing => None,
        Asked::Not(why) => Some(Finding::warning(format!("AWS was not asked: {why}"))),
        Asked::Absent if status.created_time.is_some() => Some(
            Finding::error(format!("AWS has no load balancer {name:?} now"))
                .hint(remedy(crate::api::reason::LOST).unwrap_or_default()),
        ),
        Asked::Absent => Some(Finding::warning(format!("AWS has no load balancer {name:?} yet"))),
        Asked::Found { balancer, .. } => Some(Finding::success(format!(
            "AWS has {} now, with {} listeners and {} instances",
            balancer.name,
            balancer.listeners.len(),
            balancer.instances.len()
        ))),
    }
}

fn warnings(events: &[Event], now: Timestamp) -> Option<Finding> {
    let warned = events.iter().filter(|event| event.type_.as_deref() == Some("Warning"));
    let lines: Vec<String> = warned
        .rev()
        .take(WARNINGS)
        .map(|event| {
            let ago = time(event)
                .map(|at| format!("{} ago ", age(at, now)))
                .unwrap_or_default();
            let reason = event.reason.as_deref().unwrap_or_default();
            let note = event.note.as_deref().unwrap_or_default();
            format!("{ago}{reason}: {}", note.lines().collect::<Vec<_>>().join(" "))
        })
        .collect();
    (!lines.is_empty()).then(|| Finding::warning("lately").with(&lines.join("\n")))
}
