//! Descriptions and tags of the load balancers of an account and region.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use self::batches::{by_names, tags_of};
use super::by_lane::ByLane;
use super::joined::KEPT;
use crate::aws::client::Client;
use crate::aws::{Class, Error};
use crate::elb::{DESCRIBE_LOAD_BALANCERS, DESCRIBE_TAGS, LoadBalancer};

/// Names in one call. AWS names none that is missing, so a larger batch would cost more to take apart.
const NAMES: usize = 20;
/// Of so many load balancers one is looked at while a reading serves.
const SOON: usize = 40;
/// Whoever waits for its turn to write waits no longer than this, or has given up.
const EXPECTED: Duration = Duration::from_mins(10);
/// While new objects come, what was read of load balancers that nobody asked for yet is kept as well.
const GROWING: Duration = Duration::from_mins(1);

type Description = Result<Option<LoadBalancer>, Error>;
type Tags = Result<BTreeMap<String, String>, Error>;

/// What was read of load balancers.
#[derive(Debug, Default)]
pub(super) struct LoadBalancers {
    descriptions: ByLane<String, Description>,
    tags: ByLane<String, Tags>,
    fleet: Mutex<Fleet>,
}

/// What is known of all load balancers together.
#[derive(Debug, Default)]
struct Fleet {
    /// The names of those that objects have.
    names: HashSet<String>,
    grew: Option<Instant>,
    /// How many there are.
    total: usize,
    /// When AWS last told of any.
    read: Option<Instant>,
    /// When each was last written to; what was asked for earlier does not count.
    written: HashMap<String, Instant>,
    /// Those whose tags will be asked for when their turn to be written to comes, in that order, and when they were named.
    expected: Vec<(String, Instant)>,
    /// When a question last had no turn.
    queued: Option<Instant>,
}

impl Fleet {
    /// Whether objects wait for their turns to ask.
    fn is_queued(&self, now: Instant) -> bool {
        self.queued.is_some_and(|at| now.saturating_duration_since(at) < KEPT)
    }

    /// These are all that there are. Tells which of them are kept for others.
    fn listed(&mut self, all: &[LoadBalancer], at: Instant) -> HashSet<String> {
        let listed: HashSet<&str> = all.iter().map(|lb| lb.name.as_str()).collect();
        self.total = listed.len();
        // One that is there after all comes back with its object's next question.
        self.names.retain(|name| listed.contains(name.as_str()));
        self.written.retain(|_, written| *written >= at - KEPT);
        let grew = self.grew;
        let growing = grew.is_some_and(|grew| at.saturating_duration_since(grew) < GROWING);
        let kept = listed.into_iter().filter(|name| growing || self.names.contains(*name));
        kept.map(ToOwned::to_owned).collect()
    }

    fn pages(&self) -> usize {
        self.total
            .max(self.names.len())
            .div_ceil(usize::try_from(DESCRIBE_LOAD_BALANCERS).unwrap_or(1))
            .max(1)
    }
}

/// How a question was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// The answer was known.
    No,
    /// In a call of its own.
    Alone,
    /// In a call that serves others, too.
    Together,
}

/// How descriptions are read.
#[derive(Debug, PartialEq, Eq)]
enum Way {
    ByNames,
    Sweep,
}

/// The cheaper way to read so many that exist, and whether a sweep would serve others soon.
fn way(existing: usize, serves_others: bool, fleet: usize, pages: usize) -> Way {
    let worth = if serves_others { fleet / SOON } else { 0 };
    if existing.div_ceil(NAMES).max(worth) > pages {
        Way::Sweep
    } else {
        Way::ByNames
    }
}

impl LoadBalancers {
    fn fleet(&self) -> MutexGuard<'_, Fleet> {
        self.fleet.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn last_read(&self) -> Option<Instant> {
        self.fleet().read
    }

    pub(super) fn clear(&self) {
        self.descriptions.answers().clear();
        self.tags.answers().clear();
    }

    pub(super) fn expects_proof(&self, name: &str, now: Instant) {
        let expected = &mut self.fleet().expected;
        match expected.iter_mut().find(|(known, _)| known == name) {
            Some((_, at)) => *at = now,
            None => expected.push((name.to_owned(), now)),
        }
    }

    pub(super) fn wrote(&self, name: &str, now: Instant) {
        let mut fleet = self.fleet();
        fleet.written.insert(name.to_owned(), now);
        fleet.expected.retain(|(expected, _)| expected != name);
        drop(fleet);
        self.served(name);
    }

    pub(super) fn served(&self, name: &str) {
        let name = name.to_owned();
        self.descriptions.answers().forget(&name);
        self.tags.answers().forget(&name);
    }

    /// Keeps what was asked for then, for whoever asks next.
    pub(super) fn keep(&self, lb: LoadBalancer, at: Instant) {
        if self.counts(&lb.name, at) {
            self.descriptions.answers().keep(lb.name.clone(), at, Ok(Some(lb)));
        }
    }

    /// Keeps tags that were asked for then, for whoever asked for them and will again.
    pub(super) fn keep_tags(&self, name: &str, at: Instant, tags: &BTreeMap<String, String>) {
        let name = name.to_owned();
        if self.counts(&name, at) && self.tags.answers().known(&name, at).is_none() {
            self.tags.answers().keep(name, at, Ok(tags.clone()));
        }
    }

    /// Whether a reading that was asked for then may be shown to others.
    fn counts(&self, name: &str, at: Instant) -> bool {
        self.fleet().written.get(name).is_none_or(|written| *written < at)
    }

    /// As [`View::load_balancer`](super::View::load_balancer), and how it was asked for.
    pub(super) async fn description(
        &self,
        client: &Client,
        name: &str,
        exists: bool,
        since: Instant,
    ) -> (Description, Asked) {
        let now = Instant::now();
        let exists = self.exists(name, exists, now);
        let name = name.to_owned();
        if let Some(known) = self.descriptions.answers().known(&name, since) {
            return (known, Asked::No);
        }
        if !exists {
            // One that is missing fails a call for several, so nobody would share it.
            return (self.find(client, &name, now).await, Asked::Alone);
        }
        let waits = since < now;
        let ask = || {
            let read = |names| self.read(client, names, waits);
            self.descriptions.ask(client.lane(), &name, read)
        };
        let mut answer = ask().await;
        if self.heed(&answer) && client.has_kept("DescribeLoadBalancers") {
            // Whoever asked for all had no turn, but this one has.
            answer = ask().await;
            self.heed(&answer);
        }
        if matches!(answer, Ok(None)) {
            self.fleet().names.remove(&name);
        }
        (answer, Asked::Together)
    }

    /// Whether it is known to be there.
    pub(super) fn exists(&self, name: &str, told: bool, now: Instant) -> bool {
        let mut fleet = self.fleet();
        if told && fleet.names.insert(name.to_owned()) {
            fleet.grew = Some(now);
        }
        fleet.names.contains(name)
    }

    /// Reads one by its name.
    async fn find(&self, client: &Client, name: &str, at: Instant) -> Description {
        let answer = client.find(name).await;
        self.heed(&answer);
        if answer.is_ok() {
            self.fleet().read = Some(at);
        }
        answer
    }

    /// Reads these by name, or all.
    async fn read(&self, client: &Client, names: Vec<String>, serves_others: bool) -> Vec<(String, Description)> {
        let at = Instant::now();
        let way = {
            let fleet = self.fleet();
            way(names.len(), serves_others, fleet.names.len(), fleet.pages())
        };
        let mut answers = Vec::new();
        let mut alone = Vec::new();
        if way == Way::Sweep {
            match self.sweep(client).await {
                Ok(mut all) => {
                    for name in names {
                        match all.remove(&name) {
                            Some(lb) => answers.push((name, Ok(Some(lb)))),
                            // A list without it proves nothing.
                            None => alone.push(name),
                        }
                    }
                }
                Err(error) => {
                    let failed = names.into_iter().map(|name| (name, Err(error.clone())));
                    answers.extend(failed);
                }
            }
        } else {
            let batches = names.chunks(NAMES).map(|names| by_names(client, names));
            answers.extend(join_all(batches).await.into_iter().flatten());
        }
        let alone = alone.into_iter().map(|name| async move {
            let found = client.find(&name).await;
            (name, found)
        });
        answers.extend(join_all(alone).await);
        if answers.iter().any(|(_, answer)| answer.is_ok()) {
            self.fleet().read = Some(at);
        }
        answers
    }

    /// Reads all, page by page, and keeps them for those who ask next.
    pub(super) async fn sweep(&self, client: &Client) -> Result<HashMap<String, LoadBalancer>, Error> {
        let at = Instant::now();
        let pages = self.fleet().pages();
        client.keep_pages("DescribeLoadBalancers", pages)?;
        let mut told = 0;
        let all = client.load_balancers(|number| told = number).await;
        if all.is_err() {
            // There are more than was known, so that the next one who reads them waits for as many pages.
            let mut fleet = self.fleet();
            fleet.total = fleet.total.max(told + 1);
        }
        let all = all?;
        let keeps = self.fleet().listed(&all, at);
        let answers = self.descriptions.answers();
        answers.tidy(at);
        for lb in all
            .iter()
            .filter(|lb| keeps.contains(&lb.name) && self.counts(&lb.name, at))
        {
            answers.keep(lb.name.clone(), at, Ok(Some(lb.clone())));
        }
        Ok(all.into_iter().map(|lb| (lb.name.clone(), lb)).collect())
    }

    /// Whether tags are known that were asked for since then.
    pub(super) fn has_tags(&self, name: &str, since: Instant) -> bool {
        self.tags
            .answers()
            .known(&name.to_owned(), since)
            .is_some_and(|tags| tags.is_ok())
    }

    /// As [`View::tags`](super::View::tags), and whether they were asked for.
    pub(super) async fn tags(&self, client: &Client, name: &str, since: Instant) -> (Tags, bool) {
        let name = name.to_owned();
        if let Some(known) = self.tags.answers().known(&name, since) {
            return (known, false);
        }
        let ask = || {
            let read = |names| self.read_tags(client, names);
            self.tags.ask(client.lane(), &name, read)
        };
        let mut answer = ask().await;
        if answer.as_ref().is_err_and(is_over_budget) && client.has_kept("DescribeTags") {
            answer = ask().await;
        }
        if self.heed(&answer) {
            // It asks again when its turn comes. Whose turn comes before asks for it, too.
            self.expects_proof(&name, Instant::now());
        }
        (answer, true)
    }

    /// Whether the question had no turn. Whoever asked it does so again.
    fn heed<T>(&self, answer: &Result<T, Error>) -> bool {
        let had_none = answer.as_ref().is_err_and(is_over_budget);
        if had_none {
            self.fleet().queued = Some(Instant::now());
        }
        had_none
    }

    /// Reads the tags of these, as many in one call as AWS takes. What room is left goes to those that will be asked for
    /// next, since they were just read.
    async fn read_tags(&self, client: &Client, names: Vec<String>) -> Vec<(String, Tags)> {
        let at = Instant::now();
        let mut spare = self.next(&names, at);
        // Only where many come together, or wait for their turns, are others sure to follow.
        if names.len() >= DESCRIBE_TAGS || self.fleet().is_queued(at) {
            let others = self.without_tags(&names).into_iter();
            let others: Vec<String> = others.filter(|name| !spare.contains(name)).collect();
            spare.extend(others);
        }
        let mut spare = spare.into_iter();
        let batches = names.chunks(DESCRIBE_TAGS).map(|asked| {
            let room = DESCRIBE_TAGS.saturating_sub(asked.len());
            tags_of(client, asked, spare.by_ref().take(room).collect())
        });
        // Collected first, since each takes of what is spare.
        let batches: Vec<_> = batches.collect();
        let mut answers = Vec::new();
        let kept = self.tags.answers();
        kept.tidy(at);
        for (asked, further) in join_all(batches).await {
            answers.extend(asked);
            for (name, tags) in further {
                if self.counts(&name, at) {
                    kept.keep(name, at, Ok(tags));
                }
            }
        }
        answers
    }

    /// Those that will be written to next and whose tags were not read for it. Each is named once: one that is gone fails the
    /// whole call.
    fn next(&self, but: &[String], now: Instant) -> Vec<String> {
        let expected = &mut self.fleet().expected;
        expected.retain(|(name, at)| !but.contains(name) && now.saturating_duration_since(*at) < EXPECTED);
        let room = but.len().div_ceil(DESCRIBE_TAGS) * DESCRIBE_TAGS - but.len();
        let next = expected.drain(..room.min(expected.len()));
        next.map(|(name, _)| name).collect()
    }

    /// Load balancers that were read and whose tags were not.
    fn without_tags(&self, but: &[String]) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.descriptions.answers().answered().into_iter().collect();
        for name in self.tags.answers().answered().iter().chain(but) {
            names.remove(name);
        }
        names
    }
}

fn is_over_budget(error: &Error) -> bool {
    error.class == Class::OverBudget
}

mod batches;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_gone_makes_the_fleet_smaller_and_of_others_nothing_is_kept() {
        let lb = |number: usize| LoadBalancer::bare(&number.to_string());
        let mut fleet = Fleet {
            names: (0..1000).map(|number| number.to_string()).collect(),
            ..Fleet::default()
        };
        assert_eq!(fleet.pages(), 3);
        let all: Vec<LoadBalancer> = (990..1010).map(lb).collect();
        assert_eq!(fleet.listed(&all, Instant::now()).len(), 10);
        assert_eq!((fleet.names.len(), fleet.total, fleet.pages()), (10, 20, 1));
        fleet.grew = Some(Instant::now());
        let all = [lb(995), lb(2000)];
        assert_eq!(
            fleet.listed(&all, Instant::now()).len(),
            2,
            "its object may be about to ask"
        );
    }

    #[test]
    fn few_are_read_by_name_and_many_by_pages() {
        assert_eq!(way(1, false, 1000, 3), Way::ByNames);
        assert_eq!(way(20, false, 20, 1), Way::ByNames);
        assert_eq!(way(21, false, 21, 1), Way::Sweep);
        assert_eq!(way(60, false, 60, 25), Way::ByNames, "25 pages for the sake of 60");
        assert_eq!(way(1, true, 1000, 3), Way::Sweep, "the others are due soon");
        assert_eq!(way(1, true, 3, 1), Way::ByNames);
        assert_eq!(way(0, false, 0, 1), Way::ByNames);
    }
}
