//! Pure: which zones the load balancer serves and where its instances are → words.
//!
//! A load balancer sends nothing to instances of a zone that it does not serve, and without cross-zone balancing each
//! served zone gets an equal share of the clients, whatever it has to answer them with.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::message::{self, Message};
use crate::api::{ClassicLoadBalancerStatus, InstanceStatus, ZoneStatus};
use crate::elb::InstanceId;

/// The registered instances by zone, where the zone is known. Served zones without instances are listed too, unless an
/// instance whose zone is not known, or one of others, may be in one.
pub(super) fn by_zone(
    items: &[InstanceStatus],
    registered: &BTreeSet<InstanceId>,
    served: &BTreeSet<String>,
    shared: bool,
    in_service: &dyn Fn(&InstanceStatus) -> bool,
) -> Vec<ZoneStatus> {
    let mut zones: BTreeMap<&str, ZoneStatus> = BTreeMap::new();
    let mut all_known = !registered.is_empty() && !shared;
    for item in items.iter().filter(|item| registered.contains(&item.id)) {
        let Some(zone) = item.zone.as_deref() else {
            all_known = false;
            continue;
        };
        let status = zones.entry(zone).or_default();
        status.registered += 1;
        status.in_service += i32::from(in_service(item));
    }
    if all_known {
        for zone in served {
            zones.entry(zone).or_default();
        }
    }
    let named = |(zone, status): (&str, ZoneStatus)| ZoneStatus {
        zone: zone.to_owned(),
        served: served.contains(zone),
        ..status
    };
    zones.into_iter().map(named).collect()
}

/// What a person should know of the zones, beside the health of the instances. Nothing is said of their spread while
/// the zone of some is not known.
pub(super) fn advice(zones: &[ZoneStatus], registered: usize, cross_zone: Option<bool>, shared: bool) -> Vec<String> {
    let mut advice: Vec<String> = findings(zones)
        .into_iter()
        .map(|(_, message)| message.to_string())
        .collect();
    let served: Vec<&ZoneStatus> = zones.iter().filter(|zone| zone.served && zone.registered > 0).collect();
    let counts = || served.iter().map(|zone| zone.registered);
    let (most, least) = (counts().max().unwrap_or_default(), counts().min().unwrap_or_default());
    let known: i32 = zones.iter().map(|zone| zone.registered).sum();
    let all_known = !shared && usize::try_from(known).is_ok_and(|known| known >= registered);
    if all_known && cross_zone != Some(true) && most - least > 1 && most >= 2 * least {
        let list: Vec<String> = served
            .iter()
            .map(|zone| format!("{} {}", zone.zone, zone.registered))
            .collect();
        advice.push(message::uneven(list.join(", ")));
    }
    advice
}

/// What is new about the zones since the previous status, for Events.
pub(in crate::controller) fn news(
    previous: &ClassicLoadBalancerStatus,
    new: &ClassicLoadBalancerStatus,
) -> Vec<Message> {
    let zones = |status: &ClassicLoadBalancerStatus| {
        let instances = status.instances.as_ref();
        findings(instances.map_or(&[], |instances| &instances.by_zone))
    };
    let of = |(zone, message): &(String, Message)| (zone.clone(), message.reason().to_owned());
    let before: BTreeSet<_> = zones(previous).iter().map(of).collect();
    let mut found = zones(new);
    found.retain(|finding| !before.contains(&of(finding)));
    found.into_iter().map(|(_, message)| message).collect()
}

/// What is odd about zones, each with its zone.
fn findings(zones: &[ZoneStatus]) -> Vec<(String, Message)> {
    let of = |status: &ZoneStatus| {
        let zone = &status.zone;
        let message = match (status.served, status.registered) {
            (false, count) if count > 0 => message::zone_not_served(count, zone),
            (true, 0) => message::zone_without_instances(zone),
            _ => return None,
        };
        Some((zone.clone(), message))
    };
    zones.iter().filter_map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::InstancesStatus;

    fn zone(name: &str, served: bool, registered: i32) -> ZoneStatus {
        ZoneStatus {
            zone: name.into(),
            served,
            registered,
            in_service: registered,
        }
    }

    fn status(by_zone: Vec<ZoneStatus>) -> ClassicLoadBalancerStatus {
        let instances = InstancesStatus {
            by_zone,
            ..InstancesStatus::default()
        };
        ClassicLoadBalancerStatus {
            instances: Some(instances),
            ..ClassicLoadBalancerStatus::default()
        }
    }

    fn item(id: &str, zone: Option<&str>) -> InstanceStatus {
        InstanceStatus {
            id: id.into(),
            zone: zone.map(ToOwned::to_owned),
            ..InstanceStatus::default()
        }
    }

    #[test]
    fn a_served_zone_is_said_to_be_empty_only_when_every_zone_is_known() {
        let registered: BTreeSet<_> = ["i-1".to_owned(), "i-2".to_owned()].into();
        let served: BTreeSet<_> = ["a".to_owned(), "b".to_owned()].into();
        let list = |second| {
            by_zone(
                &[item("i-1", Some("a")), item("i-2", second)],
                &registered,
                &served,
                false,
                &|_| true,
            )
        };
        assert_eq!(list(None), [zone("a", true, 1)]);
        assert_eq!(
            list(Some("c")),
            [zone("a", true, 1), zone("b", true, 0), zone("c", false, 1)]
        );
        assert!(by_zone(&[], &BTreeSet::new(), &served, false, &|_| true).is_empty());
    }

    #[test]
    fn each_finding_is_told_once() {
        let good = status(vec![zone("a", true, 1), zone("b", true, 1)]);
        let bad = status(vec![zone("a", true, 0), zone("b", true, 1), zone("c", false, 2)]);
        let news_of_bad = news(&good, &bad);
        let reasons: Vec<_> = news_of_bad.iter().map(Message::reason).collect();
        assert_eq!(reasons, ["ZoneWithoutInstances", "ZoneNotServed"]);
        assert!(news(&bad, &bad).is_empty() && news(&bad, &good).is_empty());
    }

    #[test]
    fn uneven_zones_matter_only_without_cross_zone_balancing() {
        let zones = [zone("a", true, 4), zone("b", true, 1)];
        assert!(advice(&zones, 0, None, false)[0].contains("a 4, b 1"));
        assert!(advice(&zones, 0, Some(true), false).is_empty());
        assert!(advice(&[zone("a", true, 2), zone("b", true, 1)], 0, Some(false), false).is_empty());
        assert!(advice(&[zone("a", true, 7), zone("b", true, 5)], 0, None, false).is_empty());
    }
}
