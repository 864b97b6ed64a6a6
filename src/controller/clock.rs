//! Time and chance as values, so that what happens can be played again.

use std::sync::{Mutex, PoisonError};

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

/// A point in time, on the clock that only goes forward and on the one that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For waits and for what lasts.
    pub at: Instant,
    /// For what others stamped, such as the conditions of a Node.
    pub wall: Timestamp,
}

/// Where a reconcile has its time from. Under a paused runtime both sides follow the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What the wall showed at one instant; `None`: ask the system.
    base: Option<(Instant, Timestamp)>,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self { base: None }
    }

    /// One that shows `base` now and goes on with the runtime's own clock.
    pub fn following(base: Timestamp) -> Self {
        Self {
            base: Some((Instant::now(), base)),
        }
    }

    /// Reads it. A reconcile does so once.
    pub fn now(&self) -> Moment {
        let at = Instant::now();
        let wall = match self.base {
            #[allow(clippy::disallowed_methods)] // this is the one place that asks
            None => Timestamp::now(),
            Some((start, base)) => base.checked_add(at - start).unwrap_or(base),
        };
        Moment { at, wall }
    }
}

/// Chance, so that objects which were read together do not come back together.
#[derive(Debug)]
pub struct Jitter(Mutex<fastrand::Rng>);

impl Jitter {
    /// Another sequence in each process.
    #[allow(clippy::disallowed_methods)] // this is the one place that draws it
    pub fn random() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// The same sequence each time.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// From 0 to 1.
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_clocks_follow_the_runtime() {
        let base: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let clock = Clock::following(base);
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(90)).await;
        let after = clock.now();
        assert_eq!(after.at - before.at, Duration::from_secs(90));
        assert_eq!(after.wall.to_string(), "2026-01-01T00:01:30Z");
    }

    #[test]
    fn a_seed_gives_the_same_chance_again() {
        let draw = |jitter: &Jitter| (0..5).map(|_| jitter.fraction().to_bits()).collect::<Vec<_>>();
        assert_eq!(draw(&Jitter::seeded(7)), draw(&Jitter::seeded(7)));
        assert_ne!(draw(&Jitter::seeded(7)), draw(&Jitter::seeded(8)));
    }
}
