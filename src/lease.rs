//! Leadership: who may write.
//!
//! A claim ends by this process's own monotonic clock, before anybody else may take it. The gate of every AWS call and
//! every write to Kubernetes asks it at the moment of the write, so a process that slept through its claim writes
//! nothing.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

/// The right to write, shared by everything that writes.
#[derive(Clone, Debug)]
pub struct Leadership {
    /// Until when; `None`: without end, since nobody else may take it.
    until: Arc<Mutex<Option<Instant>>>,
}

impl Leadership {
    /// Of the only process there is, such as a command line or an operator without a Lease.
    pub fn sole() -> Self {
        Self {
            until: Arc::new(Mutex::new(None)),
        }
    }

    /// That of a process which does not lead, until it claims.
    pub fn none() -> Self {
        let leadership = Self::sole();
        leadership.claim_until(Instant::now());
        leadership
    }

    /// The claim holds until then.
    pub fn claim_until(&self, end: Instant) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// Whether a write that begins now is this process's to make.
    pub fn is_current(&self) -> bool {
        let until = *self.until.lock().unwrap_or_else(PoisonError::into_inner);
        until.is_none_or(|end| Instant::now() < end)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_itself() {
        let leadership = Leadership::none();
        assert!(!leadership.is_current());
        leadership.claim_until(Instant::now() + Duration::from_secs(10));
        let shared = leadership.clone();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(shared.is_current());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!shared.is_current());
        assert!(Leadership::sole().is_current());
    }
}
