//! I/O that only reads: what planning starts from, besides the description of the load balancer.

use std::collections::BTreeSet;

use kube::{Resource as _, ResourceExt as _};

use super::brake;
use super::details::read_details;
use super::groups::{self, Groups, Leaving};
use super::met::Met;
use super::own::{Owned, Source};
use super::subject::Subject;
use super::trust::doubt_lost_status;
use super::{from_status, preflight};
use crate::api::ClassicLoadBalancerStatus;
use crate::api::message::{self, Message};
use crate::controller::claims::{self, Wants};
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::memory::{Due, Memory};
use crate::controller::object::{Object, Place};
use crate::elb::{Declared, Element, HealthCheck, InstanceId, LoadBalancer, Origin, Part, Value};
use crate::plan::desired::{Desired, unfit, unserved};
use crate::plan::{Cause, Facts, Problem, Track, is_write};

/// What planning starts from.
pub(super) struct Inputs {
    /// What is declared, without what must wait.
    pub(super) declared: Declared,
    /// What is known of refusals and of instances that shall leave.
    pub(super) facts: Facts,
    /// `None`: they could not be read.
    pub(super) groups: Option<Groups>,
    /// What was in the way.
    pub(super) met: Met,
}

/// Reads what planning needs, and takes out of what is declared what must wait.
pub(super) async fn inputs(
    cx: &Context,
    subject: &Subject<'_>,
    desired: &Desired,
    owned: &mut Owned,
    memory: &mut Memory,
    now: Moment,
) -> Inputs {
    let mut met = Met::default();
    met.problems.extend(owned.refused.take());
    met.problems.extend(replaced(subject.object));
    met.problems
        .extend(other_scheme(subject.object, &desired.declared, &owned.lb));
    let mut declared = desired.declared.clone();
    // What is of another VPC is refused whenever it is tried.
    let tries = memory.schedule.is_due(Due::Suspects, now.at) && !subject.object.stays.members;
    let mut facts = memory.refusals.facts(tries);
    if subject.object.is_binding() {
        bind(subject, &mut declared, &owned.lb);
    } else {
        complete(subject, &mut declared, &mut facts, owned);
    }
    claim(cx, subject, &declared);
    let lb = &mut owned.lb;
    let proves = memory.schedule.wants_proof(&subject.seen(), now.at);
    let known = memory.known.load_balancer();
    let known = known.filter(|known| !proves && known.identity.created_time == lb.identity.created_time);
    let details_read = known.is_none();
    read_details(subject, lb, &mut declared, known, &mut met).await;
    let mut groups = read_groups(subject, &declared, &mut met).await;
    if let Some(groups) = &groups {
        take_groups(groups, &declared, memory, lb, owned.source);
    }
    if owned.source != Source::Made {
        settle(memory, lb, owned.source, details_read, groups.is_some(), now);
    }
    let first = !memory.known.owned();
    if !matches!(owned.source, Source::Made | Source::Claimed) && !subject.object.is_binding() {
        doubt_lost_status(subject, memory, &mut declared, lb, &mut met, first, now.at);
    }
    withhold_certificates(subject, &mut declared, lb, &mut met).await;
    let leaving = narrow(cx, subject, &mut declared, memory, groups.as_mut(), lb, &mut met).await;
    memory.schedule.set_sooner(Due::Lag, leaving.until);
    preflight::before_change(
        subject,
        &mut declared,
        &mut facts,
        lb,
        &memory.known.lookups.subnets,
        &mut met,
    )
    .await;
    withhold_check(&mut declared, lb, &mut met);
    brake::inform(
        cx,
        subject,
        memory,
        &declared,
        lb,
        groups.as_ref(),
        &mut facts,
        &mut met,
        now,
    )
    .await;
    facts.brake.leave(&leaving.members);
    Inputs {
        declared,
        facts,
        groups,
        met,
    }
}

/// A certificate that is of another region or account can be on no listener here: such a listener stays as it is.
async fn withhold_certificates(subject: &Subject<'_>, declared: &mut Declared, lb: &LoadBalancer, met: &mut Met) {
    met.problems
        .extend(preflight::foreign_certificates(subject, declared, lb).await);
}

/// What is not served can have no policies, and a health check that cannot be stays as it is.
fn withhold_check(declared: &mut Declared, lb: &LoadBalancer, met: &mut Met) {
    met.problems.extend(unserved(declared, lb));
    if let Some(problem) = unfit(declared, lb) {
        met.problems.push(problem);
        declared.ignored.insert(Part::HealthCheck);
    }
}

/// A scheme that the spec took up while another load balancer might have come for it, and that none has now. Of an object that
/// has two, each is judged by its own.
fn other_scheme(object: &Object, declared: &Declared, lb: &LoadBalancer) -> Option<Problem> {
    if object.is_binding() || declared.scheme == lb.scheme {
        return None;
    }
    let message = message::other_scheme_now(declared.scheme.as_str(), &lb.name, lb.scheme.as_str());
    Some(Problem::invalid(Track::LoadBalancer, message))
}

/// That another load balancer takes its place.
fn replaced(object: &Object) -> Option<Problem> {
    let Place::First { waits, .. } = &object.place else {
        return None;
    };
    let problem = |message| Problem::new(Track::LoadBalancer, Cause::Replaced, message);
    waits.clone().map(problem)
}

/// Which of the groups are missing, and which attached.
fn take_groups(groups: &Groups, declared: &Declared, memory: &mut Memory, lb: &mut LoadBalancer, source: Source) {
    let missing = groups.missing_of(declared.auto_scaling_groups.as_ref());
    memory.refusals.keep_missing_groups(missing);
    // What was detached from the one before is not attached to this one, though a dry run finds it so.
    lb.auto_scaling_groups = if source == Source::Made {
        BTreeSet::new()
    } else {
        groups.attached(&lb.name)
    };
}

/// Tells what AWS shows as it was before our own writes from what somebody has changed since.
fn settle(memory: &mut Memory, lb: &mut LoadBalancer, source: Source, details: bool, groups: bool, now: Moment) {
    memory.journal.shown(lb, |element| match element {
        Element::Attribute(_) => details && lb.element(element) != Value::Absent,
        Element::Tag(_) => details,
        Element::AutoScalingGroup(_) => groups,
        _ => source != Source::Remembered,
    });
    memory.journal.settle(lb, now.at);
    let again = memory.journal.look_again();
    if source == Source::Remembered {
        // Nothing was read, so what was to be read again still is.
        memory.schedule.set_sooner(Due::Lag, again);
    } else {
        memory.schedule.set_or_clear(Due::Lag, again);
    }
}

/// What was registered with a load balancer of the same name that was there before this one is not this object's.
fn bind(subject: &Subject<'_>, declared: &mut Declared, lb: &LoadBalancer) {
    let applied = from_status::applied_to(&subject.previous, lb);
    if let Some(registration) = &mut declared.registration {
        registration.only = Some(applied.instance_ids.into_iter().collect());
    }
}

/// Says what the object wants before anything is done, so that others who have the same load balancer leave it alone.
fn claim(cx: &Context, subject: &Subject<'_>, declared: &Declared) {
    if subject.is_dry() {
        return;
    }
    let registration = declared.registration.as_ref();
    let wants = Wants {
        instances: registration
            .map(|registration| registration.wanted.clone())
            .unwrap_or_default(),
        groups: declared.auto_scaling_groups.clone().unwrap_or_default(),
    };
    let source = subject
        .object
        .is_binding()
        .then(|| claims::source(&subject.namespace, &subject.object.name_any()));
    let doubts = registration.is_some_and(|registration| registration.hold);
    let uid = &subject.claimant();
    cx.claims.wants(uid, &subject.place(), source, wants, doubts);
}

/// What the status of an earlier process knows: that a load balancer of our own making was never completed, and which
/// listeners were there before one of them was lost halfway through a rebuild.
fn complete(subject: &Subject<'_>, declared: &mut Declared, facts: &mut Facts, owned: &Owned) {
    let (lb, previous) = (&owned.lb, &subject.previous);
    let created = Origin::of(&lb.tags) == Origin::Created;
    if created && (owned.source == Source::Made || from_status::was_being_made(previous)) {
        facts.new = true;
        // What is left as AWS has it is so once it was made.
        declared.ignored.clear();
        declared.ungiven.clear();
        let target = HealthCheck::default_target(&declared.listeners);
        declared.health_check.get_or_insert_with(|| HealthCheck::of(target));
    }
    if created {
        let incomplete = incomplete(previous);
        declared.ignored.retain(|part| !incomplete.contains(part));
    }
    for (port, listener) in from_status::listeners_of(previous) {
        if !lb.listeners.contains_key(&port) {
            facts.displaced.entry(port).or_insert(listener);
        }
    }
}

/// The Auto Scaling groups that the spec names, or that were attached for it. `None`: they could not be read.
async fn read_groups(subject: &Subject<'_>, declared: &Declared, met: &mut Met) -> Option<Groups> {
    let declared = declared.auto_scaling_groups.iter().flatten().cloned();
    let names: BTreeSet<String> = declared.chain(groups::attached_for(&subject.previous)).collect();
    match groups::read(&subject.region.view, &names).await {
        Ok(groups) => Some(groups),
        Err(error) => {
            met.unread(Track::AutoScalingGroups, &error);
            None
        }
    }
}

/// Takes out of the plan what is missing, and what nobody may remove. On doubt the registered set is not shrunk. Returns the
/// instances that AWS takes out itself.
async fn narrow(
    cx: &Context,
    subject: &Subject<'_>,
    declared: &mut Declared,
    memory: &Memory,
    groups: Option<&mut Groups>,
    lb: &LoadBalancer,
    met: &mut Met,
) -> Leaving {
    let Some(groups) = groups else {
        declared.auto_scaling_groups = None;
        hold(declared);
        return Leaving::default();
    };
    if subject.object.stays.members {
        keep_serving(cx, declared, memory, lb);
    }
    let others = cx.claims.others(&subject.claimant(), &subject.place());
    if let Some(names) = &mut declared.auto_scaling_groups {
        names.retain(|name| !memory.refusals.missing_groups().contains(name));
        names.extend(lb.auto_scaling_groups.intersection(&others.groups).cloned());
    }
    let doubt = match cx.claims.unheard(subject.object.kind) {
        Some((kind, Some(why))) => Some(message::claims_unread(Object::plural(&kind), why)),
        Some((_, None)) => None,
        None => others.more.then(message::claims_cut),
    };
    met.problems
        .extend(doubt.and_then(|message| doubt_of_others(declared, lb, message)));
    let detached = memory.journal.detached(cx.clock.now().at);
    let kept = groups::keep_group_members(&subject.region, declared, lb, groups, &detached).await;
    kept.unwrap_or_else(|error| {
        met.unread(Track::Instances, &error);
        hold(declared);
        Leaving::default()
    })
}

/// The targets are those of another VPC: AWS would refuse them here, and without what is registered nobody would serve. Only what
/// is about to go anyway leaves.
fn keep_serving(cx: &Context, declared: &mut Declared, memory: &Memory, lb: &LoadBalancer) {
    declared.auto_scaling_groups = None;
    let Some(registration) = &mut declared.registration else {
        return;
    };
    let departing = if cx.rules.node_draining.is_on() {
        cx.nodes.departing()
    } else {
        BTreeSet::new()
    };
    let goes = |id: &InstanceId| departing.contains(id) || memory.brake.terminated().contains(id);
    let stay = lb.instances.iter().filter(|id| !goes(id));
    registration.kept.extend(stay.cloned());
}

/// Why instances that shall leave do not, where it is not known who else wants them.
fn doubt_of_others(declared: &Declared, lb: &LoadBalancer, message: Message) -> Option<Problem> {
    let leaves = |id: &InstanceId| {
        let registration = declared.registration.as_ref();
        registration.is_some_and(|registration| !registration.wanted.contains(id) && !registration.keeps(id))
    };
    let any = lb.instances.iter().any(leaves);
    any.then(|| Problem::new(Track::Instances, Cause::Doubt, message))
}

fn hold(declared: &mut Declared) {
    if let Some(registration) = &mut declared.registration {
        registration.hold = true;
    }
}

/// The parts that the last reconcile tried to make as declared and AWS refused. They are not left as AWS has them yet,
/// whatever is to be ignored: a new load balancer is made whole first. A part that is ignored is not written, so that
/// it has no such error.
fn incomplete(previous: &ClassicLoadBalancerStatus) -> BTreeSet<Part> {
    let refused = previous.errors.iter().filter(|error| is_write(&error.operation));
    let tracks = refused.filter_map(|error| error.track.parse().ok());
    let parts = tracks.flat_map(|track: Track| match track {
        Track::Listeners => vec![Part::Listeners, Part::Certificates],
        Track::Policies | Track::Backends => vec![Part::Policies],
        Track::Attributes => vec![Part::Attributes],
        Track::HealthCheck => vec![Part::HealthCheck],
        Track::Placement => vec![Part::Placement],
        Track::SecurityGroups => vec![Part::SecurityGroups],
        Track::Instances | Track::AutoScalingGroups => vec![Part::Instances],
        Track::Tags => vec![Part::Tags],
        Track::LoadBalancer => Vec::new(),
    });
    parts.collect()
}

#[cfg(test)]
mod tests;
