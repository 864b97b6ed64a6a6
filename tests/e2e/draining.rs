//! Connection draining: instances leave step by step, and what serves stays enough all the time.

use std::time::Duration;

use testkit::aws_simulator::{Clock, Delays};
use testkit::cluster::Kind;
use testkit::{Calls, Options, Result};

use crate::nodes::held;
use crate::setup::by_role;
use crate::{Test, set};

const DEREGISTER: &str = "DeregisterInstancesFromLoadBalancer";
/// How much faster AWS's time passes than ours.
const SPEED: f64 = 10.0;

const SPEC: &str = "\
availabilityZones: [us-east-1a]
listeners:
- {port: 80, protocol: HTTP, instancePort: 8080}
healthCheck: {target: 'TCP:8080', intervalSeconds: 5, timeoutSeconds: 2, healthyThreshold: 2}
attributes: {connectionDraining: {enabled: true, timeoutSeconds: 120}}
registration: {minInService: 2}";

/// How many registered instances take connections, asked for by their ids: the operator never names them.
async fn serving(test: &Test, name: &str) -> usize {
    let lb = crate::describe(&test.stack, name).await.expect("the load balancer");
    let elb = test.simulator().elb();
    let request = elb.describe_instance_health().load_balancer_name(name);
    let request = request.set_instances(Some(lb.instances().to_vec()));
    let reply = request.send().await.expect("health");
    let draining = "Instance deregistration currently in progress.";
    let serves = |state: &&aws_sdk_elasticloadbalancing::types::InstanceState| {
        state.state() == Some("InService") && state.description() != Some(draining)
    };
    reply.instance_states().iter().filter(serves).count()
}

async fn until_deregistered(test: &Test, mark: u64, count: usize) -> Result<Calls> {
    let what = format!("{count} to be deregistered");
    let left = |calls: &Calls| calls.of(DEREGISTER).len() == count;
    test.simulator().until_calls(mark, &what, left).await
}

async fn until_waits(test: &Test, why: &str) -> Result<()> {
    let waits = test.until(why, |web| {
        web.says("Programmed", "Deregistering") && web.message("Programmed").contains(why)
    });
    waits.await.map(drop)
}

/// All but the last serve; then some leave, and at last the last comes in the place of one.
async fn leave(test: &Test, ids: &[String]) -> Result<()> {
    let namespace = &test.namespace;
    let mark = test.mark()?;
    namespace.delete(Kind::NODE, &ids[0]).await?;
    until_deregistered(test, mark, 1).await?;
    test.until("one to drain", |web| {
        *web.status("/instances/draining") == 1 && web.is_ready()
    })
    .await?;
    // Two more leave: one whose deletion something holds up, and one that is no target any more. The next goes when the
    // first has drained, and until then only the health is read.
    namespace.patch(Kind::NODE, &ids[1], held(true)).await?;
    namespace.delete(Kind::NODE, &ids[1]).await?;
    until_waits(test, "1 that left before still drain").await?;
    namespace.label(Kind::NODE, &ids[2], "role", Some("db")).await?;
    until_waits(test, "wait to be deregistered: 2").await?;
    let calls = until_deregistered(test, mark, 2).await?;
    let all = |call: &testkit::Call| call.members("Instances.member.").is_empty();
    assert!(!calls.of("DescribeInstanceHealth").only(all).is_empty(), "{calls}");

    // Two serve and two must, so the third waits for somebody in its place.
    until_waits(test, "minInService").await?;
    assert_eq!(test.calls(mark).await?.of(DEREGISTER).len(), 2);
    test.node(&ids[4]).await?;
    until_deregistered(test, mark, 3).await?;
    namespace.patch(Kind::NODE, &ids[1], held(false)).await?;
    test.until("nothing to drain", |web| {
        let draining = web.status("/instances/draining").as_u64().unwrap_or_default();
        web.is_ready() && web.summary() == "2/2" && draining == 0
    })
    .await?;
    assert_eq!(test.registered().await?, set(&ids[3..]));
    let calls = test.calls(mark).await?.of(DEREGISTER);
    let one = |call: &testkit::Call| call.members("Instances.member.").len() == 1;
    assert!(calls.iter().all(one), "one at a time: {calls}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_drains_after_the_other_and_enough_serve_all_the_time() -> Result<()> {
    let mut options = Options::default();
    (options.aws.delays, options.aws.clock) = (Delays::Aws, Clock::scaled(SPEED));
    let test = Test::web().on(options).instances(5).start().await?;
    for id in &test.ids[..4] {
        test.node(id).await?;
    }
    test.apply(&format!("{SPEC}\n{}", by_role(&test.role))).await?;
    let ready = test
        .until("all to be in service", |web| web.is_ready() && web.summary() == "4/4")
        .await?;
    let name = ready.name();
    let least = std::cell::Cell::new(usize::MAX);
    let sample = async {
        loop {
            least.set(least.get().min(serving(&test, &name).await));
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        ended = leave(&test, &test.ids) => ended?,
        () = sample => {}
    }
    assert_eq!(least.get(), 2, "in service at the least");
    Ok(())
}
