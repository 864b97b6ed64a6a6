//! The manifests of `deploy/`, rendered from the chart.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::helm::{document, names, object, read, root, yaml};

#[test]
fn rendered_files_are_those_of_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    let script = root().join("tools/render");
    let ran = Command::new(&script)
        .arg(folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(
        ran.status.success(),
        "tools/render: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    for file in ["crds.yaml", "install.yaml", "argocd/argocd-cm.yaml"] {
        let fresh = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(
            fresh == read(&format!("deploy/{file}")),
            "deploy/{file} is not what its sources give: run `make generate`"
        );
    }
}

#[test]
fn the_chart_carries_the_generated_definitions() {
    for file in ["classicloadbalancers.yaml", "awsaccounts.yaml"] {
        let copy = read(&format!("charts/classic-lb-operator/files/crds/{file}"));
        assert!(
            copy == read(&format!("crds/{file}")),
            "the chart's copy of {file} is old: run `make generate`"
        );
    }
}

#[test]
fn the_plain_manifests_belong_to_no_release() {
    for file in ["deploy/crds.yaml", "deploy/install.yaml"] {
        let text = read(file);
        for mark in ["helm.sh/", "managed-by", "# Source:"] {
            assert!(!text.contains(mark), "{file} holds {mark}");
        }
    }
}

#[test]
fn install_yaml_is_whole_but_for_its_marked_placeholders() {
    let text = read("deploy/install.yaml");
    let objects = yaml(&text);
    let name = "classic-lb-operator";
    assert_eq!(
        names(&objects),
        [
            ("Namespace", name),
            ("ServiceAccount", name),
            ("ClusterRole", name),
            ("ClusterRole", "classic-lb-operator-view"),
            ("ClusterRole", "classic-lb-operator-edit"),
            ("ClusterRoleBinding", name),
            ("Deployment", name),
            ("ValidatingAdmissionPolicy", name),
            ("ValidatingAdmissionPolicy", "classic-lb-operator-warnings"),
            ("ValidatingAdmissionPolicyBinding", name),
            ("ValidatingAdmissionPolicyBinding", "classic-lb-operator-warnings"),
        ]
        .map(|(kind, name)| format!("\"{kind}\" \"{name}\""))
    );
    let enforced = &object(&objects, "Namespace", name)["metadata"]["labels"]["pod-security.kubernetes.io/enforce"];
    assert_eq!(*enforced, "restricted");
    let account = json!([{"kind": "ServiceAccount", "name": name, "namespace": name}]);
    assert_eq!(object(&objects, "ClusterRoleBinding", name)["subjects"], account);
    for namespaced in ["ServiceAccount", "Deployment"] {
        assert_eq!(object(&objects, namespaced, name)["metadata"]["namespace"], name);
    }
    let container = &object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["image"], "IMAGE_REPOSITORY:IMAGE_TAG");
    assert!(
        container["args"]
            .as_array()
            .unwrap()
            .contains(&json!("--cluster-id=CLUSTER_ID"))
    );

    let head: String = text.lines().take_while(|line| line.starts_with('#')).collect();
    for placeholder in ["IMAGE_REPOSITORY:IMAGE_TAG", "CLUSTER_ID"] {
        assert!(head.contains(placeholder), "the head does not explain {placeholder}");
    }
}

#[test]
fn chart_and_package_have_one_version() {
    let chart = document(&read("charts/classic-lb-operator/Chart.yaml"));
    assert_eq!(chart["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(chart["appVersion"], env!("CARGO_PKG_VERSION"));
}
