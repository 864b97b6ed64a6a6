//! I/O: makes a load balancer where there is none, for the first time or again.

use super::adopt;
use super::owned::{Owned, Reality, Source};
use crate::api::{RecreatePolicy, message};
use crate::aws;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::executor::Executor;
use crate::controller::memory::{Journal, Memory};
use crate::controller::reconcile::allowed::may_be_made;
use crate::controller::reconcile::from_status::awaits_successor;
use crate::controller::reconcile::observe::{Observation, observe};
use crate::controller::reconcile::stop::{Halt, Stop};
use crate::controller::reconcile::subject::Subject;
use crate::controller::reconcile::{groups, preflight};
use crate::elb::{Attributes, Class, Declared, Ownership, similar};
use crate::plan::desired::{Desired, check_whereabouts, foreign_zone};
use crate::plan::{Plan, Problem, Track};

/// No load balancer of that name: the first creation, a re-creation, or a loss.
pub(super) async fn absent(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
) -> Result<Owned, Stop> {
    if memory.lifecycle.is_creating(cx.clock.now().at) {
        return Err(Halt::creating().into());
    }
    let published = was_published(subject, memory);
    if published && subject.object.spec.recreate_policy != Some(RecreatePolicy::Always) {
        memory.forget_load_balancer();
        return Err(Halt::lost(&subject.name).into());
    }
    if !(published || awaits_successor(&subject.previous)) && subject.object.spec.adopt == Some(true) {
        return Err(nothing_to_adopt(subject, memory).await.into());
    }
    let (spec, region) = (&subject.object.spec, &subject.region.region);
    let zones = match foreign_zone(spec, region) {
        Some(_) => preflight::usable_zones(subject).await,
        None => Vec::new(),
    };
    check_whereabouts(spec, region, account(subject).await.as_deref(), &zones)?;
    may_be_made(subject, &desired.declared)?;
    // Instances can come later; a load balancer without them is what a load balancer begins as.
    let comes_later = |problem: &Problem| [Track::Instances, Track::AutoScalingGroups].contains(&problem.track);
    let mut missing = desired.missing.clone();
    missing.sort_by_key(comes_later);
    if missing.first().is_some_and(|problem| !comes_later(problem)) {
        return Err(Halt::lacks(&missing).into());
    }
    preflight::before_creation(subject, &desired.declared, &memory.known.lookups.subnets).await?;
    if published {
        executor.ensure_finalizer().await?;
        // Attached to the old one, a group would take the new one for served and register nobody.
        let names = groups::attached_for(&subject.previous).collect();
        let detached = groups::detach(executor, subject, &mut memory.lifecycle, &names, cx.clock.now().at).await;
        detached.map_err(|error| subject.unreadable(&error))?;
        forget_identity(cx, executor, subject, memory).await?;
    }
    create(cx, executor, subject, desired, memory).await
}

/// The account, where the spec names something that says of which it is.
async fn account(subject: &Subject<'_>) -> Option<String> {
    let mut certificates = subject
        .object
        .spec
        .listeners
        .iter()
        .filter_map(|listener| listener.certificate.as_ref());
    if !certificates.any(|certificate| certificate.arn.is_some()) {
        return None;
    }
    let account = subject.region.account().await;
    account.ok().map(|account| account.id)
}

/// Adopting makes nothing: a name that is misspelt would make a new load balancer, and say that all is well.
/// Names like it are looked for once, and again when somebody changes the object or asks.
async fn nothing_to_adopt(subject: &Subject<'_>, memory: &mut Memory) -> Halt {
    let (name, region, seen) = (&subject.name, &subject.region.region, subject.seen());
    let similar = match memory.known.similar(&seen) {
        Some(known) => known.to_vec(),
        None => match subject.region.view.names().await {
            Ok(all) => {
                let found = similar(name, all.iter().map(String::as_str));
                let found: Vec<String> = found.into_iter().map(ToOwned::to_owned).collect();
                memory.known.keep_similar(seen, found.clone());
                found
            }
            Err(error) => {
                tracing::debug!(%error, "similar names could not be looked for");
                Vec::new()
            }
        },
    };
    Halt::not_ours(if similar.is_empty() {
        message::nothing_to_adopt(name, region)
    } else {
        message::nothing_to_adopt_but(name, region, similar.join(", "))
    })
}

/// Whether this object had a load balancer before. One that was only looked at was not its own.
pub(in crate::controller::reconcile) fn was_published(subject: &Subject<'_>, memory: &Memory) -> bool {
    let known = memory.known.load_balancer();
    subject.previous.created_time.is_some() || known.is_some_and(|lb| lb.identity.created_time.is_some())
}

/// Before a lost load balancer is made again, the old identity leaves the status: a crash in between must not take the
/// new one for an impostor.
async fn forget_identity(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
) -> Result<(), Error> {
    if executor.is_dry() {
        return Ok(());
    }
    let mut status = memory.published.previous(subject.object);
    status.created_time = None;
    status.creation_pending = Some(true);
    cx.kubernetes.write_status(subject.object, &status).await?;
    memory.published.wrote(status);
    memory.forget_load_balancer();
    Ok(())
}

/// The status says that a load balancer comes into being before it does. After a crash nothing else would tell that AWS,
/// which may show it late, has one, and in which account. It says so until the load balancer was seen.
async fn announce_creation(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
) -> Result<(), Error> {
    let mut status = memory.published.previous(subject.object);
    if executor.is_dry() || status.creation_pending == Some(true) {
        return Ok(());
    }
    executor.ensure_finalizer().await?;
    status.creation_pending = Some(true);
    status.load_balancer_name = Some(subject.name.clone());
    status.cluster_id.get_or_insert_with(|| cx.cluster_id.clone());
    if status.account_id.is_none() {
        status.account_id = subject.region.account().await.ok().map(|account| account.id);
    }
    cx.kubernetes.take_up(subject.object, &status).await?;
    memory.published.wrote(status);
    Ok(())
}

/// Creates the load balancer with ownership tags in the call, then reads it back: only its tags prove it ours.
async fn create(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    desired: &Desired,
    memory: &mut Memory,
) -> Result<Owned, Stop> {
    let mut lb = desired.declared.at_creation();
    let plan = Plan::create(&desired.declared);
    if !executor.has_paid_ahead() {
        // Nothing is announced that has no turn.
        let waiting = executor.pay_ahead(&plan, &[]);
        if let Some(failure) = waiting.first() {
            memory.lifecycle.set_in_line(true);
            return Err(Halt::not_created(&failure.error).into());
        }
    }
    announce_creation(cx, executor, subject, memory).await?;
    // What it was made with is no change.
    let ran = executor.carry_out(plan, &mut lb, &mut Journal::default()).await?;
    if executor.is_dry() {
        lb.attributes = Attributes::at_creation();
        return Ok(Owned {
            lb,
            source: Source::Made,
            refused: None,
            reality: Some(Reality::Absent),
        });
    }
    let refusal = ran.failures.first().map(|failure| &failure.error);
    match refusal {
        // Made in the same moment: its tags tell by whom.
        Some(error) if error.class == Class::Duplicate => {}
        Some(error) => return Err(not_created(cx, subject, memory, error).await.into()),
        None => {
            memory.lifecycle.created(true, cx.clock.now().at);
            let message = message::created(&subject.name);
            executor.announce("CreateLoadBalancer", &message).await;
        }
    }
    made(cx, executor, subject, memory, refusal, &desired.declared).await
}

/// What follows where AWS did not make it.
async fn not_created(cx: &Context, subject: &Subject<'_>, memory: &mut Memory, error: &aws::Error) -> Halt {
    let now = cx.clock.now().at;
    if error.class == Class::Unavailable {
        // AWS may have taken it all the same.
        memory.lifecycle.created(false, now);
    }
    let zones = if error.is_about_zones() {
        preflight::usable_zones(subject).await
    } else {
        Vec::new()
    };
    Halt {
        // Nor is there one of an earlier try.
        not_made: error.class.is_certain() && !memory.lifecycle.may_still_appear(now),
        ..Halt::not_created_in(error, &zones)
    }
}

/// What was made, read back. `refusal`: AWS said that it was there already.
async fn made(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    refusal: Option<&aws::Error>,
    declared: &Declared,
) -> Result<Owned, Stop> {
    match observe(subject, &subject.region.view.now(), None, true).await {
        Ok(Observation::Ours(mut lb)) => {
            if refusal.is_none() {
                lb.attributes = Attributes::at_creation();
            }
            if memory.known.take_awaits_vpc() {
                // Its VPC tells where the instances of `targets.instanceTags` are: the next reconcile looks for them.
                memory.known.read(*lb);
                memory.lifecycle.seen();
                return Err(Halt::creating().into());
            }
            Ok(Owned {
                source: if refusal.is_none() {
                    Source::Made
                } else {
                    Source::Proven
                },
                ..Owned::from(*lb)
            })
        }
        Ok(Observation::Absent) => Err(refusal.map_or_else(Halt::creating, Halt::not_created).into()),
        // Its tags may be shown after it.
        Ok(Observation::NotOurs(Ownership::Nobody, _)) if refusal.is_none() => Err(Halt::creating().into()),
        Ok(Observation::NotOurs(ownership, lb)) => {
            adopt::adopt(cx, executor, subject, memory, &ownership, *lb, declared).await
        }
        Err(error) => Err(subject.unreadable(&error)),
    }
}
