//! What it costs to look though nothing happens, and after a restart.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_simulator::RequestRecord;
use classic_lb_operator::aws::Limits;
use classic_lb_operator::controller::Intervals;
use serde_json::json;
use tokio::time::Instant;

use super::{PAGE, Rates, TAGS, calls, count, easily_made, refused, scale, standing};
use crate::day::apart;
use crate::world::{Scale, World};

const ATTRIBUTES: &str = "DescribeLoadBalancerAttributes";

/// A fleet with attributes, whose health is seldom read.
async fn with_attributes(objects: usize, rates: Rates) -> World {
    let intervals = Intervals {
        resync: Duration::from_mins(10),
        health: Duration::from_mins(10),
    };
    let scale = Scale {
        intervals,
        ..scale(objects, rates)
    };
    let mut world = standing(objects, &scale, Duration::from_mins(1)).await;
    for name in world.names() {
        world
            .edit(&name, json!({"spec": {"attributes": {"idleTimeoutSeconds": 90}}}))
            .await;
    }
    // By then each had its first turn.
    world.run_until(Instant::now() + Duration::from_mins(75)).await;
    world
}

#[test]
fn drift_is_looked_for_together_and_details_by_turns() {
    apart(async || {
        let mut world = with_attributes(24, easily_made()).await;
        let since = world.simulator.last_request();
        world.run_until(Instant::now() + Duration::from_hours(2)).await;
        let all = calls(&world, since);
        let figures = ["DescribeLoadBalancers", "DescribeTags", ATTRIBUTES].map(|operation| count(&all, operation));
        println!("{figures:?} in two hours");
        let [looks, tags, attributes] = figures;
        assert!((11..=13).contains(&looks), "one a resync: {figures:?}");
        assert!((42..=54).contains(&attributes), "one an hour of each: {figures:?}");
        assert!(tags <= 2 * 6 + 4, "those of a resync together: {figures:?}");

        // Somebody changes an attribute: it is put back within the hour, or when somebody asks.
        let change = "Action=ModifyLoadBalancerAttributes&LoadBalancerAttributes.ConnectionSettings.IdleTimeout=7&";
        assert!(world.call(&format!("{change}LoadBalancerName=lb-01")).await);
        let since = world.simulator.last_request();
        world.run_until(Instant::now() + Duration::from_mins(61)).await;
        let mended = count(&calls(&world, since), "ModifyLoadBalancerAttributes");
        assert_eq!(mended, 1, "within the hour");
        assert!(world.call(&format!("{change}LoadBalancerName=lb-02")).await);
        let since = world.simulator.last_request();
        let asked = json!({"metadata": {"annotations": {"classiclb.dev/requested-at": "now"}}});
        world.edit("lb-02", asked).await;
        world.run_until(Instant::now() + Duration::from_secs(5)).await;
        let mended = count(&calls(&world, since), "ModifyLoadBalancerAttributes");
        assert_eq!(mended, 1, "somebody asked");
        assert_eq!(refused(&calls(&world, 0)), 0);
    });
}

/// A fleet that has stood for a while starts anew: its load balancers are verified within seconds, and nobody is told anything.
async fn verified(fleet: usize, rates: Rates) {
    let mut scale = scale(fleet, rates);
    // Where it is read less often than it should be, that is told once.
    scale.intervals.health = Duration::from_mins(10);
    let mut world = standing(fleet, &scale, Duration::from_mins(10)).await;
    let (since, restarted) = (world.simulator.last_request(), Instant::now());
    let told = world.kubernetes.last_request();
    world.restart();
    let mut names = BTreeSet::new();
    while restarted.elapsed() < Duration::from_mins(2) && names.len() < fleet {
        world.run_until(Instant::now() + Duration::from_millis(250)).await;
        let all = calls(&world, since);
        let asked = all.iter().filter(|call| call.operation == "DescribeTags");
        names.extend(asked.flat_map(named));
    }
    let time = restarted.elapsed();
    world.run_until(restarted + Duration::from_mins(2)).await;
    let all = calls(&world, since);
    let [pages, tags] = ["DescribeLoadBalancers", "DescribeTags"].map(|operation| count(&all, operation));
    let written = world.kubernetes.requests(told).into_iter();
    let written: Vec<_> = written.filter(|request| request.verb.is_write()).collect();
    println!("{pages} pages and {tags} questions about tags, all within {time:?}");
    assert!(pages <= fleet.div_ceil(PAGE) + 2, "{pages}");
    assert!(tags <= fleet.div_ceil(TAGS) + 2, "{tags}");
    assert!(time <= Duration::from_secs(10), "{time:?}");
    assert_eq!(refused(&all), 0);
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn all_are_verified_within_seconds_of_a_restart() {
    apart(async || verified(120, easily_made()).await);
}

#[test]
fn those_who_wait_for_one_read_do_not_wait_for_one_another() {
    apart(async || {
        // Sixteen calls tell all, and there are twelve at once.
        let scarce = "resource-intensive=1000+1000,mutating=1000+1000,describe=12+5";
        let limits: Limits = scarce.parse().expect("limits");
        verified(300, (scarce.parse().expect("throttles"), limits.with_share(100))).await;
    });
}

/// The load balancers that a question about tags names.
fn named(call: &RequestRecord) -> Vec<String> {
    let names = call.parameters.values().filter(|name| name.starts_with("lb-"));
    names.cloned().collect()
}

/// Of a fleet that restarts where AWS lets the account read little: how many load balancers each question about tags names,
/// and of how many the tags were read in that time.
async fn scarce_reads(fleet: usize, time: Duration) -> (Vec<usize>, usize) {
    let scarce = "resource-intensive=1000+1000,mutating=1000+1000,describe=6+2";
    let limits: Limits = scarce.parse().expect("limits");
    let rates = (scarce.parse().expect("throttles"), limits.with_share(100));
    // With one call at a time, nobody would ever have both the description and the tags.
    let mut world = standing(fleet, &scale(fleet, rates), Duration::from_mins(10)).await;
    let since = world.simulator.last_request();
    world.restart();
    world.run_until(Instant::now() + time).await;
    let all = calls(&world, since);
    let asked = all.iter().filter(|call| call.operation == "DescribeTags");
    let names: BTreeSet<String> = asked.clone().flat_map(named).collect();
    (asked.map(|call| named(call).len()).collect(), names.len())
}

#[test]
fn whoever_waits_for_its_turn_to_read_gets_on_and_reads_for_others() {
    apart(async || {
        let (sizes, read) = scarce_reads(200, Duration::from_mins(1)).await;
        println!("{sizes:?}");
        assert_eq!(read, 200);
        // The look of those that waited for it shows the others once more.
        assert!(sizes.len() <= 200_usize.div_ceil(TAGS) + 3, "{sizes:?}");
    });
}

#[test]
fn pages_that_are_of_use_together_have_their_turn_together() {
    apart(async || {
        let (sizes, read) = scarce_reads(PAGE + 50, Duration::from_mins(2)).await;
        assert_eq!(read, PAGE + 50, "{sizes:?}");
    });
}

/// Where a fleet is larger than its health can be read of at the pace that is asked for, each has its turn, and the statuses
/// do not change with who had one lately.
#[test]
fn health_that_cannot_be_read_often_is_read_by_turns() {
    apart(async || {
        const FLEET: usize = 60;
        let scarce = "resource-intensive=1000+1000,mutating=1000+1000,describe=8+2";
        let limits: Limits = scarce.parse().expect("limits");
        let rates = (scarce.parse().expect("throttles"), limits.with_share(100));
        let mut scale = scale(FLEET, rates);
        scale.intervals = Intervals {
            resync: Duration::from_mins(5),
            health: Duration::from_secs(25),
        };
        let mut world = standing(FLEET, &scale, Duration::from_mins(30)).await;
        let (since, told) = (world.simulator.last_request(), world.kubernetes.last_request());
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        let mut reads = BTreeMap::<String, usize>::new();
        for call in calls(&world, since) {
            if call.operation == "DescribeInstanceHealth" {
                *reads.entry(call.parameters["LoadBalancerName"].clone()).or_default() += 1;
            }
        }
        let (least, most) = (reads.values().min(), reads.values().max());
        println!("{least:?} to {most:?} readings of {} load balancers", reads.len());
        assert_eq!(reads.len(), FLEET);
        assert!(most <= least.map(|least| least + 1).as_ref(), "{reads:?}");
        let written = world.kubernetes.requests(told).into_iter();
        let written: Vec<_> = written.filter(|request| request.verb.is_write()).collect();
        assert!(written.is_empty(), "{written:?}");
    });
}
