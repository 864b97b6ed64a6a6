//! Time as the simulator sees it.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

/// A point in time, in whole milliseconds since 1970-01-01T00:00:00Z.
///
/// Displayed as AWS writes it: `2026-01-31T12:00:00.000Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Timestamp {
    /// The last one that all clients can read.
    pub(crate) const LATEST: Self = Self(253_402_300_799_999);

    /// The point `millis` milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// This point moved forward by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(whole_millis(duration)))
    }

    /// This point moved back by `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(whole_millis(duration)))
    }

    /// How long `earlier` lies back, nothing when it lies ahead.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// A text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a time: write it as in 2026-01-31T12:00:00Z")]
pub struct TimestampError(String);

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Reads RFC 3339.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let read: Result<jiff::Timestamp, _> = text.parse();
        read.map(|read| Self(read.as_millisecond()))
            .map_err(|_| TimestampError(text.to_owned()))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Other than a jiff::Timestamp, a civil time reaches to the end of the year 9999.
        let since_epoch = SignedDuration::from_millis(self.0);
        write!(f, "{:.3}Z", EPOCH.saturating_add(since_epoch))
    }
}

fn whole_millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where the simulator takes its time from. Clones share one clock.
///
/// Every kind can also be pushed forward with [`Clock::advance`]; a manual one moves in no other way.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    origin: Timestamp,
    pushed: Arc<AtomicI64>,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Real { start: Instant },
    Scaled { start: Instant, factor: f64 },
    Manual,
    Tokio { start: tokio::time::Instant },
}

impl Clock {
    /// The machine's time.
    pub fn real() -> Self {
        Self::new(Source::Real { start: Instant::now() }, wall())
    }

    /// Begins at the machine's time and runs `factor` times as fast.
    pub fn scaled(factor: f64) -> Self {
        Self::new(
            Source::Scaled {
                start: Instant::now(),
                factor,
            },
            wall(),
        )
    }

    /// Stands at `start` until it is advanced.
    pub fn manual(start: Timestamp) -> Self {
        Self::new(Source::Manual, start)
    }

    /// Begins at `start` and follows the timers of the current Tokio runtime, also when that runtime's time is paused.
    pub fn tokio(start: Timestamp) -> Self {
        Self::new(
            Source::Tokio {
                start: tokio::time::Instant::now(),
            },
            start,
        )
    }

    fn new(source: Source, origin: Timestamp) -> Self {
        Self {
            source,
            origin,
            pushed: Arc::default(),
        }
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        let passed = match self.source {
            Source::Real { start } => start.elapsed(),
            Source::Scaled { start, factor } => {
                Duration::try_from_secs_f64(start.elapsed().as_secs_f64() * factor).unwrap_or_default()
            }
            Source::Manual => Duration::ZERO,
            Source::Tokio { start } => start.elapsed(),
        };
        Timestamp(
            self.origin
                .plus(passed)
                .0
                .saturating_add(self.pushed.load(Ordering::SeqCst)),
        )
    }

    /// Pushes the clock forward and tells the new time.
    pub fn advance(&self, by: Duration) -> Timestamp {
        let push = |pushed: i64| Some(pushed.saturating_add(whole_millis(by)));
        // It never declines, so there is no error to see.
        let _ = self.pushed.fetch_update(Ordering::SeqCst, Ordering::SeqCst, push);
        self.now()
    }

    /// The name of the kind: `real`, `scaled`, `manual` or `tokio`.
    pub fn kind(&self) -> &'static str {
        match self.source {
            Source::Real { .. } => "real",
            Source::Scaled { .. } => "scaled",
            Source::Manual => "manual",
            Source::Tokio { .. } => "tokio",
        }
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::real()
    }
}

fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(whole_millis(since))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_as_aws_writes_them() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_767_225_599_999, "2025-12-31T23:59:59.999Z"),
            (1_769_860_800_000, "2026-01-31T12:00:00.000Z"),
        ] {
            assert_eq!(Timestamp::from_millis(millis).to_string(), text);
            assert_eq!(text.parse(), Ok(Timestamp::from_millis(millis)));
        }
        assert!("tomorrow".parse::<Timestamp>().is_err());
        for late in [Timestamp::LATEST, Timestamp::from_millis(i64::MAX)] {
            assert_eq!(late.to_string(), "9999-12-31T23:59:59.999Z");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(Timestamp::from_millis(5));
        let other = clock.clone();
        assert_eq!(clock.now(), other.now());
        clock.advance(Duration::from_secs(2));
        assert_eq!(other.now(), Timestamp::from_millis(2005));
    }
}
