//! I/O: what planning must know before instances leave that nobody named: who serves, who drains, who is terminated.

use std::collections::BTreeSet;
use std::time::Duration;

use super::outcome::Work;
use super::{Memory, Pass, known};
use crate::api::message;
use crate::aws::InstanceHealth;
use crate::controller::memory::{HEALTH_WHILE_SETTLING, HeldBack};
use crate::controller::status::Problem;
use crate::elb::{Declared, InstanceId, LoadBalancer, Part};
use crate::plan::targets::SOURCE_INSTANCE_IDS;
use crate::plan::{Facts, Held, Why, track};

/// Health that was read so recently is not read again before instances leave. While some drain none does, so then it
/// holds for longer.
const FRESH: Duration = Duration::from_secs(2);

impl Pass<'_> {
    /// Adds what is known of registered instances that shall leave. Reads their health only where the brake asks.
    pub(super) async fn brake(
        &self,
        memory: &mut Memory,
        declared: &Declared,
        lb: &LoadBalancer,
        facts: &mut Facts,
        work: &mut Work,
    ) {
        memory.step_due = None;
        if let Err(error) = self.reap(memory, lb).await {
            work.unread(track::INSTANCES, &error);
        }
        let Some(registration) = &declared.registration else {
            return;
        };
        if declared.ignored.contains(&Part::Instances) {
            return;
        }
        let dead = memory.dead.iter().filter(|id| !registration.keeps(id));
        facts.dead = dead.cloned().collect();
        facts
            .refused
            .extend(facts.dead.intersection(&registration.wanted).cloned());
        self.dismiss(memory, declared, lb);
        let surplus = lb.instances.iter().filter(|id| {
            let stays = registration.hold || registration.keeps(id) || registration.wanted.contains(*id);
            !stays && !memory.dismissed.contains(*id)
        });
        facts.brake.inferred = surplus.cloned().collect();
        if facts.brake.inferred.is_empty() {
            return;
        }
        let holds_for = if memory.drains() { HEALTH_WHILE_SETTLING } else { FRESH };
        let fresh = memory.health_of == lb.instances
            && memory
                .health_read
                .is_some_and(|read| self.now.saturating_duration_since(read) < holds_for);
        if !fresh {
            match self.subject.client.instance_health(&self.subject.name).await {
                Ok(health) => {
                    memory.observed = Some(lb.clone());
                    memory.take_health(health, self.ctx.intervals.health, self.now);
                }
                Err(error) => {
                    work.unread(track::INSTANCES, &error);
                    return;
                }
            }
        }
        let health = memory.health.iter().flatten();
        let ids = |test: fn(&InstanceHealth) -> bool| -> BTreeSet<InstanceId> {
            health.clone().filter(|i| test(i)).map(|i| i.id.clone()).collect()
        };
        facts.brake.in_service = Some(ids(InstanceHealth::is_in_service));
        facts.brake.draining = ids(InstanceHealth::is_draining);
    }

    /// Asks EC2 about registered instances that AWS leaves out of their health: `DescribeInstances`.
    async fn reap(&self, memory: &mut Memory, lb: &LoadBalancer) -> Result<(), crate::aws::Error> {
        memory.dead.retain(|id| lb.instances.contains(id));
        let omitted: BTreeSet<InstanceId> = memory.omitted().intersection(&lb.instances).cloned().collect();
        if memory.resync_due.is_none_or(|due| due <= self.now) {
            memory.judged.clear();
        }
        memory.judged.retain(|id| omitted.contains(id));
        let unknown: BTreeSet<InstanceId> = omitted.difference(&memory.judged).cloned().collect();
        if unknown.is_empty() {
            return Ok(());
        }
        // Also where EC2 cannot be asked: then the next resync asks again.
        memory.judged.extend(unknown.iter().cloned());
        let dead = self.subject.client.terminated(&unknown).await?;
        memory.dead.extend(dead);
        Ok(())
    }

    /// Finds the registered instances that were taken out of `targets.instanceIds`: that is a wish, not an inference.
    fn dismiss(&self, memory: &mut Memory, declared: &Declared, lb: &LoadBalancer) {
        if memory.members.is_empty() {
            memory.members = known::members_of(&self.previous);
        }
        let wanted = declared.registration.as_ref().map(|registration| &registration.wanted);
        let gone = |id: &InstanceId| lb.instances.contains(id) && wanted.is_some_and(|wanted| !wanted.contains(id));
        let named = memory
            .members
            .iter()
            .filter(|(_, member)| member.sources.contains(SOURCE_INSTANCE_IDS))
            .map(|(id, _)| id.clone());
        memory.dismissed.extend(named);
        memory.dismissed.retain(gone);
    }

    /// Remembers what is held back, so that reads of the health can tell when to go on.
    pub(super) fn keep_held(memory: &mut Memory, held: Option<&Held>) {
        let serving = memory.health.iter().flatten().filter(|i| i.is_in_service()).count();
        memory.held = held.map(|held| HeldBack {
            drains: matches!(held.why, Why::Draining(_) | Why::Unread),
            in_service: serving,
        });
    }
}

/// What a person reads while the brake holds.
pub(super) fn problem(held: &Held, percent: u8) -> Problem {
    let Held { waiting, why } = held;
    Problem::reconciling(match why {
        Why::Draining(draining) => message::draining(waiting, draining, percent),
        Why::Unread => message::service_unread(waiting),
        Why::MinInService { in_service, minimum } => message::kept_in_service(waiting, in_service, minimum),
    })
}
