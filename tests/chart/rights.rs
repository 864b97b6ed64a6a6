//! What the service account of the operator may do under the chart's roles, and that it may nothing else.

use serde_json::json;
use testkit::Cluster;

use crate::helm::{chart, read};
use crate::install::{CRD, Turn};

#[tokio::test]
async fn the_operators_account_may_do_what_it_does_and_nothing_else() {
    let turn = Turn::begin("classic-lb-operator").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    turn.cluster.apply(&read("examples/https.yaml")).await.unwrap();
    let operator = Cluster::new(turn.control_plane.operator_client().await.unwrap(), turn.namespace);
    let raw = operator.client();
    let request = |method: &str, path: &str| {
        let builder = http::Request::builder().method(method).uri(path);
        builder
            .header("content-type", "application/merge-patch+json")
            .body(b"{}".to_vec())
            .unwrap()
    };
    let clb = "/apis/classiclb.dev/v1alpha1/namespaces/classic-lb-operator/classicloadbalancers/https";
    for (method, path) in [
        ("GET", "/apis/classiclb.dev/v1alpha1/classicloadbalancers".to_owned()),
        ("GET", clb.to_owned()),
        ("PATCH", clb.to_owned()),
        ("PATCH", format!("{clb}/status")),
        (
            "GET",
            "/apis/classiclb.dev/v1alpha1/classicloadbalancerbindings".to_owned(),
        ),
        ("GET", "/api/v1/nodes".to_owned()),
        ("GET", "/api/v1/namespaces".to_owned()),
        ("GET", "/apis/classiclb.dev/v1alpha1/awsaccounts".to_owned()),
    ] {
        raw.request_text(request(method, &path))
            .await
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
    }
    for (method, path) in [
        ("PUT", clb.to_owned()),
        ("DELETE", clb.to_owned()),
        (
            "POST",
            "/apis/classiclb.dev/v1alpha1/namespaces/classic-lb-operator/classicloadbalancers".to_owned(),
        ),
        ("GET", "/api/v1/namespaces/classic-lb-operator/secrets".to_owned()),
        ("GET", "/api/v1/pods".to_owned()),
        ("PATCH", "/api/v1/nodes/any".to_owned()),
        ("PATCH", "/apis/classiclb.dev/v1alpha1/awsaccounts/any".to_owned()),
        (
            "GET",
            format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CRD}"),
        ),
    ] {
        let refusal = raw
            .request_text(request(method, &path))
            .await
            .err()
            .map(|error| error.to_string());
        let refusal = refusal.unwrap_or_else(|| panic!("{method} {path} was permitted"));
        assert!(refusal.contains("forbidden"), "{method} {path}: {refusal}");
    }
    turn.uninstall();
}

#[tokio::test]
async fn in_watched_namespaces_the_operators_account_may_the_same_and_elsewhere_nothing() {
    let turn = Turn::begin("classic-lb-operator").await;
    for name in ["watched", "unwatched"] {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        turn.cluster.apply(&namespace.to_string()).await.unwrap();
    }
    let values = "watchNamespaces={watched},nodeDraining=tell";
    turn.install(&chart(), &["--set", values]).unwrap();
    turn.served().await;
    let account = turn.control_plane.operator_client().await.unwrap();
    let may = async |method: &str, path: &str| {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/merge-patch+json");
        match account.request_text(request.body(b"{}".to_vec()).unwrap()).await {
            Ok(_) => true,
            Err(kube::Error::Api(status)) => status.code == 404,
            Err(error) => panic!("{method} {path}: {error}"),
        }
    };
    let lists = "/apis/classiclb.dev/v1alpha1";
    for (namespace, expected) in [("watched", true), ("unwatched", false)] {
        for (method, path) in [
            ("GET", format!("{lists}/namespaces/{namespace}/classicloadbalancers")),
            (
                "GET",
                format!("{lists}/namespaces/{namespace}/classicloadbalancerbindings"),
            ),
            (
                "PATCH",
                format!("{lists}/namespaces/{namespace}/classicloadbalancers/none/status"),
            ),
            ("GET", format!("/api/v1/namespaces/{namespace}/services")),
            ("GET", format!("/api/v1/namespaces/{namespace}/configmaps/none")),
        ] {
            assert_eq!(may(method, &path).await, expected, "{method} {path}");
        }
    }
    for of_the_cluster in [
        "/api/v1/nodes",
        "/api/v1/namespaces",
        "/apis/classiclb.dev/v1alpha1/awsaccounts",
    ] {
        assert!(may("GET", of_the_cluster).await, "{of_the_cluster}");
    }
    assert!(
        may("PATCH", "/api/v1/nodes/none").await,
        "with nodeDraining it tells Nodes"
    );
    assert!(!may("PATCH", "/api/v1/nodes/none/status").await && !may("DELETE", "/api/v1/nodes/none").await);
    assert!(!may("GET", &format!("{lists}/classicloadbalancers")).await);
    assert!(!may("GET", "/api/v1/services").await);
    turn.uninstall();
}
