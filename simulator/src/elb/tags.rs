//! Tags of balancers.

use std::collections::BTreeMap;

use super::request::not_active;
use crate::call::Call;
use crate::wire::{ApiError, Value, Xml};

/// The user guide's number; the API reference still says 10.
pub(crate) const MAX_TAGS: usize = 50;

/// The tags of one whose tags are not shown yet.
static NONE: BTreeMap<String, String> = BTreeMap::new();

pub(super) fn add(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = only_name(call)?;
    let tags = read(call.params)?;
    change(call, &name, |existing| {
        existing.extend(tags);
        if existing.len() > MAX_TAGS {
            Err(too_many())
        } else {
            Ok(())
        }
    })
}

pub(super) fn remove(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = only_name(call)?;
    let params = call.params;
    change(call, &name, |existing| {
        for tag in params.list("Tags") {
            existing.remove(tag.str("Key").unwrap_or_default());
        }
        Ok(())
    })
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let mut found = Vec::new();
    for name in call.params.strings("LoadBalancerNames") {
        found.push(call.region.elb.get(&name).ok_or_else(|| not_active(&name))?);
    }
    let past = call.late_tags;
    xml.members("TagDescriptions", found, |xml, balancer| {
        xml.text("LoadBalancerName", &balancer.name);
        let tags = past.map_or(&balancer.tags, |past| {
            let then = past.get(&balancer.name).filter(|then| then.created == balancer.created);
            then.map_or(&NONE, |then| &then.tags)
        });
        xml.members("Tags", tags, |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
    });
    Ok(())
}

fn change(
    call: &mut Call<'_>,
    name: &str,
    change: impl FnOnce(&mut BTreeMap<String, String>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    let mut balancer = call.region.elb.get(name).ok_or_else(|| not_active(name))?.clone();
    change(&mut balancer.tags)?;
    call.region.elb.put(call.now, balancer);
    Ok(())
}

/// The model lets only requests with exactly one name pass.
fn only_name(call: &Call<'_>) -> Result<String, ApiError> {
    let mut names = call.params.strings("LoadBalancerNames").into_iter();
    names.next().ok_or_else(|| ApiError::missing("loadBalancerNames"))
}

/// Tags of a request, with the rules of ELB; a tag without value has the empty one.
pub(super) fn read(params: &Value) -> Result<BTreeMap<String, String>, ApiError> {
    let mut tags = BTreeMap::new();
    for tag in params.list("Tags") {
        let (key, value) = (tag.str("Key").unwrap_or_default(), tag.str("Value").unwrap_or_default());
        if tags.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(ApiError::sender(
                "DuplicateTagKeys",
                "Tag key was specified more than once.",
            ));
        }
    }
    Ok(tags)
}

pub(super) fn too_many() -> ApiError {
    ApiError::sender(
        "TooManyTags",
        format!(
            "The quota for the number of tags that can be assigned to a load balancer has been reached: {MAX_TAGS}"
        ),
    )
}
