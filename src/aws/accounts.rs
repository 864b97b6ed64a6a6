//! Accounts and their regions: whose credentials ask, and who answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::budget::Budget;
use super::client::Client;
use super::gate::Gate;
use super::signing_key::SigningKey;
use super::view::View;
use super::{Class, Error, config};
use crate::api::message;
use crate::elb::Account;
use crate::lease::Leadership;
use crate::metrics::Metrics;

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
    own: Arc<Regions>,
}

/// The regions of one account, and who it is.
#[derive(Debug, Default)]
struct Regions {
    known: Mutex<HashMap<String, Arc<AccountRegion>>>,
    /// The region of each object, by UID.
    users: Mutex<HashMap<String, String>>,
    identity: Arc<Identity>,
}

impl Accounts {
    /// Reads region, endpoint and credentials by AWS's standard chain. Nothing is called yet.
    ///
    /// # Errors
    /// In words, when region or endpoint cannot be one.
    pub async fn load(leadership: Leadership, metrics: Arc<Metrics>) -> Result<Self, String> {
        Ok(Self::new(config::load().await?, leadership, metrics))
    }

    /// AWS as this configuration reaches it.
    pub fn new(config: SdkConfig, leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        Self {
            config,
            leadership,
            metrics,
            own: Arc::default(),
        }
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
    pub fn region_for(&self, user: &str, region: &str) -> Arc<AccountRegion> {
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
        self.region(region)
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

    /// A region of the operator's own account.
    pub fn region(&self, region: &str) -> Arc<AccountRegion> {
        let mut regions = self.own.known.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let gate = Gate::new(self.leadership.clone(), Arc::clone(&self.metrics));
            let identity = Arc::clone(&self.own.identity);
            let client = Arc::new(Client::new(&self.config, region, gate, &identity.key));
            Arc::new(AccountRegion {
                region: region.to_owned(),
                view: View::new(Arc::clone(&client)),
                client,
                budget: Budget::new(),
                identity,
                adopting: Mutex::default(),
            })
        };
        regions.entry(region.to_owned()).or_insert_with(make).clone()
    }
}

/// One region of one account: everything that is asked there.
#[derive(Debug)]
pub struct AccountRegion {
    /// The name of the region.
    pub region: String,
    /// Its calls.
    pub client: Arc<Client>,
    /// Reads that objects share.
    pub view: View,
    budget: Budget,
    identity: Arc<Identity>,
    /// Held from the last look at a load balancer's tags until they claim it, by name.
    adopting: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl AccountRegion {
    /// The account that answers (STS `GetCallerIdentity`), asked for again when other credentials have signed.
    ///
    /// # Errors
    /// When STS does not answer within five seconds, or did not half a minute ago.
    pub async fn account(&self) -> Result<Account, Error> {
        self.identity.account(&self.client).await
    }

    /// Takes a turn at reading the health of a load balancer's instances.
    ///
    /// # Errors
    /// How long to wait, when the share of the region is used up.
    pub fn health_turn(&self) -> Result<(), Duration> {
        self.budget.health_turn()
    }

    /// Waits until nobody else in this process is taking over the load balancer of that name.
    pub async fn adopt_alone(&self, name: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut adopting = self.adopting.lock().unwrap_or_else(PoisonError::into_inner);
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
