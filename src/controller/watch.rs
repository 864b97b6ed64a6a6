//! Watches of the Kubernetes API: Nodes and Services become views, objects become reconciles.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::{Namespace, Node, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use kube::{Resource as _, ResourceExt as _};
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::error;
use super::guard::Reconciler;
use super::object::{Guarded, Kind, Watched};
use super::services::ServiceView;
use crate::api::{FINALIZER, REQUESTED_AT};
use crate::readiness::{Readiness, Resource};

/// How long a watch may stay silent. The API server ends it then, and a connection that died quietly is noticed.
const WATCH_SECONDS: u32 = 50;
/// Objects in one page of the first list: the page in memory is the peak.
const PAGE: u32 = 100;
/// Before another try where a Node could not be told.
const NOT_TOLD: Duration = Duration::from_secs(5);
/// Between two looks at whether it is time to look for orphans, and whether AWS is asked for nothing else.
const ORPHANS: Duration = Duration::from_mins(1);
/// Events of Nodes and Services make one reconcile until none came for so long,
const VIEW_BATCH: Duration = Duration::from_millis(50);
/// but one that came waits no longer than this.
const VIEW_BATCH_AT_MOST: Duration = Duration::from_secs(1);

/// How all watches are made.
pub(super) fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE)
}

/// An object of which only this is known.
pub(super) fn bare<K: Watched>(metadata: ObjectMeta) -> Guarded<K> {
    let mut object = K::default();
    *object.meta_mut() = metadata;
    DeserializeGuard(Ok(object))
}

/// What `kubectl apply` keeps for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Drops what nobody here reads: who owns which field is most of an object.
pub(super) fn prune<K: Watched>(object: &mut Guarded<K>) {
    let metadata = object.meta_mut();
    metadata.managed_fields = None;
    if let Some(annotations) = &mut metadata.annotations {
        annotations.remove(LAST_APPLIED);
    }
    if let Ok(object) = &mut object.0
        && let Some(instances) = object.status_mut().and_then(|status| status.instances.as_mut())
        && let Some(items) = Arc::get_mut(&mut instances.items)
    {
        // Lists grow by doubling while they are read.
        items.shrink_to_fit();
        for item in items.iter_mut() {
            item.sources.shrink_to_fit();
        }
    }
}

/// A reconcile is due when the spec changes, when deletion begins, when the finalizer is gone, or when somebody asks;
/// not for our own writes to the status.
#[allow(clippy::unnecessary_wraps)] // the signature is a Predicate's
pub(super) fn asks_for_a_reconcile<K: Watched>(object: &Guarded<K>) -> Option<u64> {
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

/// The UIDs that a list which is under way has brought so far. What was deleted while nobody watched is told by no event.
#[derive(Debug, Default)]
pub(super) struct Listed(Mutex<Option<HashSet<String>>>);

impl Listed {
    fn with<T>(&self, change: impl FnOnce(&mut Option<HashSet<String>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn begin(&self) {
        self.with(|uids| *uids = Some(HashSet::new()));
    }

    fn add(&self, uid: Option<String>) {
        self.with(|uids| {
            if let Some(uids) = uids {
                uids.extend(uid);
            }
        });
    }

    fn end(&self) -> Option<HashSet<String>> {
        self.with(Option::take)
    }
}

/// Keeps readiness, claims and memories in step with the watch of the objects of a kind. The operator is ready without
/// bindings.
pub(super) fn observe_objects<K: Watched>(
    event: &Result<watcher::Event<Guarded<K>>, watcher::Error>,
    reconciler: &Reconciler,
    readiness: &Readiness,
    listed: &Listed,
) {
    if let Ok(event) = event {
        reconciler.cx.take_object_event(event);
    }
    match event {
        Ok(watcher::Event::Init) => listed.begin(),
        Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) => {
            reconciler.arrived_with(object);
            listed.add(object.uid());
        }
        Ok(watcher::Event::InitDone) => {
            if K::KIND == Kind::Owner {
                readiness.listed(Resource::Objects);
            }
            if let Some(uids) = listed.end() {
                reconciler.retain(K::KIND, &uids);
            }
        }
        Ok(watcher::Event::Delete(object)) => {
            if let Some(uid) = object.uid() {
                reconciler.forget(&uid);
            }
        }
        Err(error) => {
            let absent = error::is_absent(error);
            let error = error::of_watch(error);
            warn!(error, "{}s cannot be watched", K::kind(&()));
            if K::KIND == Kind::Owner {
                readiness.failing(Resource::Objects, &error);
            }
            reconciler.cx.claims.fail(K::KIND, error, absent);
        }
    }
    seen(reconciler);
}

/// An object that waits for a worker does so as what it has become.
pub(super) fn observe_changes<K: Watched>(
    event: &Result<watcher::Event<Guarded<K>>, watcher::Error>,
    reconciler: &Reconciler,
) {
    if let Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) = event {
        reconciler.changed(object);
    }
}

/// Feeds the view of the Nodes and notifies of changes that targets may depend on.
pub(super) async fn nodes(client: kube::Client, reconciler: Arc<Reconciler>, readiness: Arc<Readiness>) {
    let api: Api<Node> = Api::all(client);
    let mut events = std::pin::pin!(watcher(api, config()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if reconciler.cx.take_node_event(&event) {
                    reconciler.cx.changed.send_replace(());
                }
                reconciler.cx.drains.nodes_changed();
                if matches!(event, watcher::Event::InitDone) {
                    readiness.listed(Resource::Nodes);
                }
            }
            Err(error) => {
                let error = error::of_watch(&error);
                warn!(error, "Nodes cannot be watched");
                readiness.failing(Resource::Nodes, &error);
                reconciler.cx.nodes.fail(error);
            }
        }
        seen(&reconciler);
    }
}

/// Feeds the views of the Services and notifies of changes that listeners may depend on. The operator is ready without
/// them: only listeners that name a Service wait.
pub(super) async fn services(client: kube::Client, reconciler: Arc<Reconciler>) {
    let cx = &reconciler.cx;
    let views = cx.services.watched().zip(cx.namespaces().apis(&client));
    join_all(views.map(|(view, api)| feed(view, api, &reconciler))).await;
}

/// Feeds the view of one namespace, or that of all.
async fn feed(view: &ServiceView, api: Api<Service>, reconciler: &Reconciler) {
    let mut events = std::pin::pin!(watcher(api, config()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if view.take(&event) {
                    reconciler.cx.changed.send_replace(());
                }
            }
            Err(error) => {
                warn!(%error, "Services cannot be watched");
                view.fail(error.to_string());
            }
        }
        seen(reconciler);
    }
}

/// Feeds what is known of the labels of namespaces, and notifies of changes that objects with an account may depend on.
pub(super) async fn namespaces(client: kube::Client, reconciler: Arc<Reconciler>) {
    let view = &reconciler.cx.account_view;
    let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
    let mut events = std::pin::pin!(watcher(api, config()).default_backoff());
    while let Some(event) = events.next().await {
        match event {
            Ok(event) => {
                if view.take_namespace(&event) {
                    reconciler.cx.changed.send_replace(());
                }
            }
            Err(error) => {
                let error = error::of_watch(&error);
                warn!(error, "namespaces cannot be watched");
                view.namespaces_fail(error);
            }
        }
        seen(&reconciler);
    }
}

/// Tells Nodes how far they have drained, whenever something changed, for as long as this process leads.
pub(super) async fn drains(reconciler: Arc<Reconciler>, readiness: Arc<Readiness>) {
    let cx = &reconciler.cx;
    loop {
        // Before all objects are known none can be said to hold nothing.
        let knows = readiness.is_listed(Resource::Objects) && cx.nodes.is_synced();
        if knows && cx.operator().is_current() && reconciler.tell_nodes().await {
            cx.drains.changed().await;
            tokio::time::sleep(VIEW_BATCH).await;
        } else {
            tokio::time::sleep(NOT_TOLD).await;
        }
    }
}

/// Looks for load balancers without an object, where it is time, for as long as this process leads.
pub(super) async fn orphans(reconciler: Arc<Reconciler>, readiness: Arc<Readiness>) {
    loop {
        tokio::time::sleep(ORPHANS).await;
        // Before all objects are known none can be said to be missing.
        if readiness.is_listed(Resource::Objects) {
            Box::pin(reconciler.look_for_orphans()).await;
        }
    }
}

/// One trigger for changes that come together: the first waits until none came for [`VIEW_BATCH`], and at most
/// [`VIEW_BATCH_AT_MOST`].
pub(super) fn batches(changes: watch::Receiver<()>) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold(changes, |mut changes| async move {
        changes.changed().await.ok()?;
        let end = Instant::now() + VIEW_BATCH_AT_MOST;
        loop {
            let quiet = (Instant::now() + VIEW_BATCH).min(end);
            match tokio::time::timeout_at(quiet, changes.changed()).await {
                Ok(Ok(())) if quiet < end => {}
                Ok(_) | Err(_) => return Some(((), changes)),
            }
        }
    })
}

/// One trigger for each time that this process begins to lead.
pub(super) fn terms(beginnings: watch::Receiver<()>) -> impl Stream<Item = ()> + Send + 'static {
    futures::stream::unfold(beginnings, |mut beginnings| async move {
        beginnings.changed().await.ok()?;
        Some(((), beginnings))
    })
}

fn seen(reconciler: &Reconciler) {
    let now = reconciler.cx.clock.now().wall.as_duration();
    reconciler.cx.metrics.last_watch_event.set(now.as_secs_f64());
}

#[cfg(test)]
mod tests;
