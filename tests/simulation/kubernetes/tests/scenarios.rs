//! What holds of every API server.

mod applying;
mod reads;
mod writes;

use std::future::Future;
use std::pin::Pin;

use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::gvk::GroupVersionKind;
use kube::{Api, Client, ResourceExt as _};
use serde_json::{Value, json};

pub(super) use applying::*;
pub(super) use reads::*;
pub(super) use writes::*;

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
