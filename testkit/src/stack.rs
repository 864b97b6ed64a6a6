//! All parts together.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use kube::Client;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::access::{Policies, with_operators_key};
use crate::cluster::Cluster;
use crate::control_plane::ControlPlane;
use crate::operator::{Operator, OperatorOptions};
use crate::process::{Folder, Process};
use crate::simulator::Simulator;
use crate::{Error, Result};

/// How a stack is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the simulator behaves: its clock, delays, throttles.
    pub aws: aws_simulator::Config,
    /// What the operator is started with.
    pub operator: OperatorOptions,
    /// What the operator may do in AWS.
    pub policies: Policies,
    /// Leaves the operator prepared but not started.
    pub without_operator: bool,
    /// Controllers of Kubernetes that run beside it, such as [`DELETING`](crate::control_plane::DELETING); not for a
    /// [variant](Stack::variant), whose control plane others share.
    pub controllers: Vec<&'static str>,
}

impl Options {
    /// An AWS that does everything at once, for whoever measures the operator alone.
    #[must_use]
    pub fn without_delays() -> Self {
        Self {
            aws: aws_simulator::Config {
                delays: aws_simulator::Delays::None,
                ..aws_simulator::Config::default()
            },
            ..Self::default()
        }
    }
}

/// A control plane with the CRDs and the operator's roles, the simulator, and the operator between them.
#[derive(Debug)]
pub struct Stack {
    // In the order in which they have to end.
    operator: Operator,
    simulator: Simulator,
    _controllers: Option<Process>,
    control_plane: Arc<ControlPlane>,
    watched: Option<Watched>,
}

/// The namespaces of a variant.
#[derive(Debug)]
struct Watched {
    names: [String; NAMESPACES],
    /// How many of them a test has taken.
    taken: AtomicUsize,
}

impl Watched {
    /// The operator's options with them.
    fn options(&self, options: &OperatorOptions) -> OperatorOptions {
        let mut options = options.clone();
        options
            .args
            .push(format!("--watch-namespaces={}", self.names.join(",")));
        options
    }
}

/// How many namespaces the operator of a variant watches.
const NAMESPACES: usize = 2;

impl Stack {
    /// Starts everything and waits until the operator is ready.
    pub async fn start(mut options: Options) -> Result<Self> {
        let folder = Arc::new(Folder::new()?);
        options.policies.bind(&mut options.aws, &options.operator.cluster_id)?;
        let simulator = Simulator::start(options.aws)?;
        let control_plane = ControlPlane::start_in(folder.clone()).await?;
        control_plane.install().await?;
        let kubeconfig = control_plane.operator_kubeconfig();
        let aws = with_operators_key(simulator.environment());
        let operator = Operator::prepare(&options.operator, kubeconfig, aws, folder)?;
        let controllers = match options.controllers.as_slice() {
            [] => None,
            names => Some(control_plane.start_controllers(names).await?),
        };
        let stack = Self {
            operator,
            simulator,
            _controllers: controllers,
            control_plane: Arc::new(control_plane),
            watched: None,
        };
        stack.started(options.without_operator).await
    }

    /// Starts a simulator and an operator on the control plane that all variants of a test binary share. The operator
    /// looks at namespaces of its own alone, of which tests take two; Nodes are seen by all. For tests that want another
    /// operator or another AWS, or harm theirs, but leave the control plane as it is.
    pub async fn variant(mut options: Options) -> Result<Self> {
        if !options.controllers.is_empty() {
            return Err(Error::Setup(
                "a variant shares its control plane, so it has no controllers".into(),
            ));
        }
        options.policies.bind(&mut options.aws, &options.operator.cluster_id)?;
        let simulator = Simulator::start(options.aws)?;
        let control_plane = ControlPlane::shared().await?;
        let names = std::array::from_fn(|_| fresh());
        for name in &names {
            make(&control_plane.cluster(name).await?).await?;
        }
        let watched = Watched {
            names,
            taken: AtomicUsize::new(0),
        };
        let operator = Operator::prepare(
            &watched.options(&options.operator),
            control_plane.operator_kubeconfig(),
            with_operators_key(simulator.environment()),
            Arc::new(Folder::new()?),
        )?;
        let stack = Self {
            operator,
            simulator,
            _controllers: None,
            control_plane,
            watched: Some(watched),
        };
        stack.started(options.without_operator).await
    }

    async fn started(self, without_operator: bool) -> Result<Self> {
        if !without_operator {
            self.operator.start_ready().await?;
        }
        Ok(self)
    }

    /// Another operator for the same namespaces and the same AWS, prepared but not started. It may do everything in AWS:
    /// its cluster can be another one.
    pub fn another_operator(&self, options: &OperatorOptions) -> Result<Operator> {
        let watched = self.watched.as_ref();
        let options = watched.map_or_else(|| options.clone(), |watched| watched.options(options));
        let kubeconfig = self.control_plane.operator_kubeconfig();
        Operator::prepare(
            &options,
            kubeconfig,
            self.simulator.environment(),
            Arc::new(Folder::new()?),
        )
    }

    /// The stack that all tests of a test binary share, with default options; it ends with the process.
    pub async fn shared() -> Result<&'static Self> {
        static SHARED: OnceCell<Stack> = OnceCell::const_new();
        SHARED.get_or_try_init(|| Self::start(Options::default())).await
    }

    /// The operator.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// The simulator.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// etcd and kube-apiserver.
    pub fn control_plane(&self) -> &ControlPlane {
        &self.control_plane
    }

    /// A client with every right, for the runtime that asks for it.
    pub async fn client(&self) -> Result<Client> {
        self.control_plane.client().await
    }

    /// A fresh namespace that the operator watches.
    pub async fn namespace(&self) -> Result<Namespace> {
        let cluster = match &self.watched {
            None => {
                let cluster = self.control_plane.cluster(&fresh()).await?;
                make(&cluster).await?;
                cluster
            }
            Some(watched) => {
                let next = watched.taken.fetch_add(1, Ordering::Relaxed);
                let name = watched.names.get(next);
                let name = name.ok_or_else(|| Error::Setup(format!("a variant has {NAMESPACES} namespaces")))?;
                self.control_plane.cluster(name).await?
            }
        };
        Ok(Namespace {
            cluster,
            instances: fastrand::u32(..).into(),
        })
    }
}

/// A name that no other namespace has.
fn fresh() -> String {
    let suffix: String = std::iter::repeat_with(fastrand::alphanumeric).take(8).collect();
    format!("test-{}", suffix.to_lowercase())
}

/// Makes the namespace that a handle works in.
async fn make(cluster: &Cluster) -> Result<()> {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": cluster.namespace()}});
    cluster.apply(&namespace.to_string()).await.map(drop)
}

/// A namespace of one test: a [`Cluster`] that works there.
#[derive(Debug)]
pub struct Namespace {
    cluster: Cluster,
    instances: AtomicU32,
}

impl Namespace {
    /// Makes running instances in these zones of the default VPC, with ids that no other test has.
    pub async fn instances(&self, simulator: &Simulator, zones: &[&str]) -> Result<Vec<String>> {
        let ids: Vec<String> = zones
            .iter()
            .map(|_| format!("i-{:08x}", self.instances.fetch_add(1, Ordering::Relaxed)))
            .collect();
        let placed: BTreeMap<&str, &str> = ids.iter().map(String::as_str).zip(zones.iter().copied()).collect();
        simulator.seed(&instances(&placed)).await?;
        Ok(ids)
    }
}

impl Deref for Namespace {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

/// The seed that makes running instances with these ids in these zones, in the default VPC of the stack's region.
pub fn instances(zones: &BTreeMap<&str, &str>) -> serde_json::Value {
    let instances: Vec<_> = zones
        .iter()
        .map(|(id, zone)| json!({"id": id, "availabilityZone": zone}))
        .collect();
    json!({"regions": [{"region": crate::simulator::REGION, "instances": instances}]})
}
