//! What others do in a world: people, machines, and whoever has a console of AWS.

use std::time::Duration;

use aws_simulator::{DEFAULT_ACCOUNT, InstanceHealthAnswer, Seed};
use bytes::Bytes;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::gvk::GroupVersionKind;
use serde_json::{Value, json};

use super::{Machine, NAMESPACE, OTHER_SUBNET, ROLES, World, ZONES};
use crate::aws::REGION;

/// A call to Elastic Load Balancing.
pub(crate) fn request(parameters: &str) -> http::Request<Bytes> {
    http::Request::post("https://elasticloadbalancing.us-east-1.amazonaws.com/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Bytes::from(format!("Version=2012-06-01&{parameters}")))
        .expect("a request")
}

impl World {
    /// Calls AWS as somebody else does. Tried until no fault strikes it.
    pub(crate) async fn call(&mut self, parameters: &str) -> bool {
        self.record();
        let mut answered = None;
        for _ in 0..100 {
            let answer = self.simulator.call(request(parameters));
            let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
            if let Ok(Some(response)) = answer
                && response.status() != 503
                && !String::from_utf8_lossy(response.body()).contains("Throttling")
            {
                answered = Some(response.status().is_success());
                break;
            }
        }
        self.aws_seen = self.simulator.last_request();
        self.tell(&format!("somebody calls AWS: {parameters}"));
        answered.unwrap_or_default()
    }

    /// Calls AWS once as somebody else does, whatever comes of it.
    pub(crate) async fn call_once(&mut self, parameters: &str) {
        self.record();
        drop(self.simulator.call(request(parameters)).await);
        self.aws_seen = self.simulator.last_request();
    }

    /// The API of the objects, as users have it.
    pub(crate) fn objects(&self) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("classiclb.dev", "v1alpha1", "ClassicLoadBalancer");
        Api::namespaced_with(self.client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
    }

    pub(super) fn nodes(&self) -> Api<DynamicObject> {
        Api::all_with(
            self.client.clone(),
            &ApiResource::from_gvk(&GroupVersionKind::gvk("", "v1", "Node")),
        )
    }

    /// The names of all objects that are not being deleted.
    pub(crate) fn names(&self) -> Vec<String> {
        let objects = self.kubernetes.all("classicloadbalancers");
        let living = objects
            .iter()
            .filter(|object| object.value["metadata"].get("deletionTimestamp").is_none());
        living
            .filter_map(|object| object.value["metadata"]["name"].as_str().map(ToOwned::to_owned))
            .collect()
    }

    /// Makes the object of that number. Number 0 wants what belongs to somebody else.
    pub(crate) async fn create_object(&mut self, number: usize) {
        let name = if number == 0 {
            "foreign".to_owned()
        } else {
            format!("lb-{number:02}")
        };
        let port = 8000 + u16::try_from(number).unwrap_or_default();
        let mut listeners = vec![json!({"port": 80, "protocol": "HTTP", "instancePort": port})];
        if number.is_multiple_of(2) {
            listeners.push(json!({"port": 443, "protocol": "TCP", "instancePort": port + 1000}));
        }
        let object = json!({
            "apiVersion": "classiclb.dev/v1alpha1",
            "kind": "ClassicLoadBalancer",
            "metadata": {"name": name},
            "spec": {
                "region": REGION,
                "loadBalancerName": name,
                "availabilityZones": ZONES,
                "listeners": listeners,
                "healthCheck": {"target": format!("TCP:{port}"), "intervalSeconds": 10},
                "targets": {"nodeSelector": {"matchLabels": {"role": ROLES[number % ROLES.len()]}}},
                "registration": {"minInService": 1 + number % 2, "maxDeregisterPercent": 34},
                "tags": {"number": number.to_string()},
            },
        });
        let object = serde_json::from_value(object).expect("an object");
        self.tell(&format!("somebody creates {name}"));
        let made = self.objects().create(&PostParams::default(), &object).await;
        self.unless_a_fault(made.map(drop));
    }

    /// Changes an object by a merge patch.
    pub(crate) async fn edit(&mut self, name: &str, patch: Value) {
        self.tell(&format!("somebody edits {name}: {patch}"));
        let params = PatchParams::default();
        let edited = self.objects().patch(name, &params, &Patch::Merge(patch)).await;
        self.unless_a_fault(edited.map(drop));
    }

    /// Deletes an object.
    pub(crate) async fn delete_object(&mut self, name: &str) {
        self.tell(&format!("somebody deletes {name}"));
        let deleted = self.objects().delete(name, &DeleteParams::default()).await;
        self.unless_a_fault(deleted.map(drop));
    }

    /// Users can be struck by the faults of the API too.
    pub(super) fn unless_a_fault(&mut self, result: kube::Result<()>) {
        if let Err(error) = result {
            self.tell(&format!("not done: {error}"));
        }
        self.record();
    }

    /// A machine comes up and joins the cluster.
    pub(crate) async fn join_node(&mut self) {
        let place = usize::try_from(self.made + 1).unwrap_or_default();
        let (zone, role) = (ZONES[place % ZONES.len()], ROLES[(place / ZONES.len()) % ROLES.len()]);
        self.join(zone, role, "").await;
    }

    /// There is another VPC, with [`OTHER_SUBNET`] and so many Nodes of this role.
    pub(crate) async fn another_vpc(&mut self, nodes: usize, role: &str) {
        let (vpc, subnet) = ("vpc-0b0b0b0b", OTHER_SUBNET);
        let yaml = format!(
            "regions:\n- region: {REGION}\n  vpcs: [{{id: {vpc}, cidrBlock: 10.9.0.0/16, internetGateway: true}}]\n  subnets: \
             [{{id: {subnet}, vpcId: {vpc}, availabilityZone: {}}}]\n",
            ZONES[0]
        );
        let seed = Seed::from_yaml(&yaml).expect("a seed");
        self.simulator.seed(&seed).expect("planted");
        for _ in 0..nodes {
            self.join(ZONES[0], role, &format!(", subnetId: {subnet}")).await;
        }
    }

    async fn join(&mut self, zone: &str, role: &str, more: &str) {
        self.made += 1;
        let (name, id) = (format!("node-{:03}", self.made), format!("i-0{:016x}", self.made));
        let yaml =
            format!("regions:\n- region: {REGION}\n  instances:\n  - {{id: {id}, availabilityZone: {zone}{more}}}\n");
        self.simulator
            .seed(&Seed::from_yaml(&yaml).expect("a seed"))
            .expect("planted");
        let node = json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": {"role": role, "topology.kubernetes.io/zone": zone}},
            "spec": {"providerID": format!("aws:///{zone}/{id}")},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let machine = Machine {
            id,
            role: role.to_owned(),
        };
        self.tell(&format!("{name} joins as {role}"));
        self.machines.insert(name, machine);
        let node = serde_json::from_value(node).expect("a node");
        let made = self.nodes().create(&PostParams::default(), &node).await;
        self.unless_a_fault(made.map(drop));
    }

    /// A Node leaves the cluster, and its instance ends with it or stays.
    pub(crate) async fn remove_node(&mut self, name: &str, terminate: bool) {
        let Some(machine) = self.machines.remove(name) else {
            return;
        };
        self.tell(&format!("{name} leaves"));
        if terminate {
            self.terminated.insert(machine.id.clone());
            self.terminate(&machine.id).await;
        }
        let deleted = self.nodes().delete(name, &DeleteParams::default()).await;
        self.unless_a_fault(deleted.map(drop));
    }

    async fn terminate(&mut self, id: &str) {
        self.record();
        for _ in 0..100 {
            let request = http::Request::post("https://ec2.us-east-1.amazonaws.com/")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0")
                .body(Bytes::from(format!("Version=2016-11-15&Action=TerminateInstances&InstanceId.1={id}")))
                .expect("a request");
            let answer = tokio::time::timeout(Duration::from_secs(30), self.simulator.call(request)).await;
            if matches!(answer, Ok(Some(response)) if response.status().is_success()) {
                break;
            }
        }
        self.aws_seen = self.simulator.last_request();
    }

    /// The Nodes that have this role.
    pub(crate) fn nodes_of(&self, role: &str) -> Vec<String> {
        let machines = self.machines.iter().filter(|(_, machine)| machine.role == role);
        machines.map(|(name, _)| name.clone()).collect()
    }

    /// The role of a Node changes.
    pub(crate) async fn relabel_node(&mut self, name: &str, role: &str) {
        if let Some(machine) = self.machines.get_mut(name) {
            role.clone_into(&mut machine.role);
        }
        self.tell(&format!("{name} becomes {role}"));
        let patch = json!({"metadata": {"labels": {"role": role}}});
        let patched = self
            .nodes()
            .patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        self.unless_a_fault(patched.map(drop));
    }

    /// The kubelet of a Node says that it is ready, or nothing any more.
    pub(crate) async fn set_ready(&mut self, name: &str, ready: bool) {
        self.tell(&format!("{name} is ready: {ready}"));
        let condition = json!({"type": "Ready", "status": if ready { "True" } else { "Unknown" }});
        let patch = Patch::Merge(json!({"status": {"conditions": [condition]}}));
        let patched = self.nodes().patch_status(name, &PatchParams::default(), &patch).await;
        self.unless_a_fault(patched.map(drop));
    }

    /// The health checks of an instance pass or fail from now on.
    pub(crate) fn set_health(&mut self, name: &str, healthy: bool) {
        let Some(machine) = self.machines.get(name) else {
            return;
        };
        let id = machine.id.clone();
        let answer = InstanceHealthAnswer {
            account: DEFAULT_ACCOUNT.to_owned(),
            region: REGION.to_owned(),
            instance_id: id.clone(),
            port: None,
            healthy,
        };
        assert!(self.simulator.set_instance_health(&answer), "there is such a region");
        if healthy {
            self.ailing.remove(&id);
        } else {
            self.ailing.insert(id);
        }
        self.tell(&format!("{name} is healthy: {healthy}"));
    }
}
