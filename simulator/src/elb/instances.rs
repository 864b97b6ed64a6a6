//! Registering and deregistering instances.

use std::time::Duration;

use smol_str::SmolStr;

use super::limits::MAX_INSTANCES;
use super::request::invalid_configuration;
use super::state::{LoadBalancer, Registration};
use crate::call::Call;
use crate::clock::Timestamp;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};
use crate::world::Region;

/// How many departed instances a balancer can still tell from strangers.
const REMEMBERED: usize = 1000;

pub(super) fn register(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let ids = read_ids(call)?;
    let vpc_id = call.balancer()?.vpc_id.clone();
    for id in &ids {
        let instance = call.region.ec2.instances.get(id).filter(|instance| !instance.is_gone());
        let instance = instance.ok_or_else(|| not_found(id))?;
        if instance.vpc_id != vpc_id {
            let message = format!("EC2 instance {id} is not in the same VPC as ELB.");
            return Err(ApiError::sender("InvalidInstance", message));
        }
    }
    call.edit(|balancer, call| {
        join(balancer, call.now, ids);
        purge(balancer, call.region, call.now, call.settings.timing.terminated_listed);
        if call.settings.quotas && balancer.instances.len() > MAX_INSTANCES {
            return Err(invalid_configuration(
                "The quota for the number of registered instances has been reached.",
            ));
        }
        write(xml, balancer);
        Ok(())
    })
}

pub(super) fn deregister(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.balancer()?;
    let ids = read_ids(call)?;
    let now = call.now;
    call.edit(|balancer, call| {
        for id in &ids {
            if !balancer.instances.contains_key(id) && !balancer.deregistered.contains_key(id) {
                return Err(not_found(id));
            }
        }
        leave(balancer, now, call.settings.timing.draining, &ids);
        purge(balancer, call.region, now, call.settings.timing.terminated_listed);
        write(xml, balancer);
        Ok(())
    })
}

/// The ids in `Instances`, each once.
pub(super) fn read_ids(call: &Call<'_>) -> Result<Vec<SmolStr>, ApiError> {
    let mut ids = Vec::new();
    for given in call.params.list("Instances") {
        let id = SmolStr::new(given.str("InstanceId").unwrap_or_default());
        let hex = id.strip_prefix("i-").unwrap_or_default();
        if hex.is_empty() || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = format!("Invalid Instance ID: {}", short(&id));
            return Err(ApiError::sender("InvalidInstance", message));
        }
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// Makes instances members. Those that are keep the time they joined.
pub(crate) fn join(balancer: &mut LoadBalancer, now: Timestamp, ids: impl IntoIterator<Item = SmolStr>) {
    for id in ids {
        balancer.deregistered.remove(&id);
        balancer.instances.entry(id).or_insert(Registration { at: now });
    }
}

/// Ends memberships; with draining the instance still serves for a while, though it is no longer listed.
pub(crate) fn leave(balancer: &mut LoadBalancer, now: Timestamp, slow: bool, ids: &[SmolStr]) {
    let draining = slow && balancer.attributes.draining;
    let timeout = if draining {
        u64::from(balancer.attributes.draining_timeout)
    } else {
        0
    };
    let until = now.plus(Duration::from_secs(timeout));
    for id in ids {
        if balancer.instances.remove(id).is_some() {
            balancer.deregistered.insert(id.clone(), until);
        }
    }
    while balancer.deregistered.len() > REMEMBERED {
        let oldest = balancer
            .deregistered
            .iter()
            .min_by_key(|(_, until)| **until)
            .map(|(id, _)| id.clone());
        oldest.and_then(|id| balancer.deregistered.remove(&id));
    }
}

/// Forgets members that were terminated, as AWS does by itself.
fn purge(balancer: &mut LoadBalancer, region: &Region, now: Timestamp, listed_for: Duration) {
    balancer.instances.retain(|id, _| lives(region, id, now, listed_for));
}

/// Whether a member is still an instance; a terminated one stays listed for a while.
fn lives(region: &Region, id: &str, now: Timestamp, listed_for: Duration) -> bool {
    match region.ec2.instances.get(id) {
        Some(instance) => instance.terminated_at().is_none_or(|at| now < at.plus(listed_for)),
        None => false,
    }
}

/// Whether `DescribeLoadBalancers` lists a member.
pub(super) fn is_listed(call: &Call<'_>, id: &str) -> bool {
    lives(call.region, id, call.now, call.settings.timing.terminated_listed)
}

fn write(xml: &mut Xml, balancer: &LoadBalancer) {
    xml.members("Instances", balancer.instances.keys(), |xml, id| {
        xml.text("InstanceId", id);
    });
}

/// AWS uses the same words for an instance that does not exist and for one that is not registered.
pub(super) fn not_found(id: &str) -> ApiError {
    ApiError::sender("InvalidInstance", format!("Could not find EC2 instance {id}."))
}
