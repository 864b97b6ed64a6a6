//! The driver: resolve → desired → observe → plan → apply → status → requeue.
//!
//! A pass never sleeps. What must wait is remembered and the object is queued again.

mod adopt;
mod brake;
mod conclude;
mod create;
mod foresee;
mod known;
mod outcome;
mod parts;
mod placement;
mod premises;
mod realise;
mod remembered;
mod zones;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::error::Error;
use super::memory::{Memories, Memory};
use super::mode::{Mode, Rules};
use super::nodes::NodeView;
use super::resolve::{Resolution, resolve};
use super::services::ServiceViews;
use super::status::{Problem, Progress, Report, Verdict};
use super::subject::Subject;
use super::{backoff, event, finalize, lookup};
use crate::api::message;
use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerStatus, Management};
use crate::aws::{Aws, DESCRIBE_INSTANCE_HEALTH};
use crate::elb::{Declared, Part};
use crate::metrics::Metrics;
use crate::plan::desired::{self, Desired, Missing, Refusal};

pub(super) use conclude::{conclude, previous_status};

/// How often the operator looks though nothing happened.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Between two reads of a balancer that nothing asked for.
    pub resync: Duration,
    /// Between two reads of the health of its instances.
    pub health: Duration,
}

/// When to look again at what AWS moves by itself.
const MOVING: Duration = Duration::from_secs(5);

/// A pass that follows this one.
const AT_ONCE: Duration = Duration::from_millis(100);

/// When to look again whether a quota was raised or a name given up.
const STALLED: Duration = Duration::from_mins(10);

/// What every pass needs.
pub struct Context {
    pub(super) client: kube::Client,
    pub(super) aws: Aws,
    pub(super) cluster_id: String,
    pub(super) intervals: Intervals,
    pub(super) rules: Rules,
    /// Held from the last look at a balancer's tags until they claim it: two objects must not take over one balancer.
    pub(super) adopting: tokio::sync::Mutex<()>,
    pub(super) nodes: Arc<NodeView>,
    pub(super) services: ServiceViews,
    pub(super) memories: Memories,
    pub(super) events: event::Events,
    pub(super) metrics: Arc<Metrics>,
}

/// Everything that a pass knows before it asks AWS.
pub(super) struct Pass<'a> {
    object: &'a ClassicLoadBalancer,
    ctx: &'a Context,
    mode: Mode,
    subject: Subject,
    resolution: Resolution,
    declared: Declared,
    /// What the spec refers to and was not found.
    missing: Vec<Missing>,
    previous: ClassicLoadBalancerStatus,
    now: Instant,
}

/// One pass over one object. Returns when to look again.
pub(super) async fn reconcile(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    memory: &mut Memory,
) -> Result<Option<Duration>, Error> {
    let now = Instant::now();
    let subject = Subject::of(object, &ctx.cluster_id, &ctx.aws)?;
    let mode = Mode::of(object, &ctx.rules);
    if object.metadata.deletion_timestamp.is_some() && !mode.protected {
        return finalize::finalize(object, ctx, subject.as_ref(), memory, mode).await;
    }
    let Some(subject) = subject else {
        let verdict = Verdict::NotAccepted(Problem::stalled(message::no_region()));
        let generation = object.metadata.generation.unwrap_or_default();
        let verdict = mode.overrule(verdict, 0);
        conclude(object, ctx, memory, Report::new(generation, verdict)).await?;
        return Ok(Some(ctx.intervals.resync));
    };
    if object.spec.management == Some(Management::Suspended) {
        return suspended(object, ctx, &subject, memory).await;
    }
    let seen = (subject.generation, subject.requested_at.clone());
    if memory.is_due(&seen, now) {
        let previous = previous_status(object, memory);
        let members = std::mem::take(&mut memory.remote.members);
        memory.remote = lookup::look_up(object, ctx, &subject, &memory.remote, &previous).await;
        memory.remote.members = members;
        look_up_instances(object, ctx, &subject, memory, now).await;
    } else if memory.remote_due.is_some_and(|due| due <= now) {
        look_up_instances(object, ctx, &subject, memory, now).await;
    }
    match prepare(object, ctx, subject, memory, now) {
        Ok(pass) => Box::pin(pass.run(memory)).await,
        Err((generation, refusal)) => {
            let verdict = Verdict::NotAccepted(Problem::stalled(refusal.into()));
            let verdict = mode.overrule(verdict, 0);
            conclude(object, ctx, memory, Report::new(generation, verdict)).await?;
            Ok(Some(ctx.intervals.resync))
        }
    }
}

/// Looks up the instances that only AWS can tell, and decides when to look again.
pub(super) async fn look_up_instances(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    memory: &mut Memory,
    now: Instant,
) {
    let targets = object.spec.targets.as_ref();
    let needed = lookup::instances::is_needed(targets);
    memory.remote_due = needed.then_some(now + ctx.intervals.health);
    let previous = previous_status(object, memory);
    let observed = memory.observed.as_ref().and_then(|lb| lb.identity.vpc_id.clone());
    let vpc = observed.or_else(|| previous.vpc_id.clone());
    memory.awaits_vpc = vpc.is_none() && lookup::instances::needs_vpc(targets);
    let client = &subject.client;
    lookup::instances::look_up(targets, client, vpc.as_deref(), &previous, &mut memory.remote).await;
}

/// Resolves what the spec refers to and reads the spec.
pub(super) fn prepare<'a>(
    object: &'a ClassicLoadBalancer,
    ctx: &'a Context,
    subject: Subject,
    memory: &mut Memory,
    now: Instant,
) -> Result<Pass<'a>, (i64, Refusal)> {
    let generation = subject.generation;
    let previous = previous_status(object, memory);
    let refused = |refusal| (generation, refusal);
    if let Some(region) = previous.region.as_ref().filter(|region| **region != subject.region) {
        return Err(refused(message::region_moved(region, &subject.region)));
    }
    if let Some(former) = subject.former_name(&previous) {
        return Err(refused(message::renamed(former, &subject.name)));
    }
    let mut resolution = resolve(&object.spec, &ctx.nodes, Some(&previous), now).map_err(refused)?;
    resolution.add(&memory.remote);
    resolution.resolved.default_tags.clone_from(&ctx.rules.default_tags);
    memory.grace_due = resolution.changes_in.map(|left| now + left);
    resolution.resolved.references.instance_ports = ctx
        .services
        .of(&subject.namespace)
        .resolve(&subject.namespace, &object.spec.listeners);
    let unchanged = previous.observed_generation == Some(generation);
    memory.doubt_first_view(&mut resolution, &previous, unchanged, now);
    let applied = previous.applied.clone().unwrap_or_default();
    let Desired { declared, mut missing } = desired::declare(
        &object.spec,
        &subject.name,
        &subject.owner,
        &applied,
        &resolution.resolved,
    )
    .map_err(refused)?;
    let unresolved = [&memory.remote.suspicion, &memory.remote.absent_groups];
    missing.extend(unresolved.into_iter().flatten().cloned());
    Ok(Pass {
        object,
        ctx,
        mode: Mode::of(object, &ctx.rules),
        subject,
        resolution,
        declared,
        missing,
        previous,
        now,
    })
}

impl Pass<'_> {
    async fn run(self, memory: &mut Memory) -> Result<Option<Duration>, Error> {
        let seen = (self.subject.generation, self.subject.requested_at.clone());
        if memory.must_observe(&self.declared, &seen, self.now) {
            // Another spec names another listener, or the same again, which then is no reason to interrupt it.
            let asked = memory
                .seen
                .as_ref()
                .is_none_or(|(_, requested_at)| *requested_at != seen.1);
            if asked || memory.resync_due.is_none_or(|due| due <= self.now) {
                memory.forget_refusals(self.now);
            }
            match self.mode.reads_only {
                None => self.realise(memory, &seen).await?,
                Some(_) => self.observe(memory, &seen).await?,
            }
        } else {
            self.refresh_health(memory).await?;
        }
        // Whoever replaced the object (`kubectl replace`) may have dropped the finalizer with it, and then its deletion
        // would leave the balancer behind.
        if memory.observed.is_some() && self.mode.reads_only.is_none() {
            self.ensure_finalizer().await?;
        }
        Ok(memory
            .next_due()
            .map(|due| due.saturating_duration_since(Instant::now())))
    }

    /// Ends a full pass: what is due next follows from its verdict.
    fn schedule(&self, memory: &mut Memory, verdict: &Verdict, seen: &(i64, Option<String>)) {
        memory.seen = Some(seen.clone());
        let progress = verdict.progress();
        memory.verdict = Some(verdict.clone());
        let longest = match (std::mem::take(&mut memory.moving), progress) {
            (true, _) => MOVING,
            (false, Some(Progress::Stalled)) => STALLED,
            (false, _) => Duration::MAX,
        };
        // Objects that were read together, as all are at the start, shall not come back together.
        let resync = self
            .ctx
            .intervals
            .resync
            .min(longest)
            .mul_f64(1.0 - 0.1 * fastrand::f64());
        memory.resync_due = Some(self.now + resync);
        memory.step_due = memory.step_due.filter(|due| *due > self.now);
        // A pass that ended early has not tried them; what is due and stays due would be asked for again at once.
        if memory.suspects_due.is_some_and(|due| due <= self.now) {
            memory.suspects_due = Some(self.now + backoff::delay(memory.suspects_tried.max(1)));
        }
        // To wait for the brake is no failure; it has its own time.
        if progress == Some(Progress::Reconciling) && !verdict.is_waiting() {
            memory.failures += 1;
            memory.retry_due = Some(self.now + backoff::delay(memory.failures));
        } else {
            memory.failures = 0;
            memory.retry_due = None;
        }
    }

    /// Between full passes only the health is read, and only when it is time.
    async fn refresh_health(&self, memory: &mut Memory) -> Result<(), Error> {
        if memory.health_due.is_none_or(|due| due > self.now) {
            return Ok(());
        }
        if !self.read_health(memory).await {
            return Ok(());
        }
        let (Some(lb), Some(verdict)) = (memory.observed.clone(), memory.verdict.clone()) else {
            return Ok(());
        };
        let health = memory.health.clone();
        let (members, read_for) = (memory.members.clone(), memory.health_of.clone());
        let not_after = memory.remote.not_after.clone();
        let declared = self.wants_targets();
        let stale = self.stale(memory);
        let mut report = Report::new(self.subject.generation, verdict).with_targets(
            &members,
            declared,
            health.as_deref().map(|health| (health, &read_for)),
            stale,
        );
        report.load_balancer = Some(&lb);
        report.not_after = Some(not_after.clone());
        report.unread = memory.health_message();
        let previous = previous_status(self.object, memory);
        (report.errors, report.plan) = (previous.errors, previous.plan);
        report
            .errors
            .retain(|error| error.operation != DESCRIBE_INSTANCE_HEALTH);
        report.errors.extend(outcome::health_error(memory));
        conclude(self.object, self.ctx, memory, report).await
    }

    /// One `DescribeInstanceHealth`; `true` when there is something to tell.
    async fn read_health(&self, memory: &mut Memory) -> bool {
        let interval = self.ctx.intervals.health;
        let registered = memory.observed.as_ref().is_some_and(|lb| !lb.instances.is_empty());
        if !registered && memory.health.as_ref().is_none_or(Vec::is_empty) {
            memory.take_health(Vec::new(), interval, self.now);
            return true;
        }
        if self.subject.client.health_turn().is_err() {
            // The fleet is too large to read all of it at this pace: some wait, and by chance others the next time.
            memory.health_due = Some(self.now + interval.mul_f64(0.25 + 0.5 * fastrand::f64()));
            return false;
        }
        match self.subject.client.instance_health(&self.subject.name).await {
            Ok(health) => {
                if memory.is_surprised_by(&health) {
                    memory.resync_due = Some(self.now);
                }
                memory.take_health(health, interval, self.now);
                if memory.calls_for_a_step() {
                    memory.step_due = Some(self.now + AT_ONCE);
                }
                true
            }
            Err(error) => {
                tracing::warn!(%error, "the health of the instances could not be read");
                memory.miss_health(error, interval, self.now);
                memory.health_unread().is_some()
            }
        }
    }

    /// Ids that AWS refused though a source named them, but for those that the user named, and registered ones that EC2
    /// says are terminated.
    fn stale(&self, memory: &Memory) -> Vec<String> {
        let named = self.named();
        memory
            .refused_instances
            .union(&memory.dead)
            .filter(|id| !named.contains(*id))
            .cloned()
            .collect()
    }

    /// Whether the spec says which instances are wanted. If not, those that are registered are.
    fn wants_targets(&self) -> bool {
        self.declared.registration.is_some() && !self.declared.ignored.contains(&Part::Instances)
    }

    /// The ids that the spec names itself.
    fn named(&self) -> BTreeSet<&String> {
        self.object
            .spec
            .targets
            .iter()
            .flat_map(|targets| targets.instance_ids.iter().flatten())
            .collect()
    }
}

async fn suspended(
    object: &ClassicLoadBalancer,
    ctx: &Context,
    subject: &Subject,
    memory: &mut Memory,
) -> Result<Option<Duration>, Error> {
    // What happens in AWS meanwhile is not watched, so nothing that is known now holds afterwards.
    *memory = Memory {
        status: memory.status.take(),
        applied: memory.applied.take(),
        message: memory.message.take(),
        ..Memory::default()
    };
    let verdict = Verdict::Suspended(message::suspended());
    let mut report = Report::new(subject.generation, verdict);
    let previous = previous_status(object, memory);
    report.name = Some(subject.former_name(&previous).unwrap_or(&subject.name));
    report.errors = previous.errors.clone();
    conclude(object, ctx, memory, report).await?;
    Ok(None)
}
