//! The images that every account finds.

use super::filter::{Filters, absent, one};
use super::state::{ROOT_DEVICE, Tags};
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

/// The account that Amazon's images are of.
const AMAZON: &str = "137112412989";

const CREATED: &str = "2024-01-01T00:00:00.000Z";

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

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("ImageId"), Filters::read(call.params));
    if let Some(unknown) = ids.iter().find(|id| IMAGES.iter().all(|(known, ..)| known != id)) {
        let message = format!("The image id '[{}]' does not exist", short(unknown));
        return Err(ApiError::sender("InvalidAMIID.NotFound", message));
    }
    let owners = call.params.strings("Owner");
    // `self` is nobody who has an image, and neither is any other account.
    let owned = owners.is_empty() || owners.iter().any(|owner| owner == "amazon" || owner == AMAZON);
    let mut listed = Vec::new();
    for (id, image_name, description) in IMAGES {
        let admitted = filters.admit(&Tags::new(), |name| match name {
            "image-id" => one(id),
            "name" => one(image_name),
            "architecture" => one("x86_64"),
            "state" => one("available"),
            "owner-alias" => one("amazon"),
            "owner-id" => one(AMAZON),
            "description" => one(description),
            "creation-date" => one(CREATED),
            "hypervisor" => one("xen"),
            "image-type" => one("machine"),
            "ena-support" | "image-allowed" | "is-public" => one("true"),
            "free-tier-eligible" => one("false"),
            "root-device-name" => one(ROOT_DEVICE),
            "root-device-type" => one("ebs"),
            "virtualization-type" => one("hvm"),
            _ => absent(name, &ABSENT),
        })?;
        if admitted && owned && (ids.is_empty() || ids.iter().any(|given| given == id)) {
            listed.push((id, image_name, description));
        }
    }
    xml.items("imagesSet", "item", listed, |xml, (id, image_name, description)| {
        xml.text("imageId", id)
            .text("imageState", "available")
            .text("imageOwnerId", AMAZON);
        xml.text("imageOwnerAlias", "amazon")
            .show("isPublic", true)
            .text("architecture", "x86_64");
        xml.text("imageType", "machine")
            .text("name", image_name)
            .text("description", description);
        xml.text("rootDeviceType", "ebs").text("rootDeviceName", ROOT_DEVICE);
        xml.text("virtualizationType", "hvm").text("hypervisor", "xen");
        xml.text("creationDate", CREATED);
    });
    Ok(())
}

const ABSENT: [&str; 19] = [
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.encrypted",
    "block-device-mapping.snapshot-id",
    "block-device-mapping.volume-size",
    "block-device-mapping.volume-type",
    "kernel-id",
    "manifest-location",
    "platform",
    "product-code",
    "product-code.type",
    "public-ssm-parameter-name",
    "ramdisk-id",
    "source-image-id",
    "source-image-region",
    "source-instance-id",
    "sriov-net-support",
    "state-reason-code",
    "state-reason-message",
];
