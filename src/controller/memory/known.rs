//! Pure: what is true as far as we know, and what the spec refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hasher as _};

use tokio::time::Instant;

use super::SECOND_LOOK;
use super::Seen;
use super::journal::LAG;
use crate::controller::reconcile::lookup::Lookups;
use crate::controller::reconcile::resolution::Selected;
use crate::elb::{Declared, InstanceId, LoadBalancer};
use crate::plan::allow::{Tagged, Tags};
use crate::plan::targets::Members;

/// What was read, made and looked up.
#[derive(Debug, Default)]
pub(in crate::controller) struct Known {
    /// The load balancer as it was read, with all steps since that AWS accepted.
    load_balancer: Option<LoadBalancer>,
    /// A hash of what was declared when that was last made true, or tried: it is compared and never read.
    declared: Option<u64>,
    /// That is what was declared the time before, too.
    remade: bool,
    /// What the spec refers to, as looked up at the last full reconcile.
    pub(in crate::controller) lookups: Lookups,
    /// What the account of the object was seen to let it use, with the tags that it must carry for it.
    pub(in crate::controller) admitted: BTreeSet<(Tagged, String, Tags)>,
    /// Instances by tags wait for the load balancer, whose VPC is not known.
    awaits_vpc: bool,
    /// The instances as last reported, with their sources: a status holds only so many.
    members: Members,
    /// Names like that of a load balancer to adopt that is not there, and what was asked for when they were looked for: all
    /// load balancers are listed for them.
    similar: Option<(Seen, Vec<String>)>,
    /// What the selector of Nodes leaves out.
    selected: Option<Selected>,
    /// Instances whose zone EC2 was asked for and did not know.
    unplaced: BTreeSet<InstanceId>,
    /// Until when the first view of the Nodes after a start is not believed, since it lacks most that the status knows.
    doubts_nodes_until: Option<Instant>,
    /// The same where there was no status to tell.
    doubts_loss_until: Option<Instant>,
    /// The load balancer was this object's own in this process.
    owned: bool,
    /// Instances that this object registered and AWS does not show, since when.
    unseen: BTreeMap<InstanceId, Instant>,
    /// Since when something that the account judges by its tags is not shown.
    not_shown: Option<Instant>,
}

impl Known {
    /// The load balancer, where it was read and is ours.
    pub(in crate::controller) fn load_balancer(&self) -> Option<&LoadBalancer> {
        self.load_balancer.as_ref()
    }

    /// The instances registered with it.
    pub(in crate::controller) fn registered(&self) -> BTreeSet<InstanceId> {
        self.load_balancer
            .iter()
            .flat_map(|lb| lb.instances.iter().cloned())
            .collect()
    }

    /// The load balancer is this object's own. Returns whether it was so in this process before.
    pub(in crate::controller) fn owned(&mut self) -> bool {
        std::mem::replace(&mut self.owned, true)
    }

    /// The load balancer is so.
    pub(in crate::controller) fn read(&mut self, lb: LoadBalancer) {
        self.load_balancer = Some(lb);
    }

    /// What is declared was made true, as far as AWS let us.
    pub(in crate::controller) fn made(&mut self, declared: &Declared) {
        self.remade = self.is_made(declared);
        self.declared = Some(digest(declared));
    }

    /// Whether what is declared is what was declared the time before.
    pub(in crate::controller) fn is_remade(&self) -> bool {
        self.remade
    }

    /// Whether this was made true, or tried, already.
    pub(in crate::controller) fn is_made(&self, declared: &Declared) -> bool {
        self.declared == Some(digest(declared))
    }

    /// Of the instances that this object registered, those that AWS does not show, for a time for which it may show what
    /// was so before they were registered.
    pub(in crate::controller) fn unseen(
        &mut self,
        made: &BTreeSet<InstanceId>,
        registered: &BTreeSet<InstanceId>,
        now: Instant,
    ) -> BTreeSet<InstanceId> {
        self.unseen
            .retain(|id, _| made.contains(id) && !registered.contains(id));
        let missing = made.difference(registered);
        missing
            .filter(|id| now.saturating_duration_since(*self.unseen.entry((*id).clone()).or_insert(now)) < LAG)
            .cloned()
            .collect()
    }

    /// When what is not shown is believed not to be there.
    pub(in crate::controller) fn unseen_until(&self) -> Option<Instant> {
        self.unseen.values().map(|since| *since + LAG).max()
    }

    /// Something that the account judges by its tags is not shown by AWS, or everything is. Tells when to look again: soon, and the
    /// later the longer it lasts.
    pub(in crate::controller) fn not_shown(&mut self, anything: bool, now: Instant) -> Option<Instant> {
        self.not_shown = anything.then(|| self.not_shown.unwrap_or(now));
        let lasted = now.saturating_duration_since(self.not_shown?);
        Some(now + lasted.max(SECOND_LOOK))
    }

    pub(super) fn forget_load_balancer(&mut self) {
        self.load_balancer = None;
        self.members.clear();
    }

    /// Instances by tags wait for the VPC of the load balancer.
    pub(in crate::controller) fn set_awaits_vpc(&mut self, awaits: bool) {
        self.awaits_vpc = awaits;
    }

    /// Whether they do.
    pub(in crate::controller) fn awaits_vpc(&self) -> bool {
        self.awaits_vpc
    }

    /// Whether they do; from now on they do not.
    pub(in crate::controller) fn take_awaits_vpc(&mut self) -> bool {
        std::mem::take(&mut self.awaits_vpc)
    }

    /// The instances as last reported; `from_status` tells them after a start.
    pub(in crate::controller) fn members(&mut self, from_status: impl FnOnce() -> Members) -> &Members {
        if self.members.is_empty() {
            self.members = from_status();
        }
        &self.members
    }

    /// These are the instances as reported now.
    pub(in crate::controller) fn keep_members(&mut self, members: Members) {
        self.members = members;
    }

    /// The status tells these instances. What it tells in full is not kept twice.
    pub(in crate::controller) fn told(&mut self, members: &Members) {
        if self.members == *members {
            self.members.clear();
        }
    }

    /// Of these instances, those whose zone EC2 was not asked for yet. From now on it was.
    pub(in crate::controller) fn ask_zones_of(&mut self, zoneless: &BTreeSet<InstanceId>) -> BTreeSet<InstanceId> {
        let unknown: BTreeSet<InstanceId> = zoneless.difference(&self.unplaced).cloned().collect();
        self.unplaced.extend(unknown.iter().cloned());
        unknown
    }

    /// EC2 told its zone.
    pub(in crate::controller) fn placed(&mut self, id: &InstanceId) {
        self.unplaced.remove(id);
    }

    /// EC2 is asked again for all zones that it did not know.
    pub(in crate::controller) fn forget_unplaced(&mut self) {
        self.unplaced.clear();
    }

    /// Names like that of the load balancer that is not there, where they were looked for since somebody last asked.
    pub(in crate::controller) fn similar(&self, seen: &Seen) -> Option<&[String]> {
        let (of, names) = self.similar.as_ref()?;
        (of == seen).then_some(names)
    }

    /// These are the names like it.
    pub(in crate::controller) fn keep_similar(&mut self, seen: Seen, names: Vec<String>) {
        self.similar = Some((seen, names));
    }

    /// What the selector of Nodes leaves out now.
    pub(in crate::controller) fn keep_selected(&mut self, selected: Option<Selected>) {
        self.selected = selected;
    }

    /// What the selector of Nodes leaves out.
    pub(in crate::controller) fn selected(&self) -> Option<&Selected> {
        self.selected.as_ref()
    }

    /// Until when the first view of the Nodes is doubted.
    pub(in crate::controller) fn doubts_nodes_until(&self) -> Option<Instant> {
        self.doubts_nodes_until
    }

    /// Until when it is not believed that most of what is registered is not wanted.
    pub(in crate::controller) fn doubts_loss_until(&self) -> Option<Instant> {
        self.doubts_loss_until
    }

    /// Keeps until when that is.
    pub(in crate::controller) fn doubt_loss_until(&mut self, until: Option<Instant>) {
        self.doubts_loss_until = until;
    }

    /// Keeps until when it is.
    pub(in crate::controller) fn doubt_nodes_until(&mut self, until: Option<Instant>) {
        self.doubts_nodes_until = until;
    }
}

/// A hash of all that is declared. Nothing of it is left out of its debug form.
fn digest(declared: &Declared) -> u64 {
    struct Digest(DefaultHasher);
    impl fmt::Write for Digest {
        fn write_str(&mut self, text: &str) -> fmt::Result {
            self.0.write(text.as_bytes());
            Ok(())
        }
    }
    let mut digest = Digest(DefaultHasher::new());
    // It cannot fail: the hash takes whatever comes.
    let _ = write!(digest, "{declared:?}");
    digest.0.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::targets::Member;

    fn ids(ids: &[&str]) -> BTreeSet<InstanceId> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn the_status_tells_the_members_after_a_start_only() {
        let mut known = Known::default();
        let of = |id: &str| Members::from([(id.to_owned(), Member::default())]);
        assert!(known.members(|| of("i-1")).contains_key("i-1"));
        assert!(
            known.members(|| of("i-2")).contains_key("i-1"),
            "what was reported since counts more"
        );
        known.keep_members(of("i-3"));
        assert!(known.members(|| of("i-2")).contains_key("i-3"));
        known.forget_load_balancer();
        assert!(known.members(|| of("i-2")).contains_key("i-2"));
    }

    #[test]
    fn members_that_the_status_tells_are_not_kept_twice() {
        let mut known = Known::default();
        let of = |id: &str| Members::from([(id.to_owned(), Member::default())]);
        known.keep_members(of("i-1"));
        known.told(&of("i-2"));
        assert_eq!(known.members, of("i-1"), "the status tells something else");
        known.told(&of("i-1"));
        assert!(known.members.is_empty());
        assert_eq!(*known.members(|| of("i-1")), of("i-1"));
    }

    #[test]
    fn ec2_is_asked_once_for_a_zone() {
        let mut known = Known::default();
        assert_eq!(known.ask_zones_of(&ids(&["i-1", "i-2"])), ids(&["i-1", "i-2"]));
        known.placed(&"i-1".into());
        assert_eq!(known.ask_zones_of(&ids(&["i-1", "i-2"])), ids(&["i-1"]));
        known.forget_unplaced();
        assert_eq!(known.ask_zones_of(&ids(&["i-2"])), ids(&["i-2"]));
    }

    #[test]
    fn instances_wait_for_the_vpc_once() {
        let mut known = Known::default();
        known.set_awaits_vpc(true);
        assert!(known.take_awaits_vpc() && !known.take_awaits_vpc());
    }
}
