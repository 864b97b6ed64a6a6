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
    /// Tells when this process begins to lead, here or elsewhere.
    begins: Arc<watch::Sender<()>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    /// Until when; `None`: without end, since nobody else may take it.
    until: Option<Instant>,
    /// How often leadership was taken. What was known in an earlier term may be others' work by now.
    term: u64,
    /// No work begins any more, since it is to be given to another process.
    closed: bool,
    /// How much work is under way.
    at_work: usize,
}

impl State {
    fn is_current(self) -> bool {
        self.until.is_none_or(|end| Instant::now() < end)
    }
}

impl Leadership {
    /// Of the only process there is, such as a command line or an operator without a Lease.
    pub fn sole() -> Self {
        let state = State {
            until: None,
            term: 0,
            closed: false,
            at_work: 0,
        };
        Self {
            state: Arc::new(watch::Sender::new(state)),
            begins: Arc::default(),
        }
    }

    /// Another one of this process, which does not lead there until it claims.
    pub(super) fn another(&self) -> Self {
        Self {
            begins: Arc::clone(&self.begins),
            ..Self::none()
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
        let mut begins = false;
        self.state.send_modify(|state| {
            begins = !state.is_current();
            if begins {
                state.term += 1;
                state.closed = false;
            }
            state.until = Some(end);
        });
        if begins {
            self.begins.send_replace(());
        }
    }

    /// No work begins any more. What is under way goes on, and may write.
    pub(super) fn close(&self) {
        self.state
            .send_if_modified(|state| !std::mem::replace(&mut state.closed, true));
    }

    /// Work begins again.
    pub(super) fn open(&self) {
        if self.state.send_if_modified(|state| std::mem::take(&mut state.closed)) {
            self.begins.send_replace(());
        }
    }

    /// Waits until no work is under way.
    pub(super) async fn idle(&self) {
        let mut changes = self.state.subscribe();
        // Its sender is ours, so it does not end before.
        let _ = changes.wait_for(|state| state.at_work == 0).await;
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

    /// Tells of each time that this process begins to lead, here or elsewhere, from now on.
    pub(super) fn beginnings(&self) -> watch::Receiver<()> {
        self.begins.subscribe()
    }

    /// Whether work may begin now.
    pub fn admits(&self) -> bool {
        let state = *self.state.borrow();
        state.is_current() && !state.closed
    }

    /// Begins work, if this process leads and nobody waits for what is under way.
    pub fn begin(&self) -> Option<Work> {
        let mut term = None;
        self.state.send_if_modified(|state| {
            if state.is_current() && !state.closed {
                state.at_work += 1;
                term = Some(state.term);
            }
            false
        });
        term.map(|term| Work(self.claim_of(term)))
    }

    fn claim_of(&self, term: u64) -> Claim {
        Claim {
            leadership: self.clone(),
            term,
        }
    }

    /// Whether a write that begins now is this process's to make.
    pub fn is_current(&self) -> bool {
        self.state.borrow().is_current()
    }

    /// The right to write for as long as this term lasts, if this process leads.
    pub fn claim(&self) -> Option<Claim> {
        let state = *self.state.borrow();
        state.is_current().then(|| self.claim_of(state.term))
    }
}

/// Work that is under way, under a claim; until it is dropped the Lease is not given to another process.
#[derive(Debug)]
pub struct Work(Claim);

impl std::ops::Deref for Work {
    type Target = Claim;

    fn deref(&self) -> &Claim {
        &self.0
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.0.leadership.state.send_if_modified(|state| {
            state.at_work -= 1;
            state.closed && state.at_work == 0
        });
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
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_to_be_given_away_ends_its_work_and_begins_none() {
        let leadership = Leadership::none();
        assert!(leadership.begin().is_none());
        leadership.claim_until(after(10));
        let work = leadership.begin().expect("work");
        leadership.close();
        assert!(leadership.begin().is_none() && !leadership.admits());
        assert_eq!(work.during(async { 1 }).await, Some(1));
        assert!(leadership.claim().is_some(), "what is under way may write");
        let mut begins = leadership.beginnings();
        let idle = tokio::time::timeout(Duration::from_secs(1), leadership.idle());
        assert!(idle.await.is_err(), "it is at work");
        drop(work);
        leadership.idle().await;
        leadership.open();
        assert!(leadership.admits() && begins.has_changed().expect("open"));
        begins.mark_unchanged();
        leadership.open();
        leadership.claim_until(after(10));
        assert!(!begins.has_changed().expect("open"), "a renewal is no beginning");
    }
}
