//! Nodes that are about to go, and what they are told.

use std::collections::BTreeSet;

use classic_lb_operator::controller::NodeDraining;
use kube::api::{Patch, PatchParams};
use serde_json::json;

use super::World;

/// The annotation of an operator that works on all namespaces.
const DRAIN: &str = "drain.classiclb.dev/classic-lb-operator";
const DELAY: &str = "delay-deletion.cluster-autoscaler.kubernetes.io/classic-lb-operator";

impl World {
    /// A tool is about to take a Node away, or has thought again.
    pub(crate) async fn announce(&mut self, name: &str, goes: bool) {
        self.tell(&format!("{name} is about to go: {goes}"));
        let taint = json!({"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"});
        let taints = if goes { json!([taint]) } else { json!([]) };
        let patch = Patch::Merge(json!({"spec": {"taints": taints}}));
        let patched = self.nodes().patch(name, &PatchParams::default(), &patch).await;
        self.unless_a_fault(patched.map(drop));
    }

    /// The Nodes that are told this of how far they have drained.
    pub(crate) fn told(&self, drain: &str) -> BTreeSet<String> {
        self.with_annotation(DRAIN, drain)
    }

    /// The Nodes for which the cluster autoscaler waits.
    pub(crate) fn delayed(&self) -> BTreeSet<String> {
        self.with_annotation(DELAY, "Registered")
    }

    fn with_annotation(&self, key: &str, value: &str) -> BTreeSet<String> {
        let nodes = self.kubernetes.all("nodes");
        let told = nodes
            .iter()
            .filter(|node| node.value["metadata"]["annotations"][key] == value);
        told.filter_map(|node| node.value["metadata"]["name"].as_str().map(ToOwned::to_owned))
            .collect()
    }

    /// The load balancers that send an instance connections, or let it finish some.
    pub(crate) fn holders(&self, id: &str) -> Vec<String> {
        let now = self.kubernetes.now().as_millisecond();
        let holds = |name: &String| {
            let Some(state) = self.state_of(name) else { return false };
            let until = state.settings["deregistered"][id].as_i64();
            state.settings["instances"].get(id).is_some() || until.is_some_and(|until| until > now)
        };
        let objects = self.kubernetes.all("classicloadbalancers");
        let names = objects
            .iter()
            .filter_map(|object| object.value["metadata"]["name"].as_str());
        names.map(ToOwned::to_owned).filter(holds).collect()
    }

    /// Has the operator tell the Nodes what they do not know yet. Who is told that it is done is held by nobody.
    pub(super) async fn tell_nodes(&mut self) {
        if self.scale.draining == NodeDraining::None {
            return;
        }
        let before = self.told("Done");
        self.driver.tell_nodes().await;
        self.record();
        self.check_told(&before);
    }

    /// The Nodes that are about to go.
    pub(crate) fn leaving(&self) -> Vec<String> {
        let nodes = self.kubernetes.all("nodes");
        let tainted = nodes.iter().filter(|node| {
            node.value["spec"]["taints"]
                .as_array()
                .is_some_and(|taints| !taints.is_empty())
        });
        tainted
            .filter_map(|node| node.value["metadata"]["name"].as_str().map(ToOwned::to_owned))
            .collect()
    }

    /// Somebody tells a Node what is not so.
    pub(crate) async fn tell_wrongly(&mut self, name: &str) {
        let before = self.told("Done");
        let patch = Patch::Merge(json!({"metadata": {"annotations": {DRAIN: "Done"}}}));
        let patched = self.nodes().patch(name, &PatchParams::default(), &patch).await;
        self.unless_a_fault(patched.map(drop));
        self.check_told(&before);
    }

    fn check_told(&mut self, before: &BTreeSet<String>) {
        for name in self.told("Done").difference(before) {
            let Some(machine) = self.machines.get(name) else {
                continue;
            };
            let holders = self.holders(&machine.id);
            assert!(
                holders.is_empty(),
                "{} {name} is told that it has drained, and {holders:?} hold {}",
                self.kubernetes.now(),
                machine.id
            );
            self.ledger.checked.drained += 1;
        }
    }
}
