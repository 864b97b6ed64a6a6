//! Launch configurations.

use super::state::LaunchConfiguration;
use crate::call::Call;
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

pub(super) fn create(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let params = call.params;
    let name = params.required("LaunchConfigurationName")?;
    let configuration = LaunchConfiguration {
        image_id: params.required("ImageId")?.to_owned(),
        instance_type: params.non_empty("InstanceType").unwrap_or("m1.small").to_owned(),
        key_name: params.non_empty("KeyName").map(str::to_owned),
        security_groups: params.strings("SecurityGroups"),
        created: call.now,
    };
    if call.region.autoscaling.configurations.contains_key(name) {
        let message = format!(
            "Launch Configuration by this name already exists - A launch configuration already exists with the name {name}"
        );
        return Err(ApiError::sender("AlreadyExists", message));
    }
    call.region
        .autoscaling
        .configurations
        .insert(name.to_owned(), configuration);
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>, _: &mut Xml) -> Result<(), ApiError> {
    let name = call.params.required("LaunchConfigurationName")?;
    let groups = &mut call.region.autoscaling;
    if groups
        .by_name
        .values()
        .any(|group| group.launch_configuration.as_deref() == Some(name))
    {
        let message = format!("Cannot delete launch configuration {name} because it is attached to AutoScalingGroup");
        return Err(ApiError::sender("ResourceInUse", message));
    }
    if groups.configurations.remove(name).is_none() {
        let message = format!(
            "Launch configuration name not found - Launch configuration {} not found",
            short(name)
        );
        return Err(ApiError::validation(message));
    }
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let names = call.params.strings("LaunchConfigurationNames");
    let configurations = &call.region.autoscaling.configurations;
    let listed = configurations
        .iter()
        .filter(|(name, _)| names.is_empty() || names.contains(name));
    xml.members("LaunchConfigurations", listed, |xml, (name, configuration)| {
        let arn = format!(
            "arn:{}:autoscaling:{}:{}:launchConfiguration:{}:launchConfigurationName/{name}",
            call.facts.partition(),
            call.facts.name,
            call.account,
            "00000000-0000-4000-8000-000000000000"
        );
        xml.text("LaunchConfigurationName", name)
            .text("LaunchConfigurationARN", &arn);
        xml.text("ImageId", &configuration.image_id)
            .text("InstanceType", &configuration.instance_type);
        xml.text("KeyName", configuration.key_name.as_deref().unwrap_or_default());
        xml.strings(
            "SecurityGroups",
            configuration.security_groups.iter().map(String::as_str),
        );
        xml.show("CreatedTime", configuration.created)
            .show("EbsOptimized", false);
        xml.text("UserData", "").text("KernelId", "").text("RamdiskId", "");
        xml.strings("ClassicLinkVPCSecurityGroups", [])
            .strings("BlockDeviceMappings", []);
        xml.element("InstanceMonitoring", |xml| {
            xml.show("Enabled", true);
        });
    });
    Ok(())
}
