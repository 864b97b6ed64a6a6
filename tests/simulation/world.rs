//! A world made from a seed: AWS, Kubernetes, Nodes, objects and an operator, and what can happen to them.

mod drains;
mod others;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Duration;

use aws_simulator::{Clock, Config, Delays, FaultRule, Seed, Signatures, Simulator, Throttles};
use classic_lb_operator::aws::Limits;
use classic_lb_operator::controller::{Intervals, NodeDraining, Rules};
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::aws::{self, REGION};
use crate::driver::{Driver, Ended, Step};
use crate::invariants::Ledger;
use crate::kubernetes::Kubernetes;
use crate::operator::Operator;

pub(crate) use others::request;

/// What time it is when a world begins.
const BEGINNING: &str = "2026-01-31T00:00:00Z";
/// The zones that Nodes are in.
pub(crate) const ZONES: [&str; 2] = ["us-east-1a", "us-east-1b"];
/// What Nodes are for; each object sends to those of one role.
pub(crate) const ROLES: [&str; 3] = ["web", "api", "db"];
/// The subnet of another VPC, where there is one.
pub(crate) const OTHER_SUBNET: &str = "subnet-0b0b0b0b";
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
    /// What AWS lets the account ask for, and what the operator takes of it.
    pub(crate) rates: Option<(Throttles, Limits)>,
    /// How many objects are worked on at once.
    pub(crate) concurrency: usize,
    /// What is done with Nodes that are about to go.
    pub(crate) draining: NodeDraining,
}

impl Scale {
    /// Some objects on some Nodes, looked at as often as an operator does unless it is told otherwise.
    pub(crate) const fn of(objects: usize, nodes: usize, draining: NodeDraining) -> Self {
        Self {
            objects,
            nodes,
            intervals: Intervals {
                resync: Duration::from_mins(10),
                health: Duration::from_mins(1),
            },
            latency: Duration::from_millis(40),
            rates: None,
            concurrency: 4,
            draining,
        }
    }
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
    /// How large it is.
    pub(crate) scale: Scale,
    made: u64,
    trace: Vec<String>,
    aws_seen: u64,
    kubernetes_seen: u64,
}

impl World {
    /// The world of a seed, on a runtime with paused time.
    pub(crate) async fn new(seed: u64, scale: &Scale) -> Self {
        let scale = *scale;
        fastrand::seed(seed);
        let now: Timestamp = BEGINNING.parse().expect("a time");
        let config = Config {
            clock: Clock::tokio(aws_simulator::Timestamp::from_millis(now.as_millisecond())),
            delays: if scale.draining == NodeDraining::None {
                Delays::Default
            } else {
                Delays::Aws
            },
            signatures: Signatures::Ignored,
            id_seed: seed,
            throttles: scale.rates.map(|(throttles, _)| throttles),
            ..Config::default()
        };
        let simulator = Simulator::new(config);
        let kubernetes = Kubernetes::new(now);
        let client = kubernetes.client();
        let driver = start(&kubernetes, &simulator, &scale, seed);
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
            self.tell_nodes().await;
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
        self.driver = start(&self.kubernetes, &self.simulator, &self.scale, seed);
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

    /// From now on AWS shows tags so late, and load balancers at once: a new one seems to be nobody's.
    pub(crate) fn tags_come_late(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.fault(&json!({"match": {"operation": "DescribeTags"}, "do": {"lateTags": {"millis": millis}}}));
    }

    /// From now on what AWS answers to these operations is so old.
    pub(crate) fn answers_late(&self, operations: &str, age: Duration) {
        let millis = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        self.fault(&json!({"match": {"operation": operations}, "do": {"staleRead": {"millis": millis}}}));
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

fn start(kubernetes: &Kubernetes, simulator: &Simulator, scale: &Scale, seed: u64) -> Driver {
    let now = kubernetes.now();
    let limits = scale.rates.map_or_else(Limits::none, |(_, limits)| limits);
    let aws = aws::config(simulator, now);
    let rules = Rules {
        node_draining: scale.draining,
        ..Rules::default()
    };
    let operator = Operator::start(kubernetes.client(), aws, scale.intervals, limits, rules, now, seed);
    Driver::start(&kubernetes.client(), operator, scale.concurrency)
}
