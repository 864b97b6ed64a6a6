//! A scheduler, and a Node on which pods seem to run.

use serde_json::json;
use testkit::process::{Launch, Process};
use testkit::{Kind, Result, free_port, object};

use crate::lab::{Lab, built};

/// What kwok makes of Nodes and pods, of the manifests in its module.
const STAGES: [&str; 5] = [
    "node/fast/node-initialize.yaml",
    "node/heartbeat/node-heartbeat.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
];

/// Starts kube-scheduler and kwok, and waits until the Node is ready.
pub(crate) async fn start(lab: &Lab) -> Result<Vec<Process>> {
    let kubeconfig = lab.stack.control_plane().kubeconfig().display().to_string();
    let (folder, port) = (built("kwok-files"), free_port()?);
    let stages = STAGES.map(|stage| std::fs::read_to_string(folder.join(stage)).expect("a stage"));
    let stages = lab.folder.write("stages.yaml", &stages.join("\n---\n"))?;
    let scheduler = Launch::new("kube-scheduler", built("kube-scheduler"))
        .args(
            ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"]
                .map(|flag| format!("--{flag}={kubeconfig}")),
        )
        .args([
            "--authentication-skip-lookup",
            "--leader-elect=false",
            "--bind-address=127.0.0.1",
        ])
        .args([format!("--secure-port={}", free_port()?)])
        .args([format!("--cert-dir={}", lab.folder.path().join("scheduler").display())]);
    let kwok = Launch::new("kwok", built("kwok"))
        .args([
            format!("--kubeconfig={kubeconfig}"),
            format!("--config={}", stages.display()),
        ])
        .args([
            "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
            "--node-ip=127.0.0.1",
        ])
        .args([
            format!("--server-address=127.0.0.1:{port}"),
            format!("--node-port={port}"),
        ]);
    let processes = [scheduler, kwok].map(|launch| Process::start(&launch, lab.folder.path()));
    let processes = processes.into_iter().collect::<Result<Vec<_>>>()?;

    let cluster = lab.stack.control_plane().cluster("default").await?;
    let node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "fake-1", "annotations": {"kwok.x-k8s.io/node": "fake"}, "labels": {"kubernetes.io/hostname": "fake-1"},
        },
    });
    cluster.apply(&node.to_string()).await?;
    let ready =
        |node: &kube::api::DynamicObject| object::condition(node, "Ready").is_some_and(|found| found.status == "True");
    cluster.until(Kind::NODE, "fake-1", "to be ready", ready).await?;
    // The controller that takes the taint of a new Node off would call the Nodes of other tests, which no kubelet speaks for, lost.
    cluster
        .patch(Kind::NODE, "fake-1", json!({"spec": {"taints": null}}))
        .await?;
    Ok(processes)
}
