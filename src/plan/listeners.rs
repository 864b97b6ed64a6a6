//! Pure: steps for listeners.
//!
//! AWS has no call that modifies a listener: it is deleted and created again, and for that moment clients of its port
//! are refused. So only what cannot be had otherwise is rebuilt, port by port, and what AWS refuses is put back.

use std::collections::BTreeSet;

use super::{Facts, Step};
use crate::elb::{Listener, LoadBalancer, Port};

/// The differences, each port in a track of its own but where an order must be kept.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    /// Changed in place, or rebuilt.
    pub(super) changed: Vec<Vec<Step>>,
    /// New ports.
    pub(super) added: Vec<Vec<Step>>,
    /// Ports to close once all new ones are open.
    pub(super) removed: BTreeSet<Port>,
}

/// Compares what AWS has with what it shall have.
pub(super) fn differences(observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) -> Listeners {
    let pairs = || {
        wanted
            .listeners
            .values()
            .filter_map(|new| observed.listeners.get(&new.port).map(|old| (old, new)))
    };
    let in_place = pairs()
        .filter(|(old, new)| !old.needs_rebuild(new))
        .map(|(old, new)| in_place(old, new));
    let mut listeners = Listeners {
        changed: in_place.collect(),
        ..Listeners::default()
    };
    let rebuilt: Vec<(&Listener, &Listener)> = pairs().filter(|(old, new)| old.needs_rebuild(new)).collect();
    let mut added: Vec<&Listener> = wanted
        .listeners
        .values()
        .filter(|new| !observed.listeners.contains_key(&new.port))
        .collect();
    listeners.removed = observed
        .listeners
        .keys()
        .filter(|port| !wanted.listeners.contains_key(port))
        .copied()
        .collect();

    // A new port that disagrees with a listener which stays, since AWS refused its rebuild, would be refused as well.
    let stays = |old: &&Listener| {
        wanted
            .listeners
            .get(&old.port)
            .is_some_and(|new| !old.needs_rebuild(new))
    };
    let possible = |new: &&Listener| {
        !observed
            .listeners
            .values()
            .filter(stays)
            .any(|old| old.conflicts_with(new))
    };
    let before = added.len();
    added.retain(possible);
    if added.len() < before {
        listeners.removed.clear();
    }

    let leaves =
        |old: &Listener| listeners.removed.contains(&old.port) || rebuilt.iter().any(|(o, _)| o.port == old.port);
    let coming = added.iter().copied().chain(rebuilt.iter().map(|(_, new)| *new));
    let disagree = |new: &Listener| {
        observed
            .listeners
            .values()
            .any(|old| old.port != new.port && leaves(old) && old.conflicts_with(new))
    };
    if coming.clone().any(disagree) {
        let removed = std::mem::take(&mut listeners.removed);
        listeners
            .changed
            .push(all_at_once(observed, &removed, &added, &rebuilt));
    } else {
        listeners
            .changed
            .extend(rebuilt.into_iter().map(|(old, new)| rebuild(old, new)));
        listeners.added = added
            .into_iter()
            .map(|new| add(new, facts.displaced.get(&new.port)))
            .collect();
    }
    listeners.changed.retain(|steps| !steps.is_empty());
    listeners
}

/// The certificate has a call of its own, and so have the policies.
fn in_place(old: &Listener, new: &Listener) -> Vec<Step> {
    let certificate = new.certificate.clone().filter(|_| !old.has_certificate_of(new));
    certificate
        .map(|certificate| Step::SetCertificate {
            port: new.port,
            certificate,
        })
        .into_iter()
        .collect()
}

/// Deletes and creates one listener. A certificate that comes with it is proven first on the old listener, where that
/// one can carry it, and looked up otherwise, so that an unknown certificate interrupts nothing.
fn rebuild(old: &Listener, new: &Listener) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut proven = old.clone();
    if let Some(certificate) = new.certificate.clone().filter(|_| !old.has_certificate_of(new)) {
        if old.protocol.is_secure() {
            proven.certificate = Some(certificate.clone());
            steps.push(Step::SetCertificate {
                port: old.port,
                certificate,
            });
        } else {
            steps.push(Step::FindCertificate(certificate));
        }
    }
    steps.push(Step::DeleteListeners([old.port].into()));
    steps.push(Step::CreateListeners {
        listeners: vec![new.clone()],
        otherwise: create(&proven),
    });
    steps.extend(policies(new));
    steps
}

/// Opens a port. Where an earlier listener of that port made way for this one, it comes back if this one is refused.
fn add(new: &Listener, displaced: Option<&Listener>) -> Vec<Step> {
    let otherwise = displaced
        .filter(|old| old.needs_rebuild(new) || !old.has_certificate_of(new))
        .map(create);
    let mut steps = vec![Step::CreateListeners {
        listeners: vec![new.clone()],
        otherwise: otherwise.unwrap_or_default(),
    }];
    steps.extend(policies(new));
    steps
}

/// Listeners that share an instance port must agree on TLS, so those that leave must go before those that come.
fn all_at_once(
    observed: &LoadBalancer,
    removed: &BTreeSet<Port>,
    added: &[&Listener],
    rebuilt: &[(&Listener, &Listener)],
) -> Vec<Step> {
    let gone: BTreeSet<Port> = removed
        .iter()
        .copied()
        .chain(rebuilt.iter().map(|(old, _)| old.port))
        .collect();
    let listeners: Vec<Listener> = rebuilt
        .iter()
        .map(|(_, new)| *new)
        .chain(added.iter().copied())
        .cloned()
        .collect();
    let old: Vec<Listener> = gone
        .iter()
        .filter_map(|port| observed.listeners.get(port))
        .cloned()
        .collect();
    let mut otherwise = vec![Step::CreateListeners {
        listeners: old.clone(),
        otherwise: Vec::new(),
    }];
    otherwise.extend(old.iter().filter_map(policies));
    let set: Vec<Step> = listeners.iter().filter_map(policies).collect();
    let mut steps = vec![
        Step::DeleteListeners(gone),
        Step::CreateListeners { listeners, otherwise },
    ];
    steps.extend(set);
    steps
}

/// Creates one listener with its policies.
fn create(listener: &Listener) -> Vec<Step> {
    let mut steps = vec![Step::CreateListeners {
        listeners: vec![listener.clone()],
        otherwise: Vec::new(),
    }];
    steps.extend(policies(listener));
    steps
}

/// A new listener has lost its policies; they are set again unless AWS gives the same ones by itself.
fn policies(listener: &Listener) -> Option<Step> {
    let wanted = !listener.policies.is_empty() && listener.policies != listener.protocol.policies_at_creation();
    wanted.then(|| Step::SetPolicies {
        port: listener.port,
        policies: listener.policies.clone(),
    })
}
