//! Asking again what AWS throttles, for a person who waits.

use std::time::Duration;

use super::{Class, Error};

/// How often AWS is asked again where it asks for fewer calls, and how long the first wait is. Each is twice the last.
const PATIENCE: (u32, Duration) = (7, Duration::from_millis(500));

/// Asks again, ever more slowly, while AWS asks for fewer calls.
///
/// # Errors
/// What AWS answers at last.
pub async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let (times, mut wait) = PATIENCE;
    for _ in 0..times {
        match ask().await {
            Err(error) if error.class == Class::Throttled => tokio::time::sleep(wait).await,
            answer => return answer,
        }
        wait *= 2;
    }
    ask().await
}
