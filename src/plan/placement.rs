//! Pure: steps for zones and subnets.
//!
//! A load balancer always has at least one subnet and at most one for each zone. Where the zones of the subnets are
//! known, they decide the order of the steps; each plan is made from the subnets attached alone, so a swap that was cut
//! short goes on from wherever it stands, and a subnet that was only lent leaves as any other that is not declared.

mod by_trying;

use std::collections::{BTreeMap, BTreeSet};

use super::{Facts, Step};
use crate::elb::LoadBalancer;

/// The steps from the observed placement to the wanted one. What is not declared is wanted as it is; zones and subnets
/// are not declared together.
pub(super) fn steps(observed: &LoadBalancer, wanted: &LoadBalancer, facts: &Facts) -> Vec<Step> {
    if observed.subnets != wanted.subnets {
        return match Swap::of(&observed.subnets, &wanted.subnets, &facts.zones) {
            Some(swap) => swap.steps(facts.spare.as_ref()),
            None => by_trying::steps(&observed.subnets, &wanted.subnets, facts),
        };
    }
    let (come, leave) = differences(&observed.availability_zones, &wanted.availability_zones);
    [
        (!come.is_empty()).then_some(Step::EnableZones(come)),
        (!leave.is_empty()).then_some(Step::DisableZones(leave)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether a load balancer can only go from one set of subnets to the other through a subnet of another zone: its only
/// subnet is exchanged for another one of the same zone.
pub fn needs_spare(attached: &BTreeSet<String>, wanted: &BTreeSet<String>, zones: &BTreeMap<String, String>) -> bool {
    Swap::of(attached, wanted, zones).is_some_and(|swap| swap.needs_spare())
}

/// A change of subnets, sorted by what is in the way of what. Each subnet that cannot come yet has one in its way, of
/// the same zone, and that one leaves, since what is wanted has one subnet for each zone.
struct Swap {
    /// Those whose zone is free.
    free: BTreeSet<String>,
    /// Those whose zone is taken, each with the one that leaves it.
    blocked: BTreeMap<String, String>,
    /// Those that leave and are in nobody's way.
    rest: BTreeSet<String>,
    /// Some subnet is attached before, during and after.
    stays: bool,
}

impl Swap {
    /// `None` where a zone is not known, or two subnets of one zone are wanted.
    fn of(attached: &BTreeSet<String>, wanted: &BTreeSet<String>, zones: &BTreeMap<String, String>) -> Option<Self> {
        let by_zone = |subnets: &BTreeSet<String>| -> Option<BTreeMap<String, String>> {
            let pairs = subnets
                .iter()
                .map(|subnet| Some((zones.get(subnet)?.clone(), subnet.clone())));
            let by_zone: BTreeMap<_, _> = pairs.collect::<Option<_>>()?;
            (by_zone.len() == subnets.len()).then_some(by_zone)
        };
        let (holders, _) = (by_zone(attached)?, by_zone(wanted)?);
        let (come, mut rest) = differences(attached, wanted);
        let (mut free, mut blocked) = (BTreeSet::new(), BTreeMap::new());
        for subnet in come {
            match zones.get(&subnet).and_then(|zone| holders.get(zone)) {
                None => {
                    free.insert(subnet);
                }
                Some(holder) => {
                    rest.remove(holder);
                    blocked.insert(subnet, holder.clone());
                }
            }
        }
        let stays = attached.intersection(wanted).next().is_some();
        Some(Self {
            free,
            blocked,
            rest,
            stays,
        })
    }

    fn needs_spare(&self) -> bool {
        self.blocked.len() == 1 && !self.stays && self.free.is_empty() && self.rest.is_empty()
    }

    /// First what can come without anything leaving. Then those in the way make room, and only last those leave that
    /// are in nobody's way: until then they serve.
    fn steps(self, spare: Option<&String>) -> Vec<Step> {
        let needs_spare = self.needs_spare();
        let alone = !self.stays && self.free.is_empty() && self.rest.is_empty();
        let Self {
            free,
            mut blocked,
            rest,
            stays: _,
        } = self;
        let mut steps = vec![attach(free)];
        if needs_spare {
            let Some(spare) = spare else {
                // AWS has no order of calls for that, and its refusal says so.
                return vec![attach(blocked.into_keys().collect())];
            };
            let lent = BTreeSet::from([spare.clone()]);
            steps.push(attach(lent.clone()));
            steps.extend(exchange(blocked));
            steps.push(detach(lent));
        } else {
            // With nothing else to hold the place, the last one in the way does until the others are exchanged.
            let last = if alone { blocked.pop_last() } else { None };
            steps.extend(exchange(blocked));
            steps.extend(exchange(last.into_iter().collect()));
            steps.push(detach(rest));
        }
        steps.retain(|step| !matches!(step, Step::AttachSubnets(set) | Step::DetachSubnets(set) if set.is_empty()));
        steps
    }
}

fn exchange(pairs: BTreeMap<String, String>) -> [Step; 2] {
    let (come, leave): (BTreeSet<_>, BTreeSet<_>) = pairs.into_iter().unzip();
    [detach(leave), attach(come)]
}

fn attach(subnets: BTreeSet<String>) -> Step {
    Step::AttachSubnets(subnets)
}

fn detach(subnets: BTreeSet<String>) -> Step {
    Step::DetachSubnets(subnets)
}

/// What must come and what must go.
fn differences(have: &BTreeSet<String>, want: &BTreeSet<String>) -> (BTreeSet<String>, BTreeSet<String>) {
    (
        want.difference(have).cloned().collect(),
        have.difference(want).cloned().collect(),
    )
}

#[cfg(test)]
mod tests;
