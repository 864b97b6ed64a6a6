//! `testkit up` and `testkit down`: one stack at a time, also after a crash.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use testkit::{Kind, object};

use crate::{Down, cluster, testkit};

/// The variables that a shell has after reading the file.
fn variables(folder: &Path) -> BTreeMap<String, String> {
    let script = r#". "$1"; env"#;
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(folder.join("env"))
        .env_clear()
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn kill(pid: &str) {
    assert!(
        Command::new("sh")
            .args(["-c", r#"kill -s KILL "$1""#, "sh", pid])
            .status()
            .unwrap()
            .success()
    );
}

/// The process that listens at an address as the operator does: `--listen` names it.
fn operator_of(url: &str) -> String {
    let listen = url.trim_start_matches("http://");
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut found = processes.filter(|process| {
        let arguments = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        let arguments: Vec<_> = arguments.split(|byte| *byte == 0).collect();
        arguments[0].ends_with(b"clb-operator") && arguments.contains(&listen.as_bytes())
    });
    let process = found.next().expect("the operator's process");
    process.file_name().into_string().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn up_starts_one_stack_and_down_ends_it() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path().join("local");
    let _down = Down(folder.clone());
    let text = testkit("up", &folder);
    for words in ["The stack is running", "operator.log", "testkit down --folder"] {
        assert!(text.contains(words), "{text}");
    }

    let first = variables(&folder);
    let expected = [
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    for (name, value) in expected {
        assert_eq!(first[name], value);
    }
    // With these `kubectl clb plan` knows what the operator runs with.
    assert_eq!(
        (first["CLB_CLUSTER_ID"].as_str(), first["CLB_ADOPTION"].as_str()),
        ("local", "tagged")
    );
    // Programs are found, and a shell that reads the file twice finds them once.
    let twice = r#". "$1"; . "$1"; echo "$PATH"; for name in clb-operator kubectl-clb aws-simulator; do command -v "$name"; done"#;
    let output = Command::new("sh")
        .args(["-c", twice, "sh"])
        .arg(folder.join("env"))
        .env("PATH", "/usr/bin:/bin")
        .output()
        .unwrap();
    let (said, built) = (
        String::from_utf8(output.stdout).unwrap(),
        Path::new(env!("CARGO_BIN_EXE_testkit")).parent().unwrap(),
    );
    assert_eq!(said.matches(&format!("{}:", built.display())).count(), 1, "{said}");
    assert!(output.status.success() && said.lines().count() == 4, "{said}");
    let log = std::fs::read_to_string(folder.join("operator.log")).unwrap();
    assert!(log.contains("starting"), "{log}");
    assert!(first["AWS_ENDPOINT_URL"].starts_with("http://127.0.0.1:"));
    let cluster = cluster(Path::new(&first["KUBECONFIG"])).await;
    let nodes = cluster.list(Kind::NODE).await.unwrap();
    let nodes: BTreeMap<_, _> = nodes
        .iter()
        .map(|node| {
            (
                object::text(node, "/spec/providerID"),
                node.metadata
                    .labels
                    .as_ref()
                    .and_then(|labels| labels.get("role"))
                    .map(String::as_str),
            )
        })
        .collect();
    assert_eq!(nodes.len(), 3);
    assert_eq!(nodes["aws:///us-east-1a/i-4f8cf126"], Some("web"));
    assert_eq!(nodes["aws:///us-east-1b/i-0bb7ca62"], Some("web"));
    // One waits for the `kubectl label` that `up` proposes.
    assert_eq!(nodes.values().filter(|role| role.is_none()).count(), 1);

    let pid = std::fs::read_to_string(folder.join("pid")).unwrap();
    assert!(testkit("up", &folder).contains("running already"));
    assert_eq!(std::fs::read_to_string(folder.join("pid")).unwrap(), pid);
    assert_eq!(variables(&folder), first);

    // An operator that was killed is started again, on its port, by the next `up`.
    let readyz = format!("{}/readyz", first["CLB_OPERATOR_URL"]);
    kill(&operator_of(&first["CLB_OPERATOR_URL"]));
    let killed = Instant::now();
    while testkit::get(&readyz).await.is_ok() {
        assert!(
            killed.elapsed() < Duration::from_mins(1),
            "the operator outlived SIGKILL"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let text = testkit("up", &folder);
    assert!(
        text.contains("running already") && text.contains("started again"),
        "{text}"
    );
    assert_eq!(testkit::get(&readyz).await.unwrap().status, 200);
    assert_eq!(std::fs::read_to_string(folder.join("pid")).unwrap(), pid);
    assert_eq!(variables(&folder), first);

    // After a crash of the process that holds the stack, its parts go, and the next `up` starts another.
    kill(pid.trim());
    let killed = Instant::now();
    let nowhere = cluster.patience(Duration::from_secs(1));
    while nowhere.list(Kind::NODE).await.is_ok() {
        assert!(
            killed.elapsed() < Duration::from_mins(1),
            "the API server outlived the stack"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(testkit("up", &folder).contains("The stack is running"));
    assert_ne!(std::fs::read_to_string(folder.join("pid")).unwrap(), pid);

    assert!(testkit("down", &folder).contains("The stack is down"));
    assert!(!folder.join("env").exists());
    assert!(testkit("down", &folder).contains("No stack is running"));
}
