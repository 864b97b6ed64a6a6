//! I/O: the end of a reconcile: what is told, and when to look again.

use std::collections::BTreeSet;
use std::time::Duration;

use super::drained::Drained;
use super::ended::Ended;
use super::gather::{Reading, account_of, found_none, group_status, lines, members, shown, stale, wants_targets};
use super::outcome::{self, Outcome, Setting};
use super::publish::publish;
use super::resolution::Resolution;
use super::stop::{Halt, Stop};
use super::subject::Subject;
use super::{applied, from_status, refresh};
use crate::api::condition::{STALLED, says_the_same};
use crate::api::message;
use crate::api::{ClassicLoadBalancerStatus, TrackError};
use crate::aws::DESCRIBE_INSTANCE_HEALTH;
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::executor::Executor;
use crate::controller::memory::{self, Memory};
use crate::controller::status::{Report, Verdict};
use crate::elb::{Bucket, Declared, InstanceId, LoadBalancer, Wait};
use crate::plan::desired::Desired;
use crate::plan::targets::Members;
use crate::plan::{Cause, Explained, Problem, Step};

/// What comes next, and what was found.
#[derive(Debug, Default)]
pub(in crate::controller) struct Next {
    /// When to look again; `None`: when something happens.
    pub(in crate::controller) wait: Option<Duration>,
    /// Everything was looked at, as far as it could be.
    pub(in crate::controller) whole: bool,
    /// Whether the reconcile counts as failed.
    pub(in crate::controller) failed: bool,
    /// The steps that AWS accepted, or would be asked for.
    pub(in crate::controller) steps: Vec<Step>,
    /// The steps of a dry run, with what they change.
    pub(in crate::controller) explained: Vec<Explained>,
    /// What keeps the load balancer from being as declared, also after these steps.
    pub(in crate::controller) problems: Vec<Problem>,
    /// AWS could not be asked about the load balancer.
    pub(in crate::controller) unread: bool,
}

impl Next {
    /// To look again after a while.
    pub(super) fn after(wait: Option<Duration>) -> Self {
        Self {
            wait,
            ..Self::default()
        }
    }
}

/// Tells what came of a reconcile and decides when to look again.
pub(super) async fn conclude(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    ended: Result<Ended, Stop>,
    now: Moment,
) -> Result<Next, Error> {
    let failures = memory.schedule.failures();
    let mut next = Next {
        steps: executor.steps().to_vec(),
        explained: executor.planned().to_vec(),
        ..Next::default()
    };
    let drained = Drained::by(cx, subject, &ended);
    let between = matches!(ended, Ok(Ended::Between { .. }));
    let planned = matches!(ended, Ok(Ended::Full(_)));
    next.whole = !between;
    match ended {
        Err(Stop::Failed(error)) => return Err(error),
        Err(Stop::Doubted(wait)) => memory.schedule.postpone(cx.clock.now().at + wait),
        Err(Stop::Refused(problem)) => {
            next.problems = vec![problem.clone()];
            let verdict = subject.mode.overrule(Verdict::NotAccepted(problem), &[]);
            end(cx, subject, memory, &verdict, false, now);
            publish(cx, subject.object, memory, &Report::new(subject.generation(), verdict)).await?;
            next.wait = Some(cx.intervals.resync);
            return Ok(next);
        }
        Err(Stop::Halted(halt)) => {
            next.problems = halt.verdict.problem().cloned().into_iter().collect();
            next.unread = matches!(halt.verdict, Verdict::Unread(_));
            halted(cx, executor, subject, memory, *halt, now).await?;
        }
        Ok(Ended::Between { desired, news }) if news => health_alone(cx, subject, memory, &desired.declared).await?,
        Ok(Ended::Between { .. }) => {}
        // A look that had no turn for all of its calls has found nothing that must be told.
        Ok(Ended::Full(ended)) if is_unfinished(executor, subject, &ended.2) => {}
        Ok(Ended::Full(ended)) => {
            let (resolution, desired, outcome) = *ended;
            next.problems = full(cx, executor, subject, memory, &resolution, &desired, outcome, now).await?;
        }
    }
    // A look at the health has its own next time, and nothing else is to be done for its sake.
    let of_health = |wait: &Wait| between && matches!(wait.bucket, Bucket::Describe | Bucket::Account);
    if let Some(wait) = subject.region.turn().filter(|wait| !of_health(wait)) {
        memory.schedule.wait_for_turn(now.at, subject.reads, wait, planned);
    }
    drained.tell(cx, subject, memory);
    // `kubectl replace` may have dropped the finalizer, and then a deletion would leave the load balancer behind.
    if memory.known.load_balancer().is_some() {
        executor.ensure_finalizer().await?;
    }
    next.failed = memory.schedule.failures() > failures;
    next.wait = memory.schedule.next(cx.clock.now().at).map(|(_, wait)| wait);
    Ok(next)
}

/// Whether a look at what nobody changed met an empty bucket before it had read all, and nothing was to be written.
fn is_unfinished(executor: &Executor<'_>, subject: &Subject<'_>, outcome: &Outcome) -> bool {
    subject.region.turn().is_some()
        && subject.is_observed()
        && executor.steps().is_empty()
        && outcome.failures.is_empty()
}

/// A reconcile that did not get as far as a plan.
async fn halted(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    halt: Halt,
    now: Moment,
) -> Result<(), Error> {
    let unread = matches!(halt.verdict, Verdict::Unread(_));
    if executor.is_dry() && !unread && halt.stands.is_none() {
        memory.forget_load_balancer();
    }
    if let Some(stands) = halt.stands {
        memory.known.read((*stands).clone());
        if memory.schedule.is_due_or_unset(memory::Due::Health, now.at) {
            refresh::read_health(cx, subject, memory, now).await;
        }
        // Somebody else's, under observation: shown, and planned nothing for.
        let outcome = Outcome {
            lb: Some(*stands),
            ..Outcome::default()
        };
        let verdict = subject.mode.overrule(halt.verdict, &[]);
        return tell(
            cx,
            executor,
            subject,
            memory,
            &Resolution::default(),
            None,
            &outcome,
            (verdict, Vec::new()),
            now,
        )
        .await;
    }
    let planned = executor.planned();
    let verdict = subject.mode.overrule(halt.verdict, planned);
    end(cx, subject, memory, &verdict, false, now);
    memory.schedule.set_or_clear(memory::Due::Health, None);
    let mut report = Report::new(subject.generation(), verdict);
    report.name = Some(&subject.name);
    report.errors = halt.errors;
    report.gone = halt.gone;
    report.not_made = halt.not_made;
    tell_plan(&mut report, planned);
    publish(cx, subject.object, memory, &report).await
}

/// What is due next follows from the verdict.
fn end(cx: &Context, subject: &Subject<'_>, memory: &mut Memory, verdict: &Verdict, moving: bool, now: Moment) {
    let ended = memory::Ended {
        progress: verdict.progress(),
        blocked: verdict.problem().is_some_and(|problem| problem.cause == Cause::Blocked),
        unread: matches!(verdict, Verdict::Unread(_)),
        waiting: verdict.is_waiting() || subject.region.turn().is_some(),
        moving,
        resync: cx.intervals.resync,
        since_resync: cx.since_resync(now),
        suspects_tried: memory.refusals.tried(),
        chance: cx.jitter.fraction(),
    };
    memory.schedule.ended(subject.seen(), &ended, now.at);
    let stalled = verdict.problem().is_some_and(|problem| {
        let mut conditions = subject.previous.conditions.iter();
        conditions.any(|condition| {
            condition.type_ == STALLED
                && condition.reason == problem.message.reason()
                && says_the_same(&condition.reason, &condition.message, problem.message.text())
        })
    });
    memory.published.concluded(verdict.clone(), stalled, now.at);
}

/// Only the health was read.
async fn health_alone(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    declared: &Declared,
) -> Result<(), Error> {
    let (Some(lb), Some(verdict)) = (
        memory.known.load_balancer().cloned(),
        memory.published.verdict().cloned(),
    ) else {
        return Ok(());
    };
    let members = memory
        .known
        .members(|| from_status::members_of(&subject.previous))
        .clone();
    let (lb, health) = shown(subject, &members, lb, reading(memory));
    let mut report = with_targets(
        subject,
        memory,
        verdict,
        &members,
        wants_targets(declared),
        health.as_ref(),
    );
    report.load_balancer = Some(&lb);
    report.plan.clone_from(&subject.previous.plan);
    report.planned_calls = subject
        .previous
        .planned_calls
        .and_then(|calls| calls.try_into().ok())
        .unwrap_or_default();
    report.errors.clone_from(&subject.previous.errors);
    report
        .errors
        .retain(|error| error.operation != DESCRIBE_INSTANCE_HEALTH);
    report.errors.extend(outcome::health_error(&memory.health));
    publish(cx, subject.object, memory, &report).await
}

/// The calls that would be made, and how many.
fn tell_plan(report: &mut Report<'_>, planned: &[Explained]) {
    report.plan = lines(planned);
    report.planned_calls = planned.len();
}

/// The instances that were registered and that AWS may only not show yet. They are looked for again.
fn unseen(
    memory: &mut Memory,
    previous: &ClassicLoadBalancerStatus,
    lb: &LoadBalancer,
    now: Moment,
) -> BTreeSet<InstanceId> {
    let mut made: BTreeSet<InstanceId> = from_status::applied_to(previous, lb).instance_ids.into_iter().collect();
    made.retain(|id| !memory.refusals.instances().contains(id));
    let unseen = memory.known.unseen(&made, &lb.instances, now.at);
    if !unseen.is_empty() {
        memory
            .schedule
            .set_sooner(memory::Due::Lag, memory.known.unseen_until());
    }
    unseen
}

fn reading(memory: &Memory) -> Option<Reading> {
    let (health, of) = memory.health.reading()?;
    Some((health.to_vec(), of.clone()))
}

/// A report of a load balancer with its instances.
fn with_targets<'a>(
    subject: &Subject<'_>,
    memory: &Memory,
    verdict: Verdict,
    members: &'a Members,
    wants: bool,
    health: Option<&'a Reading>,
) -> Report<'a> {
    let health = health.map(|(health, of)| (health.as_slice(), of));
    let stale = stale(subject, memory);
    let mut report = Report::new(subject.generation(), verdict).with_targets(members, wants, health, stale);
    report.not_after = Some(memory.known.lookups.not_after.clone());
    report.unread = memory.health.message();
    report.shared = subject.object.is_binding();
    report.seldom_read = memory.health.is_seldom_read();
    if let Some(targets) = &mut report.targets {
        targets.refused.clone_from(memory.refusals.instances());
    }
    report.no_targets = found_none(subject, memory);
    if let Some(selected) = memory.known.selected() {
        report.skipped.clone_from(&selected.skipped);
        report.selected = selected.count;
    }
    report
}

/// A reconcile that planned. Returns what keeps the load balancer from being as declared.
#[allow(clippy::too_many_arguments)] // the one caller hands over what the steps made
async fn full(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    resolution: &Resolution,
    desired: &Desired,
    outcome: Outcome,
    now: Moment,
) -> Result<Vec<Problem>, Error> {
    let done = executor.done();
    // All was well, nothing else is declared, and there was something to do. Of what an earlier process made the status tells.
    let drift = match memory.published.verdict() {
        Some(verdict) => memory.known.is_remade() && *verdict == Verdict::Programmed,
        None => outcome.drifted,
    };
    if !done.is_empty() && subject.previous.created_time.is_some() {
        // On one line: an Event is a line of a table.
        let calls = done.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        let message = if drift {
            if !executor.is_dry() {
                cx.metrics.drift_corrected(&subject.owner.uid);
            }
            message::drift_corrected(calls)
        } else {
            message::updated(calls)
        };
        executor.announce("Reconcile", &message).await;
    }
    for (track, error) in &outcome.met.unread {
        tracing::warn!(%track, %error, request_id = error.request_id, "AWS could not be read");
    }
    let named = subject.named();
    let setting = Setting {
        refusals: &memory.refusals,
        resolution,
        missing: &desired.missing,
        named: &named,
        declared: &desired.declared,
        region: &subject.region.region,
    };
    let problems = outcome.problems(&setting);
    let errors = outcome.errors(&setting, &memory.health);
    let verdict = outcome::verdict(&problems);
    let verdict = subject.mode.overrule(verdict, executor.planned());
    tell(
        cx,
        executor,
        subject,
        memory,
        resolution,
        Some(&desired.declared),
        &outcome,
        (verdict, errors),
        now,
    )
    .await?;
    Ok(problems)
}

/// The status after a load balancer was read. `declared` is `None` where it is somebody else's.
#[allow(clippy::too_many_arguments)] // each is what one step of the reconcile made
async fn tell(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    resolution: &Resolution,
    declared: Option<&Declared>,
    outcome: &Outcome,
    (verdict, errors): (Verdict, Vec<TrackError>),
    now: Moment,
) -> Result<(), Error> {
    let account = account_of(subject).await.filter(|_| declared.is_some());
    let moving = executor.done().iter().any(Step::moves_more);
    let Some(lb) = &outcome.lb else {
        // A dry run of a creation: there is nothing to show but the plan.
        memory.schedule.set_or_clear(memory::Due::Health, None);
        end(cx, subject, memory, &verdict, moving, now);
        let mut report = Report::new(subject.generation(), verdict);
        report.name = Some(&subject.name);
        tell_plan(&mut report, executor.planned());
        return publish(cx, subject.object, memory, &report).await;
    };
    let groups = outcome.groups.as_ref();
    let members = members(subject, memory, resolution, declared, groups, lb).await;
    end(cx, subject, memory, &verdict, moving, now);

    let wants = declared.is_some_and(wants_targets);
    let (shown, health) = shown(subject, &members, lb.clone(), reading(memory));
    let mut report = with_targets(subject, memory, verdict, &members, wants, health.as_ref());
    report.full = true;
    report.name = Some(&subject.name);
    report.region = Some(&subject.region.region);
    report.account = account.as_ref();
    report.load_balancer = Some(&shown);
    report.errors = errors;
    tell_plan(&mut report, executor.planned());
    if let Some(declared) = declared {
        report.groups = groups.map(|groups| group_status(declared, groups.missing(), lb));
        if !executor.is_dry() {
            // With the groups that were written down on the way.
            let previous = memory.published.previous(subject.object);
            let unseen = unseen(memory, &previous, lb, now);
            let applied = applied::applied(&applied::Made {
                spec: &subject.object.spec,
                declared,
                previous: &previous,
                lb,
                done: executor.done(),
                groups_read: groups.is_some(),
                others: &resolution.others,
                unseen: &unseen,
            });
            report.applied = Some(applied.clone());
            cx.claims.made(&subject.claimant(), &applied);
            memory.published.applied(applied);
        }
    }
    publish(cx, subject.object, memory, &report).await
}
