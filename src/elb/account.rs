//! Pure: the AWS account, and what of it load balancers refer to.

use std::collections::{BTreeMap, BTreeSet};

use super::InstanceId;

/// The account that credentials belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// `aws`, `aws-cn`, `aws-us-gov`, …
    pub partition: String,
    /// The ARN of who answered: a user, or a session of a role.
    pub caller: String,
}

impl Account {
    /// Who answered, without the name of a session, which another process may not have.
    pub fn identity(&self) -> &str {
        match self.caller.split_once(":assumed-role/") {
            Some((_, role)) => {
                let session = role.split_once('/').map_or(0, |(_, session)| session.len() + 1);
                &self.caller[..self.caller.len() - session]
            }
            None => &self.caller,
        }
    }

    /// The ARN of a Classic load balancer. No call answers with it; IAM and tagging use it.
    pub fn load_balancer_arn(&self, region: &str, name: &str) -> String {
        format!(
            "arn:{}:elasticloadbalancing:{region}:{}:loadbalancer/{name}",
            self.partition, self.id
        )
    }
}

/// A server certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The ARN.
    pub arn: String,
    /// When it expires, RFC 3339.
    pub not_after: Option<String>,
}

/// An Auto Scaling group, as far as it matters to load balancers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AutoScalingGroup {
    /// The name of the group.
    pub name: String,
    /// The names of the Classic load balancers it registers its instances with.
    pub load_balancers: BTreeSet<String>,
    /// Its instances with their zones.
    pub instances: BTreeMap<InstanceId, Option<String>>,
    /// Those of them whose lifecycle state is `InService`.
    pub in_service: BTreeSet<InstanceId>,
}
