//! I/O: sees to it that the load balancer of an object is its own: found so, created, or taken over.

mod adopt;
mod create;
mod owned;

use super::observe::{Observation, confirmed, replaced};
use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::controller::context::Context;
use crate::controller::executor::Executor;
use crate::controller::memory::{Memory, SECOND_LOOK};
use crate::elb::{LoadBalancer, Ownership};
use crate::plan::desired::Desired;

pub(super) use owned::{Owned, Reality};

/// Makes it the object's own, where it is not.
pub(super) async fn own(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
    observation: Observation,
) -> Result<Owned, Stop> {
    let owned = match confirmed(subject, observation).await? {
        Observation::Ours(lb) => match replaced(subject, &lb) {
            None => Owned::from(*lb),
            Some(halt) => return Err(halt.into()),
        },
        Observation::Absent if is_doubted(cx, subject, memory) => {
            tracing::info!(
                load_balancer = subject.name,
                "AWS says that it does not exist; it is looked for again"
            );
            return Err(Stop::Doubted(SECOND_LOOK));
        }
        Observation::Absent => create::absent(cx, executor, subject, desired, memory).await?,
        Observation::NotOurs(ownership, lb) => {
            let now = cx.clock.now().at;
            if ownership == Ownership::Nobody && memory.lifecycle.is_creating(now) {
                return Err(Halt::creating().into());
            }
            if memory.journal.is_ownership_old(&lb.tags, now) {
                return Err(Halt::tags_not_shown(&subject.name).into());
            }
            if !executor.is_dry() {
                memory.forget_load_balancer();
            }
            take_over(cx, executor, subject, memory, &ownership, *lb).await?
        }
    };
    memory.lifecycle.seen();
    executor.owned();
    Ok(owned)
}

/// Whether the absence of a load balancer that is known needs a second look. Whoever asks for a preview gets what is so now.
fn is_doubted(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> bool {
    create::was_published(subject, memory)
        && !cx.kubernetes.is_dry()
        && !memory.lifecycle.is_gone_for_sure(cx.clock.now().at)
}

/// Takes it over. Where a dry run may not, what stands there is told all the same, unless the object knows another one.
async fn take_over(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    ownership: &Ownership,
    mut lb: LoadBalancer,
) -> Result<Owned, Stop> {
    if !executor.is_dry() {
        return adopt::adopt(cx, executor, subject, memory, ownership, lb).await;
    }
    // Not ours, so its identity is not one to remember; that of ours is not one to forget.
    let claim = adopt::claim(cx, subject, ownership, &lb).await;
    lb.identity.created_time.clone_from(&subject.previous.created_time);
    let claim = match claim {
        Ok(claim) => claim,
        Err(Stop::Halted(halt)) if subject.previous.created_time.is_none() => {
            let stands = Some(Box::new(lb));
            return Err(Halt { stands, ..*halt }.into());
        }
        Err(stop) => return Err(stop),
    };
    let reality = Reality::NotClaimed(Box::new(lb.clone()));
    executor.run(&claim).await.map_err(|error| Halt::not_claimed(&error))?;
    claim.apply_to(&mut lb);
    Ok(Owned {
        lb,
        made: false,
        claimed: true,
        reality: Some(reality),
    })
}
