//! Pure: what a state attaches to load balancers, whether they are in it or not.

use std::collections::{BTreeMap, BTreeSet};

use super::known::{account, region};
use super::resource::State;
use crate::elb::InstanceId;

/// The resources that attach something.
const ATTACHMENTS: [&str; 2] = ["aws_elb_attachment", "aws_autoscaling_attachment"];

/// What a state attaches to one load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Attached {
    /// The region, where the state tells it.
    pub(in crate::cli) region: Option<String>,
    /// The id of the account, where the state tells it.
    pub(in crate::cli) account: Option<String>,
    /// The instances of its `aws_elb_attachment`s.
    pub(in crate::cli) instances: BTreeSet<InstanceId>,
    /// The groups of its `aws_autoscaling_attachment`s.
    pub(in crate::cli) groups: BTreeSet<String>,
    /// The addresses of these resources.
    pub(in crate::cli) addresses: BTreeSet<String>,
}

/// What a state attaches, by the name of the load balancer.
pub(in crate::cli) fn attached(state: &State) -> BTreeMap<String, Attached> {
    let mut all: BTreeMap<String, Attached> = BTreeMap::new();
    for resource in &state.resources {
        let Some(name) = resource.text("elb") else { continue };
        if !ATTACHMENTS.contains(&resource.kind.as_str()) {
            continue;
        }
        let attached = all.entry(name.to_owned()).or_default();
        attached
            .instances
            .extend(resource.text("instance").map(ToOwned::to_owned));
        let group = resource.text("autoscaling_group_name");
        attached.groups.extend(group.map(ToOwned::to_owned));
        attached.addresses.insert(resource.address.clone());
        attached.region = attached.region.take().or_else(|| region(resource));
    }
    for resource in state.resources.iter().filter(|resource| resource.kind == "aws_elb") {
        let name = resource.text("name").or_else(|| resource.text("id"));
        if let Some(attached) = name.and_then(|name| all.get_mut(name)) {
            attached.region = region(resource).or(attached.region.take());
            attached.account = account(resource);
        }
    }
    all
}
