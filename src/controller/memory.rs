//! Pure: what the process remembers of an object between two reconciles, by owner. Losing it costs reads, never a wrong
//! write.

mod brake;
mod health;
mod journal;
mod known;
mod lifecycle;
mod pace;
mod published;
mod refusals;
mod schedule;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::object::Kind;
use super::status::Verdict;
use crate::elb::{Declared, Lane};
use crate::plan::Problem;

pub(super) use brake::BrakeLedger;
pub(super) use health::{Health, WHILE_SETTLING};
pub(super) use journal::{HEALTH_AGAIN, Journal};
pub(super) use known::Known;
pub(super) use lifecycle::{Lifecycle, SECOND_LOOK};
pub(super) use published::Published;
#[cfg(test)]
pub(super) use refusals::RefusedRebuild;
pub(super) use refusals::{Refusals, Suspects};
pub(super) use schedule::{BLOCKED, Due, Ended, Schedule, Seen};

/// What is remembered of one object.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What is true as far as we know.
    pub(super) known: Known,
    /// What was written to AWS a short while ago.
    pub(super) journal: Journal,
    /// When to look again, and why.
    pub(super) schedule: Schedule,
    /// The health of the instances.
    pub(super) health: Health,
    /// What AWS refused.
    pub(super) refusals: Refusals,
    /// What the brake must know.
    pub(super) brake: BrakeLedger,
    /// What was published.
    pub(super) published: Published,
    /// What is coming into being, or going.
    pub(super) lifecycle: Lifecycle,
    /// Of the other load balancer, while one takes the place of another.
    pub(super) beside: Option<Box<Memory>>,
    /// What was told of that.
    pub(super) replacing: Option<String>,
    /// The subnets that the VPC which the spec asks for was looked up by, and that VPC; none: it is the default one.
    pub(super) asked_vpc: Option<(BTreeSet<String>, String)>,
}

impl Memory {
    /// The load balancer is not ours, or is gone: nothing that was read of it holds.
    pub(super) fn forget_load_balancer(&mut self) {
        self.known.forget_load_balancer();
        self.health = Health::default();
        self.journal = Journal::default();
    }

    /// Whether AWS is asked about its load balancer now and then: not where nothing is done, on request, and not for what is refused
    /// before.
    fn looks_at_aws(&self) -> bool {
        let refused = self.published.verdict().is_some_and(Verdict::is_refused);
        !refused && !self.schedule.rests()
    }

    /// Its account lets the object in. Where it did not before, nothing was looked at meanwhile.
    pub(super) fn let_in(&mut self, now: Instant) {
        let problem = self.published.verdict().and_then(Verdict::problem);
        if problem.is_some_and(Problem::is_of_account) {
            self.schedule.set(Due::Retry, now);
        }
    }

    /// Everything is read and planned by the next reconcile.
    pub(super) fn look_again(&mut self, now: Instant) {
        self.schedule.set(Due::Resync, now);
    }

    /// A full reconcile begins. A person who asks, and the time, deserve a try of all that was refused.
    pub(super) fn begin_full(&mut self, seen: &Seen, declared: &Declared, now: Instant) {
        self.known.made(declared);
        self.schedule.remembers(false);
        if self.schedule.forgives_refusals(seen, now) {
            self.known.forget_unplaced();
            let suspects = self.refusals.forgive();
            self.schedule.set_or_clear(Due::Suspects, suspects.then_some(now));
        }
    }

    /// What happens in AWS is not watched from now on, so nothing that is known holds afterwards.
    pub(super) fn suspend(&mut self) {
        *self = Self {
            published: std::mem::take(&mut self.published),
            ..Self::default()
        };
    }

    /// Whether its last reconcile failed.
    fn fails(&self) -> bool {
        self.schedule.failures() > 0
    }

    /// A reconcile ended by a panic: only how often the object failed is still worth something.
    pub(super) fn after_a_panic(&self) -> Self {
        Self {
            schedule: self.schedule.after_a_panic(),
            ..Self::default()
        }
    }
}

/// The memories that no reconcile has.
#[derive(Debug, Default)]
struct Objects {
    /// By UID. Boxed, since a map is up to twice as large as what it holds.
    memories: HashMap<String, Box<Memory>>,
    /// How many of them are of objects that failed.
    failing: usize,
}

impl Objects {
    fn insert(&mut self, uid: &str, memory: Memory) {
        self.remove(uid);
        self.failing += usize::from(memory.fails());
        self.memories.insert(uid.to_owned(), Box::new(memory));
    }

    fn remove(&mut self, uid: &str) -> Option<Memory> {
        let memory = self.memories.remove(uid)?;
        self.failing -= usize::from(memory.fails());
        Some(*memory)
    }

    fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
        self.memories.retain(|uid, _| keeps(uid));
        self.failing = self.memories.values().filter(|memory| memory.fails()).count();
    }
}

/// The memories of all objects by UID: a name can be taken again, a UID cannot.
#[derive(Debug, Default)]
pub(super) struct Memories {
    objects: Mutex<Objects>,
    /// Objects that are worked on, and whether they were forgotten meanwhile.
    at_work: Mutex<HashMap<String, bool>>,
    /// Objects that cannot be decoded, and what was reported of each.
    undecodable: Mutex<HashMap<String, String>>,
    /// Of which kind each object is, and when its last event came.
    arrivals: Mutex<HashMap<String, (Kind, Instant)>>,
}

impl Memories {
    /// Takes an object's memory out for one reconcile. One that ends by a panic is not put back, and AWS is read
    /// afresh.
    pub(super) fn take(&self, uid: &str) -> Memory {
        self.at_work().insert(uid.to_owned(), false);
        self.objects().remove(uid).unwrap_or_default()
    }

    fn objects(&self) -> MutexGuard<'_, Objects> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reconcile ended: puts back what is to be kept. Returns whether the object was forgotten meanwhile, so that nothing
    /// is.
    pub(super) fn put(&self, uid: &str, memory: Option<Memory>) -> bool {
        // Held until it is back, so that it is forgotten before or after.
        let mut at_work = self.at_work();
        let forgotten = at_work.remove(uid) == Some(true);
        if let Some(memory) = memory.filter(|_| !forgotten) {
            self.objects().insert(uid, memory);
        }
        forgotten
    }

    fn at_work(&self) -> MutexGuard<'_, HashMap<String, bool>> {
        self.at_work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An event brought the object of this kind and UID.
    pub(super) fn arrived(&self, kind: Kind, uid: &str, at: Instant) {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        match arrivals.get_mut(uid) {
            Some(arrival) => *arrival = (kind, at),
            None => drop(arrivals.insert(uid.to_owned(), (kind, at))),
        }
    }

    /// When the last event of it came.
    pub(super) fn arrival(&self, uid: &str) -> Option<Instant> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.get(uid).map(|(_, at)| *at)
    }

    /// What the next reconcile of an object is for.
    pub(super) fn lane(&self, uid: &str, seen: &Seen, settled: bool, now: Instant) -> Lane {
        let objects = self.objects();
        let reads = |schedule: &Schedule| schedule.reads(seen, settled, Duration::ZERO, now);
        let known = objects.memories.get(uid).map(|memory| reads(&memory.schedule));
        known.unwrap_or_else(|| reads(&Schedule::default())).lane
    }

    /// An event brought an object that can be decoded, or one that cannot.
    pub(super) fn is_legible(&self, uid: &str, legible: bool) {
        let mut undecodable = self.reported();
        if legible {
            undecodable.remove(uid);
        } else if !undecodable.contains_key(uid) {
            undecodable.insert(uid.to_owned(), String::new());
        }
    }

    /// Whether this of an object that cannot be decoded was not reported yet.
    pub(super) fn is_news(&self, uid: String, what: String) -> bool {
        self.reported().insert(uid, what.clone()) != Some(what)
    }

    /// How many objects cannot be decoded as they are.
    pub(super) fn undecodable(&self) -> usize {
        self.reported().len()
    }

    fn reported(&self) -> MutexGuard<'_, HashMap<String, String>> {
        self.undecodable.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drops the memory of an object that is gone, also when it comes back from a reconcile.
    pub(super) fn forget(&self, uid: &str) {
        if let Some(forgotten) = self.at_work().get_mut(uid) {
            *forgotten = true;
        }
        self.reported().remove(uid);
        self.arrivals.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        self.objects().remove(uid);
    }

    /// Nothing is remembered any more of these objects.
    pub(super) fn clear(&self, is_old: impl Fn(&str) -> bool) {
        self.objects().retain(|uid| !is_old(uid));
    }

    /// The UIDs of a kind that were known and are not among these.
    pub(super) fn others(&self, kind: Kind, uids: &HashSet<String>) -> Vec<String> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let is_other = |uid: &String| arrivals.get(uid).is_some_and(|(other, _)| *other != kind);
        let at_work = self.at_work();
        let objects = self.objects();
        let undecodable = self.reported();
        let all: HashSet<&String> = objects
            .memories
            .keys()
            .chain(undecodable.keys())
            .chain(at_work.keys())
            // Nothing more is remembered of those that another process works on.
            .chain(arrivals.keys())
            .collect();
        let all = all.into_iter().filter(|uid| !uids.contains(*uid) && !is_other(uid));
        all.cloned().collect()
    }

    /// The UIDs of those that wait for their turn at AWS. One whose turn has come waits for a worker.
    pub(super) fn waiting_for_rate(&self, now: Instant) -> Vec<String> {
        let waits = |memory: &Memory| {
            let beside = memory.beside.as_deref();
            let mut both = [Some(memory), beside].into_iter().flatten();
            both.any(|memory| memory.schedule.waits_for_turn(now))
        };
        let objects = self.objects();
        let waiting = objects.memories.iter().filter(|(_, memory)| waits(memory));
        waiting.map(|(uid, _)| uid.clone()).collect()
    }

    /// The UIDs of those whose load balancers are looked at, or are being looked at now.
    pub(super) fn looking(&self) -> Vec<String> {
        let at_work: Vec<String> = self.at_work().keys().cloned().collect();
        let objects = self.objects();
        let looked = objects.memories.iter().filter(|(_, memory)| memory.looks_at_aws());
        looked.map(|(uid, _)| uid.clone()).chain(at_work).collect()
    }

    /// The UIDs of all objects that load balancers are of.
    pub(super) fn owners(&self) -> Vec<String> {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let owners = arrivals.iter().filter(|(_, (kind, _))| *kind == Kind::Owner);
        owners.map(|(uid, _)| uid.clone()).collect()
    }

    /// Whether there is such an object.
    pub(super) fn has_owner(&self, uid: &str) -> bool {
        let arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        arrivals.get(uid).is_some_and(|(kind, _)| *kind == Kind::Owner)
    }

    /// The names of the load balancers that are known to be of these objects. Those of a binding are of others.
    pub(super) fn load_balancers(&self, uids: &[String]) -> BTreeSet<String> {
        let owners = uids.iter().filter(|uid| self.has_owner(uid));
        let owners: Vec<&String> = owners.collect();
        let objects = self.objects();
        let memories = owners.into_iter().filter_map(|uid| objects.memories.get(uid));
        let both = memories.flat_map(|memory| [Some(&**memory), memory.beside.as_deref()]);
        let known = both.flatten().filter_map(|memory| memory.known.load_balancer());
        known.map(|lb| lb.name.clone()).collect()
    }

    /// How many objects wait after a failure.
    pub(super) fn backing_off(&self) -> usize {
        self.objects().failing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_memory_is_out_while_it_is_used() {
        let memories = Memories::default();
        let mut memory = memories.take("1");
        memory.schedule.failed();
        memories.put("1", Some(memory));
        assert_eq!(memories.backing_off(), 1);
        assert_eq!(memories.take("1").schedule.failures(), 1);
        assert_eq!(memories.backing_off(), 0, "it is worked on");
        assert_eq!(memories.take("1").schedule.failures(), 0, "a panic would have lost it");
    }

    #[test]
    fn those_that_a_list_lacks_are_told() {
        let memories = Memories::default();
        for uid in ["1", "2"] {
            memories.put(uid, Some(Memory::default()));
        }
        assert!(memories.is_news("3".into(), "7".into()));
        let mut others = memories.others(Kind::Owner, &["2".to_owned()].into());
        others.sort();
        assert_eq!(others, ["1", "3"]);
        memories.arrived(Kind::Binding, "1", Instant::now());
        assert_eq!(
            memories.others(Kind::Owner, &["2".to_owned()].into()),
            ["3"],
            "of another kind"
        );
        memories.arrived(Kind::Owner, "4", Instant::now());
        memories.forget("3");
        assert_eq!(
            memories.others(Kind::Owner, &["2".to_owned()].into()),
            ["4"],
            "one that only its event told of"
        );
    }

    #[test]
    fn what_was_forgotten_while_it_was_out_does_not_come_back() {
        let memories = Memories::default();
        let memory = memories.take("1");
        assert_eq!(
            memories.others(Kind::Owner, &HashSet::new()),
            ["1"],
            "a list tells when it is gone"
        );
        memories.forget("1");
        assert!(memories.put("1", Some(memory)));
        assert_eq!(memories.others(Kind::Owner, &HashSet::new()), Vec::<String>::new());
        let memory = memories.take("1");
        assert!(!memories.put("1", Some(memory)));
        assert_eq!(
            memories.others(Kind::Owner, &HashSet::new()),
            ["1"],
            "a mark is for one reconcile"
        );
    }

    #[test]
    fn an_undecodable_version_is_news_once() {
        let memories = Memories::default();
        assert!(memories.is_news("1".into(), "7".into()));
        assert!(!memories.is_news("1".into(), "7".into()));
        assert!(memories.is_news("1".into(), "8".into()));
        memories.forget("1");
        assert!(memories.is_news("1".into(), "8".into()));
    }

    #[test]
    fn those_that_cannot_be_decoded_are_counted_until_they_are_mended_or_gone() {
        let memories = Memories::default();
        for uid in ["1", "2", "3"] {
            memories.is_legible(uid, false);
        }
        memories.is_legible("4", true);
        assert!(memories.is_news("1".into(), "7".into()), "its arrival was no report");
        memories.is_legible("1", false);
        assert!(!memories.is_news("1".into(), "7".into()));
        assert_eq!(memories.undecodable(), 3);
        memories.is_legible("1", true);
        memories.forget("2");
        assert_eq!(memories.undecodable(), 1);
        assert_eq!(
            memories.others(Kind::Owner, &HashSet::new()),
            ["3"],
            "a list tells when it is gone"
        );
    }
}
