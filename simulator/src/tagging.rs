//! Resource Groups Tagging API.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use crate::call::Call;
use crate::elb::tags::MAX_TAGS;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Table};

type Handler = fn(&mut Call<'_>, &Json) -> Result<Json, ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Tagging,
    &[
        ("GetResources", get_resources),
        ("GetTagKeys", get_tag_keys),
        ("GetTagValues", get_tag_values),
        ("TagResources", tag),
        ("UntagResources", untag),
    ],
);

/// Answers a request in the JSON protocol.
pub(crate) fn answer(call: &mut Call<'_>, operation: &str, input: &Json) -> Result<Json, ApiError> {
    OPERATIONS.find(operation)?(call, input)
}

/// One resource with tags: its ARN, its type as filters name it, its tags.
struct Resource<'c> {
    arn: String,
    kind: &'static str,
    tags: &'c BTreeMap<String, String>,
}

fn resources<'c>(call: &'c Call<'_>) -> impl Iterator<Item = Resource<'c>> {
    let (partition, region, account) = (call.facts.partition(), call.facts.name, call.account);
    let ec2_arn = move |kind: &str, id: &str| format!("arn:{partition}:ec2:{region}:{account}:{kind}/{id}");
    let balancers = call.region.elb.iter().map(|it| Resource {
        arn: call.balancer_arn(&it.name),
        kind: "elasticloadbalancing:loadbalancer",
        tags: &it.tags,
    });
    let ec2 = &call.region.ec2;
    let instances = ec2.instances.iter().map(move |(id, it)| Resource {
        arn: ec2_arn("instance", id),
        kind: "ec2:instance",
        tags: &it.tags,
    });
    let subnets = ec2.subnets.iter().map(move |(id, it)| Resource {
        arn: ec2_arn("subnet", id),
        kind: "ec2:subnet",
        tags: &it.tags,
    });
    let vpcs = ec2.vpcs.iter().map(move |(id, it)| Resource {
        arn: ec2_arn("vpc", id),
        kind: "ec2:vpc",
        tags: &it.tags,
    });
    let groups = ec2.security_groups.iter().map(move |(id, it)| Resource {
        arn: ec2_arn("security-group", id),
        kind: "ec2:security-group",
        tags: &it.tags,
    });
    let certificates = call.region.certificates.iter().map(|(arn, it)| Resource {
        arn: arn.clone(),
        kind: "acm:certificate",
        tags: &it.tags,
    });
    balancers
        .chain(instances)
        .chain(subnets)
        .chain(vpcs)
        .chain(groups)
        .chain(certificates)
}

fn strings<'j>(input: &'j Json, name: &str) -> Vec<&'j str> {
    input
        .get(name)
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect()
}

fn get_resources(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let kinds = strings(input, "ResourceTypeFilters");
    let arns = strings(input, "ResourceARNList");
    let filters: Vec<(&str, Vec<&str>)> = input
        .get("TagFilters")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .map(|filter| {
            (
                filter.get("Key").and_then(Json::as_str).unwrap_or_default(),
                strings(filter, "Values"),
            )
        })
        .collect();
    let size = input.get("ResourcesPerPage").and_then(Json::as_u64).unwrap_or(100);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=100).contains(size))
        .ok_or_else(|| {
            ApiError::sender(
                "InvalidParameterException",
                "ResourcesPerPage must be between 1 and 100",
            )
        })?;
    let from = input.get("PaginationToken").and_then(Json::as_str).unwrap_or_default();
    let mut found: Vec<Resource<'_>> = resources(call)
        .filter(|it| {
            kinds.is_empty()
                || kinds
                    .iter()
                    .any(|kind| it.kind == *kind || it.kind.split(':').next() == Some(*kind))
        })
        .filter(|it| arns.is_empty() || arns.contains(&it.arn.as_str()))
        .filter(|it| !it.tags.is_empty() && it.arn.as_str() > from)
        .filter(|it| {
            filters.iter().all(|(key, values)| {
                it.tags
                    .get(*key)
                    .is_some_and(|value| values.is_empty() || values.contains(&value.as_str()))
            })
        })
        .collect();
    found.sort_by(|a, b| a.arn.cmp(&b.arn));
    let token = if found.len() > size {
        found.get(size - 1).map(|it| it.arn.clone())
    } else {
        None
    };
    found.truncate(size);
    let listed: Vec<Json> = found
        .iter()
        .map(|it| {
            let tags: Vec<Json> = it
                .tags
                .iter()
                .map(|(key, value)| json!({"Key": key, "Value": value}))
                .collect();
            json!({"ResourceARN": it.arn, "Tags": tags})
        })
        .collect();
    Ok(json!({"ResourceTagMappingList": listed, "PaginationToken": token.unwrap_or_default()}))
}

fn get_tag_keys(call: &mut Call<'_>, _: &Json) -> Result<Json, ApiError> {
    let mut keys: Vec<&String> = resources(call).flat_map(|it| it.tags.keys()).collect();
    keys.sort();
    keys.dedup();
    Ok(json!({"TagKeys": keys, "PaginationToken": ""}))
}

fn get_tag_values(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    let key = input.get("Key").and_then(Json::as_str).unwrap_or_default();
    let mut values: Vec<&String> = resources(call).filter_map(|it| it.tags.get(key)).collect();
    values.sort();
    values.dedup();
    Ok(json!({"TagValues": values, "PaginationToken": ""}))
}

fn tag(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    change(call, input, Change::Tag)
}

fn untag(call: &mut Call<'_>, input: &Json) -> Result<Json, ApiError> {
    change(call, input, Change::Untag)
}

#[derive(Clone, Copy)]
enum Change {
    Tag,
    Untag,
}

/// The rules for tags that hold for every resource.
fn read_tags(input: &Json) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for (key, value) in input.get("Tags").and_then(Json::as_object).into_iter().flatten() {
        let value = value.as_str().unwrap_or_default();
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || key.to_ascii_lowercase().starts_with("aws:") {
            let message = format!("The tag {} is too long, empty, or reserved for AWS.", short(key));
            return Err(ApiError::sender("InvalidParameterException", message));
        }
        tags.insert(key.clone(), value.to_owned());
    }
    if tags.len() > MAX_TAGS {
        let message = format!("At most {MAX_TAGS} tags can be added at once.");
        return Err(ApiError::sender("InvalidParameterException", message));
    }
    Ok(tags)
}

fn change(call: &mut Call<'_>, input: &Json, change: Change) -> Result<Json, ApiError> {
    let mut failed = Map::new();
    let added = read_tags(input)?;
    let removed = strings(input, "TagKeys");
    for arn in strings(input, "ResourceARNList") {
        let done = edit_tags(call, arn, |tags| match change {
            Change::Tag => tags.extend(added.clone()),
            Change::Untag => tags.retain(|key, _| !removed.contains(&key.as_str())),
        });
        if !done {
            let failure = json!({
                "StatusCode": 400,
                "ErrorCode": "InvalidParameterException",
                "ErrorMessage": "The resource does not exist, cannot be tagged, or has as many tags as it can have.",
            });
            failed.insert(arn.to_owned(), failure);
        }
    }
    Ok(json!({"FailedResourcesMap": failed}))
}

/// Whether there is such a resource, and room for its tags; without, it stays as it was.
fn edit_tags(call: &mut Call<'_>, arn: &str, edit: impl FnOnce(&mut BTreeMap<String, String>)) -> bool {
    let id = arn.rsplit('/').next().unwrap_or_default();
    if arn == call.balancer_arn(id) {
        let Some(mut balancer) = call.region.elb.get(id).cloned() else {
            return false;
        };
        edit(&mut balancer.tags);
        let fits = balancer.tags.len() <= MAX_TAGS;
        if fits {
            call.region.elb.put(call.now, balancer);
        }
        return fits;
    }
    let region = &mut *call.region;
    let tags = match id.split('-').next() {
        Some("i") => region.ec2.instances.get_mut(id).map(|it| &mut it.tags),
        Some("vpc") => region.ec2.vpcs.get_mut(id).map(|it| &mut it.tags),
        Some("subnet") => region.ec2.subnets.get_mut(id).map(|it| &mut it.tags),
        Some("sg") => region.ec2.security_groups.get_mut(id).map(|it| &mut it.tags),
        _ => region.certificates.get_mut(arn).map(|it| &mut it.tags),
    };
    let Some(tags) = tags else { return false };
    let mut edited = tags.clone();
    edit(&mut edited);
    // What Auto Scaling adds by itself does not count.
    let fits = edited.keys().filter(|key| !key.starts_with("aws:")).count() <= MAX_TAGS;
    if fits {
        *tags = edited;
    }
    fits
}
