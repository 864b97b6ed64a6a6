//! Our own share of what AWS lets an account ask.
//!
//! AWS refills the bucket of `Describe*` calls with 10 a second for each account and region, and every other tool of the
//! account draws from it too. Health is the one read whose number grows with the fleet and the clock alone, so it gets a
//! quarter of that and no more.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// A quarter of the refill of 10 a second.
const BETWEEN_HEALTH_READS: Duration = Duration::from_millis(400);
/// A quarter of the capacity of 40.
const HEALTH_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// The budget of one region.
#[derive(Debug)]
pub(super) struct Budget {
    health: DefaultDirectRateLimiter,
    clock: DefaultClock,
}

impl Budget {
    /// A full one.
    pub(super) fn new() -> Self {
        let quota = Quota::with_period(BETWEEN_HEALTH_READS).unwrap_or_else(|| Quota::per_second(HEALTH_BURST));
        Self {
            health: RateLimiter::direct(quota.allow_burst(HEALTH_BURST)),
            clock: DefaultClock::default(),
        }
    }

    /// Takes a turn at reading health; `Err` tells how long to wait for one.
    pub(super) fn health_turn(&self) -> Result<(), Duration> {
        self.health
            .check()
            .map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_reads_beyond_the_share_wait() {
        let budget = Budget::new();
        let granted = (0..100).take_while(|_| budget.health_turn().is_ok()).count();
        assert!((10..20).contains(&granted), "{granted}");
        let wait = budget.health_turn().expect_err("the share is used up");
        assert!(wait <= BETWEEN_HEALTH_READS, "{wait:?}");
    }
}
