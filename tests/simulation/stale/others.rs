//! The same of load balancers in a VPC, of such as others have made, and of bindings to them.

use aws_simulator::Simulator;
use kube::Api;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::gvk::GroupVersionKind;

use super::*;
use crate::aws::REGION;

const SUBNETS: &str = "
regions:
- region: us-east-1
  vpcs: [{id: vpc-0000000a, cidrBlock: 10.0.0.0/16, internetGateway: true}]
  subnets:
  - {id: subnet-0000000a, vpcId: vpc-0000000a, availabilityZone: us-east-1a, public: true}
  - {id: subnet-0000000b, vpcId: vpc-0000000a, availabilityZone: us-east-1b, public: true}
  - {id: subnet-0000000c, vpcId: vpc-0000000a, availabilityZone: us-east-1a, public: true}
  instances: [{id: i-0a000001}, {id: i-0a000002}, {id: i-0a000003}]
  loadBalancers:
  - name: theirs
    availabilityZones: [us-east-1a]
    listeners: [{protocol: HTTP, port: 80, instancePort: 8080}]
    instances: [i-0a000003]
    tags: {classiclb.dev/adopt-by: simulation/default/theirs, classiclb.dev/bind-by: simulation/default/}
";

/// What somebody does.
#[derive(Clone)]
enum Act {
    Create(Value),
    Edit(Value),
    Delete,
}

/// A kind, the name of the object that it is about, what is done first, and what is done while AWS answers late.
#[derive(Clone)]
struct Case {
    kind: &'static str,
    name: &'static str,
    first: Option<Value>,
    then: Act,
}

const OWNER: &str = "ClassicLoadBalancer";
const BINDING: &str = "ClassicLoadBalancerBinding";

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "classiclb.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

fn in_subnets(last: &[&str]) -> Value {
    let subnets: Vec<String> = last.iter().map(|last| format!("subnet-0000000{last}")).collect();
    json!({"region": REGION, "loadBalancerName": "net", "subnets": subnets, "listeners": [http(80, 8001)]})
}

fn adopting() -> Value {
    json!({"region": REGION, "loadBalancerName": "theirs", "adopt": true, "availabilityZones": ["us-east-1a"],
        "listeners": [http(80, 8080)], "healthCheck": {"target": "TCP:8080", "intervalSeconds": 7},
        "targets": {"instanceIds": ["i-0a000003"]}})
}

fn bound(ids: &[&str]) -> Value {
    let ids: Vec<String> = ids.iter().map(|last| format!("i-0a00000{last}")).collect();
    json!({"region": REGION, "loadBalancerName": "theirs", "targets": {"instanceIds": ids}})
}

fn cases() -> Vec<(&'static str, Case)> {
    let net = |first: &[&str], then| Case {
        kind: OWNER,
        name: "net",
        first: Some(object(OWNER, "net", &in_subnets(first))),
        then,
    };
    let binding = |first: Option<&[&str]>, then| Case {
        kind: BINDING,
        name: "bound",
        first: first.map(|ids| object(BINDING, "bound", &bound(ids))),
        then,
    };
    let subnets = |last: &[&str]| Act::Edit(json!({"spec": {"subnets": in_subnets(last)["subnets"]}}));
    let ids = |last: &[&str]| Act::Edit(json!({"spec": {"targets": bound(last)["targets"]}}));
    let adoption = Case {
        kind: OWNER,
        name: "theirs",
        first: None,
        then: Act::Create(object(OWNER, "theirs", &adopting())),
    };
    let retained = Case {
        first: Some(object(OWNER, "theirs", &adopting())),
        then: Act::Delete,
        ..adoption.clone()
    };
    vec![
        ("a subnet comes", net(&["a"], subnets(&["a", "b"]))),
        ("a subnet goes", net(&["a", "b"], subnets(&["a"]))),
        (
            "a subnet is exchanged for one of its zone",
            net(&["a", "b"], subnets(&["c", "b"])),
        ),
        ("one in a VPC is deleted", net(&["a"], Act::Delete)),
        ("a load balancer is adopted", adoption),
        ("one that was adopted is let go", retained),
        (
            "a binding comes",
            binding(None, Act::Create(object(BINDING, "bound", &bound(&["1", "2"])))),
        ),
        ("an instance is bound", binding(Some(&["1"]), ids(&["1", "2"]))),
        ("an instance is bound no more", binding(Some(&["1", "2"]), ids(&["1"]))),
        ("instances are exchanged", binding(Some(&["1"]), ids(&["2"]))),
        ("a binding goes", binding(Some(&["1", "2"]), Act::Delete)),
    ]
}

impl World {
    fn objects_of(&self, kind: &str) -> Api<DynamicObject> {
        let gvk = GroupVersionKind::gvk("classiclb.dev", "v1alpha1", kind);
        Api::namespaced_with(self.client.clone(), "default", &ApiResource::from_gvk(&gvk))
    }

    async fn create(&self, kind: &str, object: &Value) {
        let object = serde_json::from_value(object.clone()).expect("an object");
        let made = self.objects_of(kind).create(&PostParams::default(), &object).await;
        made.expect("made");
    }

    async fn is_ready_of(&self, kind: &str, name: &str) -> Option<bool> {
        let found = self.objects_of(kind).get_opt(name).await.expect("an answer")?;
        Some(is_ready(&found.data))
    }
}

/// A world in which AWS answers late, with that done in it.
async fn done(age: u64, case: Case) -> BTreeMap<String, usize> {
    let Case {
        kind,
        name,
        first,
        then,
    } = case;
    let mut world = World::new(7, &SCALE).await;
    plant(&world.simulator);
    world.run_until(Instant::now() + Duration::from_mins(15)).await;
    if let Some(first) = &first {
        world.create(kind, first).await;
        world.run_until(Instant::now() + Duration::from_mins(15)).await;
        assert_eq!(world.is_ready_of(kind, name).await, Some(true), "{name}");
    }
    let since = world.simulator.last_request();
    world.answers_late("Describe*", Duration::from_secs(age));
    let objects = world.objects_of(kind);
    match &then {
        Act::Create(object) => world.create(kind, object).await,
        Act::Edit(patch) => drop(
            objects
                .patch(name, &PatchParams::default(), &Patch::Merge(patch))
                .await
                .expect("patched"),
        ),
        Act::Delete => drop(objects.delete(name, &DeleteParams::default()).await.expect("deleted")),
    }
    for second in ASKS {
        world.run_until(Instant::now() + Duration::from_secs(second)).await;
        let asked = json!({"metadata": {"annotations": {REQUESTED_AT: second.to_string()}}});
        let asked = objects.patch(name, &PatchParams::default(), &Patch::Merge(asked)).await;
        assert!(asked.is_ok() || matches!(then, Act::Delete), "{asked:?}");
    }
    world.run_until(Instant::now() + Duration::from_mins(25)).await;
    let expected = (!matches!(then, Act::Delete)).then_some(true);
    assert_eq!(world.is_ready_of(kind, name).await, expected, "{name}");
    writes(&world, since)
}

fn plant(simulator: &Simulator) {
    let seed = Seed::from_yaml(SUBNETS).expect("a seed");
    simulator.seed(&seed).expect("planted");
}

#[test]
fn what_aws_answers_late_is_written_once_of_other_objects_too() {
    let mut wrong = Vec::new();
    for (what, case) in cases() {
        let run = |age: u64| {
            let case = case.clone();
            apart(async move || done(age, case).await)
        };
        wrong.extend(differences(what, run));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
