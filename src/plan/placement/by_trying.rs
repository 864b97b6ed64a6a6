//! Pure: steps for subnets whose zones are not known, since EC2 may not be asked. AWS refuses a second subnet of a
//! zone, and that refusal decides the order.

use std::collections::BTreeSet;

use super::differences;
use crate::plan::{Facts, Step};

pub(super) fn steps(attached: &BTreeSet<String>, wanted: &BTreeSet<String>, facts: &Facts) -> Vec<Step> {
    let (come, leave) = differences(attached, wanted);
    let attach = |set: BTreeSet<String>| (!set.is_empty()).then_some(Step::AttachSubnets(set));
    let detach = |set: BTreeSet<String>| (!set.is_empty()).then_some(Step::DetachSubnets(set));
    if !facts.same_zone {
        return [attach(come), detach(leave)].into_iter().flatten().collect();
    }
    if attached.intersection(wanted).next().is_some() {
        // What stays keeps the load balancer placed, so those that leave can make room first.
        return [detach(leave), attach(come)].into_iter().flatten().collect();
    }
    complete_swap(attached, &come, facts)
}

/// Every subnet is exchanged, and a new one shares its zone with an old one. An old one holds the place until a new one
/// of another zone is attached.
fn complete_swap(attached: &BTreeSet<String>, come: &BTreeSet<String>, facts: &Facts) -> Vec<Step> {
    let attach = |subnet: &String| Step::AttachSubnets([subnet.clone()].into());
    let detach = |subnet: &String| Step::DetachSubnets([subnet.clone()].into());
    let all_but = |set: &BTreeSet<String>, one: &String| -> BTreeSet<String> {
        set.iter().filter(|subnet| *subnet != one).cloned().collect()
    };
    let (Some(holder), Some(new)) = (attached.first(), come.first()) else {
        return Vec::new();
    };
    let mut steps = Vec::new();
    if come.len() > 1 {
        // The new ones lie in different zones, so at most one of them in the holder's.
        let first = come
            .iter()
            .find(|subnet| !facts.conflicting_subnets.contains(*subnet))
            .unwrap_or(new);
        steps.push(Step::DetachSubnets(all_but(attached, holder)));
        steps.extend([attach(first), detach(holder), Step::AttachSubnets(all_but(come, first))]);
    } else if attached.len() > 1 {
        // One of the old ones is in the way of the only new one; they make room one after the other.
        steps.extend([
            detach(holder),
            attach(new),
            Step::DetachSubnets(all_but(attached, holder)),
        ]);
    } else if let Some(spare) = facts.detached.difference(come).next() {
        // The last one is the one in the way, and one that made room in vain takes its place for a moment.
        steps.extend([attach(spare), detach(holder), attach(new), detach(spare)]);
    } else {
        // Both lie in one zone. AWS has no order of calls for that, and its refusal says so.
        steps.push(attach(new));
    }
    steps.retain(|step| !matches!(step, Step::AttachSubnets(set) | Step::DetachSubnets(set) if set.is_empty()));
    steps
}
