//! What is looked at of things that a load balancer refers to: their tags, where an account has rules for them, and certificates.
//!
//! The same question of several objects is asked once.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::jiff::Timestamp;

use super::View;
use super::by_lane::ByLane;
use super::neighbours::{Answer, shared, together};
use crate::aws::client::{Client, FILTER_VALUES};
use crate::elb::{Certificate, DESCRIBE_AUTO_SCALING_GROUPS, InstanceId};

type Tags = BTreeMap<String, String>;

/// What names a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CertificateOf {
    /// Its ARN, of ACM or IAM.
    Arn(String),
    /// The name of a server certificate in IAM.
    Server(String),
    /// The domain that it was issued for, in ACM.
    Domain(String),
}

impl CertificateOf {
    fn operation(&self) -> &'static str {
        match self {
            Self::Arn(arn) if !arn.contains(":iam:") => "DescribeCertificate",
            Self::Arn(_) | Self::Server(_) => "GetServerCertificate",
            Self::Domain(_) => "ListCertificates",
        }
    }
}

/// What was read of them.
#[derive(Debug, Default)]
pub(super) struct Referred {
    instances: ByLane<InstanceId, Answer<Option<Tags>>>,
    groups: ByLane<String, Answer<Option<Tags>>>,
    certificate_tags: ByLane<String, Answer<Option<Tags>>>,
    certificates: ByLane<CertificateOf, Answer<Certificate>>,
}

impl Referred {
    pub(super) fn clear(&self) {
        self.instances.answers().clear();
        self.groups.answers().clear();
        self.certificate_tags.answers().clear();
        self.certificates.answers().clear();
    }
}

impl View {
    /// The tags of those of these instances that there are (EC2 `DescribeInstances`, those of several objects in one call).
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of_instances(&self, ids: &BTreeSet<InstanceId>) -> Answer<BTreeMap<InstanceId, Tags>> {
        let read = |client: Client, ids: BTreeSet<InstanceId>| async move { client.tags_of_instances(&ids).await };
        let operation = ("DescribeInstances", FILTER_VALUES);
        together(self, operation, &self.readings.referred.instances, ids, read).await
    }

    /// The tags of those of these Auto Scaling groups that there are (`DescribeAutoScalingGroups`, those of several objects in one
    /// call).
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of_groups(&self, names: &BTreeSet<String>) -> Answer<BTreeMap<String, Tags>> {
        let read = |client: Client, names: BTreeSet<String>| async move { client.tags_of_groups(&names).await };
        let operation = ("DescribeAutoScalingGroups", DESCRIBE_AUTO_SCALING_GROUPS);
        together(self, operation, &self.readings.referred.groups, names, read).await
    }

    /// The tags of the certificate of this ARN, in IAM or in ACM; `None`: it is not there.
    ///
    /// # Errors
    /// When AWS cannot be asked.
    pub async fn tags_of_certificate(&self, arn: &String) -> Answer<Option<Tags>> {
        let read = |client: Client, arn: String| async move { client.tags_of_certificate(&arn).await };
        let operation = if arn.contains(":iam:") {
            "GetServerCertificate"
        } else {
            "ListTagsForCertificate"
        };
        shared(self, operation, &self.readings.referred.certificate_tags, arn, read).await
    }

    /// A certificate. `now` is when it must be valid if it is named by its domain.
    ///
    /// # Errors
    /// `CertificateNotFound`, or whatever kept AWS from answering.
    pub async fn certificate(&self, of: &CertificateOf, now: Timestamp) -> Answer<Certificate> {
        let read = |client: Client, of: CertificateOf| async move {
            match of {
                CertificateOf::Arn(arn) => client.certificate(&arn).await,
                CertificateOf::Server(name) => client.server_certificate(&name).await,
                CertificateOf::Domain(domain) => client.certificate_of_domain(&domain, now).await,
            }
        };
        let certificates = &self.readings.referred.certificates;
        shared(self, of.operation(), certificates, of, read).await
    }
}
