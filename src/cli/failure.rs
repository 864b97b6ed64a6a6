//! Why a command failed, in one line for a person: what, the cause, and a hint.

use std::fmt;

use kube::client::AuthError;

use super::{Exit, region};
use crate::api::message;
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
            _ if !region::is_known(in_region) => message::region_not_known(in_region),
            Class::Denied if error.code == NO_CREDENTIALS => return Self::new(no_credentials(error)),
            Class::Denied => format!("the credentials must be valid and allowed to {}", error.operation),
            Class::Throttled => "AWS asks for fewer calls, try again in a minute".to_owned(),
            _ => "check the network, --region and AWS_ENDPOINT_URL".to_owned(),
        };
        let what = error.to_string();
        Self::new(format!("AWS in {in_region}: {}; {hint}", what.trim_end_matches('.')))
    }

    /// A request to Kubernetes failed.
    pub(super) fn kube(doing: &str, error: &kube::Error) -> Self {
        let kube::Error::Api(status) = error else {
            return Self::new(format!(
                "{doing}: {}; check --kubeconfig, --context and that the API server answers",
                causes(error).trim_start_matches("ServiceError: ")
            ));
        };
        // A proxy, or something else altogether.
        if status.message.trim_start().starts_with('<') {
            return Self::new(format!(
                "{doing}: the answer (HTTP {}) is none of a Kubernetes API server; check --kubeconfig, --context and the \
                 proxy",
                status.code
            ));
        }
        let hint = match status.code {
            404 if status.message.starts_with("namespaces ") => {
                "create it first, or name another one with -n".to_owned()
            }
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

    /// Takes it out of where it was kept.
    pub(super) fn take(&mut self) -> Self {
        Self {
            exit: self.exit,
            message: std::mem::take(&mut self.message),
        }
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

/// The code of [`aws::Error`] where the standard chain gave no credentials.
pub(super) const NO_CREDENTIALS: &str = "CredentialsNotLoaded";

/// Why there are no credentials, and how to get some. The SDK tells of every link of its chain, the one that was meant
/// among them.
pub(super) fn no_credentials(error: &aws::Error) -> String {
    let export = "run `eval \"$(aws configure export-credentials --format env)\"` first";
    let said = error.message.as_str();
    let holds = |words: &[&str]| words.iter().any(|word| said.contains(word));
    if holds(&["credentials-login"]) {
        return format!("the AWS profile has a session of `aws login`, which this program does not read: {export}");
    }
    if holds(&["SSO token", "/sso/cache/", "access token", "UnauthorizedException"]) {
        return "the AWS profile has no valid session of single sign-on: run `aws sso login`, with --profile for another \
                profile than the default one"
            .to_owned();
    }
    if let Some((_, rest)) = said.split_once("profile `")
        && let Some((name, _)) = rest.split_once("` was not defined")
    {
        return format!(
            "there is no AWS profile {name:?}: set AWS_PROFILE to one that `aws configure list-profiles` names"
        );
    }
    if holds(&["no credentials found in chain"]) {
        return "no AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned();
    }
    let said = said.trim_start_matches("dispatch failure: other: ").trim_end();
    format!("no AWS credentials: {said}; check the AWS profile, or {export}")
}

/// An error and what stands behind it, each thing once.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut chain = std::iter::successors(Some(error), |cause| cause.source());
    if let Some(said) = chain.find_map(|error| error.downcast_ref().and_then(said_of_plugin)) {
        return said;
    }
    let mut text = String::new();
    for error in std::iter::successors(Some(error), |cause| cause.source()) {
        let inner = without_snippet(&error.to_string());
        if text.is_empty() {
            text = inner;
        } else if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
    }
    text
}

/// A plugin that gives no credentials; kube shows the bytes that it wrote, and its environment.
fn said_of_plugin(error: &AuthError) -> Option<String> {
    match error {
        AuthError::AuthExecRun { out, .. } => {
            let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
            Some(format!("its credential plugin failed ({}): {said}", out.status))
        }
        AuthError::AuthExecStart(error) => Some(format!(
            "its credential plugin cannot be started ({error}), is it installed? `kubectl config view --minify` names it"
        )),
        _ => None,
    }
}

/// Parsers show lines of what they read, which is no text for one line, and may be a secret.
pub(super) fn without_snippet(text: &str) -> String {
    let lines = text.lines().take_while(|line| !line.trim_start().starts_with("-->"));
    lines
        .collect::<Vec<_>>()
        .join(" ")
        .trim_start_matches("error: ")
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_credentials_are_told_with_what_to_do() {
        for (said, expected) in [
            (
                "no credentials found in chain. Attempted: Environment: …",
                "set AWS_PROFILE",
            ),
            (
                "profile `nope` was not defined: could not find source profile",
                "no AWS profile \"nope\"",
            ),
            ("failed to load the cached SSO token", "aws sso login"),
            (
                "failed to read `/home/x/.aws/sso/cache/a51.json`: No such file",
                "aws sso login",
            ),
            ("cargo feature(s) enabled: credentials-login", "export-credentials"),
            (
                "external process exited with code 1. Stderr: no session",
                "no session; check the AWS profile",
            ),
        ] {
            let error = aws::Error {
                operation: "DescribeLoadBalancers",
                class: Class::Denied,
                code: NO_CREDENTIALS.to_owned(),
                message: format!("dispatch failure: other: {said}"),
                request_id: None,
                wait: None,
            };
            let message = Failure::aws("us-east-1", &error).to_string();
            assert!(
                message.contains(expected) && !message.contains("dispatch failure"),
                "{message}"
            );
        }
    }

    #[test]
    fn snippets_of_files_are_left_out() {
        assert_eq!(
            without_snippet("error: line 1 column 6: unclosed\n --> <input>:1:6\n  | secret"),
            "line 1 column 6: unclosed"
        );
    }
}
