//! What stands in AWS and in the cluster before the first balancer: three running instances and their Nodes.

use std::collections::BTreeMap;

use anyhow::Context as _;
use testkit::cluster::Cluster;
use testkit::{Stack, instances};

/// A Node and the instance behind it.
pub(crate) struct Machine {
    pub(crate) node: &'static str,
    pub(crate) instance: &'static str,
    pub(crate) zone: &'static str,
}

/// The first two are the instances that `examples/tutorial.yaml` names.
pub(crate) const MACHINES: [Machine; 3] = [
    Machine {
        node: "web-a",
        instance: "i-4f8cf126",
        zone: "us-east-1a",
    },
    Machine {
        node: "web-b",
        instance: "i-0bb7ca62",
        zone: "us-east-1b",
    },
    Machine {
        node: "web-c",
        instance: "i-0c3f19d8",
        zone: "us-east-1c",
    },
];

/// Makes the instances and their Nodes; the first `labelled` Nodes get the label `role=web`.
pub(crate) async fn prepare(stack: &Stack, cluster: &Cluster, labelled: usize) -> testkit::Result<()> {
    let zones: BTreeMap<&str, &str> = MACHINES
        .iter()
        .map(|machine| (machine.instance, machine.zone))
        .collect();
    stack.simulator().seed(&instances(&zones)).await?;
    for (at, Machine { node, instance, zone }) in MACHINES.iter().enumerate() {
        let mut labels = vec![
            ("kubernetes.io/hostname", *node),
            ("topology.kubernetes.io/zone", *zone),
        ];
        if at < labelled {
            labels.push(("role", "web"));
        }
        cluster
            .node(node, Some(&format!("aws:///{zone}/{instance}")), &labels)
            .await?;
    }
    Ok(())
}

/// Makes what the manifests in `examples/` refer to, so that each of them can be applied as it is.
pub(crate) async fn prepare_examples(stack: &Stack, cluster: &Cluster) -> anyhow::Result<()> {
    let seed = serde_saphyr::from_str(include_str!("site/aws.yaml")).context("reading site/aws.yaml")?;
    stack.simulator().seed(&seed).await?;
    cluster.apply(include_str!("site/cluster.yaml")).await?;
    Ok(())
}
