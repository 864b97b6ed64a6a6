//! I/O: the security groups that `securityGroupSelector` finds.

use std::collections::{BTreeMap, BTreeSet};

use super::unread::unread;
use crate::api::SecurityGroupSelector;
use crate::api::message::{self, Message};
use crate::aws::{Filters, View};
use crate::elb::SecurityGroup;
use crate::plan::desired::Lookup;
use crate::plan::{Problem, Track};

const FIELD: &str = "spec.securityGroupSelector";

/// EC2 `DescribeSecurityGroups` in the VPC of the load balancer: those with one of the names, and those with all the
/// tags. Without a VPC, since EC2 did not tell it, all that match must be of one.
pub(super) async fn find(selector: &SecurityGroupSelector, view: &View, vpc: Option<&str>) -> Lookup<BTreeSet<String>> {
    let names: BTreeSet<String> = selector.names.iter().flatten().cloned().collect();
    let tags = selector.tags.clone().unwrap_or_default();
    let mut groups = Vec::new();
    if !names.is_empty() {
        let filters = Filters::of_vpc(vpc).with("group-name", names.iter().cloned());
        groups.extend(
            read(view, &filters)
                .await?
                .into_iter()
                .filter(|group| names.contains(&group.name)),
        );
        check_names(&names, &groups, vpc)?;
    }
    if !tags.is_empty() {
        let filters = Filters::of_vpc(vpc).with_tags(&tags);
        let mut tagged = read(view, &filters).await?;
        tagged.retain(|group| has(group, &tags));
        if tagged.is_empty() {
            return Err(missing(message::no_tagged_group(FIELD, place(vpc))));
        }
        groups.extend(tagged);
    }
    one_vpc(&groups)?;
    Ok(groups.into_iter().map(|group| group.id).collect())
}

async fn read(view: &View, filters: &Filters) -> Lookup<Vec<SecurityGroup>> {
    let groups = view.security_groups(filters).await;
    groups.map_err(|error| unread(Track::SecurityGroups, FIELD, &error))
}

fn has(group: &SecurityGroup, tags: &BTreeMap<String, String>) -> bool {
    tags.iter().all(|(key, value)| group.tags.get(key) == Some(value))
}

/// Each name must stand for a group.
fn check_names(names: &BTreeSet<String>, groups: &[SecurityGroup], vpc: Option<&str>) -> Result<(), Problem> {
    let lacking = names
        .iter()
        .filter(|name| !groups.iter().any(|group| group.name == **name));
    let lacking = lacking.cloned().collect::<Vec<_>>().join(", ");
    if lacking.is_empty() {
        return Ok(());
    }
    Err(missing(message::no_named_group(FIELD, place(vpc), lacking)))
}

fn one_vpc(groups: &[SecurityGroup]) -> Result<(), Problem> {
    let vpcs: BTreeSet<&str> = groups.iter().map(|group| group.vpc_id.as_str()).collect();
    if vpcs.len() < 2 {
        return Ok(());
    }
    let vpcs = vpcs.into_iter().collect::<Vec<_>>().join(", ");
    Err(missing(message::groups_of_several_vpcs(FIELD, vpcs)))
}

fn place(vpc: Option<&str>) -> String {
    vpc.map_or_else(message::any_vpc, ToOwned::to_owned)
}

fn missing(message: Message) -> Problem {
    Problem::missing(Track::SecurityGroups, message)
}
