//! What every reconcile is given: its clients, its views, its clock and its jitter.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::ResourceExt as _;
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use super::accounts::AccountView;
use super::claims::Claims;
use super::clock::{Clock, Jitter, Moment};
use super::drains::Drains;
use super::kubernetes::Kubernetes;
use super::namespaces::Namespaces;
use super::nodes::NodeView;
use super::object::{Guarded, Watched};
use super::reconcile::mode::Rules;
use super::services::ServiceViews;
use super::shares;
use crate::aws::Accounts;
use crate::elb::region;
use crate::lease::{Leaders, Leadership, Share, Used};
use crate::metrics::Metrics;

/// Drift is seen so much later than it could be, at most, so that one read serves many objects.
const TOLERANCE: Duration = Duration::from_secs(30);

/// How often the operator looks though nothing happened.
#[derive(Clone, Copy, Debug)]
pub struct Intervals {
    /// Between two reads of a load balancer that nothing asked for.
    pub resync: Duration,
    /// Between two reads of the health of its instances.
    pub health: Duration,
}

impl Intervals {
    /// How old a reading may be that serves a look though nothing happened.
    pub(super) fn tolerance(&self) -> Duration {
        (self.resync.min(self.health) / 4).min(TOLERANCE)
    }
}

/// What every reconcile needs.
pub struct Context {
    pub(super) kubernetes: Kubernetes,
    pub(super) accounts: Accounts,
    pub(super) account_view: AccountView,
    pub(super) cluster_id: String,
    pub(super) intervals: Intervals,
    pub(super) rules: Rules,
    pub(super) nodes: NodeView,
    pub(super) drains: Drains,
    pub(super) services: ServiceViews,
    /// What the objects want of load balancers that they share.
    pub(super) claims: Claims,
    /// Wakes all objects, since something has changed that they may depend on.
    pub(super) changed: Arc<watch::Sender<()>>,
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
        let changed = Arc::<watch::Sender<()>>::default();
        Self {
            kubernetes: Kubernetes::new(client, accounts.leaders().clone()),
            accounts,
            account_view: AccountView::default(),
            cluster_id,
            intervals,
            services: ServiceViews::new(&rules.namespaces),
            nodes: NodeView::of(&rules.namespaces.lease()),
            drains: Drains::default(),
            rules,
            claims: Claims::new(Arc::clone(&changed)),
            changed,
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

    /// How long ago all objects were to be looked at, each operator having its own beat.
    pub(super) fn since_resync(&self, now: Moment) -> Duration {
        let every = i64::try_from(self.intervals.resync.as_millis())
            .unwrap_or(i64::MAX)
            .max(1);
        let own = self
            .cluster_id
            .bytes()
            .fold(0_i64, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        let since = now.wall.as_millisecond().wrapping_add(own).rem_euclid(every);
        Duration::from_millis(since.unsigned_abs())
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

    /// Takes in an event of the watch of all Services. `true`: something changed that listeners may depend on.
    pub fn take_service_event(&self, event: &Event<Service>) -> bool {
        self.services.all().take(event)
    }

    /// Takes in an event of the watch of objects of one kind.
    pub fn take_object_event<K: Watched>(&self, event: &Event<Guarded<K>>) {
        if let Event::InitApply(object) | Event::Apply(object) = event
            && let Ok(object) = &object.0
            && let Some(share) = shares::share_of_object(self.leaders(), object)
            && !self.leaders().of(Some(&share)).is_current()
        {
            // Another replica works on it, and its status tells what it wants.
            self.claims.told_elsewhere(&object.uid().unwrap_or_default());
        }
        self.claims.take(event);
    }

    /// Tells that all objects shall be looked at.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Who may write to what.
    pub(super) fn leaders(&self) -> &Leaders {
        self.accounts.leaders()
    }

    /// Whether this process may write to what is of no single object.
    pub(super) fn operator(&self) -> Leadership {
        self.leaders().of(None)
    }

    /// The shares that these objects are in, and where each is.
    pub(super) fn places(&self, shares: impl IntoIterator<Item = Share>) -> Used {
        let place = |share: &Share| {
            let region = share.region.as_deref().or(self.accounts.default_region());
            let account = share.account.as_deref().map(|name| self.account_view.place(name));
            let account = account.unwrap_or_default();
            format!("{account}/{}", region.unwrap_or_default())
        };
        let shares = shares.into_iter();
        shares.map(|share| (share.clone(), place(&share))).collect()
    }

    /// Whether load balancers can be in a region: it exists, as far as this version or whoever started the operator knows.
    pub(super) fn may_be_in(&self, region: &str) -> bool {
        region::exists(region, &self.rules.extra_regions) || self.accounts.default_region() == Some(region)
    }

    /// Where objects are worked on.
    pub fn namespaces(&self) -> &Namespaces {
        &self.rules.namespaces
    }

    /// The API server lists Nodes again.
    pub fn nodes_recovered(&self) {
        self.nodes.recover();
    }
}
