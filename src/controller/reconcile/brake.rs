//! I/O: what planning must know before instances leave that nobody named: who serves, who drains, who is terminated.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::from_status;
use super::groups::Groups;
use super::met::Met;
use super::subject::Subject;
use crate::aws::{DESCRIBE_INSTANCE_HEALTH, Error};
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::memory::{Due, HEALTH_AGAIN, Memory, WHILE_SETTLING};
use crate::elb::{Declared, InstanceId, Lane, LoadBalancer, Part, Registration};
use crate::plan::targets::SOURCE_INSTANCE_IDS;
use crate::plan::{Facts, Track};

/// Health that was read so recently is not read again before instances leave. While some drain none does but those whose
/// Nodes are about to go, so then it holds for longer.
const FRESH: Duration = Duration::from_secs(2);
/// It also holds for longer for whoever read it, found no turn at AWS for what it was read for, and has one now: to read it again
/// for each that waits would make all wait longer. As old as what proves the ownership then.
const WAITED: Duration = Duration::from_secs(10);

/// What is called before one leaves that nobody named, and for it.
const LEAVING: [&str; 2] = [DESCRIBE_INSTANCE_HEALTH, "DeregisterInstancesFromLoadBalancer"];
/// So many in service are enough to go by a look of some time ago.
const AMPLE: usize = 3;

/// Adds what is known of registered instances that shall leave. Reads their health only where the brake asks.
#[allow(clippy::too_many_arguments)] // each is read or filled by the one caller
pub(super) async fn inform(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    declared: &Declared,
    lb: &LoadBalancer,
    groups: Option<&Groups>,
    facts: &mut Facts,
    met: &mut Met,
    now: Moment,
) {
    memory.schedule.set_or_clear(Due::Step, None);
    if let Err(error) = ask_ec2(subject, memory, lb, now).await {
        met.unread(Track::Instances, &error);
    }
    let Some(registration) = &declared.registration else {
        return;
    };
    if declared.ignored.contains(&Part::Instances) {
        return;
    }
    let terminated = memory.brake.terminated().iter().filter(|id| !registration.keeps(id));
    facts.terminated = terminated.cloned().collect();
    facts
        .refused
        .extend(facts.terminated.intersection(&registration.wanted).cloned());
    keep_removed_by_user(subject, memory, declared, lb);
    let surplus = lb.instances.iter().filter(|id| {
        let stays = registration.hold || registration.keeps(id) || registration.wanted.contains(*id);
        !stays && !memory.brake.is_removed_by_user(id)
    });
    facts.brake.inferred = surplus.cloned().collect();
    if cx.rules.node_draining.is_on() {
        let departing = cx.nodes.departing();
        facts.brake.departing = facts.brake.inferred.intersection(&departing).cloned().collect();
    }
    facts.brake.groups = detaching(declared, lb, groups);
    let members = facts.brake.groups.values().flatten();
    let leaves = members
        .into_iter()
        .any(|id| lb.instances.contains(id) && !registration.wanted.contains(id));
    if facts.brake.inferred.is_empty() && !leaves {
        return;
    }
    match look(cx, subject, memory, lb, registration, facts, now).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => {
            met.unread(Track::Instances, &error);
            return;
        }
    }
    facts.brake.in_service = Some(memory.health.in_service());
    facts.brake.draining = memory.health.draining();
}

/// Looks who is in service, where what is known does not serve. `false`: AWS told what was before our own last write.
async fn look(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    lb: &LoadBalancer,
    registration: &Registration,
    facts: &Facts,
    now: Moment,
) -> Result<bool, Error> {
    let drains = !memory.health.draining().is_empty() && facts.brake.departing.is_empty();
    let waited = memory.schedule.turn_comes(now.at).is_some();
    let within = match (drains, waited) {
        (true, _) => WHILE_SETTLING,
        (false, true) => WAITED,
        (false, false) => FRESH,
    };
    let (leaving, interval) = (&facts.brake.inferred, cx.intervals.health);
    let ample = facts.brake.groups.is_empty() && is_ample(memory, lb, registration, leaving, interval, now);
    if ample || memory.health.is_fresh(&lb.instances, within, now.at) {
        return Ok(true);
    }
    // Who shall leave is looked at when it can leave.
    keep_turn(subject).await?;
    let health = subject.region.view.instance_health(&subject.name).await?;
    if memory.journal.is_health_old(&health, now.at) {
        memory.schedule.set(Due::Step, now.at + HEALTH_AGAIN);
        return Ok(false);
    }
    memory.known.read(lb.clone());
    let again = memory.health.take(health, &lb.instances, interval, now.at);
    memory.schedule.set(Due::Health, again);
    Ok(true)
}

/// Whether so many would stay in service, by the last look at the health of these instances, that another tells nothing: also where
/// some of them do not serve any more, enough do.
fn is_ample(
    memory: &Memory,
    lb: &LoadBalancer,
    registration: &Registration,
    leaving: &BTreeSet<InstanceId>,
    interval: Duration,
    now: Moment,
) -> bool {
    let in_service = memory.health.in_service();
    let stay = in_service.difference(leaving).count();
    memory.health.draining().is_empty()
        && memory.health.is_fresh(&lb.instances, interval * 2, now.at)
        && stay * 4 >= lb.instances.len() * 3
        && stay >= AMPLE.max(registration.min_in_service * 2)
}

/// Keeps the calls for one that leaves: who serves, and its deregistration. The proof of the ownership, which is read for many at
/// once, comes first.
async fn keep_turn(subject: &Subject<'_>) -> Result<(), Error> {
    let (region, name) = (&subject.region, &subject.name);
    if !region.view.has_proof(name)
        && let Err(error) = region.view.proof(name).await
        && error.wait.is_some()
    {
        return Err(error);
    }
    let kept = region.keep(&LEAVING, Lane::Instances);
    kept.inspect_err(|_| region.view.expects_proof(name))
}

/// The groups that are attached and not declared, with their members.
fn detaching(
    declared: &Declared,
    lb: &LoadBalancer,
    groups: Option<&Groups>,
) -> BTreeMap<String, BTreeSet<InstanceId>> {
    let (Some(wanted), Some(groups)) = (&declared.auto_scaling_groups, groups) else {
        return BTreeMap::new();
    };
    let surplus = lb.auto_scaling_groups.difference(wanted);
    let members = |name: &String| {
        let group = groups.found.get(name)?;
        Some((name.clone(), group.instances.keys().cloned().collect()))
    };
    surplus.filter_map(members).collect()
}

/// Asks EC2 about registered instances that AWS leaves out of their health: `DescribeInstances`.
async fn ask_ec2(subject: &Subject<'_>, memory: &mut Memory, lb: &LoadBalancer, now: Moment) -> Result<(), Error> {
    let omitted: BTreeSet<InstanceId> = memory
        .health
        .omitted(&memory.known.registered())
        .intersection(&lb.instances)
        .cloned()
        .collect();
    let anew = memory.schedule.is_due_or_unset(Due::Resync, now.at);
    let unknown = memory.brake.ask_about(&lb.instances, &omitted, anew);
    if unknown.is_empty() {
        return Ok(());
    }
    let terminated = subject.region.client.terminated(&unknown).await?;
    memory.brake.terminated_are(terminated);
    Ok(())
}

/// Finds the registered instances that were taken out of `targets.instanceIds`: that is a wish, not an inference.
fn keep_removed_by_user(subject: &Subject<'_>, memory: &mut Memory, declared: &Declared, lb: &LoadBalancer) {
    let wanted = declared.registration.as_ref().map(|registration| &registration.wanted);
    let members = memory.known.members(|| from_status::members_of(&subject.previous));
    let named: Vec<InstanceId> = members
        .iter()
        .filter(|(_, member)| member.sources.contains(SOURCE_INSTANCE_IDS))
        .map(|(id, _)| id.clone())
        .collect();
    memory.brake.keep_removed_by_user(named, |id| {
        lb.instances.contains(id) && wanted.is_some_and(|wanted| !wanted.contains(id))
    });
}
