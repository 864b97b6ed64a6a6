//! A Kubernetes API in memory, as a service behind a real [`kube::Client`].
//!
//! One thread, ordered maps and Tokio's clock: under paused time the same requests give the same answers at the same
//! times. What it knows of Kubernetes is what the operator relies on: versions and conflicts, generations, finalizers,
//! the separation of the status, server-side apply with owned fields, lists by pages and watches that end. It checks no
//! schema and no CEL rule; a real API server does that in the tests end to end.

mod apply;
mod fault;
mod kinds;
mod managers;
mod refusal;
mod request;
mod schema;
mod serve;
mod store;
#[cfg(test)]
mod tests;
mod watch;
mod write;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::UnsyncBoxBody;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::client::Body;
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use fault::{Fault, Matching, What};
pub(crate) use request::Verb;
pub(crate) use store::Object;

use fault::Faults;
use store::{Ending, State};

/// What is sent back; a watch fails where its connection breaks.
type Reply = http::Response<UnsyncBoxBody<Bytes, io::Error>>;

/// An API server. Clones are handles on the same one.
#[derive(Clone)]
pub(crate) struct Kubernetes {
    inner: Arc<Inner>,
}

struct Inner {
    /// What time it was when it was made.
    base: Timestamp,
    start: Instant,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    log: Mutex<Log>,
    /// Counts the changes, so that watches wake up.
    changes: tokio::sync::watch::Sender<u64>,
}

/// A request and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    /// Counts from 1 without gaps.
    pub(crate) seq: u64,
    /// When it was answered, or began to be in the case of a watch.
    pub(crate) time: Timestamp,
    /// What was asked for.
    pub(crate) verb: Verb,
    /// The path without the query.
    pub(crate) path: String,
    /// The HTTP status; 0 where no answer was given.
    pub(crate) status: u16,
}

#[derive(Debug, Default)]
struct Log {
    entries: VecDeque<Request>,
    last: u64,
}

/// How many requests are kept.
const LOG: usize = 10_000;

impl Kubernetes {
    /// An empty one whose clock begins at `base` and follows the timers of the current runtime.
    pub(crate) fn new(base: Timestamp) -> Self {
        let inner = Inner {
            base,
            start: Instant::now(),
            state: Mutex::new(State::new(kinds::all())),
            faults: Mutex::default(),
            log: Mutex::default(),
            changes: tokio::sync::watch::Sender::new(0),
        };
        Self { inner: Arc::new(inner) }
    }

    /// A client. It needs the runtime that it is made on.
    pub(crate) fn client(&self) -> kube::Client {
        self.client_by(Arc::default())
    }

    /// A client whose connection can be cut: then nothing of what it asks gets there, nor an answer back.
    pub(crate) fn client_by(&self, cut: Arc<AtomicBool>) -> kube::Client {
        let server = self.clone();
        let service = tower::service_fn(move |request: http::Request<Body>| {
            let (server, cut) = (server.clone(), Arc::clone(&cut));
            async move {
                if !cut.load(Ordering::Relaxed) {
                    let reply = server.serve(request).await;
                    if !cut.load(Ordering::Relaxed) {
                        return reply;
                    }
                }
                std::future::pending().await
            }
        });
        kube::Client::new(service, "default")
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.inner.start.elapsed()).unwrap_or_default();
        self.inner.base.checked_add(elapsed).unwrap_or(self.inner.base)
    }

    /// Adds a fault.
    pub(crate) fn fault(&self, fault: Fault) {
        lock(&self.inner.faults).add(fault);
    }

    /// Ends all faults.
    pub(crate) fn clear_faults(&self) {
        lock(&self.inner.faults).clear();
    }

    /// Ends all watches of a resource as a restarting API server does.
    pub(crate) fn end_watches(&self, plural: &str) {
        self.end(plural, Ending::Closed);
    }

    /// Breaks the connections of all watches of a resource.
    pub(crate) fn break_watches(&self, plural: &str) {
        self.end(plural, Ending::Broken);
    }

    /// Forgets the past of a resource: its watches are told 410 Gone, and so is whoever wants to resume one, or a list.
    pub(crate) fn expire_watches(&self, plural: &str) {
        self.end(plural, Ending::Expired);
    }

    fn end(&self, plural: &str, ending: Ending) {
        self.state().end_watches(plural, ending);
        self.wake();
    }

    /// The requests after that sequence number, as far as the log reaches back.
    pub(crate) fn requests(&self, since: u64) -> Vec<Request> {
        let log = lock(&self.inner.log);
        log.entries.iter().filter(|entry| entry.seq > since).cloned().collect()
    }

    /// The sequence number of the latest request.
    pub(crate) fn last_request(&self) -> u64 {
        lock(&self.inner.log).last
    }

    /// An object as it is stored, without a request.
    pub(crate) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Arc<Object>> {
        self.state().get(plural, namespace, name)
    }

    /// All objects of a resource as they are stored, without a request.
    pub(crate) fn all(&self, plural: &str) -> Vec<Arc<Object>> {
        self.state().all(plural)
    }

    /// Who owns which fields of an object: by manager, operation and subresource.
    pub(crate) fn owners(&self, plural: &str, namespace: &str, name: &str) -> BTreeMap<String, Vec<String>> {
        let object = self.get(plural, namespace, name);
        object.map(|object| object.managers.readable()).unwrap_or_default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.inner.state)
    }

    fn wake(&self) {
        self.inner.changes.send_modify(|count| *count += 1);
    }

    fn log(&self, verb: Verb, path: &str, status: u16) {
        let mut log = lock(&self.inner.log);
        log.last += 1;
        let entry = Request {
            seq: log.last,
            time: self.now(),
            verb,
            path: path.to_owned(),
            status,
        };
        if log.entries.len() >= LOG {
            log.entries.pop_front();
        }
        log.entries.push_back(entry);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A text member, empty where there is none.
fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// A wait on the clock of the runtime.
async fn wait(duration: Duration) {
    if !duration.is_zero() {
        tokio::time::sleep(duration).await;
    }
}
