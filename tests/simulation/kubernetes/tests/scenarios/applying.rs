//! Server-side apply.

use kube::api::{DynamicObject, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use super::{apply, apply_status, code, create, merge, object, objects, version};

pub(in crate::kubernetes::tests) async fn an_applied_status_holds_what_was_sent_last(
    client: Client,
    namespace: String,
) {
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

pub(in crate::kubernetes::tests) async fn what_empties_under_server_side_apply(client: Client, namespace: String) {
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
    let empty = apply(&api, "user", false, sent(Some(json!({}))))
        .await
        .expect("applied");
    assert_eq!(
        empty.data["spec"].get("healthCheck"),
        Some(&Value::Null),
        "the schema permits it"
    );
    let applied = apply(&api, "user", false, sent(None)).await.expect("applied");
    assert_eq!(applied.data["spec"].get("healthCheck"), None);
    let applied = apply(&api, "user", false, sent(Some(json!({}))))
        .await
        .expect("applied");
    assert_eq!(applied.data["spec"]["healthCheck"], json!({}));
}

pub(in crate::kubernetes::tests) async fn null_is_as_good_as_absent_where_the_schema_does_not_permit_it(
    client: Client,
    namespace: String,
) {
    let api = objects(&client, &namespace);
    let mut wanted = object("web");
    wanted.data["spec"]["adopt"] = Value::Null;
    wanted.data["spec"]["healthCheck"] = Value::Null;
    wanted.data["spec"]["scheme"] = Value::Null;
    let made = create(&api, &wanted).await;
    assert_eq!(made.data["spec"].get("adopt"), None);
    assert_eq!(
        made.data["spec"].get("healthCheck"),
        Some(&Value::Null),
        "the schema permits it"
    );
    assert_eq!(made.data["spec"]["scheme"], "internet-facing");
}

/// So a status can reach an object that has taken the name meanwhile, unless the version is named.
pub(in crate::kubernetes::tests) async fn a_patch_of_the_status_does_not_look_at_the_uid(
    client: Client,
    namespace: String,
) {
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

pub(in crate::kubernetes::tests) async fn applied_conditions_leave_room_for_others(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn an_applied_field_of_another_manager_conflicts(
    client: Client,
    namespace: String,
) {
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

pub(in crate::kubernetes::tests) async fn applying_makes_an_object(client: Client, namespace: String) {
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

pub(in crate::kubernetes::tests) async fn nothing_changes_where_nothing_differs(client: Client, namespace: String) {
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
