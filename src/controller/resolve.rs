//! I/O: what a spec refers to. Nodes come from the watched view, so no call is made for them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1 as meta;
use kube::core::Selector;

use super::lookup::Remote;
use super::nodes::{NodePolicy, NodeView, Selection};
use crate::api::message::{self, Message};
use crate::api::{ClassicLoadBalancerSpec, ClassicLoadBalancerStatus, LabelSelector, LabelSelectorOperator};
use crate::elb::InstanceId;
use crate::plan::desired::{References, Refusal, Resolved};
use crate::plan::targets::{Member, Members, SOURCE_INSTANCE_IDS, SOURCE_NODE_SELECTOR};

/// What was resolved, and why it cannot be trusted where that is so.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolution {
    pub(super) resolved: Resolved,
    /// Why the Nodes are not trusted, so that the registered set is not shrunk.
    pub(super) suspicion: Option<Message>,
    /// Whether what was looked up in AWS is not trusted either.
    pub(super) remote_suspect: bool,
    /// When a Node will have been not ready for too long.
    pub(super) changes_in: Option<Duration>,
}

impl Resolution {
    /// Adds what was looked up.
    pub(super) fn add(&mut self, remote: &Remote) {
        for (id, found) in &remote.members {
            let member = self.resolved.members.entry(id.clone()).or_default();
            member.sources.extend(found.sources.iter().cloned());
            member.zone = member.zone.take().or_else(|| found.zone.clone());
        }
        let References {
            subnets,
            security_groups,
            certificates,
            public_keys,
            instance_ports: _,
        } = remote.references.clone();
        let references = &mut self.resolved.references;
        (references.subnets, references.security_groups) = (subnets, security_groups);
        (references.certificates, references.public_keys) = (certificates, public_keys);
        self.remote_suspect = remote.suspicion.is_some();
        self.resolved.hold |= self.remote_suspect;
    }
}

/// Resolves the targets of a spec.
pub(super) fn resolve(
    spec: &ClassicLoadBalancerSpec,
    nodes: &NodeView,
    status: Option<&ClassicLoadBalancerStatus>,
    now: Instant,
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
    let (mut suspicion, mut changes_in) = (None, None);
    if let Some(selector) = &targets.node_selector {
        let selection = nodes.select(&to_selector(selector)?, NodePolicy::of(spec.registration.as_ref()), now);
        changes_in = selection.changes_in;
        suspicion = suspect(&selection, status);
        for (name, node) in selection.nodes {
            let Some(id) = node.instance else { continue };
            let member = members.entry(id).or_default();
            member.sources.insert(SOURCE_NODE_SELECTOR.to_owned());
            member.node = Some(name);
            member.zone = node.zone;
        }
    }
    Ok(Resolution {
        resolved: Resolved {
            members,
            hold: suspicion.is_some(),
            ..Resolved::default()
        },
        suspicion,
        changes_in,
        remote_suspect: false,
    })
}

/// The view's own doubts, and one more: a selector that matches nothing though instances came from it before is more
/// likely a mistake than a wish.
fn suspect(selection: &Selection, status: Option<&ClassicLoadBalancerStatus>) -> Option<Message> {
    if selection.suspicion.is_some() {
        return selection.suspicion.clone();
    }
    let instances = status.and_then(|status| status.instances.as_ref());
    let mut items = instances.into_iter().flat_map(|instances| &instances.items);
    let came = items.any(|item| item.sources.iter().any(|source| source == SOURCE_NODE_SELECTOR));
    (!selection.matched && came).then(message::no_node_matches)
}

fn to_selector(selector: &LabelSelector) -> Result<Selector, Refusal> {
    let expressions = selector
        .match_expressions
        .iter()
        .flatten()
        .map(|requirement| meta::LabelSelectorRequirement {
            key: requirement.key.clone(),
            operator: match requirement.operator {
                LabelSelectorOperator::In => "In",
                LabelSelectorOperator::NotIn => "NotIn",
                LabelSelectorOperator::Exists => "Exists",
                LabelSelectorOperator::DoesNotExist => "DoesNotExist",
            }
            .to_owned(),
            values: requirement.values.clone(),
        });
    let selector = meta::LabelSelector {
        match_labels: selector.match_labels.clone().map(BTreeMap::from_iter),
        match_expressions: Some(expressions.collect()),
    };
    Selector::try_from(selector).map_err(message::bad_node_selector)
}
