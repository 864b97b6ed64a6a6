//! I/O: the end of a reconcile that does nothing, on request.

use super::conclude::Next;
use super::publish::publish;
use super::subject::Subject;
use crate::api::message;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Memory;
use crate::controller::status::{Report, Verdict};

/// Nothing is done, on request.
pub(super) async fn rest(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> Result<Next, Error> {
    memory.suspend();
    cx.drains.holds_nothing(&subject.owner.uid);
    let verdict = Verdict::Suspended(message::suspended());
    let mut report = Report::new(subject.generation(), verdict);
    report.name = Some(subject.former_name().unwrap_or(&subject.name));
    report.errors.clone_from(&subject.previous.errors);
    publish(cx, subject.object, memory, &report).await?;
    Ok(Next::default())
}
