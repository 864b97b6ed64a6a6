//! What STS remembers, and whom it knows.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Temporary credentials, by access key id.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Session {
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) account: String,
    /// The ARN that `GetCallerIdentity` tells.
    pub(crate) arn: String,
    pub(crate) user_id: String,
    pub(crate) expires: Timestamp,
}

/// Who sent a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) arn: String,
    pub(crate) user_id: String,
}

impl Caller {
    /// The ARN of the role that it is a session of; `None` for a user.
    pub(crate) fn role_arn(&self) -> Option<String> {
        let (before, session) = self.arn.split_once(":assumed-role/")?;
        let role = session.split('/').next()?;
        Some(format!("{}:role/{role}", before.replacen(":sts:", ":iam:", 1)))
    }

    /// The user that long-lived keys of an account belong to.
    pub(crate) fn user(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            arn: format!("arn:aws:iam::{account}:user/simulator"),
            user_id: "AIDASIMULATOREXAMPLE".to_owned(),
        }
    }
}

impl From<&Session> for Caller {
    fn from(session: &Session) -> Self {
        Self {
            account: session.account.clone(),
            arn: session.arn.clone(),
            user_id: session.user_id.clone(),
        }
    }
}
