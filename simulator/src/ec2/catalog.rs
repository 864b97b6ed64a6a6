//! What every account finds in EC2: regions, zones, images, instance types.

use super::filter::{Filters, absent, maybe, one};
use super::state::Tags;
use crate::call::Call;
use crate::region::{self, RegionFacts};
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn regions(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (names, filters) = (call.params.strings("RegionName"), Filters::read(call.params));
    if let Some(unknown) = names.iter().find(|name| region::find(name).is_none()) {
        let message = format!("Invalid region name: [{}]", short(unknown));
        return Err(ApiError::sender("InvalidParameterValue", message));
    }
    let mut listed = Vec::new();
    for facts in region::all()
        .iter()
        .filter(|facts| facts.partition() == call.facts.partition())
    {
        let admitted = filters.admit(&Tags::new(), |name| match name {
            "region-name" => one(facts.name),
            "endpoint" => one(endpoint(facts)),
            "opt-in-status" => one("opt-in-not-required"),
            _ => None,
        })?;
        if admitted && (names.is_empty() || names.iter().any(|name| name == facts.name)) {
            listed.push(facts);
        }
    }
    xml.items("regionInfo", "item", listed, |xml, facts| {
        xml.text("regionName", facts.name)
            .text("regionEndpoint", &endpoint(facts));
        xml.text("optInStatus", "opt-in-not-required");
    });
    Ok(())
}

fn endpoint(facts: &RegionFacts) -> String {
    format!("ec2.{}.{}", facts.name, facts.dns_suffix())
}

/// A zone as `DescribeAvailabilityZones` shows it.
struct Zone {
    name: String,
    kind: &'static str,
    opted: &'static str,
    /// Of a Local Zone, the zone it hangs on.
    parent: Option<String>,
}

fn zones(call: &Call<'_>) -> Vec<Zone> {
    let region = call.facts.name;
    let ordinary = call.facts.zone_names().map(|name| Zone {
        name,
        kind: "availability-zone",
        opted: "opt-in-not-required",
        parent: None,
    });
    // Who has a subnet in a Local Zone has opted in to it.
    let used = |zone: &str| call.region.ec2.subnets.values().any(|subnet| subnet.zone == zone);
    let local = call.facts.local_zones().map(|name| Zone {
        name: name.to_owned(),
        kind: "local-zone",
        opted: if used(name) { "opted-in" } else { "not-opted-in" },
        parent: call.facts.zone_names().next(),
    });
    let mut zones: Vec<Zone> = ordinary.chain(local).collect();
    zones.retain(|zone| zone.name.starts_with(region));
    zones
}

pub(super) fn availability_zones(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (names, ids) = (call.params.strings("ZoneName"), call.params.strings("ZoneId"));
    let filters = Filters::read(call.params);
    let all = call.params.bool("AllAvailabilityZones").unwrap_or(false);
    let region = call.facts.name;
    let (mut listed, mut unknown) = (Vec::new(), names.clone());
    unknown.extend(ids.iter().cloned());
    for zone in zones(call) {
        let id = zone_id(region, &zone.name);
        let asked = names.contains(&zone.name) || ids.contains(&id);
        unknown.retain(|given| *given != zone.name && *given != id);
        let admitted = filters.admit(&Tags::new(), |name| match name {
            "zone-name" => one(&zone.name),
            "zone-id" => one(&id),
            "zone-type" => one(zone.kind),
            "state" => one("available"),
            "region-name" => one(region),
            "group-name" | "network-border-group" => one(group_name(&zone.name)),
            "opt-in-status" => one(zone.opted),
            "parent-zone-name" => maybe(zone.parent.as_deref()),
            "parent-zone-id" => maybe(zone.parent.as_deref().map(|parent| zone_id(region, parent))),
            _ => absent(name, &["group-long-name", "message"]),
        })?;
        // Zones that the account has not opted in to are told only when they are asked for.
        let visible = if names.is_empty() && ids.is_empty() {
            all || zone.opted != "not-opted-in"
        } else {
            asked
        };
        if admitted && visible {
            listed.push(zone);
        }
    }
    if let Some(unknown) = unknown.first() {
        let message = format!("Invalid availability zone: [{}]", short(unknown));
        return Err(ApiError::sender("InvalidParameterValue", message));
    }
    xml.items("availabilityZoneInfo", "item", listed, |xml, zone| {
        write_zone(xml, &zone, region);
    });
    Ok(())
}

fn write_zone(xml: &mut Xml, zone: &Zone, region: &str) {
    xml.text("optInStatus", zone.opted);
    xml.items("messageSet", "item", [(); 0], |_, ()| {});
    xml.text("regionName", region)
        .text("zoneName", &zone.name)
        .text("zoneId", &zone_id(region, &zone.name))
        .text("groupName", &group_name(&zone.name))
        .text("networkBorderGroup", &group_name(&zone.name))
        .text("zoneType", zone.kind);
    if let Some(parent) = &zone.parent {
        xml.text("parentZoneName", parent)
            .text("parentZoneId", &zone_id(region, parent));
    }
    xml.text("zoneState", "available");
}

/// The group of a zone is its name without the letter: the region, but for Local Zones.
fn group_name(zone: &str) -> String {
    zone.trim_end_matches(|char: char| char.is_ascii_lowercase()).to_owned()
}

/// An id such as `use1-az1`, which is the same zone in every account.
pub(super) fn zone_id(region: &str, zone: &str) -> String {
    let mut parts = region.split('-');
    let area = parts.next().unwrap_or_default();
    let (mut direction, mut number) = (String::new(), "1");
    for part in parts {
        if part.bytes().all(|byte| byte.is_ascii_digit()) {
            number = part;
        } else {
            let letters: &[&str] = &["north", "south", "east", "west", "central"];
            let initials = letters
                .iter()
                .filter(|word| part.contains(*word))
                .filter_map(|word| word.chars().next());
            direction.extend(initials);
        }
    }
    let rest = zone.strip_prefix(region).unwrap_or_default();
    let letter = rest.bytes().next_back().unwrap_or(b'a');
    let index = letter.wrapping_sub(b'a').wrapping_add(1);
    // A Local Zone has its place's letters between: `usw2-lax1-az1`.
    let place: String = rest.chars().filter(char::is_ascii_alphanumeric).collect();
    let place = place.get(..place.len().saturating_sub(1)).unwrap_or_default();
    let dash = if place.is_empty() { "" } else { "-" };
    format!("{area}{direction}{number}{dash}{place}-az{index}")
}

pub(super) fn instance_types(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let asked = call.params.strings("InstanceType");
    let known = ["t2.micro", "t3.micro", "t3.small", "t3.medium", "m5.large", "m5.xlarge"];
    if let Some(unknown) = asked.iter().find(|asked| !known.contains(&asked.as_str())) {
        let message = format!(
            "The following supplied instance types do not exist: [{}]",
            short(unknown)
        );
        return Err(ApiError::sender("InvalidInstanceType", message));
    }
    let listed = known
        .into_iter()
        .filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name));
    xml.items("instanceTypeSet", "item", listed, |xml, name| {
        xml.text("instanceType", name).show("currentGeneration", true);
        xml.element("vCpuInfo", |xml| {
            xml.show("defaultVCpus", 2);
        });
        xml.element("memoryInfo", |xml| {
            xml.show("sizeInMiB", 4096);
        });
    });
    Ok(())
}

pub(super) fn account_attributes(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let asked = call.params.strings("AttributeName");
    let all = [
        ("supported-platforms", "VPC".to_owned()),
        (
            "default-vpc",
            call.region.ec2.default_vpc_id().unwrap_or("none").to_owned(),
        ),
        ("max-instances", "20".to_owned()),
        ("vpc-max-security-groups-per-interface", "5".to_owned()),
    ];
    let listed = all
        .into_iter()
        .filter(|(name, _)| asked.is_empty() || asked.iter().any(|asked| asked == name));
    xml.items("accountAttributeSet", "item", listed, |xml, (name, value)| {
        xml.text("attributeName", name);
        xml.items("attributeValueSet", "item", [value], |xml, value| {
            xml.text("attributeValue", &value);
        });
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::zone_id;

    #[test]
    fn zone_ids() {
        assert_eq!(zone_id("us-east-1", "us-east-1a"), "use1-az1");
        assert_eq!(zone_id("eu-west-3", "eu-west-3c"), "euw3-az3");
        assert_eq!(zone_id("ap-northeast-1", "ap-northeast-1d"), "apne1-az4");
        assert_eq!(zone_id("us-west-2", "us-west-2-lax-1b"), "usw2-lax1-az2");
        assert_eq!(zone_id("us-east-1", "us-east-1-chi-2a"), "use1-chi2-az1");
    }
}
