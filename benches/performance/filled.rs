//! A real control plane filled with Nodes and load balancers, and an operator as a process over them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use testkit::aws_simulator::{Config, Delays};
use testkit::cluster::Kind;
use testkit::object::is_ready;
use testkit::{Namespace, Operator, OperatorOptions, Options, Stack};

/// Requests that are under way at once while a cluster is filled.
const AT_ONCE: usize = 24;
/// Load balancers that share the same instances, and instances in such a group.
const GROUP: usize = 20;
/// How long may be waited for anything.
const PATIENCE: Duration = Duration::from_mins(15);
/// After so long, connections that were needed for the start alone are closed.
const SETTLED: Duration = Duration::from_secs(95);
/// Images that a kubelet reports of its machine.
const IMAGES: usize = 30;

/// Which instances each load balancer has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Targets {
    /// One.
    One,
    /// Twenty.
    Twenty,
    /// All.
    All,
}

impl Targets {
    fn of(self, number: usize, nodes: usize) -> Value {
        let (label, value) = match self {
            Self::One => ("one", format!("n{}", number % nodes)),
            Self::Twenty => ("twenty", format!("g{}", number % (nodes / GROUP))),
            Self::All => ("all", "yes".to_owned()),
        };
        json!({"nodeSelector": {"matchLabels": {label: value}}})
    }
}

/// A control plane, the simulator, and what they were filled with.
pub(crate) struct Filled {
    pub(crate) stack: Stack,
    pub(crate) namespace: Namespace,
    nodes: usize,
    objects: usize,
}

/// The operator's options where AWS counts no calls and nobody watches.
pub(crate) fn quiet(health: &str) -> OperatorOptions {
    OperatorOptions {
        log_level: "warn".into(),
        resync_period: "5m".into(),
        health_interval: health.into(),
        ..OperatorOptions::default()
    }
}

impl Filled {
    /// An empty one, with an operator that does what is asked for while it is filled.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let aws = Config {
            delays: Delays::None,
            log_capacity: 20_000,
            ..Config::default()
        };
        let stack = Stack::start(Options {
            aws,
            operator: quiet("10m"),
            ..Options::default()
        })
        .await?;
        let namespace = stack.namespace().await?;
        Ok(Self {
            stack,
            namespace,
            nodes: 0,
            objects: 0,
        })
    }

    /// Nodes, as kubelets leave them.
    pub(crate) async fn join(&mut self, count: usize) -> anyhow::Result<()> {
        let numbers = self.nodes..self.nodes + count;
        for some in numbers.clone().collect::<Vec<_>>().chunks(1000) {
            let instances: Vec<Value> = some
                .iter()
                .map(|number| json!({"id": instance(*number), "availabilityZone": zone(*number)}))
                .collect();
            let seed = json!({"regions": [{"region": testkit::simulator::REGION, "instances": instances}]});
            self.stack.simulator().seed(&seed).await?;
        }
        let api = self.namespace.api(Kind::NODE).await?;
        let made = numbers.map(|number| {
            let api = api.clone();
            async move {
                let node = serde_json::from_value(node(number))?;
                let made: DynamicObject = api.create(&PostParams::default(), &node).await?;
                let status = Patch::Merge(json!({"status": status(number)}));
                api.patch_status(
                    made.metadata.name.as_deref().unwrap_or_default(),
                    &PatchParams::default(),
                    &status,
                )
                .await?;
                anyhow::Ok(())
            }
        });
        stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        self.nodes += count;
        Ok(())
    }

    /// Objects, and waits until all are as declared.
    pub(crate) async fn declare(&mut self, count: usize, targets: Targets) -> anyhow::Result<()> {
        let api = self.namespace.api(Kind::CLB).await?;
        let nodes = self.nodes;
        let made = (self.objects..self.objects + count).map(|number| {
            let api = api.clone();
            async move {
                let object = serde_json::from_value(object(number, &targets.of(number, nodes)))?;
                let _: DynamicObject = api.create(&PostParams::default(), &object).await?;
                anyhow::Ok(())
            }
        });
        stream::iter(made)
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        self.objects += count;
        self.until_ready().await
    }

    /// Waits until all objects say that they are ready, of what they declare now.
    async fn until_ready(&self) -> anyhow::Result<()> {
        let api = self.namespace.api(Kind::CLB).await?;
        let (started, pause) = (Instant::now(), Duration::from_secs(2 + self.objects as u64 / 1000));
        loop {
            tokio::time::sleep(pause).await;
            let ready = ready(&api).await?;
            if ready == self.objects {
                return Ok(());
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "{ready} of {} objects are ready after {} s",
                self.objects,
                started.elapsed().as_secs()
            );
        }
    }

    /// Another operator process in the place of the one that filled it, once it has looked at everything, the health of all
    /// instances included; and how long it took to be ready.
    pub(crate) async fn restarted(&self, options: &OperatorOptions) -> anyhow::Result<(Operator, Duration)> {
        let operator = self.stack.another_operator(options)?;
        let mut mark = self.stack.simulator().mark()?;
        let started = Instant::now();
        operator.start_ready().await?;
        let took = started.elapsed();
        let mut seen = BTreeSet::new();
        while seen.len() < self.objects {
            tokio::time::sleep(Duration::from_millis(200)).await;
            let calls = self.stack.simulator().core().requests(mark);
            mark = calls.last().map_or(mark, |call| call.seq);
            let health = calls
                .into_iter()
                .filter(|call| call.operation == "DescribeInstanceHealth");
            seen.extend(health.filter_map(|mut call| call.parameters.remove("LoadBalancerName")));
            ensure!(
                started.elapsed() < PATIENCE,
                "the health of {} of {} load balancers was read",
                seen.len(),
                self.objects
            );
        }
        tokio::time::sleep(SETTLED).await;
        Ok((operator, took))
    }

    /// The operator that filled it ends.
    pub(crate) async fn stop_filling(&self) -> anyhow::Result<()> {
        self.stack
            .operator()
            .stop()
            .await
            .map(drop)
            .context("stopping the operator")
    }
}

async fn ready(api: &Api<DynamicObject>) -> anyhow::Result<usize> {
    let mut params = ListParams::default().limit(500);
    let mut count = 0;
    loop {
        let page = api.list(&params).await?;
        let current = |object: &&DynamicObject| {
            let observed = object
                .data
                .pointer("/status/observedGeneration")
                .and_then(Value::as_i64);
            is_ready(object) && observed == object.metadata.generation
        };
        count += page.items.iter().filter(current).count();
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params.continue_token = Some(token),
            None => return Ok(count),
        }
    }
}

/// The id of the instance of that number.
pub(crate) fn instance(number: usize) -> String {
    format!("i-0{number:016x}")
}

pub(crate) fn zone(number: usize) -> &'static str {
    ["us-east-1a", "us-east-1b"][number % 2]
}

fn name(number: usize) -> String {
    format!("balancer-{number:05}")
}

/// An object as people write it.
pub(crate) fn object(number: usize, targets: &Value) -> Value {
    json!({
        "apiVersion": Kind::CLB.0, "kind": Kind::CLB.1,
        "metadata": {"name": name(number)},
        "spec": {
            "availabilityZones": ["us-east-1a", "us-east-1b"],
            "listeners": [
                {"port": 80, "protocol": "HTTP", "instancePort": 8080},
                {"port": 443, "protocol": "TCP", "instancePort": 8443},
            ],
            "healthCheck": {"target": "HTTP:8080/health", "intervalSeconds": 5, "timeoutSeconds": 2, "healthyThreshold": 2},
            "tags": {"team": "web", "stage": "production"},
            "targets": targets,
        },
    })
}

/// A Node with the labels and annotations that EKS and kubelets give it.
fn node(number: usize) -> Value {
    let zone = zone(number);
    let name = format!(
        "ip-10-{}-{}-{}.ec2.internal",
        number / 65536,
        number / 256 % 256,
        number % 256
    );
    let mut node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name, "kubernetes.io/arch": "amd64", "kubernetes.io/os": "linux",
                "beta.kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux",
                "beta.kubernetes.io/instance-type": "m6i.xlarge", "node.kubernetes.io/instance-type": "m6i.xlarge",
                "failure-domain.beta.kubernetes.io/region": "us-east-1", "failure-domain.beta.kubernetes.io/zone": zone,
                "topology.kubernetes.io/region": "us-east-1", "topology.kubernetes.io/zone": zone,
                "topology.k8s.aws/zone-id": "use1-az1", "k8s.io/cloud-provider-aws": "0123456789abcdef0123456789abcdef",
                "eks.amazonaws.com/nodegroup": "workers", "eks.amazonaws.com/capacityType": "ON_DEMAND",
                "all": "yes", "one": format!("n{number}"), "twenty": format!("g{}", number / GROUP),
            },
            "annotations": {
                "node.alpha.kubernetes.io/ttl": "0", "alpha.kubernetes.io/provided-node-ip": "10.0.0.1",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
                "csi.volume.kubernetes.io/nodeid": format!("{{\"ebs.csi.aws.com\":\"{}\"}}", instance(number)),
            },
        },
    });
    node["spec"] = json!({"providerID": format!("aws:///{zone}/{}", instance(number))});
    node
}

/// What a kubelet says of its machine.
fn status(number: usize) -> Value {
    let now = k8s_openapi::jiff::Timestamp::now()
        .strftime("%Y-%m-%dT%H:%M:%SZ")
        .to_string();
    let condition = |kind: &str, status: &str, reason: &str| {
        json!({
            "type": kind, "status": status, "reason": reason, "message": format!("kubelet has {reason}"),
            "lastHeartbeatTime": now, "lastTransitionTime": now,
        })
    };
    let images: Vec<Value> = (0..IMAGES)
        .map(|image| {
            let repository = format!("602401143452.dkr.ecr.us-east-1.amazonaws.com/eks/component-{image}");
            json!({
                "names": [format!("{repository}@sha256:{image:064x}"), format!("{repository}:v1.33.{image}-eksbuild.1")],
                "sizeBytes": 30_000_000 + image,
            })
        })
        .collect();
    let resources = json!({
        "cpu": "4", "memory": "15896064Ki", "pods": "58", "ephemeral-storage": "83873772Ki", "hugepages-2Mi": "0",
    });
    json!({
        "capacity": resources, "allocatable": resources, "images": images,
        "addresses": [
            {"type": "InternalIP", "address": format!("10.0.{}.{}", number / 256 % 256, number % 256)},
            {"type": "Hostname", "address": format!("ip-10-0-{number}.ec2.internal")},
        ],
        "conditions": [
            condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            condition("Ready", "True", "KubeletReady"),
        ],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64", "bootID": "00000000-0000-4000-8000-000000000000", "containerRuntimeVersion": "containerd://1.7.27",
            "kernelVersion": "6.1.141", "kubeProxyVersion": "", "kubeletVersion": "v1.33.1", "machineID": "ec2",
            "operatingSystem": "linux", "osImage": "Amazon Linux 2023", "systemUUID": "ec2",
        },
    })
}
