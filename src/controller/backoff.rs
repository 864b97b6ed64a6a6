//! How long to wait for the next try of an object that failed.

use std::time::Duration;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(2);
/// The longest wait.
const LONGEST: Duration = Duration::from_mins(5);

/// The wait after so many failures in a row: doubled each time, with a quarter of jitter so that objects which failed
/// together do not come back together.
pub(super) fn delay(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1).min(16)));
    doubled.min(LONGEST).mul_f64(1.0 - 0.25 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_five_minutes_and_no_further() {
        for failures in 1..100 {
            let wait = delay(failures);
            assert!(
                wait <= LONGEST && wait >= Duration::from_millis(1500),
                "{failures}: {wait:?}"
            );
        }
        assert!(delay(1) <= FIRST);
        assert!(delay(40) >= LONGEST.mul_f64(0.75));
    }
}
