//! I/O: what a spec refers to: names → ids, Nodes and Services from the watched views.

use std::collections::{BTreeMap, BTreeSet};

use super::lookup;
use super::resolution::{Resolution, Selected};
use super::stop::{Halt, Stop};
use super::subject::Subject;
use super::trust::doubt_first_view;
use crate::api::message::{self, Refusal};
use crate::api::{ClassicLoadBalancerSpec, ClassicLoadBalancerStatus};
use crate::controller::clock::Moment;
use crate::controller::context::Context;
use crate::controller::memory::{Due, Health, Memory};
use crate::controller::nodes::{NodeDraining, NodePolicy, NodeView, Selection};
use crate::controller::selector::Labels;
use crate::elb::{InstanceId, region};
use crate::plan::allow::Tagged;
use crate::plan::desired::Resolved;
use crate::plan::targets::{Member, Members, SOURCE_INSTANCE_IDS, SOURCE_NODE_SELECTOR};
use crate::plan::{Cause, Problem, Track};

/// Resolves a spec. What AWS alone can tell is looked up where it is time.
pub(super) async fn resolve(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<Resolution, Stop> {
    let draining = cx.rules.node_draining;
    if draining.is_on() {
        cx.drains.begins(&subject.owner.uid, now.wall);
        let departing = cx.nodes.departing();
        let departing = departing.intersection(&memory.known.registered()).cloned().collect();
        if memory.brake.depart(departing) {
            memory.schedule.set(Due::Step, now.at);
        }
    }
    let full = memory.schedule.wants_full(&subject.seen(), now.at);
    if full {
        let before = &memory.known.lookups;
        let mut lookups = lookup::look_up(subject, cx.kubernetes.client(), before, now.wall).await;
        // They survive a lookup that fails.
        lookups.members = std::mem::take(&mut memory.known.lookups.members);
        lookups.vanished = std::mem::take(&mut memory.known.lookups.vanished);
        memory.known.lookups = lookups;
    }
    let due = |due| memory.schedule.is_due(due, now.at);
    if full || due(Due::Lookup) || due(Due::Lacking) {
        let looked_up = look_up_instances(cx, subject, memory, now).await;
        looked_up.map_err(|problem| Halt::not_found(&problem))?;
    }
    let (spec, previous) = (&subject.object.spec, &subject.previous);
    let region = &subject.region.region;
    let mut resolution = of_views(spec, region, &cx.nodes, draining, previous, &memory.health, now)?;
    memory.known.keep_selected(resolution.selected.clone());
    resolution.add(&memory.known.lookups);
    resolution.resolved.default_tags.clone_from(&subject.terms.default_tags);
    let changes = resolution.changes_in.map(|left| now.at + left);
    memory.schedule.set_or_clear(Due::Grace, changes);
    let services = cx.services.of(&subject.namespace);
    resolution.resolved.references.instance_ports = services.resolve(&subject.namespace, &spec.listeners);
    doubt_first_view(subject, memory, &mut resolution, now.at);
    let mut others = cx.claims.others(&subject.claimant(), &subject.place());
    for (id, (node, zone)) in cx.nodes.on(&others.instances.keys().cloned().collect()) {
        let member = others.instances.entry(id).or_default();
        (member.node, member.zone) = (Some(node), zone);
    }
    resolution.share(others, cx.claims.unheard(subject.object.kind).is_some());
    Ok(resolution)
}

/// Looks up the instances that only AWS can tell, and decides when to look again.
async fn look_up_instances(
    cx: &Context,
    subject: &Subject<'_>,
    memory: &mut Memory,
    now: Moment,
) -> Result<(), Problem> {
    let targets = subject.object.spec.targets.as_ref();
    let needed = lookup::instances::is_needed(targets);
    let again = needed.then_some(now.at + cx.intervals.health);
    memory.schedule.set_or_clear(Due::Lookup, again);
    let observed = memory.known.load_balancer().and_then(|lb| lb.identity.vpc_id.clone());
    let mut vpc = observed.or_else(|| subject.previous.vpc_id.clone());
    let needs_vpc = lookup::instances::needs_vpc(targets);
    let allowance = subject.terms.allowance();
    let judged = allowance.is_some_and(|allowance| allowance.tags(Tagged::Instance).is_some());
    if vpc.is_none() && needs_vpc && judged {
        // They are judged before anything is made.
        vpc = lookup::vpc_of(&mut memory.known.lookups, subject.object, subject, &subject.previous).await?;
    }
    let awaits = vpc.is_none() && needs_vpc;
    memory.known.set_awaits_vpc(awaits);
    let (view, lookups) = (&subject.region.view, &mut memory.known.lookups);
    let look = lookup::instances::Look {
        region: &subject.region.region,
        generation: subject.generation(),
        since: subject.reads.since,
        now: now.at,
    };
    lookup::instances::look_up(targets, view, vpc.as_deref(), &subject.previous, lookups, look).await;
    let again = lookup::instances::second_look(lookups);
    memory.schedule.set_or_clear(Due::Lacking, again);
    Ok(())
}

/// Resolves the targets of a spec as far as the watched views tell.
fn of_views(
    spec: &ClassicLoadBalancerSpec,
    region: &str,
    nodes: &NodeView,
    draining: NodeDraining,
    previous: &ClassicLoadBalancerStatus,
    health: &Health,
    now: Moment,
) -> Result<Resolution, Refusal> {
    let Some(targets) = &spec.targets else {
        return Ok(Resolution::default());
    };
    let mut members = Members::new();
    let ids: BTreeSet<InstanceId> = targets.instance_ids.iter().flatten().cloned().collect();
    let mut on = nodes.on(&ids);
    for id in ids {
        let (node, zone) = on.remove(&id).unzip();
        let sources = [SOURCE_INSTANCE_IDS.to_owned()].into();
        let zone = zone.flatten();
        members.insert(id, Member { node, zone, sources });
    }
    let (mut suspicion, mut changes_in, mut selected) = (None, None, None);
    if let Some(selector) = &targets.node_selector {
        let labels = Labels::of(selector).map_err(message::bad_node_selector)?;
        let selection = nodes.select(&labels, NodePolicy::of(spec.registration.as_ref(), draining), now);
        changes_in = selection.changes_in;
        suspicion = suspect(&selection, previous, health);
        let mut skipped: BTreeMap<String, String> = BTreeMap::new();
        let count = selection.nodes.len() + selection.without_instance.len();
        skipped.extend(
            selection
                .without_instance
                .into_iter()
                .map(|name| (name, message::no_instance())),
        );
        for (name, node) in selection.nodes {
            let Some(id) = node.instance.clone() else { continue };
            if let Some(place) = node.place().filter(|place| region::is_of_another(place, region)) {
                skipped.insert(name, message::of_other_region(place, region));
                continue;
            }
            let member = members.entry(id).or_default();
            member.sources.insert(SOURCE_NODE_SELECTOR.to_owned());
            member.node = Some(name);
            member.zone.clone_from(&node.zone);
        }
        selected = Some(Selected {
            total: selection.total,
            count,
            matched: selection.matched || count > 0,
            skipped,
        });
    }
    Ok(Resolution {
        selected,
        resolved: Resolved {
            members,
            hold: suspicion.is_some(),
            ..Resolved::default()
        },
        suspicion,
        changes_in,
        remote_suspect: false,
        ..Resolution::default()
    })
}

/// The view's own doubts, and two more. Most Nodes that become not ready at once, while the load balancer's own health
/// checks pass, are as likely a control plane that hears nothing. And a selector that matches nothing though instances came
/// from it before is more likely a mistake than a wish.
fn suspect(selection: &Selection, previous: &ClassicLoadBalancerStatus, health: &Health) -> Option<Problem> {
    let because = |cause, message| Some(Problem::new(Track::Instances, cause, message));
    if let Some(suspicion) = &selection.suspicion {
        return because(Cause::Doubt, suspicion.clone());
    }
    if let Some(unready) = &selection.unready
        && !unready.instances.is_empty()
        && (!health.is_read() || !unready.instances.is_disjoint(&health.in_service()))
    {
        return because(Cause::Doubt, message::most_nodes_unready(unready.count, unready.of));
    }
    let mut items = previous.instances.iter().flat_map(|instances| instances.items.iter());
    let came = items.any(|item| item.sources.iter().any(|source| source == SOURCE_NODE_SELECTOR));
    if selection.matched || !came {
        return None;
    }
    because(Cause::Emptied, message::no_node_matches())
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::Node;
    use k8s_openapi::jiff::Timestamp;
    use kube::runtime::watcher::Event;
    use serde_json::json;
    use tokio::time::Instant;

    use super::*;

    /// What a selector of the role `web` finds where one Node has this role, of those that are not cordoned.
    fn selected(role: &str, cordoned: bool) -> Option<Selected> {
        let now = Timestamp::UNIX_EPOCH;
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": "node", "labels": {"role": role}},
            "spec": {"providerID": "aws:///us-east-1a/i-00000001", "unschedulable": cordoned},
        }))
        .expect("a node");
        let view = NodeView::default();
        for event in [Event::Init, Event::InitApply(node), Event::InitDone] {
            view.take(&event, now);
        }
        let spec = serde_json::from_value(json!({
            "listeners": [],
            "targets": {"nodeSelector": {"matchLabels": {"role": "web"}}},
            "registration": {"cordonedNodes": "Remove"},
        }));
        let (at, wall) = (Instant::now(), now);
        let resolved = of_views(
            &spec.expect("a spec"),
            "us-east-1",
            &view,
            NodeDraining::None,
            &ClassicLoadBalancerStatus::default(),
            &Health::default(),
            Moment { at, wall },
        );
        resolved.expect("resolved").selected
    }

    #[test]
    fn a_selector_whose_nodes_are_all_left_out_selects_some() {
        let of = |role, cordoned| selected(role, cordoned).map(|selected| (selected.matched, selected.count));
        assert_eq!(of("web", false), Some((true, 1)));
        assert_eq!(of("web", true), Some((true, 0)), "its labels are right");
        assert_eq!(of("db", false), Some((false, 0)));
    }
}
