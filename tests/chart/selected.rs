//! Lists of objects that are narrowed down by the API server, as `kubectl get --field-selector` asks for them.

use std::process::Command;

use serde_json::{Value, json};
use testkit::Kind;

use crate::helm::{built, read};
use crate::install::Turn;

const SELECTED: [(&str, &str, &[&str]); 8] = [
    ("clb", "spec.region=eu-west-1", &["far"]),
    ("clb", "spec.region!=eu-west-1", &["near", "theirs"]),
    // Where the operator's own region is meant.
    ("clb", "spec.region=", &["near"]),
    ("clb", "spec.region=us-east-1,spec.scheme=internal", &["theirs"]),
    ("clb", "spec.accountRef.name=prod", &["theirs"]),
    ("clb", "spec.loadBalancerName=far", &["far"]),
    ("clbb", "spec.region=eu-west-1", &["bound"]),
    (
        "clbb",
        "spec.accountRef.name=prod,spec.loadBalancerName=shared",
        &["bound"],
    ),
];

#[tokio::test]
async fn objects_are_found_by_their_region_and_their_account() {
    let turn = Turn::begin("selected").await;
    for file in ["classicloadbalancers", "classicloadbalancerbindings", "awsaccounts"] {
        turn.cluster.apply(&read(&format!("crds/{file}.yaml"))).await.unwrap();
    }
    turn.served().await;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "selected"}});
    turn.cluster.apply(&namespace.to_string()).await.unwrap();
    let listeners = json!([{"protocol": "TCP", "port": 80, "instancePort": 80}]);
    let load_balancer = |name: &str, more: Value| {
        let mut spec = json!({"availabilityZones": ["us-east-1a"], "listeners": listeners, "loadBalancerName": name});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        ("ClassicLoadBalancer", name.to_owned(), spec)
    };
    let bound = json!({"loadBalancerName": "shared", "region": "eu-west-1", "accountRef": {"name": "prod"}, "targets": {"instanceIds": []}});
    for (kind, name, spec) in [
        load_balancer("near", json!({})),
        load_balancer("far", json!({"region": "eu-west-1"})),
        load_balancer(
            "theirs",
            json!({"region": "us-east-1", "accountRef": {"name": "prod"}, "scheme": "internal"}),
        ),
        ("ClassicLoadBalancerBinding", "bound".to_owned(), bound),
    ] {
        let object =
            json!({"apiVersion": "classiclb.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        turn.cluster.apply(&object.to_string()).await.unwrap();
    }
    let kubectl = built("kubectl");
    for (kind, selector, expected) in SELECTED {
        let output = Command::new(&kubectl)
            .arg("--kubeconfig")
            .arg(turn.control_plane.kubeconfig())
            .args(["get", kind, "--namespace", "selected", "--output", "name"])
            .args(["--field-selector", selector])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let refusal = String::from_utf8_lossy(&output.stderr);
        let names: Vec<&str> = said.lines().filter_map(|line| Some(line.split_once('/')?.1)).collect();
        assert_eq!(names, expected, "{kind} {selector}: {refusal}");
    }
    for (kind, names) in [(Kind::CLB, &["near", "far", "theirs"][..]), (Kind::BINDING, &["bound"])] {
        for name in names {
            turn.cluster.delete_and_wait(kind, name).await.unwrap();
        }
    }
}
