//! What the process remembers of an object between two passes. Losing it costs reads, never a wrong write.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::backoff;
use super::lookup::Remote;
use super::nodes::BELIEVED_AFTER;
use super::resolve::Resolution;
use super::status::Verdict;
use crate::api::message::{self, Message};
use crate::api::{Applied, ClassicLoadBalancerStatus};
use crate::aws::{Class, Error, InstanceHealth};
use crate::elb::{Declared, InstanceId, Listener, LoadBalancer, Port};
use crate::plan::Facts;
use crate::plan::targets::{Members, SOURCE_NODE_SELECTOR};

/// How long after a registration the first look at its health is worth a call.
const HEALTH_AFTER_REGISTRATION: Duration = Duration::from_secs(2);
/// How often to look while instances come into service or drain.
pub(super) const HEALTH_WHILE_SETTLING: Duration = Duration::from_secs(15);

/// How many instances that AWS refused before are tried again in one pass.
const SUSPECTS: usize = 10;

/// How long AWS may take to show a balancer that it has accepted.
const SHOWN_WITHIN: Duration = Duration::from_mins(2);

/// A listener that AWS refused to rebuild.
#[derive(Clone, Debug)]
pub(super) struct RefusedRebuild {
    pub(super) listener: Listener,
    pub(super) track: &'static str,
    /// The answer of AWS.
    pub(super) error: Error,
}

/// A `CreateLoadBalancer` that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    pub(super) at: Instant,
    /// AWS answered that it took it; otherwise nobody knows.
    pub(super) accepted: bool,
}

impl Creation {
    /// Whether the balancer may still appear, so that its absence proves nothing.
    pub(super) fn is_pending(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < SHOWN_WITHIN
    }
}

/// What the brake held back at the last full pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeldBack {
    /// It waits for instances that drain.
    pub(super) drains: bool,
    /// How many were in service.
    pub(super) in_service: usize,
}

/// What is remembered of one object.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// The balancer as it was read, with all steps since that AWS accepted.
    pub(super) observed: Option<LoadBalancer>,
    /// What was declared when that was last made true.
    pub(super) declared: Option<Declared>,
    /// The generation and the requested-at of the last full pass.
    pub(super) seen: Option<(i64, Option<String>)>,
    /// What the spec refers to, as looked up at the last full pass.
    pub(super) remote: Remote,
    /// When AWS is read again though nothing changed here.
    pub(super) resync_due: Option<Instant>,
    /// When instances by tags and by group are looked up again.
    pub(super) remote_due: Option<Instant>,
    /// Instances by tags wait for the balancer, whose VPC is not known.
    pub(super) awaits_vpc: bool,
    /// When a Node will have been not ready for too long.
    pub(super) grace_due: Option<Instant>,
    /// When the next instances leave, or one that EC2 must be asked about.
    pub(super) step_due: Option<Instant>,
    /// What the brake holds back.
    pub(super) held: Option<HeldBack>,
    /// Registered instances that were taken out of `targets.instanceIds`, which the brake lets go.
    pub(super) dismissed: BTreeSet<InstanceId>,
    /// Registered instances that EC2 says are terminated.
    pub(super) dead: BTreeSet<InstanceId>,
    /// Those that AWS leaves out of their health and that EC2 was asked about.
    pub(super) judged: BTreeSet<InstanceId>,
    /// When health was last read.
    pub(super) health_read: Option<Instant>,
    /// Why the health could not be read the last time, and how often in a row.
    pub(super) health_failure: Option<(Error, u32)>,
    /// AWS is changing more by itself than it was asked to, such as the instances of an Auto Scaling group.
    pub(super) moving: bool,
    /// When a failed pass is tried again.
    pub(super) retry_due: Option<Instant>,
    /// Failures in a row.
    pub(super) failures: u32,
    /// How the last full pass ended.
    pub(super) verdict: Option<Verdict>,
    /// A `CreateLoadBalancer` whose balancer was not seen yet.
    pub(super) creation: Option<Creation>,
    /// The instances as last read, and when to read them again.
    pub(super) health: Option<Vec<InstanceHealth>>,
    /// The instances that were registered when that was read; of others it says nothing.
    pub(super) health_of: BTreeSet<InstanceId>,
    pub(super) health_due: Option<Instant>,
    /// The instances as last reported, with their sources: a status holds only so many.
    pub(super) members: Members,
    /// Instances whose zone EC2 was asked for and did not know.
    pub(super) unplaced: BTreeSet<InstanceId>,
    /// Instances that AWS refused to register, when they are tried again, and how often they were.
    pub(super) refused_instances: BTreeSet<InstanceId>,
    pub(super) suspects_due: Option<Instant>,
    pub(super) suspects_tried: u32,
    /// Until when the first view of the Nodes after a start is not believed, since it lacks most that the status knows.
    pub(super) doubt_nodes_until: Option<Instant>,
    /// Listeners that AWS refused to rebuild.
    pub(super) refused_rebuilds: BTreeMap<Port, RefusedRebuild>,
    /// Listeners that were deleted to be rebuilt and whose successors AWS did not take.
    pub(super) displaced: BTreeMap<Port, Listener>,
    /// Subnets that were detached to make room for others.
    pub(super) detached: BTreeSet<String>,
    /// Declared Auto Scaling groups that do not exist.
    pub(super) missing_groups: BTreeSet<String>,
    /// The status as last written.
    pub(super) status: Option<ClassicLoadBalancerStatus>,
    /// What was applied, also where the status that tells so could not be written.
    pub(super) applied: Option<Applied>,
    /// The last thing told by an event, so that it is told once.
    pub(super) message: Option<(String, String)>,
    /// The object was released: nothing about it is worth keeping.
    pub(super) released: bool,
    /// When deletion began to wait for Auto Scaling groups.
    pub(super) detaching_since: Option<Instant>,
}

impl Memory {
    /// Whether AWS must be read: something is asked for that was not made true yet, or it is time.
    pub(super) fn must_observe(&self, declared: &Declared, seen: &(i64, Option<String>), now: Instant) -> bool {
        self.is_due(seen, now) || self.declared.as_ref() != Some(declared)
    }

    /// Whether a full pass is due whatever is declared.
    pub(super) fn is_due(&self, seen: &(i64, Option<String>), now: Instant) -> bool {
        let due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        self.seen.as_ref() != Some(seen)
            || due(self.resync_due)
            || due(self.retry_due)
            || due(self.suspects_due)
            || due(self.step_due)
    }

    /// Whether tags are read too. Ownership proven once holds for the same balancer, that is, the same creation time,
    /// until the next resync or until somebody asks.
    pub(super) fn must_read_tags(&self, seen: &(i64, Option<String>), now: Instant) -> bool {
        self.observed.is_none() || self.seen.as_ref() != Some(seen) || self.resync_due.is_none_or(|due| due <= now)
    }

    /// A spec that changed, or a person who asks, deserves a try of all that was refused.
    pub(super) fn forget_refusals(&mut self, now: Instant) {
        self.refused_rebuilds.clear();
        self.unplaced.clear();
        self.suspects_due = (!self.refused_instances.is_empty()).then_some(now);
    }

    /// After a start there is no earlier view of the Nodes to compare with but the status. A first view that lacks most
    /// of what the status knows is doubted for a while, unless the spec changed and asks for it.
    pub(super) fn doubt_first_view(
        &mut self,
        resolution: &mut Resolution,
        status: &ClassicLoadBalancerStatus,
        unchanged: bool,
        now: Instant,
    ) {
        let items = status.instances.iter().flat_map(|instances| &instances.items);
        let came = items
            .filter(|item| item.sources.iter().any(|source| source == SOURCE_NODE_SELECTOR))
            .count();
        let members = resolution.resolved.members.values();
        let found = members
            .filter(|member| member.sources.contains(SOURCE_NODE_SELECTOR))
            .count();
        let lacks_most = unchanged && found * 2 < came;
        self.doubt_nodes_until = match self.doubt_nodes_until {
            None if self.seen.is_none() && lacks_most => Some(now + BELIEVED_AFTER),
            Some(until) if lacks_most && now < until => Some(until),
            _ => None,
        };
        if self.doubt_nodes_until.is_some() && resolution.suspicion.is_none() {
            resolution.resolved.hold = true;
            resolution.suspicion = Some(message::most_nodes_lost_at_start(found, came));
        }
    }

    /// The balancer is not ours, or is gone: nothing that was read of it holds.
    pub(super) fn forget_balancer(&mut self) {
        self.observed = None;
        self.health = None;
        self.health_failure = None;
        self.members.clear();
    }

    /// What planning must know of earlier passes.
    pub(super) fn facts(&self, now: Instant) -> Facts {
        let (mut suspects, mut refused) = (BTreeSet::new(), self.refused_instances.clone());
        if self.suspects_due.is_some_and(|due| due <= now) {
            // Each costs a call, so they take turns.
            let turn = usize::try_from(self.suspects_tried).unwrap_or_default() * SUSPECTS;
            let turn = turn % refused.len().max(1);
            suspects = refused
                .iter()
                .cycle()
                .skip(turn)
                .take(SUSPECTS.min(refused.len()))
                .cloned()
                .collect();
            refused.retain(|id| !suspects.contains(id));
        }
        let rebuilds = self.refused_rebuilds.iter();
        Facts {
            suspects,
            refused,
            refused_rebuilds: rebuilds
                .map(|(port, refused)| (*port, refused.listener.clone()))
                .collect(),
            displaced: self.displaced.clone(),
            detached: self.detached.clone(),
            ..Facts::default()
        }
    }

    /// Keeps the instances that AWS refused; those that were tried wait longer each time.
    pub(super) fn refuse_instances(&mut self, refused: BTreeSet<InstanceId>, tried: bool, now: Instant) {
        self.refused_instances = refused;
        if self.refused_instances.is_empty() {
            (self.suspects_due, self.suspects_tried) = (None, 0);
        } else if tried || self.suspects_due.is_none() {
            // News of one instance is no reason to ask for the others again.
            self.suspects_tried += 1;
            self.suspects_due = Some(now + backoff::delay(self.suspects_tried));
        }
    }

    /// The registered set changed: the health as read is out of date, and soon there is something to see.
    pub(super) fn registration_changed(&mut self, now: Instant) {
        self.health_due = Some(now + HEALTH_AFTER_REGISTRATION);
    }

    /// Whether the health tells of instances that came or went without us: an Auto Scaling group at work, or somebody's
    /// hand. Terminated instances stay registered and are left out, so only one that was there before can be missed.
    pub(super) fn is_surprised_by(&self, health: &[InstanceHealth]) -> bool {
        let Some(lb) = &self.observed else { return false };
        let stays = |instance: &&InstanceHealth| !instance.is_draining();
        let seen = |list: &[InstanceHealth]| -> BTreeSet<InstanceId> {
            list.iter().filter(stays).map(|instance| instance.id.clone()).collect()
        };
        let (now, before) = (seen(health), self.health.as_deref().map(seen).unwrap_or_default());
        !now.is_subset(&lb.instances) || lb.instances.difference(&now).any(|id| before.contains(id))
    }

    /// Takes in what was read and decides when to read again.
    pub(super) fn take_health(&mut self, health: Vec<InstanceHealth>, interval: Duration, now: Instant) {
        let settled = !health.iter().any(InstanceHealth::is_settling);
        let wait = if settled {
            interval
        } else {
            interval.min(HEALTH_WHILE_SETTLING)
        };
        self.health_read = Some(now);
        self.health_failure = None;
        self.health_due = Some(now + wait);
        self.health = Some(health);
        self.health_of = self
            .observed
            .as_ref()
            .map(|lb| lb.instances.clone())
            .unwrap_or_default();
    }

    /// Takes in that the health could not be read.
    pub(super) fn miss_health(&mut self, error: Error, interval: Duration, now: Instant) {
        if error.class == Class::Gone {
            self.resync_due = Some(now);
        }
        self.health_due = Some(now + interval);
        let times = self.health_failure.take().map_or(0, |(_, times)| times);
        self.health_failure = Some((error, times.saturating_add(1)));
    }

    /// Why the health is not known any more: a refusal at once, and what passes by itself where it lasts.
    pub(super) fn health_unread(&self) -> Option<&Error> {
        let (error, times) = self.health_failure.as_ref()?;
        (!error.class.is_passing() || *times > 1).then_some(error)
    }

    /// The same in words.
    pub(super) fn health_message(&self) -> Option<Message> {
        let error = self.health_unread()?;
        Some(message::health_not_read(error.reason(), error))
    }

    /// Whether instances drained when the health was last read.
    pub(super) fn drains(&self) -> bool {
        self.health.iter().flatten().any(InstanceHealth::is_draining)
    }

    /// Whether health that was just read lets the next instances go that the brake holds back, or tells of one that left
    /// without a word.
    pub(super) fn calls_for_a_step(&self) -> bool {
        let drains = self.drains();
        let serving = self
            .health
            .iter()
            .flatten()
            .filter(|instance| instance.is_in_service())
            .count();
        let releases = self
            .held
            .is_some_and(|held| !drains && (held.drains || serving != held.in_service));
        releases || !self.omitted().is_subset(&self.judged)
    }

    /// Registered instances that AWS leaves out of their health. It does so with terminated ones, but that is no proof.
    pub(super) fn omitted(&self) -> BTreeSet<InstanceId> {
        let (Some(lb), Some(health)) = (&self.observed, &self.health) else {
            return BTreeSet::new();
        };
        let listed: BTreeSet<&InstanceId> = health.iter().map(|instance| &instance.id).collect();
        let asked = lb.instances.intersection(&self.health_of);
        asked.filter(|id| !listed.contains(id)).cloned().collect()
    }

    /// The soonest of all that is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        [
            self.resync_due,
            self.retry_due,
            self.suspects_due,
            self.health_due,
            self.remote_due,
            self.grace_due,
            self.step_due,
        ]
        .into_iter()
        .flatten()
        .min()
    }
}

/// The memories of all objects by UID: a name can be taken again, a UID cannot.
#[derive(Debug, Default)]
pub(super) struct Memories {
    objects: Mutex<HashMap<String, Memory>>,
    /// Objects that could not be decoded, and the versions that were told of.
    undecodable: Mutex<HashMap<String, String>>,
}

impl Memories {
    /// Takes an object's memory out for one pass. One that ends by a panic is not put back, and AWS is read afresh.
    pub(super) fn take(&self, uid: &str) -> Memory {
        self.objects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uid)
            .unwrap_or_default()
    }

    /// Puts it back.
    pub(super) fn put(&self, uid: &str, memory: Memory) {
        self.objects
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(uid.to_owned(), memory);
    }

    /// Whether this version of an object that cannot be decoded was not told of yet.
    pub(super) fn tell_undecodable(&self, uid: String, version: String) -> bool {
        let mut reported = self.undecodable.lock().unwrap_or_else(PoisonError::into_inner);
        reported.insert(uid, version.clone()) != Some(version)
    }

    /// Drops the memory of an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.undecodable
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(uid);
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }

    /// How many objects wait after a failure.
    pub(super) fn backing_off(&self) -> usize {
        let memories = self.objects.lock().unwrap_or_else(PoisonError::into_inner);
        memories.values().filter(|memory| memory.failures > 0).count()
    }
}
