//! The driver: one reconcile of one object, from what is wanted to what is told.
//!
//! A reconcile never sleeps. What must wait is remembered, with the reason, and the object is queued again. The steps
//! are boxed, or their futures side by side would fill the stack of a worker.

mod allowed;
mod applied;
mod brake;
mod conclude;
mod details;
mod drained;
mod ended;
pub(super) mod entry;
pub(super) mod finalize;
pub(super) mod from_status;
mod gather;
mod groups;
mod inputs;
pub(super) mod lookup;
mod met;
pub(super) mod mode;
pub(super) mod observe;
mod outcome;
mod outside;
mod own;
mod preflight;
pub(super) mod publish;
mod realise;
mod refresh;
pub(super) mod resolution;
mod resolve;
mod rest;
pub(super) mod stop;
pub(super) mod subject;
mod trust;
mod zones;

use super::clock::Moment;
use super::context::Context;
use super::error::Error;
use super::executor::Executor;
use super::memory::Memory;
use super::object::Object;
use allowed::allowed;
use conclude::conclude;
use ended::Ended;
use entry::enter;
use inputs::inputs;
use own::{own, remembered};
use realise::realise;
use resolve::resolve;
use stop::Stop;
use subject::{Course, Subject};

pub(super) use conclude::Next;
pub(super) use gather::in_words;

/// One reconcile: what is wanted × what is there → calls → what is told → when to look again.
pub(super) async fn reconcile(cx: &Context, object: &Object, memory: &mut Memory) -> Result<Next, Error> {
    let now = cx.clock.now();
    let subject = &match begin(cx, object, memory, now) {
        Ok(subject) => subject,
        Err(stop) => return Box::pin(outside::outside(cx, object, memory, stop, now)).await,
    };
    let seen = subject.seen();
    match subject.course() {
        Course::Finalize => return Box::pin(finalize::finalize(cx, subject, memory, now)).await,
        Course::Rest => return rest::rest(cx, subject, memory).await,
        Course::Realise => {}
    }
    if let Some(wait) = memory.schedule.too_soon(&seen, now.at) {
        return Ok(Next::after(Some(wait)));
    }
    let held = waits_still(subject, memory, now);
    let executor = &mut Executor::new(cx, subject);
    let ended = async {
        subject.check_cluster()?; // pure  it is the object of this operator
        subject.check_identity()?; // pure  the region and the name are those it was made under
        Box::pin(enter(subject)).await?; // I/O   the account is the one that the object refers to
        memory.let_in(now.at);
        let resolution = Box::pin(resolve(cx, subject, memory, now)).await?; // I/O   names → ids, Nodes → instances
        let mut desired = subject.declare(&resolution.resolved)?; // pure  or a refusal that names the field
        let full = !held && memory.schedule.wants_full(&seen, now.at);
        Box::pin(allowed(subject, &resolution, &mut desired, memory, full, now.at)).await?; // I/O   what its account lets it use
        let goes_on = full || (!held && memory.schedule.takes_up_a_plan(now.at));
        if !goes_on && memory.known.is_made(&desired.declared) {
            let news = refresh::refresh_health(cx, subject, memory, now).await;
            let desired = Box::new(desired);
            return Ok(Ended::Between { desired, news });
        }
        memory.begin_full(&seen, &desired.declared, now.at);
        let known = if full { None } else { remembered(executor, memory) };
        let mut owned = match known {
            Some(owned) => owned,
            None => Box::pin(own(cx, executor, subject, &desired, memory)).await?, // I/O   found with proof, made or taken over
        };
        let inputs = Box::pin(inputs(cx, subject, &desired, &mut owned, memory, now)).await; // I/O   only reads
        let outcome = Box::pin(realise(cx, executor, subject, owned, inputs, memory, now)).await?; // I/O   plan → carry out → plan again
        Ok(Ended::Full(Box::new((resolution, desired, outcome))))
    }
    .await;
    Box::pin(conclude(cx, executor, subject, memory, ended, now)).await // I/O   status, once, where it differs; when to look again
}

/// What the object is, as far as that can be told without asking anybody, and why it is looked at.
fn begin<'a>(cx: &'a Context, object: &'a Object, memory: &mut Memory, now: Moment) -> Result<Subject<'a>, Stop> {
    memory.published.hand_over(object, &cx.cluster_id);
    let previous = memory.published.previous(object);
    let settled = previous.observed_generation == object.metadata.generation;
    let (schedule, tolerance) = (&memory.schedule, cx.intervals.tolerance());
    let reads = schedule.reads(&subject::seen(object), settled, tolerance, now.at);
    let subject = Subject::of(object, cx, previous, reads)?;
    let because = schedule.because(&subject.seen(), now.at);
    tracing::Span::current().record("because", because);
    tracing::debug!(because, "reconciling");
    let was_being_made = from_status::was_being_made(&subject.previous);
    memory.lifecycle.resume(was_being_made, now.at);
    Ok(subject)
}

/// Takes the turn at AWS that it has waited for. Whether that has not come; what the cluster asks for meanwhile does not wait
/// for it.
fn waits_still(subject: &Subject<'_>, memory: &mut Memory, now: Moment) -> bool {
    let alone = memory.schedule.awaits_turn(&subject.seen(), now.at).is_some();
    let turn = memory.schedule.turn_comes(now.at);
    let wait = turn.and_then(|wait| subject.region.take_turn(wait));
    if let Some(wait) = wait {
        memory.schedule.wait_longer(now.at + wait);
    }
    alone && wait.is_some()
}
