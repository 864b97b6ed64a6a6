//! `DescribeLoadBalancers` and `DescribeAccountLimits`.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{LoadBalancer, PolicyType, health};
use crate::region::RegionFacts;
use crate::wire::{ApiError, Xml};
use crate::world::{Call, Region};

/// Quotas of a new account; `DescribeAccountLimits` reports them always.
pub(super) const MAX_LOAD_BALANCERS: usize = 20;
pub(super) const MAX_LISTENERS: usize = 100;
pub(super) const MAX_INSTANCES: usize = 1000;

const PAGE: usize = 400;
const MARKER_PREFIX: &str = "after:";

pub(super) fn load_balancers(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let mut names = call.params.strings("LoadBalancerNames");
    // Named twice it is still one balancer; a request must not be able to multiply the reply.
    let mut seen = BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    let (region, facts, account) = (&*call.region, call.facts, call.account);
    if !names.is_empty() {
        let mut found = Vec::with_capacity(names.len());
        for name in &names {
            found.push(region.elb.get(name).ok_or_else(|| {
                ApiError::sender("LoadBalancerNotFound", format!("Cannot find Load Balancer {name}"))
            })?);
        }
        xml.members("LoadBalancerDescriptions", found, |xml, balancer| {
            write(xml, balancer, region, facts, account, call);
        });
        return Ok(());
    }
    let size = page_size(call)?;
    let from = match call.params.non_empty("Marker") {
        Some(marker) => read_marker(marker)?,
        None => String::new(),
    };
    let mut rest = region.elb.after(&from).peekable();
    let mut last = None;
    xml.members("LoadBalancerDescriptions", rest.by_ref().take(size), |xml, balancer| {
        write(xml, balancer, region, facts, account, call);
        last = Some(&balancer.name);
    });
    if let (Some(last), true) = (last, rest.peek().is_some()) {
        xml.text("NextMarker", &write_marker(last));
    }
    Ok(())
}

/// A marker says after which name the next page begins, so it outlives the balancer of that name.
fn read_marker(marker: &str) -> Result<String, ApiError> {
    let decoded = URL_SAFE_NO_PAD
        .decode(marker)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    decoded
        .and_then(|text| text.strip_prefix(MARKER_PREFIX).map(str::to_owned))
        .ok_or_else(wrong_marker)
}

fn write(xml: &mut Xml, balancer: &LoadBalancer, region: &Region, facts: &RegionFacts, account: &str, call: &Call<'_>) {
    xml.text("LoadBalancerName", &balancer.name)
        .text("DNSName", &balancer.dns_name);
    if balancer.scheme == super::Scheme::InternetFacing {
        xml.text("CanonicalHostedZoneName", &balancer.dns_name);
    }
    xml.text("CanonicalHostedZoneNameID", facts.hosted_zone);
    xml.members("ListenerDescriptions", &balancer.listeners, |xml, (port, listener)| {
        xml.element("Listener", |xml| {
            xml.show("Protocol", listener.protocol)
                .show("LoadBalancerPort", port)
                .show("InstanceProtocol", listener.instance_protocol)
                .show("InstancePort", listener.instance_port)
                .maybe("SSLCertificateId", listener.certificate.as_deref());
        });
        xml.strings("PolicyNames", listener.policies.iter().map(String::as_str));
    });
    write_policies(xml, balancer);
    let backends = balancer.backends.iter().filter(|(_, policies)| !policies.is_empty());
    xml.members("BackendServerDescriptions", backends, |xml, (port, policies)| {
        xml.show("InstancePort", port)
            .strings("PolicyNames", policies.iter().map(String::as_str));
    });
    xml.strings("AvailabilityZones", balancer.zones())
        .strings("Subnets", balancer.subnets());
    xml.text("VPCId", &balancer.vpc_id);
    let listed = balancer
        .instances
        .keys()
        .filter(|id| health::is_listed(call, id) && !call.is_hidden(id));
    xml.members("Instances", listed, |xml, id| {
        xml.text("InstanceId", id);
    });
    write_health_check(xml, &balancer.health_check);
    if let Some(group) = balancer.security_groups.first() {
        xml.element("SourceSecurityGroup", |xml| {
            let name = region
                .ec2
                .security_groups
                .get(group)
                .map_or("", |group| group.name.as_str());
            xml.text("OwnerAlias", account).text("GroupName", name);
        });
    }
    xml.strings("SecurityGroups", balancer.security_groups.iter().map(String::as_str));
    xml.show("CreatedTime", balancer.created)
        .text("Scheme", balancer.scheme.as_str());
}

fn write_policies(xml: &mut Xml, balancer: &LoadBalancer) {
    let of_kind = |kind| balancer.policies.iter().filter(move |(_, policy)| policy.kind == kind);
    xml.element("Policies", |xml| {
        xml.members(
            "AppCookieStickinessPolicies",
            of_kind(PolicyType::AppCookieStickiness),
            |xml, (name, policy)| {
                xml.text("PolicyName", name)
                    .maybe("CookieName", policy.attribute("CookieName"));
            },
        );
        xml.members(
            "LBCookieStickinessPolicies",
            of_kind(PolicyType::LbCookieStickiness),
            |xml, (name, policy)| {
                let period = policy.attribute("CookieExpirationPeriod");
                xml.text("PolicyName", name).maybe("CookieExpirationPeriod", period);
            },
        );
        let others = balancer.policies.iter().filter(|(_, policy)| {
            !matches!(
                policy.kind,
                PolicyType::AppCookieStickiness | PolicyType::LbCookieStickiness
            )
        });
        xml.strings("OtherPolicies", others.map(|(name, _)| name.as_str()));
    });
}

pub(super) fn write_health_check(xml: &mut Xml, check: &super::HealthCheck) {
    xml.element("HealthCheck", |xml| {
        xml.text("Target", &check.target)
            .show("Interval", check.interval)
            .show("Timeout", check.timeout)
            .show("UnhealthyThreshold", check.unhealthy_threshold)
            .show("HealthyThreshold", check.healthy_threshold);
    });
}

pub(super) fn account_limits(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let limits = [
        ("classic-load-balancers", MAX_LOAD_BALANCERS),
        ("classic-listeners", MAX_LISTENERS),
        ("classic-registered-instances", MAX_INSTANCES),
    ];
    let size = page_size(call)?;
    let first = match call.params.non_empty("Marker") {
        Some(marker) => {
            let last = read_marker(marker)?;
            1 + limits
                .iter()
                .position(|(name, _)| *name == last)
                .ok_or_else(wrong_marker)?
        }
        None => 0,
    };
    let page = limits.iter().skip(first).take(size);
    xml.members("Limits", page, |xml, (name, max)| {
        xml.text("Name", name).show("Max", max);
    });
    let next = first.saturating_add(size);
    if let Some((last, _)) = limits.get(next.saturating_sub(1)).filter(|_| next < limits.len()) {
        xml.text("NextMarker", &write_marker(last));
    }
    Ok(())
}

fn page_size(call: &Call<'_>) -> Result<usize, ApiError> {
    let size = call.params.int("PageSize")?;
    Ok(size.and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE))
}

fn write_marker(last: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{MARKER_PREFIX}{last}"))
}

fn wrong_marker() -> ApiError {
    ApiError::validation("The specified marker is not valid.")
}
