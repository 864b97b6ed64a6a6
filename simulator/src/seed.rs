//! What a simulator is filled with at the start, or later on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::{DEFAULT_ACCOUNT, DEFAULT_REGION};

mod certificate;
mod error;
mod form;
mod instance;
mod network;
pub(crate) mod plant;

pub use certificate::{CertificateSeed, Moment, ServerCertificateSeed};
pub use error::SeedError;
pub use instance::InstanceSeed;
pub use network::{SecurityGroupSeed, SubnetSeed, VpcSeed};

/// What is to be there, by account and region. Written as YAML or JSON.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// One entry for each account and region; several for the same one add up.
    pub regions: Vec<RegionSeed>,
    /// Buckets for access logs, in the account and region of the default.
    pub buckets: Vec<BucketSeed>,
}

/// What is to be there in one region of one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RegionSeed {
    /// Twelve digits.
    pub account: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// VPCs besides the default one.
    pub vpcs: Vec<VpcSeed>,
    /// Subnets.
    pub subnets: Vec<SubnetSeed>,
    /// Security groups.
    pub security_groups: Vec<SecurityGroupSeed>,
    /// EC2 instances.
    pub instances: Vec<InstanceSeed>,
    /// IAM server certificates, which are not regional but are the account's.
    pub server_certificates: Vec<ServerCertificateSeed>,
    /// ACM certificates.
    pub certificates: Vec<CertificateSeed>,
    /// Classic load balancers.
    pub load_balancers: Vec<LoadBalancerSeed>,
    /// Launch configurations of Auto Scaling.
    pub launch_configurations: Vec<LaunchConfigurationSeed>,
    /// Auto Scaling groups.
    pub auto_scaling_groups: Vec<AutoScalingGroupSeed>,
}

impl Default for RegionSeed {
    fn default() -> Self {
        Self {
            account: DEFAULT_ACCOUNT.to_owned(),
            region: DEFAULT_REGION.to_owned(),
            vpcs: Vec::new(),
            subnets: Vec::new(),
            security_groups: Vec::new(),
            instances: Vec::new(),
            server_certificates: Vec::new(),
            certificates: Vec::new(),
            load_balancers: Vec::new(),
            launch_configurations: Vec::new(),
            auto_scaling_groups: Vec::new(),
        }
    }
}

/// A load balancer, made by the same rules as CreateLoadBalancer and the calls after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LoadBalancerSeed {
    /// Its name.
    pub name: String,
    /// `internet-facing` if absent, else `internal`.
    pub scheme: Option<String>,
    /// Zones of the default VPC, or else `subnets`.
    pub availability_zones: Vec<String>,
    /// Subnets, or else `availabilityZones`.
    pub subnets: Vec<String>,
    /// Security groups.
    pub security_groups: Vec<String>,
    /// Listeners; one on port 80 if absent.
    pub listeners: Vec<ListenerSeed>,
    /// Registered instances.
    pub instances: Vec<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// A listener.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerSeed {
    /// HTTP, HTTPS, TCP or SSL.
    pub protocol: String,
    /// The balancer's port.
    pub port: u16,
    /// The instances' port.
    pub instance_port: u16,
    /// As `protocol` if absent.
    #[serde(default)]
    pub instance_protocol: Option<String>,
    /// The ARN of a certificate.
    #[serde(default)]
    pub certificate: Option<String>,
}

/// A launch configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LaunchConfigurationSeed {
    /// Its name.
    pub name: String,
    /// An image of the simulator if absent.
    pub image_id: Option<String>,
    /// `t3.micro` if absent.
    pub instance_type: Option<String>,
}

/// An Auto Scaling group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AutoScalingGroupSeed {
    /// Its name.
    pub name: String,
    /// The name of its launch configuration.
    pub launch_configuration: String,
    /// Fewest instances.
    pub min_size: u32,
    /// Most instances.
    pub max_size: u32,
    /// How many instances it has.
    pub desired_capacity: u32,
    /// Zones of the default VPC, or else `subnets`.
    pub availability_zones: Vec<String>,
    /// Subnets, or else `availabilityZones`.
    pub subnets: Vec<String>,
    /// Balancers it registers its instances with.
    pub load_balancers: Vec<String>,
    /// Instances that are members beyond those launched for `desiredCapacity`, each in a state of its own. Those in
    /// service and those pending add to the desired capacity.
    pub instances: Vec<MemberSeed>,
    /// Tags, which its instances get too.
    pub tags: BTreeMap<String, String>,
}

/// A member of an Auto Scaling group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MemberSeed {
    /// The instance.
    pub id: String,
    /// `InService` if absent, else any lifecycle state, such as `Pending:Wait`, `Standby` or `Warmed:Stopped`.
    pub lifecycle_state: Option<String>,
}

/// A bucket for access logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BucketSeed {
    /// Its name.
    pub name: String,
    /// The default account if absent.
    pub account: Option<String>,
    /// The default region if absent.
    pub region: Option<String>,
    /// Its policy, as JSON text.
    pub policy: Option<String>,
}

impl Seed {
    /// Reads YAML, of which JSON is a part.
    pub fn from_yaml(text: &str) -> Result<Self, SeedError> {
        serde_saphyr::from_str(text).map_err(|error| SeedError::new("seed", error.to_string()))
    }
}
