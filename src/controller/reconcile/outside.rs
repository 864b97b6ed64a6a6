//! I/O: an object that is in no region that there is, or in no account that it may use. AWS is not asked.

use super::conclude::Next;
use super::mode::Mode;
use super::publish::publish;
use super::stop::Stop;
use crate::api::Management;
use crate::api::message;
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Memory;
use crate::controller::object::Object;
use crate::controller::status::{Report, Verdict};
use crate::plan::{Problem, Track};

/// Tells why nothing is done.
pub(super) async fn outside(
    cx: &Context,
    object: &Object,
    memory: &mut Memory,
    stop: Stop,
    now: Moment,
) -> Result<Next, Error> {
    let no_region = || Problem::invalid(Track::LoadBalancer, message::no_region());
    let problem = match stop {
        Stop::Refused(problem) => problem,
        Stop::Failed(error) => return Err(error),
        Stop::Halted(halt) => halt.verdict.problem().cloned().unwrap_or_else(no_region),
        Stop::Doubted(_) => no_region(),
    };
    let suspended = object.spec.management == Some(Management::Suspended);
    let mode = Mode::of(object, &cx.rules);
    let verdict = if object.metadata.deletion_timestamp.is_some() && !mode.protected {
        if !mode.held {
            return Ok(Next::default());
        }
        if suspended {
            return rest(cx, object, memory, Verdict::Suspended(message::deletion_suspended())).await;
        }
        if !problem.is_of_account() {
            Verdict::Deleting(message::deletion_without_region(&problem.message))
        } else if mode.reads_only.is_some() {
            let message = message::released_outside(&problem.message);
            cx.kubernetes.normal(object, "Delete", &message).await;
            cx.kubernetes.remove_finalizer(object).await?;
            memory.lifecycle.release();
            return Ok(Next::default());
        } else {
            Verdict::Deleting(message::deletion_not_allowed(&problem.message))
        }
    } else if suspended && problem.is_of_account() {
        memory.suspend();
        return rest(cx, object, memory, Verdict::Suspended(message::suspended())).await;
    } else {
        mode.overrule(Verdict::NotAccepted(problem.clone()), &[])
    };
    if problem.is_of_account() {
        memory.published.concluded(verdict.clone(), false, now.at);
    }
    publish(cx, object, memory, &report(object, verdict)).await?;
    Ok(Next {
        problems: vec![problem],
        ..Next::after(Some(cx.intervals.resync))
    })
}

async fn rest(cx: &Context, object: &Object, memory: &mut Memory, verdict: Verdict) -> Result<Next, Error> {
    publish(cx, object, memory, &report(object, verdict)).await?;
    Ok(Next::default())
}

fn report(object: &Object, verdict: Verdict) -> Report<'static> {
    Report::new(object.metadata.generation.unwrap_or_default(), verdict)
}
