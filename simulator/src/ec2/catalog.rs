//! What every account finds in EC2: regions, zones, images, instance types.

use super::filter::{Filters, one};
use super::state::Tags;
use crate::region::{self, RegionFacts};
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};
use crate::world::Call;

pub(super) fn regions(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (names, filters) = (call.params.strings("RegionName"), Filters::read(call.params));
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

pub(super) fn availability_zones(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (names, filters) = (call.params.strings("ZoneName"), Filters::read(call.params));
    let all = call.params.bool("AllAvailabilityZones").unwrap_or(false) || !names.is_empty();
    let ordinary = call.facts.zone_names().map(|zone| (zone, "availability-zone"));
    // Local Zones are listed once an account opted in to them, or when all are asked for.
    let local = call
        .facts
        .local_zones()
        .filter(|_| all)
        .map(|zone| (zone.to_owned(), "local-zone"));
    let region = call.facts.name;
    let mut listed = Vec::new();
    for (zone, kind) in ordinary.chain(local) {
        let opted = if kind == "local-zone" {
            "not-opted-in"
        } else {
            "opt-in-not-required"
        };
        let admitted = filters.admit(&Tags::new(), |name| match name {
            "zone-name" => one(&zone),
            "zone-id" => one(zone_id(region, &zone)),
            "zone-type" => one(kind),
            "state" => one("available"),
            "region-name" => one(region),
            "group-name" => one(group_name(&zone)),
            "opt-in-status" => one(opted),
            _ => None,
        })?;
        if admitted && (names.is_empty() || names.contains(&zone)) {
            listed.push((zone, kind, opted));
        }
    }
    if let Some(unknown) = names.iter().find(|name| listed.iter().all(|(zone, ..)| zone != *name)) {
        let message = format!("Invalid availability zone: [{}]", short(unknown));
        return Err(ApiError::sender("InvalidParameterValue", message));
    }
    xml.items("availabilityZoneInfo", "item", listed, |xml, (zone, kind, opted)| {
        xml.text("zoneName", &zone)
            .text("zoneState", "available")
            .text("regionName", region);
        xml.text("zoneId", &zone_id(region, &zone)).text("zoneType", kind);
        xml.text("groupName", &group_name(&zone)).text("optInStatus", opted);
        xml.items("messageSet", "item", [(); 0], |_, ()| {});
    });
    Ok(())
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
    if let Some(local) = rest.strip_prefix('-') {
        format!(
            "{area}{direction}{number}-{}",
            local.replace("1a", "1-az1").replace("1b", "1-az2").replace('-', "")
        )
    } else {
        let index = rest
            .bytes()
            .next()
            .map_or(1, |letter| letter.wrapping_sub(b'a').wrapping_add(1));
        format!("{area}{direction}{number}-az{index}")
    }
}

const IMAGES: [(&str, &str, &str); 3] = [
    (
        "ami-12c6146b",
        "amzn-ami-hvm-x86_64-gp2",
        "Linux image of the simulator",
    ),
    (
        "ami-0a1b2c3d4e5f60001",
        "al2023-ami-kernel-x86_64",
        "Linux image of the simulator, newer",
    ),
    (
        "ami-0a1b2c3d4e5f60002",
        "ubuntu-noble-amd64-server",
        "Linux image of the simulator, another one",
    ),
];

pub(super) fn images(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("ImageId"), Filters::read(call.params));
    if let Some(unknown) = ids.iter().find(|id| IMAGES.iter().all(|(known, ..)| known != id)) {
        let message = format!("The image id '[{}]' does not exist", short(unknown));
        return Err(ApiError::sender("InvalidAMIID.NotFound", message));
    }
    let mut listed = Vec::new();
    for (id, image_name, description) in IMAGES {
        let admitted = filters.admit(&Tags::new(), |name| match name {
            "image-id" => one(id),
            "name" => one(image_name),
            "architecture" => one("x86_64"),
            "state" => one("available"),
            "owner-alias" => one("amazon"),
            "is-public" => one("true"),
            "root-device-type" => one("ebs"),
            "virtualization-type" => one("hvm"),
            _ => None,
        })?;
        if admitted && (ids.is_empty() || ids.iter().any(|given| given == id)) {
            listed.push((id, image_name, description));
        }
    }
    xml.items("imagesSet", "item", listed, |xml, (id, image_name, description)| {
        xml.text("imageId", id)
            .text("imageState", "available")
            .text("imageOwnerId", "137112412989");
        xml.text("imageOwnerAlias", "amazon")
            .show("isPublic", true)
            .text("architecture", "x86_64");
        xml.text("imageType", "machine")
            .text("name", image_name)
            .text("description", description);
        xml.text("rootDeviceType", "ebs").text("rootDeviceName", "/dev/xvda");
        xml.text("virtualizationType", "hvm").text("hypervisor", "xen");
        xml.text("creationDate", "2024-01-01T00:00:00.000Z");
    });
    Ok(())
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
    }
}
