use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::reflector;

use super::*;

fn object(namespace: &str, name: &str, uid: &str) -> ConfigMap {
    bare(ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
        uid: Some(uid.to_owned()),
        ..ObjectMeta::default()
    })
}

fn bare(metadata: ObjectMeta) -> ConfigMap {
    ConfigMap {
        metadata,
        ..ConfigMap::default()
    }
}

fn broken<K>() -> News<K> {
    Err(Error::NoResourceVersion)
}

/// The merged watch of namespaces `a` and `b`, and a store that is fed by it.
struct Site {
    merge: Merge<ConfigMap>,
    writer: reflector::store::Writer<ConfigMap>,
    store: reflector::Store<ConfigMap>,
}

impl Site {
    fn new() -> Self {
        let (store, mut writer) = reflector::store();
        writer.apply_watcher_event(&Event::Init);
        Self {
            merge: Merge::new(2, bare),
            writer,
            store,
        }
    }

    /// One of the two tells this: what is told on, in short.
    fn tell(&mut self, at: usize, news: News<ConfigMap>) -> Vec<String> {
        let told = self.merge.take(at, news);
        let short = |news: &News<ConfigMap>| match news {
            Ok(Event::Init) => "init".to_owned(),
            Ok(Event::InitApply(object)) => format!("listed {}", object.name_any()),
            Ok(Event::InitDone) => "done".to_owned(),
            Ok(Event::Apply(object)) => format!("changed {}", object.name_any()),
            Ok(Event::Delete(object)) => format!("gone {} {}", object.name_any(), object.uid().unwrap_or_default()),
            Err(_) => "broken".to_owned(),
        };
        for event in told.iter().flatten() {
            self.writer.apply_watcher_event(event);
        }
        told.iter().map(short).collect()
    }

    /// A whole list of these names, whose UIDs are the same.
    fn list(&mut self, at: usize, namespace: &str, names: &[&str]) -> Vec<String> {
        let mut told = self.tell(at, Ok(Event::Init));
        for name in names {
            told.extend(self.tell(at, Ok(Event::InitApply(object(namespace, name, name)))));
        }
        told.extend(self.tell(at, Ok(Event::InitDone)));
        told
    }

    fn stored(&self) -> BTreeSet<String> {
        let state = self.store.state();
        let full = |object: &std::sync::Arc<ConfigMap>| {
            format!("{}/{}", object.namespace().unwrap_or_default(), object.name_any())
        };
        state.iter().map(full).collect()
    }
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn the_first_list_ends_when_all_were_listed() {
    let mut site = Site::new();
    assert_eq!(site.list(0, "a", &["one", "two"]), ["listed one", "listed two"]);
    // The first goes on while the other is still listed: that waits, since a store would take it for an older state.
    assert!(site.tell(0, Ok(Event::Apply(object("a", "three", "3")))).is_empty());
    assert!(site.tell(0, Ok(Event::Delete(object("a", "one", "one")))).is_empty());
    assert!(site.stored().is_empty());
    let told = site.list(1, "b", &["one"]);
    assert_eq!(told, ["listed one", "done", "changed three", "gone one one"]);
    assert_eq!(site.stored(), set(&["a/two", "a/three", "b/one"]));
}

#[test]
fn a_later_list_of_one_namespace_forgets_nothing_of_the_other() {
    let mut site = Site::new();
    site.list(0, "a", &["one", "two"]);
    site.list(1, "b", &["one"]);
    assert_eq!(
        site.list(0, "a", &["two", "new"]),
        ["changed two", "changed new", "gone one one"]
    );
    assert_eq!(site.stored(), set(&["a/two", "a/new", "b/one"]));
    // One that broke off begins anew and proves nothing by what it did not bring.
    site.tell(0, Ok(Event::Init));
    assert_eq!(site.tell(0, broken()), ["broken"]);
    assert_eq!(site.list(0, "a", &["new"]), ["changed new", "gone two two"]);
    assert_eq!(site.stored(), set(&["a/new", "b/one"]));
}

#[test]
fn one_that_was_made_again_between_two_lists_is_told_as_gone_first() {
    let mut site = Site::new();
    site.list(0, "a", &["one"]);
    site.list(1, "b", &[]);
    site.tell(0, Ok(Event::Init));
    let told = site.tell(0, Ok(Event::InitApply(object("a", "one", "other"))));
    assert_eq!(told, ["gone one one", "changed one"]);
    assert!(site.tell(0, Ok(Event::InitDone)).is_empty());
    assert_eq!(site.stored(), set(&["a/one"]));
}

#[test]
fn a_namespace_that_cannot_be_listed_holds_up_no_other_and_its_failure_is_told_last() {
    let mut site = Site::new();
    assert!(site.tell(0, broken()).is_empty());
    // Whoever takes the end of the list for a sign of health hears of the failure after it.
    assert_eq!(site.list(1, "b", &["one"]), ["listed one", "done", "broken"]);
    assert_eq!(site.tell(0, broken()), ["broken"]);
    assert_eq!(site.list(0, "a", &["late"]), ["changed late"]);
    assert_eq!(site.stored(), set(&["a/late", "b/one"]));
}

#[test]
fn what_a_broken_first_list_brought_and_the_next_did_not_is_gone() {
    let mut site = Site::new();
    site.tell(0, Ok(Event::Init));
    site.tell(0, Ok(Event::InitApply(object("a", "one", "one"))));
    assert!(site.tell(0, broken()).is_empty());
    assert!(site.list(0, "a", &["two"]).contains(&"listed two".to_owned()));
    site.list(1, "b", &[]);
    assert_eq!(site.stored(), set(&["a/two"]));
}
