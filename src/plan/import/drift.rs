//! Pure: what differs between a load balancer as another tool knows it and as AWS has it.

use std::collections::BTreeSet;

use super::{Unfit, import};
use crate::elb::{InstanceId, LoadBalancer, Origin, Owner, TAG_PREFIX};
use crate::plan::desired::{Resolved, Wish, declare};
use crate::plan::targets::Member;
use crate::plan::{Explained, Facts, Plan, Step};

/// The calls that would make AWS as the tool knows it. What the tool does not know is no difference.
///
/// # Errors
/// Why what the tool knows is no load balancer that can be declared.
pub fn differences(
    known: &LoadBalancer,
    actual: &LoadBalancer,
    region: &str,
    members: &BTreeSet<InstanceId>,
) -> Result<Vec<Explained>, Unfit> {
    let spec = import(known, region, members)?.spec;
    let owner = Owner {
        cluster: String::new(),
        object: String::new(),
        uid: String::new(),
    };
    let ids = spec
        .targets
        .iter()
        .flat_map(|targets| targets.instance_ids.iter().flatten());
    let resolved = Resolved {
        members: ids.map(|id| (id.clone(), Member::default())).collect(),
        ..Resolved::default()
    };
    let wish = Wish {
        spec: &spec,
        name: &known.name,
        owner: &owner,
        applied: None,
        resolved: &resolved,
    };
    let Ok(mut desired) = declare(&wish) else {
        return Ok(Vec::new());
    };
    if let Some(registration) = &mut desired.declared.registration {
        registration.kept.clone_from(members);
    }
    // Not every tool knows of every group.
    if known.auto_scaling_groups.is_empty() {
        desired.declared.auto_scaling_groups = None;
    }
    let mut before = actual.clone();
    before.tags.extend(owner.tags(Origin::Adopted));
    let plan = Plan::update(&desired.declared, &before, &Facts::default());
    let own = |step: &Step| matches!(step, Step::AddTags(tags) if tags.keys().all(|key| key.starts_with(TAG_PREFIX)));
    Ok(plan
        .steps()
        .filter(|step| !own(step))
        .map(|step| Explained::new(step, Some(actual)))
        .collect())
}
