//! The stack of `testkit up`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod examples;
mod getting_started;
mod hand_over;
mod local;
mod shell;

use std::path::{Path, PathBuf};
use std::process::Command;

use kube::config::{KubeConfigOptions, Kubeconfig};
use testkit::Cluster;

/// What a command of testkit says.
fn testkit(command: &str, folder: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args([command, "--folder"])
        .arg(folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "testkit {command}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Ends the stack also when an assertion fails.
struct Down(PathBuf);

impl Drop for Down {
    fn drop(&mut self) {
        let _ = Command::new(env!("CARGO_BIN_EXE_testkit"))
            .args(["down", "--folder"])
            .arg(&self.0)
            .output();
    }
}

/// The cluster that a kubeconfig names.
async fn cluster(kubeconfig: &Path) -> Cluster {
    let file = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .unwrap();
    Cluster::new(kube::Client::try_from(config).unwrap(), "default")
}
