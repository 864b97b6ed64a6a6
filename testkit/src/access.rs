//! What the operator may do in AWS: the simulator judges its calls, and no other's, by the IAM policies that are shipped.

use std::path::Path;

use aws_simulator::{AccessKey, Config, DEFAULT_ACCOUNT, Policy};

use aws_credential_types::Credentials;

use crate::error::Doing;
use crate::{Error, Result, tool};

/// The access key that the operator calls with.
pub const OPERATOR_KEY_ID: &str = "AKIDOPERATOR";

const SECRET: &str = "operator";

/// The policies that the operator gets, beneath the project's root; `CLUSTER_ID` in them stands for its cluster id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policies {
    files: Vec<String>,
    /// The ARNs of roles in other accounts, which have the first of them.
    roles: Vec<String>,
}

impl Default for Policies {
    /// What every role of the operator has.
    fn default() -> Self {
        Self {
            files: vec!["deploy/iam/policy.json".into()],
            roles: Vec::new(),
        }
    }
}

impl Policies {
    /// This one and no other.
    pub fn only(file: &str) -> Self {
        Self {
            files: vec![file.into()],
            roles: Vec::new(),
        }
    }

    /// With one more.
    #[must_use]
    pub fn and(mut self, file: &str) -> Self {
        self.files.push(file.into());
        self
    }

    /// With a role of another account, which the operator may take.
    #[must_use]
    pub fn role(mut self, arn: &str) -> Self {
        if self.roles.is_empty() {
            self.files.push("deploy/iam/assume-role.json".into());
        }
        self.roles.push(arn.into());
        self
    }

    /// Makes the operator's key known to a simulator, and binds the policies to it.
    pub(crate) fn bind(&self, config: &mut Config, cluster_id: &str) -> Result<()> {
        let key = AccessKey {
            secret: SECRET.into(),
            account: DEFAULT_ACCOUNT.into(),
        };
        config.keys.insert(OPERATOR_KEY_ID.into(), key);
        for file in &self.files {
            let policy = read(&tool::root().join(file), cluster_id)?;
            config.access.bind(OPERATOR_KEY_ID, policy);
        }
        for (role, file) in self
            .roles
            .iter()
            .filter_map(|role| self.files.first().map(|file| (role, file)))
        {
            config.access.bind(role, read(&tool::root().join(file), cluster_id)?);
        }
        Ok(())
    }
}

fn read(path: &Path, cluster_id: &str) -> Result<Policy> {
    let text = std::fs::read_to_string(path).doing(format!("reading {}", path.display()))?;
    Policy::from_json(&text.replace("CLUSTER_ID", cluster_id))
        .map_err(|error| Error::Setup(format!("{}: {error}", path.display())))
}

/// The operator's key.
pub(crate) fn operators_credentials() -> Credentials {
    Credentials::from_keys(OPERATOR_KEY_ID, SECRET, None)
}

/// The environment of an AWS client with the operator's key in the place of another.
pub(crate) fn with_operators_key(
    environment: impl IntoIterator<Item = (&'static str, String)>,
) -> impl Iterator<Item = (&'static str, String)> {
    environment.into_iter().map(|(name, value)| match name {
        "AWS_ACCESS_KEY_ID" => (name, OPERATOR_KEY_ID.into()),
        "AWS_SECRET_ACCESS_KEY" => (name, SECRET.into()),
        _ => (name, value),
    })
}
