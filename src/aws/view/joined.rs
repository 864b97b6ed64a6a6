//! Questions that come together, answered together; and the answers, for whoever does not need a newer one.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// A question waits for others until none came for so long,
const IDLE: Duration = Duration::from_millis(50);
/// or, where traffic waits for the answer, for so long: those who ask then were woken by the same change,
const BRISK: Duration = Duration::from_millis(10);
/// but no longer than this.
const AT_MOST: Duration = Duration::from_millis(300);
/// Answers that nobody asked for again are dropped after this.
pub(super) const KEPT: Duration = Duration::from_mins(2);

/// Answers by question, each with the time at which it was asked for.
#[derive(Debug)]
pub(super) struct Joined<K, A> {
    state: Mutex<State<K, A>>,
    idle: Duration,
}

#[derive(Debug)]
struct State<K, A> {
    /// Those that wait for the next call, and who asked.
    questions: BTreeMap<K, Vec<oneshot::Sender<A>>>,
    /// Somebody waits for further questions, and will make the call.
    led: bool,
    last: Option<Instant>,
    answers: BTreeMap<K, (Instant, A)>,
}

impl<K, A> Default for Joined<K, A> {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                questions: BTreeMap::new(),
                led: false,
                last: None,
                answers: BTreeMap::new(),
            }),
            idle: IDLE,
        }
    }
}

impl<K: Ord + Clone, A: Clone> Joined<K, A> {
    /// For questions that traffic waits for.
    pub(super) fn brisk() -> Self {
        Self {
            idle: BRISK,
            ..Self::default()
        }
    }

    fn state(&self) -> MutexGuard<'_, State<K, A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The answer to a question that was asked for at `since` or later, if there is one.
    pub(super) fn known(&self, question: &K, since: Instant) -> Option<A> {
        let state = self.state();
        let (at, answer) = state.answers.get(question)?;
        (*at >= since).then(|| answer.clone())
    }

    /// Keeps an answer for others. One that was asked for earlier than what is there is no news.
    pub(super) fn keep(&self, question: K, at: Instant, answer: A) {
        let mut state = self.state();
        if state.answers.get(&question).is_none_or(|(known, _)| *known <= at) {
            state.answers.insert(question, (at, answer));
        }
    }

    /// An answer is out of date, or was used by the only one whom it concerns.
    pub(super) fn forget(&self, question: &K) {
        self.state().answers.remove(question);
    }

    /// Everything is out of date.
    pub(super) fn clear(&self) {
        self.state().answers.clear();
    }

    /// Drops what is older than [`KEPT`].
    pub(super) fn tidy(&self, now: Instant) {
        let kept = |at: &Instant| now.saturating_duration_since(*at) < KEPT;
        self.state().answers.retain(|_, (at, _)| kept(at));
    }

    /// The questions that are answered.
    pub(super) fn answered(&self) -> Vec<K> {
        self.state().answers.keys().cloned().collect()
    }

    /// Asks, together with whoever asks at the same time. `answer` is given all questions and must answer each.
    pub(super) async fn ask<F, R>(&self, question: &K, answer: F) -> A
    where
        F: Fn(Vec<K>) -> R,
        R: Future<Output = Vec<(K, A)>>,
    {
        loop {
            let (receiver, leads) = self.join(question);
            if leads {
                let lead = Lead(self);
                self.wait_for_others().await;
                let mut questions = std::mem::take(&mut self.state().questions);
                drop(lead);
                for (question, answer) in answer(questions.keys().cloned().collect()).await {
                    for asker in questions.remove(&question).unwrap_or_default() {
                        // Whoever gave up does not listen any more.
                        let _ = asker.send(answer.clone());
                    }
                }
            }
            // Whoever was to ask gave up: the others ask anew.
            if let Ok(answer) = receiver.await {
                return answer;
            }
        }
    }

    fn join(&self, question: &K) -> (oneshot::Receiver<A>, bool) {
        let (asker, receiver) = oneshot::channel();
        let mut state = self.state();
        state.questions.entry(question.clone()).or_default().push(asker);
        state.last = Some(Instant::now());
        (receiver, !std::mem::replace(&mut state.led, true))
    }

    async fn wait_for_others(&self) {
        let end = Instant::now() + AT_MOST;
        loop {
            let quiet = self.state().last.unwrap_or(end) + self.idle;
            let now = Instant::now();
            if now >= quiet || now >= end {
                return;
            }
            tokio::time::sleep_until(quiet.min(end)).await;
        }
    }
}

/// Whoever makes the next call. If it gives up before, those who wait are told so by the end of their channels.
struct Lead<'a, K: Ord + Clone, A: Clone>(&'a Joined<K, A>);

impl<K: Ord + Clone, A: Clone> Drop for Lead<'_, K, A> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.led = false;
        state.questions.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join_all;

    use super::*;

    /// Answers each question with how many were asked with it.
    async fn counted(calls: &AtomicUsize, questions: Vec<u32>) -> Vec<(u32, usize)> {
        calls.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let all = questions.len();
        questions.into_iter().map(|question| (question, all)).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn questions_that_come_together_are_asked_once() {
        let (joined, calls) = (Joined::<u32, usize>::default(), AtomicUsize::new(0));
        let ask = |question: u32, after: u64| {
            let (joined, calls) = (&joined, &calls);
            async move {
                tokio::time::sleep(Duration::from_millis(after)).await;
                joined.ask(&question, |questions| counted(calls, questions)).await
            }
        };
        let answers = join_all([ask(1, 0), ask(2, 40), ask(2, 80), ask(3, 120), ask(4, 600)]).await;
        assert_eq!((answers, calls.load(Ordering::Relaxed)), (vec![3, 3, 3, 3, 1], 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_of_questions_does_not_put_off_the_call_for_ever() {
        let (joined, calls) = (Joined::<u32, usize>::default(), AtomicUsize::new(0));
        let ask = |question: u32| {
            let (joined, calls) = (&joined, &calls);
            async move {
                tokio::time::sleep(Duration::from_millis(u64::from(question) * 20)).await;
                joined.ask(&question, |questions| counted(calls, questions)).await
            }
        };
        join_all((0..50).map(ask)).await;
        assert!((3..=5).contains(&calls.load(Ordering::Relaxed)), "{calls:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leads_and_gives_up_leaves_nobody_waiting() {
        let (joined, calls) = (Joined::<u32, usize>::default(), AtomicUsize::new(0));
        for patience in [10, 100] {
            let leader = joined.ask(&1, |questions| counted(&calls, questions));
            let leader = tokio::time::timeout(Duration::from_millis(patience), leader);
            let follower = async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                joined.ask(&2, |questions| counted(&calls, questions)).await
            };
            let (given_up, answer) = tokio::join!(leader, follower);
            assert!(given_up.is_err());
            assert_eq!(answer, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn answers_are_kept_for_whoever_needs_no_newer_one() {
        let joined = Joined::<u32, usize>::default();
        let then = Instant::now();
        joined.keep(1, then, 7);
        joined.keep(1, then - Duration::from_secs(1), 8);
        tokio::time::advance(Duration::from_secs(10)).await;
        let now = Instant::now();
        assert_eq!((joined.known(&1, then), joined.known(&1, now)), (Some(7), None));
        joined.tidy(now);
        assert_eq!(joined.answered(), [1]);
        joined.tidy(now + KEPT);
        assert!(joined.answered().is_empty());
    }
}
