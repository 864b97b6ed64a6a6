//! Argo CD's application controller and repo server, and what they do with load balancers that are ready.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::process::{Launch, Process};
use testkit::{Cluster, Kind, Result, free_port, object, tool};

use crate::lab::{Lab, Turn, built, managers, manifests, objects};

pub(crate) const APPLICATION: Kind = Kind("argoproj.io/v1alpha1", "Application");
const PROJECT: Kind = Kind("argoproj.io/v1alpha1", "AppProject");

/// Starts Argo CD without its API server, outside of the cluster.
pub(crate) async fn start(lab: &Lab) -> Result<Vec<Process>> {
    configure(lab).await?;
    let folder = lab.folder.path().join("argocd");
    for name in ["bin", "tls", "ssh", "plugins", "tmp", "helm"] {
        std::fs::create_dir_all(folder.join(name)).expect("a folder");
    }
    let bin = folder.join("bin");
    let link = |from: &str, name: &str| std::os::unix::fs::symlink(built(from), bin.join(name)).expect("a link");
    link("argocd", "argocd-repo-server");
    link("argocd", "argocd-application-controller");
    link("helm", "helm");
    let path = std::env::var("PATH").unwrap_or_default();
    let kubeconfig = lab.stack.control_plane().kubeconfig();
    let launch = |name: &str, program: std::path::PathBuf| {
        Launch::new(name, program)
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("KUBECONFIG", kubeconfig)
            .env("ARGOCD_FAKE_IN_CLUSTER", "true")
            .env("ARGOCD_GPG_ENABLED", "false")
            .env("ARGOCD_TLS_DATA_PATH", folder.join("tls"))
            .env("ARGOCD_SSH_DATA_PATH", folder.join("ssh"))
            .env("ARGOCD_PLUGINSOCKFILEPATH", folder.join("plugins"))
            .env("TMPDIR", folder.join("tmp"))
            .env("HELM_CACHE_HOME", folder.join("helm"))
            .env("HELM_CONFIG_HOME", folder.join("helm"))
            .env("HELM_DATA_HOME", folder.join("helm"))
    };
    let ports: Vec<u16> = (0..4).map(|_| free_port()).collect::<Result<_>>()?;
    let redis = format!("127.0.0.1:{}", ports[0]);
    let launches = [
        launch("redis", built("redis")).args([redis.as_str()]),
        launch("argocd-repo-server", bin.join("argocd-repo-server"))
            .args([
                "--address=127.0.0.1",
                "--metrics-address=127.0.0.1",
                "--disable-tls",
                "--logformat=text",
            ])
            .args([
                format!("--port={}", ports[1]),
                format!("--metrics-port={}", ports[2]),
                format!("--redis={redis}"),
            ]),
        launch(
            "argocd-application-controller",
            bin.join("argocd-application-controller"),
        )
        // Health in `status.resources`, for a test to read.
        .args([
            "--namespace=argocd",
            "--repo-server-plaintext",
            "--persist-resource-health",
            "--logformat=text",
        ])
        .args([
            "--app-resync=60",
            "--app-resync-jitter=0",
            "--status-processors=4",
            "--operation-processors=2",
        ])
        .args([
            format!("--repo-server=127.0.0.1:{}", ports[1]),
            format!("--metrics-port={}", ports[3]),
        ])
        .args([format!("--redis={redis}")]),
    ];
    launches
        .iter()
        .map(|launch| Process::start(launch, lab.folder.path()))
        .collect()
}

/// What an installation has, what its API server would do, and our health check, as the documentation says to set it.
async fn configure(lab: &Lab) -> Result<()> {
    let cluster = lab.stack.control_plane().cluster("argocd").await?;
    cluster
        .apply(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "argocd"}}"#)
        .await?;
    let folder = built("argocd-files");
    cluster.apply(&manifests(&folder.join("crds"))).await?;
    cluster.apply(&manifests(&folder.join("base/config"))).await?;
    for kind in [APPLICATION, PROJECT] {
        Turn::until_served(lab, kind).await?;
    }
    // Another handle: this one remembers what it has not found.
    let cluster = lab.stack.control_plane().cluster("argocd").await?;
    let project = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "default"},
        "spec": {
            "sourceRepos": ["*"], "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    });
    cluster.apply(&project.to_string()).await?;
    let key = json!({"stringData": {"server.secretkey": "a key that signs nothing here"}});
    cluster.patch(Kind("v1", "Secret"), "argocd-secret", key).await?;
    let kubectl = tool::kubectl().await?;
    let patched = std::process::Command::new(kubectl)
        .args(["--namespace", "argocd", "patch", "configmap", "argocd-cm"])
        .arg("--patch-file")
        .arg(tool::root().join("deploy/argocd/argocd-cm.yaml"))
        .env("KUBECONFIG", lab.stack.control_plane().kubeconfig())
        .output()
        .expect("kubectl");
    assert!(patched.status.success(), "{}", String::from_utf8_lossy(&patched.stderr));
    Ok(())
}

/// An Application.
pub(crate) struct Argo<'a> {
    pub(crate) cluster: Cluster,
    turn: &'a Turn,
}

impl<'a> Argo<'a> {
    /// That of a file in `deploy/argocd/`, with the turn's name and repository, and what `change` does to it.
    pub(crate) async fn apply(turn: &'a Turn, file: &str, change: impl FnOnce(&mut Value)) -> Result<Self> {
        let [mut application] = <[Value; 1]>::try_from(objects(file)).expect("one object");
        application["metadata"]["name"] = json!(turn.name);
        application["spec"]["source"]["repoURL"] = json!(turn.repository.url);
        change(&mut application);
        let cluster = turn.namespace.in_namespace("argocd");
        cluster.apply(&application.to_string()).await?;
        Ok(Self { cluster, turn })
    }

    /// That of load balancers.
    pub(crate) async fn load_balancers(turn: &'a Turn) -> Result<Self> {
        let namespace = turn.namespace.namespace();
        Self::apply(turn, "deploy/argocd/load-balancers.yaml", |application| {
            application["spec"]["destination"]["namespace"] = json!(namespace);
        })
        .await
    }

    /// Asks for a comparison now, as the button does.
    pub(crate) async fn refresh(&self) -> Result<()> {
        let key = "argocd.argoproj.io/refresh";
        self.cluster
            .annotate(APPLICATION, self.turn.name, key, Some("normal"))
            .await?;
        Ok(())
    }

    /// Waits until the Application is as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl FnMut(&DynamicObject) -> bool,
    ) -> Result<DynamicObject> {
        self.cluster.until(APPLICATION, self.turn.name, what, condition).await
    }

    /// Has the commit compared, and waits until it is in the cluster and the Application fares like this.
    pub(crate) async fn until_synced(&self, commit: &str, health: &str) -> Result<DynamicObject> {
        self.refresh().await?;
        self.until(&format!("to be Synced with {commit} and {health}"), |found| {
            object::text(found, "/status/sync/status") == "Synced"
                && object::text(found, "/status/sync/revision") == commit
                && object::text(found, "/status/health/status") == health
        })
        .await
    }

    /// Asks for a comparison and waits until it was made: then what asks for it is taken off.
    pub(crate) async fn pass(&self) -> Result<DynamicObject> {
        self.refresh().await?;
        self.until("to have been compared", |found| {
            let mut annotations = found.metadata.annotations.iter().flatten();
            annotations.all(|(key, _)| key != "argocd.argoproj.io/refresh")
        })
        .await
    }
}

/// Health and message of one of the Application's objects.
pub(crate) fn health(application: &DynamicObject, name: &str) -> (String, String) {
    let resources = object::at(application, "/status/resources").and_then(Value::as_array);
    let found = resources
        .into_iter()
        .flatten()
        .find(|resource| resource["name"] == name);
    let text = |member: &str| {
        let value = found.and_then(|found| found["health"][member].as_str());
        value.unwrap_or_default().to_owned()
    };
    (text("status"), text("message"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_is_healthy_and_stays_as_it_is_in_git() -> Result<()> {
    let turn = Turn::begin("argocd-tutorial").await?.with_argocd().await?;
    let tutorial = crate::lab::read("examples/tutorial.yaml");
    let commit = turn
        .repository
        .push(&[("load-balancers/tutorial.yaml", Some(&tutorial))]);
    let argo = Argo::load_balancers(&turn).await?;
    argo.until_synced(&commit, "Healthy").await?;
    turn.lap("healthy");
    let ready = turn.namespace.get(Kind::CLB, "my-lb").await?;
    assert!(object::is_ready(&ready));
    assert!(turn.in_aws("my-lb").await);
    assert_eq!(
        managers(&ready),
        [
            "argocd-controller Apply",
            "classic-lb-operator Apply status",
            "classic-lb-operator Update"
        ]
    );

    argo.cluster.delete_and_wait(APPLICATION, turn.name).await?;
    assert!(!turn.in_aws("my-lb").await);
    Ok(())
}
