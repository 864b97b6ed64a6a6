//! I/O: makes AWS as declared: observe → plan → apply, planning again with what AWS teaches.

use std::collections::BTreeSet;

use super::foresee;
use super::outcome::{self, Halt, Work};
use super::placement::{follow_zones, moves_zones};
use super::premises::Premises;
use super::{Error, Memory, Pass, conclude, known, remembered};
use crate::api::message;
use crate::api::{AutoScalingGroupStatus, FIELD_MANAGER, FINALIZER};
use crate::aws;
use crate::controller::apply::{self, Failure};
use crate::controller::observe::{self, Groups, Observation};
use crate::controller::status::{Problem, Report, Verdict};
use crate::controller::{event, finalize, status};
use crate::elb::{Attribute, Declared, LoadBalancer};
use crate::plan::{Plan, Refused, Rounds, Step};

impl Pass<'_> {
    /// A full pass.
    pub(super) async fn realise(&self, memory: &mut Memory, seen: &(i64, Option<String>)) -> Result<(), Error> {
        let prove = memory.must_read_tags(seen, self.now);
        let observed = observe::observe(&self.subject, memory.observed.as_ref(), prove).await;
        let lb = match observed {
            Ok(Observation::Ours(lb)) => match self.replaced(&lb) {
                None => *lb,
                Some(halt) => return self.end(memory, seen, halt).await,
            },
            Ok(Observation::Absent) => match self.absent(memory).await? {
                Ok(lb) => *lb,
                Err(halt) => return self.end(memory, seen, halt).await,
            },
            Ok(Observation::NotOurs(ownership, lb)) => {
                memory.forget_balancer();
                match self.adopt(&ownership, *lb).await? {
                    Ok(lb) => lb,
                    Err(halt) => return self.end(memory, seen, halt).await,
                }
            }
            Err(error) => return self.end(memory, seen, outcome::unreadable(&error)).await,
        };
        memory.creation = None;
        self.converge(memory, lb, prove, seen).await
    }

    /// A balancer with our tags but of another creation: somebody deleted ours and made this one look like it.
    pub(super) fn replaced(&self, lb: &LoadBalancer) -> Option<Halt> {
        let known = self.previous.created_time.as_ref()?;
        if lb.identity.created_time.as_ref() == Some(known) {
            return None;
        }
        let time = lb.identity.created_time.clone().unwrap_or_else(message::unknown_time);
        let problem = Problem::stalled(message::replaced(&lb.name, time, known));
        Some(Verdict::NotAccepted(problem).into())
    }

    /// Plans and applies until AWS is as declared or refuses.
    async fn converge(
        &self,
        memory: &mut Memory,
        mut lb: LoadBalancer,
        prove: bool,
        seen: &(i64, Option<String>),
    ) -> Result<(), Error> {
        let mut work = Work::default();
        let Premises {
            declared,
            facts,
            groups,
        } = self.premises(memory, &mut lb, prove, &mut work).await;
        let before = lb.clone();
        let mut rounds = Rounds::new(facts);
        self.work(memory, &declared, &mut lb, &mut rounds, &mut work).await?;
        work.held = rounds.held(&declared, &lb);
        follow_zones(&mut lb, &rounds.facts);

        memory.moving = work.done.iter().any(outcome::moves_by_itself);
        work.remember(memory, &rounds.facts, &declared, &lb, self.now);
        memory.displaced = known::displaced(&before, &rounds.facts, &lb, &declared);
        let known = memory.observed.as_ref();
        let changed = before.instances != lb.instances || known.is_some_and(|known| known.instances != lb.instances);
        if changed
            || work.done.iter().any(moves_zones)
            || memory.moving
            || memory.health.is_none() && work.done.iter().any(outcome::registers)
        {
            memory.registration_changed(self.now);
        } else if memory.health_due.is_none_or(|due| due <= self.now) {
            memory.observed = Some(lb.clone());
            self.read_health(memory).await;
        }
        memory.observed = Some(lb.clone());
        Self::keep_held(memory, work.held.as_ref());
        memory.declared = Some(self.declared.clone());
        self.report(memory, &lb, groups.as_ref(), work, seen).await
    }

    /// Plans and runs, round after round.
    async fn work(
        &self,
        memory: &mut Memory,
        declared: &Declared,
        lb: &mut LoadBalancer,
        rounds: &mut Rounds,
        work: &mut Work,
    ) -> Result<(), Error> {
        let mut asked = false;
        while let Some(plan) = rounds.next(declared, lb) {
            self.ensure_finalizer().await?;
            self.remember_groups(memory, &plan).await?;
            tracing::debug!(load_balancer = lb.name, %plan, "planned");
            let mut applied = apply::apply(&self.subject.client, plan, lb, &self.ctx.metrics).await;
            for failure in &mut applied.failures {
                self.explain(failure).await;
            }
            let refusals: Vec<Refused<'_>> = applied.failures.iter().map(Failure::as_refusal).collect();
            let learned = rounds.take(&applied.done, &refusals);
            asked = asked || self.tell_unknown(rounds, &applied.failures).await;
            work.done.extend(applied.done);
            let final_ones = applied
                .failures
                .into_iter()
                .zip(learned)
                .filter(|(_, learned)| !learned);
            work.failures.extend(final_ones.map(|(failure, _)| failure));
        }
        Ok(())
    }

    /// The status names a group before it is attached: after a crash in between, nothing else would say that it is ours to
    /// detach, and a group that is attached to a balancer that was deleted cannot launch instances.
    async fn remember_groups(&self, memory: &mut Memory, plan: &Plan) -> Result<(), Error> {
        let mut status = super::previous_status(self.object, memory);
        let mut applied = status.applied.unwrap_or_default();
        let known: BTreeSet<String> = applied.auto_scaling_groups.iter().cloned().collect();
        let attached = plan.steps().filter_map(|step| match step {
            Step::AttachAutoScalingGroup(name) => Some(name.clone()),
            _ => None,
        });
        let all: BTreeSet<String> = known.iter().cloned().chain(attached).collect();
        if all == known {
            return Ok(());
        }
        applied.auto_scaling_groups = all.into_iter().collect();
        status.applied = Some(applied.clone());
        let (namespace, name) = (&self.subject.namespace, &self.subject.object_name);
        status::write(&self.ctx.client, self.object, namespace, name, &status).await?;
        memory.applied = Some(applied);
        memory.status = Some(status);
        Ok(())
    }

    /// AWS names one unknown instance of a batch, if any. EC2 names all that do not exist, so that many of them cost no
    /// more calls than one. `true`: it was asked, and has no more to say of the parts of that batch.
    async fn tell_unknown(&self, rounds: &mut Rounds, failures: &[Failure]) -> bool {
        let batch = failures.iter().find_map(|failure| match &failure.step {
            Step::RegisterInstances(ids) if failure.error.code == "InvalidInstance" && ids.len() > 2 => Some(ids),
            _ => None,
        });
        let Some(batch) = batch else { return false };
        match self.subject.client.terminated(batch).await {
            Ok(unknown) => rounds.facts.refused.extend(unknown),
            Err(error) => tracing::debug!(%error, "EC2 could not be asked which instances exist"),
        }
        true
    }

    /// AWS says that a log bucket will not do, but not what it needs.
    async fn explain(&self, failure: &mut Failure) {
        let Step::ModifyAttribute(Attribute::AccessLog(Some(log))) = &failure.step else {
            return;
        };
        let region = &self.subject.region;
        let account = self.ctx.aws.account(region).await;
        let (partition, id) = account.map_or(("aws", "ACCOUNT-ID"), |account| (&account.partition, &account.id));
        let statement = log.bucket_statement(region, partition, id);
        failure.error.message = message::needs_bucket_policy(&failure.error.message, &log.bucket, region, statement);
    }

    /// Tells what became of a full pass.
    pub(super) async fn report(
        &self,
        memory: &mut Memory,
        lb: &LoadBalancer,
        groups: Option<&Groups>,
        work: Work,
        seen: &(i64, Option<String>),
    ) -> Result<(), Error> {
        if !work.done.is_empty() && self.previous.created_time.is_some() {
            let calls = work.done.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            event::normal(&self.ctx.events, self.object, "Reconcile", &message::updated(calls)).await;
        }
        let account = match self.ctx.aws.account(&self.subject.region).await {
            Ok(account) => Some(account),
            Err(error) => {
                tracing::warn!(%error, "the AWS account could not be read");
                None
            }
        };
        let verdict = self.judge(memory, &work);
        let mut members = self.resolution.resolved.members.clone();
        if let Some(groups) = groups {
            remembered::add_group_members(&mut members, groups, lb, self.declared.auto_scaling_groups.as_ref());
        }
        if memory.members.is_empty() {
            memory.members = known::members_of(&self.previous);
        }
        remembered::add_remembered(&mut members, &memory.members, lb, groups.is_some(), &self.resolution);
        self.find_zones(memory, &mut members).await;
        memory.members.clone_from(&members);
        self.schedule(memory, &verdict, seen);
        let (health, read_for) = (memory.health.clone(), memory.health_of.clone());
        let health = health.as_deref().map(|health| (health, &read_for));
        let stale = self.stale(memory);
        let declared = self.wants_targets();
        let mut report = Report::new(self.subject.generation, verdict).with_targets(&members, declared, health, stale);
        report.name = Some(&self.subject.name);
        report.region = Some(&self.subject.region);
        report.account = account;
        report.load_balancer = Some(lb);
        report.not_after = Some(memory.remote.not_after.clone());
        self.tell_expiries(memory, lb);
        // With the groups that were written down on the way.
        let previous = super::previous_status(self.object, memory);
        let applied = remembered::applied(
            &self.object.spec,
            &self.declared,
            &previous,
            lb,
            &work.done,
            groups.is_some(),
        );
        let applied = remembered::with_registered(applied, &self.declared, &previous, lb, &work.done);
        report.groups = groups.map(|groups| self.group_status(groups, lb));
        report.errors = work.errors(memory);
        report.unread = memory.health_message();
        report.plan = foresee::lines(&work.plan);
        if self.mode.reads_only.is_none() {
            report.applied = Some(applied.clone());
            memory.applied = Some(applied);
        }
        conclude(self.object, self.ctx, memory, report).await
    }

    /// For the metric of certificates in use.
    fn tell_expiries(&self, memory: &Memory, lb: &LoadBalancer) {
        let used = lb
            .listeners
            .values()
            .filter_map(|listener| listener.certificate.as_ref());
        let expiries = used.filter_map(|arn| {
            let time: jiff::Timestamp = memory.remote.not_after.get(arn)?.parse().ok()?;
            Some((arn.clone(), time.as_second()))
        });
        self.ctx
            .metrics
            .certificates(&self.subject.owner.uid, expiries.collect());
    }

    fn group_status(&self, groups: &Groups, lb: &LoadBalancer) -> Vec<AutoScalingGroupStatus> {
        let declared = self.declared.auto_scaling_groups.iter().flatten();
        let names: BTreeSet<&String> = declared.chain(&lb.auto_scaling_groups).chain(&groups.missing).collect();
        names
            .into_iter()
            .map(|name| AutoScalingGroupStatus {
                name: name.clone(),
                attached: lb.auto_scaling_groups.contains(name),
            })
            .collect()
    }

    /// Ends a pass that did not get as far as a plan.
    pub(super) async fn end(&self, memory: &mut Memory, seen: &(i64, Option<String>), halt: Halt) -> Result<(), Error> {
        let Halt {
            verdict,
            errors,
            gone,
            plan,
        } = halt;
        let verdict = self.mode.overrule(verdict, plan.len());
        self.schedule(memory, &verdict, seen);
        memory.declared = Some(self.declared.clone());
        memory.health_due = None;
        let mut report = Report::new(self.subject.generation, verdict);
        report.name = Some(&self.subject.name);
        report.region = self.previous.region.as_deref();
        report.errors = errors;
        report.gone = gone;
        report.plan = foresee::lines(&plan);
        conclude(self.object, self.ctx, memory, report).await
    }

    /// The finalizer stands before the first write to AWS, or a deletion in between would leave a balancer behind.
    pub(super) async fn ensure_finalizer(&self) -> Result<(), Error> {
        use kube::ResourceExt as _;
        if self.object.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
            return Ok(());
        }
        finalize::set_finalizer(&self.ctx.client, self.object, true).await?;
        tracing::debug!(field_manager = FIELD_MANAGER, "added the finalizer");
        Ok(())
    }
}

impl Work {
    /// Something that planning needs could not be read.
    pub(super) fn unread(&mut self, track: &'static str, error: &aws::Error) {
        tracing::warn!(track, %error, request_id = error.request_id, "AWS could not be read");
        self.unread.push((track, error.clone()));
    }
}
