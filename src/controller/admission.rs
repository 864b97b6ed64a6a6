//! Who is worked on next: at most so many objects at once, users' changes before repair before what is only looked at, and
//! no region more than its share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::elb::Lane;
use crate::metrics::{Endpoint, WaitingSample};

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
    /// Since when each is worked on, by its number.
    running: BTreeMap<u64, Instant>,
    /// Where anybody works or waits.
    regions: BTreeMap<String, Region>,
    /// How many came, and how many were let in.
    came: u64,
    admitted: u64,
}

/// Those of one region. Each has a line of its own, so that nobody looks through all who wait for one with room.
#[derive(Debug, Default)]
struct Region {
    /// As metrics tell it.
    at: Endpoint,
    running: usize,
    /// How many may be worked on at once, as whoever came last says: it tells whether AWS answers there.
    room: usize,
    /// By lane, then by age.
    waiting: BTreeMap<(Lane, u64), Waiter>,
    /// The lane of each, by age.
    ages: BTreeMap<u64, Lane>,
}

#[derive(Debug)]
struct Waiter {
    since: Instant,
    call: oneshot::Sender<Turn>,
}

/// Who is let in: its number, its region, and who it is.
type Called = (u64, String, Waiter);

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
    number: u64,
    region: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.admission.leave(self.number, &self.region);
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

    /// Waits for a worker, of whom no `region` has more than its share. `None`: there will be none, the operator stops.
    pub(super) async fn turn(&self, lane: Lane, region: &str, at: Endpoint, silent: bool) -> Option<Turn> {
        let called = {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            let (call, called) = oneshot::channel();
            let waiter = Waiter {
                since: Instant::now(),
                call,
            };
            state.came += 1;
            let came = state.came;
            let queue = state.regions.entry(region.to_owned()).or_default();
            (queue.at, queue.room) = (at, self.room(silent));
            queue.waiting.insert((lane, came), waiter);
            queue.ages.insert(came, lane);
            called
        };
        self.admit();
        called.await.ok()
    }

    /// Lets in whoever is next. A turn that nobody listens for any more is dropped, and goes to the one after.
    fn admit(&self) {
        let called = self.state().admit(self.limit);
        for (number, region, waiter) in called {
            let turn = Turn {
                admission: self.clone(),
                number,
                region,
            };
            drop(waiter.call.send(turn));
        }
    }

    fn leave(&self, number: u64, region: &str) {
        let mut state = self.state();
        state.running.remove(&number);
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

    /// How many wait by lane and place, and how long; of these places also that nobody waits.
    pub(super) fn places(&self, known: impl IntoIterator<Item = Endpoint>) -> Vec<WaitingSample> {
        let every = known
            .into_iter()
            .flat_map(|at| Lane::ALL.map(|lane| (at.clone(), lane)));
        let mut places: BTreeMap<(Endpoint, Lane), (usize, Duration)> =
            every.map(|place| (place, Default::default())).collect();
        let now = Instant::now();
        for queue in self.state().regions.values() {
            for ((lane, _), waiter) in &queue.waiting {
                let (depth, oldest) = places.entry((queue.at.clone(), *lane)).or_default();
                *depth += 1;
                *oldest = now.saturating_duration_since(waiter.since).max(*oldest);
            }
        }
        let sample = |((at, lane), (depth, oldest)): ((Endpoint, Lane), (usize, Duration))| WaitingSample {
            priority: lane.as_str(),
            at,
            depth,
            oldest,
        };
        places.into_iter().map(sample).collect()
    }

    /// How long each of those that are worked on has been.
    pub(super) fn at_work(&self) -> Vec<Duration> {
        let now = Instant::now();
        let state = self.state();
        let begun = state.running.values();
        begun.map(|begun| now.saturating_duration_since(*begun)).collect()
    }
}

impl State {
    fn admit(&mut self, limit: usize) -> Vec<Called> {
        let mut called = Vec::new();
        while self.running.len() < limit
            && let Some((region, waiter)) = self.next()
        {
            self.admitted += 1;
            self.running.insert(self.admitted, Instant::now());
            called.push((self.admitted, region, waiter));
        }
        called
    }

    /// Takes out of line who comes next.
    fn next(&mut self) -> Option<(String, Waiter)> {
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
        let waiter = queue.waiting.remove(&(lane, came))?;
        Some((region, waiter))
    }
}

#[cfg(test)]
mod tests {
    use futures::future::{join, join_all};

    use super::*;

    fn at(region: &str) -> Endpoint {
        Endpoint {
            account: "".into(),
            region: region.into(),
        }
    }

    async fn turn(admission: &Admission, lane: Lane, region: &str, silent: bool) -> Option<Turn> {
        admission.turn(lane, region, at(region), silent).await
    }

    /// Works for a second and tells when it was let in.
    async fn work(admission: &Admission, lane: Lane, region: &str) -> u64 {
        let begun = Instant::now();
        let _turn = turn(admission, lane, region, false).await.expect("a turn");
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
            let _turn = turn(&admission, Lane::Change, "hangs", false).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(100)).await;
        }));
        let healthy = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            work(&admission, Lane::Sweep, "answers").await
        };
        assert_eq!(join(hanging, healthy).await.1, 0);
        let probes = join_all((0..3).map(|_| async {
            let _turn = turn(&admission, Lane::Change, "silent", true).await.expect("a turn");
            assert_eq!(admission.state().regions["silent"].running, 1);
            tokio::time::sleep(Duration::from_secs(1)).await;
        }));
        probes.await;
        assert!(admission.state().running.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_region_that_answers_again_is_not_worked_on_one_by_one() {
        let admission = Admission::new(8);
        let waiting = join_all((0..60).map(|_| async {
            let _turn = turn(&admission, Lane::Sweep, "a", true).await.expect("a turn");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }));
        let begun = Instant::now();
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
        let taken = turn(&admission, Lane::Change, "a", false).await;
        let impatient = turn(&admission, Lane::Change, "a", false);
        assert!(tokio::time::timeout(Duration::from_secs(1), impatient).await.is_err());
        drop(taken);
        let taken = turn(&admission, Lane::Change, "a", false).await;
        let (waiting, ()) = join(turn(&admission, Lane::Change, "a", false), async {
            tokio::task::yield_now().await;
            admission.close();
        })
        .await;
        assert!(taken.is_some() && waiting.is_none());
        assert!(turn(&admission, Lane::Change, "a", false).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_and_who_works_is_told_with_place_and_age() {
        let admission = Admission::new(2);
        let known = || [at("a"), at("idle")];
        let busy = join_all((0..5).map(|_| work(&admission, Lane::Sweep, "a")));
        let late = async {
            tokio::time::sleep(Duration::from_millis(500)).await;
            work(&admission, Lane::Change, "b").await
        };
        let look = async {
            tokio::time::sleep(Duration::from_millis(750)).await;
            let told = admission.places(known());
            let of = |priority: &str, region: &str| {
                let sample = told.iter().find(|it| it.priority == priority && it.at == at(region));
                sample.map(|it| (it.depth, it.oldest.as_millis()))
            };
            // One worker is always left to other regions.
            assert_eq!(of("sweep", "a"), Some((3, 750)));
            assert_eq!((of("change", "a"), of("sweep", "idle")), (Some((0, 0)), Some((0, 0))));
            assert_eq!((of("sweep", "b"), of("change", "b")), (None, Some((1, 250))));
            assert_eq!(admission.at_work(), [Duration::from_millis(750); 2]);
        };
        futures::join!(busy, late, look);
        assert!(admission.at_work().is_empty());
        let nobody = |it: &WaitingSample| it.depth == 0 && it.oldest.is_zero();
        assert!(admission.places(known()).iter().all(nobody));
        assert_eq!(admission.places([]), [], "a region that is gone");
    }
}
