//! Our own share of what AWS lets an account ask.
//!
//! AWS refills the bucket of `Describe*` calls with 10 a second for each account and region, and every other tool of
//! the account draws from it too. Health is the one read whose number grows with the fleet and the clock alone, so it
//! gets a quarter of that and no more.

use std::num::NonZeroU32;
use std::ops::Add;
use std::time::Duration;

use governor::clock::{Clock, Reference};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

/// A quarter of the refill of 10 a second.
const BETWEEN_HEALTH_READS: Duration = Duration::from_millis(400);
/// A quarter of the capacity of 40.
const HEALTH_BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// How long so many reads of health take, one region's share being full.
pub fn time_for_health(reads: usize) -> Duration {
    let later = u32::try_from(reads)
        .unwrap_or(u32::MAX)
        .saturating_sub(HEALTH_BURST.get());
    BETWEEN_HEALTH_READS.saturating_mul(later)
}

/// The runtime's clock, so that a budget refills in the time that everything else waits in.
#[derive(Clone, Copy, Debug)]
struct RuntimeClock {
    start: Instant,
}

/// Time since the budget was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Elapsed(Duration);

impl Clock for RuntimeClock {
    type Instant = Elapsed;

    fn now(&self) -> Elapsed {
        Elapsed(self.start.elapsed())
    }
}

impl Add<Nanos> for Elapsed {
    type Output = Self;

    fn add(self, other: Nanos) -> Self {
        Self(self.0 + Duration::from(other))
    }
}

impl Reference for Elapsed {
    fn duration_since(&self, earlier: Self) -> Nanos {
        self.0.saturating_sub(earlier.0).into()
    }

    fn saturating_sub(&self, duration: Nanos) -> Self {
        Self(self.0.saturating_sub(duration.into()))
    }
}

/// The budget of one account and region.
#[derive(Debug)]
pub(super) struct Budget {
    health: RateLimiter<NotKeyed, InMemoryState, RuntimeClock, NoOpMiddleware<Elapsed>>,
    clock: RuntimeClock,
}

impl Budget {
    /// A full one.
    pub(super) fn new() -> Self {
        let quota = Quota::with_period(BETWEEN_HEALTH_READS).unwrap_or_else(|| Quota::per_second(HEALTH_BURST));
        let clock = RuntimeClock { start: Instant::now() };
        Self {
            health: RateLimiter::direct_with_clock(quota.allow_burst(HEALTH_BURST), clock),
            clock,
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

    #[tokio::test(start_paused = true)]
    async fn health_reads_beyond_the_share_wait() {
        let budget = Budget::new();
        assert_eq!(time_for_health(10), Duration::ZERO);
        assert_eq!(time_for_health(200), Duration::from_secs(76));
        let granted = (0..100).take_while(|_| budget.health_turn().is_ok()).count();
        assert_eq!(granted, 10);
        let wait = budget.health_turn().expect_err("the share is used up");
        assert!(wait <= BETWEEN_HEALTH_READS, "{wait:?}");
        tokio::time::advance(BETWEEN_HEALTH_READS).await;
        assert!(budget.health_turn().is_ok() && budget.health_turn().is_err());
    }
}
