//! I/O: the security groups that `securityGroupSelector` finds.

use std::collections::{BTreeMap, BTreeSet};

use super::network::unread;
use crate::api::SecurityGroupSelector;
use crate::api::reason;
use crate::aws::{Client, Filters, SecurityGroup};
use crate::plan::desired::{Lookup, Missing};
use crate::plan::track;

const FIELD: &str = "spec.securityGroupSelector";

/// EC2 `DescribeSecurityGroups` in the VPC of the balancer: those with one of the names, and those with all the tags.
/// Without a VPC, since EC2 did not tell it, all that match must be of one.
pub(super) async fn find(
    selector: &SecurityGroupSelector,
    client: &Client,
    vpc: Option<&str>,
) -> Lookup<BTreeSet<String>> {
    let names: BTreeSet<String> = selector.names.iter().flatten().cloned().collect();
    let tags = selector.tags.clone().unwrap_or_default();
    let mut groups = Vec::new();
    if !names.is_empty() {
        let filters = Filters::of_vpc(vpc).with("group-name", names.iter().cloned());
        groups.extend(
            read(client, &filters)
                .await?
                .into_iter()
                .filter(|group| names.contains(&group.name)),
        );
        check_names(&names, &groups, vpc)?;
    }
    if !tags.is_empty() {
        let filters = Filters::of_vpc(vpc).with_tags(&tags);
        let mut tagged = read(client, &filters).await?;
        tagged.retain(|group| has(group, &tags));
        if tagged.is_empty() {
            return Err(not_found(format!(
                "{FIELD}.tags: no security group in {} has all these tags: correct them, or tag the groups",
                place(vpc)
            )));
        }
        groups.extend(tagged);
    }
    one_vpc(&groups)?;
    Ok(groups.into_iter().map(|group| group.id).collect())
}

async fn read(client: &Client, filters: &Filters) -> Lookup<Vec<SecurityGroup>> {
    let groups = client.security_groups(filters).await;
    groups.map_err(|error| unread(track::SECURITY_GROUPS, FIELD, &error))
}

fn has(group: &SecurityGroup, tags: &BTreeMap<String, String>) -> bool {
    tags.iter().all(|(key, value)| group.tags.get(key) == Some(value))
}

/// Each name must stand for a group.
fn check_names(names: &BTreeSet<String>, groups: &[SecurityGroup], vpc: Option<&str>) -> Result<(), Missing> {
    let lacking = names
        .iter()
        .filter(|name| !groups.iter().any(|group| group.name == **name));
    let lacking = lacking.cloned().collect::<Vec<_>>().join(", ");
    if lacking.is_empty() {
        return Ok(());
    }
    Err(not_found(format!(
        "{FIELD}.names: no security group in {} has the name {lacking}: create it, or correct the name",
        place(vpc)
    )))
}

fn one_vpc(groups: &[SecurityGroup]) -> Result<(), Missing> {
    let vpcs: BTreeSet<&str> = groups.iter().map(|group| group.vpc_id.as_str()).collect();
    if vpcs.len() < 2 {
        return Ok(());
    }
    Err(Missing {
        track: track::SECURITY_GROUPS,
        reason: reason::AMBIGUOUS_VPC.to_owned(),
        message: format!(
            "{FIELD}: groups of several VPCs match ({}), and which one the balancer will be in cannot be told: give \
             the ids in spec.securityGroups",
            vpcs.into_iter().collect::<Vec<_>>().join(", ")
        ),
    })
}

fn place(vpc: Option<&str>) -> &str {
    vpc.unwrap_or("any VPC")
}

fn not_found(message: String) -> Missing {
    Missing {
        track: track::SECURITY_GROUPS,
        reason: reason::SECURITY_GROUP_NOT_FOUND.to_owned(),
        message,
    }
}
