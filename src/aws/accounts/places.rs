//! Where objects are, as metrics tell it: the regions of accounts that are asked, and whose objects are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};

use tokio::time::Instant;

use super::{Accounts, Place};
use crate::aws::account_region::{AccountRegion, Shared};
use crate::aws::reads::Reads;
use crate::aws::session::Role;
use crate::elb::Lane;
use crate::metrics::{Endpoint, RegionSample};

impl Accounts {
    /// How the budgets and the views stand, for metrics.
    pub fn samples(&self) -> Vec<RegionSample> {
        let sample = |shared: Arc<Shared>| RegionSample {
            at: endpoint(&shared.account, &shared.region),
            buckets: shared.client.gate().budget().samples(),
            view_age: Some(shared.readings.read().unwrap_or(shared.since).elapsed().as_secs_f64()),
            orphans: None,
        };
        let mut samples: BTreeMap<Endpoint, RegionSample> = BTreeMap::new();
        for sample in self.all().into_iter().map(sample) {
            let known = samples.entry(sample.at.clone()).or_insert_with(|| sample.clone());
            let ages = [known.view_age, sample.view_age].into_iter().flatten();
            known.view_age = ages.min_by(f64::total_cmp);
        }
        samples.into_values().collect()
    }

    /// Every region that is asked of an account, as metrics tell it.
    pub fn endpoints(&self) -> BTreeSet<Endpoint> {
        let all = self.all();
        all.iter()
            .map(|shared| endpoint(&shared.account, &shared.region))
            .collect()
    }

    /// Where the objects of these UIDs are, as far as they are known, and how many in each place.
    pub fn endpoints_of(&self, users: &[String]) -> BTreeMap<Endpoint, usize> {
        let places = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counted: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for (role, region) in users.iter().filter_map(|user| places.get(user)) {
            let account = role.as_ref().map_or("", Role::account);
            *counted.entry((account, region)).or_default() += 1;
        }
        let counted = counted.into_iter();
        counted
            .map(|((account, region), count)| (endpoint(account, region), count))
            .collect()
    }

    /// The UIDs of the objects that are in a place.
    pub fn users_at(&self, at: &Endpoint) -> Vec<String> {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        let there = users.iter().filter(|(_, place)| is_at(place, at));
        there.map(|(user, _)| user.clone()).collect()
    }

    /// A place that objects are in, for whoever looks when nobody else asks anything there.
    pub fn region_at(&self, at: &Endpoint) -> Option<AccountRegion> {
        let place = {
            let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            users.values().find(|place| is_at(place, at)).cloned()
        };
        let (role, region) = place?;
        let reads = Reads {
            lane: Lane::Sweep,
            since: Instant::now(),
        };
        let shared = self.known(role.as_ref(), &region)?;
        Some(AccountRegion::of(shared, reads, 0, self.leaders.of(None)))
    }
}

fn is_at((role, region): &Place, at: &Endpoint) -> bool {
    *at.region == *region && *at.account == *role.as_ref().map_or("", Role::account)
}

pub(super) fn endpoint(account: &str, region: &str) -> Endpoint {
    Endpoint {
        account: account.into(),
        region: region.into(),
    }
}
