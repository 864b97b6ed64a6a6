//! Objects as they change, until nobody reads on.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::time::Duration;

use clap::Args;
use futures::stream::select_all;
use futures::{Stream, StreamExt as _};
use kube::ResourceExt as _;
use kube::api::{DynamicObject, ListParams};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};

use super::failure::Failure;
use super::find::{self, Wanted};
use super::kubernetes::{Connection, Named, Timeout, timeout};
use super::screen;
use crate::controller::Kind;

/// The flags of commands that may go on.
#[derive(Args, Clone, Copy, Debug)]
pub(super) struct Watching {
    /// Go on with a line for each change, until Ctrl-C or until nobody reads them.
    #[arg(short, long)]
    pub(super) watch: bool,
    /// End --watch after this time, such as 10m; 0: never.
    #[arg(long, default_value = "0", value_parser = timeout, value_name = "TIME", requires = "watch")]
    timeout: Timeout,
}

/// An object of a watch: its namespace, its kind and its name.
pub(super) type Key = (String, Named);

/// An event of a watch, or why it broke off. It goes on by itself.
pub(super) type Change<K> = Result<Event<K>, watcher::Error>;

/// Of these kinds objects can be watched. Bindings are left out where nobody named one and there are none to be had.
pub(super) async fn kinds(connection: &Connection, wanted: &Wanted<'_>) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for kind in wanted.kinds() {
        let one = ListParams::default().limit(1);
        if !find::may_be_without(wanted, kind) || find::api(connection, wanted, kind).list(&one).await.is_ok() {
            kinds.push(kind);
        }
    }
    kinds
}

/// The objects of these kinds, and every change of them.
pub(super) fn objects(
    connection: &Connection,
    wanted: &Wanted<'_>,
    kinds: &[Kind],
) -> impl Stream<Item = (Kind, Change<DynamicObject>)> + use<> {
    let mut config = watcher::Config::default();
    if let Some(labels) = wanted.selector {
        config = config.labels(labels);
    }
    let each = kinds.iter().map(|&kind| {
        let changes = watcher(find::api(connection, wanted, kind), config.clone()).default_backoff();
        let changes = changes.map(move |change| {
            let change = change.map(|event| match event {
                Event::Apply(object) => Event::Apply(find::plain(object, kind)),
                Event::InitApply(object) => Event::InitApply(find::plain(object, kind)),
                Event::Delete(object) => Event::Delete(find::plain(object, kind)),
                other => other,
            });
            (kind, change)
        });
        Box::pin(changes) as Pin<Box<dyn Stream<Item = (Kind, Change<DynamicObject>)> + Send>>
    });
    select_all(each.collect::<Vec<_>>())
}

/// How an object is known.
pub(super) fn key(object: &DynamicObject) -> Key {
    (object.namespace().unwrap_or_default(), find::name_of(object))
}

/// The objects of lists that are under way: those that are not in them were deleted meanwhile.
#[derive(Debug, Default)]
pub(super) struct Listings(BTreeMap<Kind, Vec<Key>>);

impl Listings {
    pub(super) fn begin(&mut self, kind: Kind) {
        self.0.insert(kind, Vec::new());
    }

    pub(super) fn has(&mut self, key: Key) {
        if let Some(listing) = self.0.get_mut(&key.1.kind) {
            listing.push(key);
        }
    }

    /// Those of the known ones that are gone.
    pub(super) fn end<'a>(&mut self, kind: Kind, known: impl Iterator<Item = &'a Key>) -> Vec<Key> {
        let seen = self.0.remove(&kind).unwrap_or_default();
        let is_gone = |key: &&Key| key.1.kind == kind && !seen.contains(key);
        known.filter(is_gone).cloned().collect()
    }
}

/// What went wrong with a watch, each thing once.
#[derive(Debug, Default)]
pub(super) struct Trouble(String);

impl Trouble {
    /// The watch goes on by itself when the API server is back.
    pub(super) fn tell(&mut self, what: &str, error: &watcher::Error) {
        let failure = Failure::new(format!("watching {what}: {error}; trying again"));
        if self.0 != failure.to_string() {
            self.0 = failure.to_string();
            screen::complain(&failure);
        }
    }

    pub(super) fn is_over(&mut self) {
        self.0.clear();
    }
}

impl Watching {
    /// Works until it is done, the time is over, or nobody reads on.
    pub(super) async fn run(self, work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
        tokio::select! {
            done = work => done,
            () = over(self.timeout.0) => Ok(()),
            () = screen::deserted() => Ok(()),
        }
    }
}

async fn over(limit: Option<Duration>) {
    match limit {
        Some(limit) => tokio::time::sleep(limit).await,
        None => std::future::pending().await,
    }
}
