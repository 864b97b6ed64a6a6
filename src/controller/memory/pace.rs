//! Pure: how often an object is worked on that is changed again and again.

use std::time::Duration;

use tokio::time::Instant;

/// So many within [`BURST`] are a person at work.
const FREE: u32 = 5;
const BURST: Duration = Duration::from_secs(2);
/// Between two reconciles, at first and at most.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(30);
/// Somebody who waits for what became of a change makes no more of them than this meanwhile.
const PATIENT: u32 = 2;

/// How fast changes of one object are followed.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// When the changes that come one after the other began, and how many were followed.
    burst: Option<(Instant, u32)>,
    gap: Duration,
    /// How often it was asked for since, and put off.
    put_off: u32,
}

impl Pace {
    /// How long to wait before the next; `None`: it is time.
    pub(super) fn wait(&mut self, now: Instant) -> Option<Duration> {
        let left = (self.last? + self.gap).saturating_duration_since(now);
        if left.is_zero() {
            return None;
        }
        self.put_off = self.put_off.saturating_add(1);
        Some(left)
    }

    /// A change is followed now.
    pub(super) fn follow(&mut self, now: Instant) {
        self.gap = if std::mem::take(&mut self.put_off) > PATIENT {
            (self.gap * 2).clamp(FIRST, LONGEST)
        } else if self.gap <= FIRST {
            Duration::ZERO
        } else {
            self.gap / 2
        };
        let begun = self
            .burst
            .filter(|(begun, _)| now.saturating_duration_since(*begun) < BURST);
        let (begun, count) = begun.unwrap_or((now, 0));
        self.burst = Some((begun, count + 1));
        if count + 1 > FREE {
            self.gap = self.gap.max(FIRST);
        }
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks every `every` for `lasting`, and counts how often it is time.
    fn followed(every: Duration, lasting: Duration) -> usize {
        let (mut pace, begun) = (Pace::default(), Instant::now());
        let asked = (0..).map(|n| every * n).take_while(|at| *at < lasting);
        asked
            .filter(|at| {
                let now = begun + *at;
                let time = pace.wait(now).is_none();
                if time {
                    pace.follow(now);
                }
                time
            })
            .count()
    }

    #[test]
    fn a_loop_is_followed_ever_more_slowly() {
        let loops = Duration::from_millis(12);
        let ten = followed(loops, Duration::from_secs(10));
        assert!((6..=10).contains(&ten), "{ten}");
        let hour = followed(loops, Duration::from_hours(1));
        assert!((100..=150).contains(&hour), "{hour}");
    }

    #[test]
    fn a_person_does_not_notice() {
        assert_eq!(followed(Duration::from_secs(1), Duration::from_mins(1)), 60);
        let hurried = followed(Duration::from_millis(390), Duration::from_secs(39));
        assert!(hurried > 30, "{hurried} of 100");
    }
}
