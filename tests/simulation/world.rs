//! A world made from a seed: AWS, Kubernetes, Nodes, objects and an operator, and what can happen to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use aws_simulator::{
    Clock, Config, DEFAULT_ACCOUNT, Delays, FaultRule, InstanceHealthAnswer, Seed, Signatures, Simulator,
};
use bytes::Bytes;
use classic_lb_operator::controller::Intervals;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::gvk::GroupVersionKind;
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::{self, REGION};
use crate::driver::{Driver, Ended, Step};
use crate::invariants::Ledger;
use crate::kubernetes::Kubernetes;
use crate::operator::Operator;

/// What time it is when a world begins.
const BEGINNING: &str = "2026-01-31T00:00:00Z";
/// The zones that Nodes are in.
const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];
/// What Nodes are for; each object sends to those of one role.
pub(crate) const ROLES: [&str; 3] = ["web", "api", "db"];
/// The namespace of all objects.
const NAMESPACE: &str = "default";

/// How large a world is and how often its operator looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// How many objects.
    pub(crate) objects: usize,
    /// How many Nodes at the beginning.
    pub(crate) nodes: usize,
    /// The operator's intervals.
    pub(crate) intervals: Intervals,
    /// How long each call to AWS takes.
    pub(crate) latency: Duration,
}

/// A machine of the cluster.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The instance.
    pub(crate) id: String,
    /// What it is for.
    pub(crate) role: String,
}

/// Everything there is.
pub(crate) struct World {
    /// The chances of this world.
    pub(crate) dice: fastrand::Rng,
    /// AWS.
    pub(crate) simulator: Simulator,
    /// The cluster.
    pub(crate) kubernetes: Kubernetes,
    /// What users and the cluster itself write with.
    pub(crate) client: Client,
    /// The operator at work.
    pub(crate) driver: Driver,
    /// What has been checked so far.
    pub(crate) ledger: Ledger,
    /// Nodes by name.
    pub(crate) machines: BTreeMap<String, Machine>,
    /// Instances whose health checks fail.
    pub(crate) ailing: BTreeSet<String>,
    /// Instances that were terminated. AWS keeps them registered and shows them to nobody.
    pub(crate) terminated: BTreeSet<String>,
    scale: Scale,
    made: u64,
    trace: Vec<String>,
    aws_seen: u64,
    kubernetes_seen: u64,
}

impl World {
    /// The world of a seed, on a runtime with paused time.
    pub(crate) async fn new(seed: u64, scale: Scale) -> Self {
        fastrand::seed(seed);
        let now: Timestamp = BEGINNING.parse().expect("a time");
        let config = Config {
            clock: Clock::tokio(aws_simulator::Timestamp::from_millis(now.as_millisecond())),
            delays: Delays::Default,
            signatures: Signatures::Ignored,
            id_seed: seed,
            ..Config::default()
        };
        let simulator = Simulator::new(config);
        let kubernetes = Kubernetes::new(now);
        let client = kubernetes.client();
        let driver = start(&kubernetes, &simulator, scale.intervals, seed);
        let mut world = Self {
            dice: fastrand::Rng::with_seed(seed),
            simulator,
            kubernetes,
            client,
            driver,
            ledger: Ledger::default(),
            machines: BTreeMap::new(),
            ailing: BTreeSet::new(),
            terminated: BTreeSet::new(),
            scale,
            made: 0,
            trace: Vec::new(),
            aws_seen: 0,
            kubernetes_seen: 0,
        };
        world.foreign_load_balancer();
        for _ in 0..scale.nodes {
            world.join_node().await;
        }
        for number in 0..scale.objects {
            world.create_object(number).await;
        }
        world.clear_faults();
        world
    }

    /// Somebody else's load balancer, which must never be written to.
    fn foreign_load_balancer(&self) {
        let yaml = format!(
            "regions:\n- region: {REGION}\n  loadBalancers:\n  - {{name: foreign, availabilityZones: [{}], tags: {{team: \
             others}}}}\n",
            ZONES[0]
        );
        let seed = Seed::from_yaml(&yaml).expect("a seed");
        self.simulator.seed(&seed).expect("planted");
    }

    /// Lets the operator work until then, and checks after each step.
    pub(crate) async fn run_until(&mut self, until: Instant) {
        loop {
            let step = self.driver.step(until).await;
            self.record();
            match step {
                Step::Idle => return,
                Step::Moved => {}
                Step::Ended(ended) => self.note(&ended),
            }
        }
    }

    fn note(&mut self, ended: &Ended) {
        let outcome = match &ended.outcome {
            Ok(Some(wait)) => format!("again in {} ms", wait.as_millis()),
            Ok(None) => "done".to_owned(),
            Err(error) => format!("failed: {error}"),
        };
        self.tell(&format!("reconcile {} {outcome}", ended.name));
        self.check_ready(ended);
    }

    /// Adds a line to the trace.
    pub(crate) fn tell(&mut self, what: &str) {
        let line = format!("{} {what}", self.kubernetes.now());
        self.trace.push(line);
    }

    /// Writes down and judges what the operator asked of AWS and Kubernetes since the last time.
    pub(crate) fn record(&mut self) {
        let calls = self.simulator.requests(self.aws_seen);
        self.aws_seen = self.simulator.last_request();
        for call in &calls {
            let name = call.parameters.get("LoadBalancerName").map_or("", String::as_str);
            let mut line = format!("{} aws {} {name} {}", call.time, call.operation, call.status);
            if let Some(code) = &call.error_code {
                let _ = write!(line, " {code}");
            }
            if !call.operation.starts_with("Describe") {
                let _ = write!(line, " {:?}", call.parameters);
            }
            self.trace.push(line);
        }
        self.judge(&calls);
        for request in self.kubernetes.requests(self.kubernetes_seen) {
            self.kubernetes_seen = request.seq;
            if request.verb.is_write() {
                let (time, verb, path) = (request.time, request.verb, &request.path);
                self.trace
                    .push(format!("{time} kubernetes {verb} {path} {}", request.status));
            }
        }
    }

    /// What happened, and how everything is in the end.
    pub(crate) fn into_trace(mut self) -> Vec<String> {
        self.record();
        for object in self.kubernetes.all("classicloadbalancers") {
            self.trace.push(object.value.to_string());
        }
        self.trace.push(self.simulator.snapshot().to_string());
        std::mem::take(&mut self.trace)
    }

    /// The operator ends in the middle of what it does, and another one starts.
    pub(crate) fn restart(&mut self) {
        let seed = self.dice.u64(..);
        self.driver = start(&self.kubernetes, &self.simulator, self.scale.intervals, seed);
        self.tell("the operator restarts");
    }

    /// Ends all faults but the latency of AWS.
    pub(crate) fn clear_faults(&self) {
        self.simulator.clear_faults();
        self.kubernetes.clear_faults();
        let millis = u64::try_from(self.scale.latency.as_millis()).unwrap_or_default();
        self.fault(&json!({"match": {}, "do": {"latency": {"millis": millis}}}));
    }

    /// Adds a fault of AWS.
    pub(crate) fn fault(&self, rule: &Value) {
        let rule: FaultRule = serde_json::from_value(rule.clone()).expect("a rule");
        rule.check().expect("a rule");
        self.simulator.add_fault(rule);
    }

    /// Calls AWS as somebody else does. Tried until no fault strikes it.
    pub(crate) async fn call(&mut self, parameters: &str) -> bool {
        self.record();
        let mut answered = None;
        for _ in 0..100 {
            let body = Bytes::from(format!("Version=2012-06-01&{parameters}"));
            let request = http::Request::post("https://elasticloadbalancing.us-east-1.amazonaws.com/")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
                .expect("a request");
            let answer = tokio::time::timeout(Duration::from_secs(30), self.simulator.call(request)).await;
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

    /// The API of the objects, as users have it.
    pub(crate) fn objects(&self) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("classiclb.dev", "v1alpha1", "ClassicLoadBalancer");
        Api::namespaced_with(self.client.clone(), NAMESPACE, &ApiResource::from_gvk(&gvk))
    }

    fn nodes(&self) -> Api<DynamicObject> {
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
    fn unless_a_fault(&mut self, result: kube::Result<()>) {
        if let Err(error) = result {
            self.tell(&format!("not done: {error}"));
        }
        self.record();
    }

    /// A machine comes up and joins the cluster.
    pub(crate) async fn join_node(&mut self) {
        self.made += 1;
        let (name, id) = (format!("node-{:03}", self.made), format!("i-0{:016x}", self.made));
        let place = usize::try_from(self.made).unwrap_or_default();
        let (zone, role) = (ZONES[place % ZONES.len()], ROLES[(place / ZONES.len()) % ROLES.len()]);
        let yaml = format!("regions:\n- region: {REGION}\n  instances:\n  - {{id: {id}, availabilityZone: {zone}}}\n");
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

/// How much of the trace a failure shows.
const SHOWN: usize = 80;

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let from = self.trace.len().saturating_sub(SHOWN);
            for line in self.trace.get(from..).unwrap_or_default() {
                eprintln!("{line}");
            }
        }
    }
}

fn start(kubernetes: &Kubernetes, simulator: &Simulator, intervals: Intervals, seed: u64) -> Driver {
    let now = kubernetes.now();
    let operator = Operator::start(kubernetes.client(), aws::config(simulator, now), intervals, now, seed);
    Driver::start(&kubernetes.client(), operator)
}
