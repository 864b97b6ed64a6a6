//! Security groups.

use super::filter::{Filters, one};
use super::paging::{Paging, write_token};
use super::request::{self, done, missing, required};
use super::state::{Peer, Rule, SecurityGroup};
use super::{network, rules, tags};
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};

pub(super) fn create(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (name, description) = (required(call, "GroupName")?, required(call, "GroupDescription")?);
    let ec2 = &mut call.region.ec2;
    let vpc_id = network::default_or_named_vpc(ec2, call.params.non_empty("VpcId"))?;
    if ec2.group_named(&vpc_id, name).is_some() {
        let message = format!("The security group '{}' already exists for VPC '{vpc_id}'", short(name));
        return Err(ApiError::sender("InvalidGroup.Duplicate", message));
    }
    let id = ec2.add_group(&vpc_id, name, description, call.ids);
    if let Some(group) = ec2.security_groups.get_mut(&id) {
        group.tags = tags::of_new(call.params, "security-group");
    }
    xml.show("return", true).text("groupId", &id);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let id = named(call)?;
    let ec2 = &call.region.ec2;
    if ec2
        .security_groups
        .get(&id)
        .is_some_and(|group| group.name == "default")
    {
        let message = format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ApiError::sender("CannotDelete", message));
    }
    let by_instance = ec2
        .instances
        .values()
        .any(|it| it.security_groups.contains(&id) && !it.is_gone());
    let by_balancer = call
        .region
        .elb
        .iter()
        .chain(call.region.elb.departed(call.now))
        .any(|balancer| balancer.security_groups.contains(&id));
    let peer = Peer::Group(id.clone());
    let by_group = ec2
        .security_groups
        .iter()
        .any(|(other, group)| *other != id && group.ingress.iter().chain(&group.egress).any(|rule| rule.peer == peer));
    if by_instance || by_balancer || by_group {
        return Err(network::dependency(format!("resource {id} has a dependent object")));
    }
    call.region.ec2.security_groups.remove(&id);
    xml.show("return", true).text("groupId", &id);
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, names) = (call.params.strings("GroupId"), call.params.strings("GroupName"));
    let filters = Filters::read(call.params);
    let set = request::named("groupIds", &ids).or(request::named("groupNames", &names));
    let paging = Paging::read(call, set)?;
    let groups = &call.region.ec2.security_groups;
    if let Some(malformed) = ids.iter().find(|id| !id.starts_with("sg-")) {
        let message = format!("Invalid id: \"{}\" (expecting \"sg-...\")", short(malformed));
        return Err(ApiError::sender("InvalidGroupId.Malformed", message));
    }
    if let Some(unknown) = ids.iter().find(|id| !groups.contains_key(*id)) {
        return Err(no_group(unknown));
    }
    // Names are asked for in the default VPC; elsewhere there is the filter.
    let default_vpc = call.region.ec2.default_vpc_id().unwrap_or_default();
    for name in &names {
        if call.region.ec2.group_named(default_vpc, name).is_none() {
            let message = format!(
                "The security group '{}' does not exist in default VPC '{default_vpc}'",
                short(name)
            );
            return Err(ApiError::sender("InvalidGroup.NotFound", message));
        }
    }
    let mut listed = Vec::new();
    for (id, group) in groups {
        let admitted = filters.admit(&group.tags, |name| match name {
            "group-id" => one(id),
            "group-name" => one(&group.name),
            "description" => one(&group.description),
            "vpc-id" => one(&group.vpc_id),
            "owner-id" => one(call.account),
            _ => match name.strip_prefix("egress.") {
                Some(name) => rules::property(call, &group.egress, name),
                None => rules::property(call, &group.ingress, name),
            },
        })?;
        let by_name = names.is_empty() || (group.vpc_id == default_vpc && names.contains(&group.name));
        let asked = (ids.is_empty() || ids.contains(id)) && by_name;
        if admitted && asked {
            listed.push((id, group));
        }
    }
    let (listed, token) = paging.page(listed, |(id, _)| id);
    xml.items("securityGroupInfo", "item", listed, |xml, (id, group)| {
        write(xml, id, group, call.account);
    });
    write_token(xml, token.as_deref());
    Ok(())
}

pub(super) fn authorize_ingress(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    authorize(call, xml, |group| &mut group.ingress)
}

pub(super) fn authorize_egress(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    authorize(call, xml, |group| &mut group.egress)
}

pub(super) fn revoke_ingress(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    revoke(call, xml, |group| &mut group.ingress)
}

pub(super) fn revoke_egress(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    revoke(call, xml, |group| &mut group.egress)
}

fn authorize(
    call: &mut Call<'_>,
    xml: &mut Xml,
    side: impl Fn(&mut SecurityGroup) -> &mut Vec<Rule>,
) -> Result<(), ApiError> {
    let id = named(call)?;
    let rules = read_rules(call, &id)?;
    let group = call
        .region
        .ec2
        .security_groups
        .get_mut(&id)
        .ok_or_else(|| no_group(&id))?;
    let existing = side(group);
    if rules.iter().any(|rule| existing.contains(rule)) {
        let message = "the specified rule already exists";
        return Err(ApiError::sender("InvalidPermission.Duplicate", message));
    }
    existing.extend(rules);
    existing.sort();
    existing.dedup();
    done(xml);
    Ok(())
}

fn revoke(
    call: &mut Call<'_>,
    xml: &mut Xml,
    side: impl Fn(&mut SecurityGroup) -> &mut Vec<Rule>,
) -> Result<(), ApiError> {
    let id = named(call)?;
    let rules = read_rules(call, &id)?;
    let group = call
        .region
        .ec2
        .security_groups
        .get_mut(&id)
        .ok_or_else(|| no_group(&id))?;
    let existing = side(group);
    if rules.iter().any(|rule| !existing.contains(rule)) {
        let message = "The specified rule does not exist in this security group.";
        return Err(ApiError::sender("InvalidPermission.NotFound", message));
    }
    existing.retain(|rule| !rules.contains(rule));
    done(xml);
    Ok(())
}

/// The group of a request, by id or by name in the default VPC.
fn named(call: &Call<'_>) -> Result<String, ApiError> {
    let ec2 = &call.region.ec2;
    if let Some(name) = call.params.non_empty("GroupName")
        && call.params.non_empty("GroupId").is_none()
    {
        let found = ec2.default_vpc_id().and_then(|vpc_id| ec2.group_named(vpc_id, name));
        return found.map(str::to_owned).ok_or_else(|| no_group(name));
    }
    let id = required(call, "GroupId")?;
    if ec2.security_groups.contains_key(id) {
        Ok(id.to_owned())
    } else {
        Err(no_group(id))
    }
}

fn read_rules(call: &Call<'_>, own: &str) -> Result<Vec<Rule>, ApiError> {
    let mut rules = Vec::new();
    let permissions = call.params.list("IpPermissions");
    if permissions.is_empty() {
        // The short form: one permission in the request itself.
        if let Some(cidr) = call.params.non_empty("CidrIp") {
            rules.push(read_rule(call.params, Peer::Cidr(cidr.to_owned()))?);
        } else if call.params.non_empty("SourceSecurityGroupName").is_some() {
            rules.push(read_rule(call.params, Peer::Group(own.to_owned()))?);
        }
    }
    for permission in permissions {
        let cidrs = permission
            .list("IpRanges")
            .into_iter()
            .filter_map(|it| it.str("CidrIp"))
            .map(|it| Peer::Cidr(it.to_owned()));
        let cidrs6 = permission
            .list("Ipv6Ranges")
            .into_iter()
            .filter_map(|it| it.str("CidrIpv6"))
            .map(|it| Peer::Cidr6(it.to_owned()));
        let groups = permission
            .list("Groups")
            .into_iter()
            .chain(permission.list("UserIdGroupPairs"));
        let mut peers: Vec<Peer> = cidrs.chain(cidrs6).collect();
        for group in groups {
            let id = group.str("GroupId").unwrap_or(own);
            if !call.region.ec2.security_groups.contains_key(id) {
                return Err(no_group(id));
            }
            peers.push(Peer::Group(id.to_owned()));
        }
        for peer in peers {
            rules.push(read_rule(permission, peer)?);
        }
    }
    if rules.is_empty() {
        Err(missing("ipPermissions"))
    } else {
        Ok(rules)
    }
}

fn read_rule(given: &Value, peer: Peer) -> Result<Rule, ApiError> {
    let protocol = given.non_empty("IpProtocol").unwrap_or("-1").to_ascii_lowercase();
    let (from, to) = (given.int("FromPort")?, given.int("ToPort")?);
    let all = protocol == "-1";
    Ok(Rule {
        protocol,
        from: from.filter(|_| !all),
        to: to.filter(|_| !all),
        peer,
    })
}

fn write(xml: &mut Xml, id: &str, group: &SecurityGroup, account: &str) {
    xml.text("ownerId", account)
        .text("groupId", id)
        .text("groupName", &group.name);
    xml.text("groupDescription", &group.description)
        .text("vpcId", &group.vpc_id);
    for (tag, rules) in [
        ("ipPermissions", &group.ingress),
        ("ipPermissionsEgress", &group.egress),
    ] {
        let same = |a: &Rule, b: &Rule| (&a.protocol, a.from, a.to) == (&b.protocol, b.from, b.to);
        xml.items(tag, "item", rules.chunk_by(same), |xml, rules| {
            write_permission(xml, rules, account);
        });
    }
    tags::write(xml, &group.tags);
}

/// Rules for the same protocol and ports are one permission.
fn write_permission(xml: &mut Xml, rules: &[Rule], account: &str) {
    if let Some(rule) = rules.first() {
        xml.text("ipProtocol", &rule.protocol);
        if let (Some(from), Some(to)) = (rule.from, rule.to) {
            xml.show("fromPort", from).show("toPort", to);
        }
    }
    let groups = rules.iter().filter_map(|rule| {
        if let Peer::Group(id) = &rule.peer {
            Some(id)
        } else {
            None
        }
    });
    xml.items("groups", "item", groups, |xml, id| {
        xml.text("userId", account).text("groupId", id);
    });
    let cidrs = rules.iter().filter_map(|rule| {
        if let Peer::Cidr(cidr) = &rule.peer {
            Some(cidr)
        } else {
            None
        }
    });
    xml.items("ipRanges", "item", cidrs, |xml, cidr| {
        xml.text("cidrIp", cidr);
    });
    let cidrs6 = rules.iter().filter_map(|rule| {
        if let Peer::Cidr6(cidr) = &rule.peer {
            Some(cidr)
        } else {
            None
        }
    });
    xml.items("ipv6Ranges", "item", cidrs6, |xml, cidr| {
        xml.text("cidrIpv6", cidr);
    });
    xml.items("prefixListIds", "item", [(); 0], |_, ()| {});
}

fn no_group(id: &str) -> ApiError {
    ApiError::sender(
        "InvalidGroup.NotFound",
        format!("The security group '{}' does not exist", short(id)),
    )
}
