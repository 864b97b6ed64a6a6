//! P22: instances that leave do not wait behind a thousand creations.

use std::time::Duration;

use crate::played::{Fleet, since};
use crate::rows::Row;
use crate::world::ROLES;

/// Load balancers that stand.
const STANDING: usize = 20;
/// Objects that wait to be made meanwhile.
const WAITING: usize = 1000;
/// How many Nodes leave, one after the other.
const LEAVING: usize = 10;

pub(crate) async fn measure() -> Vec<Row> {
    let mut fleet = Fleet::new(STANDING).await;
    fleet.make().await;
    fleet.run(Duration::from_mins(20)).await;
    let mut fleet = fleet.with(WAITING, 1).await;
    fleet.run(Duration::from_mins(1)).await;
    let (mut first, mut waits) = (Vec::new(), Vec::new());
    for name in fleet.world.nodes_of(ROLES[0]).into_iter().take(LEAVING) {
        let (mark, begun) = fleet.mark();
        fleet.world.remove_node(&name, false).await;
        fleet.run(Duration::from_secs(40)).await;
        let calls = fleet.calls(mark);
        let left = calls.of("DeregisterInstancesFromLoadBalancer");
        let left: Vec<_> = left.map(|call| since(begun, call).as_secs_f64()).collect();
        // One that has not left by now counts as long as was waited.
        let missing = STANDING.saturating_sub(left.len());
        first.push(left.iter().copied().fold(40.0, f64::min));
        waits.extend(left.into_iter().chain(std::iter::repeat_n(40.0, missing)));
    }
    let row = |what, mut waits: Vec<f64>| {
        waits.sort_by(f64::total_cmp);
        let late = waits.get(waits.len() * 99 / 100).copied().unwrap_or_default();
        Row::played("P22", what, late, "s").at_most(1.0)
    };
    vec![
        row(
            "a Node leaves while 1,000 creations wait, until the first load balancer lacks it, p99",
            first,
        )
        .limit("two calls: who is in service, and the deregistration"),
        row(
            "a Node leaves while 1,000 creations wait, until 20 load balancers lack it, p99",
            waits,
        )
        .limit("40 calls are permitted at once, where none are under way"),
    ]
}
