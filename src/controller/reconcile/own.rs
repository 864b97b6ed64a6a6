//! I/O: sees to it that the load balancer of an object is its own: found so, created, or taken over.

mod adopt;
mod bind;
mod create;
mod owned;

use tokio::time::Instant;

use super::entry::unreadable;
use super::from_status;
use super::observe::{LOOK, Observation, confirmed, is_same, observe, replaced};
use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::controller::context::Context;
use crate::controller::executor::Executor;
use crate::controller::memory::{Memory, SECOND_LOOK};
use crate::controller::status::Verdict;
use crate::elb::{Declared, Element, LoadBalancer, Origin, Ownership};
use crate::plan::desired::Desired;
use crate::plan::{Plan, Step};

pub(super) use create::was_published;
pub(super) use owned::{Owned, Reality, Source};

/// Between two looks at AWS a change of the cluster is followed from what is known, so that it costs no read. Before
/// anything is written, the tags are read all the same.
pub(super) fn remembered(executor: &mut Executor<'_>, memory: &mut Memory) -> Option<Owned> {
    // What stands in the way of the whole may be gone, or was never ours.
    if !memory.published.verdict().is_some_and(Verdict::lets_work) {
        return None;
    }
    let lb = memory.known.load_balancer()?.clone();
    memory.schedule.remembers(true);
    executor.owned();
    Some(Owned {
        source: Source::Remembered,
        ..lb.into()
    })
}

/// Makes it the object's own, where it is not.
pub(super) async fn own(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
) -> Result<Owned, Stop> {
    wait_in_line(executor, desired, memory)?;
    let proves = memory.schedule.wants_proof(&subject.seen(), cx.clock.now().at);
    let observation = observe(subject, &subject.region.view, memory.known.load_balancer(), proves).await;
    let observation = match observation {
        Ok(observation) => observation,
        Err(error) => return Err(unreadable(subject, &error).await),
    };
    if !matches!(observation, Observation::Absent) {
        memory.lifecycle.sighted();
    }
    let owned = match confirmed(subject, observation).await? {
        Observation::Ours(lb) => match replaced(subject, &lb) {
            None => Owned {
                source: if proves || memory.known.load_balancer().is_none_or(|known| !is_same(known, &lb)) {
                    Source::Proven
                } else {
                    Source::Read
                },
                ..looked_at_again(cx, subject, desired, memory, *lb).await?.into()
            },
            Some(halt) => return Err(halt.into()),
        },
        Observation::Absent if is_doubted(cx, subject, memory) => {
            tracing::info!(
                load_balancer = subject.name,
                "AWS says that it does not exist; it is looked for again"
            );
            return Err(Stop::Doubted(SECOND_LOOK));
        }
        Observation::Absent if subject.object.is_binding() => return Err(bind::absent(cx, subject, memory).into()),
        Observation::NotOurs(_, lb) if subject.object.is_binding() => {
            if is_withdrawal_doubted(cx, subject, memory) {
                return Err(Stop::Doubted(SECOND_LOOK));
            }
            return Err(bind::refused(cx, subject, memory, &lb).into());
        }
        Observation::Absent => create::absent(cx, executor, subject, desired, memory).await?,
        Observation::NotOurs(ownership, lb) => {
            let now = cx.clock.now().at;
            // Its tags may be shown after it, also where an earlier process asked for it.
            if ownership == Ownership::Nobody && memory.lifecycle.may_still_appear(now) {
                return Err(Halt::creating().into());
            }
            if memory.journal.is_ownership_old(&lb.tags, now) {
                return Err(Halt::tags_not_shown(&subject.name).into());
            }
            if !executor.is_dry() {
                memory.forget_load_balancer();
            }
            take_over(cx, executor, subject, memory, &ownership, *lb, &desired.declared).await?
        }
    };
    memory.lifecycle.seen();
    executor.owned();
    Ok(owned)
}

/// A creation that waits for its turn waits without a look at what is there; that is looked at when the turn comes.
fn wait_in_line(executor: &mut Executor<'_>, desired: &Desired, memory: &mut Memory) -> Result<(), Stop> {
    if !memory.lifecycle.is_in_line() {
        return Ok(());
    }
    let waiting = executor.pay_ahead(&Plan::create(&desired.declared), &LOOK);
    if let Some(failure) = waiting.first() {
        return Err(Halt::not_created(&failure.error).into());
    }
    memory.lifecycle.set_in_line(false);
    Ok(())
}

/// The load balancer as a second reading shows it, where the first shows something as it was before our own write. A listener
/// is looked at again later.
async fn looked_at_again(
    cx: &Context,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
    first: LoadBalancer,
) -> Result<LoadBalancer, Stop> {
    let now = cx.clock.now().at;
    if memory.known.load_balancer().is_none() && !cx.kubernetes.is_dry() && !subject.object.is_binding() {
        resume(subject, desired, memory, &first, now);
    }
    memory.journal.shown(&first, Element::is_described);
    if memory.journal.doubts_listeners_of(&first, now) {
        return Err(Stop::Doubted(SECOND_LOOK));
    }
    if !memory.journal.is_contradicted_by(&first, now) {
        return Ok(first);
    }
    let second = subject
        .region
        .view
        .now()
        .load_balancer(&subject.name, true)
        .await
        .map_err(|error| subject.unreadable(&error))?;
    let same = second.filter(|second| is_same(second, &first));
    let Some(second) = same else {
        return Err(Stop::Doubted(SECOND_LOOK));
    };
    Ok(LoadBalancer {
        tags: first.tags,
        ..second
    })
}

/// What an earlier process wrote is as good as written by this one when it starts: a listener is not rebuilt again for an answer from
/// before.
fn resume(subject: &Subject<'_>, desired: &Desired, memory: &mut Memory, first: &LoadBalancer, now: Instant) {
    let rebuilt = from_status::rebuilt(&subject.previous, first, &desired.declared.listeners);
    if !rebuilt.is_empty() {
        let mut told = first.clone();
        told.listeners.extend(rebuilt);
        memory.journal.wrote(first, &told, now);
    }
}

/// Whether the absence of a load balancer that is known needs a second look. Whoever asks for a preview gets what is so now.
fn is_doubted(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> bool {
    create::was_published(subject, memory)
        && !cx.kubernetes.is_dry()
        && !memory.lifecycle.is_gone_for_sure(cx.clock.now().at)
}

/// Whether tags that do not offer it any more, though they did, need a second look.
fn is_withdrawal_doubted(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> bool {
    create::was_published(subject, memory)
        && !cx.kubernetes.is_dry()
        && !memory.lifecycle.is_disowned_for_sure(cx.clock.now().at)
}

/// Takes it over. Where a dry run may not, what stands there is told all the same, unless the object knows another one.
async fn take_over(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    ownership: &Ownership,
    mut lb: LoadBalancer,
    declared: &Declared,
) -> Result<Owned, Stop> {
    if !executor.is_dry() {
        return adopt::adopt(cx, executor, subject, memory, ownership, lb, declared).await;
    }
    // Not ours, so its identity is not one to remember; that of ours is not one to forget.
    let claim = adopt::claim(cx, subject, ownership, &lb, declared).await;
    // Whoever asks for a preview gets what is so now.
    let offer = adopt::missing_offer(subject, ownership, &lb).filter(|_| !cx.kubernetes.is_dry());
    lb.identity.created_time.clone_from(&subject.previous.created_time);
    let (claim, refused) = match (claim, offer) {
        (Ok(claim), _) => (claim, None),
        // What would be, were it offered: the offer is the first step, and somebody else's to make.
        (Err(Stop::Halted(halt)), Some(offer)) if subject.previous.created_time.is_none() => {
            executor.run(&offer).await.map_err(|error| Halt::not_claimed(&error))?;
            (
                Step::AddTags(subject.owner.tags(Origin::Adopted)),
                halt.verdict.problem().cloned(),
            )
        }
        (Err(Stop::Halted(halt)), None) if subject.previous.created_time.is_none() => {
            let stands = Some(Box::new(lb));
            return Err(Halt { stands, ..*halt }.into());
        }
        (Err(stop), _) => return Err(stop),
    };
    let reality = Reality::NotClaimed(Box::new(lb.clone()));
    executor.run(&claim).await.map_err(|error| Halt::not_claimed(&error))?;
    claim.apply_to(&mut lb);
    Ok(Owned {
        lb,
        source: Source::Claimed,
        refused,
        reality: Some(reality),
    })
}
