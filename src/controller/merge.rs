//! One watch of several namespaces, which tells of them as a watch of the whole cluster would.
//!
//! A store takes a list for everything there is and forgets the rest, so only one list can be told as such: the first,
//! which ends when every namespace was heard. Whatever a namespace lists afterwards is told as single changes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use futures::stream::{self, BoxStream, StreamExt as _};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Error, Event, watcher};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

/// What a watch tells.
type News<K> = Result<Event<K>, Error>;

/// Watches everything in these. `bare` makes an object of its name, its namespace and its UID, for those that were
/// there before a list and are not in it.
pub(super) fn watch<K>(
    apis: Vec<Api<K>>,
    config: &watcher::Config,
    bare: fn(ObjectMeta) -> K,
) -> BoxStream<'static, News<K>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let mut merge = Merge::new(apis.len(), bare);
    let watches = apis
        .into_iter()
        .map(|api| watcher(api, config.clone()).default_backoff());
    let mut watches: Vec<_> = watches.map(stream::StreamExt::boxed).collect();
    if watches.len() == 1 {
        return watches.remove(0);
    }
    let numbered = watches
        .into_iter()
        .enumerate()
        .map(|(at, watch)| watch.map(move |news| (at, news)));
    let told = stream::select_all(numbered).flat_map(move |(at, news)| stream::iter(merge.take(at, news)));
    stream::iter([Ok(Event::Init)]).chain(told).boxed()
}

/// What is known of one namespace.
#[derive(Debug, Default)]
struct Part {
    /// Whether it was listed, or could not be.
    heard: bool,
    namespace: Option<String>,
    /// UIDs by name.
    known: BTreeMap<String, Option<String>>,
    /// The names that a list under way has brought so far.
    listing: BTreeSet<String>,
}

impl Part {
    /// Takes in an object that is there. The one whose place it took, if it is another one.
    fn enter<K: Resource>(&mut self, object: &K) -> Option<ObjectMeta> {
        let (name, uid) = (object.name_any(), object.uid());
        self.namespace = object.namespace();
        match self.known.insert(name.clone(), uid.clone()) {
            Some(before) if before != uid => Some(self.metadata(name, before)),
            _ => None,
        }
    }

    /// Those that the list did not bring.
    fn gone(&mut self) -> Vec<ObjectMeta> {
        let listing = std::mem::take(&mut self.listing);
        let names: Vec<String> = self
            .known
            .keys()
            .filter(|name| !listing.contains(*name))
            .cloned()
            .collect();
        let left = names.into_iter().map(|name| {
            let uid = self.known.remove(&name).flatten();
            self.metadata(name, uid)
        });
        left.collect()
    }

    fn metadata(&self, name: String, uid: Option<String>) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: self.namespace.clone(),
            uid,
            ..ObjectMeta::default()
        }
    }
}

/// The watches of the namespaces, seen as one.
struct Merge<K> {
    parts: Vec<Part>,
    bare: fn(ObjectMeta) -> K,
    /// What came beside the first list, to be told after it; `None` once that has ended.
    held: Option<Vec<News<K>>>,
}

impl<K: Resource> Merge<K> {
    fn new(parts: usize, bare: fn(ObjectMeta) -> K) -> Self {
        Self {
            parts: std::iter::repeat_with(Part::default).take(parts).collect(),
            bare,
            held: Some(Vec::new()),
        }
    }

    /// What is to be told when the watch of one namespace tells this.
    fn take(&mut self, at: usize, news: News<K>) -> Vec<News<K>> {
        let bare = self.bare;
        let Some(part) = self.parts.get_mut(at) else {
            return Vec::new();
        };
        let gone = |left: Vec<ObjectMeta>| left.into_iter().map(move |metadata| Ok(Event::Delete(bare(metadata))));
        let told: Vec<News<K>> = match news {
            Ok(Event::Init) => {
                part.listing.clear();
                Vec::new()
            }
            Ok(Event::InitApply(object)) => {
                part.listing.insert(object.name_any());
                let replaced = part.enter(&object);
                if self.held.is_some() {
                    return vec![Ok(Event::InitApply(object))];
                }
                gone(replaced.into_iter().collect())
                    .chain([Ok(Event::Apply(object))])
                    .collect()
            }
            Ok(Event::InitDone) => {
                part.heard = true;
                gone(part.gone()).collect()
            }
            Ok(Event::Apply(object)) => {
                part.enter(&object);
                vec![Ok(Event::Apply(object))]
            }
            Ok(Event::Delete(object)) => {
                part.known.remove(&object.name_any());
                vec![Ok(Event::Delete(object))]
            }
            // A namespace that cannot be listed does not keep the others waiting.
            Err(error) => {
                part.heard = true;
                vec![Err(error)]
            }
        };
        self.in_turn(told)
    }

    /// Holds back what comes before the first list has ended, and ends that when all were heard.
    fn in_turn(&mut self, told: Vec<News<K>>) -> Vec<News<K>> {
        let Some(held) = &mut self.held else {
            return told;
        };
        held.extend(told);
        if !self.parts.iter().all(|part| part.heard) {
            return Vec::new();
        }
        let held = self.held.take().unwrap_or_default();
        std::iter::once(Ok(Event::InitDone)).chain(held).collect()
    }
}

#[cfg(test)]
mod tests;
