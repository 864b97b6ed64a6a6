//! I/O: a status that was lost tells no more which of the two names the load balancer of an object has.

use crate::api::{ClassicLoadBalancerStatus, Management, ReplacementPhase, ReplacementStatus};
use crate::aws;
use crate::controller::backoff;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Memory;
use crate::controller::object::Object;
use crate::controller::reconcile::Next;
use crate::controller::reconcile::entry::enter;
use crate::controller::reconcile::observe::{Observation, observe};
use crate::controller::reconcile::publish::publish;
use crate::controller::reconcile::subject::Subject;
use crate::controller::status::{Report, Verdict};
use crate::elb::LoadBalancer;
use crate::plan::replacement::{Identity, Wanted};
use crate::plan::{Cause, Problem, Track};

/// What was found.
pub(super) enum Found {
    /// Two load balancers, by what can be told of them, or none that is not where it is looked for anyway.
    Known(Box<ClassicLoadBalancerStatus>),
    /// The one that the object, so named, has.
    First(Box<Object>),
    /// AWS could not be asked.
    Unread(Next),
}

/// Whether nothing is known of a load balancer, as of a new object, and it may be looked for.
pub(super) fn is_lost(object: &Object, status: &ClassicLoadBalancerStatus) -> bool {
    object.spec.management != Some(Management::Suspended)
        && status.load_balancer_name.is_none()
        && status.created_time.is_none()
        && status.replacement.is_none()
}

/// Looks for load balancers under both names. Only one that stood beside another has the second one, so that the first one is
/// looked for where that is there, and elsewhere by the reconcile.
pub(super) async fn found(cx: &Context, object: &Object, memory: &mut Memory, wanted: &Wanted) -> Result<Found, Error> {
    let status = memory.published.previous(object);
    let second = match look(cx, object, wanted.second_name(), &status).await {
        Ok(Some(second)) => second,
        Ok(None) => return Ok(Found::Known(Box::new(status))),
        Err(error) => return unread(cx, object, memory, error).await,
    };
    let first = match look(cx, object, wanted.first_name(), &status).await {
        Ok(first) => first,
        Err(error) => return unread(cx, object, memory, error).await,
    };
    // Whichever is not as the spec asks is the one that clients may still be sent to.
    let is_met = |lb: &LoadBalancer| wanted.is_met_by(&identity(lb));
    let (serving, beside) = match first {
        Some(first) if is_met(&first) && !is_met(&second) => (second, Some(first)),
        Some(first) => (first, Some(second)),
        None => (second, None),
    };
    let Some(beside) = beside else {
        let mut named = object.clone();
        named.aws_name = Some(serving.name);
        return Ok(Found::First(Box::new(named)));
    };
    let now = cx.clock.now().wall;
    let mut told = ReplacementStatus {
        load_balancer_name: beside.name.clone(),
        created_time: beside.identity.created_time.clone(),
        scheme: Some(beside.scheme.as_str().to_owned()),
        ..ReplacementStatus::default()
    };
    // Nobody knows whether clients use it.
    let until = super::pair::kept_until(object, now);
    told.kept_until = Some(until.to_string());
    let status = ClassicLoadBalancerStatus {
        load_balancer_name: Some(serving.name.clone()),
        scheme: Some(serving.scheme.as_str().to_owned()),
        replacement: Some(told.at(ReplacementPhase::Keeping, now.to_string())),
        cluster_id: Some(cx.cluster_id.clone()),
        ..status
    };
    cx.kubernetes.write_status(object, &status).await?;
    memory.published.wrote(status.clone());
    Ok(Found::Known(Box::new(status)))
}

fn identity(lb: &LoadBalancer) -> Identity {
    Identity {
        name: lb.name.clone(),
        scheme: Some(lb.scheme.as_str().to_owned()),
    }
}

/// The load balancer of this name, where it is the object's own.
async fn look(
    cx: &Context,
    object: &Object,
    name: &str,
    status: &ClassicLoadBalancerStatus,
) -> Result<Option<LoadBalancer>, aws::Error> {
    let mut named = object.clone();
    named.aws_name = Some(name.to_owned());
    let Ok(subject) = Subject::of(&named, cx, status.clone(), super::reads(cx.clock.now())) else {
        return Ok(None);
    };
    // Whose account that is not is told by the reconcile.
    if enter(&subject).await.is_err() {
        return Ok(None);
    }
    match observe(&subject, &subject.region.view.now(), None, true).await? {
        Observation::Ours(lb) => Ok(Some(*lb)),
        Observation::Absent | Observation::NotOurs(..) => Ok(None),
    }
}

async fn unread(cx: &Context, object: &Object, memory: &mut Memory, error: aws::Error) -> Result<Found, Error> {
    let cause = Cause::Refused(error.class);
    let problem = Problem::new(Track::LoadBalancer, cause, error.told());
    let generation = object.metadata.generation.unwrap_or_default();
    let report = Report::new(generation, Verdict::Unread(problem.clone()));
    publish(cx, object, memory, &report).await?;
    let wait = backoff::delay(memory.schedule.hindered(), cx.jitter.fraction());
    Ok(Found::Unread(Next {
        wait: Some(error.wait.map_or(wait, |wait| wait.time)),
        failed: true,
        problems: vec![problem],
        unread: true,
        ..Next::default()
    }))
}
