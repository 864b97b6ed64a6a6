//! Two bindings and an owner on one load balancer, in all orders.

use std::collections::BTreeSet;

use testkit::Result;

use crate::adoption::tag;
use crate::bindings::Shared;
use crate::setup::by_ids;
use crate::{Test, set};

/// The instances that each of the three objects on one load balancer wants: two of them in common with the next.
fn shares(ids: &[String]) -> [Vec<String>; 3] {
    [[0, 1], [1, 2], [2, 3]].map(|pair| pair.map(|at| ids[at].clone()).to_vec())
}

/// Two bindings and an owner on one load balancer, applied and deleted in these orders.
async fn in_order(apply: [usize; 3], delete: [usize; 3]) -> Result<()> {
    let shared = Shared::offered(Test::web().instances(5).start().await?).await?;
    let (ids, namespace) = (shared.test.ids.clone(), shared.test.namespace.namespace().to_owned());
    tag(
        &shared.test.stack,
        &shared.name,
        "classiclb.dev/adopt-by",
        &format!("test/{namespace}/web"),
    )
    .await?;
    let wants = shares(&ids);
    let mut living = BTreeSet::new();
    let mut mark = shared.test.mark()?;
    let wanted =
        |living: &BTreeSet<usize>| -> BTreeSet<String> { living.iter().flat_map(|at| wants[*at].clone()).collect() };
    let check = async |living: &BTreeSet<usize>, mark: u64, what: &str| -> Result<()> {
        let left = shared.test.simulator().calls(mark)?.naming(&shared.name);
        for call in &left.of("DeregisterInstancesFromLoadBalancer") {
            let ids: BTreeSet<String> = call
                .members("Instances.member.")
                .into_iter()
                .map(|(_, id)| id)
                .collect();
            assert!(ids.is_disjoint(&wanted(living)), "{what}: {call:?}");
        }
        let registered = shared.registered().await;
        assert!(registered.is_superset(&wanted(living)), "{what}: {registered:?}");
        Ok(())
    };
    for at in apply {
        if at == 0 {
            let lines = format!("loadBalancerName: {}\nadopt: true\n{}", shared.name, by_ids(&wants[0]));
            shared.test.ready(&crate::setup::minimal(&lines)).await?;
        } else {
            shared.bound(&format!("b{at}"), &wants[at]).await?;
        }
        living.insert(at);
        check(&living, mark, &format!("{apply:?}: {at} was applied")).await?;
    }
    shared.until_registered(&wanted(&living)).await;
    for at in delete {
        mark = shared.test.mark()?;
        living.remove(&at);
        if at == 0 {
            shared.test.delete().await?;
        } else {
            shared.delete(&format!("b{at}")).await?;
        }
        check(&living, mark, &format!("{apply:?} {delete:?}: {at} was deleted")).await?;
        if living.contains(&0) {
            // The owner has exactly its targets and what others want.
            shared.until_registered(&wanted(&living)).await;
        }
    }
    // What the owner left behind is its own: bindings had no part in it.
    let left = shared.registered().await;
    assert!(left.is_subset(&set(&wants[0])), "{apply:?} {delete:?}: {left:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_bindings_and_an_owner_never_take_what_is_anothers_in_any_order() -> Result<()> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    for (at, apply) in orders.into_iter().enumerate() {
        let both = futures::future::try_join(
            Box::pin(in_order(apply, orders[(at + 1) % 6])),
            Box::pin(in_order(apply, orders[(at + 4) % 6])),
        );
        both.await?;
    }
    Ok(())
}
