//! Accounts and their regions: whose credentials ask, and who answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_config::SdkConfig;
use aws_config::identity::IdentityCache;
use aws_credential_types::provider::SharedCredentialsProvider;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::budget::{Budget, Limits};
use super::client::Client;
use super::gate::Gate;
use super::identity::Identity;
use super::rates::Rates;
use super::session::{ASSUME_ROLE, OfSession, Role, Session};
use super::view::{Readings, View};
use super::{Class, Error, Reads, config};
use crate::elb::{Account, Lane, region};
use crate::lease::Leadership;
use crate::metrics::{Metrics, RegionSample};
use crate::plan::{Step, is_write};

/// AWS by account and region. A clone shares everything with the original.
#[derive(Clone, Debug)]
pub struct Accounts {
    leadership: Leadership,
    metrics: Arc<Metrics>,
    rates: Rates,
    own: Arc<Regions>,
    /// Accounts that are entered by a role.
    entered: Arc<Mutex<HashMap<Role, Arc<Regions>>>>,
    /// Where each object is, by UID.
    users: Arc<Mutex<HashMap<String, Place>>>,
    adopting: Arc<Adopting>,
}

/// The role that is assumed, where one is, and the region.
type Place = (Option<Role>, String);

/// Held from the last look at a load balancer's tags until they claim it, by region and name: two roles may lead to one
/// account.
type Adopting = Mutex<HashMap<(String, String), Weak<tokio::sync::Mutex<()>>>>;

/// The regions of one identity, and who it is.
#[derive(Debug)]
struct Regions {
    config: SdkConfig,
    /// What may be asked of AWS in each of them.
    limits: Limits,
    /// The session of the role; `None`: the operator's own identity.
    session: Option<Arc<Session>>,
    /// The region whose STS is asked for a role: the one that an object is in may not be enabled.
    home: Option<String>,
    known: Mutex<HashMap<String, Arc<Shared>>>,
    identity: Arc<Identity>,
}

impl Accounts {
    /// Reads region, endpoint and credentials by AWS's standard chain. Nothing is called yet.
    ///
    /// # Errors
    /// In words, when region or endpoint cannot be one.
    pub async fn load(leadership: Leadership, metrics: Arc<Metrics>, rates: Rates) -> Result<Self, String> {
        Ok(Self::new(config::load().await?, leadership, metrics, rates))
    }

    /// AWS as this configuration reaches it.
    pub fn new(config: SdkConfig, leadership: Leadership, metrics: Arc<Metrics>, rates: Rates) -> Self {
        let own = Regions {
            config,
            limits: rates.limits.clone(),
            session: None,
            home: None,
            known: Mutex::default(),
            identity: Arc::default(),
        };
        Self {
            leadership,
            metrics,
            rates,
            own: Arc::new(own),
            entered: Arc::default(),
            users: Arc::default(),
            adopting: Arc::default(),
        }
    }

    /// Somebody else may have worked on everything since it was read.
    pub fn forget_readings(&self) {
        for shared in self.all() {
            shared.readings.clear();
        }
    }

    /// How the budgets and the views stand, for metrics.
    pub fn samples(&self) -> Vec<RegionSample> {
        let sample = |shared: Arc<Shared>| RegionSample {
            account: shared.account.clone(),
            region: shared.region.clone(),
            buckets: shared.client.gate().budget().samples(),
            view_age: shared.readings.swept().map(|swept| swept.elapsed().as_secs_f64()),
        };
        self.all().into_iter().map(sample).collect()
    }

    /// Every region of every identity.
    fn all(&self) -> Vec<Arc<Shared>> {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let every = entered.values().chain([&self.own]);
        every.flat_map(|regions| regions.all()).collect()
    }

    /// Who may write: asked by the gate at every call that writes.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
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
    /// [`release`](Self::release).
    pub fn region_for(&self, user: &str, role: Option<&Role>, region: &str, reads: Reads) -> Arc<AccountRegion> {
        let place = (role.cloned(), region.to_owned());
        let before = self
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(user.to_owned(), place.clone());
        if let Some(before) = before.filter(|before| *before != place) {
            self.drop_unused(&before);
        }
        Arc::new(AccountRegion::of(self.shared(&self.regions(role), region), reads))
    }

    /// The object of this UID is gone. With the last of a region its clients go.
    pub fn release(&self, user: &str) {
        let place = self.users.lock().unwrap_or_else(PoisonError::into_inner).remove(user);
        if let Some(place) = place {
            self.drop_unused(&place);
        }
    }

    fn drop_unused(&self, place: &Place) {
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
        let reads = Reads {
            lane: Lane::Change,
            since: Instant::now(),
        };
        Arc::new(AccountRegion::of(self.shared(&self.own, region), reads))
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
            let limits = self.rates.limits.clone();
            Arc::new(Regions {
                config: config.build(),
                limits: match role.rate_share {
                    Some(percent) => limits.with_share(percent),
                    None => limits,
                },
                session: Some(session),
                home: Some(home),
                known: Mutex::default(),
                identity: Arc::default(),
            })
        };
        Arc::clone(entered.entry(role.clone()).or_insert_with(enter))
    }

    fn shared(&self, of: &Regions, region: &str) -> Arc<Shared> {
        let asked = of.home.as_deref().filter(|home| *home != region);
        let asked = asked.map(|home| self.shared(of, home));
        let mut regions = of.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let budget = Budget::new(&of.limits);
            let when = self.rates.when_over_budget;
            let gate = Gate::new(self.leadership.clone(), Arc::clone(&self.metrics), budget, when);
            let identity = Arc::clone(&of.identity);
            Arc::new(Shared {
                account: of
                    .session
                    .as_ref()
                    .map_or_else(String::new, |session| session.account().to_owned()),
                region: region.to_owned(),
                client: Client::new(&of.config, region, Arc::new(gate), &identity.key),
                readings: Arc::default(),
                asked,
                session: of.session.clone(),
                identity,
                adopting: Arc::clone(&self.adopting),
            })
        };
        regions.entry(region.to_owned()).or_insert_with(make).clone()
    }
}

impl Regions {
    fn all(&self) -> Vec<Arc<Shared>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }
}

/// What all reconciles share of one region of one account.
#[derive(Debug)]
struct Shared {
    /// The id of the account, where it is entered by a role.
    account: String,
    region: String,
    client: Client,
    readings: Arc<Readings>,
    identity: Arc<Identity>,
    /// Where the identity is asked, if not here.
    asked: Option<Arc<Shared>>,
    session: Option<Arc<Session>>,
    adopting: Arc<Adopting>,
}

impl Shared {
    /// Who is asked for the identity.
    fn asked(&self) -> &Client {
        self.asked.as_ref().map_or(&self.client, |home| &home.client)
    }
}

/// One region of one account, as one reconcile asks there.
#[derive(Debug)]
pub struct AccountRegion {
    /// The name of the region.
    pub region: String,
    /// Its calls.
    pub client: Arc<Client>,
    /// Reads that objects share.
    pub view: View,
    shared: Arc<Shared>,
}

/// Calls that are paid for.
#[derive(Debug)]
pub struct Paid {
    region: Arc<Shared>,
    left: Vec<&'static str>,
}

impl Paid {
    /// One of them is made now. One that was not paid for is made all the same: it puts back what was taken away.
    pub fn spend(&mut self, operation: &'static str) {
        match self.left.iter().position(|left| *left == operation) {
            Some(at) => drop(self.left.swap_remove(at)),
            None => self.region.client.gate().budget().overdraw(operation),
        }
    }
}

impl Drop for Paid {
    /// What is not made is not paid for.
    fn drop(&mut self) {
        let left = std::mem::take(&mut self.left);
        self.region.client.gate().budget().put_back(left);
    }
}

impl AccountRegion {
    fn of(shared: Arc<Shared>, reads: Reads) -> Self {
        let client = Arc::new(shared.client.in_lane(reads.lane));
        Self {
            region: shared.region.clone(),
            view: View::new(Arc::clone(&shared.readings), Arc::clone(&client), reads.since),
            client,
            shared,
        }
    }

    /// The account that answers (STS `GetCallerIdentity`), asked for again when other credentials have signed.
    ///
    /// # Errors
    /// When STS does not answer within five seconds, or did not half a minute ago.
    pub async fn account(&self) -> Result<Account, Error> {
        self.shared.identity.account(self.shared.asked()).await
    }

    /// The same, asked for now whatever is known. A session that AWS rejects is given up.
    ///
    /// # Errors
    /// When STS does not answer within five seconds.
    pub async fn verify(&self) -> Result<Account, Error> {
        let (identity, asked) = (&self.shared.identity, self.shared.asked());
        let answer = identity.verify(asked).await;
        let rejected = |error: &Error| error.class == Class::Denied && error.operation != ASSUME_ROLE;
        match &self.shared.session {
            Some(session) if answer.as_ref().is_err_and(rejected) => {
                session.renew().await;
                identity.verify(asked).await
            }
            _ => answer,
        }
    }

    /// Takes a turn at reading the health of a load balancer's instances. `urgent`: they change, or somebody waits for them.
    ///
    /// # Errors
    /// How long to wait, when the share of the region is used up.
    pub fn health_turn(&self, urgent: bool) -> Result<(), Duration> {
        self.shared.client.gate().budget().health_turn(urgent)
    }

    /// Pays for these steps, all or none, before the first of them is sent: none shall stop halfway.
    ///
    /// # Errors
    /// Class `OverBudget`, with the time to wait.
    pub fn pay_for(&self, steps: &[Step]) -> Result<Paid, Error> {
        let lane = self.client.lane();
        // Instances come and go before everything else.
        let of_instances = |step: &Step| matches!(step, Step::RegisterInstances(_) | Step::DeregisterInstances(_));
        let lane = if steps.iter().any(of_instances) {
            Lane::Instances
        } else {
            lane
        };
        // Reads pay for themselves.
        let operations: Vec<&'static str> = steps
            .iter()
            .map(Step::operation)
            .filter(|name| is_write(name))
            .collect();
        if let Some(first) = operations.first() {
            let paid = self.client.gate().pay(operations.iter().copied(), first, lane);
            self.client.note(&paid);
            paid?;
        }
        Ok(Paid {
            region: Arc::clone(&self.shared),
            left: operations,
        })
    }

    /// How long the reconcile that asks here shall wait, since it met an empty bucket.
    pub fn turn(&self) -> Option<Duration> {
        self.client.turn()
    }

    /// Sends a step that is paid for. What was read of the load balancer before is out of date.
    ///
    /// # Errors
    /// When AWS refuses it or does not answer.
    pub async fn run(&self, name: &str, step: &Step) -> Result<(), Error> {
        let result = self.client.run(name, step).await;
        self.view.wrote(name, step);
        result
    }

    /// Waits until nobody else in this process is taking over the load balancer of that name.
    pub async fn adopt_alone(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut adopting = self.shared.adopting.lock().unwrap_or_else(PoisonError::into_inner);
            adopting.retain(|_, lock| lock.strong_count() > 0);
            let key = (self.region.clone(), name.to_owned());
            let lock = adopting.get(&key).and_then(Weak::upgrade).unwrap_or_default();
            adopting.insert(key, Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }
}
