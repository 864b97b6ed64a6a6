//! I/O: deletion. Nothing is deleted without proof that it is ours, and nothing is kept without saying why.

mod unbind;

use std::collections::BTreeSet;
use std::time::Duration;

use super::conclude::Next;
use super::entry::enter;
use super::groups;
use super::mode::ReadsOnly;
use super::observe::{LOOK, Observation, confirmed, observe};
use super::own::was_published;
use super::publish::publish;
use super::stop::{Halt, Stop};
use super::subject::Subject;
use crate::api::message::{self, Message};
use crate::api::{DeletionPolicy, Management};
use crate::aws;
use crate::controller::backoff;
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::executor::Executor;
use crate::controller::memory::{BLOCKED, Memory};
use crate::controller::object::Place;
use crate::controller::status::{Report, Verdict};
use crate::elb::{LoadBalancer, Origin, Ownership, TAG_BIND_BY, TAG_PREFIX};
use crate::plan::{Cause, Plan, Problem, Step, Track, desired};

/// Between two looks at something that AWS is busy with.
const POLL: Duration = Duration::from_secs(2);

/// What comes next.
enum After {
    /// Nothing in AWS holds the object any more.
    Release,
    /// Look again.
    Wait(Message),
}

/// Why a deletion does not go on.
enum Hindrance {
    Refused(aws::Error),
    Stopped(Stop),
}

impl From<aws::Error> for Hindrance {
    fn from(error: aws::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<Stop> for Hindrance {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// One reconcile of an object that is being deleted.
pub(super) async fn finalize(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Next, Error> {
    let object = subject.object;
    if !subject.has_finalizer() {
        return Ok(Next::default());
    }
    if object.spec.management == Some(Management::Suspended) {
        let verdict = Verdict::Suspended(message::deletion_suspended());
        publish(cx, object, memory, &Report::new(subject.generation(), verdict)).await?;
        return Ok(Next::default());
    }
    // An operator of another cluster id has it, and a load balancer that this one does not find. One whose name tells is
    // looked at: its tags say whose it is.
    if let Some(other) = subject.other_cluster().filter(|_| subject.former_name().is_none()) {
        let message = message::deletion_of_another(other, &subject.owner.cluster, &subject.name);
        let report = Report::new(subject.generation(), Verdict::Deleting(message));
        publish(cx, object, memory, &report).await?;
        return Ok(Next::after(Some(cx.intervals.resync.min(BLOCKED))));
    }
    let subject = &subject.as_made(cx);
    // What it has is not kept for it by others any more.
    cx.claims.withdraw(&subject.claimant());
    if let Some(who) = subject.mode.reads_only {
        let (name, region) = (&subject.name, &subject.region.region);
        let message = match who {
            ReadsOnly::Operator => message::released_read_only(name, region),
            ReadsOnly::Object => message::released_observed(name, region),
        };
        cx.kubernetes.normal(object, "Delete", &message).await;
        return release(cx, subject, memory).await;
    }
    let verdict = match attempt(cx, subject, memory, now).await? {
        Removal::Done => return release(cx, subject, memory).await,
        Removal::Waits(message, wait) => {
            let report = Report::new(subject.generation(), Verdict::Deleting(message));
            publish(cx, object, memory, &report).await?;
            return Ok(Next::after(Some(wait)));
        }
        Removal::Doubted(wait) => return Ok(Next::after(Some(wait))),
        Removal::Hindered(verdict) => verdict,
    };
    let problems = verdict.problem().cloned().into_iter().collect();
    publish(cx, object, memory, &Report::new(subject.generation(), verdict)).await?;
    let wait = backoff::delay(memory.schedule.hindered(), cx.jitter.fraction());
    Ok(Next {
        failed: true,
        problems,
        ..Next::after(Some(wait))
    })
}

/// What came of an attempt to remove a load balancer.
pub(in crate::controller) enum Removal {
    /// It is gone, or was let go, or is not ours.
    Done,
    /// It goes on after a while.
    Waits(Message, Duration),
    /// What was read cannot be believed yet.
    Doubted(Duration),
    /// It does not go on so.
    Hindered(Verdict),
}

/// Removes the load balancer, or does what comes next of that.
pub(in crate::controller) async fn attempt(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Removal, Error> {
    let executor = &mut Executor::new(cx, subject);
    if let Some(wait) = memory
        .schedule
        .turn_comes(now.at)
        .and_then(|wait| subject.region.take_turn(wait))
    {
        memory.schedule.wait_longer(now.at + wait);
    }
    let removal = match remove(cx, executor, subject, memory, now).await {
        Ok(After::Release) => return Ok(Removal::Done),
        Ok(After::Wait(message)) => Removal::Waits(message, POLL),
        Err(Hindrance::Refused(error)) if error.wait.is_some() => Removal::Waits(error.told(), POLL),
        Err(Hindrance::Refused(error)) => {
            let message = message::deletion_waits(error.reason(), &error);
            let cause = Cause::Refused(error.class);
            Removal::Hindered(Verdict::Unread(Problem::new(Track::LoadBalancer, cause, message)))
        }
        Err(Hindrance::Stopped(Stop::Failed(error))) => return Err(error),
        Err(Hindrance::Stopped(Stop::Doubted(wait))) => Removal::Doubted(wait),
        Err(Hindrance::Stopped(Stop::Refused(problem))) => Removal::Hindered(Verdict::Unread(problem)),
        Err(Hindrance::Stopped(Stop::Halted(halt))) => Removal::Hindered(halt.verdict),
    };
    let Some(wait) = subject.region.turn() else {
        return Ok(removal);
    };
    // No failure: its turn comes.
    memory.schedule.wait_for_turn(now.at, subject.reads, wait, false);
    Ok(match removal {
        Removal::Done => Removal::Done,
        Removal::Waits(message, _) => Removal::Waits(message, wait.time),
        Removal::Doubted(_) => Removal::Doubted(wait.time),
        Removal::Hindered(verdict) => match verdict.problem() {
            Some(problem) => Removal::Waits(problem.message.clone(), wait.time),
            None => Removal::Hindered(verdict),
        },
    })
}

async fn release(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> Result<Next, Error> {
    cx.kubernetes.remove_finalizer(subject.object).await?;
    memory.lifecycle.release();
    Ok(Next::default())
}

/// Removes what is ours, one step after the other.
async fn remove(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<After, Hindrance> {
    enter(subject).await?;
    let retains = subject.object.spec.deletion_policy == Some(DeletionPolicy::Retain);
    if was_published(subject, memory) && !retains && !memory.lifecycle.is_going(now.at) {
        // Whoever waits in line reads nothing.
        let waiting = executor.pay_ahead(&Plan::delete(), &LOOK);
        if let Some(failure) = waiting.into_iter().next() {
            return Err(failure.error.into());
        }
    }
    let lb = match what_stands(cx, executor, subject, memory, now).await? {
        Stands::Ours(lb) => *lb,
        Stands::Nothing(after) => return Ok(after),
    };
    let previous = &subject.previous;
    memory.lifecycle.seen();
    if subject.object.is_binding() {
        let waits = unbind::unbind(cx, executor, subject, memory, lb, now).await?;
        return Ok(waits.map_or(After::Release, After::Wait));
    }
    if previous.created_time.is_some() && previous.created_time != lb.identity.created_time {
        not_owned(cx, subject, &message::later_creation()).await;
        return Ok(After::Release);
    }
    let policy = subject
        .object
        .spec
        .deletion_policy
        .unwrap_or(match Origin::of(&lb.tags) {
            Origin::Created => DeletionPolicy::Delete,
            Origin::Adopted => DeletionPolicy::Retain,
        });
    if policy == DeletionPolicy::Retain {
        retain(executor, subject, &lb).await?;
        return Ok(After::Release);
    }
    if memory.lifecycle.is_going(now.at) {
        return Ok(After::Wait(message::deleting(&subject.name)));
    }
    if let Some(waiting) = detach(executor, subject, memory, now).await? {
        return Ok(After::Wait(waiting));
    }
    executor.run(&Step::DeleteLoadBalancer).await?;
    memory.lifecycle.deleted(now.at);
    if subject
        .region
        .view
        .now()
        .load_balancer(&subject.name, true)
        .await?
        .is_some()
    {
        return Ok(After::Wait(message::deleting(&subject.name)));
    }
    announce_gone(executor, subject).await;
    Ok(After::Release)
}

/// What there is to remove.
enum Stands {
    /// The load balancer that the tags prove to be ours.
    Ours(Box<LoadBalancer>),
    /// Nothing that is ours, or nothing that can be believed yet.
    Nothing(After),
}

/// Looks whether there is something to remove. What is not shown, or not ours, is believed at a second look where it was
/// known.
async fn what_stands(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Stands, Hindrance> {
    let previous = &subject.previous;
    // Always by a fresh read with tags: this is the last moment to find out that it is not ours.
    let observation = observe(subject, &subject.region.view.now(), None, true).await?;
    Ok(Stands::Nothing(match confirmed(subject, observation).await? {
        // It may be shown late, and its tags after it.
        Observation::Absent | Observation::NotOurs(Ownership::Nobody, _)
            if memory.lifecycle.may_still_appear(now.at) =>
        {
            After::Wait(message::perhaps_creating(&subject.name))
        }
        Observation::Absent
            if may_have_been_made(subject, memory)
                && !memory.lifecycle.is_going(now.at)
                && !memory.lifecycle.is_gone_for_sure(now.at) =>
        {
            After::Wait(message::perhaps_gone(&subject.name))
        }
        Observation::Absent => {
            // A group that stays attached to a load balancer that is gone cannot launch instances.
            let names = groups::attached_for(previous).collect();
            groups::detach(executor, subject, &mut memory.lifecycle, &names, now.at).await?;
            announce_gone(executor, subject).await;
            After::Release
        }
        // Tags of an adoption may be shown late.
        Observation::NotOurs(_, lb)
            if memory.journal.is_ownership_old(&lb.tags, now.at)
                || (was_ours(subject, &lb) && !memory.lifecycle.is_disowned_for_sure(now.at)) =>
        {
            After::Wait(message::perhaps_disowned(&subject.name))
        }
        Observation::NotOurs(ownership, _) => {
            let owner = match ownership {
                Ownership::Foreign(owner) => owner,
                Ownership::Nobody | Ownership::Ours => message::nobody(),
            };
            not_owned(cx, subject, &owner).await;
            After::Release
        }
        Observation::Ours(lb) => return Ok(Stands::Ours(lb)),
    }))
}

/// Whether there may have been one. The finalizer stands before the first write, so that it tells of one also where the status
/// was lost; of the two of an object it tells nothing.
fn may_have_been_made(subject: &Subject<'_>, memory: &Memory) -> bool {
    was_published(subject, memory) || matches!(subject.object.place, Place::Only)
}

/// Whether it is the load balancer that this object had.
fn was_ours(subject: &Subject<'_>, lb: &LoadBalancer) -> bool {
    let known = subject.previous.created_time.as_ref();
    known.is_some() && known == lb.identity.created_time.as_ref()
}

/// Removes our own tags and nothing else.
async fn retain(executor: &mut Executor<'_>, subject: &Subject<'_>, lb: &LoadBalancer) -> Result<(), aws::Error> {
    // What it offers to others is not the object's own.
    let ours = lb
        .tags
        .keys()
        .filter(|key| key.starts_with(TAG_PREFIX) && *key != TAG_BIND_BY);
    executor.run(&Step::RemoveTags(ours.cloned().collect())).await?;
    let message = message::retained(&subject.name, &subject.region.region);
    executor.announce("Delete", &message).await;
    Ok(())
}

/// Detaches the Auto Scaling groups first: a group that is attached to a load balancer that does not exist cannot
/// launch instances. Returns what is waited for.
async fn detach(
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Option<Message>, aws::Error> {
    let declared = subject
        .object
        .spec
        .targets
        .iter()
        .flat_map(desired::auto_scaling_groups);
    let names: BTreeSet<String> = groups::attached_for(&subject.previous).chain(declared).collect();
    let groups = groups::detach(executor, subject, &mut memory.lifecycle, &names, now.at).await?;
    let mut holding = Vec::new();
    for name in groups.found.keys() {
        if subject.region.client.is_attached(name, &subject.name).await? {
            holding.push(name.clone());
        }
    }
    let waits = memory.lifecycle.waits_for_groups(now.at);
    Ok((waits && !holding.is_empty()).then(|| message::detaching(holding.join(", "))))
}

async fn announce_gone(executor: &Executor<'_>, subject: &Subject<'_>) {
    let (name, region) = (&subject.name, &subject.region.region);
    let message = if subject.object.is_binding() {
        message::bond_gone(name, region)
    } else {
        message::deleted(name, region)
    };
    executor.announce("Delete", &message).await;
}

async fn not_owned(cx: &Context, subject: &Subject<'_>, owner: &str) {
    let (name, region) = (&subject.name, &subject.region.region);
    let message = if subject.object.is_binding() {
        message::bond_withdrawn(name, region)
    } else {
        message::not_owned(name, region, owner)
    };
    cx.kubernetes.warning(subject.object, "Delete", &message).await;
}

impl From<Halt> for Hindrance {
    fn from(halt: Halt) -> Self {
        Self::Stopped(halt.into())
    }
}
