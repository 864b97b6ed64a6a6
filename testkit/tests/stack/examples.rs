//! Everything in `examples/` works on the stack of `testkit up`, as it stands there.

use std::path::Path;
use std::process::{Command, Output};

use kube::api::DynamicObject;
use testkit::{Kind, tool};

use crate::{Down, cluster, testkit};

fn is_ready(object: &DynamicObject) -> bool {
    let conditions = object
        .data
        .pointer("/status/conditions")
        .and_then(|list| list.as_array());
    conditions
        .into_iter()
        .flatten()
        .any(|one| one["type"] == "Ready" && one["status"] == "True")
}

/// Whether something is registered where the object says what is to be, unless it says to write nothing.
fn has_targets(object: &DynamicObject) -> bool {
    let spec = &object.data["spec"];
    let sources = ["instanceIds", "nodeSelector", "instanceTags"];
    let selects = sources.iter().any(|source| spec["targets"].get(source).is_some());
    let writes = matches!(spec["management"].as_str(), None | Some("Full"));
    let registered = object.data["status"]["instances"]["registered"].as_i64();
    !selects || !writes || registered.is_some_and(|registered| registered > 0)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_becomes_ready() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("local");
    let down = Down(folder.clone());
    testkit("up", &folder);
    let cluster = cluster(&folder.join("kubeconfig")).await;

    let mut names = Vec::new();
    for file in std::fs::read_dir(tool::root().join("examples")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            let applied = cluster.apply(&std::fs::read_to_string(&path).unwrap()).await.unwrap();
            names.extend(applied.into_iter().map(|object| {
                let kind = object.types.unwrap().kind;
                let known = [Kind::CLB, Kind::BINDING, Kind::ACCOUNT]
                    .into_iter()
                    .find(|known| known.1 == kind);
                (known.unwrap(), object.metadata.name.unwrap())
            }));
        }
    }
    assert!(names.len() > 20, "{names:?}");
    let mut failed = Vec::new();
    for (kind, name) in &names {
        if let Err(error) = cluster.until(*kind, name, "Ready", is_ready).await {
            failed.push(format!("{name}: {error}"));
        }
    }
    for (kind, name) in &names {
        if let Err(error) = cluster.until(*kind, name, "have what it selects", has_targets).await {
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
