//! I/O: makes AWS as declared: observe → plan → apply, planning again with what AWS teaches.

use std::collections::{BTreeMap, BTreeSet};

use super::foresee;
use super::outcome::{self, Halt, Work};
use super::{Error, Memory, Pass, conclude};
use crate::api::{AutoScalingGroupStatus, FIELD_MANAGER, FINALIZER, RecreatePolicy};
use crate::aws::{self, Class};
use crate::controller::apply::{self, Failure};
use crate::controller::memory::Creation;
use crate::controller::observe::{self, Groups, Observation};
use crate::controller::status::{Problem, Report, Verdict};
use crate::controller::{event, finalize, status};
use crate::elb::{Attribute, Attributes, Declared, HealthCheck, Listener, LoadBalancer, Origin, Port};
use crate::plan::{Facts, Plan, Refused, Rounds, Step, track};

/// What planning starts from, beside the balancer.
pub(super) struct Premises {
    pub(super) declared: Declared,
    pub(super) facts: Facts,
    /// `None`: they could not be read.
    pub(super) groups: Option<Groups>,
}

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
        let problem = Problem::stalled(
            "Conflict",
            format!(
                "the balancer {} was created at {}, ours at {known}: it was replaced behind the operator's back and is \
                 not touched; delete it to let this object be told Lost, or delete this object, which leaves it alone, and \
                 make it anew with spec.adopt: true to take the other one over",
                lb.name,
                lb.identity.created_time.as_deref().unwrap_or("an unknown time"),
            ),
        );
        Some(Verdict::NotAccepted(problem).into())
    }

    /// No balancer of that name: the first creation, a re-creation, or a loss.
    async fn absent(&self, memory: &mut Memory) -> Result<Result<Box<LoadBalancer>, Halt>, Error> {
        if memory
            .creation
            .is_some_and(|creation| creation.accepted && creation.is_pending(self.now))
        {
            return Ok(Err(outcome::creating()));
        }
        let published = self.was_published(memory);
        if published && self.object.spec.recreate_policy != Some(RecreatePolicy::Always) {
            memory.forget_balancer();
            return Ok(Err(outcome::lost(&self.subject)));
        }
        if let Some(missing) = self.missing.first() {
            return Ok(Err(outcome::not_found(missing)));
        }
        if published {
            // Attached to the old one, a group would take the new one for served and register nobody.
            if let Err(error) = finalize::detach_attached(self.ctx, &self.subject, &self.previous).await {
                return Ok(Err(outcome::unreadable(&error)));
            }
            self.forget_identity(memory).await?;
        }
        self.create(memory).await
    }

    /// Whether this object had a balancer before. One that was only looked at was not its own.
    pub(super) fn was_published(&self, memory: &Memory) -> bool {
        let observed = memory.observed.as_ref();
        self.previous.created_time.is_some() || observed.is_some_and(|lb| lb.identity.created_time.is_some())
    }

    /// Before a lost balancer is made again, the old identity leaves the status: a crash in between must not take the
    /// new one for an impostor.
    async fn forget_identity(&self, memory: &mut Memory) -> Result<(), Error> {
        let mut status = super::previous_status(self.object, memory);
        status.created_time = None;
        let (namespace, name) = (&self.subject.namespace, &self.subject.object_name);
        status::write(&self.ctx.client, self.object, namespace, name, &status).await?;
        memory.status = Some(status);
        memory.forget_balancer();
        Ok(())
    }

    /// Creates the balancer with ownership tags in the call, then reads it back: only its tags prove it ours.
    async fn create(&self, memory: &mut Memory) -> Result<Result<Box<LoadBalancer>, Halt>, Error> {
        self.ensure_finalizer().await?;
        let plan = Plan::create(&self.declared);
        let mut made = self.declared.at_creation();
        let applied = apply::apply(&self.subject.client, plan, &mut made, &self.ctx.metrics).await;
        if let Some(failure) = applied.failures.first() {
            if failure.error.class == Class::Unavailable {
                // AWS may have taken it all the same.
                memory.creation = Some(Creation {
                    at: self.now,
                    accepted: false,
                });
            }
            return Ok(Err(outcome::not_created(&failure.error)));
        }
        memory.creation = Some(Creation {
            at: self.now,
            accepted: true,
        });
        let note = format!("created the balancer {}", self.subject.name);
        event::normal(&self.ctx.events, self.object, "Created", "CreateLoadBalancer", &note).await;
        Ok(match observe::observe(&self.subject, None, true).await {
            Ok(Observation::Ours(mut lb)) => {
                lb.attributes = Attributes::at_creation();
                Ok(lb)
            }
            Ok(Observation::Absent) => Err(outcome::creating()),
            Ok(Observation::NotOurs(ownership, lb)) => self.adopt(&ownership, *lb).await?.map(Box::new),
            Err(error) => Err(outcome::unreadable(&error)),
        })
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
        self.work(&declared, &mut lb, &mut rounds, &mut work).await?;

        memory.moving = work.done.iter().any(outcome::moves_group);
        work.remember(memory, &rounds.facts, &declared, &lb, self.now);
        memory.displaced = displaced(&before, &rounds.facts, &lb, &declared);
        let known = memory
            .observed
            .as_ref()
            .is_some_and(|known| known.instances != lb.instances);
        if known || memory.health.is_none() && work.done.iter().any(outcome::registers) {
            memory.registration_changed(self.now);
        } else if memory.health_due.is_none_or(|due| due <= self.now) {
            memory.observed = Some(lb.clone());
            self.read_health(memory).await;
        }
        memory.observed = Some(lb.clone());
        memory.declared = Some(self.declared.clone());
        self.report(memory, &lb, groups.as_ref(), work, seen).await
    }

    /// Reads what planning needs beside the description of the balancer, and takes out of what is declared what must
    /// wait.
    pub(super) async fn premises(
        &self,
        memory: &mut Memory,
        lb: &mut LoadBalancer,
        prove: bool,
        work: &mut Work,
    ) -> Premises {
        let mut declared = self.declared.clone();
        let mut facts = memory.facts(self.now);
        self.complete(&mut declared, &mut facts, lb);
        self.read_parts(lb, &mut declared, memory, prove, work).await;
        let mut groups = self.groups(&declared, work).await;
        if let Some(groups) = &groups {
            memory.missing_groups = groups.missing_of(declared.auto_scaling_groups.as_ref());
            lb.auto_scaling_groups = groups.attached(&lb.name);
        }
        self.narrow(&mut declared, memory, groups.as_mut(), lb, work).await;
        Premises {
            declared,
            facts,
            groups,
        }
    }

    /// What the status of an earlier process knows: that a balancer of our own making was never completed, and which
    /// listeners were there before one of them was lost halfway through a rebuild.
    fn complete(&self, declared: &mut Declared, facts: &mut Facts, lb: &LoadBalancer) {
        let created = Origin::of(&lb.tags) == Origin::Created;
        if created && self.previous.created_time != lb.identity.created_time {
            facts.new = true;
            // What is left as AWS has it is so once it was made.
            declared.ignored.clear();
            let target = HealthCheck::default_target(&declared.listeners);
            declared.health_check.get_or_insert_with(|| HealthCheck::of(target));
        }
        if created {
            let incomplete = outcome::incomplete(&self.previous);
            declared.ignored.retain(|part| !incomplete.contains(part));
        }
        for (port, listener) in outcome::listeners_of(&self.previous) {
            if !lb.listeners.contains_key(&port) {
                facts.displaced.entry(port).or_insert(listener);
            }
        }
    }

    /// The Auto Scaling groups that the spec names, or that were attached for it. `None`: they could not be read.
    pub(super) async fn groups(&self, declared: &Declared, work: &mut Work) -> Option<Groups> {
        let attached = self
            .previous
            .applied
            .iter()
            .flat_map(|applied| applied.auto_scaling_groups.iter());
        let names: BTreeSet<String> = declared
            .auto_scaling_groups
            .iter()
            .flatten()
            .chain(attached)
            .cloned()
            .collect();
        match observe::groups(&self.subject.client, &names).await {
            Ok(groups) => Some(groups),
            Err(error) => {
                work.unread(track::AUTO_SCALING_GROUPS, &error);
                None
            }
        }
    }

    /// Takes out of the plan what is missing, and what nobody may remove. On doubt the registered set is not shrunk.
    async fn narrow(
        &self,
        declared: &mut Declared,
        memory: &Memory,
        groups: Option<&mut Groups>,
        lb: &LoadBalancer,
        work: &mut Work,
    ) {
        let Some(groups) = groups else {
            declared.auto_scaling_groups = None;
            hold(declared);
            return;
        };
        if let Some(names) = &mut declared.auto_scaling_groups {
            names.retain(|name| !memory.missing_groups.contains(name));
        }
        if let Err(error) = observe::keep_group_members(&self.subject, declared, lb, groups).await {
            work.unread(track::INSTANCES, &error);
            hold(declared);
        }
    }

    /// Plans and runs, round after round.
    async fn work(
        &self,
        declared: &Declared,
        lb: &mut LoadBalancer,
        rounds: &mut Rounds,
        work: &mut Work,
    ) -> Result<(), Error> {
        while let Some(plan) = rounds.next(declared, lb) {
            self.ensure_finalizer().await?;
            tracing::debug!(load_balancer = lb.name, %plan, "planned");
            let mut applied = apply::apply(&self.subject.client, plan, lb, &self.ctx.metrics).await;
            for failure in &mut applied.failures {
                self.explain(failure).await;
            }
            let refusals: Vec<Refused<'_>> = applied.failures.iter().map(Failure::as_refusal).collect();
            let learned = rounds.take(&applied.done, &refusals);
            work.done.extend(applied.done);
            let told = applied
                .failures
                .into_iter()
                .zip(learned)
                .filter(|(_, learned)| !learned);
            work.failures.extend(told.map(|(failure, _)| failure));
        }
        Ok(())
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
        failure.error.message = format!(
            "{}; the bucket {} must exist in {region} and its policy must hold the statement {statement}",
            failure.error.message, log.bucket
        );
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
            let note = work.done.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
            event::normal(&self.ctx.events, self.object, "Updated", "Reconcile", &note).await;
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
            outcome::add_group_members(&mut members, groups, lb, self.declared.auto_scaling_groups.as_ref());
        }
        let trusted = self.resolution.suspicion.is_none();
        if memory.members.is_empty() {
            memory.members = outcome::members_of(&self.previous);
        }
        outcome::add_remembered(&mut members, &memory.members, lb, groups.is_some(), trusted);
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
        let applied = outcome::applied(
            &self.object.spec,
            &self.declared,
            &self.previous,
            lb,
            &work.done,
            groups.is_some(),
        );
        report.groups = groups.map(|groups| self.group_status(groups, lb));
        report.errors = work.errors(memory);
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

fn hold(declared: &mut Declared) {
    if let Some(registration) = &mut declared.registration {
        registration.hold = true;
    }
}

/// Listeners that this pass, or one before it, took away and that nothing has replaced yet.
fn displaced(
    before: &LoadBalancer,
    facts: &Facts,
    after: &LoadBalancer,
    declared: &Declared,
) -> BTreeMap<Port, Listener> {
    let known = facts.displaced.iter().chain(&before.listeners);
    known
        .filter(|(port, _)| declared.listeners.contains_key(port) && !after.listeners.contains_key(port))
        .map(|(port, listener)| (*port, listener.clone()))
        .collect()
}

impl Work {
    /// Something that planning needs could not be read.
    pub(super) fn unread(&mut self, track: &'static str, error: &aws::Error) {
        tracing::warn!(track, %error, request_id = error.request_id, "AWS could not be read");
        self.unread.push((track, error.clone()));
    }
}
