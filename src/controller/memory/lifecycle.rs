//! Pure: a load balancer that is coming into being, or going.

use std::time::Duration;

use tokio::time::Instant;

/// How long AWS may take to show a load balancer that it has accepted.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);
/// How long to wait for Auto Scaling groups to let go before the load balancer is deleted all the same.
const DETACHING: Duration = Duration::from_mins(2);

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
    creation: Option<Creation>,
    detaching_since: Option<Instant>,
    released: bool,
}

impl Lifecycle {
    /// `CreateLoadBalancer` was sent; `accepted` says whether AWS answered that it took it.
    pub(in crate::controller) fn created(&mut self, accepted: bool, at: Instant) {
        self.creation = Some(Creation { at, accepted });
    }

    /// The load balancer was seen.
    pub(in crate::controller) fn seen(&mut self) {
        self.creation = None;
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

    /// Whether Auto Scaling groups that still list the load balancer are waited for.
    pub(in crate::controller) fn waits_for_groups(&mut self, now: Instant) -> bool {
        let since = *self.detaching_since.get_or_insert(now);
        now.saturating_duration_since(since) < DETACHING
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
