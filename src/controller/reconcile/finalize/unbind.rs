//! I/O: the deletion of a binding: what it registered leaves the load balancer, but for what others want.

use std::collections::BTreeSet;

use super::Hindrance;
use crate::api::message::{self, Message};
use crate::api::{Applied, DeletionPolicy};
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::executor::Executor;
use crate::controller::memory::Memory;
use crate::controller::object::Kind;
use crate::controller::reconcile::realise::rounds_of;
use crate::controller::reconcile::subject::Subject;
use crate::controller::reconcile::{from_status, groups};
use crate::elb::{Declared, InstanceId, LoadBalancer, Registration};
use crate::plan::{Facts, Rounds, Step};

/// Deregisters and detaches what this object registered and attached itself. Returns what is waited for; `None`: nothing of
/// it is left. That it is deleted is a wish, so that the brake holds nothing back.
pub(super) async fn unbind(
    cx: &Context,
    executor: &mut Executor<'_>,
    subject: &Subject<'_>,
    memory: &mut Memory,
    mut lb: LoadBalancer,
    now: Moment,
) -> Result<Option<Message>, Hindrance> {
    let made = from_status::applied_to(&subject.previous, &lb);
    if made == Applied::default() {
        return Ok(None);
    }
    if subject.object.spec.deletion_policy == Some(DeletionPolicy::Retain) {
        let message = message::bond_retained(&subject.name, &subject.region.region);
        executor.announce("Delete", &message).await;
        return Ok(None);
    }
    let others = cx.claims.others(&subject.owner.uid, &subject.place());
    let unknown = others.more || cx.claims.unheard(Kind::Binding).is_some();
    if unknown && memory.lifecycle.waits_for_groups(now.at) {
        return Ok(Some(message::others_unknown(&subject.name)));
    }
    memory.journal.settle(&mut lb, now.at);
    let ids: BTreeSet<InstanceId> = made.instance_ids.into_iter().collect();
    if !memory.known.unseen(&ids, &lb.instances, now.at).is_empty() {
        return Ok(Some(message::perhaps_registered(&subject.name)));
    }
    let names = made.auto_scaling_groups.into_iter().collect();
    let mut groups = groups::read(&subject.region.view.now(), &names).await?;
    lb.auto_scaling_groups = groups.attached(&lb.name);
    let registration = Registration {
        kept: others.instances.into_keys().collect(),
        only: Some(ids),
        ..Registration::default()
    };
    let stay = lb.auto_scaling_groups.intersection(&others.groups).cloned().collect();
    let mut declared = Declared::of_instances(&lb.name, Some(registration), Some(stay));
    let detached = memory.journal.detached(now.at);
    groups::keep_group_members(&subject.region, &mut declared, &lb, &mut groups, &detached).await?;
    let rounds = &mut Rounds::new(Facts::default());
    let refused = rounds_of(cx, executor, subject, &declared, &mut lb, rounds, memory).await;
    if let Some(failure) = refused
        .map_err(|error| Hindrance::Stopped(error.into()))?
        .into_iter()
        .next()
    {
        return Err(failure.error.into());
    }
    let left = executor.done().iter().flat_map(|step| match step {
        Step::DeregisterInstances(ids) => ids.iter().cloned().collect(),
        Step::DetachAutoScalingGroup(group) => vec![message::group_left(group)],
        _ => Vec::new(),
    });
    let left: Vec<String> = left.collect();
    let left = if left.is_empty() {
        message::no_instances()
    } else {
        left.join(", ")
    };
    let message = message::unbound(&subject.name, &subject.region.region, left);
    executor.announce("Delete", &message).await;
    Ok(None)
}
