//! What tests do to a simulator besides calling AWS.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::Simulator;
use crate::autoscaling::settle::settle;
use crate::check;
use crate::clock::Timestamp;
use crate::config::{DEFAULT_ACCOUNT, DEFAULT_REGION, Timing};
use crate::ec2::answers::HealthAnswer;
use crate::elb::health::health_of;
use crate::log::{Log, RequestRecord};
use crate::region;
use crate::seed::{Seed, SeedError, plant};
use crate::throttle::Levels;
use crate::wire::Value;
use crate::world::World;

/// What an instance answers to health checks from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InstanceHealthAnswer {
    /// The account; the default one if absent.
    #[serde(default = "default_account")]
    pub account: String,
    /// The region; the default one if absent.
    #[serde(default = "default_region")]
    pub region: String,
    /// The instance.
    pub instance_id: String,
    /// The port that is checked; all ports if absent.
    #[serde(default)]
    pub port: Option<u16>,
    /// Whether checks pass.
    pub healthy: bool,
}

/// A load balancer as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadBalancerState {
    /// All of it, as a snapshot shows it.
    pub settings: serde_json::Value,
    /// The registered instances that are in service.
    pub in_service: BTreeSet<String>,
}

fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

fn default_region() -> String {
    DEFAULT_REGION.to_owned()
}

/// How many requests the page shows.
const LATEST: u64 = 40;

/// What the page shows.
pub(crate) struct View<'v> {
    pub(crate) world: &'v World,
    pub(crate) now: Timestamp,
    pub(crate) timing: Timing,
    pub(crate) latest: Vec<RequestRecord>,
    pub(crate) requests: u64,
    pub(crate) violations: u64,
}

/// A snapshot that is none.
#[derive(Debug, thiserror::Error)]
#[error("not a snapshot of this simulator: {0}")]
pub struct RestoreError(#[from] serde_json::Error);

impl Simulator {
    /// Adds what a seed describes. On an error nothing of it was added.
    pub fn seed(&self, seed: &Seed) -> Result<(), SeedError> {
        let now = self.clock().now();
        let mut state = self.state();
        // Seeds are rare, worlds can be large, and half a seed would be worse than the cost of a copy.
        let before = serde_json::to_value(&state.world).map_err(|error| SeedError::new("", error.to_string()))?;
        let planted = plant::plant(&mut state.world, seed, self.inner.settings, now);
        if planted.is_err() {
            state.world = serde_json::from_value(before).unwrap_or_else(|_| World::new(self.inner.config.id_seed));
        }
        planted
    }

    /// The rules that the state breaks, such as a balancer without a subnet: empty unless the simulator is at fault.
    pub fn broken_rules(&self) -> Vec<String> {
        check::broken_rules(&self.state().world)
    }

    /// Lends state, clock and the latest requests to who shows them.
    pub(crate) fn view<T>(&self, look: impl FnOnce(&View<'_>) -> T) -> T {
        let now = self.clock().now();
        let state = self.state();
        let latest = state.log.since(state.log.last().saturating_sub(LATEST));
        let (requests, violations) = (state.log.last(), state.violations);
        let timing = self.inner.settings.timing;
        look(&View {
            world: &state.world,
            now,
            timing,
            latest,
            requests,
            violations,
        })
    }

    /// A load balancer as it is, read without a request, so that neither the log nor a fault knows of it.
    pub fn load_balancer(&self, account: &str, region: &str, name: &str) -> Option<LoadBalancerState> {
        let facts = region::find(region)?;
        let (now, params, settings) = (self.clock().now(), Value::default(), self.inner.settings);
        let mut state = self.state();
        let call = state.world.call(account, facts, settings, now, &params);
        let balancer = call.region.elb.get(name)?;
        let serves = |id: &&SmolStr| {
            let health = health_of(balancer, call.region, id, now, settings.timing);
            health.is_some_and(|health| health.state == "InService")
        };
        Some(LoadBalancerState {
            in_service: balancer
                .instances
                .keys()
                .filter(serves)
                .map(ToString::to_string)
                .collect(),
            settings: serde_json::to_value(balancer).unwrap_or_default(),
        })
    }

    /// Forgets everything: state, faults, throttles, and the log.
    pub fn reset(&self) {
        self.clear_faults();
        let mut state = self.state();
        state.world = World::new(self.inner.config.id_seed);
        state.levels = Levels::default();
        state.violations = 0;
        state.log = Log::new(self.inner.config.log_capacity);
    }

    /// All state as JSON, for [`Simulator::restore`].
    pub fn snapshot(&self) -> serde_json::Value {
        serde_json::to_value(&self.state().world).unwrap_or_default()
    }

    /// Puts a snapshot in the place of all state.
    pub fn restore(&self, snapshot: serde_json::Value) -> Result<(), RestoreError> {
        let world = serde_json::from_value(snapshot)?;
        self.state().world = world;
        Ok(())
    }

    /// Lets the health checks of an instance pass or fail from now on; false when there is no such region.
    pub fn set_instance_health(&self, answer: &InstanceHealthAnswer) -> bool {
        let Some(facts) = region::find(&answer.region) else {
            return false;
        };
        let (now, params) = (self.clock().now(), Value::default());
        let mut state = self.state();
        let mut call = state
            .world
            .call(&answer.account, facts, self.inner.settings, now, &params);
        settle(&mut call);
        let healthy = HealthAnswer {
            healthy: answer.healthy,
            since: now,
        };
        call.region
            .ec2
            .health_answers
            .set(&answer.instance_id, answer.port, healthy);
        true
    }
}
