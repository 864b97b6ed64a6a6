//! Writes that are no server-side apply.

use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

use super::{apply, apply_status, code, config_map, config_maps, create, merge, object, objects, resource, version};

pub(in crate::kubernetes::tests) async fn a_replacement_needs_the_latest_version(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn a_merge_patch_keeps_what_it_does_not_name(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn a_merge_patch_can_name_a_version(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn a_write_names_the_object_it_means(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn a_json_patch_is_carried_out_whole_or_not_at_all(
    client: Client,
    namespace: String,
) {
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

pub(in crate::kubernetes::tests) async fn the_generation_counts_changes_of_the_spec(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn the_status_is_written_apart(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn a_finalizer_holds_a_deleted_object(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn leases_and_events_are_kept(client: Client, namespace: String) {
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
