//! What goes wrong when it is told to, and the log of it.

use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ListParams, Patch, PatchParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use kube::runtime::watcher;
use kube::{Api, ResourceExt as _};
use serde_json::json;
use tokio::time::Instant;

use super::base;
use crate::kubernetes::{Fault, Kubernetes, Matching, Verb, What};

fn maps(server: &Kubernetes) -> Api<ConfigMap> {
    Api::namespaced(server.client(), "default")
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).expect("an object")
}

async fn create(server: &Kubernetes, name: &str) -> ConfigMap {
    maps(server)
        .create(&PostParams::default(), &map(name))
        .await
        .expect("created")
}

fn reads(count: u64, what: What) -> Fault {
    Fault {
        matching: Matching {
            verbs: vec![Verb::Get, Verb::List],
            ..Matching::default()
        },
        skip: 0,
        count,
        what,
    }
}

#[tokio::test(start_paused = true)]
async fn a_fault_strikes_the_next_requests_that_match() {
    let server = Kubernetes::new(base());
    create(&server, "a").await;
    server.fault(Fault {
        skip: 1,
        ..reads(2, What::Refuse(503, "ServiceUnavailable"))
    });
    let api = maps(&server);
    let mut codes = Vec::new();
    for _ in 0..4 {
        codes.push(match api.get("a").await {
            Ok(_) => 200,
            Err(kube::Error::Api(status)) => status.code,
            Err(error) => panic!("{error}"),
        });
    }
    assert_eq!(codes, [200, 503, 503, 200]);
    server.fault(Fault::of_writes(
        "configmaps",
        u64::MAX,
        What::Refuse(500, "InternalError"),
    ));
    api.get("a").await.expect("a read is no write");
    api.create(&PostParams::default(), &map("b"))
        .await
        .expect_err("refused");
    server.clear_faults();
    create(&server, "b").await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_lost_after_the_request_was_carried_out_or_before() {
    let server = Kubernetes::new(base());
    let api = maps(&server);
    server.fault(Fault::of_writes("configmaps", 1, What::LoseAnswer));
    let lost = api.create(&PostParams::default(), &map("a")).await.expect_err("lost");
    assert!(!matches!(lost, kube::Error::Api(_)), "{lost}");
    api.get("a").await.expect("it was carried out");
    server.fault(Fault::of_writes("configmaps", 1, What::LoseRequest));
    api.create(&PostParams::default(), &map("b")).await.expect_err("lost");
    assert!(
        api.get_opt("b").await.expect("read").is_none(),
        "it was not carried out"
    );
}

#[tokio::test(start_paused = true)]
async fn latency_and_silence_pass_in_virtual_time() {
    let server = Kubernetes::new(base());
    create(&server, "a").await;
    server.fault(reads(1, What::Delay(Duration::from_secs(20))));
    let started = Instant::now();
    maps(&server).get("a").await.expect("read");
    assert_eq!(started.elapsed().as_secs(), 20);
    server.fault(reads(1, What::Hang));
    let asked = tokio::time::timeout(Duration::from_hours(1), maps(&server).list(&ListParams::default())).await;
    asked.expect_err("never answered");
    let since = server.now().duration_since(base());
    assert_eq!(since.as_secs(), 3620, "the clock of objects goes by the same time");
    let made = create(&server, "b").await.creation_timestamp().expect("a time").0;
    assert_eq!(made.duration_since(base()).as_secs(), 3620);
}

#[tokio::test(start_paused = true)]
async fn watches_end_break_and_expire() {
    let server = Kubernetes::new(base());
    let version = create(&server, "a").await.resource_version().expect("a version");
    let api = maps(&server);
    let params = WatchParams::default().timeout(200);
    let watch = async || api.watch(&params, &version).await.expect("a watch").boxed();

    let mut closed = watch().await;
    server.end_watches("configmaps");
    assert!(closed.try_next().await.expect("no error").is_none());
    let mut broken = watch().await;
    server.break_watches("configmaps");
    broken.try_next().await.expect_err("broken");
    let mut expired = watch().await;
    create(&server, "b").await;
    assert!(expired.try_next().await.expect("an event").is_some());
    server.expire_watches("configmaps");
    let gone =
        |event: Option<WatchEvent<ConfigMap>>| matches!(event, Some(WatchEvent::Error(error)) if error.code == 410);
    assert!(gone(expired.try_next().await.expect("an event")));
    // So does one that begins before what is remembered, but not one from now on.
    assert!(gone(watch().await.try_next().await.expect("an event")));
    let now = api
        .list(&ListParams::default())
        .await
        .expect("a list")
        .metadata
        .resource_version;
    let mut fresh = api
        .watch(&params, &now.expect("a version"))
        .await
        .expect("a watch")
        .boxed();
    create(&server, "c").await;
    assert!(
        matches!(fresh.try_next().await.expect("an event"), Some(WatchEvent::Added(object)) if object.name_any() == "c")
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_takes_too_long_expires() {
    let server = Kubernetes::new(base());
    for name in ["a", "b", "c"] {
        create(&server, name).await;
    }
    let api = maps(&server);
    let page = api.list(&ListParams::default().limit(1)).await.expect("a page");
    let token = page.metadata.continue_.expect("a token");
    server.expire_watches("configmaps");
    let next = api.list(&ListParams::default().limit(1).continue_token(&token)).await;
    assert!(matches!(next, Err(kube::Error::Api(status)) if status.code == 410));
}

#[tokio::test(start_paused = true)]
async fn bookmarks_come_where_they_are_asked_for() {
    let server = Kubernetes::new(base());
    let version = create(&server, "a").await.resource_version().expect("a version");
    let api = maps(&server);
    let count = async |params: WatchParams| {
        let events = api.watch(&params.timeout(200), &version).await.expect("a watch");
        let all: Vec<WatchEvent<ConfigMap>> = events.try_collect().await.expect("events");
        assert!(all.iter().all(|event| matches!(event, WatchEvent::Bookmark(_))));
        all.len()
    };
    assert_eq!(count(WatchParams::default()).await, 3);
    assert_eq!(count(WatchParams::default().disable_bookmarks()).await, 0);
}

/// The watcher of kube goes through all of it and misses nothing.
#[tokio::test(start_paused = true)]
async fn a_watcher_recovers_from_whatever_happens_to_its_watch() {
    let server = Kubernetes::new(base());
    create(&server, "a").await;
    for semantic in [watcher::ListSemantic::MostRecent, watcher::ListSemantic::Any] {
        let config = watcher::Config {
            list_semantic: semantic,
            ..watcher::Config::default().page_size(1).timeout(50)
        };
        let mut events = watcher(maps(&server), config).boxed();
        let mut names = Vec::new();
        let mut take = async |events: &mut futures::stream::BoxStream<'_, _>, until: &str| {
            while let Some(event) = events.next().await {
                if let Ok(watcher::Event::Apply(object) | watcher::Event::InitApply(object)) = event {
                    let object: ConfigMap = object;
                    names.push(object.name_any());
                    if object.name_any() == until {
                        return;
                    }
                }
            }
        };
        let tag = server.last_request();
        take(&mut events, "a").await;
        for (place, end) in [
            Kubernetes::end_watches,
            Kubernetes::break_watches,
            Kubernetes::expire_watches,
        ]
        .iter()
        .enumerate()
        {
            end(&server, "configmaps");
            let name = format!("m{tag}-{place}");
            create(&server, &name).await;
            take(&mut events, &name).await;
            tokio::time::sleep(Duration::from_mins(2)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_log_tells_what_was_asked_and_when() {
    let server = Kubernetes::new(base());
    create(&server, "a").await;
    let seen = server.last_request();
    tokio::time::sleep(Duration::from_secs(5)).await;
    maps(&server).get("b").await.expect_err("there is none");
    let patch = json!({"data": {"a": "b"}});
    maps(&server)
        .patch("a", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .expect("patched");
    let log = server.requests(seen);
    let told: Vec<_> = log
        .iter()
        .map(|entry| (entry.verb, entry.path.as_str(), entry.status))
        .collect();
    let path = "/api/v1/namespaces/default/configmaps";
    let (a, b) = (format!("{path}/a"), format!("{path}/b"));
    assert_eq!(told, [(Verb::Get, b.as_str(), 404), (Verb::Patch, a.as_str(), 200)]);
    assert_eq!(log[0].time.to_string(), "2026-01-31T12:00:05Z");
    assert_eq!(log[0].seq, seen + 1);
    assert!(!log[0].verb.is_write() && log[1].verb.is_write());
}

#[tokio::test(start_paused = true)]
async fn owners_of_fields_can_be_looked_at() {
    let server = Kubernetes::new(base());
    let sent = |data: serde_json::Value| {
        Patch::Apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}))
    };
    let api = maps(&server);
    api.patch("a", &PatchParams::apply("x"), &sent(json!({"k": "1", "l": "1"})))
        .await
        .expect("applied");
    api.patch("a", &PatchParams::apply("y"), &sent(json!({"l": "1"})))
        .await
        .expect("applied");
    let owners = server.owners("configmaps", "default", "a");
    assert_eq!(owners["x Apply"], ["/data/k", "/data/l"]);
    assert_eq!(owners["y Apply"], ["/data/l"]);
    // What two own goes when both have let go of it.
    api.patch("a", &PatchParams::apply("x"), &sent(json!({"k": "1"})))
        .await
        .expect("applied");
    let data =
        |server: &Kubernetes| server.get("configmaps", "default", "a").expect("the object").value["data"].clone();
    assert_eq!(data(&server), json!({"k": "1", "l": "1"}));
    api.patch("a", &PatchParams::apply("y"), &sent(json!({})))
        .await
        .expect("applied");
    assert_eq!(data(&server), json!({"k": "1"}));
    assert_eq!(server.all("configmaps").len(), 1);
}
