//! P21: two replicas as real processes; how long nobody writes when the one that leads ends, or dies.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::json;
use testkit::cluster::Kind;
use testkit::{Cluster, OPERATOR_KEY_ID, Operator, OperatorOptions, Options, Stack};
use tokio::task::JoinSet;

use crate::filled::{instance, object, zone};
use crate::rows::Row;

/// How often each is tried.
const TIMES: usize = 3;
/// Between two changes of the object, so that whoever leads has something to write.
const CHANGE: Duration = Duration::from_millis(200);

pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let stack = Stack::start(Options::without_delays()).await?;
        let other = stack.another_operator(&OperatorOptions::default())?;
        let namespace = stack.namespace().await?;
        let seed = json!([{"id": instance(0), "availabilityZone": zone(0)}]);
        let seed = json!({"regions": [{"region": testkit::simulator::REGION, "instances": seed}]});
        stack.simulator().seed(&seed).await?;
        let balancer = object(0, &json!({"instanceIds": [instance(0)]}));
        let name = balancer["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        namespace.apply(&balancer.to_string()).await?;
        namespace.until_ready(&name).await?;
        other.start_ready().await?;
        let mut changing = JoinSet::new();
        changing.spawn(keep_changing(
            stack.control_plane().cluster(namespace.namespace()).await?,
            name,
        ));

        let (mut graceful, mut crash) = (Vec::new(), Vec::new());
        let (mut leader, mut follower) = (stack.operator(), &other);
        for round in 0..2 * TIMES {
            let mark = stack.simulator().mark()?;
            until_written(&stack, mark, is_stacks(&stack, leader)).await?;
            let mark = stack.simulator().mark()?;
            let began = Instant::now();
            let kills = round % 2 == 1;
            if kills {
                leader.kill();
            } else {
                leader.signal("TERM")?;
            }
            until_written(&stack, mark, is_stacks(&stack, follower)).await?;
            if kills { &mut crash } else { &mut graceful }.push(began.elapsed());
            if !kills {
                leader.ended().await?;
            }
            leader.start_ready().await?;
            std::mem::swap(&mut leader, &mut follower);
        }
        let worst = |times: Vec<Duration>| times.into_iter().max().unwrap_or_default().as_secs_f64();
        Ok(vec![
            Row::real(
                "P21",
                "nobody writes after the leader was told to stop, longest of 3",
                worst(graceful),
                "s",
            )
            .at_most(2.0),
            Row::real(
                "P21",
                "nobody writes after the leader was killed, longest of 3",
                worst(crash),
                "s",
            )
            .at_most(17.0)
            .limit("15 s: a Lease lasts so long"),
        ])
    })
}

/// Whether it is the stack's own operator, which has a key of its own.
fn is_stacks(stack: &Stack, operator: &Operator) -> bool {
    std::ptr::eq(stack.operator(), operator)
}

/// Waits until one of the two writes.
async fn until_written(stack: &Stack, mark: u64, by_stacks: bool) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let calls = stack.simulator().core().requests(mark);
        let written = calls.iter().any(|call| {
            !call.operation.starts_with("Describe")
                && call.service == "elasticloadbalancing"
                && (call.access_key_id == OPERATOR_KEY_ID) == by_stacks
        });
        if written {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_mins(2), "the other does not write");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn keep_changing(cluster: Cluster, name: String) {
    for count in 0_u64.. {
        let tags = json!({"spec": {"tags": {"count": count.to_string()}}});
        let _ = cluster.patch(Kind::CLB, &name, tags).await;
        tokio::time::sleep(CHANGE).await;
    }
}
