//! What the objects of this operator want of load balancers that they share: an owner and bindings, or several bindings.
//!
//! None takes away what another one wants. And an instance that one of them registered is that of each of them that wants
//! it, so that the last one takes it out. What an object wants is told by its reconciles, and after a start by its status
//! until then; [decision 0012](../../docs/decisions/0012-bindings.md).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kube::ResourceExt;
use kube::runtime::watcher::Event;
use tokio::sync::watch;

use super::object::{Guarded, Kind, Watched};
use crate::api::{Applied, ClassicLoadBalancerStatus, InstancesStatus};
use crate::elb::InstanceId;
use crate::plan::targets::{Members, SOURCE_BINDING};

/// Where a load balancer is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Place {
    /// The id of the account, where it is known.
    pub(in crate::controller) account: Option<String>,
    pub(in crate::controller) region: String,
    pub(in crate::controller) load_balancer: String,
}

impl Place {
    /// Whether both are the same load balancer, as far as is known.
    fn is(&self, other: &Self) -> bool {
        let same_account = match (&self.account, &other.account) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        };
        same_account && self.region == other.region && self.load_balancer == other.load_balancer
    }
}

/// What an object wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Wants {
    pub(in crate::controller) instances: BTreeSet<InstanceId>,
    /// Auto Scaling groups to be attached.
    pub(in crate::controller) groups: BTreeSet<String>,
}

/// An object with a load balancer.
#[derive(Clone, Debug, Default)]
struct Claim {
    place: Place,
    /// The source of its instances for the others; `None`: the owner, whose instances need no source.
    source: Option<String>,
    wants: Wants,
    /// What it registered and attached itself.
    made: Applied,
    /// It wants more than is known: its status lists only so many.
    more: bool,
    /// A reconcile of this process told it.
    told: bool,
}

/// What the others have of a load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Others {
    /// The instances that they want, with the bindings that do for sources.
    pub(in crate::controller) instances: Members,
    /// The Auto Scaling groups that they want attached.
    pub(in crate::controller) groups: BTreeSet<String>,
    /// The instances that one of them registered.
    pub(in crate::controller) registered: BTreeSet<InstanceId>,
    /// The Auto Scaling groups that one of them attached.
    pub(in crate::controller) attached: BTreeSet<String>,
    /// They want more than is known.
    pub(in crate::controller) more: bool,
}

/// A watch of one kind.
#[derive(Debug, Default)]
struct Watch {
    listed: bool,
    failure: Option<String>,
}

#[derive(Debug, Default)]
struct State {
    claims: HashMap<String, Claim>,
    /// The UIDs of those of each name of a load balancer.
    named: HashMap<String, HashSet<String>>,
    owners: Watch,
    bindings: Watch,
}

impl State {
    fn watch(&mut self, kind: Kind) -> &mut Watch {
        match kind {
            Kind::Owner => &mut self.owners,
            Kind::Binding => &mut self.bindings,
        }
    }

    /// The claim of an object, which is of this place from now on.
    fn claim(&mut self, uid: &str, place: &Place) -> &mut Claim {
        let name = &place.load_balancer;
        let before = self.claims.get(uid).map(|claim| claim.place.load_balancer.clone());
        if before.as_ref() != Some(name) {
            before.inspect(|before| self.forget(before, uid));
            self.named.entry(name.clone()).or_default().insert(uid.to_owned());
        }
        let claim = self.claims.entry(uid.to_owned()).or_default();
        claim.place.clone_from(place);
        claim
    }

    fn forget(&mut self, name: &str, uid: &str) {
        if let Some(uids) = self.named.get_mut(name) {
            uids.remove(uid);
            if uids.is_empty() {
                self.named.remove(name);
            }
        }
    }

    fn remove(&mut self, uid: &str) -> Option<Claim> {
        let claim = self.claims.remove(uid)?;
        self.forget(&claim.place.load_balancer, uid);
        Some(claim)
    }

    fn others<'a>(&'a self, uid: &'a str, place: &'a Place) -> impl Iterator<Item = &'a Claim> {
        let named = self.named.get(&place.load_balancer).into_iter().flatten();
        let others = named.filter(move |other| *other != uid);
        others
            .filter_map(|other| self.claims.get(other))
            .filter(move |claim| claim.place.is(place))
    }
}

/// The claims of all objects, by UID.
#[derive(Debug, Default)]
pub(in crate::controller) struct Claims {
    state: Mutex<State>,
    /// Wakes the objects when one of them may depend on a change.
    changed: Arc<watch::Sender<()>>,
}

impl Claims {
    /// Nobody claims anything yet.
    pub(in crate::controller) fn new(changed: Arc<watch::Sender<()>>) -> Self {
        Self {
            state: Mutex::default(),
            changed,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in an event of a watch.
    pub(in crate::controller) fn take<K: Watched>(&self, event: &Event<Guarded<K>>) {
        match event {
            Event::Init => {}
            Event::InitApply(object) | Event::Apply(object) => {
                let Ok(object) = &object.0 else { return };
                let (Some(uid), Some(status)) = (object.uid(), object.status()) else {
                    return;
                };
                let source = match K::KIND {
                    Kind::Owner => None,
                    Kind::Binding => {
                        let namespace = object.namespace().unwrap_or_default();
                        Some(source(&namespace, &object.name_any()))
                    }
                };
                self.seen(&uid, source, status, object.meta().deletion_timestamp.is_some());
            }
            Event::InitDone => {
                let mut state = self.state();
                *state.watch(K::KIND) = Watch {
                    listed: true,
                    failure: None,
                };
                drop(state);
                self.changed.send_replace(());
            }
            Event::Delete(object) => {
                if let Some(uid) = object.0.as_ref().ok().and_then(ResourceExt::uid) {
                    self.withdraw(&uid);
                }
            }
        }
    }

    /// A watch failed. `absent`: there is no such kind, so that there is no object of it.
    pub(in crate::controller) fn fail(&self, kind: Kind, error: String, absent: bool) {
        let mut state = self.state();
        let watch = state.watch(kind);
        watch.listed |= absent;
        watch.failure = Some(error).filter(|_| !watch.listed);
        drop(state);
        if absent {
            self.changed.send_replace(());
        }
    }

    /// The kind that was not listed yet, so that not all claims are known, with the reason where there is one. An owner
    /// shares its load balancer with bindings alone.
    pub(in crate::controller) fn unheard(&self, by: Kind) -> Option<(Kind, Option<String>)> {
        let state = self.state();
        let owners = (Kind::Owner, &state.owners);
        let watches = [(Kind::Binding, &state.bindings)]
            .into_iter()
            .chain((by == Kind::Binding).then_some(owners));
        let mut unheard = watches.filter(|(_, watch)| !watch.listed);
        unheard.next().map(|(kind, watch)| (kind, watch.failure.clone()))
    }

    /// Another process works on the object: what a reconcile of this one told holds no more than its status.
    pub(in crate::controller) fn told_elsewhere(&self, uid: &str) {
        if let Some(claim) = self.state().claims.get_mut(uid) {
            claim.told = false;
        }
    }

    /// What a status knows, until a reconcile of this process tells more.
    fn seen(&self, uid: &str, source: Option<String>, status: &ClassicLoadBalancerStatus, deleting: bool) {
        let (Some(region), Some(load_balancer)) = (&status.region, &status.load_balancer_name) else {
            return;
        };
        if deleting || status.created_time.is_none() {
            return;
        }
        let mut state = self.state();
        if state.claims.get(uid).is_some_and(|claim| claim.told) {
            return;
        }
        let instances = status.instances.clone().unwrap_or_default();
        let made = status.applied.clone().unwrap_or_default();
        let place = Place {
            account: status.account_id.clone(),
            region: region.clone(),
            load_balancer: load_balancer.clone(),
        };
        let claim = state.claim(uid, &place);
        *claim = Claim {
            place,
            source,
            wants: Wants {
                instances: own(&instances),
                groups: made.auto_scaling_groups.iter().cloned().collect(),
            },
            more: usize::try_from(instances.desired).unwrap_or_default() > instances.items.len(),
            made,
            told: false,
        };
    }

    /// What a reconcile wants. `doubts`: less than it may want in truth, so that what it wanted before counts as well.
    pub(in crate::controller) fn wants(
        &self,
        uid: &str,
        place: &Place,
        source: Option<String>,
        mut wants: Wants,
        doubts: bool,
    ) {
        let mut state = self.state();
        let stays = state.claims.get(uid).is_some_and(|claim| claim.place.is(place));
        let claim = state.claim(uid, place);
        let more = doubts && claim.more;
        if doubts && stays {
            wants.instances.extend(claim.wants.instances.iter().cloned());
            wants.groups.extend(claim.wants.groups.iter().cloned());
        }
        let same = claim.wants == wants && claim.more == more;
        (claim.source, claim.wants, claim.more) = (source, wants, more);
        claim.told = true;
        let shared = !same && state.others(uid, place).next().is_some();
        drop(state);
        if shared {
            self.changed.send_replace(());
        }
    }

    /// What it has registered and attached by now.
    pub(in crate::controller) fn made(&self, uid: &str, made: &Applied) {
        if let Some(claim) = self.state().claims.get_mut(uid) {
            claim.made.clone_from(made);
        }
    }

    /// It wants nothing any more: it is being deleted, or has no right to the load balancer.
    pub(in crate::controller) fn withdraw(&self, uid: &str) {
        let mut state = self.state();
        let Some(claim) = state.remove(uid) else { return };
        let shared = state.others(uid, &claim.place).next().is_some();
        drop(state);
        if shared {
            self.changed.send_replace(());
        }
    }

    /// What the others have of a load balancer.
    pub(in crate::controller) fn others(&self, uid: &str, place: &Place) -> Others {
        let state = self.state();
        let mut others = Others::default();
        for claim in state.others(uid, place) {
            for id in &claim.wants.instances {
                let member = others.instances.entry(id.clone()).or_default();
                member.sources.extend(claim.source.clone());
            }
            others.groups.extend(claim.wants.groups.iter().cloned());
            others.registered.extend(claim.made.instance_ids.iter().cloned());
            others.attached.extend(claim.made.auto_scaling_groups.iter().cloned());
            others.more |= claim.more;
        }
        others
    }
}

/// The source of an instance that a binding wants, for the others.
pub(in crate::controller) fn source(namespace: &str, name: &str) -> String {
    format!("{SOURCE_BINDING}{namespace}/{name}")
}

/// The instances that an object wants itself, as its status lists them.
fn own(instances: &InstancesStatus) -> BTreeSet<InstanceId> {
    let own = instances.items.iter().filter(|item| {
        let mut sources = item.sources.iter();
        sources.any(|source| !source.starts_with(SOURCE_BINDING))
    });
    own.map(|item| item.id.clone()).collect()
}

#[cfg(test)]
mod tests;
