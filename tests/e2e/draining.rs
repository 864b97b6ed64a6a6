//! Connection draining: instances leave step by step, and what serves stays enough all the time.

use std::time::Duration;

use serde_json::json;
use testkit::aws_simulator::{Clock, Delays};
use testkit::cluster::Kind;
use testkit::{Calls, Namespace, Options, Result, Simulator, Stack, object};

use crate::nodes::held;
use crate::{describe, manifest, registered};

const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";
/// How much faster AWS's time passes than ours.
const SPEED: f64 = 10.0;

const SPEC: &str = "\
availabilityZones: [us-east-1a]
listeners:
- {port: 80, protocol: HTTP, instancePort: 8080}
healthCheck: {target: 'TCP:8080', intervalSeconds: 5, timeoutSeconds: 2, healthyThreshold: 2}
attributes: {connectionDraining: {enabled: true, timeoutSeconds: 120}}
registration: {minInService: 2}
targets: {nodeSelector: {matchLabels: {role: web}}}";

/// How many registered instances take connections, asked for by their ids: the operator never names them.
async fn serving(simulator: &Simulator, stack: &Stack, name: &str) -> usize {
    let lb = describe(stack, name).await.expect("the balancer");
    let instances = lb.instances().to_vec();
    let request = simulator.elb().describe_instance_health().load_balancer_name(name);
    let reply = request.set_instances(Some(instances)).send().await.expect("health");
    let states = reply.instance_states().iter();
    let draining = "Instance deregistration currently in progress.";
    states
        .filter(|state| state.state() == Some("InService") && state.description() != Some(draining))
        .count()
}

/// Whether a call is one of the operator's looks at all instances.
fn looks(calls: &Calls) -> Calls {
    let of_all = |call: &testkit::Call| call.members("Instances.member.").is_empty();
    calls.of("DescribeInstanceHealth").only(of_all)
}

async fn until_deregistered(simulator: &Simulator, mark: u64, count: usize) -> Result<Calls> {
    let left = |calls: &Calls| calls.of(DEREGISTER).len() == count;
    simulator
        .until_calls(mark, &format!("{count} to be deregistered"), left)
        .await
}

async fn until_waits(namespace: &Namespace, why: &str) -> Result<()> {
    let waits = |object: &kube::api::DynamicObject| {
        object::has_reason(object, "Programmed", "Deregistering")
            && object::condition(object, "Programmed").is_some_and(|c| c.message.contains(why))
    };
    namespace.until(Kind::CLB, "web", why, waits).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_drains_after_the_other_and_enough_serve_all_the_time() -> Result<()> {
    let mut options = Options::default();
    (options.aws.delays, options.aws.clock) = (Delays::Aws, Clock::scaled(SPEED));
    let stack = Stack::start(options).await?;
    let simulator = stack.simulator();
    let mut namespace = stack.namespace().await?;
    let ids = namespace.instances(simulator, &["us-east-1a"; 5]).await?;
    for id in &ids[..4] {
        namespace.node(id, Some(id), &[("role", "web")]).await?;
    }
    namespace.apply(&manifest(SPEC)).await?;
    let all = |object: &kube::api::DynamicObject| {
        object::is_ready(object) && object::text(object, "/status/instances/summary") == "4/4"
    };
    let ready = namespace.until(Kind::CLB, "web", "all to be in service", all).await?;
    let name = object::text(&ready, "/status/loadBalancerName").to_owned();

    let least = std::cell::Cell::new(usize::MAX);
    let sample = async {
        loop {
            least.set(least.get().min(serving(simulator, &stack, &name).await));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let scenario = async {
        let mark = simulator.mark()?;
        namespace.delete(Kind::NODE, &ids[0]).await?;
        until_deregistered(simulator, mark, 1).await?;
        let drains = |object: &kube::api::DynamicObject| {
            object::at(object, "/status/instances/draining") == Some(&json!(1)) && object::is_ready(object)
        };
        namespace.until(Kind::CLB, "web", "one to drain", drains).await?;
        // Two more leave: one whose deletion something holds up, and one that is no target any more. The next goes when
        // the first has drained, and until then only the health is read.
        namespace.patch(Kind::NODE, &ids[1], held(true)).await?;
        namespace.delete(Kind::NODE, &ids[1]).await?;
        until_waits(&namespace, "1 that left before still drain").await?;
        namespace.label(Kind::NODE, &ids[2], "role", Some("db")).await?;
        until_waits(&namespace, "wait to be deregistered: 2").await?;
        let calls = until_deregistered(simulator, mark, 2).await?;
        let looked = looks(&calls).len();
        // Before each that leaves, soon after the first, and each 15 s; each 3 s they would be 6 and more.
        assert!((1..=4).contains(&looked), "every 15 s: {looked} in {calls}");

        // Two serve and two must, so the third waits for somebody in its place.
        until_waits(&namespace, "minInService").await?;
        assert_eq!(simulator.calls(mark)?.of(DEREGISTER).len(), 2);
        namespace.node(&ids[4], Some(&ids[4]), &[("role", "web")]).await?;
        until_deregistered(simulator, mark, 3).await?;
        namespace.patch(Kind::NODE, &ids[1], held(false)).await?;
        let done = |object: &kube::api::DynamicObject| {
            object::is_ready(object)
                && object::text(object, "/status/instances/summary") == "2/2"
                && object::at(object, "/status/instances/draining").is_none_or(|count| *count == json!(0))
        };
        namespace.until(Kind::CLB, "web", "nothing to drain", done).await?;
        let lb = describe(&stack, &name).await.expect("the balancer");
        assert_eq!(registered(&lb), [ids[3].clone(), ids[4].clone()].into());
        let calls = simulator.calls(mark)?.of(DEREGISTER);
        let one = |call: &testkit::Call| call.members("Instances.member.").len() == 1;
        assert!(calls.iter().all(one), "one at a time: {calls}");
        Ok(())
    };
    tokio::select! {
        ended = scenario => { let ended: Result<()> = ended; ended?; }
        () = sample => {}
    }
    assert_eq!(least.get(), 2, "in service at the least");
    Ok(())
}
