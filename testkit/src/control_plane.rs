//! A real Kubernetes control plane: etcd and kube-apiserver on loopback, without kubelets, and without controllers unless
//! a test asks for some.

mod controllers;
mod restore;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::OnceCell;

use crate::audit::{self, KubernetesCall};
use crate::cluster::Cluster;
use crate::error::Doing;
use crate::process::{Folder, Launch, Process};
use crate::{Error, Result, port, tool};

pub use controllers::DELETING;

/// Enough for a slow machine that compiles at the same time; an idle one takes about four seconds.
const START_LIMIT: Duration = Duration::from_mins(3);

/// The namespace and the service account that the rendered manifests give the operator.
const OPERATOR_ACCOUNT: &str = "classic-lb-operator";

/// What etcd stores, beneath the folder.
const ETCD_DATA: &str = "etcd";

/// Which of the manifests in `deploy/install.yaml` say who the operator is and what it may do.
const ACCESS_KINDS: [&str; 6] = [
    "Namespace",
    "ServiceAccount",
    "ClusterRole",
    "ClusterRoleBinding",
    "Role",
    "RoleBinding",
];

/// etcd and kube-apiserver, ended when this is dropped.
#[derive(Debug)]
pub struct ControlPlane {
    api_server: Mutex<Option<Process>>,
    api_server_launch: Launch,
    etcd: Mutex<Process>,
    etcd_pid: u32,
    url: String,
    kubeconfig: PathBuf,
    operator_kubeconfig: PathBuf,
    folder: Arc<Folder>,
}

impl ControlPlane {
    /// Starts an empty control plane in a folder of its own.
    pub async fn start() -> Result<Self> {
        Self::start_in(Arc::new(Folder::new()?)).await
    }

    /// Starts an empty control plane whose files lie in `folder`.
    pub async fn start_in(folder: Arc<Folder>) -> Result<Self> {
        Self::start_on(folder, &[]).await
    }

    /// Starts a control plane on what etcd finds in `folder`.
    async fn start_on(folder: Arc<Folder>, etcd_args: &[&str]) -> Result<Self> {
        let (etcd, api_server) = (tool::built("etcd").await?, tool::built("kube-apiserver").await?);
        let (etcd_process, etcd_url) = start_etcd(&etcd, &folder, etcd_args)?;
        let port = port::free()?;
        let url = format!("https://127.0.0.1:{port}");
        let files = Files::write(&folder)?;
        let launch = Launch::new("kube-apiserver", api_server).args(api_server_args(&etcd_url, port, &folder, &files));
        let control_plane = Self {
            api_server: Mutex::new(None),
            api_server_launch: launch,
            etcd_pid: etcd_process.pid().await?,
            etcd: Mutex::new(etcd_process),
            kubeconfig: kubeconfig(&folder, "admin", &url, &files)?,
            operator_kubeconfig: kubeconfig(&folder, "operator", &url, &files)?,
            url,
            folder,
        };
        control_plane.start_api_server().await?;
        Ok(control_plane)
    }

    /// The control plane with the CRDs and the operator's roles that all [variants](crate::Stack::variant) in a test
    /// binary share; it ends with the process.
    pub async fn shared() -> Result<Arc<Self>> {
        static SHARED: OnceCell<Arc<ControlPlane>> = OnceCell::const_new();
        let start = || async {
            let control_plane = Self::start().await?;
            control_plane.install().await?;
            control_plane.allow_all_leases().await?;
            Ok(Arc::new(control_plane))
        };
        SHARED.get_or_try_init(start).await.cloned()
    }

    /// Applies the CRDs, and the namespace, service account and roles that the chart renders for the operator.
    pub async fn install(&self) -> Result<()> {
        let cluster = self.cluster("default").await?;
        for path in [
            tool::root().join("deploy/crds.yaml"),
            tool::root().join("deploy/install.yaml"),
        ] {
            let text = std::fs::read_to_string(&path).doing(format!("reading {}", path.display()))?;
            let wanted = crate::cluster::documents(&text)?.into_iter().filter(|document| {
                let kind = document["kind"].as_str().unwrap_or_default();
                kind == "CustomResourceDefinition" || ACCESS_KINDS.contains(&kind)
            });
            cluster.apply_documents(wanted).await?;
        }
        cluster.until_served("classiclb.dev/v1alpha1").await
    }

    /// Gives the operator the Leases of whichever namespaces it watches, as an installation for these would.
    pub async fn allow_all_leases(&self) -> Result<()> {
        let rights = r#"{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: all-leases},
rules: [{apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, update]}]}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: all-leases},
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: all-leases},
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:serviceaccounts:classic-lb-operator"}]}
"#;
        self.cluster("kube-system").await?.apply(rights).await.map(drop)
    }

    /// A handle for a test, with a client of its own, whose namespaced objects go to `namespace` by default.
    pub async fn cluster(&self, namespace: &str) -> Result<Cluster> {
        Ok(Cluster::new(self.client().await?, namespace))
    }

    /// A client with every right. It belongs to the runtime that it is made on.
    pub async fn client(&self) -> Result<Client> {
        client(&self.kubeconfig).await
    }

    /// A client with exactly the operator's rights.
    pub async fn operator_client(&self) -> Result<Client> {
        client(&self.operator_kubeconfig).await
    }

    /// Where the API server listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The kubeconfig file of a user with every right.
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The kubeconfig file of the operator's service account.
    pub fn operator_kubeconfig(&self) -> &Path {
        &self.operator_kubeconfig
    }

    /// Writes a kubeconfig file of another user, who has what rights roles give them.
    pub fn kubeconfig_as(&self, user: &str) -> Result<PathBuf> {
        let doing = format!("reading {}", self.kubeconfig.display());
        let text = std::fs::read_to_string(&self.kubeconfig).doing(doing)?;
        let mut config: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| Error::Setup(error.to_string()))?;
        config["users"][0]["user"]["as"] = user.into();
        self.folder
            .write(&format!("{user}.kubeconfig"), &format!("{config:#}\n"))
    }

    /// Every request that operators have made to the API server, in order, watches included.
    pub fn operator_calls(&self) -> Result<Vec<KubernetesCall>> {
        audit::read(&self.folder.path().join("audit.log"))
    }

    /// Takes the API server away, as in an outage; what it stored stays.
    pub fn stop_api_server(&self) {
        drop(self.api_server.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Sends the API server a signal: after `STOP` it answers nothing and refuses nothing, until `CONT`.
    pub fn signal_api_server(&self, name: &str) -> Result<()> {
        match &mut *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(process) => process.signal(name),
            None => Ok(()),
        }
    }

    /// Starts the API server on its port, and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<()> {
        let process = Process::start(&self.api_server_launch, self.folder.path())?;
        *self.api_server.lock().unwrap_or_else(PoisonError::into_inner) = Some(process);
        let started = Instant::now();
        let client = self.client().await?;
        loop {
            let request = http::Request::get("/readyz")
                .body(Vec::new())
                .map_err(|error| Error::Setup(error.to_string()))?;
            let answer = match tokio::time::timeout(Duration::from_secs(5), client.request_text(request)).await {
                Ok(Ok(_)) => return Ok(()),
                Ok(Err(error)) => error.to_string(),
                Err(_) => "no answer".to_owned(),
            };
            self.still_starting(started, &answer)?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn still_starting(&self, started: Instant, answer: &str) -> Result<()> {
        let mut api_server = self.api_server.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(process) = api_server.as_mut() else {
            return Ok(());
        };
        if let Some(exit) = process.exit()? {
            return Err(Error::part(
                process.name(),
                format!("ended at its start ({exit:?})"),
                process.log(),
            ));
        }
        if started.elapsed() > START_LIMIT {
            let problem = format!(
                "was not ready after {} s; its last answer: {answer}",
                START_LIMIT.as_secs()
            );
            return Err(Error::part(process.name(), problem, process.log()));
        }
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Before etcd, without which it would only fill its log.
        self.stop_api_server();
    }
}

fn start_etcd(program: &Path, folder: &Folder, more: &[&str]) -> Result<(Process, String)> {
    let (client, peer) = (port::free()?, port::free()?);
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let launch = Launch::new("etcd", program)
        .args([flag("data-dir", folder.path().join(ETCD_DATA))])
        .args([
            flag("listen-client-urls", &client),
            flag("advertise-client-urls", &client),
        ])
        .args([
            flag("listen-peer-urls", &peer),
            flag("initial-advertise-peer-urls", &peer),
        ])
        .args([flag("initial-cluster", format!("default={peer}"))])
        // The data dies with the folder, so nothing is gained by waiting for the disk.
        .args(["--unsafe-no-fsync", "--log-level=warn"])
        .args(more);
    Ok((Process::start(&launch, folder.path())?, client))
}

fn api_server_args(etcd_url: &str, port: u16, folder: &Folder, files: &Files) -> Vec<OsString> {
    vec![
        flag("etcd-servers", etcd_url),
        flag("bind-address", "127.0.0.1"),
        flag("secure-port", port.to_string()),
        // An advertise address on loopback is refused by the other reconcilers.
        flag("endpoint-reconciler-type", "none"),
        flag("cert-dir", folder.path().join("certs")),
        flag("tls-cert-file", &files.certificate),
        flag("tls-private-key-file", &files.key),
        flag("service-cluster-ip-range", "10.0.0.0/24"),
        flag("service-account-issuer", "https://kubernetes.default.svc"),
        flag("service-account-key-file", &files.certificate),
        flag("service-account-signing-key-file", &files.key),
        flag("authorization-mode", "RBAC"),
        flag("token-auth-file", &files.tokens),
        // No controller makes the default service account that this plugin would insist on.
        flag("disable-admission-plugins", "ServiceAccount"),
        flag("allow-privileged", "true"),
        flag("audit-policy-file", &files.audit_policy),
        flag("audit-log-path", folder.path().join("audit.log")),
    ]
}

fn flag(name: &str, value: impl Into<OsString>) -> OsString {
    let mut flag = OsString::from(format!("--{name}="));
    flag.push(value.into());
    flag
}

/// What the API server reads at its start.
#[derive(Debug)]
struct Files {
    certificate: PathBuf,
    certificate_pem: String,
    key: PathBuf,
    tokens: PathBuf,
    audit_policy: PathBuf,
    admin_token: String,
    operator_token: String,
}

impl Files {
    fn write(folder: &Folder) -> Result<Self> {
        let certified = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned(), "localhost".to_owned()])
            .map_err(|error| Error::Setup(format!("making the API server's certificate: {error}")))?;
        let (admin_token, operator_token) = (token(), token());
        let account = format!("system:serviceaccount:{OPERATOR_ACCOUNT}:{OPERATOR_ACCOUNT}");
        let groups = format!("system:serviceaccounts,system:serviceaccounts:{OPERATOR_ACCOUNT}");
        let tokens =
            format!("{admin_token},admin,admin,\"system:masters\"\n{operator_token},{account},operator,\"{groups}\"\n");
        Ok(Self {
            certificate: folder.write("apiserver.crt", &certified.cert.pem())?,
            certificate_pem: certified.cert.pem(),
            key: folder.write("apiserver.key", &certified.signing_key.serialize_pem())?,
            tokens: folder.write("tokens.csv", &tokens)?,
            audit_policy: folder.write("audit-policy.yaml", &audit::policy(&account))?,
            admin_token,
            operator_token,
        })
    }
}

fn token() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(32).collect()
}

fn kubeconfig(folder: &Folder, user: &str, url: &str, files: &Files) -> Result<PathBuf> {
    let token = if user == "admin" {
        &files.admin_token
    } else {
        &files.operator_token
    };
    // Inline, so that the file still holds when it is copied elsewhere.
    let certificate = BASE64_STANDARD.encode(&files.certificate_pem);
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": {"server": url, "certificate-authority-data": certificate}}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": user, "context": {"cluster": "local", "user": user}}],
        "current-context": user,
    });
    folder.write(&format!("{user}.kubeconfig"), &format!("{config:#}\n"))
}

/// A client for whom a kubeconfig file speaks. One TLS provider serves the whole process.
pub(crate) async fn client(kubeconfig: &Path) -> Result<Client> {
    // Refused only when a provider is there already, which then serves as well.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let doing = format!("reading {}", kubeconfig.display());
    let wrong = |error: kube::config::KubeconfigError| Error::Setup(format!("{doing}: {error}"));
    let file = Kubeconfig::read_from(kubeconfig).map_err(wrong)?;
    let config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default())
        .await
        .map_err(wrong)?;
    Client::try_from(config).doing("making a Kubernetes client")
}
