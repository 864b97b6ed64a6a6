//! The services that are simulated, and what of them is the same for all their operations.

use super::error::ApiError;
use super::params::short;

/// The services that are simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Service {
    Elb,
    Ec2,
    AutoScaling,
    Iam,
    Sts,
    Acm,
    Tagging,
    S3,
    CloudTrail,
}

impl Service {
    /// By the name that credential scopes carry.
    pub(crate) fn of_scope(name: &str) -> Option<Self> {
        Some(match name {
            "elasticloadbalancing" => Self::Elb,
            "ec2" => Self::Ec2,
            "autoscaling" => Self::AutoScaling,
            "iam" => Self::Iam,
            "sts" => Self::Sts,
            "acm" => Self::Acm,
            "tagging" => Self::Tagging,
            "s3" => Self::S3,
            "cloudtrail" => Self::CloudTrail,
            _ => return None,
        })
    }

    /// The name that credential scopes carry.
    pub(crate) fn scope(self) -> &'static str {
        match self {
            Self::Elb => "elasticloadbalancing",
            Self::Ec2 => "ec2",
            Self::AutoScaling => "autoscaling",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Acm => "acm",
            Self::Tagging => "tagging",
            Self::S3 => "s3",
            Self::CloudTrail => "cloudtrail",
        }
    }

    /// By the target of the JSON protocols.
    pub(super) fn of_target(target: &str) -> Option<Self> {
        match target.split('.').next()? {
            "CertificateManager" => Some(Self::Acm),
            "CloudTrail_20131101" => Some(Self::CloudTrail),
            "ResourceGroupsTaggingAPI_20170126" => Some(Self::Tagging),
            _ => None,
        }
    }

    /// By the version of the query protocols. EC2 goes by its oldest prefix: boto 2 sends an early version.
    pub(super) fn of_version(version: &str) -> Option<Self> {
        match version {
            "2012-06-01" | "2015-12-01" => Some(Self::Elb),
            "2011-01-01" => Some(Self::AutoScaling),
            "2010-05-08" => Some(Self::Iam),
            "2011-06-15" => Some(Self::Sts),
            _ if version.len() == 10 && version.starts_with("20") => Some(Self::Ec2),
            _ => None,
        }
    }

    /// The version of its API that is served, for the query protocols.
    pub(crate) fn version(self) -> &'static str {
        match self {
            Self::Elb => "2012-06-01",
            Self::Ec2 => "2016-11-15",
            Self::AutoScaling => "2011-01-01",
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
            Self::Acm | Self::Tagging | Self::S3 | Self::CloudTrail => "",
        }
    }

    /// The namespace of its XML.
    pub(crate) fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::AutoScaling => "http://autoscaling.amazonaws.com/doc/2011-01-01/",
            Self::Iam => "https://iam.amazonaws.com/doc/2010-05-08/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::S3 => "http://s3.amazonaws.com/doc/2006-03-01/",
            // The JSON protocols have none.
            Self::Elb | Self::Acm | Self::Tagging | Self::CloudTrail => {
                "http://elasticloadbalancing.amazonaws.com/doc/2012-06-01/"
            }
        }
    }

    /// Whether its requests and replies are JSON.
    pub(crate) fn speaks_json(self) -> bool {
        matches!(self, Self::Acm | Self::Tagging | Self::CloudTrail)
    }

    /// Its error for an operation that it has not, which says so in AWS's words and whose fault that is.
    pub(crate) fn unknown_operation(self, operation: &str) -> ApiError {
        let mut error = self.not_in_version(operation, self.version());
        // Classic ELB is whole: what it has not here, AWS has not.
        if !matches!(self, Self::Elb | Self::S3) {
            error.message = format!("{} ({} is not simulated)", error.message, short(operation));
        }
        error
    }

    /// Its error for an operation that a version of its API has not.
    pub(crate) fn not_in_version(self, operation: &str, version: &str) -> ApiError {
        let (operation, version) = (short(operation), short(version));
        match self {
            Self::Elb | Self::AutoScaling | Self::Iam | Self::Sts => ApiError::sender(
                "InvalidAction",
                format!("Could not find operation {operation} for version {version}"),
            ),
            Self::Ec2 => ApiError::sender(
                "InvalidAction",
                format!("The action {operation} is not valid for this web service."),
            ),
            Self::Acm | Self::Tagging | Self::CloudTrail => {
                ApiError::sender("UnknownOperationException", format!("Unknown operation: {operation}"))
            }
            Self::S3 => ApiError::new(501, "NotImplemented", format!("{operation} is not simulated.")),
        }
    }
}
