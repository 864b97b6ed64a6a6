//! Objects as they are read: one, in lists and by watches.

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use kube::{Api, Client, ResourceExt as _};
use serde_json::json;

use super::{code, config_map, config_maps, create, merge, object, objects, version};

pub(in crate::kubernetes::tests) async fn a_created_object_gets_identity_defaults_and_no_status(
    client: Client,
    namespace: String,
) {
    let api = objects(&client, &namespace);
    let mut wanted = object("web");
    wanted.data["status"] = json!({"dnsName": "mine"});
    wanted.data["spec"]["unheardOf"] = json!(1);
    let made = create(&api, &wanted).await;
    assert_eq!(made.metadata.generation, Some(1));
    assert_eq!(made.namespace(), Some(namespace));
    assert!(made.uid().is_some() && made.creation_timestamp().is_some() && made.resource_version().is_some());
    assert_eq!(made.data["status"], json!({"observedGeneration": -1}));
    assert_eq!(made.data["spec"]["scheme"], "internet-facing");
    assert_eq!(made.data["spec"].get("unheardOf"), None);
    let read = api.get("web").await.expect("read");
    assert_eq!((version(&read), &read.data), (version(&made), &made.data));
    let other = create(&api, &object("other")).await;
    assert_ne!(other.uid(), made.uid());
}

pub(in crate::kubernetes::tests) async fn a_name_is_taken_once(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let again = api.create(&PostParams::default(), &object("web")).await;
    assert_eq!(code(again), (409, "AlreadyExists".to_owned()));
    assert_eq!(code(api.get("nobody").await), (404, "NotFound".to_owned()));
    assert_eq!(code(api.delete("nobody", &DeleteParams::default()).await).0, 404);
}

pub(in crate::kubernetes::tests) async fn a_list_comes_in_pages_of_one_moment(client: Client, namespace: String) {
    let api = config_maps(&client, &namespace);
    for number in 0..5 {
        create(&api, &config_map(&format!("m{number}"), &json!({}), &json!({}))).await;
    }
    let mine = |list: &kube::core::ObjectList<DynamicObject>| -> Vec<String> {
        list.items
            .iter()
            .map(kube::ResourceExt::name_any)
            .filter(|name| name.starts_with('m'))
            .collect()
    };
    let fields = ListParams::default().limit(2);
    let first = api.list(&fields).await.expect("a page");
    assert_eq!(first.items.len(), 2);
    // What is made meanwhile belongs to a later moment.
    create(&api, &config_map("m9", &json!({}), &json!({}))).await;
    let (mut seen, mut page) = (mine(&first), first.clone());
    while let Some(token) = page.metadata.continue_.clone().filter(|token| !token.is_empty()) {
        page = api.list(&fields.clone().continue_token(&token)).await.expect("a page");
        assert_eq!(page.metadata.resource_version, first.metadata.resource_version);
        seen.extend(mine(&page));
    }
    assert_eq!(seen, ["m0", "m1", "m2", "m3", "m4"]);
    let labelled = api
        .list(&ListParams::default().fields("metadata.name=m9"))
        .await
        .expect("a list");
    assert_eq!(mine(&labelled), ["m9"]);
}

pub(in crate::kubernetes::tests) async fn metadata_alone_can_be_read(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let made = create(&api, &object("web")).await;
    let one = api.get_metadata("web").await.expect("metadata");
    assert_eq!(one.metadata.uid, made.metadata.uid);
    assert_eq!(
        one.types.as_ref().map(|types| types.kind.as_str()),
        Some("PartialObjectMetadata")
    );
    let list = api.list_metadata(&ListParams::default()).await.expect("a list");
    assert_eq!(list.items.len(), 1);
    assert_eq!(list.items[0].metadata.uid, made.metadata.uid);
    let patch = json!({"metadata": {"labels": {"a": "b"}}});
    let patched = api
        .patch_metadata("web", &PatchParams::default(), &Patch::Merge(patch))
        .await
        .expect("patched");
    assert_eq!(patched.labels().get("a").map(String::as_str), Some("b"));
}

/// The next events of a watch: what happened to which object.
async fn events(api: &Api<DynamicObject>, params: &WatchParams, from: &str, count: usize) -> Vec<(String, String)> {
    let stream = api.watch(params, from).await.expect("a watch");
    let all = stream.map_ok(|event| match event {
        WatchEvent::Added(object) => ("ADDED".to_owned(), object.name_any()),
        WatchEvent::Modified(object) => ("MODIFIED".to_owned(), object.name_any()),
        WatchEvent::Deleted(object) => ("DELETED".to_owned(), object.name_any()),
        WatchEvent::Bookmark(_) => ("BOOKMARK".to_owned(), String::new()),
        WatchEvent::Error(error) => ("ERROR".to_owned(), error.code.to_string()),
    });
    all.take(count).try_collect().await.expect("events")
}

fn told(events: &[(&str, &str)]) -> Vec<(String, String)> {
    events
        .iter()
        .map(|(what, name)| ((*what).to_owned(), (*name).to_owned()))
        .collect()
}

pub(in crate::kubernetes::tests) async fn a_watch_tells_of_what_happened_since(client: Client, namespace: String) {
    let api = config_maps(&client, &namespace);
    let first = create(&api, &config_map("first", &json!({}), &json!({}))).await;
    create(&api, &config_map("second", &json!({}), &json!({}))).await;
    merge(&api, "first", json!({"data": {"a": "b"}}))
        .await
        .expect("patched");
    api.delete("second", &DeleteParams::default()).await.expect("deleted");
    let params = WatchParams::default().timeout(20).disable_bookmarks();
    let seen = events(&api, &params, &version(&first), 3).await;
    assert_eq!(
        seen,
        told(&[("ADDED", "second"), ("MODIFIED", "first"), ("DELETED", "second")])
    );
    // What is there comes first where no version is named, and then what happens meanwhile.
    let params = params.fields("metadata.name=first");
    let (seen, ()) = futures::join!(events(&api, &params, "0", 2), async {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        merge(&api, "first", json!({"data": {"a": "c"}}))
            .await
            .expect("patched");
    });
    assert_eq!(seen, told(&[("ADDED", "first"), ("MODIFIED", "first")]));
}

pub(in crate::kubernetes::tests) async fn a_watch_with_labels_tells_of_what_comes_and_goes(
    client: Client,
    namespace: String,
) {
    let api = config_maps(&client, &namespace);
    let first = create(&api, &config_map("a", &json!({}), &json!({}))).await;
    for role in ["web", "web2", "web"] {
        merge(&api, "a", json!({"metadata": {"labels": {"role": role}}}))
            .await
            .expect("patched");
    }
    api.delete("a", &DeleteParams::default()).await.expect("deleted");
    let params = WatchParams::default()
        .labels("role=web")
        .timeout(20)
        .disable_bookmarks();
    let seen = events(&api, &params, &version(&first), 4).await;
    assert_eq!(
        seen,
        told(&[("ADDED", "a"), ("DELETED", "a"), ("ADDED", "a"), ("DELETED", "a")])
    );
}

pub(in crate::kubernetes::tests) async fn a_watch_ends_after_its_timeout(client: Client, namespace: String) {
    let api = config_maps(&client, &namespace);
    let first = create(&api, &config_map("a", &json!({}), &json!({}))).await;
    let params = WatchParams::default().timeout(1).disable_bookmarks();
    assert_eq!(events(&api, &params, &version(&first), usize::MAX).await, told(&[]));
}
