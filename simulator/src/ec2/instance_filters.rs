//! What filters of `DescribeInstances` and `DescribeInstanceStatus` ask for. The names are those of the EC2 API reference.

use super::catalog::zone_id;
use super::filter::{absent, maybe, one};
use super::interfaces;
use super::state::{Instance, InstanceState, ROOT_DEVICE};
use crate::call::Call;

/// The values that an instance has for a filter; `None` when there is no such filter.
pub(super) fn property(call: &Call<'_>, id: &str, instance: &Instance, name: &str) -> Option<Vec<String>> {
    if let Some(name) = name.strip_prefix("network-interface.") {
        return of_interface(call, id, instance, name);
    }
    let state = || instance.state(call.now, call.settings.timing.instance_state).0;
    match name {
        "instance-id" => one(id),
        "instance-state-name" => one(state().name()),
        "instance-state-code" => one(state().code().to_string()),
        "instance-type" => one(&instance.type_name),
        "image-id" => one(&instance.image_id),
        "vpc-id" => one(&instance.vpc_id),
        "subnet-id" => one(&instance.subnet_id),
        "availability-zone" => one(&instance.zone),
        "availability-zone-id" => one(zone_id(call.facts.name, &instance.zone)),
        "private-dns-name" => one(instance.private_dns(call.facts.name)),
        "private-ip-address" => one(instance.private_ip.to_string()),
        "dns-name" => maybe(instance.public_dns(call.facts)),
        "ip-address" => maybe(instance.public_ip),
        "reservation-id" => one(&instance.reservation_id),
        "key-name" => maybe(instance.key_name.as_deref()),
        "owner-id" => one(call.account),
        "launch-time" | "usage-operation-update-time" => one(instance.launched.to_string()),
        "instance.group-id" | "group-id" => Some(instance.security_groups.clone()),
        "instance.group-name" => Some(group_names(call, instance)),
        "instance-status.status" | "system-status.status" => one(when_running(state(), "ok")),
        "instance-status.reachability" | "system-status.reachability" => one(when_running(state(), "passed")),
        _ => of_every_instance(name).map_or_else(|| absent(name, &ABSENT), one),
    }
}

/// What the status checks say, which only running instances undergo.
pub(super) fn when_running(state: InstanceState, passed: &'static str) -> &'static str {
    if state == InstanceState::Running {
        passed
    } else {
        "not-applicable"
    }
}

fn group_names(call: &Call<'_>, instance: &Instance) -> Vec<String> {
    let groups = instance.security_groups.iter();
    groups
        .filter_map(|id| call.region.ec2.security_groups.get(id))
        .map(|group| group.name.clone())
        .collect()
}

fn of_every_instance(name: &str) -> Option<&'static str> {
    Some(match name {
        "architecture" => "x86_64",
        "capacity-reservation-specification.capacity-reservation-preference" => "open",
        "current-instance-boot-mode" => "legacy-bios",
        "ebs-optimized"
        | "enclave-options.enabled"
        | "hibernation-options.configured"
        | "operator.managed"
        | "private-dns-name-options.enable-resource-name-dns-a-record"
        | "private-dns-name-options.enable-resource-name-dns-aaaa-record" => "false",
        "ena-support" | "source-dest-check" => "true",
        "hypervisor" => "xen",
        "launch-index" => "0",
        "maintenance-options.auto-recovery" | "network-performance-options.bandwidth-weighting" | "tenancy" => {
            "default"
        }
        "metadata-options.http-endpoint" | "metadata-options.http-protocol-ipv4" => "enabled",
        "metadata-options.http-protocol-ipv6" | "metadata-options.instance-metadata-tags" | "monitoring-state" => {
            "disabled"
        }
        "metadata-options.http-put-response-hop-limit" => "1",
        "metadata-options.http-tokens" => "optional",
        "metadata-options.state" => "applied",
        "platform-details" => "Linux/UNIX",
        "private-dns-name-options.hostname-type" => "ip-name",
        "root-device-name" => ROOT_DEVICE,
        "root-device-type" => "ebs",
        "usage-operation" => "RunInstances",
        "virtualization-type" => "hvm",
        _ => return None,
    })
}

/// What stands after `network-interface.`.
fn of_interface(call: &Call<'_>, id: &str, instance: &Instance, name: &str) -> Option<Vec<String>> {
    let public = instance.public_ip;
    match name {
        "addresses.private-dns-name" => one(instance.private_dns(call.facts.name)),
        "addresses.association.public-ip" | "association.public-ip" => maybe(public),
        "addresses.association.ip-owner-id" | "association.ip-owner-id" => maybe(public.map(|_| "amazon")),
        "addresses.association.public-dns-name" | "association.public-dns-name" | "public-dns-name" => {
            maybe(instance.public_dns(call.facts))
        }
        "attachment.network-card-index" => one("0"),
        "group-name" => Some(group_names(call, instance)),
        "deny-all-igw-traffic" | "ipv6-native" => one("false"),
        _ => {
            let known = interfaces::of_instance(id, instance);
            interfaces::property(&known, name, call).or_else(|| absent(name, &ABSENT_OF_INTERFACES))
        }
    }
}

const ABSENT: [&str; 38] = [
    "affinity",
    "application-status.status",
    "attached-ebs-status.status",
    "block-device-mapping.attach-time",
    "block-device-mapping.delete-on-termination",
    "block-device-mapping.device-name",
    "block-device-mapping.status",
    "block-device-mapping.volume-id",
    "boot-mode",
    "capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id",
    "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn",
    "client-token",
    "event.code",
    "event.description",
    "event.instance-event-id",
    "event.not-after",
    "event.not-before",
    "event.not-before-deadline",
    "host-id",
    "iam-instance-profile.arn",
    "iam-instance-profile.id",
    "instance-lifecycle",
    "ipv6-address",
    "kernel-id",
    "operator.principal",
    "outpost-arn",
    "placement-group-name",
    "placement-partition-number",
    "platform",
    "product-code",
    "product-code.type",
    "ramdisk-id",
    "requester-id",
    "spot-instance-request-id",
    "state-reason-code",
    "state-reason-message",
    "tpm-support",
];

const ABSENT_OF_INTERFACES: [&str; 13] = [
    "addresses.association.allocation-id",
    "addresses.association.association-id",
    "addresses.association.carrier-ip",
    "addresses.association.customer-owned-ip",
    "association.carrier-ip",
    "association.customer-owned-ip",
    "ipv4-prefixes.ipv4-prefix",
    "ipv6-address",
    "ipv6-addresses.is-primary-ipv6",
    "ipv6-prefixes.ipv6-prefix",
    "outpost-arn",
    "tag-key",
    "tag-value",
];
