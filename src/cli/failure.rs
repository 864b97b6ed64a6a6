//! Why a command failed, in one line for a person: what, the cause, and a hint.

use std::fmt;

use super::{Exit, region};
use crate::aws::{self, Class};

/// A failed command.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// Something could not be done.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            message: message.into(),
        }
    }

    /// The arguments make no sense.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.into(),
        }
    }

    /// A call to AWS failed.
    pub(super) fn aws(in_region: &str, error: &aws::Error) -> Self {
        let hint = match error.class {
            _ if !region::is_known(in_region) => {
                format!("{in_region} is no region that this version knows, `kubectl clb regions` lists them")
            }
            // The chain tells of its last link alone, which says little on a machine of a person.
            Class::Denied if error.code == "CredentialsNotLoaded" => {
                "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; for a profile with single sign-on run \
                 `eval \"$(aws configure export-credentials --format env)\"` first"
                    .to_owned()
            }
            Class::Denied => format!("the credentials must be valid and allowed to {}", error.operation),
            Class::Throttled => "AWS asks for fewer calls, try again in a minute".to_owned(),
            _ => "check the network, --region and AWS_ENDPOINT_URL".to_owned(),
        };
        Self::new(format!("AWS in {in_region}: {error}; {hint}"))
    }

    /// A request to Kubernetes failed.
    pub(super) fn kube(doing: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::new(format!(
                "{doing}: {}; check --kubeconfig, --context and that the API server answers",
                causes(error)
            ));
        };
        let hint = match status.code {
            401 => "the credentials of the kubeconfig are not accepted".to_owned(),
            403 => "ask for that right, or name another identity with --as or --context".to_owned(),
            404 if !status.message.contains(" \"") => {
                "is the CustomResourceDefinition of ClassicLoadBalancer installed?".to_owned()
            }
            _ => String::new(),
        };
        let separator = if hint.is_empty() { "" } else { "; " };
        Self::new(format!("{doing}: {}{separator}{hint}", status.message))
    }

    /// The exit status.
    pub(super) fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    /// One line, whatever the cause looked like.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = self.message.split_whitespace().collect();
        f.write_str(&words.join(" "))
    }
}

/// An error and what stands behind it, each thing once.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let inner = cause.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        next = cause.source();
    }
    text
}
