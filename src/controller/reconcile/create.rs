//! I/O: makes a balancer where there is none, for the first time or anew.

use super::outcome::{self, Halt};
use super::{Error, Memory, Pass};
use crate::api::{RecreatePolicy, message};
use crate::aws::Class;
use crate::controller::memory::Creation;
use crate::controller::observe::{self, Observation};
use crate::controller::{apply, event, finalize, status};
use crate::elb::{Attributes, LoadBalancer};
use crate::plan::desired::Missing;
use crate::plan::{Plan, track};

impl Pass<'_> {
    /// No balancer of that name: the first creation, a re-creation, or a loss.
    pub(super) async fn absent(&self, memory: &mut Memory) -> Result<Result<Box<LoadBalancer>, Halt>, Error> {
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
        // Instances can come later; a balancer without them is what a balancer begins as.
        let comes_later = |missing: &&Missing| ![track::INSTANCES, track::AUTO_SCALING_GROUPS].contains(&missing.track);
        if let Some(missing) = self.missing.iter().find(comes_later) {
            return Ok(Err(outcome::not_found(missing)));
        }
        if let Err(halt) = self.survey_new(memory).await {
            return Ok(Err(halt));
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
        let failure = applied.failures.first().map(|failure| &failure.error);
        match failure {
            // Made in the same moment: its tags tell by whom.
            Some(error) if error.class == Class::Duplicate => {}
            Some(error) => {
                if error.class == Class::Unavailable {
                    // AWS may have taken it all the same.
                    memory.creation = Some(Creation {
                        at: self.now,
                        accepted: false,
                    });
                }
                return Ok(Err(outcome::not_created(error)));
            }
            None => {
                memory.creation = Some(Creation {
                    at: self.now,
                    accepted: true,
                });
                let message = message::created(&self.subject.name);
                event::normal(&self.ctx.events, self.object, "CreateLoadBalancer", &message).await;
            }
        }
        Ok(match observe::observe(&self.subject, None, true).await {
            Ok(Observation::Ours(mut lb)) => {
                if failure.is_none() {
                    lb.attributes = Attributes::at_creation();
                }
                if std::mem::take(&mut memory.awaits_vpc) {
                    // Its VPC tells where the instances of `targets.instanceTags` are: the next pass looks for them.
                    memory.observed = Some(*lb);
                    memory.creation = None;
                    return Ok(Err(outcome::creating()));
                }
                Ok(lb)
            }
            Ok(Observation::Absent) => Err(failure.map_or_else(outcome::creating, outcome::not_created)),
            Ok(Observation::NotOurs(ownership, lb)) => self.adopt(&ownership, *lb).await?.map(Box::new),
            Err(error) => Err(outcome::unreadable(&error)),
        })
    }
}
