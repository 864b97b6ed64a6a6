//! Nodes that are about to go: none is told that it has drained before AWS has let it go, whatever happens meanwhile, and
//! each is told in the end.

use std::time::Duration;

use classic_lb_operator::controller::NodeDraining;
use serde_json::json;
use tokio::time::Instant;

use crate::day::apart;
use crate::world::{Scale, World};

const SCALE: Scale = Scale::of(6, 18, NodeDraining::Delay);
/// How many seeds are run.
const SEEDS: u64 = 2;

impl World {
    /// Nodes come under notice and out of it again, among all else that happens.
    async fn tools_at_work(&mut self, end: Instant) {
        while Instant::now() < end {
            let pause = Duration::from_secs(self.dice.u64(1..240));
            self.live_until((Instant::now() + pause).min(end), Duration::from_mins(10))
                .await;
            let names: Vec<String> = self.machines.keys().cloned().collect();
            let Some(name) = self.dice.choice(&names) else { continue };
            let goes = self.dice.u8(0..3) > 0;
            self.announce(name, goes).await;
            if self.dice.u8(0..8) == 0 {
                let age = Duration::from_secs(self.dice.u64(1..30));
                self.answers_late("Describe*", age);
            }
        }
    }

    /// All objects let connections end.
    async fn drain_connections(&mut self) {
        for name in self.names() {
            let draining =
                json!({"spec": {"attributes": {"connectionDraining": {"enabled": true, "timeoutSeconds": 90}}}});
            self.edit(&name, draining).await;
        }
    }
}

/// Some hours of a seed, then calm.
async fn hours(seed: u64) -> u64 {
    let mut world = World::new(seed, &SCALE).await;
    world.run_until(Instant::now() + Duration::from_mins(30)).await;
    world.drain_connections().await;
    world.run_until(Instant::now() + Duration::from_mins(10)).await;
    world.tools_at_work(Instant::now() + Duration::from_hours(2)).await;
    world.clear_faults();
    world.tell("calm");
    // Others serve in the place of those that leave.
    for _ in 0..12 {
        world.join_node().await;
    }
    world.run_until(Instant::now() + Duration::from_hours(2)).await;
    let leaving: Vec<String> = world.leaving();
    assert!(!leaving.is_empty(), "seed {seed} proves nothing");
    let done = world.told("Done");
    for name in &leaving {
        assert!(
            done.contains(name),
            "seed {seed}: {name} is about to go and told nothing of the end"
        );
    }
    assert_eq!(
        done.len(),
        leaving.len(),
        "seed {seed}: others are told that they have drained"
    );
    let held = world
        .machines
        .iter()
        .filter(|(_, machine)| !world.holders(&machine.id).is_empty());
    let held: std::collections::BTreeSet<String> = held.map(|(name, _)| name.clone()).collect();
    assert_eq!(
        world.delayed(),
        held,
        "seed {seed}: the autoscaler waits for those that serve"
    );
    world.ledger.checked.drained
}

#[test]
fn no_node_is_told_too_early_that_it_has_drained_and_each_is_told_in_the_end() {
    for seed in 1..=SEEDS {
        let drained = apart(async move || hours(seed).await);
        println!("seed {seed}: told {drained} times that a Node has drained");
        assert!(drained > 0, "seed {seed} proves nothing");
    }
}

#[test]
#[should_panic(expected = "is told that it has drained, and")]
fn one_that_is_told_too_early_is_noticed() {
    apart(async || {
        let mut world = World::new(1, &SCALE).await;
        world.run_until(Instant::now() + Duration::from_mins(30)).await;
        let name = world.machines.keys().next().cloned().expect("a Node");
        world.tell_wrongly(&name).await;
    });
}
