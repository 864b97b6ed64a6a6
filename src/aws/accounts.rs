//! Accounts and their regions: whose credentials ask, and who answers.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::time::Instant;

use super::account_region::{AccountRegion, Adopting, Shared};
use super::budget::{Budget, Limits, Who};
use super::client::Client;
use super::gate::Gate;
use super::identity::Identity;
use super::rates::Rates;
use super::session::{OfSession, Role, Session};
use super::{Reads, config};
use crate::elb::{Lane, region};
use crate::lease::{Leaders, Share};
use crate::metrics::Metrics;
use places::endpoint;

mod places;

/// How a region of an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// AWS answers there.
    pub answers: bool,
    /// Others use so much of what AWS permits that little is left to this operator.
    pub throttled: bool,
}

/// AWS by account and region. A clone shares everything with the original.
#[derive(Clone, Debug)]
pub struct Accounts {
    leaders: Leaders,
    metrics: Arc<Metrics>,
    rates: Rates,
    own: Arc<Regions>,
    /// Accounts that are entered by a role.
    entered: Arc<Mutex<HashMap<Role, Arc<Regions>>>>,
    /// One for each account and region, whichever roles lead there.
    budgets: Arc<Mutex<Budgets>>,
    /// Where each object is, by UID.
    users: Arc<Mutex<HashMap<String, Place>>>,
    adopting: Arc<Adopting>,
}

/// The role that is assumed, where one is, and the region.
type Place = (Option<Role>, String);

/// Budgets by account and region; the account of the operator's own identity is empty.
type Budgets = HashMap<(String, String), Arc<Budget>>;

/// The regions of one identity, and who it is.
#[derive(Debug)]
struct Regions {
    config: SdkConfig,
    /// The session of the role; `None`: the operator's own identity.
    session: Option<Arc<Session>>,
    /// The region whose STS is asked for the identity: the one that an object is in may not be enabled.
    home: Option<String>,
    known: Mutex<HashMap<String, Arc<Shared>>>,
    identity: Arc<Identity>,
}

impl Accounts {
    /// Reads region, endpoint and credentials by AWS's standard chain. Nothing is called yet.
    ///
    /// # Errors
    /// In words, when region or endpoint cannot be one.
    pub async fn load(leaders: impl Into<Leaders>, metrics: Arc<Metrics>, rates: Rates) -> Result<Self, String> {
        Ok(Self::new(config::load().await?, leaders, metrics, rates))
    }

    /// AWS as this configuration reaches it.
    pub fn new(config: SdkConfig, leaders: impl Into<Leaders>, metrics: Arc<Metrics>, rates: Rates) -> Self {
        let own = Regions {
            home: config.region().map(ToString::to_string),
            config,
            session: None,
            known: Mutex::default(),
            identity: Arc::default(),
        };
        Self {
            leaders: leaders.into(),
            metrics,
            rates,
            own: Arc::new(own),
            entered: Arc::default(),
            budgets: Arc::default(),
            users: Arc::default(),
            adopting: Arc::default(),
        }
    }

    /// Somebody else may have worked since it was read on everything in this region; `None`: everywhere.
    pub fn forget_readings(&self, region: Option<&str>) {
        for shared in self.all() {
            if region.is_none_or(|region| shared.region == region) {
                shared.readings.clear();
            }
        }
    }

    /// Whether a region has not answered for a while, as the account of this role or else the operator's own is asked there.
    pub fn is_silent(&self, role: Option<&Role>, region: &str) -> bool {
        self.known(role, region)
            .is_some_and(|shared| shared.client.gate().is_silent())
    }

    /// How a region stands that was asked before.
    pub fn standing(&self, role: Option<&Role>, region: &str) -> Option<Standing> {
        let shared = self.known(role, region)?;
        let gate = shared.client.gate();
        Some(Standing {
            answers: !gate.is_silent(),
            throttled: gate.budget().is_throttled(),
        })
    }

    fn known(&self, role: Option<&Role>, region: &str) -> Option<Arc<Shared>> {
        let regions = match role {
            None => Arc::clone(&self.own),
            Some(role) => {
                let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::clone(entered.get(role)?)
            }
        };
        let known = regions.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(region).cloned()
    }

    /// Every region of every identity.
    fn all(&self) -> Vec<Arc<Shared>> {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let every = entered.values().chain([&self.own]);
        every.flat_map(|regions| regions.all()).collect()
    }

    /// Who may write: asked by the gate at every call that writes.
    pub fn leaders(&self) -> &Leaders {
        &self.leaders
    }

    /// The region of objects that name none.
    pub fn default_region(&self) -> Option<&str> {
        self.own.config.region().map(AsRef::as_ref)
    }

    /// The region in which an identity is asked who it is.
    pub fn home(&self, role: Option<&Role>) -> String {
        let first = || role.map_or(region::FIRST, Role::first_region);
        self.default_region().unwrap_or_else(first).to_owned()
    }

    /// A region of the account that this role leads to, or else the operator's own, for the object of this UID, until
    /// [`release`](Self::release). Who leads in this share of the objects may write.
    pub fn region_for(
        &self,
        (user, share): (&str, Option<&Share>),
        role: Option<&Role>,
        region: &str,
        reads: Reads,
    ) -> Arc<AccountRegion> {
        let place = (role.cloned(), region.to_owned());
        let shared = self.shared(&self.regions(role), region);
        let before = self
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(user.to_owned(), place.clone());
        // Only now: what was learnt of a budget that both use stays.
        if let Some(before) = before.filter(|before| *before != place) {
            self.drop_unused(&before);
        }
        Arc::new(AccountRegion::of(shared, reads, who(user), self.leaders.of(share)))
    }

    /// The object of this UID is gone. With the last of a region its clients go.
    pub fn release(&self, user: &str) {
        let place = self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
        if let Some(place) = place {
            self.drop_unused(&place);
        }
    }

    fn drop_unused(&self, place: &Place) {
        self.drop_clients(place);
        self.tidy_budgets();
    }

    fn drop_clients(&self, place: &Place) {
        let users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
        if users.values().any(|used| used == place) {
            return;
        }
        let (role, region) = place;
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let regions = match role {
            // The last one leaves nothing of the identity behind.
            Some(role) if !users.values().any(|(other, _)| other.as_ref() == Some(role)) => {
                entered.remove(role);
                return;
            }
            Some(role) => entered.get(role),
            None => Some(&self.own),
        };
        if let Some(regions) = regions {
            let mut known = regions.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.remove(region);
        }
    }

    /// A region of the operator's own account, for somebody who asks.
    pub fn region(&self, region: &str) -> Arc<AccountRegion> {
        self.region_in(None, region)
    }

    /// A region of the account that this role leads to, or else the operator's own, for somebody who asks.
    pub fn region_in(&self, role: Option<&Role>, region: &str) -> Arc<AccountRegion> {
        let reads = Reads {
            lane: Lane::Change,
            since: Instant::now(),
        };
        let shared = self.shared(&self.regions(role), region);
        Arc::new(AccountRegion::of(shared, reads, 0, self.leaders.of(None)))
    }

    fn regions(&self, role: Option<&Role>) -> Arc<Regions> {
        let Some(role) = role else {
            return Arc::clone(&self.own);
        };
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let enter = || {
            let (home, own) = (self.home(Some(role)), &self.own.config);
            let session = Arc::new(Session::new(role, own, &home));
            let config = own
                .to_builder()
                .credentials_provider(SharedCredentialsProvider::new(OfSession(Arc::clone(&session))))
                // The session keeps them itself, so that those which AWS rejects can be given up.
                .identity_cache(IdentityCache::no_cache());
            Arc::new(Regions {
                config: config.build(),
                session: Some(session),
                home: Some(home),
                known: Mutex::default(),
                identity: Arc::default(),
            })
        };
        Arc::clone(entered.entry(role.clone()).or_insert_with(enter))
    }

    /// The account that AWS counts calls against, as budgets know it: a role may lead into the operator's own, which has no name here
    /// and whose id is known once it has answered.
    fn payer(&self, account: &str) -> String {
        let own = || self.own.identity.last_known();
        if !account.is_empty() && own().is_some_and(|own| own == account) {
            return String::new();
        }
        account.to_owned()
    }

    /// What may be asked of this account in this region. Several roles lead into one account, and AWS counts what they ask for
    /// together: the least of their shares is the share of all.
    fn budget(&self, account: &str, region: &str) -> Arc<Budget> {
        let limits = self.limits(account);
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets
            .entry((account.to_owned(), region.to_owned()))
            .or_insert_with(|| Arc::new(Budget::new(&limits)));
        let budget = Arc::clone(budget);
        let of_account = budgets.iter().filter(|((of, _), _)| of == account);
        of_account.for_each(|(_, budget)| budget.limit(&limits));
        budget
    }

    fn limits(&self, account: &str) -> Limits {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let limits = self.rates.limits;
        let roles = entered.keys().filter(|role| self.payer(role.account()) == account);
        let least = roles.map(|role| role.rate_share.map_or(limits, |percent| limits.with_share(percent)));
        // The operator's own identity asks in its account, too.
        let own = account.is_empty().then_some(limits);
        least
            .chain(own)
            .min_by(|one, other| one.share().total_cmp(&other.share()))
            .unwrap_or(limits)
    }

    /// Roles have come or gone: the budgets of these regions that are left are those of the others. Of those that nobody uses, one
    /// stays for as long as AWS has not forgotten what was asked: whoever comes next would take it for full.
    fn tidy_budgets(&self) {
        let used: HashSet<(String, String)> = self
            .all()
            .iter()
            .map(|shared| (shared.payer.clone(), shared.region.clone()))
            .collect();
        let mut budgets = self.budgets.lock().unwrap_or_else(PoisonError::into_inner);
        // One that is about to be used is held by whoever made it.
        budgets.retain(|place, budget| used.contains(place) || Arc::strong_count(budget) > 1 || !budget.is_as_new());
        for ((account, _), budget) in budgets.iter() {
            budget.limit(&self.limits(account));
        }
    }

    fn shared(&self, of: &Regions, region: &str) -> Arc<Shared> {
        let asked = of.home.as_deref().filter(|home| *home != region);
        let asked = asked.map(|home| self.shared(of, home));
        let known = || of.known.lock().unwrap_or_else(PoisonError::into_inner);
        let session = of.session.as_ref();
        let account = session.map_or_else(String::new, |session| session.account().to_owned());
        let payer = self.payer(&account);
        if let Some(shared) = known().get(region).filter(|shared| shared.payer == payer) {
            return Arc::clone(shared);
        }
        let (budget, when) = (self.budget(&payer, region), self.rates.when_over_budget);
        let at = endpoint(&account, region);
        let gate = Arc::new(Gate::new(at, Arc::clone(&self.metrics), budget, when));
        let identity = Arc::clone(&of.identity);
        let shared = Arc::new(Shared {
            account,
            payer,
            region: region.to_owned(),
            client: Client::new(&of.config, region, gate, &identity.key, self.leaders.of(None)),
            readings: Arc::default(),
            since: Instant::now(),
            asked,
            session: of.session.clone(),
            identity,
            adopting: Arc::clone(&self.adopting),
            knocking: tokio::sync::Mutex::default(),
        });
        let mut known = known();
        match known.get(region) {
            // Somebody else may have been faster.
            Some(faster) if faster.payer == shared.payer => Arc::clone(faster),
            _ => {
                known.insert(region.to_owned(), Arc::clone(&shared));
                shared
            }
        }
    }
}

/// An object, as one in a line. None is zero.
fn who(uid: &str) -> Who {
    let mut hasher = DefaultHasher::new();
    uid.hash(&mut hasher);
    hasher.finish() | 1
}

impl Regions {
    fn all(&self) -> Vec<Arc<Shared>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }
}
