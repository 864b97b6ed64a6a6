//! The control plane is a real one, and the operator's account has exactly the rights that the manifests give it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use testkit::{Cluster, ControlPlane, Error, Kind, object};

#[tokio::test(flavor = "multi_thread")]
async fn serves_refuses_and_survives_an_outage() {
    let control_plane = ControlPlane::start().await.unwrap();
    control_plane.install().await.unwrap();
    let cluster = control_plane.cluster("default").await.unwrap();

    let node = cluster
        .node("node-a", Some("aws:///us-east-1a/i-00000001"), &[("role", "web")])
        .await
        .unwrap();
    assert_eq!(object::text(&node, "/spec/providerID"), "aws:///us-east-1a/i-00000001");
    assert!(object::condition(&node, "Ready").is_some_and(|ready| ready.status == "True"));

    let unknown_field = "apiVersion: v1\nkind: Node\nmetadata: {name: node-b}\nspec: {wrong: true}\n";
    let refused = cluster.create(unknown_field).await.unwrap_err();
    let (status, message) = refused.refusal().expect("an answer of the API server");
    assert_eq!(status, 400, "{refused}");
    assert!(message.contains("unknown field \"spec.wrong\""), "{message}");
    cluster.apply(unknown_field).await.unwrap_err();
    assert!(cluster.find(Kind::NODE, "node-b").await.unwrap().is_none());

    // What an apply no longer names is removed.
    let labelled = "apiVersion: v1\nkind: Namespace\nmetadata: {name: other, labels: {a: b}}\n";
    cluster.apply(labelled).await.unwrap();
    let bare = cluster
        .apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: other}\n")
        .await
        .unwrap();
    assert!(
        bare[0]
            .metadata
            .labels
            .as_ref()
            .is_some_and(|labels| !labels.contains_key("a"))
    );

    control_plane.stop_api_server();
    cluster.get(Kind::NODE, "node-a").await.unwrap_err();
    control_plane.start_api_server().await.unwrap();
    cluster.get(Kind::NODE, "node-a").await.unwrap();

    waiting_ends_with_what_was_seen(&control_plane).await;
    the_operator_may_only_what_it_needs(&control_plane).await;
}

async fn waiting_ends_with_what_was_seen(control_plane: &ControlPlane) {
    let cluster = control_plane.cluster("default").await.unwrap();
    let waiting = cluster.clone();
    let labelled = tokio::spawn(async move {
        waiting
            .until(Kind::NODE, "node-a", "the label", |node| {
                node.metadata
                    .labels
                    .as_ref()
                    .is_some_and(|labels| labels.contains_key("new"))
            })
            .await
    });
    cluster.label(Kind::NODE, "node-a", "new", Some("yes")).await.unwrap();
    labelled.await.unwrap().unwrap();
    cluster.label(Kind::NODE, "node-a", "new", None).await.unwrap();

    let hasty = cluster.patience(Duration::from_millis(300));
    let error = hasty
        .until(Kind::NODE, "node-a", "a condition that never holds", |_| false)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }));
    let message = error.to_string();
    assert!(
        message.contains("Node node-a: a condition that never holds"),
        "{message}"
    );
    assert!(message.contains("\"role\": \"web\""), "{message}");

    cluster.delete_and_wait(Kind::NODE, "node-a").await.unwrap();
}

async fn the_operator_may_only_what_it_needs(control_plane: &ControlPlane) {
    let operator = Cluster::new(control_plane.operator_client().await.unwrap(), "default");
    operator.list(Kind::NODE).await.unwrap();
    let refused = operator.list(Kind("v1", "Secret")).await.unwrap_err();
    assert!(matches!(refused.refusal(), Some((403, _))), "{refused}");
    operator.list(Kind::CLB).await.unwrap();

    // Until the storage of a resource is ready after a start, the API server answers 429, and the client tries again.
    let mut calls = control_plane.operator_calls().unwrap();
    calls.retain(|call| call.status != 429);
    let seen: Vec<_> = calls
        .iter()
        .map(|call| (call.verb.as_str(), call.resource.as_str(), call.status))
        .collect();
    let expected = [
        ("list", "nodes", 200),
        ("list", "secrets", 403),
        ("list", "classicloadbalancers", 200),
    ];
    assert_eq!(seen, expected);
    assert!(calls.iter().all(|call| !call.is_write()));
}
