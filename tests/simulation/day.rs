//! A virtual day of a fleet.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use classic_lb_operator::controller::{Intervals, NodeDraining};
use tokio::time::Instant;

use crate::driver::Ended;
use crate::invariants::{Checked, is_ready};
use crate::world::{Scale, World, request};

/// How many seeds are run when `SIMULATION_SEEDS` does not say. An optimised build takes many more in the same time.
const SEEDS: u64 = 3;
/// Of these, how many are run twice.
const TWICE: u64 = 1;
/// How long all of a run may take on the real clock; with no timer pending a hang would last for ever.
const LIMIT: Duration = Duration::from_mins(30);

/// A fleet, looked at seldom, so that a day is short.
const FLEET: Scale = Scale {
    objects: 50,
    nodes: 18,
    intervals: Intervals {
        resync: Duration::from_hours(4),
        health: Duration::from_hours(1),
    },
    latency: Duration::from_millis(40),
    rates: None,
    concurrency: 4,
    draining: NodeDraining::None,
};

/// Runs on a fresh thread, since the SDK draws its jitter from one generator of the thread.
pub(crate) fn apart<T: Send + 'static>(run: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = mpsc::channel();
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        let outcome = runtime.expect("a runtime").block_on(run());
        drop(done.send(outcome));
    });
    let thread = thread.expect("a thread");
    match ended.recv_timeout(LIMIT) {
        Ok(outcome) => outcome,
        Err(RecvTimeoutError::Timeout) => panic!("the run neither ends nor goes on"),
        // It has dropped its end, so it is about to end by a panic.
        Err(RecvTimeoutError::Disconnected) => match thread.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => panic!("the run told nothing"),
        },
    }
}

/// A day with weather, then calm. Returns what happened.
async fn day(seed: u64, scale: &Scale, hours: u64) -> (Vec<String>, Checked) {
    let mut world = World::new(seed, scale).await;
    let begin = Instant::now();
    // First everything is made.
    world.run_until(begin + Duration::from_mins(30)).await;
    let evening = begin + Duration::from_hours(hours);
    world.live_until(evening, Duration::from_mins(15)).await;
    world.clear_faults();
    world.tell("calm");
    world.run_until(evening + Duration::from_hours(5)).await;
    all_is_well(&world);
    nothing_is_written(&mut world).await;
    let checked = world.ledger.checked;
    (world.into_trace(), checked)
}

/// Once nothing goes wrong any more, everything is as declared.
fn all_is_well(world: &World) {
    for object in world.kubernetes.all("classicloadbalancers") {
        let name = object.value["metadata"]["name"].as_str().unwrap_or_default();
        if name == "foreign" {
            assert!(!is_ready(&object.value), "{:#}", object.value);
            continue;
        }
        assert!(
            is_ready(&object.value),
            "{name} is not ready: {:#}",
            object.value["status"]
        );
        if let Some(why) = world.difference(name, &object.value) {
            panic!("{name}: {why}");
        }
    }
}

/// And then nothing is written any more, neither to AWS nor to Kubernetes.
async fn nothing_is_written(world: &mut World) {
    let (calls, requests) = (world.simulator.last_request(), world.kubernetes.last_request());
    world.run_until(Instant::now() + Duration::from_hours(5)).await;
    let calls = world.simulator.requests(calls);
    let written: Vec<_> = calls
        .iter()
        .filter(|call| !call.operation.starts_with("Describe"))
        .collect();
    assert!(written.is_empty(), "{written:#?}");
    assert!(!calls.is_empty(), "the operator has stopped looking");
    let requests = world.kubernetes.requests(requests);
    let written: Vec<_> = requests.iter().filter(|request| request.verb.is_write()).collect();
    assert!(written.is_empty(), "{written:#?}");
}

/// Where two runs part, with the lines before.
fn difference(first: &[String], second: &[String]) -> Option<String> {
    let at = (0..first.len().max(second.len())).find(|at| first.get(*at) != second.get(*at))?;
    let before = first.get(at.saturating_sub(20)..at).unwrap_or_default().join("\n");
    Some(format!(
        "{before}\nfirst:  {:?}\nsecond: {:?}",
        first.get(at),
        second.get(at)
    ))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// The day of a seed, and with `twice` another one of the same seed, which must not differ.
fn replays(seed: u64, twice: bool) -> Checked {
    let (trace, checked) = apart(async move || day(seed, &FLEET, 24).await);
    println!("seed {seed}: {} lines, {checked:?}", trace.len());
    if twice {
        let (again, _) = apart(async move || day(seed, &FLEET, 24).await);
        if let Some(difference) = difference(&trace, &again) {
            panic!("seed {seed} went another way the second time:\n{difference}");
        }
    }
    let put_to_the_test = checked.writes > 0 && checked.deregistrations > 0 && checked.ready > 0;
    assert!(put_to_the_test, "seed {seed} proves nothing: {checked:?}");
    checked
}

/// `SIMULATION_SEEDS` says how many days are run, and `SIMULATION_FIRST_SEED` which is the first of them.
#[test]
fn a_virtual_day_of_fifty_objects_replays_alike() {
    let first = number("SIMULATION_FIRST_SEED").unwrap_or(1);
    let end = first + number("SIMULATION_SEEDS").unwrap_or(SEEDS);
    let next = AtomicU64::new(first);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            replays(seed, seed < first + TWICE);
        }
    };
    // Whoever waits for a thread that panicked panics too, and names the seed in what it printed.
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
}

#[test]
fn another_seed_is_another_day() {
    let scale = Scale {
        objects: 3,
        nodes: 6,
        ..FLEET
    };
    let (one, _) = apart(async move || day(1, &scale, 3).await);
    let (two, _) = apart(async move || day(2, &scale, 3).await);
    assert_ne!(one, two);
}

/// A world of two objects that has come to rest.
async fn small() -> World {
    let scale = Scale {
        objects: 2,
        nodes: 12,
        ..FLEET
    };
    let mut world = World::new(1, &scale).await;
    world.run_until(Instant::now() + Duration::from_mins(30)).await;
    assert!(is_ready(&world.stored("lb-01").expect("the object")));
    world
}

/// What the operator would be blamed for: nobody else is known to have called.
fn blamed(parameters: &'static str) {
    apart(async move || {
        let mut world = small().await;
        world.simulator.call(request(parameters)).await.expect("an answer");
        world.record();
    });
}

#[test]
#[should_panic(expected = "a write to a load balancer that is not ours")]
fn a_write_to_a_foreign_load_balancer_is_noticed() {
    blamed("Action=DeleteLoadBalancerListeners&LoadBalancerName=foreign&LoadBalancerPorts.member.1=80");
}

#[test]
#[should_panic(expected = "was deleted though nobody deleted its object")]
fn a_deletion_that_nobody_asked_for_is_noticed() {
    blamed("Action=DeleteLoadBalancer&LoadBalancerName=lb-01");
}

#[test]
#[should_panic(expected = "remain in service")]
fn an_emptied_load_balancer_is_noticed() {
    apart(async || {
        let mut world = small().await;
        let state = world.state_of("lb-01").expect("the load balancer");
        let mut parameters = "Action=DeregisterInstancesFromLoadBalancer&LoadBalancerName=lb-01".to_owned();
        for (place, id) in state.in_service.iter().enumerate() {
            let _ = write!(parameters, "&Instances.member.{}.InstanceId={id}", place + 1);
        }
        world.simulator.call(request(&parameters)).await.expect("an answer");
        world.record();
    });
}

#[test]
#[should_panic(expected = "says that it is ready, but its listeners are")]
fn a_ready_object_that_is_not_as_declared_is_noticed() {
    apart(async || {
        let mut world = small().await;
        let parameters = "Action=DeleteLoadBalancerListeners&LoadBalancerName=lb-01&LoadBalancerPorts.member.1=80";
        world.simulator.call(request(parameters)).await.expect("an answer");
        world.check_ready(&Ended {
            name: "lb-01".to_owned(),
            outcome: Ok(None),
            views: world.driver.views(),
        });
    });
}
