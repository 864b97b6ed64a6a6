//! I/O: makes AWS as declared: plan → carry out, planning again with what AWS teaches.

use std::collections::BTreeSet;
use std::time::Duration;

use super::inputs::Inputs;
use super::outcome::Outcome;
use super::own::{Owned, Reality, Source};
use super::stop::Stop;
use super::subject::Subject;
use super::{applied, from_status, refresh};
use crate::api::message;
use crate::aws::Error as AwsError;
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::error::Error;
use crate::controller::executor::Executor;
use crate::controller::memory::{Due, Memory, Suspects};
use crate::elb::{Attribute, Class, Code, Declared, Element, LoadBalancer, Ownership};
use crate::plan::{Facts, Failure, Plan, Refusal as _, Rounds, Run, Step};

/// How long after a registration the first look at its health is worth a call.
const HEALTH_AFTER_REGISTRATION: Duration = Duration::from_secs(2);

/// Plans and carries out until AWS is as declared or refuses.
pub(super) async fn realise(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    owned: Owned,
    inputs: Inputs,
    memory: &mut Memory,
    now: Moment,
) -> Result<Outcome, Stop> {
    let Inputs {
        declared,
        facts,
        groups,
        met,
    } = inputs;
    let Owned {
        mut lb,
        reality,
        source,
        ..
    } = owned;
    let before = lb.clone();
    let mut rounds = Rounds::new(facts);
    let plan = rounds.next(&declared, &lb).filter(|_| !source.is_proven());
    let failures = match without_turn(cx, executor, subject, memory, &mut lb, plan).await? {
        Some(failures) => failures,
        None => rounds_of(cx, executor, subject, &declared, &mut lb, &mut rounds, memory).await?,
    };
    // What dry steps would leave waiting is no problem of today.
    let held = if executor.is_dry() {
        None
    } else {
        rounds.held(&declared, &lb)
    };
    let mut outcome = Outcome {
        groups,
        met,
        failures,
        held,
        drifted: from_status::was_changed(&subject.previous, subject.generation(), &before),
        lb: None,
    };
    if executor.is_dry() {
        // What the dry steps make of it is nowhere but in the plan.
        outcome.lb = match reality {
            Some(Reality::Absent) => None,
            Some(Reality::NotClaimed(real)) => Some(LoadBalancer {
                tags: real.tags,
                ..before.clone()
            }),
            None => Some(before.clone()),
        };
    } else {
        follow_zones(&mut lb, &rounds.facts);
        let zones = LoadBalancer {
            availability_zones: lb.availability_zones.clone(),
            ..before.clone()
        };
        memory.journal.wrote(&before, &zones, cx.clock.now().at);
        read_back(executor, subject, memory, &lb, source).await;
        take(memory, &outcome, &rounds.facts, &declared, &before, &lb, now);
        outcome.lb = Some(lb);
    }
    look_at_health(cx, executor, subject, memory, &before, &outcome, now).await;
    match &outcome.lb {
        Some(lb) => memory.known.read(lb.clone()),
        None => memory.forget_load_balancer(),
    }
    memory.brake.keep_held(outcome.held.as_ref(), &memory.health);
    Ok(outcome)
}

/// Before anything is written, the tags say once more that it is ours: somebody may have given it away since they were
/// last read. They are read when it is paid for what is to be written, so that whoever waits in line reads nothing. Returns
/// what has no turn, where nothing has one.
async fn without_turn(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    lb: &mut LoadBalancer,
    plan: Option<Plan>,
) -> Result<Option<Vec<Failure<AwsError>>>, Stop> {
    let Some(plan) = plan.filter(|_| !executor.is_dry()) else {
        return Ok(None);
    };
    let view = &subject.region.view;
    let proof: &[&str] = if view.has_proof(&subject.name) {
        &[]
    } else {
        &["DescribeTags"]
    };
    let waiting = executor.pay_ahead(&plan, proof);
    if !executor.has_paid_ahead() {
        view.expects_proof(&subject.name);
        return Ok(Some(waiting));
    }
    lb.tags = match view.proof(&subject.name).await {
        Ok(tags) => tags,
        Err(error) if error.class == Class::OverBudget => return Ok(Some(refused_by(plan, &error))),
        // Gone, or not shown for a moment: the next look tells.
        Err(error) if error.class == Class::Gone => return Err(Stop::Doubted(Duration::ZERO)),
        Err(error) => return Err(subject.unreadable(&error)),
    };
    if subject.judge(&lb.tags) != Ownership::Ours {
        tracing::info!(
            load_balancer = subject.name,
            "its tags have changed; it is looked at anew"
        );
        return Err(Stop::Doubted(Duration::ZERO));
    }
    memory.journal.settle(lb, cx.clock.now().at);
    memory.schedule.set_sooner(Due::Lag, memory.journal.look_again());
    Ok(None)
}

/// What becomes of a plan of which no step can be taken.
fn refused_by(plan: Plan, error: &AwsError) -> Vec<Failure<AwsError>> {
    let mut run = Run::new(plan);
    while run.begins().is_some() {
        run.refused(error.clone());
    }
    run.finish().failures
}

/// Plans and runs, round after round. Returns what was refused and did not change the plan.
pub(super) async fn rounds_of(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    declared: &Declared,
    lb: &mut LoadBalancer,
    rounds: &mut Rounds,
    memory: &mut Memory,
) -> Result<Vec<Failure<AwsError>>, Error> {
    let (mut asked, mut failures) = (false, Vec::new());
    while let Some(plan) = rounds.next(declared, lb) {
        tracing::debug!(load_balancer = lb.name, %plan, "planned");
        if !executor.is_dry() {
            executor.ensure_finalizer().await?;
            remember(cx, subject, memory, declared, lb, &plan).await?;
        }
        let mut ran = executor.carry_out(plan, lb, &mut memory.journal).await?;
        for failure in &mut ran.failures {
            explain(subject, failure).await;
        }
        let learned = rounds.take(&ran);
        asked = asked || ask_for_unknown(subject, rounds, &ran.failures).await;
        let final_ones = ran.failures.into_iter().zip(learned).filter(|(_, learned)| !learned);
        failures.extend(final_ones.map(|(failure, _)| failure));
    }
    Ok(failures)
}

/// Looks whether AWS shows what was just written. As long as it does not, it is not believed either where it shows what was
/// before. Of instances that come and go their health tells, which is read anyway.
async fn read_back(
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    lb: &LoadBalancer,
    source: Source,
) {
    let done = executor.done();
    let of_instances = |step: &Step| matches!(step, Step::RegisterInstances(_) | Step::DeregisterInstances(_));
    if source == Source::Made || done.iter().all(of_instances) {
        return;
    }
    let view = subject.region.view.now();
    let Ok(Some(mut read)) = view.load_balancer(&subject.name, true).await else {
        return;
    };
    let (mut of_tags, mut of_attributes) = (false, false);
    if done
        .iter()
        .any(|step| matches!(step, Step::AddTags(_) | Step::RemoveTags(_)))
        && let Ok(tags) = view.tags(&subject.name).await
    {
        (read.tags, of_tags) = (tags, true);
    }
    if done.iter().any(|step| matches!(step, Step::ModifyAttribute(_)))
        && let Ok(attributes) = subject.region.client.attributes(&subject.name).await
    {
        (read.attributes, of_attributes) = (attributes, true);
    }
    read.auto_scaling_groups.clone_from(&lb.auto_scaling_groups);
    memory.journal.shown(&read, |element| match element {
        Element::Tag(_) => of_tags,
        Element::Attribute(_) => of_attributes,
        Element::AutoScalingGroup(_) => false,
        _ => true,
    });
}

/// The status names a group before it is attached, and where others register instances too, an instance before it is
/// registered: after a crash in between, nothing else would say that it is ours to take out. And a group that is attached
/// to a load balancer that was deleted cannot launch instances. What is named and is not there counts for nothing.
async fn remember(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    declared: &Declared,
    lb: &LoadBalancer,
    plan: &Plan,
) -> Result<(), Error> {
    let mut status = memory.published.previous(subject.object);
    let mut applied = from_status::applied_to(&status, lb);
    let shares = declared
        .registration
        .as_ref()
        .is_some_and(|registration| registration.only.is_some());
    let mut groups: BTreeSet<String> = applied.auto_scaling_groups.iter().cloned().collect();
    let mut ids: BTreeSet<String> = applied.instance_ids.iter().cloned().collect();
    for step in plan.steps() {
        match step {
            Step::AttachAutoScalingGroup(name) => drop(groups.insert(name.clone())),
            Step::RegisterInstances(new) if shares => ids.extend(new.iter().cloned()),
            _ => {}
        }
    }
    ids = ids.into_iter().take(applied::REMEMBERED).collect();
    if groups.len() == applied.auto_scaling_groups.len() && ids.len() == applied.instance_ids.len() {
        return Ok(());
    }
    (applied.auto_scaling_groups, applied.instance_ids) = (groups.into_iter().collect(), ids.into_iter().collect());
    if subject.object.is_binding() {
        // Of which load balancer that is.
        status.created_time.clone_from(&lb.identity.created_time);
        status.region = Some(subject.region.region.clone());
        status.load_balancer_name = Some(subject.name.clone());
    }
    status.applied = Some(applied.clone());
    cx.kubernetes.write_status(subject.object, &status).await?;
    cx.claims.made(&subject.claimant(), &applied);
    memory.published.applied(applied);
    memory.published.wrote(status);
    Ok(())
}

/// AWS names one unknown instance of a batch, if any. EC2 names all that do not exist, so that many of them cost no
/// more calls than one. `true`: it was asked, and has no more to say of the parts of that batch.
async fn ask_for_unknown(subject: &Subject<'_>, rounds: &mut Rounds, failures: &[Failure<AwsError>]) -> bool {
    let batch = failures.iter().find_map(|failure| match &failure.step {
        Step::RegisterInstances(ids) if failure.error.code() == Code::InvalidInstance && ids.len() > 2 => Some(ids),
        _ => None,
    });
    let Some(batch) = batch else { return false };
    match subject.region.client.terminated(batch).await {
        Ok(unknown) => rounds.facts.refused.extend(unknown),
        Err(error) => tracing::debug!(%error, "EC2 could not be asked which instances exist"),
    }
    true
}

/// AWS says that a log bucket will not do, but not what it needs.
async fn explain(subject: &Subject<'_>, failure: &mut Failure<AwsError>) {
    let Step::ModifyAttribute(Attribute::AccessLog(Some(log))) = &failure.step else {
        return;
    };
    let region = &subject.region.region;
    let account = subject.region.account().await.ok();
    let (partition, id) = account
        .as_ref()
        .map_or(("aws", "ACCOUNT-ID"), |account| (&account.partition, &account.id));
    let statement = log.bucket_statement(region, partition, id);
    failure.error.message = message::needs_bucket_policy(&failure.error.message, &log.bucket, region, statement);
}

/// Keeps for the next reconciles what this one was refused and took away.
fn take(
    memory: &mut Memory,
    outcome: &Outcome,
    facts: &Facts,
    declared: &Declared,
    before: &LoadBalancer,
    after: &LoadBalancer,
    now: Moment,
) {
    let tried = memory.schedule.is_due(Due::Suspects, now.at);
    match memory.refusals.take(&outcome.failures, facts, declared, after, tried) {
        Suspects::None => memory.schedule.set_or_clear(Due::Suspects, None),
        Suspects::AsPlanned => {}
        Suspects::Later(times) => memory.schedule.retry_suspects(times, now.at),
    }
    let displaced = from_status::displaced(before, facts, after, declared);
    memory.refusals.keep_displaced(displaced);
}

/// The zones that follow from the subnets, once these have changed: the description of the load balancer was read
/// before.
fn follow_zones(lb: &mut LoadBalancer, facts: &Facts) {
    let zones: Option<BTreeSet<String>> = lb.subnets.iter().map(|id| facts.zones.get(id).cloned()).collect();
    if let Some(zones) = zones.filter(|zones| !zones.is_empty()) {
        lb.availability_zones = zones;
    }
}

/// Reads the health where it is time, or soon where something was registered or left: what was read is out of date
/// then.
async fn look_at_health(
    cx: &Context,
    executor: &Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    before: &LoadBalancer,
    outcome: &Outcome,
    now: Moment,
) {
    let Some(lb) = &outcome.lb else { return };
    let done = executor.done();
    let known = memory.known.load_balancer();
    let changed = before.instances != lb.instances || known.is_some_and(|known| known.instances != lb.instances);
    let registers = |step: &Step| matches!(step, Step::RegisterInstances(_) | Step::DeregisterInstances(_));
    let moves_zones = |step: &Step| matches!(step, Step::AttachSubnets(_) | Step::DetachSubnets(_));
    let soon = !executor.is_dry()
        && (changed
            || done.iter().any(|step| moves_zones(step) || step.moves_more())
            || (!memory.health.is_read() && done.iter().any(registers)));
    if soon {
        memory.schedule.set(Due::Health, now.at + HEALTH_AFTER_REGISTRATION);
    } else if memory.schedule.is_due_or_unset(Due::Health, now.at) {
        memory.known.read(lb.clone());
        refresh::read_health(cx, subject, memory, now).await;
    }
}
