//! The rules that state obeys whatever was called: what AWS could never show is a bug of the simulator.

use std::collections::BTreeMap;

use crate::elb::state::{LoadBalancer, PolicyType, Scheme};
use crate::elb::tags::MAX_TAGS;
use crate::region::{self, RegionFacts};
use crate::world::{Region, World};

/// Every way in which state breaks the rules.
pub(crate) fn broken_rules(world: &World) -> Vec<String> {
    let mut broken = Vec::new();
    for (account, state) in &world.accounts {
        for (name, region) in &state.regions {
            let Some(facts) = region::find(name) else {
                broken.push(format!("{account}: {name} is no region"));
                continue;
            };
            for balancer in region.elb.iter() {
                let mut check = Check {
                    balancer,
                    region,
                    facts,
                    broken: Vec::new(),
                };
                check.all();
                let found = check.broken.into_iter();
                broken.extend(found.map(|rule| format!("{account} {name} {}: {rule}", balancer.name)));
            }
            broken.extend(
                groups(region)
                    .into_iter()
                    .map(|rule| format!("{account} {name}: {rule}")),
            );
        }
    }
    broken
}

struct Check<'c> {
    balancer: &'c LoadBalancer,
    region: &'c Region,
    facts: &'static RegionFacts,
    broken: Vec<String>,
}

impl Check<'_> {
    fn all(&mut self) {
        self.placement();
        self.listeners();
        self.policies();
        self.members();
        self.settings();
    }

    fn rule(&mut self, holds: bool, told: impl FnOnce() -> String) {
        if !holds {
            self.broken.push(told());
        }
    }

    fn placement(&mut self) {
        let balancer = self.balancer;
        self.rule(!balancer.placement.is_empty(), || "it has no subnet".to_owned());
        for (zone, id) in &balancer.placement {
            let subnet = self.region.ec2.subnets.get(id);
            let fits = subnet.is_some_and(|subnet| subnet.zone == *zone && subnet.vpc_id == balancer.vpc_id);
            self.rule(fits && self.facts.has_zone(zone), || {
                format!("subnet {id} does not fit zone {zone}")
            });
            self.rule(!balancer.leaving_zones.contains_key(zone), || {
                format!("{zone} is served and being disabled")
            });
        }
        self.rule(!balancer.security_groups.is_empty(), || {
            "it has no security group".to_owned()
        });
        for id in &balancer.security_groups {
            let group = self.region.ec2.security_groups.get(id);
            let fits = group.is_some_and(|group| group.vpc_id == balancer.vpc_id);
            self.rule(fits, || format!("security group {id} is not in its VPC"));
        }
    }

    fn listeners(&mut self) {
        let mut secure_by_port = BTreeMap::new();
        for (port, listener) in &self.balancer.listeners {
            let secure = listener.protocol.is_secure();
            self.rule(*port > 0 && listener.instance_port > 0, || {
                format!("listener {port} has a port 0")
            });
            self.rule(secure == listener.certificate.is_some(), || {
                format!(
                    "listener {port} with {} and its certificate do not go together",
                    listener.protocol
                )
            });
            let layers = (
                listener.protocol.is_application_layer(),
                listener.instance_protocol.is_application_layer(),
            );
            self.rule(layers.0 == layers.1, || format!("listener {port} mixes layers"));
            let behind = listener.instance_protocol.is_secure();
            let first = *secure_by_port.entry(listener.instance_port).or_insert(behind);
            self.rule(first == behind, || {
                format!("instance port {} is both secure and plain", listener.instance_port)
            });
            let mut secure_policies = 0;
            for name in &listener.policies {
                let kind = self.balancer.policies.get(name).map(|policy| policy.kind);
                secure_policies += usize::from(kind == Some(PolicyType::SslNegotiation));
                let fits = match kind {
                    Some(PolicyType::SslNegotiation) => secure,
                    Some(PolicyType::AppCookieStickiness | PolicyType::LbCookieStickiness) => layers.0,
                    _ => false,
                };
                self.rule(fits, || format!("policy {name} cannot be on listener {port}"));
            }
            let single = secure_policies <= 1 && listener.policies.len() - secure_policies <= 1;
            self.rule(single, || format!("listener {port} has two policies of one kind"));
        }
    }

    fn policies(&mut self) {
        for (port, names) in &self.balancer.backends {
            for name in names {
                let kind = self.balancer.policies.get(name).map(|policy| policy.kind);
                let fits = matches!(
                    kind,
                    Some(PolicyType::ProxyProtocol | PolicyType::BackendServerAuthentication)
                );
                self.rule(fits, || format!("policy {name} cannot be on instance port {port}"));
            }
        }
        for (name, policy) in &self.balancer.policies {
            self.rule(!policy.attributes.is_empty(), || {
                format!("policy {name} has no attributes")
            });
            if policy.kind == PolicyType::BackendServerAuthentication {
                for (_, key) in &policy.attributes {
                    let kind = self.balancer.policies.get(key).map(|policy| policy.kind);
                    self.rule(kind == Some(PolicyType::PublicKey), || {
                        format!("policy {name} refers to {key}, which is no public key")
                    });
                }
            }
        }
    }

    fn members(&mut self) {
        let balancer = self.balancer;
        for id in balancer.instances.keys() {
            let instance = self.region.ec2.instances.get(id);
            let fits = instance.is_some_and(|instance| instance.vpc_id == balancer.vpc_id);
            self.rule(fits, || format!("instance {id} is not in its VPC"));
            self.rule(!balancer.deregistered.contains_key(id), || {
                format!("instance {id} is in and out")
            });
        }
    }

    fn settings(&mut self) {
        let balancer = self.balancer;
        let check = &balancer.health_check;
        self.rule(check.timeout < check.interval, || {
            "its health check times out after the next begins".to_owned()
        });
        self.rule(check.port() > 0, || {
            format!("its health check target is {}", check.target)
        });
        self.rule(balancer.tags.len() <= MAX_TAGS, || {
            format!("it has {} tags", balancer.tags.len())
        });
        let prefix = match balancer.scheme {
            Scheme::Internal => "internal-",
            Scheme::InternetFacing => "",
        };
        let begins = format!("{prefix}{}-", balancer.name);
        let ends = format!(".{}.elb.{}", self.facts.name, self.facts.dns_suffix());
        let named = balancer.dns_name.starts_with(&begins) && balancer.dns_name.ends_with(&ends);
        self.rule(named, || format!("its DNS name is {}", balancer.dns_name));
        let attributes = &balancer.attributes;
        self.rule((1..=4_000).contains(&attributes.idle_timeout), || {
            "its idle timeout is out of range".to_owned()
        });
        self.rule(
            !attributes.access_log.enabled || attributes.access_log.bucket.is_some(),
            || "its access log has no bucket".to_owned(),
        );
    }
}

fn groups(region: &Region) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, group) in &region.autoscaling.by_name {
        if group.min > group.max || !(group.min..=group.max).contains(&group.desired) {
            broken.push(format!(
                "group {name} wants {} of {} to {}",
                group.desired, group.min, group.max
            ));
        }
        for id in group
            .members
            .keys()
            .filter(|id| !region.ec2.instances.contains_key(*id))
        {
            broken.push(format!("group {name} has the unknown instance {id}"));
        }
    }
    broken
}
