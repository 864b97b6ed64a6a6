//! The right to write: how long it holds, and what is done under it.

use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The right to write, shared by everything that writes.
#[derive(Clone, Debug)]
pub struct Leadership {
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Until when; `None`: without end, since nobody else may take it.
    until: Option<Instant>,
    /// How often leadership was taken. What was known in an earlier term may be others' work by now.
    term: u64,
}

impl State {
    fn is_current(self) -> bool {
        self.until.is_none_or(|end| Instant::now() < end)
    }
}

impl Leadership {
    /// Of the only process there is, such as a command line or an operator without a Lease.
    pub fn sole() -> Self {
        let state = State { until: None, term: 0 };
        Self {
            state: Arc::new(watch::Sender::new(state)),
        }
    }

    /// That of a process which does not lead, until it claims.
    pub fn none() -> Self {
        let leadership = Self::sole();
        leadership.end();
        leadership
    }

    /// The claim holds until then. After one that had ended a new term begins, however short the gap was.
    pub fn claim_until(&self, end: Instant) {
        self.state.send_modify(|state| {
            if !state.is_current() {
                state.term += 1;
            }
            state.until = Some(end);
        });
    }

    /// The claim ends now.
    pub(super) fn end(&self) {
        self.state.send_modify(|state| state.until = Some(Instant::now()));
    }

    /// Which term it is.
    pub fn term(&self) -> u64 {
        self.state.borrow().term
    }

    /// Waits until this process leads.
    pub async fn wait(&self) {
        let mut changes = self.state.subscribe();
        // Its sender is ours, so it does not end before.
        while !changes.borrow_and_update().is_current() && changes.changed().await.is_ok() {}
    }

    /// Waits until this process leads in another term than this one, and returns which.
    pub async fn begins_after(&self, term: u64) -> u64 {
        let mut changes = self.state.subscribe();
        loop {
            let state = *changes.borrow_and_update();
            if (state.term != term && state.is_current()) || changes.changed().await.is_err() {
                return state.term;
            }
        }
    }

    /// Whether a write that begins now is this process's to make.
    pub fn is_current(&self) -> bool {
        self.state.borrow().is_current()
    }

    /// The right to write for as long as this term lasts, if this process leads.
    pub fn claim(&self) -> Option<Claim> {
        let state = *self.state.borrow();
        state.is_current().then(|| Claim {
            leadership: self.clone(),
            term: state.term,
        })
    }
}

/// The right to write in one term of leadership.
#[derive(Clone, Debug)]
pub struct Claim {
    leadership: Leadership,
    term: u64,
}

impl Claim {
    /// Of which term.
    pub fn term(&self) -> u64 {
        self.term
    }

    fn holds(&self, state: State) -> bool {
        state.term == self.term && state.is_current()
    }

    /// Works for as long as the claim holds. `None`: it ended before the work did, which is given up where it stands. No part of it
    /// begins after that, not in a process that slept through the end either: the claim is looked at before each step.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let (mut work, mut ended) = (pin!(work), pin!(self.ended()));
        std::future::poll_fn(|cx| {
            let holds = self.holds(*self.leadership.state.borrow());
            if !holds {
                return Poll::Ready(None);
            }
            match work.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending => ended.as_mut().poll(cx).map(|()| None),
            }
        })
        .await
    }

    async fn ended(&self) {
        let mut changes = self.leadership.state.subscribe();
        loop {
            let state = *changes.borrow_and_update();
            if !self.holds(state) {
                return;
            }
            let end = async {
                match state.until {
                    Some(end) => sleep_until(end).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                told = changes.changed() => if told.is_err() { return },
                () = end => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn after(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_itself() {
        let leadership = Leadership::none();
        assert!(!leadership.is_current());
        leadership.claim_until(after(10));
        let shared = leadership.clone();
        tokio::time::advance(Duration::from_secs(9)).await;
        assert!(shared.is_current());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(!shared.is_current());
        assert!(Leadership::sole().is_current());
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_while_the_claim_is_renewed_and_no_longer() {
        let leadership = Leadership::none();
        assert!(leadership.claim().is_none());
        leadership.claim_until(after(10));
        let claim = leadership.claim().expect("a claim");
        let began = Instant::now();
        let renewing = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            leadership.claim_until(after(10));
        };
        let (given_up, ()) = tokio::join!(claim.during(std::future::pending::<()>()), renewing);
        assert_eq!(given_up, None);
        assert_eq!(began.elapsed(), Duration::from_secs(18));
        assert_eq!(claim.during(async { 1 }).await, None, "nothing begins after it");
        let sole = Leadership::sole().claim().expect("a claim");
        assert_eq!(sole.during(async { 1 }).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn work_of_an_earlier_term_is_not_taken_up_again() {
        let leadership = Leadership::none();
        leadership.claim_until(after(10));
        let claim = leadership.claim().expect("a claim");
        leadership.claim_until(after(10));
        assert_eq!(leadership.term(), claim.term(), "a renewal is no new term");
        tokio::time::advance(Duration::from_secs(11)).await;
        leadership.claim_until(after(10));
        assert_ne!(leadership.term(), claim.term(), "a gap is");
        assert_eq!(claim.during(async { 1 }).await, None);
        let term = claim.term();
        assert_eq!(leadership.begins_after(term).await, leadership.term());
    }
}
