//! Everything in `examples/` works on the stack of `testkit up`, as it stands there.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use kube::api::DynamicObject;
use kube::config::{KubeConfigOptions, Kubeconfig};
use testkit::{Cluster, Kind, tool};

fn testkit(command: &str, folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args([command, "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    assert!(output.status.success(), "testkit {command}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Ends the stack also when an assertion fails.
struct Down(PathBuf);

impl Drop for Down {
    fn drop(&mut self) {
        testkit("down", &self.0);
    }
}

/// Ready, or at rest where that is what the example shows.
fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object
        .data
        .pointer("/status/conditions")
        .and_then(|list| list.as_array());
    let ready = conditions.into_iter().flatten().find(|one| one["type"] == "Ready");
    ready.is_some_and(|ready| {
        ready["status"] == "True"
            || ["Observing", "Suspended"]
                .iter()
                .any(|reason| ready["reason"] == *reason)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_becomes_ready() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("local");
    let down = Down(folder.clone());
    testkit("up", &folder);
    let file = Kubeconfig::read_from(folder.join("kubeconfig")).unwrap();
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .unwrap();
    let cluster = Cluster::new(kube::Client::try_from(config).unwrap(), "default");

    let mut names = Vec::new();
    for file in std::fs::read_dir(tool::root().join("examples")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let applied = cluster.apply(&std::fs::read_to_string(&path).unwrap()).await.unwrap();
            names.extend(applied.into_iter().map(|object| object.metadata.name.unwrap()));
        }
    }
    assert!(names.len() > 20, "{names:?}");
    let mut failed = Vec::new();
    for name in &names {
        if let Err(error) = cluster.until(Kind::CLB, name, "Ready", is_ready).await {
            failed.push(format!("{name}: {error}"));
        }
    }
    let planned = plan(&folder, "my-lb");
    drop(down);
    assert!(failed.is_empty(), "{}", failed.join("\n"));
    let (text, told) = (
        String::from_utf8_lossy(&planned.stdout),
        String::from_utf8_lossy(&planned.stderr),
    );
    assert!(text.contains("nothing to do") && told.is_empty(), "{text}{told}");
}

/// What `kubectl clb plan` says in a shell that has read the file env.
fn plan(folder: &Path, name: &str) -> Output {
    let script = r#". "$1"; exec "$2" plan "$3""#;
    let program = tool::operator().unwrap().with_file_name("kubectl-clb");
    Command::new("sh")
        .args(["-c", script, "sh"])
        .args([&folder.join("env"), &program, Path::new(name)])
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap()
}
