//! Accounts and their regions: whose credentials ask, and who answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::budget::{Budget, Limits};
use super::client::Client;
use super::gate::{Gate, WhenOverBudget};
use super::signing_key::SigningKey;
use super::view::{Readings, View};
use super::{Class, Error, Reads, config};
use crate::api::message;
use crate::elb::{Account, Lane};
use crate::lease::Leadership;
use crate::metrics::{Metrics, RegionSample};
use crate::plan::{Step, is_write};

/// How long an answer of STS is waited for: nothing that only wants to name the account may hold a worker for longer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long after a failure STS is not asked again.
const ASKED_AGAIN: Duration = Duration::from_secs(30);

/// AWS by account and region. A clone shares everything with the original.
#[derive(Clone, Debug)]
pub struct Accounts {
    config: SdkConfig,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    rates: Rates,
    own: Arc<Regions>,
}

/// What may be asked of AWS, and what becomes of a call that is too many.
#[derive(Clone, Debug)]
pub struct Rates {
    /// What AWS lets an account ask for in a region, and our share.
    pub limits: Limits,
    /// What becomes of a call for which nothing is left.
    pub when_over_budget: WhenOverBudget,
}

impl Rates {
    /// For an operator, whose objects wait in its queue.
    pub fn queued(limits: Limits) -> Self {
        Self {
            limits,
            when_over_budget: WhenOverBudget::Fails,
        }
    }

    /// For a person, whose command waits.
    pub fn waited_for(limits: Limits) -> Self {
        Self {
            limits,
            when_over_budget: WhenOverBudget::Waits,
        }
    }
}

/// The regions of one account, and who it is.
#[derive(Debug, Default)]
struct Regions {
    known: Mutex<HashMap<String, Arc<Shared>>>,
    /// The region of each object, by UID.
    users: Mutex<HashMap<String, String>>,
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
        Self {
            config,
            leadership,
            metrics,
            rates,
            own: Arc::default(),
        }
    }

    /// Somebody else may have worked on everything since it was read.
    pub fn forget_readings(&self) {
        for shared in self.own.all() {
            shared.readings.clear();
        }
    }

    /// Whether a region has not answered for a while.
    pub fn is_silent(&self, region: &str) -> bool {
        let known = self.own.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(region).is_some_and(|shared| shared.client.gate().is_silent())
    }

    /// How the budgets and the views stand, for metrics.
    pub fn samples(&self) -> Vec<RegionSample> {
        let sample = |shared: Arc<Shared>| RegionSample {
            account: String::new(),
            region: shared.region.clone(),
            buckets: shared.client.gate().budget().samples(),
            view_age: shared.readings.swept().map(|swept| swept.elapsed().as_secs_f64()),
        };
        self.own.all().into_iter().map(sample).collect()
    }

    /// Who may write: asked by the gate at every call that writes.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// The region of objects that name none.
    pub fn default_region(&self) -> Option<&str> {
        self.config.region().map(AsRef::as_ref)
    }

    /// A region of the operator's own account, for the object of this UID, until [`release`](Self::release).
    pub fn region_for(&self, user: &str, region: &str, reads: Reads) -> Arc<AccountRegion> {
        let before = {
            let mut users = self.own.users.lock().unwrap_or_else(PoisonError::into_inner);
            match users.get_mut(user) {
                Some(known) if known == region => None,
                Some(known) => Some(std::mem::replace(known, region.to_owned())),
                None => users.insert(user.to_owned(), region.to_owned()),
            }
        };
        if let Some(before) = before {
            self.drop_unused(&before);
        }
        Arc::new(AccountRegion::of(self.shared(region), reads))
    }

    /// The object of this UID is gone. With the last of a region its clients go.
    pub fn release(&self, user: &str) {
        let region = self
            .own
            .users
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(user);
        if let Some(region) = region {
            self.drop_unused(&region);
        }
    }

    fn drop_unused(&self, region: &str) {
        let users = self.own.users.lock().unwrap_or_else(PoisonError::into_inner);
        if !users.values().any(|used| used == region) {
            self.own
                .known
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(region);
        }
    }

    /// A region of the operator's own account, for somebody who asks.
    pub fn region(&self, region: &str) -> Arc<AccountRegion> {
        let reads = Reads {
            lane: Lane::Change,
            since: Instant::now(),
        };
        Arc::new(AccountRegion::of(self.shared(region), reads))
    }

    fn shared(&self, region: &str) -> Arc<Shared> {
        let mut regions = self.own.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let budget = Budget::new(&self.rates.limits);
            let when = self.rates.when_over_budget;
            let gate = Gate::new(self.leadership.clone(), Arc::clone(&self.metrics), budget, when);
            let identity = Arc::clone(&self.own.identity);
            Arc::new(Shared {
                region: region.to_owned(),
                client: Client::new(&self.config, region, Arc::new(gate), &identity.key),
                readings: Arc::default(),
                identity,
                adopting: Mutex::default(),
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
    region: String,
    client: Client,
    readings: Arc<Readings>,
    identity: Arc<Identity>,
    /// Held from the last look at a load balancer's tags until they claim it, by name.
    adopting: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
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
        self.shared.identity.account(&self.client).await
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
            let lock = adopting.get(name).and_then(Weak::upgrade).unwrap_or_default();
            adopting.insert(name.to_owned(), Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }
}

/// Who the credentials belong to.
#[derive(Debug, Default)]
struct Identity {
    key: SigningKey,
    known: Mutex<Known>,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Known {
    /// The account, and the key that had signed last when it was asked for.
    account: Option<(Option<String>, Account)>,
    failed: Option<(Instant, Error)>,
}

impl Identity {
    async fn account(&self, client: &Client) -> Result<Account, Error> {
        if let Some(answer) = self.answer() {
            return answer;
        }
        // One asks for all.
        let _asking = self.asking.lock().await;
        if let Some(answer) = self.answer() {
            return answer;
        }
        let asking = tokio::time::timeout(PATIENCE, self.ask(client)).await;
        let answer = asking.unwrap_or_else(|_| {
            let answer = message::timeout();
            let operation = "GetCallerIdentity";
            Err(Error::new(operation, Class::Unavailable, answer.code, answer.text))
        });
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok((key, account)) => {
                known.account = Some((key, account.clone()));
                known.failed = None;
                Ok(account)
            }
            Err(error) => {
                known.failed = Some((Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Asks until the key that signs is the same before and after: one that changed meanwhile may not be that which STS
    /// spoke of.
    async fn ask(&self, client: &Client) -> Result<(Option<String>, Account), Error> {
        loop {
            let before = self.key.last();
            let account = client.caller().await?;
            let key = self.key.last();
            if before.is_none() || before == key {
                return Ok((key, account));
            }
        }
    }

    /// What need not be asked.
    fn answer(&self) -> Option<Result<Account, Error>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = self.key.last();
        if let Some((_, account)) = known.account.as_ref().filter(|(of, _)| *of == key) {
            return Some(Ok(account.clone()));
        }
        let (at, error) = known.failed.as_ref()?;
        (at.elapsed() < ASKED_AGAIN).then(|| Err(error.clone()))
    }
}
