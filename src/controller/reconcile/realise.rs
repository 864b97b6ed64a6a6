//! I/O: makes AWS as declared: observe → plan → apply, planning again with what AWS teaches.

use std::collections::{BTreeMap, BTreeSet};

use super::members;
use super::outcome::{self, Halt, Work};
use super::{Error, Memory, Pass, conclude};
use crate::api::{AutoScalingGroupStatus, FIELD_MANAGER, FINALIZER, RecreatePolicy};
use crate::aws::{self, Class};
use crate::controller::apply::{self, Failure};
use crate::controller::memory::Creation;
use crate::controller::observe::{self, Groups, Observation};
use crate::controller::status::{Problem, Report, Verdict};
use crate::controller::{event, finalize, status};
use crate::elb::{Attributes, Declared, HealthCheck, Listener, LoadBalancer, Port};
use crate::plan::desired::Missing;
use crate::plan::{Facts, Plan, Refused, Rounds, track};

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
            Ok(Observation::NotOurs(ownership)) => {
                memory.forget_balancer();
                return self
                    .end(memory, seen, outcome::not_ours(&self.subject, &ownership))
                    .await;
            }
            Err(error) => return self.end(memory, seen, outcome::unreadable(&error)).await,
        };
        memory.creation = None;
        self.converge(memory, lb, prove, seen).await
    }

    /// A balancer with our tags but of another creation: somebody deleted ours and made this one look like it.
    fn replaced(&self, lb: &LoadBalancer) -> Option<Halt> {
        let known = self.previous.created_time.as_ref()?;
        if lb.identity.created_time.as_ref() == Some(known) {
            return None;
        }
        let problem = Problem::stalled(
            "Conflict",
            format!(
                "the balancer {} was created at {}, ours at {known}: it was replaced behind the operator's back and is \
                 not touched; delete it to let this object be told Lost, or delete this object, which leaves it alone",
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
        let published = self.previous.created_time.is_some() || memory.observed.is_some();
        if published && self.object.spec.recreate_policy != Some(RecreatePolicy::Always) {
            memory.forget_balancer();
            return Ok(Err(outcome::lost(&self.subject)));
        }
        // Instances can come later; a balancer without them is what a balancer begins as.
        let comes_later = |missing: &&Missing| ![track::INSTANCES, track::AUTO_SCALING_GROUPS].contains(&missing.track);
        if let Some(missing) = self.missing.iter().find(comes_later) {
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
                if std::mem::take(&mut memory.awaits_vpc) {
                    // Its VPC tells where the instances of `targets.instanceTags` are: the next pass looks for them.
                    memory.observed = Some(*lb);
                    memory.creation = None;
                    return Ok(Err(outcome::creating()));
                }
                Ok(lb)
            }
            Ok(Observation::Absent) => Err(outcome::creating()),
            Ok(Observation::NotOurs(ownership)) => Err(outcome::not_ours(&self.subject, &ownership)),
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
        let mut declared = self.declared.clone();
        let mut work = Work::default();
        self.read_parts(&mut lb, &mut declared, memory, prove, &mut work).await;
        let before = lb.clone();
        let mut groups = self.groups(&declared, &mut work).await;
        if let Some(groups) = &groups {
            memory.missing_groups = groups.missing_of(declared.auto_scaling_groups.as_ref());
            lb.auto_scaling_groups = groups.attached(&lb.name);
        }
        self.narrow(&mut declared, memory, groups.as_mut(), &lb, &mut work)
            .await;
        let mut facts = memory.facts(self.now);
        self.complete(&mut declared, &mut facts, &lb);
        self.brake(memory, &declared, &lb, &mut facts, &mut work).await;
        let mut rounds = Rounds::new(facts);
        self.work(&declared, &mut lb, &mut rounds, &mut work).await?;
        work.held = rounds.held(&declared, &lb);

        memory.moving = work.done.iter().any(outcome::moves_group);
        work.remember(memory, &rounds.facts, &declared, &lb, self.now);
        memory.displaced = displaced(&before, &rounds.facts, &lb, &declared);
        let changed = before.instances != lb.instances
            || memory
                .observed
                .as_ref()
                .is_some_and(|known| known.instances != lb.instances);
        if changed || memory.health.is_none() && work.done.iter().any(outcome::registers) {
            memory.registration_changed(self.now);
        } else if memory.health_due.is_none_or(|due| due <= self.now) {
            memory.observed = Some(lb.clone());
            self.read_health(memory).await;
        }
        memory.observed = Some(lb.clone());
        self.keep_held(memory, work.held.as_ref());
        memory.declared = Some(self.declared.clone());
        self.report(memory, &lb, groups.as_ref(), work, seen).await
    }

    /// What the status of an earlier process knows: that the health check of a new balancer was never set, and which
    /// listeners were there before one of them was lost halfway through a rebuild.
    fn complete(&self, declared: &mut Declared, facts: &mut Facts, lb: &LoadBalancer) {
        if self.previous.created_time != lb.identity.created_time {
            facts.new = true;
            let target = HealthCheck::default_target(&declared.listeners);
            declared.health_check.get_or_insert_with(|| HealthCheck::of(target));
        }
        for (port, listener) in outcome::listeners_of(&self.previous) {
            if !lb.listeners.contains_key(&port) {
                facts.displaced.entry(port).or_insert(listener);
            }
        }
    }

    /// The Auto Scaling groups that the spec names, or that were attached for it. `None`: they could not be read.
    async fn groups(&self, declared: &Declared, work: &mut Work) -> Option<Groups> {
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
            let applied = apply::apply(&self.subject.client, plan, lb, &self.ctx.metrics).await;
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

    /// Tells what became of a full pass.
    async fn report(
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
        let verdict = outcome::verdict(
            &work,
            memory,
            &self.resolution,
            &self.missing,
            &self.named(),
            &self.declared,
        );
        let mut targets = self.resolution.resolved.members.clone();
        if let Some(groups) = groups {
            members::add_group_members(&mut targets, groups, lb, self.declared.auto_scaling_groups.as_ref());
        }
        if memory.members.is_empty() {
            memory.members = members::members_of(&self.previous);
        }
        members::add_remembered(&mut targets, &memory.members, lb, groups.is_some(), &self.resolution);
        memory.members.clone_from(&targets);
        self.schedule(memory, &verdict, seen);
        let (health, read_for) = (memory.health.clone(), memory.health_of.clone());
        let health = health.as_deref().map(|health| (health, &read_for));
        let stale = self.stale(memory);
        let declared = self.object.spec.targets.is_some();
        let mut report = Report::new(self.subject.generation, verdict).with_targets(&targets, declared, health, stale);
        report.name = Some(&self.subject.name);
        report.region = Some(&self.subject.region);
        report.account = account;
        report.load_balancer = Some(lb);
        let applied = outcome::applied(
            &self.object.spec,
            &self.declared,
            &self.previous,
            lb,
            &work.done,
            groups.is_some(),
        );
        let applied = members::with_registered(applied, &self.declared, &self.previous, lb, &work.done);
        report.applied = Some(applied.clone());
        report.groups = groups.map(|groups| self.group_status(groups, lb));
        report.errors = work.errors(memory);
        memory.applied = Some(applied);
        conclude(self.object, self.ctx, memory, report).await
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
    async fn end(&self, memory: &mut Memory, seen: &(i64, Option<String>), halt: Halt) -> Result<(), Error> {
        let Halt { verdict, errors, gone } = halt;
        self.schedule(memory, &verdict, seen);
        memory.declared = Some(self.declared.clone());
        memory.health_due = None;
        let mut report = Report::new(self.subject.generation, verdict);
        report.name = Some(&self.subject.name);
        report.region = self.previous.region.as_deref();
        report.errors = errors;
        report.gone = gone;
        conclude(self.object, self.ctx, memory, report).await
    }

    /// The finalizer stands before the first write to AWS, or a deletion in between would leave a balancer behind.
    async fn ensure_finalizer(&self) -> Result<(), Error> {
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
