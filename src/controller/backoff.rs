//! Pure: how long to wait for the next try of something that failed.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// The wait after so many failures in a row: doubled each time, less up to a quarter by `chance` from 0 to 1, so that
/// objects which failed together do not come back together.
pub(super) fn delay(failures: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    doubled.min(LONGEST).mul_f64(1.0 - 0.25 * chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_no_further() {
        let mut before = Duration::ZERO;
        for failures in 1..100 {
            let wait = delay(failures, 0.0);
            assert!(wait >= before && wait <= LONGEST, "{failures}: {wait:?}");
            before = wait;
        }
        assert_eq!(
            (delay(1, 0.0), delay(2, 0.0), delay(40, 0.0)),
            (FIRST, 2 * FIRST, LONGEST)
        );
        assert_eq!(delay(40, 1.0), LONGEST.mul_f64(0.75));
    }
}
