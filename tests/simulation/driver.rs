//! Has the operator reconcile objects in an order that a seed decides alone.
//!
//! kube's `Controller` keeps its queue in hash maps whose order differs from run to run. This one goes by due time and
//! then by name, over the same watches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use classic_lb_operator::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use classic_lb_operator::controller::{Guarded, Watched};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered, SelectAll};
use futures::{FutureExt as _, StreamExt as _};
use k8s_openapi::api::core::v1::{Node, Service};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, ResourceExt as _};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::operator::{Operator, trigger};

/// How long a watch lasts.
const WATCH_SECONDS: u32 = 290;
/// Objects in a page of a list.
const PAGE: u32 = 20;
/// Changes of Nodes and Services within this time count as one.
const BATCH: Duration = Duration::from_millis(100);
/// How long the start waits for the first lists of Nodes and Services.
const VIEWS_AT_START: Duration = Duration::from_secs(10);

/// What the names of bindings begin with, so that they are told from owners of the same name.
pub(crate) const BINDING: &str = "binding/";

/// An event of one of the watches.
enum Told {
    Object(Box<Event<Guarded>>),
    Binding(Box<Event<Guarded<ClassicLoadBalancerBinding>>>),
    Node(Box<Event<Node>>),
    Service(Box<Event<Service>>),
    Failed,
}

/// A reconcile that has ended.
pub(crate) struct Ended {
    /// The object.
    pub(crate) name: String,
    /// When to look again, or what went wrong.
    pub(crate) outcome: Result<Option<Duration>, String>,
    /// The state of the views when it began; another one now: they have changed meanwhile.
    pub(crate) views: u64,
}

/// What happened next.
pub(crate) enum Step {
    /// A reconcile has ended.
    Ended(Ended),
    /// A watch told of something, or an object became due.
    Moved,
    /// Nothing until the time that was given.
    Idle,
}

/// Objects of a kind by name, as the watch has told of them. A clone is the same.
struct Cache<K>(Arc<Mutex<BTreeMap<String, Arc<Guarded<K>>>>>);

impl<K> Clone for Cache<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Cache<K> {
    fn new() -> Self {
        Self(Arc::default())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Guarded<K>>>> {
        self.0.lock().expect("no panic")
    }

    fn get(&self, name: &str) -> Option<Arc<Guarded<K>>> {
        self.all().get(name).cloned()
    }

    fn keep(&self, name: String, object: Guarded<K>) {
        self.all().insert(name, Arc::new(object));
    }

    fn forget(&self, name: &str) {
        self.all().remove(name);
    }
}

/// The queue and the watches around an operator.
pub(crate) struct Driver {
    operator: Operator,
    /// How many objects are worked on at once.
    concurrency: usize,
    events: SelectAll<BoxStream<'static, Told>>,
    objects: Cache<ClassicLoadBalancer>,
    /// Bindings by their name after [`BINDING`].
    bindings: Cache<ClassicLoadBalancerBinding>,
    /// Tells when all objects are due for what others want.
    changes: watch::Receiver<()>,
    triggers: BTreeMap<String, String>,
    queue: BTreeSet<(Instant, String)>,
    due: BTreeMap<String, Instant>,
    /// Objects under way.
    busy: BTreeSet<String>,
    running: FuturesUnordered<BoxFuture<'static, Ended>>,
    /// When all objects are due, since a view has changed.
    batch: Option<Instant>,
    started: Instant,
    synced: [bool; 2],
    /// Whether all objects are known.
    listed: bool,
    /// The Nodes as the operator was told of them.
    nodes: BTreeMap<String, Node>,
    listing: Option<BTreeMap<String, Node>>,
    views: u64,
}

fn watch<K>(client: &kube::Client, tell: impl Fn(Event<K>) -> Told + Send + 'static) -> BoxStream<'static, Told>
where
    K: kube::Resource<DynamicType = ()> + Clone + std::fmt::Debug + serde::de::DeserializeOwned + Send + 'static,
{
    let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
    let events = watcher(Api::<K>::all(client.clone()), config).default_backoff();
    events.map(move |event| event.map_or(Told::Failed, &tell)).boxed()
}

impl Driver {
    /// An operator that has just started.
    pub(crate) fn start(client: &kube::Client, operator: Operator, concurrency: usize) -> Self {
        let mut events = SelectAll::new();
        events.push(watch(client, |event| Told::Node(Box::new(event))));
        events.push(watch(client, |event| Told::Service(Box::new(event))));
        let objects = watcher::Config::default().timeout(WATCH_SECONDS).page_size(PAGE);
        let objects = watcher(Api::<Guarded>::all(client.clone()), objects).default_backoff();
        let objects = objects.map(|event| event.map_or(Told::Failed, |event| Told::Object(Box::new(event))));
        events.push(objects.boxed());
        events.push(watch(client, |event| Told::Binding(Box::new(event))));
        Self {
            changes: operator.changes(),
            operator,
            concurrency,
            events,
            objects: Cache::new(),
            bindings: Cache::new(),
            triggers: BTreeMap::new(),
            queue: BTreeSet::new(),
            due: BTreeMap::new(),
            busy: BTreeSet::new(),
            running: FuturesUnordered::new(),
            batch: None,
            started: Instant::now(),
            synced: [false; 2],
            listed: false,
            nodes: BTreeMap::new(),
            listing: None,
            views: 0,
        }
    }

    /// The value of a series of the operator's metrics.
    pub(crate) fn metric(&self, series: &str) -> Option<f64> {
        self.operator.metric(series)
    }

    /// The Nodes as the operator was told of them.
    pub(crate) fn nodes(&self) -> &BTreeMap<String, Node> {
        &self.nodes
    }

    /// The state of the views.
    pub(crate) fn views(&self) -> u64 {
        self.views
    }

    /// The object as the operator was told of it.
    pub(crate) fn object(&self, name: &str) -> Option<ClassicLoadBalancer> {
        self.objects
            .get(name)
            .and_then(|object| object.0.as_ref().ok().cloned())
    }

    /// Waits for whatever happens next, at most until then.
    pub(crate) async fn step(&mut self, until: Instant) -> Step {
        self.begin();
        let next = [self.batch, self.next_due()].into_iter().flatten().min();
        let wake = next.map_or(until, |next| next.min(until));
        tokio::select! {
            biased;
            Some(ended) = self.running.next() => {
                self.ended(&ended);
                Step::Ended(ended)
            }
            Some(told) = self.events.next() => {
                self.take(told);
                Step::Moved
            }
            () = tokio::time::sleep_until(wake) => {
                if self.batch.is_some_and(|batch| batch <= wake) {
                    self.batch = None;
                    let all: Vec<String> = self.objects.all().keys().chain(self.bindings.all().keys()).cloned().collect();
                    for name in all {
                        self.schedule(&name, wake);
                    }
                }
                if wake < until { Step::Moved } else { Step::Idle }
            }
        }
    }

    /// When the next object that is not under way is due, if anything can begin.
    fn next_due(&self) -> Option<Instant> {
        if self.running.len() >= self.concurrency {
            return None;
        }
        let (due, _) = self.queue.iter().find(|(_, name)| !self.busy.contains(name))?;
        let opens = self.started + VIEWS_AT_START;
        Some(if self.synced == [true; 2] {
            *due
        } else {
            opens.max(*due)
        })
    }

    /// Begins the reconciles that are due.
    fn begin(&mut self) {
        while self.next_due().is_some_and(|due| due <= Instant::now()) {
            let Some((due, name)) = self.queue.iter().find(|(_, name)| !self.busy.contains(name)).cloned() else {
                return;
            };
            self.queue.remove(&(due, name.clone()));
            self.due.remove(&name);
            let (objects, bindings) = (self.objects.clone(), self.bindings.clone());
            if let Some(object) = objects.get(&name) {
                self.reconcile(name, object, objects);
            } else if let Some(binding) = bindings.get(&name) {
                self.reconcile(name, binding, bindings);
            }
        }
    }

    fn reconcile<K: Watched>(&mut self, name: String, object: Arc<Guarded<K>>, cache: Cache<K>) {
        self.busy.insert(name.clone());
        let (operator, views) = (self.operator.clone(), self.views);
        let run = async move {
            let outcome = operator.reconcile(object, || cache.get(&name)).await;
            Ended { name, outcome, views }
        };
        self.running.push(run.boxed());
    }

    fn ended(&mut self, ended: &Ended) {
        self.busy.remove(&ended.name);
        self.look_at_claims();
        if let Ok(Some(wait)) = &ended.outcome {
            self.schedule(&ended.name, Instant::now() + *wait);
        }
    }

    /// The sooner of two times stands.
    fn schedule(&mut self, name: &str, at: Instant) {
        if let Some(due) = self.due.get(name).copied() {
            if due <= at {
                return;
            }
            self.queue.remove(&(due, name.to_owned()));
        }
        self.due.insert(name.to_owned(), at);
        self.queue.insert((at, name.to_owned()));
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Object(event) => {
                self.operator.take_object_event(&event);
                self.take_object(*event);
                self.look_at_claims();
            }
            Told::Binding(event) => {
                self.operator.take_object_event(&event);
                self.take_binding(*event);
                self.look_at_claims();
            }
            Told::Node(event) => {
                self.keep_node(&event);
                let changed = self.operator.take_node_event(&event);
                self.synced[0] |= matches!(*event, Event::InitDone);
                self.changed(changed);
            }
            Told::Service(event) => {
                let changed = self.operator.take_service_event(&event);
                self.synced[1] |= matches!(*event, Event::InitDone);
                self.changed(changed);
            }
            Told::Failed => {}
        }
    }

    fn look_at_claims(&mut self) {
        if self.changes.has_changed().is_ok_and(|changed| changed) {
            self.changes.mark_unchanged();
            self.batch.get_or_insert(Instant::now() + BATCH);
        }
    }

    fn take_binding(&mut self, event: Event<Guarded<ClassicLoadBalancerBinding>>) {
        match event {
            Event::Apply(binding) | Event::InitApply(binding) => {
                let (name, trigger) = (format!("{BINDING}{}", binding.name_any()), trigger(&binding));
                if self.triggers.insert(name.clone(), trigger.clone()) != Some(trigger) {
                    self.schedule(&name, Instant::now());
                }
                self.operator.changed(&binding);
                self.bindings.keep(name, binding);
            }
            Event::Delete(binding) => {
                let name = format!("{BINDING}{}", binding.name_any());
                if let Some(uid) = binding.uid() {
                    self.operator.forget(&uid);
                }
                self.triggers.remove(&name);
                self.bindings.forget(&name);
            }
            Event::Init | Event::InitDone => {}
        }
    }

    fn changed(&mut self, changed: bool) {
        if changed {
            self.views += 1;
            self.batch.get_or_insert(Instant::now() + BATCH);
        }
    }

    fn take_object(&mut self, event: Event<Guarded>) {
        match event {
            Event::Apply(object) | Event::InitApply(object) => {
                self.operator.arrived(&object);
                let (name, trigger) = (object.name_any(), trigger(&object));
                if self.triggers.insert(name.clone(), trigger.clone()) != Some(trigger) {
                    self.schedule(&name, Instant::now());
                }
                self.operator.changed(&object);
                self.objects.keep(name, object);
            }
            Event::Delete(object) => {
                let name = object.name_any();
                if let Some(uid) = object.uid() {
                    self.operator.forget(&uid);
                }
                self.triggers.remove(&name);
                self.objects.forget(&name);
            }
            Event::InitDone => self.listed = true,
            Event::Init => {}
        }
    }

    /// Tells Nodes how far they have drained, once all objects are known.
    pub(crate) async fn tell_nodes(&self) -> bool {
        self.listed && self.synced[0] && self.operator.tell_nodes().await
    }

    /// Looks for load balancers that have no object any more, if it is time and all objects are known.
    pub(crate) async fn look_for_orphans(&self) {
        if self.listed {
            self.operator.look_for_orphans().await;
        }
    }

    fn keep_node(&mut self, event: &Event<Node>) {
        match event {
            Event::Init => self.listing = Some(BTreeMap::new()),
            Event::InitApply(node) => {
                if let Some(listing) = &mut self.listing {
                    listing.insert(node.name_any(), node.clone());
                }
            }
            Event::InitDone => self.nodes = self.listing.take().unwrap_or_default(),
            Event::Apply(node) => drop(self.nodes.insert(node.name_any(), node.clone())),
            Event::Delete(node) => drop(self.nodes.remove(&node.name_any())),
        }
    }
}
