//! I/O: the end of a reconcile that does nothing: on request, or since there is no region to do it in.

use super::conclude::Next;
use super::mode::Mode;
use super::publish::publish;
use super::stop::Stop;
use super::subject::Subject;
use crate::api::message;
use crate::api::{ClassicLoadBalancer, Management};
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Memory;
use crate::controller::status::{Report, Verdict};
use crate::plan::{Problem, Track};

/// The object is in no region that there is.
pub(super) async fn without_region(
    cx: &Context,
    object: &ClassicLoadBalancer,
    memory: &mut Memory,
    stop: Stop,
) -> Result<Next, Error> {
    let problem = match stop {
        Stop::Refused(problem) => problem,
        Stop::Failed(error) => return Err(error),
        Stop::Halted(_) | Stop::Doubted(_) => Problem::invalid(Track::LoadBalancer, message::no_region()),
    };
    let generation = object.metadata.generation.unwrap_or_default();
    let mode = Mode::of(object, &cx.rules);
    let verdict = if object.metadata.deletion_timestamp.is_some() && !mode.protected {
        if !mode.held {
            return Ok(Next::default());
        }
        if object.spec.management == Some(Management::Suspended) {
            let verdict = Verdict::Suspended(message::deletion_suspended());
            publish(cx, object, memory, &Report::new(generation, verdict)).await?;
            return Ok(Next::default());
        }
        Verdict::Deleting(message::deletion_without_region(&problem.message))
    } else {
        mode.overrule(Verdict::NotAccepted(problem.clone()), &[])
    };
    publish(cx, object, memory, &Report::new(generation, verdict)).await?;
    Ok(Next {
        problems: vec![problem],
        ..Next::after(Some(cx.intervals.resync))
    })
}

/// Nothing is done, on request.
pub(super) async fn rest(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> Result<Next, Error> {
    memory.suspend();
    let verdict = Verdict::Suspended(message::suspended());
    let mut report = Report::new(subject.generation(), verdict);
    report.name = Some(subject.former_name().unwrap_or(&subject.name));
    report.errors.clone_from(&subject.previous.errors);
    publish(cx, subject.object, memory, &report).await?;
    Ok(Next::default())
}
