//! What every reconcile is given: its clients, its clock and its jitter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::jiff::Timestamp;
use kube::runtime::watcher::Event;
use tokio::time::Instant;

use super::kubernetes::Kubernetes;
use super::nodes::NodeView;
use super::reconcile::mode::Rules;
use super::services::ServiceView;
use crate::aws::Accounts;
use crate::metrics::Metrics;

/// How often the operator looks though nothing happened.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Between two reads of a load balancer that nothing asked for.
    pub resync: Duration,
    /// Between two reads of the health of its instances.
    pub health: Duration,
}

/// A point in time, on the clock that only goes forward and on the one that people read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// For waits and for what lasts.
    pub at: Instant,
    /// For what others stamped, such as the conditions of a Node.
    pub wall: Timestamp,
}

/// Where a reconcile has its time from. Under a paused runtime both sides follow the runtime.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// What the wall showed at one instant; `None`: ask the system.
    base: Option<(Instant, Timestamp)>,
}

impl Clock {
    /// The system's.
    pub fn system() -> Self {
        Self { base: None }
    }

    /// One that shows `base` now and goes on with the runtime's own clock.
    pub fn following(base: Timestamp) -> Self {
        Self {
            base: Some((Instant::now(), base)),
        }
    }

    /// Reads it. A reconcile does so once.
    pub fn now(&self) -> Moment {
        let at = Instant::now();
        let wall = match self.base {
            #[allow(clippy::disallowed_methods)] // this is the one place that asks
            None => Timestamp::now(),
            Some((start, base)) => base.checked_add(at - start).unwrap_or(base),
        };
        Moment { at, wall }
    }
}

/// Chance, so that objects which were read together do not come back together.
#[derive(Debug)]
pub struct Jitter(Mutex<fastrand::Rng>);

impl Jitter {
    /// Another sequence in each process.
    pub fn random() -> Self {
        Self(Mutex::new(fastrand::Rng::new()))
    }

    /// The same sequence each time.
    pub fn seeded(seed: u64) -> Self {
        Self(Mutex::new(fastrand::Rng::with_seed(seed)))
    }

    /// From 0 to 1.
    pub fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

/// What every reconcile needs.
pub struct Context {
    pub(super) kubernetes: Kubernetes,
    pub(super) accounts: Accounts,
    pub(super) cluster_id: String,
    pub(super) intervals: Intervals,
    pub(super) rules: Rules,
    pub(super) nodes: NodeView,
    pub(super) services: ServiceView,
    pub(super) metrics: Arc<Metrics>,
    pub(super) clock: Clock,
    pub(super) jitter: Jitter,
}

impl Context {
    /// With the system's clock and with chance.
    pub fn new(
        client: kube::Client,
        accounts: Accounts,
        cluster_id: String,
        intervals: Intervals,
        rules: Rules,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            kubernetes: Kubernetes::new(client, accounts.leadership()),
            accounts,
            cluster_id,
            intervals,
            rules,
            nodes: NodeView::default(),
            services: ServiceView::default(),
            metrics,
            clock: Clock::system(),
            jitter: Jitter::random(),
        }
    }

    /// With another clock and other chance, so that what happens can be played again.
    #[must_use]
    pub fn timed_by(mut self, clock: Clock, jitter: Jitter) -> Self {
        (self.clock, self.jitter) = (clock, jitter);
        self
    }

    /// For a dry run: nothing is written to AWS or to Kubernetes.
    #[must_use]
    pub(super) fn dry(mut self) -> Self {
        self.kubernetes = self.kubernetes.dry();
        self.rules.read_only = true;
        self
    }

    /// Takes in an event of the watch of Nodes. `true`: something changed that targets may depend on.
    pub fn take_node_event(&self, event: &Event<Node>) -> bool {
        self.nodes.take(event, self.clock.now().wall)
    }

    /// Takes in an event of the watch of Services. `true`: something changed that listeners may depend on.
    pub fn take_service_event(&self, event: &Event<Service>) -> bool {
        self.services.take(event)
    }

    /// The API server lists Nodes again.
    pub fn nodes_recovered(&self) {
        self.nodes.recover();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn both_clocks_follow_the_runtime() {
        let base: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let clock = Clock::following(base);
        let before = clock.now();
        tokio::time::advance(Duration::from_secs(90)).await;
        let after = clock.now();
        assert_eq!(after.at - before.at, Duration::from_secs(90));
        assert_eq!(after.wall.to_string(), "2026-01-01T00:01:30Z");
    }

    #[test]
    fn a_seed_gives_the_same_chance_again() {
        let draw = |jitter: &Jitter| (0..5).map(|_| jitter.fraction().to_bits()).collect::<Vec<_>>();
        assert_eq!(draw(&Jitter::seeded(7)), draw(&Jitter::seeded(7)));
        assert_ne!(draw(&Jitter::seeded(7)), draw(&Jitter::seeded(8)));
    }
}
