//! I/O: a status that was lost tells no more which of the two names the load balancer of an object has.

use std::time::Duration;

use super::whereabouts;
use crate::api::message;
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
use crate::controller::reconcile::stop::Stop;
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
        && status.created_time.is_none()
        && status.creation_pending != Some(true)
        && status.replacement.is_none()
}

/// Looks for load balancers under both names. Only one that stood beside another has the second one, so that the first one is
/// looked for where that is there, and elsewhere by the reconcile.
pub(super) async fn found(cx: &Context, object: &Object, memory: &mut Memory, wanted: &Wanted) -> Result<Found, Error> {
    let status = memory.published.previous(object);
    let second = match look(cx, object, wanted.second_name(), &status).await {
        Ok(Some(second)) => second,
        Ok(None) => return Ok(Found::Known(Box::new(status))),
        Err(unlooked) => return unread(cx, object, memory, unlooked).await,
    };
    let first = match look(cx, object, wanted.first_name(), &status).await {
        Ok(first) => first,
        Err(unlooked) => return unread(cx, object, memory, unlooked).await,
    };
    let wanted = match &first {
        None => wanted.clone(),
        Some(_) => match asking_for(cx, object, memory, wanted, &status).await {
            Ok(wanted) => wanted,
            Err(unlooked) => return unread(cx, object, memory, unlooked).await,
        },
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
        vpc_id: beside.identity.vpc_id.clone(),
        ..ReplacementStatus::default()
    };
    // Nobody knows whether clients use it.
    let until = super::pair::kept_until(object, now);
    told.kept_until = Some(until.to_string());
    let status = ClassicLoadBalancerStatus {
        load_balancer_name: Some(serving.name.clone()),
        scheme: Some(serving.scheme.as_str().to_owned()),
        vpc_id: serving.identity.vpc_id.clone(),
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
        vpc: lb.identity.vpc_id.clone(),
    }
}

/// The same with the VPC that the spec asks for, which may be all that tells the two apart.
async fn asking_for(
    cx: &Context,
    object: &Object,
    memory: &mut Memory,
    wanted: &Wanted,
    status: &ClassicLoadBalancerStatus,
) -> Result<Wanted, Unlooked> {
    let mut wanted = wanted.clone();
    if let Ok(subject) = Subject::of(object, cx, status.clone(), super::reads(cx.clock.now())) {
        let asked = whereabouts::asked_for(&subject, memory).await;
        let untold = |why| Verdict::NotProgrammed(Problem::waiting(message::vpc_not_told(why)));
        wanted.vpc = asked.map_err(|why| Unlooked(untold(why), None))?;
    }
    Ok(wanted)
}

/// Why it could not be looked for, and for how long to wait, where that is known.
struct Unlooked(Verdict, Option<Duration>);

/// The load balancer of this name, where it is the object's own.
async fn look(
    cx: &Context,
    object: &Object,
    name: &str,
    status: &ClassicLoadBalancerStatus,
) -> Result<Option<LoadBalancer>, Unlooked> {
    let mut named = object.clone();
    named.aws_name = Some(name.to_owned());
    // What the spec cannot say is told by the reconcile, which makes nothing of it.
    let Ok(subject) = Subject::of(&named, cx, status.clone(), super::reads(cx.clock.now())) else {
        return Ok(None);
    };
    // Not asked is not absent.
    match enter(&subject).await {
        Ok(()) => {}
        Err(Stop::Halted(halt)) => return Err(Unlooked(halt.verdict, None)),
        Err(Stop::Refused(problem)) => return Err(Unlooked(Verdict::NotAccepted(problem), None)),
        Err(Stop::Doubted(wait)) => return Err(Unlooked(not_known(), Some(wait))),
        Err(Stop::Failed(_)) => return Err(Unlooked(not_known(), None)),
    }
    let observation = observe(&subject, &subject.region.view.now(), None, true).await;
    match observation.map_err(|error| unread_by(&error))? {
        Observation::Ours(lb) => Ok(Some(*lb)),
        Observation::Absent | Observation::NotOurs(..) => Ok(None),
    }
}

fn not_known() -> Verdict {
    Verdict::NotProgrammed(Problem::waiting(message::creating()))
}

fn unread_by(error: &aws::Error) -> Unlooked {
    let problem = Problem::new(Track::LoadBalancer, Cause::Refused(error.class), error.told());
    Unlooked(Verdict::Unread(problem), error.wait.as_ref().map(|wait| wait.time))
}

async fn unread(cx: &Context, object: &Object, memory: &mut Memory, unlooked: Unlooked) -> Result<Found, Error> {
    let Unlooked(verdict, wait) = unlooked;
    let generation = object.metadata.generation.unwrap_or_default();
    let problems = verdict.problem().cloned().into_iter().collect();
    publish(cx, object, memory, &Report::new(generation, verdict)).await?;
    let pause = backoff::delay(memory.schedule.hindered(), cx.jitter.fraction());
    Ok(Found::Unread(Next {
        wait: Some(wait.unwrap_or(pause)),
        failed: true,
        problems,
        unread: true,
        ..Next::default()
    }))
}
