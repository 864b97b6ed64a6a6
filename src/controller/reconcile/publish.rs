//! I/O: what is published of a reconcile: its status, once, where it differs, and an Event for each transition.

use super::from_status;
use crate::api::ClassicLoadBalancerStatus;
use crate::api::condition::READY;
use crate::api::message::Message;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::memory::Memory;
use crate::controller::object::Object;
use crate::controller::status::{self, Report, Verdict};

/// Writes the status where it differs, and publishes an Event about a transition.
pub(in crate::controller) async fn publish(
    cx: &Context,
    object: &Object,
    memory: &mut Memory,
    report: &Report<'_>,
) -> Result<(), Error> {
    let late;
    let report = if memory.published.is_overdue(&report.verdict) {
        late = Report {
            overdue: true,
            ..report.clone()
        };
        &late
    } else {
        report
    };
    let written = memory.published.written(object);
    let mut new = status::derive(&memory.published.previous(object), report, cx.clock.now().wall);
    new.cluster_id.get_or_insert_with(|| cx.cluster_id.clone());
    if object.is_beside() {
        // What is to be told of it is told with the other one.
        memory.known.told(&from_status::members_of(&new));
        memory.published.wrote(new);
        return Ok(());
    }
    let mut new = object.whole(new);
    // A status that somebody else overwrote is mended by the next full reconcile, which alone reports on the account.
    let stands = object.status.as_ref().is_some_and(|stored| status::says(stored, &new));
    let overwritten = report.full && !stands;
    if overwritten || !status::says(&written, &new) {
        match cx.kubernetes.write_status(object, &new).await {
            // There is nobody left to tell.
            Ok(()) | Err(Error::Replaced) => {}
            Err(error) => return Err(error),
        }
    }
    announce(cx, object, memory, report, &written, &new).await;
    for message in status::zone_news(&written, &new) {
        cx.kubernetes.warning(object, "Reconcile", &message).await;
    }
    memory.known.told(&from_status::members_of(&new));
    new.share_instances(object.status.as_ref());
    memory.published.wrote(new);
    Ok(())
}

/// One Event for each change of `Ready` or of its reason.
async fn announce(
    cx: &Context,
    object: &Object,
    memory: &mut Memory,
    report: &Report<'_>,
    previous: &ClassicLoadBalancerStatus,
    new: &ClassicLoadBalancerStatus,
) {
    let Some(ready) = new.conditions.first() else { return };
    // Conditions of others may stand before it.
    let before = previous.conditions.iter().find(|condition| condition.type_ == READY);
    let same = before.is_some_and(|before| {
        before.status == ready.status && before.reason == ready.reason && before.message == ready.message
    });
    if same || !memory.published.is_news(&ready.reason, &ready.message) {
        return;
    }
    let message = Message::again(ready);
    if ready.status == "False" && !matches!(report.verdict, Verdict::Deleting(_)) {
        cx.kubernetes.warning(object, "Reconcile", &message).await;
    } else {
        cx.kubernetes.normal(object, "Reconcile", &message).await;
    }
}
