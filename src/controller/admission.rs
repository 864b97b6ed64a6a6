//! Who is worked on next: at most so many objects at once, users' changes before repair before what is only looked at, and
//! no region more than its share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::elb::Lane;

/// One in so many is the one that has waited longest, whatever it is, so that nothing waits for ever.
const OLDEST: u64 = 8;

/// The door to the workers. A clone is the same door.
#[derive(Clone, Debug)]
pub(super) struct Admission {
    limit: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    closed: bool,
    running: usize,
    /// Where anybody works or waits.
    regions: BTreeMap<String, Region>,
    /// How many came, and how many were let in.
    came: u64,
    admitted: u64,
}

/// Those of one region. Each has a line of its own, so that nobody looks through all who wait for one with room.
#[derive(Debug, Default)]
struct Region {
    running: usize,
    /// How many may be worked on at once, as whoever came last says: it tells whether AWS answers there.
    room: usize,
    /// By lane, then by age.
    waiting: BTreeMap<(Lane, u64), oneshot::Sender<Turn>>,
    /// The lane of each, by age.
    ages: BTreeMap<u64, Lane>,
}

impl Region {
    /// Whether nothing is to be remembered of it.
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// Who comes next of it, where there is room: the first, or the one that has waited longest.
    fn next(&self, oldest: bool) -> Option<(Lane, u64)> {
        if self.running >= self.room {
            None
        } else if oldest {
            self.ages.first_key_value().map(|(came, lane)| (*lane, *came))
        } else {
            self.waiting.first_key_value().map(|(key, _)| *key)
        }
    }
}

/// A worker, until it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    admission: Admission,
    region: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.admission.leave(&self.region);
    }
}

impl Admission {
    /// For so many at once.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            state: Arc::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many of one region may be worked on at once: some workers are always left for the others. A region that does not
    /// answer is tried by one.
    fn room(&self, silent: bool) -> usize {
        if silent { 1 } else { self.limit - self.limit / 4 }
    }

    /// Waits for a worker. `None`: there will be none, the operator stops.
    pub(super) async fn turn(&self, lane: Lane, region: &str, silent: bool) -> Option<Turn> {
        let called = {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            let (call, called) = oneshot::channel();
            state.came += 1;
            let came = state.came;
            let queue = state.regions.entry(region.to_owned()).or_default();
            queue.room = self.room(silent);
            queue.waiting.insert((lane, came), call);
            queue.ages.insert(came, lane);
            called
        };
        self.admit();
        called.await.ok()
    }

    /// Lets in whoever is next. A turn that nobody listens for any more is dropped, and goes to the one after.
    fn admit(&self) {
        let called = self.state().admit(self.limit);
        for (region, call) in called {
            let turn = Turn {
                admission: self.clone(),
                region,
            };
            drop(call.send(turn));
        }
    }

    fn leave(&self, region: &str) {
        let mut state = self.state();
        state.running -= 1;
        if let Some(queue) = state.regions.get_mut(region) {
            queue.running -= 1;
            if queue.is_idle() {
                state.regions.remove(region);
            }
        }
        drop(state);
        self.admit();
    }

    /// Nobody is let in any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        for queue in state.regions.values_mut() {
            queue.waiting.clear();
            queue.ages.clear();
        }
    }

    /// How many wait, by lane.
    pub(super) fn waiting(&self) -> Vec<(&'static str, usize)> {
        let state = self.state();
        let all = || state.regions.values().flat_map(|queue| queue.waiting.keys());
        let of = |lane: Lane| all().filter(|(waits, _)| *waits == lane).count();
        Lane::ALL.map(|lane| (lane.as_str(), of(lane))).to_vec()
    }
}

impl State {
    fn admit(&mut self, limit: usize) -> Vec<(String, oneshot::Sender<Turn>)> {
        let mut called = Vec::new();
        while self.running < limit
            && let Some(next) = self.next()
        {
            self.admitted += 1;
            self.running += 1;
            called.push(next);
        }
        called
    }

    /// Takes out of line who comes next.
    fn next(&mut self) -> Option<(String, oneshot::Sender<Turn>)> {
        let oldest = self.admitted % OLDEST == OLDEST - 1;
        let lines = self.regions.iter();
        let fitting = lines.filter_map(|(region, queue)| Some((queue.next(oldest)?, region)));
        let ((lane, came), region) = if oldest {
            fitting.min_by_key(|((_, came), _)| *came)
        } else {
            fitting.min_by_key(|(key, _)| *key)
        }?;
        let region = region.clone();
        let queue = self.regions.get_mut(&region)?;
        queue.running += 1;
        queue.ages.remove(&came);
        let call = queue.waiting.remove(&(lane, came))?;
        Some((region, call))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::future::{join, join_all};

    use super::*;

    /// Works for a second and tells when it was let in.
    async fn work(admission: &Admission, lane: Lane, region: &str) -> u64 {
        let begun = tokio::time::Instant::now();
        let _turn = admission.turn(lane, region, false).await.expect("a turn");
        let waited = begun.elapsed().as_secs();
        tokio::time::sleep(Duration::from_secs(1)).await;
        waited
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_goes_before_a_thousand_that_are_only_looked_at() {
        let admission = Admission::new(4);
        let looks = join_all((0..1000).map(|_| work(&admission, Lane::Sweep, "a")));
        let change = async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert_eq!(admission.waiting()[3], ("sweep", 1000 - 33));
            work(&admission, Lane::Change, "a").await
        };
        let (looks, change) = join(looks, change).await;
        assert!(change <= 1, "{change}");
        assert!(looks.into_iter().max() >= Some(300));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_only_looked_at_is_not_forgotten() {
        let admission = Admission::new(4);
        let changes = join_all((0..200).map(|_| work(&admission, Lane::Change, "a")));
        let (changes, look) = join(changes, work(&admission, Lane::Sweep, "a")).await;
        assert!(
            look < 70 && changes.len() == 200,
            "it has waited longest by then: {look}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_leaves_workers_to_the_others() {
        let admission = Admission::new(4);
        let hanging = join_all((0..10).map(|_| async {
            let _turn = admission.turn(Lane::Change, "hangs", false).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(100)).await;
        }));
        let healthy = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            work(&admission, Lane::Sweep, "answers").await
        };
        assert_eq!(join(hanging, healthy).await.1, 0);
        let probes = join_all((0..3).map(|_| async {
            let _turn = admission.turn(Lane::Change, "silent", true).await.expect("a turn");
            assert_eq!(admission.state().regions["silent"].running, 1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }));
        probes.await;
        assert_eq!(admission.state().running, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_that_answers_again_is_not_worked_on_one_by_one() {
        let admission = Admission::new(8);
        let waiting = join_all((0..60).map(|_| async {
            let _turn = admission.turn(Lane::Sweep, "a", true).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }));
        let begun = tokio::time::Instant::now();
        let again = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            work(&admission, Lane::Sweep, "a").await
        };
        join(waiting, again).await;
        assert!(begun.elapsed() <= Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_up_takes_no_turn_and_the_end_lets_all_go() {
        let admission = Admission::new(1);
        let turn = admission.turn(Lane::Change, "a", false).await;
        let impatient = admission.turn(Lane::Change, "a", false);
        assert!(tokio::time::timeout(Duration::from_secs(1), impatient).await.is_err());
        drop(turn);
        let turn = admission.turn(Lane::Change, "a", false).await;
        let (waiting, ()) = join(admission.turn(Lane::Change, "a", false), async {
            tokio::task::yield_now().await;
            admission.close();
        })
        .await;
        assert!(turn.is_some() && waiting.is_none());
        assert!(admission.turn(Lane::Change, "a", false).await.is_none());
    }
}
