//! Pure: what was resolved.

use std::collections::BTreeMap;
use std::time::Duration;

use super::lookup::Lookups;
use crate::controller::claims::Others;
use crate::plan::Problem;
use crate::plan::desired::{References, Resolved};

/// What was resolved, and why it cannot be trusted where that is so.
#[derive(Clone, Debug, Default)]
pub(in crate::controller) struct Resolution {
    pub(in crate::controller) resolved: Resolved,
    /// Why the Nodes are not trusted, so that the registered set is not shrunk.
    pub(in crate::controller) suspicion: Option<Problem>,
    /// Whether what was looked up in AWS is not trusted either.
    pub(in crate::controller) remote_suspect: bool,
    /// What the selector of Nodes found that is no target, where there is one.
    pub(in crate::controller) selected: Option<Selected>,
    /// What other objects want of the same load balancer.
    pub(in crate::controller) others: Others,
    /// When a Node will have been not ready for too long.
    pub(in crate::controller) changes_in: Option<Duration>,
}

/// What a selector of Nodes leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Selected {
    /// How many Nodes there are at all.
    pub(in crate::controller) total: usize,
    /// How many of them it selects that may be targets, or lack an instance.
    pub(in crate::controller) count: usize,
    /// Whether it selects any, also such as are left out for now.
    pub(in crate::controller) matched: bool,
    /// Those of them that can be no targets, and why.
    pub(in crate::controller) skipped: BTreeMap<String, String>,
}

impl Resolution {
    /// Takes in what others want of the same load balancer. `unheard`: not all of them are known.
    pub(super) fn share(&mut self, others: Others, unheard: bool) {
        self.resolved.hold |= others.more || unheard;
        self.resolved.kept = others.instances.keys().cloned().collect();
        self.others = others;
    }

    /// Adds what was looked up.
    pub(super) fn add(&mut self, lookups: &Lookups) {
        for (id, found) in &lookups.members {
            let member = self.resolved.members.entry(id.clone()).or_default();
            member.sources.extend(found.sources.iter().cloned());
            member.zone = member.zone.take().or_else(|| found.zone.clone());
        }
        let References {
            subnets,
            security_groups,
            certificates,
            public_keys,
            instance_ports: _,
        } = lookups.references.clone();
        let references = &mut self.resolved.references;
        (references.subnets, references.security_groups) = (subnets, security_groups);
        (references.certificates, references.public_keys) = (certificates, public_keys);
        let problems = lookups.suspicion.iter().chain(&lookups.absent_groups);
        self.resolved.missing = problems.cloned().collect();
        self.remote_suspect = lookups.suspicion.is_some();
        self.resolved.hold |= self.remote_suspect;
    }
}
