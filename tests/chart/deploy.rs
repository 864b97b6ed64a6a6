//! The manifests of `deploy/`, rendered from the chart.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

use classic_lb_operator::flags::Run;
use serde_json::json;
use testkit::Kind;

use crate::helm::{built, document, names, object, read, root, yaml};
use crate::install::Turn;

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
    for file in [
        "crds.yaml",
        "install.yaml",
        "base/crds.yaml",
        "base/install.yaml",
        "components/monitoring/objects.yaml",
        "components/network-policy/objects.yaml",
        "argocd/argocd-cm.yaml",
        "argocd/argocd-values.yaml",
        "argocd/resource_customizations/classiclb.dev/ClassicLoadBalancer/health.lua",
        "argocd/resource_customizations/classiclb.dev/ClassicLoadBalancerBinding/health.lua",
        "argocd/resource_customizations/classiclb.dev/AWSAccount/health.lua",
    ] {
        let fresh = std::fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(
            fresh == read(&format!("deploy/{file}")),
            "deploy/{file} is not what its sources give: run `make generate`"
        );
    }
}

/// How many values there are below this one.
fn leaves(value: &serde_json::Value) -> usize {
    let members = value.as_object().filter(|members| !members.is_empty());
    members.map_or(1, |members| members.values().map(leaves).sum())
}

/// The tables of values are what values.yaml says, and every row of them says something.
#[test]
fn the_pages_of_values_are_those_of_the_chart() {
    for (page, file) in [
        ("readme", "charts/classic-lb-operator/README.md"),
        ("values", "docs/reference/values.md"),
    ] {
        let ran = Command::new(root().join("tools/render")).arg(page).output().unwrap();
        let fresh = String::from_utf8(ran.stdout).unwrap();
        assert!(
            ran.status.success() && fresh == read(file),
            "{file} is old: run `make generate`"
        );
    }
    let defaults = document(&read("charts/classic-lb-operator/values.yaml"));
    let page = read("docs/reference/values.md");
    let rows: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("| `")).collect();
    for row in &rows {
        let path = row.split('`').next().unwrap();
        let pointer = format!("/{}", path.replace('.', "/"));
        assert!(defaults.pointer(&pointer).is_some(), "{path} is no value");
    }
    // As many as there are, counted another way.
    let groups = rows.iter().filter(|row| row.contains("` |  | ")).count();
    assert_eq!(rows.len() - groups, leaves(&defaults));
}

#[test]
fn the_chart_carries_the_generated_definitions() {
    for file in [
        "classicloadbalancers.yaml",
        "classicloadbalancerbindings.yaml",
        "awsaccounts.yaml",
    ] {
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
            ("PodDisruptionBudget", name),
            ("ServiceAccount", name),
            ("ClusterRole", name),
            ("ClusterRole", "classic-lb-operator-view"),
            ("ClusterRole", "classic-lb-operator-edit"),
            ("ClusterRoleBinding", name),
            ("Deployment", name),
            ("ValidatingAdmissionPolicy", name),
            ("ValidatingAdmissionPolicy", "classic-lb-operator-warnings"),
            ("ValidatingAdmissionPolicy", "classic-lb-operator-binding-warnings"),
            ("ValidatingAdmissionPolicyBinding", name),
            ("ValidatingAdmissionPolicyBinding", "classic-lb-operator-warnings"),
            (
                "ValidatingAdmissionPolicyBinding",
                "classic-lb-operator-binding-warnings"
            ),
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

/// What kustomize makes of an overlay.
fn overlay(name: &str) -> Vec<serde_json::Value> {
    let folder = root().join("deploy/overlays").join(name);
    let built = Command::new(built("kubectl")).arg("kustomize").arg(folder).output();
    let built = built.unwrap();
    let (out, err) = (
        String::from_utf8(built.stdout).unwrap(),
        String::from_utf8_lossy(&built.stderr),
    );
    assert!(built.status.success() && err.is_empty(), "{name}: {err}");
    for placeholder in ["IMAGE_REPOSITORY", "IMAGE_TAG", "CLUSTER_ID"] {
        assert!(!out.contains(placeholder), "{name} leaves {placeholder}");
    }
    yaml(&out)
}

#[tokio::test]
async fn overlays_are_whole_and_taken_by_the_api_server() {
    let turn = Turn::begin("classic-lb-operator").await;
    let name = "classic-lb-operator";
    for entry in std::fs::read_dir(root().join("deploy/overlays")).unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        let objects = overlay(&folder);
        let container = &object(&objects, "Deployment", name)["spec"]["template"]["spec"]["containers"][0];
        assert_eq!(container["image"], "registry.example.com/classic-lb-operator:0.1.0");
        let args: Vec<String> = serde_json::from_value(container["args"].clone()).unwrap();
        let run = Run::elsewhere(&args, &BTreeMap::new()).unwrap_or_else(|why| panic!("{folder}: {why}"));
        assert_eq!(run.cluster_id, "production");
        let monitored = objects.iter().any(|object| object["kind"] == "PrometheusRule");
        assert_eq!(monitored, folder != "minimal", "{folder}");
        for object in objects {
            // Of the Prometheus operator, which is not here.
            if object["apiVersion"] != "monitoring.coreos.com/v1" {
                let what = format!("{folder}: {} {}", object["kind"], object["metadata"]["name"]);
                let applied = turn.cluster.apply(&object.to_string()).await;
                applied.unwrap_or_else(|why| panic!("{what}: {why}"));
            }
        }
    }
    // The namespace is that of other tests, too.
    for (group, kind, name) in [
        ("apps/v1", "Deployment", name),
        ("policy/v1", "PodDisruptionBudget", name),
        ("networking.k8s.io/v1", "NetworkPolicy", name),
        ("v1", "ServiceAccount", name),
        ("v1", "ConfigMap", "classic-lb-operator-dashboard"),
    ] {
        turn.cluster.delete_and_wait(Kind(group, kind), name).await.unwrap();
    }
    let irsa = overlay("eks-irsa");
    let annotations = &object(&irsa, "ServiceAccount", name)["metadata"]["annotations"];
    assert!(annotations["eks.amazonaws.com/role-arn"].is_string());
    let token = overlay("web-identity");
    let pod = &object(&token, "Deployment", name)["spec"]["template"]["spec"];
    assert_eq!(
        pod["volumes"][0]["name"],
        pod["containers"][0]["volumeMounts"][0]["name"]
    );
    let minimal = overlay("minimal");
    assert_eq!(object(&minimal, "Deployment", name)["spec"]["replicas"], 1);
    assert!(!names(&minimal).iter().any(|name| name.contains("Disruption")));
}
