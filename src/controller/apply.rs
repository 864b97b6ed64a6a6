//! I/O: runs a plan. A refusal stops its own track only.

use tracing::{info, warn};

use crate::aws::{Class, Client, Error};
use crate::elb::LoadBalancer;
use crate::metrics::Metrics;
use crate::plan::{Plan, Refused, Step};

/// A step that AWS refused.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) track: &'static str,
    pub(super) step: Step,
    pub(super) error: Error,
    /// What was deleted for the step was put back.
    pub(super) put_back: bool,
}

impl Failure {
    /// As planning sees it.
    pub(super) fn as_refusal(&self) -> Refused<'_> {
        Refused {
            step: &self.step,
            code: &self.error.code,
            message: &self.error.message,
            put_back: self.put_back,
        }
    }
}

/// What became of a plan.
#[derive(Debug, Default)]
pub(super) struct Applied {
    pub(super) done: Vec<Step>,
    pub(super) failures: Vec<Failure>,
}

/// Makes the calls and keeps `lb` equal to what AWS has accepted.
pub(super) async fn apply(client: &Client, plan: Plan, lb: &mut LoadBalancer, metrics: &Metrics) -> Applied {
    let mut applied = Applied::default();
    let name = lb.name.clone();
    let mut failed: Vec<usize> = Vec::new();
    for (place, track) in plan.tracks.into_iter().enumerate() {
        if track.after.iter().any(|other| failed.contains(other)) {
            failed.push(place);
            continue;
        }
        for step in track.steps {
            let Err(error) = client.run(&name, &step).await else {
                info!(load_balancer = name, %step, "AWS accepted");
                metrics.step(step.operation());
                step.apply_to(lb);
                applied.done.push(step);
                continue;
            };
            warn!(load_balancer = name, %step, %error, request_id = error.request_id, "AWS refused");
            let put_back = put_back(client, &step, &error, lb, metrics).await;
            let class = error.class;
            applied.failures.push(Failure {
                track: track.name,
                step,
                error,
                put_back,
            });
            if matches!(class, Class::Gone | Class::Unavailable) {
                // The balancer vanished, or AWS does not answer: more calls would only wait.
                return applied;
            }
            failed.push(place);
            break;
        }
    }
    applied
}

/// A listener that was deleted to be built anew, and that AWS refuses, must not leave its port closed.
async fn put_back(client: &Client, step: &Step, error: &Error, lb: &mut LoadBalancer, metrics: &Metrics) -> bool {
    let Step::CreateListeners { otherwise, .. } = step else {
        return false;
    };
    // AWS may still hold the port after our own delete; then the old listener would be refused just so.
    if otherwise.is_empty() || error.class == Class::Settling {
        return false;
    }
    for step in otherwise {
        if let Err(error) = client.run(&lb.name, step).await {
            warn!(load_balancer = lb.name, %step, %error, "the old listener could not be put back; the next pass does");
            return false;
        }
        info!(load_balancer = lb.name, %step, "put the old listener back");
        metrics.step(step.operation());
        step.apply_to(lb);
    }
    true
}
