//! `DescribeLoadBalancers`.

use std::collections::BTreeSet;

use super::health::write_check;
use super::instances::is_listed;
use super::paging::{page_size, read_marker, write_marker};
use super::state::{LoadBalancer, PolicyType, Scheme};
use crate::call::Call;
use crate::region::RegionFacts;
use crate::wire::{ApiError, Xml};
use crate::world::Region;

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

fn write(xml: &mut Xml, balancer: &LoadBalancer, region: &Region, facts: &RegionFacts, account: &str, call: &Call<'_>) {
    xml.text("LoadBalancerName", &balancer.name)
        .text("DNSName", &balancer.dns_name);
    if balancer.scheme == Scheme::InternetFacing {
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
        .filter(|id| is_listed(call, id) && !call.is_hidden(id));
    xml.members("Instances", listed, |xml, id| {
        xml.text("InstanceId", id);
    });
    write_check(xml, &balancer.health_check);
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
