//! The parts, which all tests share, and the turn of one test on them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube::api::DynamicObject;
use serde_json::{Value, json};
use testkit::process::{Folder, Process};
use testkit::{Kind, Namespace, Options, Result, Stack, object, tool};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::git::{Repository, Server};

/// All controllers of kube-controller-manager but for those that want what is not here: kubelets, which the Nodes of the lab do not
/// have, and a certificate authority.
const CONTROLLERS: [&str; 5] = [
    "*",
    "-node-lifecycle-controller",
    "-bootstrap-signer-controller",
    "-token-cleaner-controller",
    "-kube-apiserver-serving-clustertrustbundle-publisher-controller",
];

/// A control plane with its controllers, the operator, the simulated AWS and a Git server; more programs as tests ask for them.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) stack: Stack,
    pub(crate) folder: Folder,
    git: Server,
    flux: OnceCell<Vec<Process>>,
    argocd: OnceCell<Vec<Process>>,
    nodes: OnceCell<Vec<Process>>,
}

impl Lab {
    async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Lab> = OnceCell::const_new();
        let start = || async {
            let options = Options {
                controllers: CONTROLLERS.to_vec(),
                ..Options::default()
            };
            let folder = Folder::new()?;
            let stack = Stack::start(options).await?;
            // Instances that the tutorial names, and a Node, without which no load balancer with a selector is ready.
            let zones = [
                ("i-4f8cf126", "us-east-1a"),
                ("i-0bb7ca62", "us-east-1b"),
                ("i-00000042", "us-east-1a"),
            ];
            stack
                .simulator()
                .seed(&testkit::instances(&BTreeMap::from(zones)))
                .await?;
            let cluster = stack.control_plane().cluster("default").await?;
            cluster
                .node("web-1", Some("aws:///us-east-1a/i-00000042"), &[("role", "web")])
                .await?;
            Ok(Self {
                stack,
                git: Server::start(folder.path())?,
                folder,
                flux: OnceCell::new(),
                argocd: OnceCell::new(),
                nodes: OnceCell::new(),
            })
        };
        SHARED.get_or_try_init(start).await
    }
}

/// A test's turn. Only one runs at a time: some stop the operator or take it away, and two processors are not many for all of this.
pub(crate) struct Turn {
    pub(crate) lab: &'static Lab,
    pub(crate) namespace: Namespace,
    /// A repository of its own.
    pub(crate) repository: Repository,
    /// What this turn's objects are called, in AWS too.
    pub(crate) name: &'static str,
    started: std::sync::Mutex<Instant>,
    _alone: MutexGuard<'static, ()>,
}

impl Turn {
    /// With the operator installed and running, whatever the turn before did to it.
    pub(crate) async fn begin(name: &'static str) -> Result<Self> {
        static TURNS: Mutex<()> = Mutex::const_new(());
        let alone = TURNS.lock().await;
        let lab = Lab::shared().await?;
        lab.stack.simulator().clear_faults().await?;
        let cluster = lab.stack.control_plane().cluster("default").await?;
        let namespace = cluster.find(Kind::NAMESPACE, "classic-lb-operator").await?;
        if namespace.is_some_and(|namespace| namespace.metadata.deletion_timestamp.is_some()) {
            cluster.until_gone(Kind::NAMESPACE, "classic-lb-operator").await?;
        }
        lab.stack.control_plane().install().await?;
        if lab.stack.operator().pid().is_err() {
            lab.stack.operator().start_ready().await?;
        }
        Ok(Self {
            lab,
            namespace: lab.stack.namespace().await?,
            repository: lab.git.repository(name),
            name,
            started: std::sync::Mutex::new(Instant::now()),
            _alone: alone,
        })
    }

    /// With Flux running.
    pub(crate) async fn with_flux(self) -> Result<Self> {
        self.lab.flux.get_or_try_init(|| crate::flux::start(self.lab)).await?;
        self.lap("started");
        Ok(self)
    }

    /// With Argo CD running.
    pub(crate) async fn with_argocd(self) -> Result<Self> {
        self.lab
            .argocd
            .get_or_try_init(|| crate::argocd::start(self.lab))
            .await?;
        self.lap("started");
        Ok(self)
    }

    /// With a scheduler and a node that says of each pod that it runs.
    pub(crate) async fn with_nodes(self) -> Result<Self> {
        self.lab.nodes.get_or_try_init(|| crate::nodes::start(self.lab)).await?;
        self.lap("started");
        Ok(self)
    }

    /// Tells how long it took to get here since it was last asked, for the figures in the documentation.
    pub(crate) fn lap(&self, what: &str) {
        let mut started = self.started.lock().expect("no panic before");
        eprintln!("{}: {what} after {:.1} s", self.name, started.elapsed().as_secs_f64());
        *started = Instant::now();
    }

    /// A load balancer's manifest with these lines in its spec beside the least that it needs.
    pub(crate) fn manifest(name: &str, lines: &str) -> String {
        format!(
            "apiVersion: classiclb.dev/v1alpha1\nkind: ClassicLoadBalancer\nmetadata:\n  name: {name}\nspec:\n  \
             loadBalancerName: {name}\n  availabilityZones: [us-east-1a]\n  listeners: [{{port: 80, protocol: HTTP, instancePort: \
             80}}]\n{lines}"
        )
    }

    /// Whether AWS has the load balancer.
    pub(crate) async fn in_aws(&self, name: &str) -> bool {
        let elb = self.lab.stack.simulator().elb();
        elb.describe_load_balancers()
            .load_balancer_names(name)
            .send()
            .await
            .is_ok()
    }

    /// Makes a load balancer in AWS that belongs to somebody else.
    pub(crate) async fn foreign(&self, name: &str) -> Result<()> {
        let parameters = [
            ("LoadBalancerName", name),
            ("AvailabilityZones.member.1", "us-east-1a"),
            ("Listeners.member.1.Protocol", "HTTP"),
            ("Listeners.member.1.LoadBalancerPort", "80"),
            ("Listeners.member.1.InstancePort", "80"),
        ];
        let simulator = self.lab.stack.simulator();
        simulator
            .query("elasticloadbalancing", "2012-06-01", "CreateLoadBalancer", &parameters)
            .await
            .map(drop)
    }

    /// From now on AWS denies that the load balancer is made.
    pub(crate) async fn deny(&self, name: &str) -> Result<()> {
        let denied = json!({"error": {"code": "AccessDenied", "status": 403, "message": "not authorized"}});
        let matching = json!({"operation": "CreateLoadBalancer", "loadBalancer": name});
        let fault = json!({"match": matching, "do": denied});
        self.lab.stack.simulator().fault(&fault).await
    }

    /// Waits until objects of a kind can be listed: a definition takes a moment to be served.
    pub(crate) async fn until_served(lab: &Lab, kind: Kind) -> Result<()> {
        let started = Instant::now();
        loop {
            // A new handle each time, which remembers nothing.
            match lab.stack.control_plane().cluster("default").await?.list(kind).await {
                Ok(_) => return Ok(()),
                Err(error) if started.elapsed() > testkit::cluster::PATIENCE => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// A file of the project.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(tool::root().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The objects of a file of the project.
pub(crate) fn objects(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&read(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// Where `tools/build` says that a tool or its manifests are.
pub(crate) fn built(name: &str) -> PathBuf {
    let output = std::process::Command::new(tool::root().join("tools/build"))
        .arg(name)
        .output()
        .expect("tools/build");
    assert!(
        output.status.success(),
        "tools/build {name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim())
}

/// The texts of all YAML files in a folder, as one.
pub(crate) fn manifests(folder: &Path) -> String {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let yaml = files.iter().filter(|file| {
        file.extension().is_some_and(|extension| extension == "yaml") && !file.ends_with("kustomization.yaml")
    });
    yaml.map(|file| std::fs::read_to_string(file).expect("a file"))
        .collect::<Vec<_>>()
        .join("\n---\n")
}

/// Who owns fields of the object, and how: `kustomize-controller Apply`, `classic-lb-operator Apply status`.
pub(crate) fn managers(object: &DynamicObject) -> Vec<String> {
    let entries = object.metadata.managed_fields.iter().flatten();
    let mut managers: Vec<String> = entries
        .map(|entry| {
            let parts =
                [&entry.manager, &entry.operation, &entry.subresource].map(|part| part.clone().unwrap_or_default());
            parts.join(" ").trim().to_owned()
        })
        .collect();
    managers.sort();
    managers
}

/// A condition's `status/reason` and message.
pub(crate) fn condition(object: &DynamicObject, kind: &str) -> (String, String) {
    let found = object::condition(object, kind);
    found.map_or_else(Default::default, |found| {
        (format!("{}/{}", found.status, found.reason), found.message)
    })
}
