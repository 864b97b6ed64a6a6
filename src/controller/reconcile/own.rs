//! I/O: sees to it that the load balancer of an object is its own: found so, created, or taken over.

mod adopt;
mod create;

use super::observe::{Observation, check_account, replaced};
use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::controller::context::Context;
use crate::controller::executor::Executor;
use crate::controller::memory::Memory;
use crate::elb::{LoadBalancer, Ownership};
use crate::plan::desired::Desired;

/// A load balancer that is the object's own, or would be after the steps of a dry run.
#[derive(Debug)]
pub(super) struct Owned {
    /// As AWS has it, or as the dry steps leave it.
    pub(super) lb: LoadBalancer,
    /// It was made in this reconcile.
    pub(super) made: bool,
    /// What AWS has of it; `None`: all of it, since nothing was dry.
    pub(super) reality: Option<Reality>,
}

/// What there really is under a dry run.
#[derive(Debug)]
pub(super) enum Reality {
    /// Nothing.
    Absent,
    /// The load balancer as it is, under somebody else's tags.
    NotClaimed(Box<LoadBalancer>),
}

impl From<LoadBalancer> for Owned {
    fn from(lb: LoadBalancer) -> Self {
        Self {
            lb,
            made: false,
            reality: None,
        }
    }
}

/// Makes it the object's own, where it is not.
pub(super) async fn own(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
    observation: Observation,
) -> Result<Owned, Stop> {
    let owned = match observation {
        Observation::Ours(lb) => match replaced(subject, &lb) {
            None => Owned::from(*lb),
            Some(halt) => {
                check_account(subject).await?;
                return Err(halt.into());
            }
        },
        Observation::Absent => {
            check_account(subject).await?;
            create::absent(cx, executor, subject, desired, memory).await?
        }
        Observation::NotOurs(ownership, lb) => {
            check_account(subject).await?;
            memory.forget_load_balancer();
            take_over(cx, executor, subject, &ownership, *lb).await?
        }
    };
    memory.lifecycle.seen();
    Ok(owned)
}

/// Takes it over. Where a dry run may not, what stands there is told all the same, unless the object knows another one.
async fn take_over(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    ownership: &Ownership,
    mut lb: LoadBalancer,
) -> Result<Owned, Stop> {
    if !executor.is_dry() {
        return Ok(adopt::adopt(cx, executor, subject, ownership, lb).await?.into());
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
        reality: Some(reality),
    })
}
