//! How old the operator's view of AWS is, as metrics tell it.

use std::time::Duration;

use classic_lb_operator::controller::NodeDraining;
use serde_json::json;
use tokio::time::Instant;

use super::standing;
use crate::day::apart;
use crate::world::{Scale, World};

/// The resync period of a world, in seconds.
const RESYNC: f64 = 600.0;

fn age(world: &World) -> Option<f64> {
    let series = "clb_operator_view_age_seconds{account=\"\",region=\"us-east-1\"}";
    world.driver.metric(series)
}

/// The greatest age in so many minutes, looked at once in each; `None`: it was never told.
async fn greatest(world: &mut World, minutes: u32) -> Option<f64> {
    let mut greatest = None;
    for _ in 0..minutes {
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        greatest = age(world).into_iter().chain(greatest).max_by(f64::total_cmp);
    }
    greatest
}

#[test]
fn it_is_a_resync_old_at_most_unless_aws_is_not_read() {
    apart(async || {
        let mut world = standing(5, &Scale::of(0, 18, NodeDraining::None), Duration::from_mins(5)).await;
        let told = world.driver.metric("clb_operator_resync_period_seconds");
        assert_eq!(told, Some(RESYNC));
        let calm = greatest(&mut world, 120).await.expect("an age");
        assert!((RESYNC / 2.0..RESYNC + 60.0).contains(&calm), "{calm}");

        let refused = json!({"error": {"code": "InternalFailure", "status": 500}});
        world.simulator.clear_faults();
        world.fault(&json!({"match": {"operation": "DescribeLoadBalancers"}, "do": refused}));
        let old = greatest(&mut world, 40).await.expect("an age");
        assert!(old > RESYNC + 900.0, "{old}");
        world.clear_faults();
        world.run_until(Instant::now() + Duration::from_mins(15)).await;
        let mended = age(&world).expect("an age");
        assert!(mended <= RESYNC + 60.0, "{mended}");
    });
}

#[test]
fn it_is_told_of_no_region_in_which_nothing_is_to_be_read() {
    apart(async || {
        let mut world = standing(2, &Scale::of(0, 18, NodeDraining::None), Duration::from_mins(5)).await;
        assert!(age(&world).is_some());
        // One rests, and of the other it is asked what cannot be.
        world.edit("lb-01", json!({"spec": {"management": "Suspended"}})).await;
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        assert!(age(&world).is_some(), "the other is looked at");
        world.edit("lb-02", json!({"spec": {"region": "eu-west-1"}})).await;
        world.run_until(Instant::now() + Duration::from_mins(1)).await;
        assert_eq!(greatest(&mut world, 40).await, None);
        world.restart();
        assert_eq!(greatest(&mut world, 40).await, None, "nothing was ever read there");
        world.edit("lb-01", json!({"spec": {"management": null}})).await;
        assert!(greatest(&mut world, 40).await.is_some_and(|age| age < RESYNC + 60.0));
    });
}
