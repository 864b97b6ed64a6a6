//! Pure: what a state attaches to load balancers, whether they are in it or not.

use std::collections::{BTreeMap, BTreeSet};

use super::resource::{Resource, State};
use super::whose::{account, ambiguous, owners, region};
use crate::elb::InstanceId;

/// The resources that attach something.
const ATTACHMENTS: [&str; 2] = ["aws_elb_attachment", "aws_autoscaling_attachment"];

/// What a state attaches to one load balancer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Attached {
    /// The name of the load balancer.
    pub(in crate::cli) name: String,
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

impl Attached {
    /// Adds what is attached to the same load balancer.
    pub(in crate::cli) fn add(&mut self, other: Self) {
        self.instances.extend(other.instances);
        self.groups.extend(other.groups);
        self.addresses.extend(other.addresses);
    }
}

/// What a state attaches, by load balancer, and what is to be told of the others of its attachments.
pub(in crate::cli) fn attached(state: &State) -> (Vec<Attached>, Vec<String>) {
    let balancers: Vec<&Resource> = state.of_kind("aws_elb").collect();
    let mut all: BTreeMap<_, Attached> = BTreeMap::new();
    let mut told = Vec::new();
    let attachments = state.resources.iter();
    for resource in attachments.filter(|resource| ATTACHMENTS.contains(&resource.kind.as_str())) {
        let text = |attribute| resource.text(attribute).map(ToOwned::to_owned);
        let Some(name) = text("elb") else { continue };
        let (instance, group) = (text("instance"), text("autoscaling_group_name"));
        if instance.is_none() && group.is_none() {
            told.push(format!(
                "{}: the state does not tell what it attaches",
                resource.address
            ));
            continue;
        }
        let owners = owners(resource, &name, &balancers);
        let places: BTreeSet<_> = owners.iter().map(|owner| (account(owner), region(owner))).collect();
        let (account, region) = match places.len() {
            0 => (None, region(resource)),
            1 => places.into_iter().next().unwrap_or_default(),
            _ => {
                told.push(format!(
                    "{}, so it stays Terraform's",
                    ambiguous(resource, &name, &owners)
                ));
                continue;
            }
        };
        let place = (account.clone(), region.clone(), name.clone());
        let attached = all.entry(place).or_insert_with(|| Attached {
            name,
            region,
            account,
            ..Attached::default()
        });
        attached.instances.extend(instance);
        attached.groups.extend(group);
        attached.addresses.insert(resource.address.clone());
    }
    (all.into_values().collect(), told)
}
