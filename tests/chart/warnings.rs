//! What the chart warns about at apply, on a real API server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::Kind;

use crate::helm::{chart, yaml};
use crate::install::Turn;
use crate::papers::files;

const POLICY: Kind = Kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
const NAME: &str = "classic-lb-operator-warnings";
const CONTENT_TYPE: &str = "content-type";

/// Sends an object and returns the warnings that come back with it, without their code and quotes.
async fn warnings(turn: &Turn, request: http::request::Builder, object: &Value) -> Vec<String> {
    let request = request.body(object.to_string().into_bytes().into()).unwrap();
    let response = turn.cluster.client().send(request).await.unwrap();
    assert!(response.status().is_success(), "{}: {object}", response.status());
    let all = response.headers().get_all("warning").iter();
    all.map(|value| value.to_str().unwrap().to_owned()).collect()
}

fn objects() -> String {
    "/apis/classiclb.dev/v1alpha1/namespaces/warned/classicloadbalancers".to_owned()
}

/// Creates an object, as a dry run.
async fn tried(turn: &Turn, spec: &Value) -> Vec<String> {
    tried_as(turn, "ClassicLoadBalancer", &objects(), spec).await
}

async fn tried_as(turn: &Turn, kind: &str, objects: &str, spec: &Value) -> Vec<String> {
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": kind, "metadata": {"name": "web"}, "spec": spec,
    });
    let request = http::Request::post(format!("{objects}?dryRun=All")).header(CONTENT_TYPE, "application/json");
    warnings(turn, request, &object).await
}

/// A binding with these members.
#[allow(clippy::needless_pass_by_value)] // it is written where it is used
async fn tried_to_bind(turn: &Turn, members: Value) -> Vec<String> {
    let mut spec = json!({"loadBalancerName": "shared"});
    spec.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    let objects = objects().replace("classicloadbalancers", "classicloadbalancerbindings");
    tried_as(turn, "ClassicLoadBalancerBinding", &objects, &spec).await
}

#[allow(clippy::needless_pass_by_value)] // it is written where it is used
fn spec(members: Value) -> Value {
    let mut spec = json!({
        "availabilityZones": ["us-east-1a"],
        "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080}],
    });
    spec.as_object_mut()
        .unwrap()
        .extend(members.as_object().unwrap().clone());
    spec
}

#[allow(clippy::needless_pass_by_value)] // it is written where it is used
fn listeners(listener: Value) -> Value {
    json!({"listeners": [listener]})
}

/// What is warned about, with words of the warning.
fn likely_mistakes() -> Vec<(Value, &'static str)> {
    let empty = "spec.targets is empty";
    vec![
        (
            listeners(json!({"port": 443, "protocol": "HTTP", "instancePort": 8080})),
            "port 443 speaks plain HTTP",
        ),
        (
            json!({"healthCheck": {"target": "HTTP:8081/a:8080/b"}}),
            "asks port 8081, which no listener has",
        ),
        (json!({"healthCheck": {"target": "TCP:80"}}), "asks port 80,"),
        (json!({"healthCheck": {"protocol": "TCP", "port": 80}}), "asks port 80,"),
        (
            json!({"healthCheck": {"target": "TCP:80"}, "backends": null}),
            "asks port 80,",
        ),
        (json!({"targets": {}}), empty),
        (json!({"targets": null}), empty),
        (
            json!({"targets": {"instanceIds": [], "instanceTags": null, "autoScalingGroups": []}}),
            empty,
        ),
    ]
}

/// What looks alike and is meant.
fn no_mistakes() -> Vec<Value> {
    let certificate = json!({"iamServerCertificateName": "a"});
    let secure = json!({
        "port": 443, "protocol": "HTTPS", "instancePort": 8080, "instanceProtocol": "HTTP", "certificate": certificate,
    });
    vec![
        json!({}),
        listeners(secure),
        listeners(json!({"port": 443, "protocol": "TCP", "instancePort": 8443})),
        json!({"healthCheck": {}}),
        json!({"healthCheck": null}),
        json!({"healthCheck": {"intervalSeconds": 20}}),
        json!({"healthCheck": {"target": "HTTP:8080/a:80/b"}}),
        json!({"healthCheck": {"protocol": "HTTP", "path": "/a"}}),
        json!({"healthCheck": {"protocol": "HTTP", "port": 10256, "path": "/healthz"}}),
        json!({
            "listeners": [{"port": 80, "protocol": "HTTP", "instancePortFrom": {"serviceName": "a", "port": 80}}],
            "healthCheck": {"target": "TCP:30080"},
        }),
        json!({
            "listeners": [{"port": 80, "protocol": "TCP", "instancePort": 8080}],
            "backends": [{"instancePort": 8080, "proxyProtocol": true}],
            "healthCheck": {"target": "TCP:8081"},
        }),
        json!({"targets": {"instanceIds": ["i-00000001"]}}),
        json!({"targets": {"nodeSelector": {}}}),
        json!({"targets": {"instanceIds": [], "autoScalingGroups": [{"name": "a"}]}}),
        json!({"targets": {"instanceTags": [{"tags": {"a": "b"}}]}}),
    ]
}

/// Waits until the API server has taken the policy up, some moments after it is written.
async fn taken_up(turn: &Turn, mistake: &Value) {
    let started = Instant::now();
    while tried(turn, mistake).await.is_empty() {
        assert!(started.elapsed() < testkit::cluster::PATIENCE, "no warning");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn likely_mistakes_are_warned_about_at_apply_and_nothing_else_is() {
    let turn = Turn::begin("warned").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    taken_up(&turn, &spec(likely_mistakes().remove(0).0)).await;
    for (members, words) in likely_mistakes() {
        let warnings = tried(&turn, &spec(members.clone())).await;
        assert_eq!(warnings.len(), 1, "{members}: {warnings:?}");
        assert!(warnings[0].contains(words), "{members}: {warnings:?}");
        // Longer texts are cut by the API server.
        assert!(
            warnings[0].chars().count() < 256 && !warnings[0].contains("..."),
            "{warnings:?}"
        );
    }
    for members in no_mistakes() {
        assert_eq!(tried(&turn, &spec(members.clone())).await, [""; 0], "{members}");
    }
    for path in files("examples", "yaml") {
        let all = yaml(&std::fs::read_to_string(&path).unwrap());
        for object in all.iter().filter(|object| object["kind"] == "ClassicLoadBalancer") {
            assert_eq!(tried(&turn, &object["spec"]).await, [""; 0], "{}", path.display());
        }
    }
    turn.uninstall();
}

#[tokio::test]
async fn a_binding_without_targets_is_warned_about() {
    let turn = Turn::begin("warned").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    let started = Instant::now();
    while tried_to_bind(&turn, json!({"targets": {}})).await.is_empty() {
        assert!(started.elapsed() < testkit::cluster::PATIENCE, "no warning");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for targets in [json!({}), Value::Null, json!({"instanceIds": [], "instanceTags": null})] {
        let warnings = tried_to_bind(&turn, json!({"targets": targets})).await;
        assert_eq!(warnings.len(), 1, "{targets}: {warnings:?}");
        assert!(warnings[0].contains("spec.targets is empty"), "{warnings:?}");
        assert!(
            warnings[0].chars().count() < 256 && !warnings[0].contains("..."),
            "{warnings:?}"
        );
    }
    for members in [
        json!({}),
        json!({"targets": {"nodeSelector": {}}}),
        json!({"targets": {"instanceIds": ["i-00000001"]}}),
    ] {
        assert_eq!(tried_to_bind(&turn, members.clone()).await, [""; 0], "{members}");
    }
    for path in files("examples", "yaml") {
        let all = yaml(&std::fs::read_to_string(&path).unwrap());
        for object in all
            .iter()
            .filter(|object| object["kind"] == "ClassicLoadBalancerBinding")
        {
            let warnings = tried_to_bind(&turn, object["spec"].clone()).await;
            assert_eq!(warnings, [""; 0], "{}", path.display());
        }
    }
    turn.uninstall();
}

#[tokio::test]
async fn warnings_come_with_a_change_of_the_spec_and_can_be_switched_off() {
    let turn = Turn::begin("warned").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    let mistake = spec(json!({"targets": {}}));
    taken_up(&turn, &mistake).await;
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
        "metadata": {"name": "web"}, "spec": mistake,
    });
    let apply = || {
        http::Request::patch(objects() + "/web?fieldManager=team&force=true")
            .header(CONTENT_TYPE, "application/apply-patch+yaml")
    };
    assert_eq!(warnings(&turn, apply(), &object).await.len(), 1, "created");
    let patch = || http::Request::patch(objects() + "/web").header(CONTENT_TYPE, "application/merge-patch+json");
    let label = json!({"metadata": {"labels": {"a": "b"}}});
    assert_eq!(warnings(&turn, patch(), &label).await, [""; 0], "the spec is as it was");
    let change = json!({"spec": {"tags": {"a": "b"}}});
    assert_eq!(warnings(&turn, patch(), &change).await.len(), 1, "changed");

    turn.upgrade(&chart(), &["--set", "admissionWarnings.enabled=false"])
        .unwrap();
    assert!(turn.cluster.find(POLICY, NAME).await.unwrap().is_none());
    let protection = turn.cluster.find(POLICY, "classic-lb-operator").await.unwrap();
    assert!(protection.is_some(), "the protection stays");
    turn.uninstall();
}
