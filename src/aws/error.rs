//! What went wrong, by class.

use std::fmt;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::cause::{cause, stems_from};
use super::retry::CutShort;
use super::session::ASSUME_ROLE;
use crate::api::message::{self, Message};
use crate::api::reason::{self, AWS_ERROR, Kind};
use crate::elb::{Class, Code, Wait};
use crate::plan::Refusal;

/// A failed call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The operation.
    pub operation: &'static str,
    /// What follows.
    pub class: Class,
    /// AWS's code, or the name of a failure on the way.
    pub code: String,
    /// AWS's message, without request ids.
    pub message: String,
    /// AWS's id of the request, for its support.
    pub request_id: Option<String>,
    /// How long to wait for a turn, where the call was not made since our share of AWS's rate is used up.
    pub wait: Option<Box<Wait>>,
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.told().fmt(f)
    }
}

impl Error {
    /// One that does not come from the SDK.
    pub fn new(operation: &'static str, class: Class, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            operation,
            class,
            code: code.into(),
            message: message.into(),
            request_id: None,
            wait: None,
        }
    }

    /// Whether EC2 names instances that it does not know.
    pub(super) fn names_instances(&self) -> bool {
        self.code == "InvalidInstanceID.NotFound"
    }

    /// Whether ACM or IAM says that it does not have what was asked for.
    pub(super) fn knows_none(&self) -> bool {
        const CODES: [&str; 4] = [
            "InvalidArnException",
            "NoSuchEntity",
            "ResourceNotFoundException",
            "ValidationException",
        ];
        CODES.contains(&self.code.as_str())
    }

    /// Whether a region answers so that is not enabled, also to credentials that are good elsewhere.
    pub fn may_be_of_the_region(&self) -> bool {
        const CODES: [&str; 3] = ["AuthFailure", "InvalidClientTokenId", "OptInRequired"];
        self.class == Class::Denied && CODES.contains(&self.code.as_str())
    }

    /// Reads the SDK's error.
    pub(super) fn of_sdk<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
    {
        // A role that STS does not let us have fails whatever was to be called with it.
        if let Some(refused) = cause::<SdkError<AssumeRoleError, HttpResponse>>(error) {
            return Self::of_sdk(ASSUME_ROLE, refused);
        }
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (code, message) = match error {
            SdkError::ServiceError(service) => (
                service.err().code().map_or_else(|| code_of(status), ToOwned::to_owned),
                service
                    .err()
                    .message()
                    .map_or_else(message::no_message, ToOwned::to_owned),
            ),
            SdkError::TimeoutError(_) => {
                let answer = message::timeout();
                (answer.code.to_owned(), answer.text)
            }
            // Not what the SDK was at when it found out.
            SdkError::ResponseError(_) if stems_from::<CutShort>(error) => {
                let answer = message::cut_short();
                (answer.code.to_owned(), answer.text)
            }
            _ if stems_from::<CredentialsError>(error) => ("CredentialsNotLoaded".to_owned(), causes(error)),
            SdkError::ConstructionFailure(_) => ("RequestNotSent".to_owned(), causes(error)),
            SdkError::ResponseError(_) => ("BadReply".to_owned(), causes(error)),
            _ => ("Unreachable".to_owned(), causes(error)),
        };
        let request_id = error
            .raw_response()
            .and_then(|r| r.headers().get("x-amzn-requestid"))
            .map(ToOwned::to_owned);
        let refused = matches!(error, SdkError::ServiceError(_)) && status.is_some_and(|status| status < 500);
        Self {
            operation,
            class: classify(operation, &code, &message, refused),
            code,
            message,
            request_id,
            wait: None,
        }
    }

    /// The reason for a condition: what is missing, or AWS's code.
    pub fn reason(&self) -> String {
        let known = reason::known_code(&self.code).and_then(|(_, reason)| reason);
        let name = match known {
            Some(reason) => reason,
            None if self.code == "ValidationError" && self.class == Class::MissingReference => {
                reason::AUTO_SCALING_GROUP_NOT_FOUND
            }
            None => &self.code,
        };
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        if letters.starts_with(|c: char| c.is_ascii_alphabetic()) {
            letters
        } else {
            AWS_ERROR.to_owned()
        }
    }

    /// The field that AWS speaks of, where its answer says so much, and what to do.
    pub fn field(&self) -> Option<(&'static str, String)> {
        match self.code.as_str() {
            "InvalidSecurityGroup" | "InvalidGroup.NotFound" => {
                Some(("spec.securityGroups", message::correct_groups()))
            }
            _ if self.message.starts_with("Security group") => Some(("spec.securityGroups", message::correct_groups())),
            "SubnetNotFound" | "InvalidSubnet" | "InvalidSubnetID.NotFound" => {
                Some(("spec.subnets", message::correct_subnets()))
            }
            "CertificateNotFound" => Some(("spec.listeners[].certificate", message::correct_certificates())),
            _ if self.is_about_zones() => Some(("spec.availabilityZones", message::correct_zones())),
            _ => None,
        }
    }

    /// Whether AWS refused Availability Zones.
    pub fn is_about_zones(&self) -> bool {
        self.message.contains("AvailabilityZones are not valid")
    }

    /// What a condition says of it.
    pub fn told(&self) -> Message {
        message::said(self.reason(), self.operation, &self.code, &self.message)
    }
}

impl Refusal for Error {
    fn class(&self) -> Class {
        self.class
    }

    fn code(&self) -> Code {
        match self.code.as_str() {
            "InvalidInstance" => Code::InvalidInstance,
            "DuplicateListener" => Code::DuplicateListener,
            // AWS answers `InvalidConfigurationRequest` for many things; only the text tells this one.
            _ if self.message.contains("multiple subnets in the same AZ") => Code::SameZone,
            _ => Code::Other,
        }
    }

    fn message(&self) -> &str {
        &self.message
    }
}

/// Without a code the status of the reply has to do; some proxies answer 429 or 503 in HTML.
fn code_of(status: Option<u16>) -> String {
    match status {
        Some(429) => "TooManyRequests".to_owned(),
        Some(status) => format!("HTTP{status}"),
        None => "NoReply".to_owned(),
    }
}

/// What stands behind an error, innermost last, each thing once. It goes into status, so it holds no ids and no dumps.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        // The SDK prints the whole request here.
        let text = text.split(" to request `").next().unwrap_or_default().to_owned();
        if !texts.iter().any(|known| known.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// What follows from a code. The known ones stand in the table that the reference of reasons is printed from.
fn classify(operation: &str, code: &str, message: &str, refused: bool) -> Class {
    match code {
        // Auto Scaling has no code of its own for a group that is not there.
        "ValidationError" if operation.ends_with("tachLoadBalancers") && message.contains("not found") => {
            return Class::MissingReference;
        }
        "InvalidConfigurationRequest" if message.contains("Access Denied for bucket") => {
            return Class::MissingReference;
        }
        _ => {}
    }
    match reason::known_code(code).map(|(kind, _)| kind) {
        Some(Kind::MissingReference) => Class::MissingReference,
        Some(Kind::Invalid) => Class::Invalid,
        Some(Kind::Duplicate) => Class::Duplicate,
        Some(Kind::Gone) => Class::Gone,
        Some(Kind::Quota) => Class::Quota,
        Some(Kind::Denied) => Class::Denied,
        Some(Kind::Throttled) => Class::Throttled,
        Some(Kind::Settling) => Class::Settling,
        Some(Kind::NotLeader) => Class::NotLeader,
        Some(Kind::OverBudget) => Class::OverBudget,
        None if refused => Class::Refused,
        Some(Kind::Unavailable) | None => Class::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttles_that_the_sdk_does_not_know_are_throttles() {
        for code in [
            "DependencyThrottle",
            "TooManyRequests",
            "Throttling",
            "RequestLimitExceeded",
        ] {
            assert_eq!(
                classify("DescribeLoadBalancers", code, "", true),
                Class::Throttled,
                "{code}"
            );
        }
    }

    #[test]
    fn requests_are_not_printed() {
        let error = std::io::Error::other("failed to apply endpoint `x` to request `Request { body: secret }`: bad");
        assert_eq!(causes(&error), "failed to apply endpoint `x`");
    }

    #[test]
    fn unknown_codes_are_tried_again() {
        assert_eq!(classify("AddTags", "InternalFailure", "", false), Class::Unavailable);
        assert_eq!(classify("AddTags", "HTTP502", "", false), Class::Unavailable);
    }

    #[test]
    fn a_refusal_that_nobody_knows_stops_no_other_track() {
        assert_eq!(
            classify("AttachLoadBalancers", "InstanceRefreshInProgress", "", true),
            Class::Refused
        );
    }

    #[test]
    fn reasons_are_words() {
        let error = |code: &str| Error::new("X", Class::Unavailable, code, "");
        assert_eq!(error("InvalidSecurityGroup").reason(), "SecurityGroupNotFound");
        assert_eq!(error("Client.Odd-Code").reason(), "ClientOddCode");
        assert_eq!(error("503").reason(), "AWSError");
    }
}
