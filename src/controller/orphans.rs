//! Load balancers that an object of this cluster made which does not exist any more. Nobody waits for the answer, so AWS is asked
//! seldom, little, and only when nobody else asks.

mod sightings;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use self::sightings::Sightings;
use crate::aws::{AccountRegion, Error};
use crate::elb::{DESCRIBE_TAGS, TAG_OWNER};
use crate::metrics::Endpoint;

/// So long after an operator begins to lead somewhere there is more important work, and not all of its objects are known.
const FIRST: Duration = Duration::from_mins(15);
/// Between two looks at a region,
const SELDOM: Duration = Duration::from_hours(1);
/// and where there is something that may be an orphan, or that somebody may have seen to.
const SOON: Duration = Duration::from_mins(20);
/// Calls that read tags in one look, at most.
const QUESTIONS: usize = 3;

/// What is known of the load balancers of a region.
#[derive(Debug)]
struct Place {
    next: Instant,
    sightings: Sightings,
    /// Whether it was looked at.
    looked: bool,
}

/// What is known of each region that this process leads in.
#[derive(Debug, Default)]
pub(super) struct Orphans(Mutex<BTreeMap<Endpoint, Place>>);

/// What a look at a region goes by.
pub(super) struct Look<'a> {
    /// Which one.
    pub(super) at: &'a Endpoint,
    /// The same, for calls that can wait.
    pub(super) region: &'a AccountRegion,
    /// The cluster id.
    pub(super) cluster: &'a str,
    /// The names of the load balancers that objects have there.
    pub(super) owned: BTreeSet<String>,
    /// Whether there is an object of this UID.
    pub(super) lives: &'a (dyn Fn(&str) -> bool + Send + Sync),
}

impl Orphans {
    fn places(&self) -> MutexGuard<'_, BTreeMap<Endpoint, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process leads in these regions. Tells which of them are to be looked at now.
    pub(super) fn due<'a>(&self, led: impl IntoIterator<Item = &'a Endpoint>, now: Instant) -> Vec<Endpoint> {
        let mut places = self.places();
        let mut before = std::mem::take(&mut *places);
        for at in led {
            let place = before.remove(at).unwrap_or_else(|| Place {
                next: now + FIRST,
                sightings: Sightings::default(),
                looked: false,
            });
            places.insert(at.clone(), place);
        }
        let due = places.iter().filter(|(_, place)| place.next <= now);
        due.map(|(at, _)| at.clone()).collect()
    }

    /// How many there are in each region that was looked at.
    pub(super) fn counts(&self) -> BTreeMap<Endpoint, usize> {
        let places = self.places();
        let looked = places.iter().filter(|(_, place)| place.looked);
        looked
            .map(|(at, place)| (at.clone(), place.sightings.orphans()))
            .collect()
    }

    /// Looks at a region, unless others ask AWS there; then it is still due.
    pub(super) async fn look(&self, look: Look<'_>, now: Instant) {
        if !look.region.is_idle() {
            return;
        }
        let Some(mut sightings) = self.places().get(look.at).map(|place| place.sightings.clone()) else {
            return;
        };
        let read = read(&mut sightings, &look, now).await;
        if let Err(error) = &read {
            debug!(region = %look.at.region, account = %look.at.account, %error, "not all orphans could be looked for");
        }
        if let Some(place) = self.places().get_mut(look.at) {
            let wait = if sightings.doubts() || read.is_err() {
                SOON
            } else {
                SELDOM
            };
            place.looked |= read.is_ok();
            (place.next, place.sightings) = (now + wait, sightings);
        }
    }
}

/// Reads what there is, and of those that nobody is known to have a few more tags.
async fn read(sightings: &mut Sightings, look: &Look<'_>, now: Instant) -> Result<(), Error> {
    let all = look.region.view.census().await?;
    let unclear = sightings.listed(&all, &look.owned, look.lives);
    for names in unclear.chunks(DESCRIBE_TAGS).take(QUESTIONS) {
        if !look.region.is_idle() {
            break;
        }
        for (name, tags) in look.region.client.tags_of(names, |_| {}).await? {
            let created = all.get(&name).cloned().flatten();
            if sightings.tagged((&name, created), &tags, look.cluster, look.lives, now) {
                warn!(
                    load_balancer = name,
                    region = %look.at.region,
                    account = %look.at.account,
                    owner = tags.get(TAG_OWNER),
                    "a load balancer has lost its object: nobody looks after it or deletes it"
                );
            }
        }
    }
    Ok(())
}
