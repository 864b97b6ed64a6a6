//! I/O: tells those who wait for Nodes to drain what a reconcile found out.

use super::ended::Ended;
use super::from_status;
use super::stop::Stop;
use super::subject::Subject;
use crate::controller::context::Context;
use crate::controller::drains;
use crate::controller::memory::Memory;
use crate::elb::Declared;

/// What a reconcile found out of the instances that leave with their Nodes.
pub(super) enum Drained {
    /// What is registered leaves by what is declared so.
    By(Box<Declared>),
    /// There is nothing that this operator would deregister.
    Nothing,
    /// It did not get so far, or nobody asks.
    Unknown,
}

impl Drained {
    /// By how it ended.
    pub(super) fn by(cx: &Context, subject: &Subject<'_>, ended: &Result<Ended, Stop>) -> Self {
        if !cx.rules.node_draining.is_on() {
            return Self::Unknown;
        }
        match ended {
            _ if subject.mode.reads_only.is_some() || subject.other_cluster().is_some() => Self::Nothing,
            Ok(Ended::Between { desired, .. }) => Self::By(Box::new(desired.declared.clone())),
            Ok(Ended::Full(ended)) => Self::By(Box::new(ended.1.declared.clone())),
            Err(Stop::Halted(halt)) if halt.gone || halt.stands.is_some() => Self::Nothing,
            Err(_) => Self::Unknown,
        }
    }

    /// Tells it, once what it did is remembered.
    pub(super) fn tell(self, cx: &Context, subject: &Subject<'_>, memory: &mut Memory) {
        if !cx.rules.node_draining.is_on() {
            return;
        }
        let uid = &subject.claimant();
        // What the status tells is kept nowhere else, and it may have been written since the reconcile began.
        let written = memory.published.previous(subject.object);
        let members = memory.known.members(|| from_status::members_of(&written)).clone();
        match (self, memory.known.load_balancer()) {
            (Self::Nothing, _) => cx.drains.holds_nothing(uid),
            (Self::By(declared), Some(lb)) => {
                let registered = drains::with_nodes(lb, &declared, &members);
                cx.drains.holds(uid, registered, &memory.health, cx.clock.now().at);
            }
            _ => {}
        }
        if subject.object.is_beside() {
            // That of the object itself ends with its reconcile.
            cx.drains.ends(uid);
        }
    }
}
