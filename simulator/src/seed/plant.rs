//! Puts what a seed describes into the world.

use super::error::SeedError;
use super::form::Target;
use super::{RegionSeed, Seed, certificate, form, instance, network};
use crate::autoscaling::settle::settle;
use crate::call::{Call, Settings};
use crate::clock::Timestamp;
use crate::config::{DEFAULT_ACCOUNT, DEFAULT_REGION};
use crate::region;
use crate::s3::state::Bucket;
use crate::wire::{ApiError, Value};
use crate::world::World;
use crate::{autoscaling, elb, model};

/// Adds what a seed describes.
pub(crate) fn plant(world: &mut World, seed: &Seed, settings: Settings, now: Timestamp) -> Result<(), SeedError> {
    for bucket in &seed.buckets {
        let planted = Bucket {
            account: bucket.account.clone().unwrap_or_else(|| DEFAULT_ACCOUNT.to_owned()),
            region: bucket.region.clone().unwrap_or_else(|| DEFAULT_REGION.to_owned()),
            policy: bucket.policy.clone(),
        };
        world.buckets.insert(bucket.name.clone(), planted);
    }
    seed.regions
        .iter()
        .try_for_each(|region| plant_region(world, region, settings, now))
}

fn plant_region(world: &mut World, seed: &RegionSeed, settings: Settings, now: Timestamp) -> Result<(), SeedError> {
    if seed.account.len() != 12 || !seed.account.bytes().all(|byte| byte.is_ascii_digit()) {
        let what = format!("account {}", seed.account);
        return Err(SeedError::new(what, "an account has twelve digits"));
    }
    let facts = region::find(&seed.region)
        .ok_or_else(|| SeedError::new(format!("region {}", seed.region), "there is no such region"))?;
    let (account, nothing) = (seed.account.as_str(), Value::default());
    for certificate in &seed.server_certificates {
        certificate::plant_server_certificate(world, account, facts.partition(), certificate, now)?;
    }
    let mut call = world.call(account, facts, settings, now, &nothing);
    settle(&mut call);
    plant_network(&mut call, seed)?;
    for instance in &seed.instances {
        instance::plant_instance(&mut call, instance)?;
    }
    for certificate in &seed.certificates {
        certificate::plant_certificate(&mut call, certificate)?;
    }
    for (service, operation, form) in form::requests(seed) {
        let what = format!("{operation} {}", seed.region);
        let params = Value::parse(form.as_bytes()).map_err(|error| SeedError::new(&what, error.message))?;
        let mut call = world.call(account, facts, settings, now, &params);
        settle(&mut call);
        carry_out(&mut call, service, operation)
            .map_err(|error| SeedError::new(&what, format!("{}: {}", error.code, error.message)))?;
    }
    let mut call = world.call(account, facts, settings, now, &nothing);
    settle(&mut call);
    for group in &seed.auto_scaling_groups {
        for member in &group.instances {
            let state = member.lifecycle_state.as_deref().unwrap_or("InService");
            autoscaling::members::plant(&mut call, &group.name, &member.id, state)
                .map_err(|error| SeedError::new(format!("group {}", group.name), error.message))?;
        }
    }
    Ok(())
}

fn plant_network(call: &mut Call<'_>, seed: &RegionSeed) -> Result<(), SeedError> {
    for vpc in &seed.vpcs {
        network::plant_vpc(call, vpc)?;
    }
    for subnet in &seed.subnets {
        network::plant_subnet(call, subnet)?;
    }
    for group in &seed.security_groups {
        network::plant_group(call, group)?;
    }
    Ok(())
}

fn carry_out(call: &mut Call<'_>, service: Target, operation: &str) -> Result<String, ApiError> {
    match service {
        Target::Elb => {
            model::check(operation, call.params)?;
            elb::operations::answer(call, operation)
        }
        Target::AutoScaling => autoscaling::operations::answer(call, operation),
    }
}
