//! All parts together.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

use kube::Client;
use serde_json::json;
use tokio::sync::OnceCell;

use crate::Result;
use crate::cluster::Cluster;
use crate::control_plane::ControlPlane;
use crate::operator::{Operator, OperatorOptions};
use crate::process::Folder;
use crate::simulator::Simulator;

/// How a stack is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How the simulator behaves: its clock, delays, throttles.
    pub aws: aws_simulator::Config,
    /// What the operator is started with.
    pub operator: OperatorOptions,
    /// Leaves the operator prepared but not started.
    pub without_operator: bool,
}

/// A control plane with the CRDs and the operator's roles, the simulator, and the operator between them.
#[derive(Debug)]
pub struct Stack {
    // In the order in which they have to end.
    operator: Operator,
    simulator: Simulator,
    control_plane: ControlPlane,
}

impl Stack {
    /// Starts everything and waits until the operator is ready.
    pub async fn start(options: Options) -> Result<Self> {
        let folder = Arc::new(Folder::new()?);
        let simulator = Simulator::start(options.aws)?;
        let control_plane = ControlPlane::start_in(folder.clone()).await?;
        control_plane.install().await?;
        let kubeconfig = control_plane.operator_kubeconfig();
        let operator = Operator::prepare(&options.operator, kubeconfig, simulator.environment(), folder)?;
        let stack = Self {
            operator,
            simulator,
            control_plane,
        };
        if !options.without_operator {
            stack.operator.start_ready().await?;
        }
        Ok(stack)
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

    /// A fresh namespace.
    pub async fn namespace(&self) -> Result<Namespace> {
        let suffix: String = std::iter::repeat_with(fastrand::alphanumeric).take(8).collect();
        let name = format!("test-{}", suffix.to_lowercase());
        let cluster = self.control_plane.cluster(&name).await?;
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        cluster.apply(&namespace.to_string()).await?;
        Ok(Namespace {
            cluster,
            instances: fastrand::u32(..),
        })
    }
}

/// A namespace of one test: a [`Cluster`] that works there.
#[derive(Debug)]
pub struct Namespace {
    cluster: Cluster,
    instances: u32,
}

impl Namespace {
    /// Makes running instances in these zones of the default VPC, with ids that no other test has.
    pub async fn instances(&mut self, simulator: &Simulator, zones: &[&str]) -> Result<Vec<String>> {
        let ids: Vec<String> = zones
            .iter()
            .map(|_| {
                self.instances = self.instances.wrapping_add(1);
                format!("i-{:08x}", self.instances)
            })
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
