//! Flux's two controllers, and what they do with load balancers that are ready.

use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::process::{Launch, Process};
use testkit::{Cluster, Kind, Result, free_port, object};

use crate::lab::{Lab, Turn, built, condition, managers, manifests, objects};

pub(crate) const KUSTOMIZATION: Kind = Kind("kustomize.toolkit.fluxcd.io/v1", "Kustomization");
pub(crate) const GIT_REPOSITORY: Kind = Kind("source.toolkit.fluxcd.io/v1", "GitRepository");

/// Starts source-controller and kustomize-controller outside of the cluster.
pub(crate) async fn start(lab: &Lab) -> Result<Vec<Process>> {
    let cluster = lab.stack.control_plane().cluster("flux-system").await?;
    cluster
        .apply(r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "flux-system"}}"#)
        .await?;
    let mut processes = Vec::new();
    let artifacts = format!("127.0.0.1:{}", free_port()?);
    for (name, kind, flags) in [
        (
            "source-controller",
            GIT_REPOSITORY,
            vec![
                format!("--storage-path={}", lab.folder.path().join("artifacts").display()),
                format!("--storage-addr={artifacts}"),
                format!("--storage-adv-addr={artifacts}"),
            ],
        ),
        (
            "kustomize-controller",
            KUSTOMIZATION,
            vec!["--requeue-dependency=2s".to_owned()],
        ),
    ] {
        cluster.apply(&manifests(&built(&format!("{name}-files")))).await?;
        Turn::until_served(lab, kind).await?;
        let temporary = lab.folder.path().join(format!("{name}-tmp"));
        for folder in [&temporary, &lab.folder.path().join("artifacts")] {
            std::fs::create_dir_all(folder).expect("a folder");
        }
        let launch = Launch::new(name, built(name))
            .args(flags)
            .args(["--watch-all-namespaces", "--log-encoding=console"])
            .args([format!("--metrics-addr=127.0.0.1:{}", free_port()?)])
            .args([format!("--health-addr=127.0.0.1:{}", free_port()?)])
            .env("KUBECONFIG", lab.stack.control_plane().kubeconfig())
            .env("RUNTIME_NAMESPACE", "flux-system")
            .env("TMPDIR", temporary);
        processes.push(Process::start(&launch, lab.folder.path())?);
    }
    Ok(processes)
}

/// A `GitRepository` and a `Kustomization` in the turn's namespace.
pub(crate) struct Flux<'a> {
    pub(crate) cluster: Cluster,
    turn: &'a Turn,
}

impl<'a> Flux<'a> {
    /// Those of a file in `deploy/flux/`, with the turn's repository and namespaces, and what `change` does to the Kustomization.
    pub(crate) async fn apply(turn: &'a Turn, file: &str, change: impl FnOnce(&mut Value)) -> Result<Self> {
        let [mut source, mut kustomization] = <[Value; 2]>::try_from(objects(file)).expect("two objects");
        for object in [&mut source, &mut kustomization] {
            object["metadata"]["namespace"] = json!("flux-system");
            object["metadata"]["name"] = json!(turn.name);
        }
        source["spec"]["url"] = json!(turn.repository.url);
        let spec = kustomization["spec"].as_object_mut().expect("a spec");
        spec["sourceRef"]["name"] = json!(turn.name);
        if spec.contains_key("targetNamespace") {
            spec["targetNamespace"] = json!(turn.namespace.namespace());
        }
        // The operator was not installed by Flux here.
        spec.remove("dependsOn");
        spec["retryInterval"] = json!("5s");
        change(&mut kustomization);
        let cluster = turn.namespace.in_namespace("flux-system");
        for object in [source, kustomization] {
            cluster.apply(&object.to_string()).await?;
        }
        Ok(Self { cluster, turn })
    }

    /// That of load balancers.
    pub(crate) async fn load_balancers(turn: &'a Turn) -> Result<Self> {
        Self::apply(turn, "deploy/flux/load-balancers.yaml", |_| ()).await
    }

    /// Asks for a pass now, as `flux reconcile` does, and returns the word to wait for.
    pub(crate) async fn ask(&self, kind: Kind) -> Result<String> {
        let word = fastrand::u64(..).to_string();
        self.cluster
            .annotate(kind, self.turn.name, "reconcile.fluxcd.io/requestedAt", Some(&word))
            .await?;
        Ok(word)
    }

    /// Waits until the Kustomization is as wanted.
    pub(crate) async fn until(
        &self,
        what: &str,
        condition: impl FnMut(&DynamicObject) -> bool,
    ) -> Result<DynamicObject> {
        self.cluster.until(KUSTOMIZATION, self.turn.name, what, condition).await
    }

    /// Has the commit fetched, and waits until the Kustomization is ready with it.
    pub(crate) async fn until_ready(&self, commit: &str) -> Result<DynamicObject> {
        self.ask(GIT_REPOSITORY).await?;
        self.until(&format!("to be ready with {commit}"), |found| {
            object::has(found, "Ready", "True") && object::text(found, "/status/lastAppliedRevision").ends_with(commit)
        })
        .await
    }

    /// Has the commit fetched, and waits until the Kustomization is not ready with it, for this reason, and returns the message.
    pub(crate) async fn until_failed(&self, commit: &str, reason: &str) -> Result<String> {
        self.ask(GIT_REPOSITORY).await?;
        let what = format!("{reason} with {commit}");
        let failed = self.until(&what, |found| {
            condition(found, "Ready").0 == format!("False/{reason}")
                && object::text(found, "/status/lastAttemptedRevision").ends_with(commit)
        });
        Ok(condition(&failed.await?, "Ready").1)
    }

    /// Asks for a pass over what is fetched, and waits until it was made.
    pub(crate) async fn pass(&self) -> Result<DynamicObject> {
        let word = self.ask(KUSTOMIZATION).await?;
        self.until("to have made a pass", |found| {
            object::has(found, "Ready", "True") && object::text(found, "/status/lastHandledReconcileAt") == word
        })
        .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tutorial_becomes_ready_and_stays_as_it_is_in_git() -> Result<()> {
    let turn = Turn::begin("flux-tutorial").await?.with_flux().await?;
    let tutorial = crate::lab::read("examples/tutorial.yaml");
    let commit = turn
        .repository
        .push(&[("load-balancers/tutorial.yaml", Some(&tutorial))]);
    let flux = Flux::load_balancers(&turn).await?;
    flux.until_ready(&commit).await?;
    let ready = turn.namespace.get(Kind::CLB, "my-lb").await?;
    turn.lap("ready");
    assert!(object::is_ready(&ready), "Flux waited for the load balancer");
    assert!(turn.in_aws("my-lb").await);
    assert_eq!(
        managers(&ready),
        [
            "classic-lb-operator Apply status",
            "classic-lb-operator Update",
            "kustomize-controller Apply"
        ]
    );
    flux.cluster.delete_and_wait(KUSTOMIZATION, turn.name).await?;
    assert!(!turn.in_aws("my-lb").await);
    Ok(())
}
