//! CreateLoadBalancer and `DeleteLoadBalancer`.

use std::collections::BTreeMap;

use super::limits::MAX_LOAD_BALANCERS;
use super::state::{Attributes, HealthCheck, Listener, LoadBalancer, Scheme};
use super::tags::MAX_TAGS;
use super::{listeners, placement, tags};
use crate::call::Call;
use crate::wire::{ApiError, Xml};

pub(super) fn create(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let name = call.name()?.to_owned();
    let wanted = Wanted::read(call)?;
    if let Some(existing) = call.region.elb.get(&name) {
        wanted.compare(existing)?;
        xml.text("DNSName", &existing.dns_name);
        return Ok(());
    }
    if call.settings.quotas && call.region.elb.len() >= MAX_LOAD_BALANCERS {
        let message = "The quota for the number of load balancers has been reached.";
        return Err(ApiError::sender("TooManyLoadBalancers", message));
    }
    let balancer = wanted.build(call, name);
    xml.text("DNSName", &balancer.dns_name);
    let now = call.now;
    call.region.elb.put(now, balancer);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = call.name()?.to_owned();
    call.region.elb.remove(call.now, &name, call.settings.timing.interfaces);
    Ok(())
}

/// A valid CreateLoadBalancer request with its references resolved.
struct Wanted {
    listeners: BTreeMap<u16, Listener>,
    placement: BTreeMap<String, String>,
    vpc_id: String,
    /// `None` when the request names none.
    security_groups: Option<Vec<String>>,
    scheme: Scheme,
    tags: BTreeMap<String, String>,
}

impl Wanted {
    fn read(call: &mut Call<'_>) -> Result<Self, ApiError> {
        let tags = tags::read(call.params)?;
        if tags.len() > MAX_TAGS {
            return Err(tags::too_many());
        }
        let scheme = match call.params.non_empty("Scheme").map(str::to_ascii_lowercase).as_deref() {
            None | Some("internet-facing") => Scheme::InternetFacing,
            Some("internal") => Scheme::Internal,
            Some(other) => {
                let shown = crate::wire::params::short(other);
                return Err(ApiError::sender(
                    "InvalidScheme",
                    format!("The specified scheme is not valid: {shown}"),
                ));
            }
        };
        let listeners = listeners::read(call)?;
        listeners::check_shared_ports(&listeners)?;
        let (placement, vpc_id) = Self::read_placement(call)?;
        if scheme == Scheme::InternetFacing && call.settings.require_internet_gateway {
            placement::require_internet_gateway(call, &vpc_id)?;
        }
        let named = call.params.strings("SecurityGroups");
        placement::check_security_groups(call, &named, &vpc_id)?;
        let security_groups = (!named.is_empty()).then_some(named);
        Ok(Self {
            listeners,
            placement,
            vpc_id,
            security_groups,
            scheme,
            tags,
        })
    }

    fn read_placement(call: &Call<'_>) -> Result<(BTreeMap<String, String>, String), ApiError> {
        let zones = call.params.strings("AvailabilityZones");
        let subnets = call.params.strings("Subnets");
        if subnets.is_empty() {
            return placement::of_zones(call, &zones);
        }
        let (placement, vpc_id) = placement::of_subnets(call, &subnets)?;
        placement::check_room(call, placement.values())?;
        Ok((placement, vpc_id))
    }

    /// AWS answers an identical repeat with success and anything else with an error that says what differs.
    fn compare(&self, existing: &LoadBalancer) -> Result<(), ApiError> {
        let groups = |list: &[String]| {
            let mut sorted = list.to_vec();
            sorted.sort();
            sorted
        };
        let same_listeners = self.listeners.len() == existing.listeners.len()
            && self
                .listeners
                .iter()
                .all(|(port, wanted)| existing.listeners.get(port).is_some_and(|l| l.same_as(wanted)));
        let same_groups = self
            .security_groups
            .as_ref()
            .is_none_or(|wanted| groups(wanted) == groups(&existing.security_groups));
        let differs = if !same_listeners
            || self.placement != existing.placement
            || self.scheme != existing.scheme
            || !same_groups
        {
            "parameters"
        } else if self.tags != existing.tags {
            "tags"
        } else {
            return Ok(());
        };
        let name = &existing.name;
        Err(ApiError::sender(
            "DuplicateLoadBalancerName",
            format!("Load Balancer named {name} already exists and it is configured with different {differs}."),
        ))
    }

    fn build(self, call: &mut Call<'_>, name: String) -> LoadBalancer {
        let number = call.ids.digits(10);
        let prefix = if self.scheme == Scheme::Internal {
            "internal-"
        } else {
            ""
        };
        let (region, suffix) = (call.facts.name, call.facts.dns_suffix());
        let security_groups = self
            .security_groups
            .unwrap_or_else(|| vec![call.region.ec2.default_balancer_group(&self.vpc_id, call.ids)]);
        let first = self
            .listeners
            .values()
            .next()
            .map_or(80, |listener| listener.instance_port);
        let mut balancer = LoadBalancer {
            dns_name: format!("{prefix}{name}-{number}.{region}.elb.{suffix}"),
            name,
            created: call.now,
            scheme: self.scheme,
            vpc_id: self.vpc_id,
            entered: self.placement.keys().map(|zone| (zone.clone(), call.now)).collect(),
            placement: self.placement,
            leaving_zones: BTreeMap::new(),
            leaving_subnets: BTreeMap::new(),
            leaving_listeners: BTreeMap::new(),
            security_groups,
            listeners: self.listeners,
            policies: BTreeMap::new(),
            backends: BTreeMap::new(),
            instances: BTreeMap::new(),
            deregistered: BTreeMap::new(),
            health_check: HealthCheck::of_port(first),
            attributes: Attributes::default(),
            tags: self.tags,
        };
        let ports: Vec<u16> = balancer.listeners.keys().copied().collect();
        listeners::attach_default_policy(&mut balancer, &ports);
        balancer
    }
}
