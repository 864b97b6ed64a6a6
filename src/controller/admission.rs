//! Who is worked on next: at most so many objects at once, users' changes before repair before what is only looked at, and
//! no account or region more than its share.

mod share;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::share::{Load, has_room};
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
    regions: BTreeMap<Endpoint, Region>,
    /// Where each object waits, by its UID.
    places: HashMap<String, Place>,
    /// How many came, and how many were let in.
    came: u64,
    admitted: u64,
}

/// Those of one region of an account. Each has a line of its own, so that nobody looks through all who wait for one with room.
#[derive(Debug, Default)]
struct Region {
    running: usize,
    /// AWS does not answer there, as whoever came last says.
    silent: bool,
    /// By lane, then by age.
    waiting: BTreeMap<(Lane, u64), Waiter>,
    /// The lane of each, by age.
    ages: BTreeMap<u64, Lane>,
}

#[derive(Debug)]
struct Waiter {
    uid: String,
    since: Instant,
    call: oneshot::Sender<Turn>,
}

/// Where an object waits.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    at: Endpoint,
    lane: Lane,
    came: u64,
}

/// In which line an object waits.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// What it is to be worked on for.
    pub(super) lane: Lane,
    /// The region and its account.
    pub(super) at: Endpoint,
    /// AWS does not answer there.
    pub(super) silent: bool,
}

impl Region {
    /// Whether nothing is to be remembered of it.
    fn is_idle(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }

    /// Who comes next of it: the first, or the one that has waited longest.
    fn next(&self, oldest: bool) -> Option<(Lane, u64)> {
        if oldest {
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
    at: Endpoint,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.admission.leave(self.number, &self.at);
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

    /// Waits for a worker for the object of this UID. `None`: there will be none, the operator stops.
    pub(super) async fn turn(&self, uid: &str, line: Line) -> Option<Turn> {
        let called = {
            let mut state = self.state();
            if state.closed {
                return None;
            }
            let (call, called) = oneshot::channel();
            state.came += 1;
            let came = state.came;
            let waiter = Waiter {
                uid: uid.to_owned(),
                since: Instant::now(),
                call,
            };
            state.enter(line, came, waiter);
            called
        };
        self.admit();
        called.await.ok()
    }

    /// Whether the object of this UID waits for a worker.
    pub(super) fn has_waiting(&self, uid: &str) -> bool {
        self.state().places.contains_key(uid)
    }

    /// The object of this UID was changed. If it waits, it does so where it belongs now, as one that came when it did; never behind
    /// where it was.
    pub(super) fn changed(&self, uid: &str, mut line: Line) {
        {
            let mut state = self.state();
            let Some(place) = state.places.get(uid).cloned() else {
                return;
            };
            if place.at == line.at {
                line.lane = line.lane.min(place.lane);
            }
            let Some(waiter) = state.take(&place) else { return };
            state.enter(line, place.came, waiter);
        }
        self.admit();
    }

    /// Lets in whoever is next. A turn that nobody listens for any more is dropped, and goes to the one after.
    fn admit(&self) {
        let called = self.state().admit(self.limit);
        for (number, at, waiter) in called {
            let turn = Turn {
                admission: self.clone(),
                number,
                at,
            };
            drop(waiter.call.send(turn));
        }
    }

    fn leave(&self, number: u64, at: &Endpoint) {
        let mut state = self.state();
        state.running.remove(&number);
        if let Some(queue) = state.regions.get_mut(at) {
            queue.running -= 1;
        }
        state.tidy(at);
        drop(state);
        self.admit();
    }

    /// Nobody is let in any more.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.places.clear();
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
        for (at, queue) in &self.state().regions {
            for ((lane, _), waiter) in &queue.waiting {
                let (depth, oldest) = places.entry((at.clone(), *lane)).or_default();
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

/// Who is let in: its number, where, and who it is.
type Called = (u64, Endpoint, Waiter);

impl State {
    /// Puts one in line.
    fn enter(&mut self, line: Line, came: u64, waiter: Waiter) {
        let Line { lane, at, silent } = line;
        let place = Place {
            at: at.clone(),
            lane,
            came,
        };
        self.places.insert(waiter.uid.clone(), place);
        let queue = self.regions.entry(at).or_default();
        queue.silent = silent;
        queue.waiting.insert((lane, came), waiter);
        queue.ages.insert(came, lane);
    }

    /// Takes one out of line.
    fn take(&mut self, place: &Place) -> Option<Waiter> {
        let queue = self.regions.get_mut(&place.at)?;
        queue.ages.remove(&place.came);
        let waiter = queue.waiting.remove(&(place.lane, place.came))?;
        // Whoever gave up and came again waits elsewhere.
        if self.places.get(&waiter.uid) == Some(place) {
            self.places.remove(&waiter.uid);
        }
        self.tidy(&place.at);
        Some(waiter)
    }

    fn tidy(&mut self, at: &Endpoint) {
        if self.regions.get(at).is_some_and(Region::is_idle) {
            self.regions.remove(at);
        }
    }

    fn admit(&mut self, limit: usize) -> Vec<Called> {
        let mut called = Vec::new();
        while self.running.len() < limit
            && let Some((at, waiter)) = self.next(limit)
        {
            self.admitted += 1;
            self.running.insert(self.admitted, Instant::now());
            called.push((self.admitted, at, waiter));
        }
        called
    }

    /// Takes out of line who comes next.
    fn next(&mut self, limit: usize) -> Option<(Endpoint, Waiter)> {
        let oldest = self.admitted % OLDEST == OLDEST - 1;
        let mut accounts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut silent = 0;
        for (at, queue) in &self.regions {
            *accounts.entry(&*at.account).or_default() += queue.running;
            silent += if queue.silent { queue.running } else { 0 };
        }
        let all = self.running.len();
        let fits = |at: &Endpoint, queue: &Region| {
            let load = Load {
                all,
                account: accounts.get(&*at.account).copied().unwrap_or_default(),
                region: queue.running,
                silent: queue.silent.then_some(silent),
            };
            has_room(limit, load)
        };
        let lines = self.regions.iter().filter(|(at, queue)| fits(at, queue));
        let fitting = lines.filter_map(|(at, queue)| Some((queue.next(oldest)?, at)));
        let ((lane, came), at) = if oldest {
            fitting.min_by_key(|((_, came), _)| *came)
        } else {
            fitting.min_by_key(|(key, _)| *key)
        }?;
        let at = at.clone();
        // Before it leaves the line, so that the region is not forgotten in between.
        self.regions.get_mut(&at)?.running += 1;
        let waiter = self.take(&Place {
            at: at.clone(),
            lane,
            came,
        })?;
        Some((at, waiter))
    }
}

#[cfg(test)]
mod tests;
