//! I/O: the end of a pass: its status, once, where it differs, and an Event for each transition.

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt as _;

use super::{Context, Error, Memory};
use crate::api::condition::READY;
use crate::api::message::Message;
use crate::api::reason;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus};
use crate::controller::event;
use crate::controller::status::{self, Report};

/// The status as it was last written: the cache may still hold the object from before our own last write.
fn written_status(object: &ClassicLoadBalancer, memory: &Memory) -> ClassicLoadBalancerStatus {
    memory
        .status
        .clone()
        .or_else(|| object.status.clone())
        .unwrap_or_default()
}

/// The status to build on: as written, and with what was applied since though no status could tell.
pub(in crate::controller) fn previous_status(
    object: &ClassicLoadBalancer,
    memory: &Memory,
) -> ClassicLoadBalancerStatus {
    let mut status = written_status(object, memory);
    if memory.applied.is_some() {
        status.applied.clone_from(&memory.applied);
    }
    status
}

/// Writes the status where it differs, and tells of a transition by an Event.
pub(in crate::controller) async fn conclude(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    memory: &mut Memory,
    report: Report<'_>,
) -> Result<(), Error> {
    let written = written_status(object, memory);
    let new = status::derive(&previous_status(object, memory), &report, Timestamp::now());
    // A status that somebody else overwrote is mended by the next full pass, which alone reports on the account.
    let stands = object.status.as_ref().is_some_and(|stored| status::says(stored, &new));
    let overwritten = report.account.is_some() && !stands;
    if overwritten || !status::says(&written, &new) {
        let namespace = object.namespace().ok_or(Error::Incomplete("namespace"))?;
        status::write(&ctx.client, object, &namespace, &object.name_any(), &new).await?;
    }
    tell(object, ctx, memory, &written, &new).await;
    for message in status::zone_news(&written, &new) {
        event::warning(&ctx.events, object, "Reconcile", &message).await;
    }
    memory.status = Some(new);
    Ok(())
}

/// One Event for each change of `Ready` or of its reason.
async fn tell(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    memory: &mut Memory,
    previous: &ClassicLoadBalancerStatus,
    new: &ClassicLoadBalancerStatus,
) {
    let Some(ready) = new.conditions.first() else { return };
    // Conditions of others may stand before it.
    let before = previous.conditions.iter().find(|condition| condition.type_ == READY);
    let message = (ready.reason.clone(), ready.message.clone());
    let same = before.is_some_and(|before| {
        before.status == ready.status && before.reason == ready.reason && before.message == ready.message
    });
    if same || memory.message.as_ref() == Some(&message) {
        return;
    }
    if ready.status == "False" && ready.reason != reason::DELETING {
        event::warning(&ctx.events, object, "Reconcile", &Message::again(ready)).await;
    } else {
        event::normal(&ctx.events, object, "Reconcile", &Message::again(ready)).await;
    }
    memory.message = Some(message);
}
