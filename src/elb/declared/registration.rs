//! Pure: which instances shall be registered.

use std::collections::BTreeSet;

use crate::elb::InstanceId;

/// Which instances shall be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The instances that this object registers itself.
    pub wanted: BTreeSet<InstanceId>,
    /// Instances that are never deregistered though nobody here wants them: members of Auto Scaling groups that are
    /// attached to the load balancer, which would only be registered again.
    pub kept: BTreeSet<InstanceId>,
    /// Whether nothing is deregistered at all, since what is known of the nodes cannot be trusted.
    pub hold: bool,
    /// Where others register instances too: those that this object registered, which alone it may deregister.
    pub only: Option<BTreeSet<InstanceId>>,
    /// How many percent of the registered instances may leave at once where nobody named them, but always one.
    pub max_deregister_percent: u8,
    /// How many must stay in service then.
    pub min_in_service: usize,
}

impl Registration {
    /// How many percent may leave at once where nothing is declared.
    pub const MAX_DEREGISTER_PERCENT: u8 = 34;
    /// How many must stay in service where nothing is declared.
    pub const MIN_IN_SERVICE: usize = 1;

    /// Whether an instance that nobody here wants may be deregistered.
    fn is_ours(&self, id: &InstanceId) -> bool {
        self.only.as_ref().is_none_or(|ours| ours.contains(id))
    }

    /// Whether an instance stays though nobody here wants it, whatever the nodes say.
    pub fn keeps(&self, id: &InstanceId) -> bool {
        self.kept.contains(id) || !self.is_ours(id)
    }

    /// The set to have, given the registered one.
    pub(super) fn over(&self, registered: &BTreeSet<InstanceId>) -> BTreeSet<InstanceId> {
        let stays = |id: &&InstanceId| !self.wanted.contains(*id) && (self.hold || self.keeps(id));
        let mut set = self.wanted.clone();
        set.extend(registered.iter().filter(stays).cloned());
        set
    }
}

impl Default for Registration {
    fn default() -> Self {
        Self {
            wanted: BTreeSet::new(),
            kept: BTreeSet::new(),
            hold: false,
            only: None,
            max_deregister_percent: Self::MAX_DEREGISTER_PERCENT,
            min_in_service: Self::MIN_IN_SERVICE,
        }
    }
}
