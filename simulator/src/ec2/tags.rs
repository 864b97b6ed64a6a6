//! Tags of EC2 resources.

use super::filter::{Filters, one};
use super::request::{done, not_found};
use super::state::{Ec2, Tags};
use crate::call::Call;
use crate::wire::{ApiError, Value, Xml};

pub(super) fn create(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let ids = call.params.strings("ResourceId");
    let tags = read(call.params);
    for id in &ids {
        tags_mut(&mut call.region.ec2, id).ok_or_else(|| not_found("InvalidID", "resource", id))?;
    }
    for id in &ids {
        if let Some(existing) = tags_mut(&mut call.region.ec2, id) {
            existing.extend(tags.clone());
        }
    }
    done(xml);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    for id in call.params.strings("ResourceId") {
        let tags = tags_mut(&mut call.region.ec2, &id).ok_or_else(|| not_found("InvalidID", "resource", &id))?;
        for tag in call.params.list("Tag") {
            let key = tag.str("Key").unwrap_or_default();
            if tag
                .str("Value")
                .is_none_or(|value| tags.get(key).is_some_and(|existing| existing == value))
            {
                tags.remove(key);
            }
        }
    }
    done(xml);
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let filters = Filters::read(call.params);
    let mut listed = Vec::new();
    for (id, kind, tags) in all(&call.region.ec2) {
        for (key, value) in tags {
            let admitted = filters.admit(&Tags::new(), |name| match name {
                "key" => one(key),
                "value" => one(value),
                "resource-id" => one(id),
                "resource-type" => one(kind),
                _ => None,
            })?;
            if admitted {
                listed.push((id, kind, key, value));
            }
        }
    }
    xml.items("tagSet", "item", listed, |xml, (id, kind, key, value)| {
        xml.text("resourceId", id)
            .text("resourceType", kind)
            .text("key", key)
            .text("value", value);
    });
    Ok(())
}

/// Tags as `CreateTags` and others carry them.
pub(crate) fn read(params: &Value) -> Tags {
    let pair = |tag: &Value| {
        Some((
            tag.str("Key")?.to_owned(),
            tag.str("Value").unwrap_or_default().to_owned(),
        ))
    };
    params.list("Tag").into_iter().filter_map(pair).collect()
}

/// Tags that a request gives to what it creates, in `TagSpecification`.
pub(crate) fn of_new(params: &Value, kind: &str) -> Tags {
    let specifications = params.list("TagSpecification").into_iter();
    specifications
        .filter(|s| s.str("ResourceType") == Some(kind))
        .flat_map(read)
        .collect()
}

pub(super) fn write(xml: &mut Xml, tags: &Tags) {
    if tags.is_empty() {
        return;
    }
    xml.items("tagSet", "item", tags, |xml, (key, value)| {
        xml.text("key", key).text("value", value);
    });
}

fn tags_mut<'e>(ec2: &'e mut Ec2, id: &str) -> Option<&'e mut Tags> {
    let kind = id.split('-').next().unwrap_or_default();
    match kind {
        "i" => ec2.instances.get_mut(id).map(|it| &mut it.tags),
        "vpc" => ec2.vpcs.get_mut(id).map(|it| &mut it.tags),
        "subnet" => ec2.subnets.get_mut(id).map(|it| &mut it.tags),
        "igw" => ec2.gateways.get_mut(id).map(|it| &mut it.tags),
        "rtb" => ec2.route_tables.get_mut(id).map(|it| &mut it.tags),
        "sg" => ec2.security_groups.get_mut(id).map(|it| &mut it.tags),
        _ => None,
    }
}

/// The tags of a resource by its id.
pub(crate) fn of<'e>(ec2: &'e Ec2, id: &str) -> Option<&'e Tags> {
    all(ec2).find(|(known, ..)| *known == id).map(|(_, _, tags)| tags)
}

fn all(ec2: &Ec2) -> impl Iterator<Item = (&str, &'static str, &Tags)> {
    let instances = ec2.instances.iter().map(|(id, it)| (id.as_str(), "instance", &it.tags));
    let vpcs = ec2.vpcs.iter().map(|(id, it)| (id.as_str(), "vpc", &it.tags));
    let subnets = ec2.subnets.iter().map(|(id, it)| (id.as_str(), "subnet", &it.tags));
    let gateways = ec2
        .gateways
        .iter()
        .map(|(id, it)| (id.as_str(), "internet-gateway", &it.tags));
    let tables = ec2
        .route_tables
        .iter()
        .map(|(id, it)| (id.as_str(), "route-table", &it.tags));
    let groups = ec2
        .security_groups
        .iter()
        .map(|(id, it)| (id.as_str(), "security-group", &it.tags));
    instances
        .chain(vpcs)
        .chain(subnets)
        .chain(gateways)
        .chain(tables)
        .chain(groups)
}
