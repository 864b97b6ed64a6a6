//! One region of one account: everything that is asked there, and the budget that pays for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::budget::Who;
use super::client::Client;
use super::identity::Identity;
use super::session::{ASSUME_ROLE, Session};
use super::view::{Readings, View};
use super::{Class, Error, Reads};
use crate::elb::{Account, Lane, Wait};
use crate::lease::Leadership;
use crate::plan::{Step, is_write};

/// Held from the last look at a load balancer's tags until they claim it, by region and name: two roles may lead to one
/// account.
pub(super) type Adopting = Mutex<HashMap<(String, String), Weak<tokio::sync::Mutex<()>>>>;

/// What all reconciles share of one region of one account.
#[derive(Debug)]
pub(super) struct Shared {
    /// The id of the account, where it is entered by a role.
    pub(super) account: String,
    /// The account whose rate its calls are counted against, as budgets know it.
    pub(super) payer: String,
    pub(super) region: String,
    pub(super) client: Client,
    pub(super) readings: Arc<Readings>,
    /// Since when anything can be asked there.
    pub(super) since: Instant,
    pub(super) identity: Arc<Identity>,
    /// Where the identity is asked, if not here.
    pub(super) asked: Option<Arc<Shared>>,
    pub(super) session: Option<Arc<Session>>,
    pub(super) adopting: Arc<Adopting>,
    /// One looks for all whether AWS lets us in.
    pub(super) knocking: tokio::sync::Mutex<()>,
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
        let budget = self.region.client.gate().budget();
        match self.left.iter().position(|left| *left == operation) {
            Some(at) => {
                self.left.swap_remove(at);
                budget.spend(operation);
            }
            // Reads pay for themselves.
            None if !is_write(operation) => {}
            None => budget.overdraw(operation),
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
    pub(super) fn of(shared: Arc<Shared>, reads: Reads, who: Who, leadership: Leadership) -> Self {
        let client = Arc::new(shared.client.in_lane(reads.lane, who, leadership));
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

    /// Whether the identity is asked in another region, so that what it answers says nothing of this one.
    pub fn is_verified_elsewhere(&self) -> bool {
        self.shared.asked.is_some()
    }

    /// Looks for the load balancer of that name before anything else is asked, unless it is known that AWS lets us in here: where a
    /// region is not enabled, each service says so in words of its own.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn knock(&self, name: &str, exists: bool) -> Result<(), Error> {
        let gate = self.shared.client.gate();
        if gate.lets_in() {
            return Ok(());
        }
        // Whoever looks for all knows of all those that wait.
        self.view.will_ask(name, exists);
        let _knocking = self.shared.knocking.lock().await;
        if gate.lets_in() || gate.is_silent() {
            return Ok(());
        }
        self.view.look_ahead(name, exists).await
    }

    /// Whether AWS answers there, nobody waits for a turn, and next to nothing of our share is in use.
    pub fn is_idle(&self) -> bool {
        let gate = self.shared.client.gate();
        !gate.is_silent() && gate.budget().is_idle()
    }

    /// Takes a turn at reading the health of a load balancer's instances. `urgent`: they change, or somebody waits for them.
    ///
    /// # Errors
    /// How long to wait, when the share of the region is used up.
    pub fn health_turn(&self, urgent: bool) -> Result<(), Duration> {
        self.shared
            .client
            .gate()
            .budget()
            .health_turn(urgent, self.client.lane(), self.client.who())
    }

    /// The health of a load balancer's instances was read, and the reading before was so old.
    pub fn health_read(&self, age: Duration) {
        self.shared.client.gate().health_read(age);
    }

    /// Pays for these steps, all or none, before the first of them is sent: none shall stop halfway. There is room for these
    /// `reads` as well, which pay for themselves when they are made: whoever has its turn shall not lose it by a read.
    ///
    /// # Errors
    /// Class `OverBudget`, with the time to wait.
    pub fn pay_for(&self, steps: &[Step], reads: &[&'static str]) -> Result<Paid, Error> {
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
            let all = operations.iter().chain(reads).copied();
            self.client.pay(all, first, lane)?;
            self.client.keep(reads.iter().copied());
        }
        Ok(Paid {
            region: Arc::clone(&self.shared),
            left: operations,
        })
    }

    /// Keeps these calls for the reconcile, all or none: who asks for the first alone would wait a second time for the others.
    ///
    /// # Errors
    /// Class `OverBudget`, with the time to wait.
    pub fn keep(&self, operations: &[&'static str], lane: Lane) -> Result<(), Error> {
        self.client.keep_all(operations, lane)
    }

    /// Keeps the calls that the reconcile has waited for; or says how long to wait still.
    pub fn take_turn(&self, wait: Wait) -> Option<Duration> {
        self.client.take_turn(wait)
    }

    /// How long the reconcile that asks here shall wait, since it met an empty bucket.
    pub fn turn(&self) -> Option<Wait> {
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
