//! Instances of a seed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::error::SeedError;
use super::network::check_id;
use crate::call::Call;
use crate::clock::Timestamp;
use crate::ec2::instances::{Launch, launch, terminate};
use crate::ec2::state::Phase;

/// An instance with an id of the test's choosing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InstanceSeed {
    /// `i-` and 8 or 17 hexadecimal digits.
    pub id: String,
    /// Where it runs; the first zone of the region when neither this nor `subnetId` is given.
    pub availability_zone: Option<String>,
    /// A subnet; the default one of the zone if absent.
    pub subnet_id: Option<String>,
    /// Security groups; the default one of the VPC if absent.
    pub security_groups: Vec<String>,
    /// Such as `t3.micro`.
    pub instance_type: Option<String>,
    /// `running` if absent, else `stopped` or `terminated`.
    pub state: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

pub(super) fn plant_instance(call: &mut Call<'_>, seed: &InstanceSeed) -> Result<(), SeedError> {
    let refuse = |why: String| SeedError::new(format!("instance {}", seed.id), why);
    check_id("i", &seed.id)?;
    if call.region.ec2.instances.contains_key(seed.id.as_str()) {
        return Err(refuse("it is there already".to_owned()));
    }
    let groups = &call.region.ec2.security_groups;
    if let Some(unknown) = seed.security_groups.iter().find(|id| !groups.contains_key(*id)) {
        return Err(refuse(format!("there is no security group {unknown}")));
    }
    let first = call.facts.zone_names().next().unwrap_or_default();
    let zone = seed.availability_zone.as_deref().unwrap_or(&first);
    let subnet_id = match &seed.subnet_id {
        Some(subnet) => subnet.clone(),
        None => call
            .region
            .ec2
            .default_subnet(zone)
            .ok_or_else(|| refuse(format!("there is no default subnet in {zone}")))?
            .to_owned(),
    };
    let wanted = Launch {
        subnet_id,
        image_id: "ami-12c6146b".to_owned(),
        instance_type: seed.instance_type.clone().unwrap_or_else(|| "t3.micro".to_owned()),
        security_groups: seed.security_groups.clone(),
        tags: seed.tags.clone(),
        id: Some(SmolStr::new(&seed.id)),
        ..Launch::default()
    };
    // Launched long ago, so that it runs whatever the delays.
    let id = launch(&mut call.region.ec2, call.ids, Timestamp::default(), wanted)
        .ok_or_else(|| refuse("there is no such subnet".to_owned()))?;
    match seed.state.as_deref() {
        None | Some("running") => {}
        Some("stopped") => {
            if let Some(instance) = call.region.ec2.instances.get_mut(&id) {
                instance.phase = Phase::Stopped(Timestamp::default());
            }
        }
        // Just now, so that EC2 still shows it.
        Some("terminated") => {
            let at = call.now.minus(call.settings.timing.instance_state);
            terminate(&mut call.region.ec2, &id, at);
        }
        Some(other) => return Err(refuse(format!("state {other} is not running, stopped or terminated"))),
    }
    Ok(())
}
