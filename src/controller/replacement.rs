//! I/O: a reconcile of an object that may have two load balancers, since one takes the place of another.
//!
//! Each is reconciled as if it were the only one, the one beside first. What is told of both is written as one status, and
//! whichever the spec asks for decides what comes next: `plan::replacement`.

mod lost;
mod pair;
mod whereabouts;

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::backoff;
use super::clock::Moment;
use super::context::Context;
use super::error::Error;
use super::memory::Memory;
use super::object::Object;
use super::reconcile::finalize::{Removal, attempt};
use super::reconcile::from_status::was_being_made;
use super::reconcile::mode::Mode;
use super::reconcile::publish::publish;
use super::reconcile::subject::{Course as Bound, Subject};
use super::reconcile::{Next, reconcile as reconcile_one};
use super::status::{Report, Verdict};
use crate::api::condition;
use crate::api::message::{self, Message};
use crate::api::{ReplacementPhase, ReplacementStatus};
use crate::aws::Reads;
use crate::elb::Lane;
use crate::plan::replacement::Course;
use pair::{Pair, wanted};

/// Between two looks at whether the one before can be spared, or at where the load balancer is to be.
const AGAIN: Duration = Duration::from_secs(15);

/// One reconcile of an object, whichever of its load balancers it is about.
pub(super) async fn reconcile(cx: &Context, object: &Object, memory: &mut Memory) -> Result<Next, Error> {
    memory.published.hand_over(object, &cx.cluster_id);
    let mut status = memory.published.previous(object);
    let Some(wanted) = wanted(&cx.cluster_id, object, &status) else {
        return Box::pin(reconcile_one(cx, object, memory)).await;
    };
    if lost::is_lost(object, &status) {
        match Box::pin(lost::found(cx, object, memory, &wanted)).await? {
            lost::Found::Known(found) => status = *found,
            lost::Found::First(first) => return Box::pin(reconcile_one(cx, &first, memory)).await,
            lost::Found::Unread(next) => return Ok(next),
        }
    }
    let Some(mut pair) = Pair::new(object, wanted, status) else {
        return Box::pin(reconcile_one(cx, object, memory)).await;
    };
    let now = cx.clock.now();
    let subject = Subject::of(object, cx, pair.status.clone(), reads(now)).ok();
    if let Some(subject) = &subject
        && subject.course() == Bound::Realise
        && pair.may_move()
    {
        pair = pair.asking_for(Box::pin(whereabouts::asked_for(subject, memory)).await);
    }
    let doubted = pair.is_doubted();
    let mut next = Box::pin(next(cx, object, pair, subject, memory, now)).await?;
    if doubted {
        next.wait = Some(next.wait.map_or(AGAIN, |wait| wait.min(AGAIN)));
    }
    Ok(next)
}

/// What is done of an object that may have two.
async fn next(
    cx: &Context,
    object: &Object,
    pair: Pair<'_>,
    subject: Option<Subject<'_>>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let course = pair.course(memory, now.wall);
    match subject.map(|subject| (subject.course(), subject.is_dry())) {
        Some((Bound::Finalize, false)) => Box::pin(finalize(cx, object, &pair, memory, now)).await,
        Some((Bound::Realise, false)) => Box::pin(go_on(cx, object, pair, course, memory, now)).await,
        Some((Bound::Realise, true)) => Box::pin(plan(cx, pair, &course, memory, now)).await,
        // Nothing is done, or nobody knows where.
        Some(_) | None => Box::pin(reconcile_one(cx, &pair.first(None, None), memory)).await,
    }
}

fn reads(now: Moment) -> Reads {
    Reads {
        lane: Lane::Change,
        since: now.at,
    }
}

/// What would be done, where nothing is written.
async fn plan(
    cx: &Context,
    mut pair: Pair<'_>,
    course: &Course,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let first = pair.first_of_a_plan(course);
    let next = Box::pin(reconcile_one(cx, &first, memory)).await?;
    let Course::Begin(name) = course else { return Ok(next) };
    let told = ReplacementStatus {
        load_balancer_name: name.clone(),
        ..ReplacementStatus::default()
    };
    pair.status.replacement = Some(told.at(ReplacementPhase::Creating, now.wall.to_string()));
    let Some(second) = pair.second() else { return Ok(next) };
    let mut beside = memory.beside.take().unwrap_or_default();
    let planned = Box::pin(reconcile_one(cx, &second, &mut beside)).await;
    memory.beside = Some(beside);
    Ok(both(next, planned?))
}

/// One step on the way that the spec asks for.
async fn go_on(
    cx: &Context,
    object: &Object,
    mut pair: Pair<'_>,
    mut course: Course,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    if let Course::Begin(name) = &course {
        // What is not proven to be the object's own is not the operator's to replace.
        if !memory.published.verdict().is_some_and(Verdict::lets_work) {
            let mut next = Box::pin(reconcile_one(cx, &pair.first_of_a_plan(&course), memory)).await?;
            if memory.published.verdict().is_some_and(Verdict::lets_work) {
                next.wait = Some(Duration::ZERO);
            }
            return Ok(next);
        }
        begin(cx, object, &mut pair, name, memory, now.wall).await?;
        course = Course::Succeed;
    }
    let Some(second) = pair.second() else {
        return Box::pin(reconcile_one(cx, &pair.first_alone(), memory)).await;
    };
    if course == Course::Remove {
        return Box::pin(remove(cx, object, &pair, &second, memory, now)).await;
    }
    let mut beside = memory.beside.take().unwrap_or_default();
    let worked = Box::pin(reconcile_one(cx, &second, &mut beside)).await;
    let status = beside.published.previous(&second);
    let can_succeed = worked.is_ok() && course == Course::Succeed && pair.can_succeed(&beside, &status, memory);
    let problem = beside.published.verdict().and_then(Verdict::problem);
    let problem = problem.map(|problem| problem.message.clone());
    let told = pair.told(&course, beside.published.verdict(), &status, now.wall);
    memory.beside = Some(beside);
    if can_succeed {
        let next = worked?;
        succeed(cx, object, &pair, &second, memory, now.wall).await?;
        return Ok(Next {
            wait: Some(Duration::ZERO),
            ..next
        });
    }
    let first = work_on_first(cx, object, &pair, told, problem, memory, now).await;
    let mut next = both(first?, worked?);
    if let Course::Keep(until) = course {
        let left = u64::try_from(until.duration_since(now.wall).as_secs()).unwrap_or_default();
        let left = if left == 0 {
            AGAIN
        } else {
            Duration::from_secs(left + 1)
        };
        next.wait = Some(next.wait.map_or(left, |wait| wait.min(left)));
    }
    Ok(next)
}

/// Reconciles the one that clients are sent to, and writes what is told of the other one.
async fn work_on_first(
    cx: &Context,
    object: &Object,
    pair: &Pair<'_>,
    told: Option<ReplacementStatus>,
    problem: Option<Message>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let waits = told.as_ref().and_then(|told| pair.waits(told, problem.as_ref()));
    let text = waits.as_ref().map(|waits| waits.text().to_owned());
    if memory.replacing != text {
        memory.replacing = text;
        memory.look_again(now.at);
    }
    let first = pair.first(told, waits);
    let worked = Box::pin(reconcile_one(cx, &first, memory)).await;
    let written = memory.published.written(object);
    let whole = first.whole(written.clone());
    if whole != written {
        cx.kubernetes.write_status(object, &whole).await?;
        memory.published.wrote(whole);
    }
    worked
}

/// The successor stands in the status before it does in AWS, so that none is left behind.
async fn begin(
    cx: &Context,
    object: &Object,
    pair: &mut Pair<'_>,
    name: &str,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<(), Error> {
    let told = ReplacementStatus {
        load_balancer_name: name.to_owned(),
        message: Some(message::successor_comes()),
        vpc_id: pair.vpc_of_successor(),
        ..ReplacementStatus::default()
    };
    pair.status.replacement = Some(told.at(ReplacementPhase::Creating, now.to_string()));
    cx.kubernetes.write_status(object, &pair.status).await?;
    memory.published.wrote(pair.status.clone());
    memory.beside = None;
    let message = message::replacement_begun(&pair.serving.name, name);
    cx.kubernetes.normal(object, "Replace", &message).await;
    Ok(())
}

/// Clients are sent to the other one from now on: one write says so.
async fn succeed(
    cx: &Context,
    object: &Object,
    pair: &Pair<'_>,
    second: &Object,
    memory: &mut Memory,
    now: Timestamp,
) -> Result<(), Error> {
    let Some(beside) = memory.beside.as_ref() else {
        return Ok(());
    };
    let mut status = beside.published.previous(second);
    condition::follow(&mut status.conditions, &pair.status.conditions, now);
    let successor = status.load_balancer_name.clone().unwrap_or_default();
    let until = pair.kept_until(now);
    let told = ReplacementStatus {
        load_balancer_name: pair.serving.name.clone(),
        message: Some(message::former_kept(until)),
        kept_until: Some(until.to_string()),
        ..ReplacementStatus::default()
    };
    let mut former_status = pair.status.clone();
    former_status.replacement = None;
    status.replacement = Some(told.at(ReplacementPhase::Keeping, now.to_string()).of(&former_status));
    cx.kubernetes.write_status(object, &status).await?;
    if let Some(beside) = memory.beside.take() {
        let mut former = std::mem::replace(memory, *beside);
        memory.published.wrote(status);
        former.published.wrote(former_status);
        memory.beside = Some(Box::new(former));
    }
    let message = message::replacement_moved(&pair.serving.name, successor, until);
    cx.kubernetes.normal(object, "Replace", &message).await;
    Ok(())
}

/// Removes the one beside, and keeps the other one as declared meanwhile.
async fn remove(
    cx: &Context,
    object: &Object,
    pair: &Pair<'_>,
    second: &Object,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let mut beside = memory.beside.take().unwrap_or_default();
    announce_removal(cx, object, pair).await;
    let removed = Box::pin(take_away(cx, second, &mut beside, now)).await;
    let status = beside.published.previous(second);
    let removed = match removed {
        Ok(Some(Removal::Done)) => {
            return gone(cx, object, pair, memory).await;
        }
        Ok(removed) => removed,
        Err(error) => {
            memory.beside = Some(beside);
            return Err(error);
        }
    };
    let mut told = pair.told(&Course::Remove, None, &status, now.wall);
    let wait = match removed {
        Some(Removal::Waits(message, wait)) => {
            if let Some(told) = &mut told {
                told.message = Some(message.text().to_owned());
            }
            wait
        }
        Some(Removal::Doubted(wait)) => wait,
        Some(Removal::Hindered(verdict)) => {
            if let (Some(told), Some(problem)) = (&mut told, verdict.problem()) {
                told.message = Some(problem.message.text().to_owned());
            }
            backoff::delay(beside.schedule.hindered(), cx.jitter.fraction())
        }
        Some(Removal::Done) | None => AGAIN,
    };
    memory.beside = Some(beside);
    let first = work_on_first(cx, object, pair, told, None, memory, now).await?;
    let wait = first.wait.map_or(wait, |first| first.min(wait));
    Ok(Next {
        wait: Some(wait),
        ..first
    })
}

/// Says once which of the two goes, and why.
async fn announce_removal(cx: &Context, object: &Object, pair: &Pair<'_>) {
    let Some(told) = &pair.status.replacement else { return };
    if told.phase == ReplacementPhase::Removing {
        return;
    }
    let name = &told.load_balancer_name;
    let message = match told.kept_until {
        Some(_) => message::replacement_ends(name),
        None => message::replacement_called_off(&pair.serving.name, name),
    };
    cx.kubernetes.normal(object, "Replace", &message).await;
}

/// `None`: its account or region lets nothing be done.
async fn take_away(cx: &Context, second: &Object, memory: &mut Memory, now: Moment) -> Result<Option<Removal>, Error> {
    let status = memory.published.previous(second);
    let Ok(subject) = Subject::of(second, cx, status, reads(now)) else {
        return Ok(None);
    };
    // Where it was made, and as a process before this one left it.
    let subject = subject.as_made(cx);
    memory.lifecycle.resume(was_being_made(&subject.previous), now.at);
    cx.claims.withdraw(&subject.claimant());
    let removal = Box::pin(attempt(cx, &subject, memory, now)).await?;
    if matches!(removal, Removal::Done) {
        cx.drains.forget(&subject.claimant());
    }
    Ok(Some(removal))
}

/// The one beside is gone: the object has one load balancer again.
async fn gone(cx: &Context, object: &Object, pair: &Pair<'_>, memory: &mut Memory) -> Result<Next, Error> {
    let mut status = pair.status.clone();
    status.replacement = None;
    cx.kubernetes.write_status(object, &status).await?;
    memory.published.wrote(status);
    memory.beside = None;
    // The next one may begin at once.
    Ok(Next {
        wait: Some(Duration::ZERO),
        ..Next::default()
    })
}

/// The object is being deleted: the one beside goes first, since nothing but the status tells of it.
async fn finalize(
    cx: &Context,
    object: &Object,
    pair: &Pair<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let first = pair.first(None, None);
    let held = Mode::of(object, &cx.rules).held;
    let suspended = object.spec.management == Some(crate::api::Management::Suspended);
    let Some(second) = pair.second().filter(|_| held && !suspended) else {
        return Box::pin(reconcile_one(cx, &first, memory)).await;
    };
    let mut beside = memory.beside.take().unwrap_or_default();
    let removed = Box::pin(take_away(cx, &second, &mut beside, now)).await;
    let removed = match removed {
        Ok(removed) => removed,
        Err(error) => {
            memory.beside = Some(beside);
            return Err(error);
        }
    };
    let (verdict, wait) = match removed {
        Some(Removal::Done) => return gone(cx, object, pair, memory).await,
        // It says why itself.
        None => return Box::pin(reconcile_one(cx, &first, memory)).await,
        Some(Removal::Waits(message, wait)) => (Verdict::Deleting(message), wait),
        Some(Removal::Doubted(wait)) => {
            memory.beside = Some(beside);
            return Ok(Next {
                wait: Some(wait),
                ..Next::default()
            });
        }
        Some(Removal::Hindered(verdict)) => {
            let wait = backoff::delay(beside.schedule.hindered(), cx.jitter.fraction());
            (verdict, wait)
        }
    };
    memory.beside = Some(beside);
    let problems = verdict.problem().cloned().into_iter().collect::<Vec<_>>();
    let generation = object.metadata.generation.unwrap_or_default();
    publish(cx, object, memory, &Report::new(generation, verdict)).await?;
    Ok(Next {
        wait: Some(wait),
        failed: !problems.is_empty(),
        problems,
        ..Next::default()
    })
}

/// What comes next of two.
fn both(first: Next, second: Next) -> Next {
    let wait = first.wait.into_iter().chain(second.wait).min();
    let mut both = Next { wait, ..first };
    both.failed |= second.failed;
    both.steps.extend(second.steps);
    both.explained.extend(second.explained);
    both.problems.extend(second.problems);
    both
}
