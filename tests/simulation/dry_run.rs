//! The law of dry runs: what a preview shows is what a real reconcile then does, over random objects, with references that
//! lead nowhere among them.

use std::sync::Arc;
use std::time::Duration;

use aws_simulator::{Clock, Config, Delays, Seed, Signatures, Simulator};
use classic_lb_operator::api::{ClassicLoadBalancer, ClassicLoadBalancerBinding};
use classic_lb_operator::aws::{Accounts, Limits, Rates};
use classic_lb_operator::controller::preview::{Preview, preview};
use classic_lb_operator::controller::{Guarded, Intervals, Rules};
use classic_lb_operator::lease::Leadership;
use classic_lb_operator::metrics::Metrics;
use classic_lb_operator::plan::is_write;
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use kube::runtime::watcher::Event;
use kube::{Api, Client};
use serde_json::{Value, json};

use crate::aws::{self, REGION};
use crate::day::apart;
use crate::kubernetes::Kubernetes;
use crate::operator::{CLUSTER, Operator};

/// How many random objects are made and then changed.
const CASES: u64 = 150;
const NAME: &str = "web";
/// An instance that AWS does not know.
const UNKNOWN: &str = "i-0dead000";
const ZONES: [&str; 3] = ["us-east-1a", "us-east-1b", "us-east-1c"];
const INSTANCES: usize = 6;
const INTERVALS: Intervals = Intervals {
    resync: Duration::from_hours(1),
    health: Duration::from_mins(5),
};

/// A cluster and an account in which one object lives.
struct Site {
    simulator: Simulator,
    kubernetes: Kubernetes,
    client: Client,
}

impl Site {
    async fn new(seed: u64) -> Self {
        fastrand::seed(seed);
        let now: Timestamp = "2026-01-31T00:00:00Z".parse().expect("a time");
        let simulator = Simulator::new(Config {
            clock: Clock::tokio(aws_simulator::Timestamp::from_millis(now.as_millisecond())),
            delays: Delays::None,
            signatures: Signatures::Ignored,
            id_seed: seed,
            ..Config::default()
        });
        let instance = |number: usize| {
            format!(
                "  - {{id: i-0000000{number}, availabilityZone: {}}}\n",
                ZONES[number % 3]
            )
        };
        let instances: String = (0..INSTANCES).map(instance).collect();
        let yaml = format!("regions:\n- region: {REGION}\n  instances:\n{instances}");
        simulator
            .seed(&Seed::from_yaml(&yaml).expect("a seed"))
            .expect("planted");
        let kubernetes = Kubernetes::new(now);
        let client = kubernetes.client();
        let site = Self {
            simulator,
            kubernetes,
            client,
        };
        for number in 0..INSTANCES {
            site.join(number).await;
        }
        site.group().await;
        site
    }

    async fn join(&self, number: usize) {
        let zone = ZONES[number % 3];
        let node = json!({
            "metadata": {"name": format!("node-{number}"), "labels": {"role": if number.is_multiple_of(2) { "even" } else { "odd" }}},
            "spec": {"providerID": format!("aws:///{zone}/i-0000000{number}")},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
        });
        let node: Node = serde_json::from_value(node).expect("a node");
        let nodes: Api<Node> = Api::all(self.client.clone());
        nodes.create(&PostParams::default(), &node).await.expect("created");
    }

    /// An Auto Scaling group called `there`, without instances.
    async fn group(&self) {
        for parameters in [
            "Action=CreateLaunchConfiguration&LaunchConfigurationName=lc&ImageId=ami-12345678&InstanceType=t3.micro",
            "Action=CreateAutoScalingGroup&AutoScalingGroupName=there&LaunchConfigurationName=lc&MinSize=0&MaxSize=1\
             &AvailabilityZones.member.1=us-east-1a",
        ] {
            let request = http::Request::post("https://autoscaling.us-east-1.amazonaws.com/")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(bytes::Bytes::from(format!("Version=2011-01-01&{parameters}")))
                .expect("a request");
            let answer = self.simulator.call(request).await.expect("an answer");
            assert!(answer.status().is_success(), "{:?}", answer.body());
        }
    }

    fn objects(&self) -> Api<ClassicLoadBalancer> {
        Api::namespaced(self.client.clone(), "default")
    }

    async fn preview(&self) -> Preview {
        let object = self.objects().get(NAME).await.expect("the object");
        let config = aws::config(&self.simulator, self.kubernetes.now());
        let accounts = Accounts::new(
            config,
            Leadership::sole(),
            Arc::new(Metrics::new()),
            Rates::queued(Limits::none()),
        );
        Box::pin(preview(
            self.client.clone(),
            &accounts,
            CLUSTER,
            Rules::default(),
            &object,
        ))
        .await
        .expect("a preview")
    }

    /// One reconcile by a freshly started operator. Returns the writes that AWS accepted.
    async fn reconcile(&self, seed: u64) -> Vec<String> {
        let before = self.simulator.last_request();
        let now = self.kubernetes.now();
        let config = aws::config(&self.simulator, now);
        let operator = Operator::start(
            self.client.clone(),
            config,
            INTERVALS,
            Limits::none(),
            Rules::default(),
            now,
            seed,
        );
        let nodes: Api<Node> = Api::all(self.client.clone());
        operator.take_node_event(&Event::Init);
        for node in nodes.list(&ListParams::default()).await.expect("listed") {
            operator.take_node_event(&Event::InitApply(node));
        }
        operator.take_node_event(&Event::InitDone);
        operator.take_object_event(&Event::<Guarded<ClassicLoadBalancerBinding>>::InitDone);
        let object = self.objects().get(NAME).await.expect("the object");
        let object = Arc::new(Guarded { 0: Ok(object) });
        let ended = operator.reconcile(Arc::clone(&object), || Some(object)).await;
        ended.expect("a reconcile");
        let calls = self.simulator.requests(before);
        let accepted = calls
            .into_iter()
            .filter(|call| call.status == 200 && is_write(&call.operation));
        accepted.map(|call| call.operation).collect()
    }
}

/// One of them by chance.
fn pick<T: Copy>(dice: &mut fastrand::Rng, of: &[T]) -> T {
    of[dice.usize(..of.len())]
}

/// A random spec that the API server would admit. `dice` decides; where it leads nowhere is part of the chance.
fn spec(dice: &mut fastrand::Rng) -> Value {
    let first = dice.usize(0..2);
    let mut listeners = vec![json!({"port": 80, "protocol": "HTTP", "instancePort": 8080 + dice.u16(0..2)})];
    if dice.bool() {
        listeners[0]["stickiness"] = match dice.u8(0..2) {
            0 => json!({"loadBalancerCookie": {"expirationSeconds": 60 + dice.u16(0..2)}}),
            _ => json!({"applicationCookie": {"name": "session"}}),
        };
    }
    if dice.bool() {
        listeners
            .push(json!({"port": 9000 + dice.u16(0..3), "protocol": "TCP", "instancePort": 9000 + dice.u16(0..2)}));
    }
    let mut spec = json!({
        "region": REGION,
        "loadBalancerName": "web",
        "scheme": "internet-facing",
        "availabilityZones": &ZONES[first..first + 1 + dice.usize(0..2)],
        "listeners": listeners,
        "recreatePolicy": "Always",
    });
    if dice.bool() {
        spec["healthCheck"] = json!({"target": "TCP:8080", "intervalSeconds": 10 + dice.u16(0..3)});
    }
    if dice.bool() {
        spec["attributes"] = json!({"crossZone": dice.bool(), "idleTimeoutSeconds": 60 + dice.u16(0..2)});
    }
    if dice.bool() {
        spec["tags"] = json!({"team": pick(dice, &["a", "b"])});
    }
    if dice.u8(0..4) == 0 {
        spec["securityGroupSelector"] = json!({"names": [pick(dice, &["default", "gone"])]});
    }
    if dice.u8(0..5) > 0 {
        spec["targets"] = targets(dice);
    }
    if dice.u8(0..4) == 0 {
        spec["ignoreDifferences"] = json!([pick(
            dice,
            &["HealthCheck", "Tags", "Attributes", "Instances", "Policies"]
        )]);
    }
    spec
}

fn targets(dice: &mut fastrand::Rng) -> Value {
    let mut targets = json!({});
    if dice.bool() {
        let mut ids: Vec<String> = (0..INSTANCES)
            .filter(|_| dice.bool())
            .map(|n| format!("i-0000000{n}"))
            .collect();
        ids.push("i-00000000".to_owned());
        if dice.u8(0..3) == 0 {
            ids.push(UNKNOWN.to_owned());
        }
        ids.sort();
        ids.dedup();
        targets["instanceIds"] = json!(ids);
    }
    if dice.bool() {
        targets["nodeSelector"] = json!({"matchLabels": {"role": pick(dice, &["even", "odd", "none"])}});
    }
    if dice.bool() {
        let (name, mode) = (pick(dice, &["there", "gone"]), pick(dice, &["Attach", "Resolve"]));
        targets["autoScalingGroups"] = json!([{"name": name, "mode": mode}]);
    }
    targets
}

fn operations(preview: &Preview) -> Vec<String> {
    let words = preview.steps.iter().filter_map(|step| step.split(' ').next());
    words.filter(|word| is_write(word)).map(ToOwned::to_owned).collect()
}

/// Makes a random object, compares, lets it settle, changes it to another random one and compares again.
async fn case(seed: u64) {
    let mut dice = fastrand::Rng::with_seed(seed);
    let site = Site::new(seed).await;
    let object = json!({
        "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer",
        "metadata": {"name": NAME}, "spec": spec(&mut dice),
    });
    let object: ClassicLoadBalancer = serde_json::from_value(object).expect("an object");
    let made = site.objects().create(&PostParams::default(), &object).await;
    made.expect("created");
    compare(&site, seed, "the first spec").await;
    for round in 0..12 {
        tokio::time::sleep(Duration::from_mins(6)).await;
        if site.reconcile(seed).await.is_empty() && round > 1 {
            break;
        }
    }
    let second = json!({"spec": spec(&mut dice)});
    // Members that the second spec does not have are taken out.
    let mut patch = second.clone();
    let stored = serde_json::to_value(site.objects().get(NAME).await.expect("the object")).expect("a value");
    for member in stored["spec"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(member, _)| member)
    {
        if second["spec"].get(member).is_none() {
            patch["spec"][member] = Value::Null;
        }
    }
    let patched = site
        .objects()
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    patched.expect("patched");
    compare(&site, seed, "the second spec").await;
}

async fn compare(site: &Site, seed: u64, which: &str) {
    let before = site.simulator.last_request();
    let shown = site.preview().await;
    let writes = site.simulator.requests(before);
    let writes: Vec<_> = writes.iter().filter(|call| is_write(&call.operation)).collect();
    assert!(writes.is_empty(), "seed {seed}, {which}: a dry run wrote {writes:#?}");
    let (mut shown_calls, mut done) = (operations(&shown), site.reconcile(seed).await);
    let object = site.objects().get(NAME).await.expect("the object");
    let ids = object
        .spec
        .targets
        .iter()
        .flat_map(|targets| targets.instance_ids.iter().flatten());
    if ids.clone().any(|id| id == UNKNOWN) {
        // What AWS refuses no dry run knows: the batch is registered later without it, or not at all, and what waits for
        // it comes later too.
        let refused = "RegisterInstancesWithLoadBalancer";
        shown_calls.retain(|call| call != refused);
        done.retain(|call| call != refused);
        shown_calls.sort();
        done.sort();
    }
    assert_eq!(
        shown_calls,
        done,
        "seed {seed}, {which}: shown and done differ\nspec: {}\nproblems: {:#?}",
        serde_json::to_string_pretty(&object.spec).expect("a spec"),
        shown.problems
    );
}

#[test]
fn what_a_dry_run_shows_is_what_a_reconcile_does() {
    for seed in 0..CASES {
        apart(async move || case(seed).await);
    }
}

/// The case that two paths once judged differently: the operator made the load balancer, and the plan said it could not.
#[test]
fn a_group_to_resolve_that_is_not_there_keeps_nothing_from_being_made() {
    let shown = apart(async || {
        let site = Site::new(1).await;
        let object = json!({
            "apiVersion": "classiclb.dev/v1alpha1", "kind": "ClassicLoadBalancer", "metadata": {"name": NAME},
            "spec": {
                "region": REGION, "loadBalancerName": "web", "scheme": "internet-facing",
                "availabilityZones": [ZONES[0]],
                "listeners": [{"port": 80, "protocol": "HTTP", "instancePort": 8080}],
                "targets": {"autoScalingGroups": [{"name": "gone", "mode": "Resolve"}]},
            },
        });
        let object: ClassicLoadBalancer = serde_json::from_value(object).expect("an object");
        let made = site.objects().create(&PostParams::default(), &object).await;
        made.expect("created");
        let shown = site.preview().await;
        assert_eq!(operations(&shown), site.reconcile(1).await);
        shown
    });
    assert!(shown.steps[0].starts_with("CreateLoadBalancer "), "{shown:?}");
    assert!(
        shown.problems.iter().any(|problem| problem.contains("gone")),
        "{shown:?}"
    );
}
