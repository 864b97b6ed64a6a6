//! Pure: a load balancer that is coming into being, or going.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// How long AWS may take to show a load balancer that it has accepted.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);
/// How long after the first time the absence of something known must be seen again to be believed.
pub(in crate::controller) const SECOND_LOOK: Duration = Duration::from_secs(10);
/// How long to wait for Auto Scaling groups to let go before the load balancer is deleted all the same.
const DETACHING: Duration = Duration::from_mins(2);
/// How long after a removal AWS may still show what was removed, so that the call is not repeated.
const SHOWN_AFTER_REMOVAL: Duration = Duration::from_secs(40);

/// A `CreateLoadBalancer` that was sent and whose load balancer was not seen yet.
#[derive(Clone, Copy, Debug)]
struct Creation {
    at: Instant,
    /// AWS answered that it took it; otherwise nobody knows.
    accepted: bool,
}

/// What is coming into being, or going.
#[derive(Debug, Default)]
pub(in crate::controller) struct Lifecycle {
    /// It was not there, and its creation waits for a turn.
    in_line: bool,
    creation: Option<Creation>,
    absent_since: Option<Instant>,
    disowned_since: Option<Instant>,
    /// What an earlier process has left in the status was taken in.
    resumed: bool,
    detaching_since: Option<Instant>,
    /// Auto Scaling groups that were detached before a deletion.
    detached: BTreeMap<String, Instant>,
    deleted: Option<Instant>,
    released: bool,
}

/// Whether something was seen so some time ago already; otherwise it is from now on.
fn is_second_look(since: &mut Option<Instant>, now: Instant) -> bool {
    now.saturating_duration_since(*since.get_or_insert(now)) >= SECOND_LOOK
}

impl Lifecycle {
    /// Whether the creation waits for a turn.
    pub(in crate::controller) fn is_in_line(&self) -> bool {
        self.in_line
    }

    /// It does, or does no more.
    pub(in crate::controller) fn set_in_line(&mut self, in_line: bool) {
        self.in_line = in_line;
    }

    /// `CreateLoadBalancer` was sent; `accepted` says whether AWS answered that it took it.
    pub(in crate::controller) fn created(&mut self, accepted: bool, at: Instant) {
        self.creation = Some(Creation { at, accepted });
        // They may be attached to the new one.
        self.detached.clear();
    }

    /// The first reconcile of a process: `creating` says whether an earlier one asked for a load balancer and did not
    /// see it.
    pub(in crate::controller) fn resume(&mut self, creating: bool, now: Instant) {
        if creating && !self.resumed {
            self.created(false, now);
        }
        self.resumed = true;
    }

    /// The load balancer was seen.
    pub(in crate::controller) fn seen(&mut self) {
        self.creation = None;
        self.absent_since = None;
        self.disowned_since = None;
    }

    /// Whether a load balancer that AWS accepted may still appear, so that another one must not be made.
    pub(in crate::controller) fn is_creating(&self, now: Instant) -> bool {
        self.creation.is_some_and(|creation| creation.accepted) && self.may_still_appear(now)
    }

    /// Whether the absence of the load balancer proves nothing yet.
    pub(in crate::controller) fn may_still_appear(&self, now: Instant) -> bool {
        self.creation
            .is_some_and(|creation| now.saturating_duration_since(creation.at) < SHOWN_WITHIN)
    }

    /// AWS says that there is no load balancer though one was known. `true`: it said so before, some time ago.
    pub(in crate::controller) fn is_gone_for_sure(&mut self, now: Instant) -> bool {
        is_second_look(&mut self.absent_since, now)
    }

    /// The load balancer is there. What is absent later was not absent all the time.
    pub(in crate::controller) fn sighted(&mut self) {
        self.absent_since = None;
    }

    /// Its tags say that it is not ours though it was. `true`: they said so before, some time ago.
    pub(in crate::controller) fn is_disowned_for_sure(&mut self, now: Instant) -> bool {
        is_second_look(&mut self.disowned_since, now)
    }

    /// Whether Auto Scaling groups that still list the load balancer are waited for.
    pub(in crate::controller) fn waits_for_groups(&mut self, now: Instant) -> bool {
        let since = *self.detaching_since.get_or_insert(now);
        now.saturating_duration_since(since) < DETACHING
    }

    /// AWS accepted that the load balancer goes.
    pub(in crate::controller) fn deleted(&mut self, at: Instant) {
        self.deleted = Some(at);
    }

    /// Whether AWS accepted that so recently that it may still show the load balancer.
    pub(in crate::controller) fn is_going(&self, now: Instant) -> bool {
        self.deleted
            .is_some_and(|at| now.saturating_duration_since(at) < SHOWN_AFTER_REMOVAL)
    }

    /// AWS accepted that a group lets go.
    pub(in crate::controller) fn detached(&mut self, group: String, at: Instant) {
        self.detached.insert(group, at);
    }

    /// Whether AWS accepted that so recently that the group may still list the load balancer.
    pub(in crate::controller) fn is_detaching(&self, group: &str, now: Instant) -> bool {
        let at = self.detached.get(group);
        at.is_some_and(|at| now.saturating_duration_since(*at) < SHOWN_AFTER_REMOVAL)
    }

    /// The object was released: nothing about it is worth keeping.
    pub(in crate::controller) fn release(&mut self) {
        self.released = true;
    }

    /// Whether the object was released.
    pub(in crate::controller) fn is_released(&self) -> bool {
        self.released
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_aws_accepted_may_appear_for_two_minutes() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        assert!(!lifecycle.is_creating(now) && !lifecycle.may_still_appear(now));
        lifecycle.created(true, now);
        assert!(lifecycle.is_creating(now) && lifecycle.may_still_appear(now));
        assert!(!lifecycle.is_creating(now + SHOWN_WITHIN));
        lifecycle.seen();
        assert!(!lifecycle.may_still_appear(now));
    }

    #[test]
    fn what_was_sent_without_an_answer_may_be_sent_again_but_not_be_believed_absent() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        lifecycle.created(false, now);
        assert!(!lifecycle.is_creating(now) && lifecycle.may_still_appear(now));
    }

    #[test]
    fn an_absence_is_believed_at_the_second_look() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        assert!(!lifecycle.is_gone_for_sure(now) && !lifecycle.is_gone_for_sure(now + SECOND_LOOK / 2));
        assert!(lifecycle.is_gone_for_sure(now + SECOND_LOOK));
        lifecycle.seen();
        assert!(
            !lifecycle.is_gone_for_sure(now + SECOND_LOOK),
            "it was there in between"
        );
    }

    #[test]
    fn a_removal_is_not_repeated_while_aws_may_show_what_was_removed() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        assert!(!lifecycle.is_going(now) && !lifecycle.is_detaching("web", now));
        lifecycle.deleted(now);
        lifecycle.detached("web".into(), now);
        assert!(lifecycle.is_going(now) && lifecycle.is_detaching("web", now) && !lifecycle.is_detaching("api", now));
        let later = now + SHOWN_AFTER_REMOVAL;
        assert!(!lifecycle.is_going(later) && !lifecycle.is_detaching("web", later));
    }

    #[test]
    fn what_an_earlier_process_asked_for_may_appear_too() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        lifecycle.resume(true, now);
        assert!(!lifecycle.is_creating(now) && lifecycle.may_still_appear(now));
        lifecycle.resume(true, now + SHOWN_WITHIN);
        assert!(!lifecycle.may_still_appear(now + SHOWN_WITHIN), "it is asked once");
    }

    #[test]
    fn groups_are_waited_for_within_bounds() {
        let (mut lifecycle, now) = (Lifecycle::default(), Instant::now());
        assert!(lifecycle.waits_for_groups(now));
        assert!(lifecycle.waits_for_groups(now + DETACHING / 2));
        assert!(!lifecycle.waits_for_groups(now + DETACHING));
    }

    #[test]
    fn a_released_object_is_not_remembered() {
        let mut lifecycle = Lifecycle::default();
        assert!(!lifecycle.is_released());
        lifecycle.release();
        assert!(lifecycle.is_released());
    }
}
