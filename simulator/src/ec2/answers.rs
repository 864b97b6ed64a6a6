//! What instances answer to the health checks of balancers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::clock::Timestamp;

/// What instances answer to health checks: they pass unless a test said otherwise.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct HealthAnswers {
    /// By port, how the answer changed, in the order of time.
    by_instance: BTreeMap<SmolStr, BTreeMap<u16, Vec<HealthAnswer>>>,
}

/// What an instance answers on a port, and since when.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct HealthAnswer {
    pub(crate) healthy: bool,
    pub(crate) since: Timestamp,
}

/// The port that stands for all that have no answer of their own.
const ANY_PORT: u16 = 0;

/// No threshold is so high that more changes could matter for long.
const REMEMBERED_CHANGES: usize = 32;

impl HealthAnswers {
    /// How the answer on a port changed; none for an instance that always passed.
    pub(crate) fn changes(&self, id: &str, port: u16) -> &[HealthAnswer] {
        let ports = self.by_instance.get(id);
        let changes = ports.and_then(|ports| ports.get(&port).or_else(|| ports.get(&ANY_PORT)));
        changes.map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn set(&mut self, id: &str, port: Option<u16>, answer: HealthAnswer) {
        let ports = self.by_instance.entry(SmolStr::new(id)).or_default();
        let general = ports.entry(ANY_PORT).or_default();
        if let Some(port) = port {
            let general = general.clone();
            record(ports.entry(port).or_insert(general), answer);
        } else {
            for changes in ports.values_mut() {
                record(changes, answer);
            }
        }
    }
}

/// Saying again what is the case already changes nothing.
fn record(changes: &mut Vec<HealthAnswer>, answer: HealthAnswer) {
    let healthy = changes.last().is_none_or(|last| last.healthy);
    if healthy == answer.healthy {
        return;
    }
    if changes.len() >= REMEMBERED_CHANGES {
        changes.remove(0);
    }
    changes.push(answer);
}
