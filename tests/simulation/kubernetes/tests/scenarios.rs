//! What holds of every API server.

use std::future::Future;
use std::pin::Pin;

use futures::{StreamExt as _, TryStreamExt as _};
use kube::api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchParams};
use kube::core::WatchEvent;
use kube::core::gvk::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

/// Something that must hold of the API server behind a client, in a namespace of its own.
pub(super) type Scenario = fn(Client, String) -> Pin<Box<dyn Future<Output = ()> + Send>>;

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

fn objects(client: &Client, namespace: &str) -> Api<DynamicObject> {
    let resource = resource("classiclb.dev", "v1alpha1", "ClassicLoadBalancer");
    Api::namespaced_with(client.clone(), namespace, &resource)
}

fn config_maps(client: &Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), namespace, &resource("", "v1", "ConfigMap"))
}

/// An object that the definition permits.
fn object(name: &str) -> DynamicObject {
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1",
        "kind": "ClassicLoadBalancer",
        "metadata": {"name": name},
        "spec": {
            "region": "us-east-1",
            "availabilityZones": ["us-east-1a"],
            "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080}],
        },
    });
    serde_json::from_value(object).expect("an object")
}

fn config_map(name: &str, labels: &Value, data: &Value) -> DynamicObject {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": labels}, "data": data,
    });
    serde_json::from_value(object).expect("an object")
}

async fn create(api: &Api<DynamicObject>, object: &DynamicObject) -> DynamicObject {
    api.create(&PostParams::default(), object).await.expect("created")
}

async fn merge(api: &Api<DynamicObject>, name: &str, patch: Value) -> kube::Result<DynamicObject> {
    api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await
}

async fn apply(api: &Api<DynamicObject>, manager: &str, force: bool, object: Value) -> kube::Result<DynamicObject> {
    let params = PatchParams {
        force,
        ..PatchParams::apply(manager)
    };
    let name = object["metadata"]["name"].as_str().expect("a name").to_owned();
    api.patch(&name, &params, &Patch::Apply(object)).await
}

async fn apply_status(api: &Api<DynamicObject>, manager: &str, status: Value) -> kube::Result<DynamicObject> {
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1",
        "kind": "ClassicLoadBalancer",
        "metadata": {"name": "web"},
        "status": status,
    });
    api.patch_status("web", &PatchParams::apply(manager).force(), &Patch::Apply(object))
        .await
}

/// The status code of a refusal.
fn code<T: std::fmt::Debug>(result: kube::Result<T>) -> (u16, String) {
    match result {
        Err(kube::Error::Api(status)) => (status.code, status.reason.clone()),
        other => panic!("not refused: {other:?}"),
    }
}

fn version(object: &DynamicObject) -> String {
    object.resource_version().expect("a version")
}

pub(super) async fn a_created_object_gets_identity_defaults_and_no_status(client: Client, namespace: String) {
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

pub(super) async fn a_name_is_taken_once(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let again = api.create(&PostParams::default(), &object("web")).await;
    assert_eq!(code(again), (409, "AlreadyExists".to_owned()));
    assert_eq!(code(api.get("nobody").await), (404, "NotFound".to_owned()));
    assert_eq!(code(api.delete("nobody", &DeleteParams::default()).await).0, 404);
}

pub(super) async fn a_list_comes_in_pages_of_one_moment(client: Client, namespace: String) {
    let api = config_maps(&client, &namespace);
    for number in 0..5 {
        create(&api, &config_map(&format!("m{number}"), &json!({}), &json!({}))).await;
    }
    let mine = |list: &kube::core::ObjectList<DynamicObject>| -> Vec<String> {
        list.items
            .iter()
            .map(|object| object.name_any())
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

pub(super) async fn metadata_alone_can_be_read(client: Client, namespace: String) {
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

pub(super) async fn a_watch_tells_of_what_happened_since(client: Client, namespace: String) {
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

pub(super) async fn a_watch_with_labels_tells_of_what_comes_and_goes(client: Client, namespace: String) {
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

pub(super) async fn a_watch_ends_after_its_timeout(client: Client, namespace: String) {
    let api = config_maps(&client, &namespace);
    let first = create(&api, &config_map("a", &json!({}), &json!({}))).await;
    let params = WatchParams::default().timeout(1).disable_bookmarks();
    assert_eq!(events(&api, &params, &version(&first), usize::MAX).await, told(&[]));
}

pub(super) async fn a_replacement_needs_the_latest_version(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let made = create(&api, &object("web")).await;
    let mut wanted = made.clone();
    wanted.data["spec"]["listeners"][0]["instancePort"] = json!(9090);
    let replaced = api
        .replace("web", &PostParams::default(), &wanted)
        .await
        .expect("replaced");
    assert_eq!(replaced.data["spec"]["listeners"][0]["instancePort"], 9090);
    assert_eq!(
        code(api.replace("web", &PostParams::default(), &wanted).await),
        (409, "Conflict".to_owned())
    );
    wanted.metadata.resource_version = None;
    assert_eq!(code(api.replace("web", &PostParams::default(), &wanted).await).0, 422);
}

pub(super) async fn a_merge_patch_keeps_what_it_does_not_name(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let patch = json!({"spec": {"tags": {"a": "1", "b": "2"}, "adopt": true}});
    let patched = merge(&api, "web", patch).await.expect("patched");
    assert_eq!(patched.data["spec"]["region"], "us-east-1");
    let patch = json!({"spec": {"tags": {"a": null}, "adopt": null}});
    let patched = merge(&api, "web", patch).await.expect("patched");
    assert_eq!(patched.data["spec"]["tags"], json!({"b": "2"}));
    assert_eq!(patched.data["spec"].get("adopt"), None);
    assert_eq!(code(merge(&api, "nobody", json!({})).await).0, 404);
}

pub(super) async fn a_merge_patch_can_name_a_version(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let made = create(&api, &object("web")).await;
    let patch = json!({"metadata": {"resourceVersion": version(&made), "finalizers": ["example.com/a"]}});
    let patched = merge(&api, "web", patch.clone()).await.expect("patched");
    assert_eq!(patched.finalizers(), ["example.com/a"]);
    let patch = json!({"metadata": {"resourceVersion": version(&made), "finalizers": ["example.com/b"]}});
    assert_eq!(code(merge(&api, "web", patch).await), (409, "Conflict".to_owned()));
    merge(&api, "web", json!({"metadata": {"finalizers": null}}))
        .await
        .expect("patched");
}

pub(super) async fn a_write_names_the_object_it_means(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let other = "00000000-1111-4222-8333-444444444444";
    let meta = json!({"name": "web", "uid": other});
    // A patch would change the UID, which cannot be; a replacement means another object.
    assert_eq!(
        code(merge(&api, "web", json!({"metadata": meta})).await),
        (422, "Invalid".to_owned())
    );
    let sent = |part: &str, value: Value| {
        let (version, kind) = ("classiclb.dev/v1alpha1", "ClassicLoadBalancer");
        json!({"apiVersion": version, "kind": kind, "metadata": meta, part: value})
    };
    let applied = apply(&api, "operator", true, sent("spec", json!({"adopt": true}))).await;
    assert_eq!(code(applied), (422, "Invalid".to_owned()));
    let mut whole = api.get("web").await.expect("read");
    whole.metadata.uid = Some(other.to_owned());
    let replaced = api.replace("web", &PostParams::default(), &whole).await;
    assert_eq!(code(replaced), (409, "Conflict".to_owned()));
    let replaced = api.replace_status("web", &PostParams::default(), &whole).await;
    assert_eq!(code(replaced), (409, "Conflict".to_owned()));
    let precondition = DeleteParams {
        preconditions: Some(kube::api::Preconditions {
            uid: Some(other.to_owned()),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    assert_eq!(
        code(api.delete("web", &precondition).await),
        (409, "Conflict".to_owned())
    );
    assert_eq!(
        api.get("web").await.expect("read").data["status"],
        json!({"observedGeneration": -1})
    );
}

pub(super) async fn a_json_patch_is_carried_out_whole_or_not_at_all(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let path = format!("/apis/classiclb.dev/v1alpha1/namespaces/{namespace}/classicloadbalancers/web");
    let send = async |patch: Value| {
        let request = http::Request::patch(&path).header("content-type", "application/json-patch+json");
        client
            .request::<DynamicObject>(request.body(patch.to_string().into_bytes()).expect("a request"))
            .await
    };
    let patched = send(json!([
        {"op": "test", "path": "/spec/region", "value": "us-east-1"},
        // What is absent is as good as null.
        {"op": "test", "path": "/metadata/finalizers", "value": null},
        {"op": "add", "path": "/metadata/finalizers", "value": ["example.com/a", "example.com/b"]},
        {"op": "replace", "path": "/spec/listeners/0/instancePort", "value": 9090},
        {"op": "remove", "path": "/metadata/finalizers/0"},
    ]));
    let patched = patched.await.expect("patched");
    assert_eq!(patched.finalizers(), ["example.com/b"]);
    assert_eq!(patched.data["spec"]["listeners"][0]["instancePort"], 9090);
    let refused = send(json!([
        {"op": "remove", "path": "/metadata/finalizers/0"},
        {"op": "test", "path": "/metadata/finalizers/0", "value": "example.com/a"},
    ]));
    assert_eq!(code(refused.await), (422, "Invalid".to_owned()));
    assert_eq!(
        code(send(json!([{"op": "remove", "path": "/spec/nothing"}])).await).0,
        422
    );
    assert_eq!(api.get("web").await.expect("read").finalizers(), ["example.com/b"]);
    merge(&api, "web", json!({"metadata": {"finalizers": null}}))
        .await
        .expect("patched");
}

pub(super) async fn the_generation_counts_changes_of_the_spec(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let labelled = merge(&api, "web", json!({"metadata": {"labels": {"a": "b"}}}))
        .await
        .expect("patched");
    assert_eq!(labelled.metadata.generation, Some(1));
    apply_status(&api, "operator", json!({"dnsName": "a"}))
        .await
        .expect("applied");
    assert_eq!(api.get("web").await.expect("read").metadata.generation, Some(1));
    let changed = merge(&api, "web", json!({"spec": {"tags": {"a": "b"}}}))
        .await
        .expect("patched");
    assert_eq!(changed.metadata.generation, Some(2));
    let made = create(
        &config_maps(&client, &namespace),
        &config_map("a", &json!({}), &json!({})),
    )
    .await;
    assert_eq!(made.metadata.generation, None);
}

pub(super) async fn the_status_is_written_apart(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let patch = json!({"status": {"dnsName": "a"}, "metadata": {"labels": {"a": "b"}}});
    let patched = merge(&api, "web", patch.clone()).await.expect("patched");
    assert_eq!(patched.data["status"], json!({"observedGeneration": -1}));
    let patch = json!({"status": {"dnsName": "a"}, "spec": {"tags": {"a": "b"}}, "metadata": {"labels": {"a": "c"}}});
    let params = PatchParams::default();
    let patched = api
        .patch_status("web", &params, &Patch::Merge(patch))
        .await
        .expect("patched");
    assert_eq!(patched.data["status"]["dnsName"], "a");
    assert_eq!(patched.data["spec"].get("tags"), None);
    assert_eq!(patched.labels().get("a").map(String::as_str), Some("b"));
}

pub(super) async fn an_applied_status_holds_what_was_sent_last(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let first = json!({
        "observedGeneration": 1, "dnsName": "a", "plan": ["one", "two"],
        "instances": {"summary": "1/1", "desired": 1, "registered": 1, "inService": 1, "outOfService": 0, "draining": 0,
            "items": [{"id": "i-1", "state": "InService"}]},
    });
    let applied = apply_status(&api, "operator", first.clone()).await.expect("applied");
    assert_eq!(applied.data["status"], first);
    let second = json!({
        "observedGeneration": 1, "dnsName": "a",
        "instances": {"summary": "0/0", "desired": 0, "registered": 0, "inService": 0, "outOfService": 0, "draining": 0},
    });
    let applied = apply_status(&api, "operator", second.clone()).await.expect("applied");
    assert_eq!(applied.data["status"], second);
    assert_eq!(
        code(apply(&api, "operator", true, json!({"metadata": {"name": "web"}})).await).0,
        400
    );
}

pub(super) async fn what_empties_under_server_side_apply(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let first = json!({"observedGeneration": 1, "applied": {"fields": ["healthCheck"], "tagKeys": ["a"]}});
    apply_status(&api, "operator", first).await.expect("applied");
    let applied = apply_status(&api, "operator", json!({"observedGeneration": 1}))
        .await
        .expect("applied");
    assert_eq!(applied.data["status"], json!({"observedGeneration": 1}));
    // What is sent empty in the place of members that go is made null, which the schema refuses.
    let sent = |check: Option<Value>| {
        let mut object = serde_json::to_value(object("other")).expect("JSON");
        if let Some(check) = check {
            object["spec"]["healthCheck"] = check;
        }
        object
    };
    let ten = Some(json!({"intervalSeconds": 10}));
    apply(&api, "user", false, sent(ten)).await.expect("applied");
    let empty = apply(&api, "user", false, sent(Some(json!({})))).await;
    assert_eq!(code(empty).0, 422);
    let applied = apply(&api, "user", false, sent(None)).await.expect("applied");
    assert_eq!(applied.data["spec"].get("healthCheck"), None);
    let applied = apply(&api, "user", false, sent(Some(json!({}))))
        .await
        .expect("applied");
    assert_eq!(applied.data["spec"]["healthCheck"], json!({}));
}

pub(super) async fn null_is_as_good_as_absent(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let mut wanted = object("web");
    wanted.data["spec"]["adopt"] = Value::Null;
    wanted.data["spec"]["healthCheck"] = Value::Null;
    wanted.data["spec"]["scheme"] = Value::Null;
    let made = create(&api, &wanted).await;
    assert_eq!(made.data["spec"].get("adopt"), None);
    assert_eq!(made.data["spec"].get("healthCheck"), None);
    assert_eq!(made.data["spec"]["scheme"], "internet-facing");
}

/// So a status can reach an object that has taken the name meanwhile, unless the version is named.
pub(super) async fn a_patch_of_the_status_does_not_look_at_the_uid(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let made = create(&api, &object("web")).await;
    let patch = |name: &str, value: &str| {
        json!({
            "apiVersion": "classiclb.dev/v1alpha1",
            "kind": "ClassicLoadBalancer",
            "metadata": {"name": "web", name: value},
            "status": {"dnsName": name},
        })
    };
    let operator = PatchParams::apply("operator").force();
    let (uid, plain) = ("00000000-1111-4222-8333-444444444444", PatchParams::default());
    let applied = api
        .patch_status("web", &operator, &Patch::Apply(patch("uid", uid)))
        .await;
    let applied = applied.expect("applied");
    assert_eq!(
        (applied.uid(), &applied.data["status"]["dnsName"]),
        (made.uid(), &json!("uid"))
    );
    let merged = api.patch_status("web", &plain, &Patch::Merge(patch("uid", uid))).await;
    assert_eq!(merged.expect("patched").uid(), made.uid());
    let stale = patch("resourceVersion", "1");
    let applied = api.patch_status("web", &operator, &Patch::Apply(stale.clone())).await;
    assert_eq!(code(applied), (409, "Conflict".to_owned()));
    let merged = api.patch_status("web", &plain, &Patch::Merge(stale)).await;
    assert_eq!(code(merged), (409, "Conflict".to_owned()));
}

fn condition(kind: &str, status: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "Because", "message": "", "observedGeneration": 1,
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    })
}

fn types(object: &DynamicObject) -> Vec<String> {
    let conditions = object.data["status"]["conditions"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let kind = |condition: &Value| condition["type"].as_str().unwrap_or_default().to_owned();
    conditions.iter().map(kind).collect()
}

pub(super) async fn applied_conditions_leave_room_for_others(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let foreign = json!({"conditions": [condition("Foreign", "True")]});
    apply_status(&api, "somebody", foreign).await.expect("applied");
    let ours =
        |kinds: &[&str]| json!({"conditions": kinds.iter().map(|kind| condition(kind, "True")).collect::<Vec<_>>()});
    let applied = apply_status(&api, "operator", ours(&["Ready", "Accepted"]))
        .await
        .expect("applied");
    assert_eq!(types(&applied), ["Foreign", "Ready", "Accepted"]);
    let applied = apply_status(&api, "operator", ours(&["Ready", "Stalled", "Accepted"]))
        .await
        .expect("applied");
    assert_eq!(types(&applied), ["Foreign", "Ready", "Stalled", "Accepted"]);
    let applied = apply_status(&api, "operator", ours(&["Ready"])).await.expect("applied");
    assert_eq!(types(&applied), ["Foreign", "Ready"]);
    assert_eq!(applied.data["status"]["observedGeneration"], -1);
}

pub(super) async fn an_applied_field_of_another_manager_conflicts(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let mut first = serde_json::to_value(object("web")).expect("JSON");
    apply(&api, "first", false, first.clone()).await.expect("applied");
    let sent = |port: u16| {
        json!({
            "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "web"},
            "spec": {"listeners": [{"port": 80, "instancePort": port}]},
        })
    };
    apply(&api, "second", false, sent(8080))
        .await
        .expect("the same value is no conflict");
    assert_eq!(
        code(apply(&api, "third", false, sent(9090)).await),
        (409, "Conflict".to_owned())
    );
    let applied = apply(&api, "third", true, sent(9090)).await.expect("applied");
    assert_eq!(applied.data["spec"]["listeners"][0]["instancePort"], 9090);
    assert_eq!(applied.data["spec"]["listeners"][0]["protocol"], "HTTP");
    assert_eq!(code(apply(&api, "first", false, first.clone()).await).0, 409);
    first["spec"]["listeners"][0]["instancePort"] = json!(9090);
    apply(&api, "first", false, first).await.expect("the same value again");
    // A write that is no apply takes a field over too.
    merge(
        &api,
        "web",
        json!({"spec": {"listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 7070}]}}),
    )
    .await
    .expect("patched");
    assert_eq!(code(apply(&api, "third", false, sent(9090)).await).0, 409);
}

pub(super) async fn applying_makes_an_object(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let mut wanted = serde_json::to_value(object("web")).expect("JSON");
    wanted["spec"]["tags"] = json!({"a": "1", "b": "2"});
    let made = apply(&api, "user", false, wanted.clone()).await.expect("applied");
    assert_eq!(
        (made.metadata.generation, &made.data["spec"]["scheme"]),
        (Some(1), &json!("internet-facing"))
    );
    wanted["spec"]["tags"] = json!({"b": "2"});
    let applied = apply(&api, "user", false, wanted.clone()).await.expect("applied");
    assert_eq!(applied.data["spec"]["tags"], json!({"b": "2"}));
    assert_eq!(applied.data["spec"]["scheme"], "internet-facing");
    let nobody = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": "nobody"},
        "status": {},
    });
    let status = api
        .patch_status("nobody", &PatchParams::apply("user").force(), &Patch::Apply(nobody))
        .await;
    assert_eq!(code(status).0, 404);
}

pub(super) async fn a_finalizer_holds_a_deleted_object(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    let mut wanted = object("web");
    wanted.metadata.finalizers = Some(vec!["example.com/a".to_owned()]);
    create(&api, &wanted).await;
    let deleted = api.delete("web", &DeleteParams::default()).await.expect("deleted");
    let deleted = deleted.left().expect("the object");
    assert!(deleted.metadata.deletion_timestamp.is_some());
    assert_eq!(deleted.metadata.generation, Some(2));
    let again = api
        .delete("web", &DeleteParams::default())
        .await
        .expect("deleted")
        .left()
        .expect("the object");
    assert_eq!(version(&again), version(&deleted));
    let more = json!({"metadata": {"finalizers": ["example.com/a", "example.com/b"]}});
    assert_eq!(code(merge(&api, "web", more).await), (422, "Invalid".to_owned()));
    merge(&api, "web", json!({"metadata": {"finalizers": []}}))
        .await
        .expect("patched");
    assert_eq!(code(api.get("web").await).0, 404);
    let first = create(&api, &object("web")).await;
    api.delete("web", &DeleteParams::default())
        .await
        .expect("deleted")
        .right()
        .expect("a status");
    assert_ne!(create(&api, &object("web")).await.uid(), first.uid());
}

pub(super) async fn nothing_changes_where_nothing_differs(client: Client, namespace: String) {
    let api = objects(&client, &namespace);
    create(&api, &object("web")).await;
    let status = json!({"observedGeneration": 1, "conditions": [condition("Ready", "True")]});
    let first = apply_status(&api, "operator", status.clone()).await.expect("applied");
    let second = apply_status(&api, "operator", status).await.expect("applied");
    assert_eq!(version(&first), version(&second));
    let patched = merge(&api, "web", json!({"spec": {"region": "us-east-1"}}))
        .await
        .expect("patched");
    assert_eq!(version(&patched), version(&second));
}

pub(super) async fn leases_and_events_are_kept(client: Client, namespace: String) {
    let leases: Api<DynamicObject> = Api::namespaced_with(
        client.clone(),
        &namespace,
        &resource("coordination.k8s.io", "v1", "Lease"),
    );
    let lease = |holder: &str| {
        let lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "operator"},
            "spec": {"holderIdentity": holder, "leaseDurationSeconds": 15, "acquireTime": "2026-01-31T12:00:00.000000Z"},
        });
        serde_json::from_value::<DynamicObject>(lease).expect("a lease")
    };
    let made = create(&leases, &lease("a")).await;
    let mut taken = made.clone();
    taken.data["spec"]["holderIdentity"] = json!("b");
    leases
        .replace("operator", &PostParams::default(), &taken)
        .await
        .expect("replaced");
    taken.data["spec"]["holderIdentity"] = json!("c");
    assert_eq!(
        code(leases.replace("operator", &PostParams::default(), &taken).await).0,
        409
    );
    let patch = json!({"metadata": {"resourceVersion": version(&made)}, "spec": {"holderIdentity": "d"}});
    assert_eq!(code(merge(&leases, "operator", patch).await).0, 409);
    assert_eq!(
        leases.get("operator").await.expect("read").data["spec"]["holderIdentity"],
        "b"
    );

    let recorder = kube::runtime::events::Recorder::new(client.clone(), "operator".into());
    let event = kube::runtime::events::Event {
        type_: kube::runtime::events::EventType::Normal,
        reason: "Done".to_owned(),
        note: Some("it is done".to_owned()),
        action: "Do".to_owned(),
        secondary: None,
    };
    let about = k8s_openapi::api::core::v1::ObjectReference {
        namespace: Some(namespace.clone()),
        name: Some("web".to_owned()),
        ..k8s_openapi::api::core::v1::ObjectReference::default()
    };
    for _ in 0..2 {
        recorder.publish(&event, &about).await.expect("published");
    }
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client, &namespace);
    let kept = events.list(&ListParams::default()).await.expect("a list").items;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].series.as_ref().map(|series| series.count), Some(2));
}
