//! Runs the real Helm on the chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// The values that have no default.
pub(crate) const REQUIRED: &str =
    "{clusterId: test, image: {repository: registry.example.com/classic-lb-operator, tag: v1}}";

/// The project's root folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The chart's folder.
pub(crate) fn chart() -> PathBuf {
    root().join("charts/classic-lb-operator")
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("reading {path}: {error}"))
}

/// The documents of a YAML stream.
pub(crate) fn yaml(text: &str) -> Vec<Value> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

/// One YAML document.
pub(crate) fn document(text: &str) -> Value {
    let mut documents = yaml(text);
    assert_eq!(documents.len(), 1, "one document expected in:\n{text}");
    documents.remove(0)
}

/// A tool that `tools/build` knows, built first where it is missing.
pub(crate) fn built(tool: &str) -> PathBuf {
    let script = root().join("tools/build");
    let built = Command::new(&script)
        .arg(tool)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let built = built.unwrap_or_else(|error| panic!("running {}: {error}", script.display()));
    assert!(
        built.status.success(),
        "tools/build {tool} failed: its messages are above"
    );
    PathBuf::from(String::from_utf8(built.stdout).unwrap().trim())
}

/// Helm 4.
pub(crate) const HELM: &str = "helm";
/// Helm 3.
pub(crate) const HELM_3: &str = "helm3";

fn binary(tool: &str) -> &'static Path {
    static FOUR: OnceLock<PathBuf> = OnceLock::new();
    static THREE: OnceLock<PathBuf> = OnceLock::new();
    let binary = if tool == HELM { &FOUR } else { &THREE };
    binary.get_or_init(|| built(tool))
}

/// Runs Helm away from the settings of whoever runs the tests: what it printed, or how it failed.
pub(crate) fn helm(kubeconfig: Option<&Path>, arguments: &[&str]) -> Result<String, String> {
    helm_of(HELM, kubeconfig, arguments)
}

/// The same with a Helm of that version.
pub(crate) fn helm_of(tool: &str, kubeconfig: Option<&Path>, arguments: &[&str]) -> Result<String, String> {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary(tool));
    command.args(arguments).stdin(Stdio::null()).env_remove("KUBECONFIG");
    for variable in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HOME"] {
        command.env(variable, home.path());
    }
    if let Some(kubeconfig) = kubeconfig {
        command.env("KUBECONFIG", kubeconfig);
    }
    let output = command.output().unwrap_or_else(|error| panic!("running helm: {error}"));
    let (out, err) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    );
    if output.status.success() {
        Ok(out)
    } else {
        Err(format!("{out}{err}"))
    }
}

/// What `helm template` prints for these values alone.
pub(crate) fn template(values: &[&str]) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let chart = chart();
    let mut arguments = [
        "template",
        "test",
        chart.to_str().unwrap(),
        "--namespace",
        "load-balancers",
    ]
    .map(str::to_owned)
    .to_vec();
    for (number, text) in values.iter().enumerate() {
        let path = folder.path().join(format!("{number}.yaml"));
        fs::write(&path, text).unwrap();
        arguments.extend(["--values".to_owned(), path.display().to_string()]);
    }
    helm(None, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The objects for the required values and these.
pub(crate) fn render(values: &str) -> Vec<Value> {
    yaml(&template(&[REQUIRED, values]).unwrap_or_else(|error| panic!("{values}\n{error}")))
}

/// The object of a kind and name.
#[track_caller]
pub(crate) fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found = objects
        .iter()
        .find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name} among {:?}", names(objects)))
}

/// The kinds and names of objects.
pub(crate) fn names(objects: &[Value]) -> Vec<String> {
    objects
        .iter()
        .map(|object| format!("{} {}", object["kind"], object["metadata"]["name"]))
        .collect()
}

/// The operator's Deployment in the objects of release `test`.
#[track_caller]
pub(crate) fn deployment(objects: &[Value]) -> &Value {
    object(objects, "Deployment", "test-classic-lb-operator")
}
