//! A virtual day of a fleet.

use std::time::Duration;

use classic_lb_operator::controller::Intervals;
use tokio::time::Instant;

use crate::invariants::{Checked, is_ready};
use crate::world::{Scale, World};

/// How many seeds are run when the environment does not say.
const SEEDS: u64 = 4;
/// Of these, how many are run twice.
const TWICE: u64 = 2;
/// How long all of a run may take on the real clock; with no timer pending a hang would last for ever.
const LIMIT: Duration = Duration::from_mins(9);

/// A fleet, looked at seldom, so that a day is short.
const FLEET: Scale = Scale {
    objects: 50,
    nodes: 18,
    intervals: Intervals {
        resync: Duration::from_hours(2),
        health: Duration::from_mins(30),
    },
    latency: Duration::from_millis(40),
};

/// Runs on a fresh thread, since the SDK draws its jitter from one generator of the thread.
fn apart<T: Send + 'static>(run: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let (done, ended) = std::sync::mpsc::channel();
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
        Err(_) => match thread.is_finished().then(|| thread.join()) {
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            _ => panic!("the run neither ends nor goes on"),
        },
    }
}

/// A day with weather, then calm. Returns what happened.
async fn day(seed: u64, scale: Scale, hours: u64) -> (Vec<String>, Checked) {
    let mut world = World::new(seed, scale).await;
    let begin = Instant::now();
    // First everything is made.
    world.run_until(begin + Duration::from_mins(30)).await;
    let evening = begin + Duration::from_hours(hours);
    world.live_until(evening, Duration::from_mins(10)).await;
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
    world.run_until(Instant::now() + Duration::from_hours(3)).await;
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

#[test]
fn a_virtual_day_of_fifty_objects_replays_alike() {
    let seeds = std::env::var("SIMULATION_SEEDS")
        .ok()
        .and_then(|seeds| seeds.parse().ok())
        .unwrap_or(SEEDS);
    let first = std::env::var("SIMULATION_FIRST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1);
    let mut checked = Checked::default();
    for seed in first..first + seeds {
        println!("seed {seed}");
        let (trace, counted) = apart(async move || day(seed, FLEET, 24).await);
        println!("seed {seed}: {} lines, {counted:?}", trace.len());
        checked = counted;
        if seed < first + TWICE {
            let (again, _) = apart(async move || day(seed, FLEET, 24).await);
            if let Some(difference) = difference(&trace, &again) {
                panic!("seed {seed} went another way the second time:\n{difference}");
            }
        }
    }
    assert!(
        checked.writes > 0 && checked.deregistrations > 0 && checked.ready > 0,
        "{checked:?}"
    );
}

#[test]
fn another_seed_is_another_day() {
    let scale = Scale {
        objects: 3,
        nodes: 6,
        ..FLEET
    };
    let (one, _) = apart(async move || day(1, scale, 3).await);
    let (two, _) = apart(async move || day(2, scale, 3).await);
    assert_ne!(one, two);
}
