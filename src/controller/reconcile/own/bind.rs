//! Pure: what a binding finds in place of a load balancer that it may use.

use crate::api::message;
use crate::controller::context::Context;
use crate::controller::memory::Memory;
use crate::controller::reconcile::stop::Halt;
use crate::controller::reconcile::subject::Subject;
use crate::elb::LoadBalancer;
use crate::plan::{Problem, Track};

/// There is none of that name. Its owner may make it, or make it again.
pub(super) fn absent(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) -> Halt {
    forget(cx, subject, memory);
    let message = message::nothing_to_bind(&subject.name, &subject.region.region);
    Halt {
        gone: true,
        ..Halt::not_found(&Problem::missing(Track::LoadBalancer, message))
    }
}

/// Its owner does not offer it, or not any more.
pub(super) fn refused(cx: &Context, subject: &Subject<'_>, memory: &mut Memory, lb: &LoadBalancer) -> Halt {
    forget(cx, subject, memory);
    let refusal = subject.bond(&lb.tags).refusal();
    // It was judged by the same tags.
    refusal.map_or_else(Halt::creating, Halt::not_ours)
}

/// Without a right to it, the object has no say in what others do with its instances.
fn forget(cx: &Context, subject: &Subject<'_>, memory: &mut Memory) {
    memory.forget_load_balancer();
    if !subject.is_dry() {
        cx.claims.withdraw(&subject.owner.uid);
    }
}
