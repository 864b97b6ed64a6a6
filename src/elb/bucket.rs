//! Pure: the buckets of tokens that AWS keeps for an account in a region.

use std::time::Duration;

use super::Lane;

/// A bucket of tokens that AWS keeps for an account in a region: a call takes one, or is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Bucket {
    /// Every call to Elastic Load Balancing takes one here as well as in one of the next four.
    Account,
    /// `Describe*`.
    Describe,
    /// `RegisterInstancesWithLoadBalancer` and `DeregisterInstancesFromLoadBalancer`.
    Registration,
    /// Every other change.
    Mutating,
    /// `CreateLoadBalancer`, and changes of subnets and zones.
    ResourceIntensive,
    /// Reads of EC2.
    Ec2,
    /// Auto Scaling.
    AutoScaling,
    /// AWS Certificate Manager.
    Acm,
    /// Identity and Access Management.
    Iam,
}

/// The call that lists the load balancers of an Auto Scaling group, as errors and metrics name it: Elastic Load Balancing has another
/// of that name.
pub const ATTACHED: &str = "autoscaling:DescribeLoadBalancers";

/// A number of calls for each bucket, in the order of [`Bucket::ALL`].
pub type Calls = [u32; Bucket::ALL.len()];

/// Into so many parts a call is counted in line, since one read tells of as many load balancers.
pub const PARTS: u32 = 20;

/// How long to wait for a turn, and which bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wait {
    /// When to ask again: what stands before it in line may be given up meanwhile.
    pub time: Duration,
    /// How long it is until its turn, as things stand.
    pub told: Duration,
    /// What the call draws from.
    pub bucket: Bucket,
    /// The calls that there shall be a turn for: with fewer, whoever waits would begin anew and get no further.
    pub calls: Calls,
    /// How much of them holds up those behind it in line, in parts of a call: [`PARTS`].
    pub parts: Calls,
    /// The lane that it waits in.
    pub lane: Lane,
}

impl Bucket {
    /// All of them, in the order of the type.
    pub const ALL: [Self; 9] = [
        Self::Account,
        Self::Describe,
        Self::Registration,
        Self::Mutating,
        Self::ResourceIntensive,
        Self::Ec2,
        Self::AutoScaling,
        Self::Acm,
        Self::Iam,
    ];

    /// As flags and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Describe => "describe",
            Self::Registration => "registration",
            Self::Mutating => "mutating",
            Self::ResourceIntensive => "resource-intensive",
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Acm => "acm",
            Self::Iam => "iam",
        }
    }

    /// The buckets that a call takes a token from; none: AWS publishes no limit that would bind us.
    pub fn of(operation: &str) -> &'static [Self] {
        match operation {
            "GetCallerIdentity" | "AssumeRole" | "LookupEvents" => &[],
            "CreateLoadBalancer"
            | "AttachLoadBalancerToSubnets"
            | "DetachLoadBalancerFromSubnets"
            | "EnableAvailabilityZonesForLoadBalancer"
            | "DisableAvailabilityZonesForLoadBalancer" => &[Self::ResourceIntensive, Self::Account],
            "RegisterInstancesWithLoadBalancer" | "DeregisterInstancesFromLoadBalancer" => {
                &[Self::Registration, Self::Account]
            }
            "DescribeLoadBalancers"
            | "DescribeTags"
            | "DescribeInstanceHealth"
            | "DescribeLoadBalancerAttributes"
            | "DescribeLoadBalancerPolicies"
            | "DescribeLoadBalancerPolicyTypes"
            | "DescribeAccountLimits" => &[Self::Describe, Self::Account],
            "ListCertificates" | "DescribeCertificate" | "ListTagsForCertificate" => &[Self::Acm],
            "GetServerCertificate" | "ListServerCertificates" | "SimulatePrincipalPolicy" => &[Self::Iam],
            "AttachLoadBalancers" | "DetachLoadBalancers" | ATTACHED => &[Self::AutoScaling],
            _ if operation.starts_with("DescribeAutoScaling") => &[Self::AutoScaling],
            _ if operation.starts_with("Describe") => &[Self::Ec2],
            _ => &[Self::Mutating, Self::Account],
        }
    }
}
