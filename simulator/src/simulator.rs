//! One simulated AWS: takes requests apart, has services answer them, keeps the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};

use crate::call::Settings;
use crate::clock::Clock;
use crate::config::Config;
use crate::fault::{FaultRule, FaultStatus, Faults};
use crate::ids::Ids;
use crate::log::{Log, RequestRecord};
use crate::reply::Answer;
use crate::throttle::Levels;
use crate::world::World;

mod answer;
mod apply;
mod authenticate;
pub(crate) mod control;
mod prepare;

/// A simulated AWS. Clones are handles on the same one.
#[derive(Clone, Debug)]
pub struct Simulator {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Config,
    settings: Settings,
    /// Spares requests the lock for looking at faults.
    any_faults: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    world: World,
    faults: Faults,
    levels: Levels,
    log: Log,
    request_ids: Ids,
    violations: u64,
}

impl Simulator {
    /// A simulator with nothing in it but what a new account finds.
    pub fn new(config: Config) -> Self {
        let settings = Settings {
            timing: config.delays.timing(),
            quotas: config.quotas,
            require_internet_gateway: config.require_internet_gateway,
        };
        let state = State {
            world: World::new(config.id_seed),
            faults: Faults::default(),
            levels: Levels::default(),
            log: Log::new(config.log_capacity),
            request_ids: Ids::seeded(config.id_seed),
            violations: 0,
        };
        let inner = Inner {
            config,
            settings,
            any_faults: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The requests after that sequence number, as far as the log reaches back.
    pub fn requests(&self, since: u64) -> Vec<RequestRecord> {
        self.state().log.since(since)
    }

    /// The sequence number of the latest request, to ask later what came after it.
    pub fn last_request(&self) -> u64 {
        self.state().log.last()
    }

    /// How many Classic ELB requests broke the service model, which no correct client's do.
    pub fn violations(&self) -> u64 {
        self.state().violations
    }

    /// Adds a fault and names it.
    pub fn add_fault(&self, rule: FaultRule) -> u64 {
        let id = self.state().faults.add(rule);
        self.inner.any_faults.store(true, Ordering::SeqCst);
        id
    }

    /// The faults in force and what they have done.
    pub fn faults(&self) -> Vec<FaultStatus> {
        self.state().faults.statuses()
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.inner.any_faults.store(false, Ordering::SeqCst);
        self.state().faults.clear();
    }

    /// The clock of this simulator.
    pub fn clock(&self) -> &Clock {
        &self.inner.config.clock
    }

    /// Answers a request to AWS without a socket. `None` stands for a connection that a fault reset.
    pub async fn call(&self, request: http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let prepared = self.prepare(parts, body);
        let latency = prepared.latency();
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        match self.answer(&prepared) {
            Answer::Send(reply) => Some(reply.as_response(reply.body.clone())),
            Answer::Hang => std::future::pending().await,
            Answer::Break(..) | Answer::Reset => None,
        }
    }

    /// The lock knows no poison: whoever panicked with it in hand left a world that is whole, since changes are made in
    /// one step at the end.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock()
    }
}
