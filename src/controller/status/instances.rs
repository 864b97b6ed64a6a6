//! Pure: instances, their sources and their health → status.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::zones::by_zone;
use crate::api::condition::{Statement, TARGETS_HEALTHY};
use crate::api::message;
use crate::api::{InstanceStatus, InstancesStatus, SourceSecurityGroup};
use crate::elb::{InstanceHealth, InstanceId, Port, region};
use crate::plan::targets::{Member, Members};

/// The most instances that a status lists.
const ITEMS: usize = 250;
/// The most instances that a message names.
const NAMED: usize = 5;

/// What is known of the instances.
#[derive(Clone, Debug)]
pub(in crate::controller) struct Targets<'a> {
    /// Those that are wanted, by us or by an attached Auto Scaling group.
    pub(in crate::controller) members: &'a Members,
    /// Whether the spec names targets at all. If not, those registered are the wanted ones.
    pub(in crate::controller) declared: bool,
    /// What AWS says of them; `None`: not read yet.
    pub(in crate::controller) health: Option<BTreeMap<&'a str, &'a InstanceHealth>>,
    /// The instances that were registered when that was read.
    pub(in crate::controller) read_for: Option<&'a BTreeSet<InstanceId>>,
    /// Ids that a source named and AWS refused, and registered ones that EC2 says are terminated.
    pub(in crate::controller) stale: Vec<String>,
    /// All that AWS refused, also where the user named them.
    pub(in crate::controller) refused: BTreeSet<InstanceId>,
}

/// What is left of the instances when the load balancer is gone.
pub(super) fn none_left(before: &InstancesStatus) -> InstancesStatus {
    InstancesStatus {
        summary: format!("0/{}", before.desired),
        desired: before.desired,
        ..InstancesStatus::default()
    }
}

impl Targets<'_> {
    fn wanted<'b>(&'b self, registered: &'b BTreeSet<InstanceId>) -> BTreeSet<&'b InstanceId> {
        if self.declared {
            self.members.keys().collect()
        } else {
            registered.iter().collect()
        }
    }

    /// Whether nobody asked about the instance since it was registered.
    fn is_unread(&self, id: &InstanceId) -> bool {
        self.health_of(id).is_none() && self.read_for.is_none_or(|read| !read.contains(id))
    }

    /// Whether their health was not read yet, and all else is as a status tells it.
    pub(super) fn are_as_told(&self, told: &InstancesStatus, registered: &BTreeSet<InstanceId>) -> bool {
        if self.health.is_some() {
            return false;
        }
        let wanted = self.wanted(registered);
        let all: BTreeSet<&InstanceId> = registered.iter().chain(wanted.iter().copied()).collect();
        let listed: BTreeSet<&InstanceId> = told.items.iter().map(|item| &item.id).collect();
        told.desired == number(wanted.len())
            && told.registered == number(registered.len())
            && told.stale == self.stale
            && listed.len() == all.len().min(ITEMS)
            && listed.is_subset(&all)
            && told.items.iter().all(|item| self.is_as_told(item))
    }

    /// Whether all but its health is as a status tells it.
    fn is_as_told(&self, told: &InstanceStatus) -> bool {
        let member = self.members.get(&told.id);
        let (node, zone) = member.map_or((None, None), |member| (member.node.as_ref(), member.zone.as_ref()));
        let sources = member.iter().flat_map(|member| &member.sources);
        told.node.as_ref() == node && told.zone.as_ref() == zone && sources.eq(&told.sources)
    }

    fn health_of(&self, id: &str) -> Option<&InstanceHealth> {
        self.health.as_ref()?.get(id).copied()
    }

    /// `served` are the zones of the load balancer; `shared`: others have instances there, too.
    pub(super) fn summarise(
        &self,
        registered: &BTreeSet<InstanceId>,
        served: &BTreeSet<String>,
        shared: bool,
    ) -> InstancesStatus {
        let wanted = self.wanted(registered);
        let draining: BTreeSet<&InstanceId> = self
            .health
            .iter()
            .flat_map(BTreeMap::values)
            .filter(|i| i.is_draining())
            .map(|i| &i.id)
            .collect();
        let ids: BTreeSet<&InstanceId> = registered
            .iter()
            .chain(wanted.iter().copied())
            .chain(draining)
            .collect();
        let mut items: Vec<InstanceStatus> = ids.into_iter().map(|id| self.item(id)).collect();
        let in_service = |item: &InstanceStatus| self.health_of(&item.id).is_some_and(InstanceHealth::is_in_service);
        let drains = |item: &InstanceStatus| self.health_of(&item.id).is_some_and(InstanceHealth::is_draining);
        let count = |test: &dyn Fn(&InstanceStatus) -> bool| number(items.iter().filter(|item| test(item)).count());
        let wanted_in_service = number(items.iter().filter(|i| wanted.contains(&i.id) && in_service(i)).count());
        let mut status = InstancesStatus {
            summary: format!("{wanted_in_service}/{}", wanted.len()),
            desired: number(wanted.len()),
            registered: number(registered.len()),
            in_service: count(&in_service),
            out_of_service: count(&|item| registered.contains(&item.id) && item.state == "OutOfService"),
            draining: count(&drains),
            stale: self.stale.iter().take(ITEMS).cloned().collect(),
            by_zone: by_zone(&items, registered, served, shared, &in_service),
            skipped_nodes: Vec::new(),
            items: Arc::default(),
        };
        items.sort_by_key(|item| (in_service(item), item.id.clone()));
        let cut = items.split_off(ITEMS.min(items.len()));
        show_every_source(&mut items, cut);
        items.sort_by_key(|item| (in_service(item), item.id.clone()));
        status.items = Arc::new(items);
        status
    }

    fn item(&self, id: &InstanceId) -> InstanceStatus {
        let Member { node, zone, sources } = self.members.get(id).cloned().unwrap_or_default();
        let health = self.health_of(id);
        InstanceStatus {
            id: id.clone(),
            node,
            zone,
            sources: sources.into_iter().collect(),
            state: health.map_or_else(|| "Unknown".to_owned(), |health| health.state.to_string()),
            reason: health.and_then(|health| health.reason.as_deref().map(ToOwned::to_owned)),
            description: health.and_then(|health| health.description.as_deref().map(ToOwned::to_owned)),
        }
    }

    /// Whether nothing is wanted.
    pub(super) fn has_none(&self, registered: &BTreeSet<InstanceId>) -> bool {
        self.wanted(registered).is_empty()
    }

    /// The condition `TargetsHealthy`.
    pub(super) fn judge(
        &self,
        registered: &BTreeSet<InstanceId>,
        ports: &[Port],
        source: Option<&SourceSecurityGroup>,
        served: &BTreeSet<String>,
        region: Option<&str>,
    ) -> Statement {
        let wanted = self.wanted(registered);
        if wanted.is_empty() {
            return Statement::new(TARGETS_HEALTHY, "False", message::no_targets());
        }
        if wanted.iter().any(|id| registered.contains(*id) && self.is_unread(id)) {
            return Statement::new(TARGETS_HEALTHY, "Unknown", message::health_unread());
        }
        let failing: Vec<&InstanceId> = wanted
            .iter()
            .copied()
            .filter(|id| !self.health_of(id).is_some_and(InstanceHealth::is_in_service))
            .collect();
        if failing.is_empty() {
            return Statement::new(TARGETS_HEALTHY, "True", message::all_in_service(wanted.len()));
        }
        let ports: BTreeSet<Port> = ports.iter().copied().collect();
        let of_cause = |cause: Cause| {
            failing
                .iter()
                .copied()
                .filter(move |id| self.cause(id, served) == cause)
        };
        let mut advice: Vec<(Vec<&InstanceId>, String)> = Vec::new();
        for cause in Cause::ALL {
            let ids: Vec<&InstanceId> = of_cause(cause).collect();
            if !ids.is_empty() {
                advice.push((ids, cause.advice(&in_words(&ports), source)));
            }
        }
        let told = |(ids, advice): &(Vec<&InstanceId>, String)| {
            let ids = some(ids.iter().map(ToString::to_string));
            message::advice_for(ids, advice)
        };
        let advice = match advice.as_slice() {
            [(_, advice)] => advice.clone(),
            several => several.iter().map(told).collect::<Vec<_>>().join("; "),
        };
        let names = self.name(&failing, region);
        let message = message::unhealthy(failing.len(), wanted.len(), names, advice);
        Statement::new(TARGETS_HEALTHY, "False", message)
    }

    /// Why an instance is not in service, as far as that changes what is to be done.
    fn cause(&self, id: &InstanceId, served: &BTreeSet<String>) -> Cause {
        if self.is_refused(id) {
            Cause::Refused
        } else if self.is_stopped(id) {
            Cause::Stopped
        } else if self.is_unserved(id, served) {
            Cause::Unserved
        } else {
            Cause::Failing
        }
    }

    /// Whether AWS does not register it.
    fn is_refused(&self, id: &InstanceId) -> bool {
        self.refused.contains(id) || self.stale.contains(id)
    }

    /// Whether EC2 has it stopped, so that it answers nothing.
    fn is_stopped(&self, id: &str) -> bool {
        let description = self.health_of(id).and_then(|health| health.description.as_deref());
        description.is_some_and(|text| text.contains("stopped state") || text.contains("stopping state"))
    }

    /// Whether it is in a zone that the load balancer does not serve, so that it gets no traffic whatever it answers.
    fn is_unserved(&self, id: &InstanceId, served: &BTreeSet<String>) -> bool {
        let zone = self.members.get(id).and_then(|member| member.zone.as_ref());
        zone.is_some_and(|zone| !served.is_empty() && !served.contains(zone))
    }

    fn name(&self, failing: &[&InstanceId], region: Option<&str>) -> String {
        let elsewhere = |id: &InstanceId| {
            let (zone, region) = (self.members.get(id)?.zone.as_ref()?, region?);
            region::is_of_another(zone, region).then(|| message::of_other_region(zone, region))
        };
        let why = |id: &InstanceId| {
            let said = |health: &InstanceHealth| {
                let description = health.description.clone().filter(|text| text != "N/A");
                description.unwrap_or_else(|| health.state.clone()).into_owned()
            };
            let unread = || match elsewhere(id) {
                Some(elsewhere) => elsewhere,
                None if self.is_refused(id) => message::refused_by_aws(),
                None => message::not_registered(),
            };
            let text = self.health_of(id).map_or_else(unread, said);
            format!("{id} ({})", text.trim_end_matches('.'))
        };
        some(failing.iter().map(|id| why(id)))
    }
}

/// Of the sources that are only among what was cut, one instance each takes the place of one of a source that is shown often.
fn show_every_source(items: &mut Vec<InstanceStatus>, cut: Vec<InstanceStatus>) {
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    for source in items.iter().flat_map(|item| &item.sources) {
        *shown.entry(source.clone()).or_default() += 1;
    }
    for item in cut {
        if item.sources.iter().all(|source| shown.contains_key(source)) {
            continue;
        }
        let spare = |item: &InstanceStatus| {
            item.sources
                .iter()
                .all(|source| shown.get(source).is_some_and(|count| *count > 1))
        };
        let Some(place) = items.iter().rposition(spare) else {
            return;
        };
        for source in &items.remove(place).sources {
            shown.entry(source.clone()).and_modify(|count| *count -= 1);
        }
        for source in &item.sources {
            *shown.entry(source.clone()).or_default() += 1;
        }
        items.push(item);
    }
}

/// Why an instance is not in service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// AWS does not register it, so that no health check is in its way.
    Refused,
    /// It does not run.
    Stopped,
    /// Its zone is not served.
    Unserved,
    /// Anything else.
    Failing,
}

impl Cause {
    const ALL: [Self; 4] = [Self::Refused, Self::Stopped, Self::Unserved, Self::Failing];

    /// What is to be done.
    fn advice(self, ports: &str, source: Option<&SourceSecurityGroup>) -> String {
        match (self, source) {
            (Self::Refused, _) => message::take_out(),
            (Self::Stopped, _) => message::start_stopped(ports),
            (Self::Unserved, _) => message::unserved(),
            (Self::Failing, Some(group)) => message::must_answer_from(ports, &group.group_name),
            (Self::Failing, None) => message::must_answer(ports),
        }
    }
}

fn in_words(ports: &BTreeSet<Port>) -> String {
    let all = ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if ports.len() == 1 {
        message::one_port(all)
    } else {
        message::several_ports(all)
    }
}

/// The first of many names.
fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let count = names.len();
    let text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if count > NAMED {
        message::and_others(text, count - NAMED)
    } else {
        text
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}
