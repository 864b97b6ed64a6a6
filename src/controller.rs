//! The kube `Controller`: streams, predicates, concurrency, drain.

mod apply;
mod backoff;
mod error;
mod event;
mod finalize;
mod lookup;
mod memory;
mod merge;
mod mode;
mod namespaces;
mod nodes;
mod observe;
pub mod preview;
mod provider_id;
mod reconcile;
mod resolve;
mod services;
mod status;
mod subject;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{FutureExt as _, Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use kube::core::DeserializeGuard;
use kube::runtime::controller::{Action, Config, Controller};
use kube::runtime::reflector::{self, ObjectRef};
use kube::runtime::watcher::{self, watcher};
use kube::runtime::{PredicateConfig, WatchStreamExt as _};
use kube::{Resource as _, ResourceExt as _};
use tokio::sync::Notify;
use tracing::{error, info, warn};

use crate::api::message;
use crate::api::{ClassicLoadBalancer, FINALIZER, REQUESTED_AT};
use crate::aws::Aws;
use crate::metrics::Metrics;
use crate::readiness::{Readiness, Resource};

use services::{ServiceView, ServiceViews};

pub use error::Error;
pub use mode::Rules;
pub use namespaces::Namespaces;
pub use nodes::NodeView;
pub use reconcile::{Context, Intervals};

/// No pass takes longer; one that does is given up, so that its worker is free again.
const PASS: Duration = Duration::from_mins(3);
/// How long a watch may stay silent. The API server ends it then, and a connection that died quietly is noticed.
const WATCH_SECONDS: u32 = 50;
/// Objects in one page of the first list: the page in memory is the peak.
const PAGE: u32 = 100;
/// Events of Nodes and Services within this time make one pass.
const VIEW_BATCH: Duration = Duration::from_millis(100);
/// How long the start waits for the first lists of Nodes and Services, so that no pass begins with an empty view.
const VIEWS_AT_START: Duration = Duration::from_secs(10);

/// An object of the watch. One that cannot be decoded must not stop the others.
type Guarded = DeserializeGuard<ClassicLoadBalancer>;

impl Context {
    /// Makes what every pass needs.
    pub fn new(
        client: kube::Client,
        aws: Aws,
        cluster_id: String,
        intervals: Intervals,
        rules: Rules,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            events: event::Events::new(client.clone()),
            client,
            aws,
            cluster_id,
            intervals,
            services: ServiceViews::new(&rules.namespaces),
            rules,
            adopting: tokio::sync::Mutex::default(),
            nodes: Arc::default(),
            memories: memory::Memories::default(),
            metrics,
        }
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

/// Runs until `shutdown` resolves and the passes under way have ended. `watching` is the client for watches, which has
/// no deadline for reads.
pub async fn run(
    ctx: Arc<Context>,
    watching: kube::Client,
    readiness: Arc<Readiness>,
    concurrency: u16,
    shutdown: impl Future<Output = ()> + Send + Sync + 'static,
) {
    let view_changed = Arc::new(Notify::new());
    let nodes = watch_nodes(
        watching.clone(),
        Arc::clone(&ctx),
        Arc::clone(&readiness),
        Arc::clone(&view_changed),
    );
    let nodes = tokio::spawn(nodes);
    let services = watch_services(watching.clone(), Arc::clone(&ctx), Arc::clone(&view_changed));
    let services = tokio::spawn(services);
    let shutdown = shutdown.shared();
    let synced = async {
        ctx.nodes.wait_synced().await;
        join_all(ctx.services.watched().map(ServiceView::wait_synced)).await;
    };
    tokio::select! {
        _ = tokio::time::timeout(VIEWS_AT_START, synced) => {}
        () = shutdown.clone() => {}
    }

    let (reader, writer) = reflector::store();
    let objects = merge::watch(ctx.namespaces().apis(&watching), &watcher_config(), bare)
        .inspect({
            let (ctx, readiness) = (Arc::clone(&ctx), Arc::clone(&readiness));
            move |event| observe_objects(event, &ctx, &readiness)
        })
        .reflect(writer)
        .applied_objects()
        .predicate_filter(asks_for_a_pass, PredicateConfig::default());
    let controlling = Controller::for_stream(objects, reader)
        .with_config(Config::default().concurrency(concurrency))
        .reconcile_all_on(batches(view_changed))
        .graceful_shutdown_on(shutdown.clone())
        .run(pass, error_policy, Arc::clone(&ctx))
        .for_each(|result| async move {
            if let Err(error) = result {
                // An object that is gone from the cache while it was queued is no failure.
                tracing::debug!(%error, "the controller skipped an object");
            }
        });
    tokio::select! {
        () = controlling => {}
        () = stopped_before_the_first_list(shutdown, &readiness) => {}
    }
    nodes.abort();
    services.abort();
}

/// Before the first list the controller waits for nothing else, not even for the end; there is no pass to wait for.
async fn stopped_before_the_first_list(shutdown: impl Future<Output = ()>, readiness: &Readiness) {
    shutdown.await;
    if readiness.is_listed(Resource::Objects) {
        std::future::pending::<()>().await;
    }
}

fn watcher_config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE)
}

/// An object of which only this is known.
fn bare(metadata: ObjectMeta) -> Guarded {
    DeserializeGuard(Ok(ClassicLoadBalancer {
        metadata,
        ..ClassicLoadBalancer::default()
    }))
}

/// A pass is due when the spec changes, when deletion begins, when the finalizer is gone, or when somebody asks; not for
/// our own writes to the status.
#[allow(clippy::unnecessary_wraps)] // the signature is a Predicate's
fn asks_for_a_pass(object: &Guarded) -> Option<u64> {
    let meta = object.meta();
    let mut hasher = DefaultHasher::new();
    meta.generation.hash(&mut hasher);
    meta.deletion_timestamp.is_some().hash(&mut hasher);
    meta.uid.hash(&mut hasher);
    object
        .finalizers()
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
        .hash(&mut hasher);
    object.annotations().get(REQUESTED_AT).hash(&mut hasher);
    Some(hasher.finish())
}

fn observe_objects(event: &Result<watcher::Event<Guarded>, watcher::Error>, ctx: &Context, readiness: &Readiness) {
    match event {
        Ok(watcher::Event::InitDone) => readiness.listed(Resource::Objects),
        Ok(watcher::Event::Delete(object)) => {
            if let Some(uid) = object.uid() {
                ctx.memories.forget(&uid);
                ctx.metrics.certificates(&uid, std::collections::BTreeMap::new());
            }
        }
        Ok(_) => {}
        Err(error) => {
            let error = error::of_watch(error);
            warn!(error, "ClassicLoadBalancers cannot be watched");
            readiness.failing(Resource::Objects, &error);
        }
    }
    seen(ctx);
}

fn seen(ctx: &Context) {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    ctx.metrics.last_watch_event.set(now.as_secs_f64());
}

/// Feeds the view of the Nodes and notifies of changes that targets may depend on.
async fn watch_nodes(client: kube::Client, ctx: Arc<Context>, readiness: Arc<Readiness>, changed: Arc<Notify>) {
    let api: Api<Node> = Api::all(client);
    let mut events = std::pin::pin!(watcher(api, watcher_config()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if ctx.nodes.take(&event) {
                    changed.notify_one();
                }
                if matches!(event, watcher::Event::InitDone) {
                    readiness.listed(Resource::Nodes);
                }
            }
            Err(error) => {
                let error = error::of_watch(&error);
                warn!(error, "Nodes cannot be watched");
                readiness.failing(Resource::Nodes, &error);
                ctx.nodes.fail(error);
            }
        }
        seen(&ctx);
    }
}

/// Feeds the views of the Services and notifies of changes that listeners may depend on. The operator is ready without
/// it: only listeners that name a Service wait.
async fn watch_services(client: kube::Client, ctx: Arc<Context>, changed: Arc<Notify>) {
    let views = ctx.services.watched().zip(ctx.namespaces().apis(&client));
    join_all(views.map(|(view, api)| feed_services(view, api, &ctx, &changed))).await;
}

async fn feed_services(view: &ServiceView, api: Api<Service>, ctx: &Context, changed: &Notify) {
    let mut events = std::pin::pin!(watcher(api, watcher_config()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if view.take(&event) {
                    changed.notify_one();
                }
            }
            Err(error) => {
                warn!(%error, "Services cannot be watched");
                view.fail(error.to_string());
            }
        }
        seen(ctx);
    }
}

/// One trigger for all changes that come within [`VIEW_BATCH`].
fn batches(changed: Arc<Notify>) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold(changed, |changed| async move {
        changed.notified().await;
        tokio::time::sleep(VIEW_BATCH).await;
        Some(((), changed))
    })
}

/// One pass, kept from harming others: it has a deadline, and a panic ends it alone.
async fn pass(object: Arc<Guarded>, ctx: Arc<Context>) -> Result<Action, Error> {
    let started = Instant::now();
    let _active = ctx.metrics.reconcile_started();
    let object = match &object.0 {
        Ok(object) => object,
        Err(invalid) => {
            undecodable(invalid, &ctx).await;
            return Ok(Action::await_change());
        }
    };
    let uid = object.uid().ok_or(Error::Incomplete("uid"))?;
    let mut memory = ctx.memories.take(&uid);
    let failures = memory.failures;
    let outcome = {
        let reconcile = tokio::time::timeout(PASS, reconcile::reconcile(object, &ctx, &mut memory));
        match Box::pin(AssertUnwindSafe(reconcile).catch_unwind()).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Error::Timeout(PASS)),
            Err(panic) => {
                ctx.metrics.reconcile_panicked();
                memory = memory::Memory {
                    failures: memory.failures,
                    ..memory::Memory::default()
                };
                Err(Error::Panic(panic_text(panic.as_ref())))
            }
        }
    };
    let failed = outcome.is_err() || memory.failures > failures;
    ctx.metrics.reconcile_ended(failed, started.elapsed());
    let action = match outcome {
        Ok(Some(wait)) => Action::requeue(wait),
        Ok(None) => Action::await_change(),
        Err(error) => {
            memory.failures += 1;
            // Nothing was concluded, so the next pass begins anew.
            memory.seen = None;
            let wait = backoff::delay(memory.failures);
            error!(%error, retry_in = ?wait, "the pass failed");
            Action::requeue(wait)
        }
    };
    if !memory.released {
        ctx.memories.put(&uid, memory);
    }
    ctx.metrics
        .backing_off
        .set(i64::try_from(ctx.memories.backing_off()).unwrap_or(i64::MAX));
    Ok(action)
}

/// Never called: [`pass`] turns every failure into a requeue, since only it knows how often an object failed.
#[allow(clippy::needless_pass_by_value)] // the signature is the Controller's
fn error_policy(_: Arc<Guarded>, _: &Error, _: Arc<Context>) -> Action {
    Action::requeue(backoff::delay(8))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(message::no_message)
}

/// Tells whose object it is and what is wrong with it, once for each of its versions; the others go on.
async fn undecodable(invalid: &kube::core::error_boundary::InvalidObject, ctx: &Context) {
    let (uid, version) = (invalid.metadata.uid.clone(), invalid.metadata.resource_version.clone());
    if !ctx
        .memories
        .tell_undecodable(uid.unwrap_or_default(), version.unwrap_or_default())
    {
        return;
    }
    ctx.metrics.undecodable.inc();
    let object = ClassicLoadBalancer {
        metadata: invalid.metadata.clone(),
        ..ClassicLoadBalancer::default()
    };
    let reference = ObjectRef::from_obj(&object);
    error!(object = %reference, error = %invalid.error, "the object cannot be decoded");
    let message = message::undecodable(&invalid.error);
    event::warning(&ctx.events, &object, "Reconcile", &message).await;
}

/// Tells the log that the controller is about to start.
pub fn announce(ctx: &Context) {
    info!(
        cluster_id = ctx.cluster_id,
        region = ctx.aws.default_region(),
        resync = ?ctx.intervals.resync,
        health_interval = ?ctx.intervals.health,
        adoption = ?ctx.rules.adoption,
        read_only = ctx.rules.read_only,
        watch_namespaces = %ctx.rules.namespaces,
        "starting"
    );
}
