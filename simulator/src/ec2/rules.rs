//! Rules of security groups, one by one.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::filter::{Filters, one};
use super::state::{Peer, Rule};
use crate::call::Call;
use crate::wire::{ApiError, Xml};

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (ids, filters) = (call.params.strings("SecurityGroupRuleId"), Filters::read(call.params));
    let mut listed = Vec::new();
    for (group_id, group) in &call.region.ec2.security_groups {
        let ingress = group.ingress.iter().map(|rule| (rule, false));
        let egress = group.egress.iter().map(|rule| (rule, true));
        for (rule, egress) in ingress.chain(egress) {
            let id = id_of(group_id, rule, egress);
            let admitted = filters.admit(&group.tags, |name| match name {
                "group-id" => one(group_id),
                "security-group-rule-id" => one(&id),
                _ => None,
            })?;
            if admitted && (ids.is_empty() || ids.contains(&id)) {
                listed.push((id, group_id, rule, egress));
            }
        }
    }
    xml.items(
        "securityGroupRuleSet",
        "item",
        listed,
        |xml, (id, group, rule, egress)| {
            xml.text("securityGroupRuleId", &id)
                .text("groupId", group)
                .text("groupOwnerId", call.account)
                .show("isEgress", egress);
            xml.text("ipProtocol", &rule.protocol);
            xml.show("fromPort", rule.from.unwrap_or(-1))
                .show("toPort", rule.to.unwrap_or(-1));
            match &rule.peer {
                Peer::Cidr(cidr) => xml.text("cidrIpv4", cidr),
                Peer::Cidr6(cidr) => xml.text("cidrIpv6", cidr),
                Peer::Group(group) => xml.element("referencedGroupInfo", |xml| {
                    xml.text("groupId", group).text("userId", call.account);
                }),
            };
        },
    );
    Ok(())
}

/// None is kept: a rule has the same id for as long as it is in its group.
fn id_of(group: &str, rule: &Rule, egress: bool) -> String {
    let mut hasher = DefaultHasher::new();
    (group, rule, egress).hash(&mut hasher);
    format!("sgr-0{:016x}", hasher.finish())
}

/// The values that rules have for a filter of `DescribeSecurityGroups`; `None` when there is no such filter.
pub(super) fn property(call: &Call<'_>, rules: &[Rule], name: &str) -> Option<Vec<String>> {
    let texts = |of: &dyn Fn(&Rule) -> Option<String>| Some(rules.iter().filter_map(of).collect());
    match name.strip_prefix("ip-permission.")? {
        "cidr" => texts(&|rule| match &rule.peer {
            Peer::Cidr(cidr) => Some(cidr.clone()),
            _ => None,
        }),
        "ipv6-cidr" => texts(&|rule| match &rule.peer {
            Peer::Cidr6(cidr) => Some(cidr.clone()),
            _ => None,
        }),
        "group-id" => texts(&|rule| group_of(rule).map(str::to_owned)),
        "group-name" => texts(&|rule| {
            let group = call.region.ec2.security_groups.get(group_of(rule)?)?;
            Some(group.name.clone())
        }),
        "user-id" => texts(&|rule| group_of(rule).map(|_| call.account.to_owned())),
        "protocol" => texts(&|rule| Some(rule.protocol.clone())),
        "from-port" => texts(&|rule| rule.from.map(|port| port.to_string())),
        "to-port" => texts(&|rule| rule.to.map(|port| port.to_string())),
        "prefix-list-id" => Some(Vec::new()),
        _ => None,
    }
}

fn group_of(rule: &Rule) -> Option<&str> {
    match &rule.peer {
        Peer::Group(id) => Some(id),
        Peer::Cidr(_) | Peer::Cidr6(_) => None,
    }
}
