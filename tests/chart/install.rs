//! The chart on a real API server: installed, upgraded, taken away, handed over.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{Cluster, ControlPlane, Kind};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::helm::{HELM, REQUIRED, chart, document, helm_of, read, yaml};
use crate::papers::files;

pub(crate) const CRD: &str = "classicloadbalancers.classiclb.dev";
const BINDINGS: &str = "classicloadbalancerbindings.classiclb.dev";
const ACCOUNTS: &str = "awsaccounts.classiclb.dev";
pub(crate) const DEPLOYMENT: Kind = Kind("apps/v1", "Deployment");
const BUDGET: Kind = Kind("policy/v1", "PodDisruptionBudget");
const POD: Kind = Kind("v1", "Pod");
const CLUSTER_ROLE: Kind = Kind("rbac.authorization.k8s.io/v1", "ClusterRole");
const POLICY: Kind = Kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy");
const POLICY_BINDING: Kind = Kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding");
const BINDING: Kind = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding");

/// A turn on the one API server of these tests: the definition is the cluster's, so that only one release fits in.
pub(crate) struct Turn {
    pub(crate) control_plane: &'static ControlPlane,
    pub(crate) cluster: Cluster,
    pub(crate) namespace: &'static str,
    /// The Helm of this turn.
    pub(crate) tool: &'static str,
    files: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Turn {
    pub(crate) async fn begin(namespace: &'static str) -> Self {
        static CONTROL_PLANE: OnceCell<ControlPlane> = OnceCell::const_new();
        static TURNS: Mutex<()> = Mutex::const_new(());
        let turn = TURNS.lock().await;
        let control_plane = CONTROL_PLANE.get_or_try_init(ControlPlane::start).await.unwrap();
        let cluster = control_plane.cluster(namespace).await.unwrap();
        // What a turn before this one left.
        for (kind, prefix) in [
            // First what may keep objects from being deleted.
            (POLICY_BINDING, "classic-lb-operator"),
            (POLICY, "classic-lb-operator"),
            (Kind::CRD, CRD),
            (Kind::CRD, BINDINGS),
            (Kind::CRD, ACCOUNTS),
            (CLUSTER_ROLE, "classic-lb-operator"),
            (BINDING, "classic-lb-operator"),
            // Without Helm these are nobody's, and Helm takes none of them.
            (DEPLOYMENT, "classic-lb-operator"),
            (BUDGET, "classic-lb-operator"),
            (Kind("v1", "Service"), "classic-lb-operator"),
            (Kind("v1", "ServiceAccount"), "classic-lb-operator"),
        ] {
            for object in cluster.list(kind).await.unwrap() {
                let name = object.metadata.name.unwrap();
                if [prefix, "test-", "clb-"].iter().any(|prefix| name.starts_with(prefix)) {
                    cluster.delete_and_wait(kind, &name).await.unwrap();
                }
            }
        }
        let files = tempfile::tempdir().unwrap();
        std::fs::write(files.path().join("required.yaml"), REQUIRED).unwrap();
        Self {
            control_plane,
            cluster,
            namespace,
            tool: HELM,
            files,
            _alone: turn,
        }
    }

    pub(crate) fn helm(&self, arguments: &[&str]) -> Result<String, String> {
        helm_of(
            self.tool,
            Some(self.control_plane.kubeconfig()),
            &[arguments, &["--namespace", self.namespace]].concat(),
        )
    }

    pub(crate) fn install(&self, chart: &Path, more: &[&str]) -> Result<String, String> {
        let values = self.files.path().join("required.yaml");
        let values = ["--create-namespace", "--values", values.to_str().unwrap()];
        self.helm(
            &[
                &["install", "classic-lb-operator", chart.to_str().unwrap()],
                &values[..],
                more,
            ]
            .concat(),
        )
    }

    pub(crate) fn upgrade(&self, chart: &Path, more: &[&str]) -> Result<String, String> {
        let upgrade = [
            "upgrade",
            "classic-lb-operator",
            chart.to_str().unwrap(),
            "--reset-then-reuse-values",
        ];
        self.helm(&[&upgrade, more].concat())
    }

    pub(crate) fn uninstall(&self) {
        self.helm(&["uninstall", "classic-lb-operator"]).unwrap();
    }

    pub(crate) async fn get(&self, kind: Kind, name: &str) -> Value {
        serde_json::to_value(self.cluster.get(kind, name).await.unwrap()).unwrap()
    }

    pub(crate) async fn is_there(&self, kind: Kind, name: &str) -> bool {
        self.cluster.find(kind, name).await.unwrap().is_some()
    }

    /// Waits until objects of the definition can be written.
    pub(crate) async fn served(&self) {
        let established = |crd: &kube::api::DynamicObject| {
            let conditions = crd.data.pointer("/status/conditions").and_then(Value::as_array);
            conditions
                .into_iter()
                .flatten()
                .any(|one| one["type"] == "Established" && one["status"] == "True")
        };
        self.cluster
            .until(Kind::CRD, CRD, "Established to be True", established)
            .await
            .unwrap();
        let started = Instant::now();
        let all = || async {
            self.cluster
                .list(Kind::CLB)
                .await
                .and(self.cluster.list(Kind::ACCOUNT).await)
        };
        while let Err(error) = all().await {
            assert!(started.elapsed() < testkit::cluster::PATIENCE, "not served: {error}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A chart of another version, whose definition has one printer column less.
    pub(crate) fn other_version(&self) -> PathBuf {
        let copy = self.files.path().join("other");
        copy_folder(&chart(), &copy);
        let edit = |file: &str, change: &dyn Fn(String) -> String| {
            let path = copy.join(file);
            let (old, new) = (
                std::fs::read_to_string(&path).unwrap(),
                change(std::fs::read_to_string(&path).unwrap()),
            );
            assert_ne!(old, new, "{file} is as it was");
            std::fs::write(path, new).unwrap();
        };
        let version = format!("ersion: {}", env!("CARGO_PKG_VERSION"));
        edit("Chart.yaml", &|text| text.replace(&version, "ersion: 0.0.1"));
        edit("files/crds/classicloadbalancers.yaml", &|text| {
            let mut crd = document(&text);
            crd["spec"]["versions"][0]["additionalPrinterColumns"]
                .as_array_mut()
                .unwrap()
                .pop();
            crd.to_string()
        });
        copy
    }

    pub(crate) async fn columns(&self) -> usize {
        let crd = self.get(Kind::CRD, CRD).await;
        crd["spec"]["versions"][0]["additionalPrinterColumns"]
            .as_array()
            .unwrap()
            .len()
    }
}

pub(crate) fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[tokio::test]
async fn a_release_is_installed_upgraded_taken_away_and_installed_again() {
    let turn = Turn::begin("release").await;
    turn.install(&turn.other_version(), &[]).unwrap();
    let old_columns = turn.columns().await;
    assert_eq!(turn.get(DEPLOYMENT, "classic-lb-operator").await["spec"]["replicas"], 2);

    turn.upgrade(&chart(), &["--set", "replicas=0"]).unwrap();
    assert_eq!(
        turn.columns().await,
        old_columns + 1,
        "the definition is upgraded with the release"
    );
    let deployment = turn.get(DEPLOYMENT, "classic-lb-operator").await;
    assert_eq!(deployment["spec"]["replicas"], 0);
    let args = deployment
        .pointer("/spec/template/spec/containers/0/args")
        .unwrap()
        .as_array()
        .unwrap();
    assert!(
        args.contains(&json!("--cluster-id=test")),
        "the values of the installation hold: {args:?}"
    );

    turn.served().await;
    turn.cluster.apply(&read("examples/retain.yaml")).await.unwrap();
    turn.uninstall();
    assert!(!turn.is_there(DEPLOYMENT, "classic-lb-operator").await);
    assert!(!turn.is_there(CLUSTER_ROLE, "classic-lb-operator").await);
    assert!(turn.is_there(Kind::CRD, CRD).await, "crds.keep");
    assert!(turn.is_there(Kind::CLB, "retain").await, "objects outlive the release");

    turn.install(&chart(), &[]).unwrap();
    assert!(turn.is_there(DEPLOYMENT, "classic-lb-operator").await);
    turn.uninstall();
}

#[tokio::test]
async fn without_keep_the_definition_goes_with_the_release() {
    let turn = Turn::begin("unkept").await;
    turn.install(&chart(), &["--set", "crds.keep=false"]).unwrap();
    assert!(turn.is_there(Kind::CRD, CRD).await);
    // What is not served yet is slow to go.
    turn.served().await;
    turn.uninstall();
    turn.cluster.until_gone(Kind::CRD, CRD).await.unwrap();
    for other in [BINDINGS, ACCOUNTS] {
        turn.cluster.until_gone(Kind::CRD, other).await.unwrap();
    }
}

#[tokio::test]
async fn a_definition_from_the_plain_manifests_is_handed_over() {
    let turn = Turn::begin("handed-over").await;
    turn.cluster.apply(&read("deploy/crds.yaml")).await.unwrap();
    let refusal = turn.install(&chart(), &[]).unwrap_err();
    assert!(
        refusal.contains("cannot be imported into the current release"),
        "{refusal}"
    );

    turn.install(&turn.other_version(), &["--take-ownership", "--force-conflicts"])
        .unwrap();
    let columns = turn.columns().await;
    turn.upgrade(&chart(), &[]).unwrap();
    assert_eq!(
        turn.columns().await,
        columns + 1,
        "and from then on it follows the chart"
    );
    turn.uninstall();
}

#[tokio::test]
async fn the_plain_manifests_are_accepted_with_their_placeholders_replaced() {
    let turn = Turn::begin("classic-lb-operator").await;
    turn.cluster.apply(&read("deploy/crds.yaml")).await.unwrap();
    let install = read("deploy/install.yaml")
        .replace(
            "IMAGE_REPOSITORY:IMAGE_TAG",
            "registry.example.com/classic-lb-operator:0.1.0",
        )
        .replace("CLUSTER_ID", "production");
    turn.cluster.apply(&install).await.unwrap();
    assert!(turn.is_there(DEPLOYMENT, "classic-lb-operator").await);

    // The namespace enforces the restricted standard on pods, of which a Deployment only gets a warning.
    let deployment = turn.get(DEPLOYMENT, "classic-lb-operator").await;
    let pod =
        |name: &str, spec: &Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec});
    let mut spec = deployment.pointer("/spec/template/spec").unwrap().clone();
    turn.cluster.create(&pod("operator", &spec).to_string()).await.unwrap();
    spec["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = json!(true);
    let refusal = turn
        .cluster
        .create(&pod("privileged", &spec).to_string())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        refusal.contains("violates PodSecurity \"restricted:latest\""),
        "{refusal}"
    );
    assert!(turn.is_there(POD, "operator").await);
}

#[tokio::test]
async fn a_protected_object_cannot_be_deleted_and_the_refusal_names_the_way_out() {
    let turn = Turn::begin("protected").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    turn.cluster
        .apply(&read("examples/deletion-protection.yaml"))
        .await
        .unwrap();
    // The API server takes a policy up some moments after it is written. A dry run shows when, and deletes nothing.
    let path = "/apis/classiclb.dev/v1alpha1/namespaces/protected/classicloadbalancers/deletion-protection?dryRun=All";
    let started = Instant::now();
    loop {
        let request = http::Request::delete(path).body(Vec::new()).unwrap();
        match turn.cluster.client().request_text(request).await {
            Err(error) if error.to_string().contains("set spec.deletionProtection to false") => break,
            other => assert!(started.elapsed() < testkit::cluster::PATIENCE, "not refused: {other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refusal = turn.cluster.delete(Kind::CLB, "deletion-protection").await.unwrap_err();
    assert!(
        refusal
            .to_string()
            .contains("protected/deletion-protection is protected"),
        "{refusal}"
    );

    let lift = json!({"spec": {"deletionProtection": false}});
    turn.cluster
        .patch(Kind::CLB, "deletion-protection", lift)
        .await
        .unwrap();
    turn.cluster
        .delete_and_wait(Kind::CLB, "deletion-protection")
        .await
        .unwrap();
    turn.upgrade(&chart(), &["--set", "admissionPolicy.enabled=false"])
        .unwrap();
    assert!(!turn.is_there(POLICY, "classic-lb-operator").await);
    turn.uninstall();
}

#[tokio::test]
async fn every_example_is_accepted_to_the_letter() {
    let turn = Turn::begin("examples").await;
    turn.install(&chart(), &[]).unwrap();
    turn.served().await;
    let mut accepted = 0;
    for path in files("examples", "yaml") {
        let text = std::fs::read_to_string(path).unwrap();
        for object in yaml(&text) {
            let name = object["metadata"]["name"].as_str().unwrap();
            turn.cluster.create(&object.to_string()).await.unwrap();
            let kinds = [Kind::CLB, Kind::BINDING, Kind::ACCOUNT];
            let kind = kinds.into_iter().find(|kind| object["kind"] == kind.1);
            let stored = turn.get(kind.unwrap(), name).await;
            for (field, value) in object["spec"].as_object().unwrap() {
                assert_eq!(
                    stored["spec"][field], *value,
                    "{name}: spec.{field} is stored as it was written"
                );
            }
            accepted += 1;
        }
    }
    assert!(accepted >= 6, "only {accepted} examples were looked at");
    turn.uninstall();
}
