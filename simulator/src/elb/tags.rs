//! Tags of balancers.

use super::{MAX_TAGS, not_active, read_tags, too_many_tags};
use crate::wire::{ApiError, Xml};
use crate::world::Call;

pub(super) fn add(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = only_name(call)?;
    let tags = read_tags(call.params)?;
    change(call, &name, |existing| {
        existing.extend(tags);
        if existing.len() > MAX_TAGS {
            Err(too_many_tags())
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
    xml.members("TagDescriptions", found, |xml, balancer| {
        xml.text("LoadBalancerName", &balancer.name);
        xml.members("Tags", &balancer.tags, |xml, (key, value)| {
            xml.text("Key", key).text("Value", value);
        });
    });
    Ok(())
}

fn change(
    call: &mut Call<'_>,
    name: &str,
    change: impl FnOnce(&mut std::collections::BTreeMap<String, String>) -> Result<(), ApiError>,
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
