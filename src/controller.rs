//! The kube `Controller`: streams, concurrency, drain. It owns what is remembered of all objects.

mod accounts;
mod admission;
mod backoff;
mod claims;
mod clock;
mod context;
mod drains;
mod error;
mod executor;
mod guard;
mod kubernetes;
mod memory;
mod merge;
mod namespaces;
mod nodes;
mod object;
mod orphans;
pub mod preview;
mod provider_id;
mod reconcile;
mod replacement;
mod selector;
mod services;
mod shares;
pub mod standing;
mod status;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use futures::{FutureExt as _, StreamExt as _};
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{self, ObjectRef, Store};
use kube::runtime::{PredicateConfig, WatchStreamExt as _};
use tokio::task::JoinSet;
use tracing::info;

use crate::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use crate::readiness::{Readiness, Resource};
use accounts::status::Objects;
use services::ServiceView;

pub use clock::{Clock, Jitter, Moment};
pub use context::{Context, Intervals};
pub use error::Error;
pub use guard::Reconciler;
pub use namespaces::{Namespaces, namespace};
pub use nodes::{NodeDraining, NodeView};
pub use object::{Guarded, Kind, Watched};
pub use reconcile::mode::Rules;

/// How long the start waits for the first lists of Nodes and Services, so that no reconcile begins with an empty view.
const VIEWS_AT_START: Duration = Duration::from_secs(10);

/// How long the start waits to lead, and then goes on and waits with what it knows.
const LEADING_AT_START: Duration = Duration::from_secs(3);
/// Between two looks at an object by an operator that does not lead: when it does, it looks at all of them at once.
const FOLLOWING: Duration = Duration::from_mins(1);

/// Runs until `shutdown` resolves and the reconciles under way have ended. `watching` is the client for watches, which
/// has no deadline for reads.
pub async fn run(
    reconciler: Arc<Reconciler>,
    watching: kube::Client,
    readiness: Arc<Readiness>,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let (owners, owners_writer) = reflector::store();
    let (bindings, bindings_writer) = reflector::store();
    let objects = Objects {
        owners: owners.clone(),
        bindings: bindings.clone(),
    };
    let mut watches = neighbours(&reconciler, &watching, &readiness, objects);
    let shutdown = shutdown.shared();
    watches.spawn({
        let (stopped, shared) = (shutdown.clone(), Arc::clone(&reconciler));
        async move {
            stopped.await;
            shared.close();
        }
    });
    let cx = &reconciler.cx;
    let services = join_all(cx.services.watched().map(ServiceView::wait_synced));
    let synced = async { tokio::join!(cx.nodes.wait_synced(), services, cx.account_view.wait_heard()) };
    tokio::select! {
        biased;
        () = shutdown.clone() => {}
        _ = tokio::time::timeout(VIEWS_AT_START, synced) => {}
    }
    let leadership = cx.operator();
    tokio::select! {
        biased;
        () = shutdown.clone() => {}
        _ = tokio::time::timeout(LEADING_AT_START, leadership.wait()) => {}
    }
    let both = async {
        tokio::join!(
            control::<ClassicLoadBalancer, _>(
                &reconciler,
                &watching,
                &readiness,
                (owners, owners_writer),
                shutdown.clone()
            ),
            control::<ClassicLoadBalancerBinding, _>(
                &reconciler,
                &watching,
                &readiness,
                (bindings, bindings_writer),
                shutdown.clone()
            ),
        )
    };
    tokio::select! {
        biased;
        _ = both => {}
        () = stopped_before_the_first_list(shutdown.clone(), &readiness) => {}
    }
}

/// Watches and reconciles the objects of one kind.
fn control<K: Watched, S: Future<Output = ()> + Send + Sync + 'static>(
    reconciler: &Arc<Reconciler>,
    watching: &kube::Client,
    readiness: &Arc<Readiness>,
    (reader, writer): (Store<Guarded<K>>, Writer<Guarded<K>>),
    shutdown: S,
) -> impl Future<Output = ()> + use<K, S> {
    let cx = &reconciler.cx;
    let objects = merge::watch(cx.namespaces().apis(watching), &watch::config(), watch::bare::<K>)
        .modify(watch::prune::<K>)
        .inspect({
            let (reconciler, readiness) = (Arc::clone(reconciler), Arc::clone(readiness));
            let listed = watch::Listed::default();
            move |event| watch::observe_objects(event, &reconciler, &readiness, &listed)
        })
        .reflect(writer)
        .inspect({
            // After the cache has it, since a worker takes it from there.
            let reconciler = Arc::clone(reconciler);
            move |event| watch::observe_changes(event, &reconciler)
        })
        .applied_objects()
        .predicate_filter(watch::asks_for_a_reconcile, PredicateConfig::default());
    let cache = reader.clone();
    Controller::for_stream(objects, reader)
        // Without a limit of its own: the door is ours, since the queue knows nothing of what is urgent.
        .with_config(Config::default())
        .reconcile_all_on(watch::batches(cx.changes()))
        .reconcile_all_on(watch::terms(cx.leaders().beginnings()))
        .graceful_shutdown_on(shutdown)
        .run(
            move |object, reconciler| reconcile_one(object, reconciler, cache.clone()),
            error_policy,
            Arc::clone(reconciler),
        )
        .for_each(|result| async move {
            if let Err(error) = result {
                // An object that is gone from the cache while it was queued is no failure.
                tracing::debug!(%error, "the controller skipped an object");
            }
        })
}

/// Begins the watches beside those of the objects, which end when they are dropped.
fn neighbours(
    reconciler: &Arc<Reconciler>,
    watching: &kube::Client,
    readiness: &Arc<Readiness>,
    objects: Objects,
) -> JoinSet<()> {
    let mut watches = JoinSet::new();
    let of = || (watching.clone(), Arc::clone(reconciler));
    let (client, shared) = of();
    watches.spawn(watch::nodes(client, shared, Arc::clone(readiness)));
    if reconciler.cx.rules.node_draining.is_on() {
        let (_, shared) = of();
        watches.spawn(watch::drains(shared, Arc::clone(readiness)));
    }
    let (_, shared) = of();
    watches.spawn(watch::orphans(shared, Arc::clone(readiness)));
    let (client, shared) = of();
    watches.spawn(watch::services(client, shared));
    let (client, shared) = of();
    watches.spawn(watch::namespaces(client, shared));
    let (client, shared) = of();
    watches.spawn(accounts::status::keep(client, watch::config(), shared, objects));
    watches
}

/// Before the first list the controller waits for nothing else, not even for the end; there is no reconcile to wait
/// for.
async fn stopped_before_the_first_list(shutdown: impl Future<Output = ()>, readiness: &Readiness) {
    shutdown.await;
    if readiness.is_listed(Resource::Objects) {
        std::future::pending::<()>().await;
    }
}

async fn reconcile_one<K: Watched>(
    object: Arc<Guarded<K>>,
    reconciler: Arc<Reconciler>,
    cache: Store<Guarded<K>>,
) -> Result<Action, Error> {
    if !reconciler.admits(&object) {
        return Ok(Action::requeue(FOLLOWING));
    }
    let waiting = Arc::clone(&object);
    let newest = move || cache.get(&ObjectRef::from_obj(&*waiting));
    let wait = reconciler.reconcile_one(object, newest).await?;
    Ok(wait.map_or_else(Action::await_change, Action::requeue))
}

/// Hardly ever called: a [`Reconciler`] turns failures into requeues, since only it knows how often an object failed.
#[allow(clippy::needless_pass_by_value)] // the signature is the Controller's
fn error_policy<K: Watched>(_: Arc<Guarded<K>>, _: &Error, reconciler: Arc<Reconciler>) -> Action {
    Action::requeue(backoff::delay(8, reconciler.cx.jitter.fraction()))
}

/// Tells the log that the controller is about to start.
pub fn announce(cx: &Context) {
    info!(
        cluster_id = cx.cluster_id,
        region = cx.accounts.default_region(),
        resync = as_flag(cx.intervals.resync),
        health_interval = as_flag(cx.intervals.health),
        adoption = cx.rules.adoption.as_str(),
        binding = cx.rules.binding.as_str(),
        read_only = cx.rules.read_only,
        watch_namespaces = %cx.rules.namespaces,
        "starting"
    );
}

/// A duration as the flags take it, such as 10m.
fn as_flag(duration: Duration) -> String {
    jiff::SignedDuration::try_from(duration)
        .map_or_else(|_| format!("{duration:?}"), |duration| format!("{duration:#}"))
}
