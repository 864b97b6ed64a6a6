//! I/O: between full reconciles only the health of the instances is read, and only when it is time.

use std::time::Duration;

use super::subject::Subject;
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::memory::{Due, HEALTH_AGAIN, Memory};
use crate::elb::Class;

/// A reconcile that follows this one.
const AT_ONCE: Duration = Duration::from_millis(100);

/// One `DescribeInstanceHealth`, where it is time; `true` when there is something to tell.
pub(super) async fn refresh_health(cx: &Context, subject: &Subject<'_>, memory: &mut Memory, now: Moment) -> bool {
    memory.schedule.is_due(Due::Health, now.at) && read_health(cx, subject, memory, now).await
}

/// One `DescribeInstanceHealth`; `true` when there is something to tell.
pub(super) async fn read_health(cx: &Context, subject: &Subject<'_>, memory: &mut Memory, now: Moment) -> bool {
    let interval = cx.intervals.health;
    let registered = memory.known.registered();
    if registered.is_empty() && memory.health.is_empty() {
        let again = memory.health.take(Vec::new(), &registered, interval, now.at);
        memory.schedule.set(Due::Health, again);
        return true;
    }
    let urgent = memory.health.is_urgent(&registered);
    if let Err(wait) = subject.region.health_turn(urgent) {
        // The fleet is too large to read all of it at this pace: each waits for its turn.
        memory.schedule.set(Due::Health, now.at + wait);
        return memory.health.waits(interval, now.at);
    }
    match subject.region.view.instance_health(&subject.name).await {
        Ok(health) if memory.journal.is_health_old(&health, now.at) => {
            memory.schedule.set(Due::Health, now.at + HEALTH_AGAIN);
            false
        }
        Ok(health) => {
            if let Some(age) = memory.health.age(now.at) {
                subject.region.health_read(age);
            }
            if memory.health.is_surprised_by(&health, &registered) {
                memory.schedule.set(Due::Resync, now.at);
            }
            let again = memory.health.take(health, &registered, interval, now.at);
            memory.schedule.set(Due::Health, again);
            if memory.brake.calls_for_a_step(&memory.health, &registered) {
                memory.schedule.set(Due::Step, now.at + AT_ONCE);
            }
            true
        }
        Err(crate::aws::Error { wait: Some(wait), .. }) => {
            memory.schedule.set(Due::Health, now.at + wait.time);
            false
        }
        Err(error) => {
            tracing::warn!(%error, "the health of the instances could not be read");
            if error.class == Class::Gone {
                memory.schedule.set(Due::Resync, now.at);
            }
            memory.health.miss(error);
            memory.schedule.set(Due::Health, now.at + interval);
            memory.health.unread().is_some()
        }
    }
}
