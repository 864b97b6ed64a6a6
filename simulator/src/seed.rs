//! What a simulator is filled with at the start, or later on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::acm::{Certificate, CertificateStatus};
use crate::clock::Timestamp;
use crate::config::{DEFAULT_ACCOUNT, DEFAULT_REGION};
use crate::ec2::{self, Launch, Phase};
use crate::iam::ServerCertificate;
use crate::region;
use crate::s3::Bucket;
use crate::wire::Value;
use crate::world::{Call, Settings, World};

mod form;

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
            instances: Vec::new(),
            server_certificates: Vec::new(),
            certificates: Vec::new(),
            load_balancers: Vec::new(),
            launch_configurations: Vec::new(),
            auto_scaling_groups: Vec::new(),
        }
    }
}

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
    /// Such as `t3.micro`.
    pub instance_type: Option<String>,
    /// `running` if absent, else `stopped` or `terminated`.
    pub state: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

/// An IAM server certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServerCertificateSeed {
    /// Its name, which is also the end of its ARN.
    pub name: String,
    /// Begins and ends with a slash; `/` if absent.
    pub path: Option<String>,
    /// When it expires, in seconds since 1970; in a year if absent.
    pub expires: Option<i64>,
}

/// An ACM certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct CertificateSeed {
    /// Its ARN.
    pub arn: String,
    /// The domain it is for; `example.com` if absent.
    pub domain_name: Option<String>,
    /// Further names.
    pub alternative_names: Vec<String>,
    /// `ISSUED` if absent, else `PENDING_VALIDATION`.
    pub status: Option<String>,
    /// When it expires, in seconds since 1970; in a year if absent.
    pub expires: Option<i64>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
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
    /// Tags, which its instances get too.
    pub tags: BTreeMap<String, String>,
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

/// Why a seed was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct SeedError {
    what: String,
    why: String,
}

impl SeedError {
    pub(crate) fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            why: why.into(),
        }
    }
}

impl Seed {
    /// Reads YAML, of which JSON is a part.
    pub fn from_yaml(text: &str) -> Result<Self, SeedError> {
        serde_saphyr::from_str(text).map_err(|error| SeedError::new("seed", error.to_string()))
    }
}

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
    for seed in &seed.regions {
        if seed.account.len() != 12 || !seed.account.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(SeedError::new(
                format!("account {}", seed.account),
                "an account has twelve digits",
            ));
        }
        let facts = region::find(&seed.region)
            .ok_or_else(|| SeedError::new(format!("region {}", seed.region), "there is no such region"))?;
        let params = Value::default();
        for certificate in &seed.server_certificates {
            let account = world.accounts.entry(seed.account.clone()).or_default();
            let planted = server_certificate(certificate, &seed.account, now);
            account.server_certificates.insert(certificate.name.clone(), planted);
        }
        {
            let mut call = world.call(&seed.account, facts, settings, now, &params);
            for instance in &seed.instances {
                plant_instance(&mut call, instance)?;
            }
            for certificate in &seed.certificates {
                plant_certificate(&mut call, certificate)?;
            }
        }
        for (service, operation, form) in form::requests(seed) {
            let what = format!("{operation} {}", seed.region);
            let params = Value::parse(form.as_bytes()).map_err(|error| SeedError::new(&what, error.message))?;
            let mut call = world.call(&seed.account, facts, settings, now, &params);
            let answer = match service {
                form::Target::Elb => {
                    crate::model::check(operation, &params).and_then(|()| crate::elb::answer(&mut call, operation))
                }
                form::Target::AutoScaling => crate::autoscaling::answer(&mut call, operation),
            };
            answer.map_err(|error| SeedError::new(&what, format!("{}: {}", error.code, error.message)))?;
        }
    }
    Ok(())
}

/// As old as the world, so that it is known everywhere already.
fn server_certificate(seed: &ServerCertificateSeed, account: &str, now: Timestamp) -> ServerCertificate {
    let path = seed.path.clone().unwrap_or_else(|| "/".to_owned());
    ServerCertificate {
        arn: format!("arn:aws:iam::{account}:server-certificate{path}{}", seed.name),
        id: "ASCASEEDEDCERTIFICATE".to_owned(),
        path,
        body: String::new(),
        chain: None,
        uploaded: Timestamp::default(),
        expires: expiry(seed.expires, now),
    }
}

fn expiry(seconds: Option<i64>, now: Timestamp) -> Timestamp {
    let year = now.plus(std::time::Duration::from_hours(8760));
    seconds.map_or(year, |seconds| Timestamp::from_millis(seconds.saturating_mul(1000)))
}

fn plant_certificate(call: &mut Call<'_>, seed: &CertificateSeed) -> Result<(), SeedError> {
    if !seed.arn.starts_with("arn:") {
        return Err(SeedError::new(format!("certificate {}", seed.arn), "an ARN is needed"));
    }
    let status = match seed.status.as_deref() {
        None | Some("ISSUED") => CertificateStatus::Issued,
        Some("PENDING_VALIDATION") => CertificateStatus::PendingValidation,
        Some(other) => {
            let why = format!("status {other} is neither ISSUED nor PENDING_VALIDATION");
            return Err(SeedError::new(format!("certificate {}", seed.arn), why));
        }
    };
    let domain = seed.domain_name.as_deref().unwrap_or("example.com");
    let names = std::iter::once(domain.to_owned())
        .chain(seed.alternative_names.iter().cloned())
        .collect();
    let mut certificate = Certificate::requested(domain, names, status, Timestamp::default());
    certificate.not_after = expiry(seed.expires, call.now);
    certificate.tags.clone_from(&seed.tags);
    call.region.certificates.insert(seed.arn.clone(), certificate);
    Ok(())
}

fn plant_instance(call: &mut Call<'_>, seed: &InstanceSeed) -> Result<(), SeedError> {
    let refuse = |why: String| SeedError::new(format!("instance {}", seed.id), why);
    let hex = seed.id.strip_prefix("i-").unwrap_or_default();
    if !matches!(hex.len(), 8 | 17) || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(refuse("an id is i- and 8 or 17 hexadecimal digits".to_owned()));
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
    let launch = Launch {
        subnet_id,
        image_id: "ami-12c6146b".to_owned(),
        instance_type: seed.instance_type.clone().unwrap_or_else(|| "t3.micro".to_owned()),
        tags: seed.tags.clone(),
        id: Some(SmolStr::new(&seed.id)),
        ..Launch::default()
    };
    // Launched long ago, so that it runs whatever the delays.
    let id = ec2::launch(&mut call.region.ec2, call.ids, Timestamp::default(), launch)
        .ok_or_else(|| refuse("there is no such subnet".to_owned()))?;
    let phase = match seed.state.as_deref() {
        None | Some("running") => return Ok(()),
        Some("stopped") => Phase::Stopped(Timestamp::default()),
        Some("terminated") => Phase::Terminated(Timestamp::default()),
        Some(other) => return Err(refuse(format!("state {other} is not running, stopped or terminated"))),
    };
    if let Some(instance) = call.region.ec2.instances.get_mut(&id) {
        instance.phase = phase;
    }
    Ok(())
}
