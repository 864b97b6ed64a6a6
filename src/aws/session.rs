//! The credentials of a role that is assumed from the operator's own identity.

use std::time::{Duration, SystemTime};

use aws_config::sts::AssumeRoleProvider;
use aws_config::{Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use tokio::sync::{Mutex, OnceCell};

use crate::elb::region;

/// Credentials are exchanged so long before they expire, so that none expires on the way.
const EARLY: Duration = Duration::from_mins(5);
/// The name of a session that nobody names, as `CloudTrail` shows it.
const SESSION_NAME: &str = "classic-lb-operator";

/// The call that takes a role, as errors name it.
pub(super) const ASSUME_ROLE: &str = "AssumeRole";

/// A role, and what its trust policy asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// The external id.
    pub external_id: Option<String>,
    /// The name of the session.
    pub session_name: Option<String>,
    /// The share of the account's rates that is ours, in percent; `None`: as everywhere.
    pub rate_share: Option<u8>,
}

impl Role {
    /// The id of the account that it is in.
    pub(super) fn account(&self) -> &str {
        self.arn.split(':').nth(4).unwrap_or_default()
    }

    /// The region whose STS is asked where the operator has no region of its own: one that cannot be switched off.
    pub(super) fn first_region(&self) -> &'static str {
        match self.arn.split(':').nth(1) {
            Some("aws-cn") => "cn-north-1",
            Some("aws-us-gov") => "us-gov-west-1",
            _ => region::FIRST,
        }
    }
}

/// The current session of a role. One that STS does not prolong serves until it expires; one that AWS rejects is given up by
/// [`renew`](Self::renew).
#[derive(Debug)]
pub(super) struct Session {
    role: Role,
    /// The operator's own identity, in the region whose STS is asked.
    own: SdkConfig,
    provider: OnceCell<AssumeRoleProvider>,
    current: Mutex<Option<Credentials>>,
}

impl Session {
    /// Nothing is called yet.
    pub(super) fn new(role: &Role, own: &SdkConfig, region: &str) -> Self {
        Self {
            role: role.clone(),
            own: own.to_builder().region(Region::new(region.to_owned())).build(),
            provider: OnceCell::new(),
            current: Mutex::default(),
        }
    }

    /// The id of the account that the role is in.
    pub(super) fn account(&self) -> &str {
        self.role.account()
    }

    /// The next call assumes the role anew: AWS rejects the session, as after its role was deleted and made again.
    pub(super) async fn renew(&self) {
        *self.current.lock().await = None;
    }

    async fn provider(&self) -> &AssumeRoleProvider {
        let make = || async {
            let Role {
                arn,
                external_id,
                session_name,
                rate_share: _,
            } = self.role.clone();
            let mut role = AssumeRoleProvider::builder(arn)
                .configure(&self.own)
                .session_name(session_name.unwrap_or_else(|| SESSION_NAME.to_owned()));
            if let Some(id) = external_id {
                role = role.external_id(id);
            }
            role.build().await
        };
        self.provider.get_or_init(make).await
    }

    async fn credentials(&self) -> provider::Result {
        // One asks for all.
        let mut current = self.current.lock().await;
        let now = self.own.time_source().map(|time| time.now());
        if let Some(fresh) = current.as_ref().filter(|it| lasts(it, now, EARLY)) {
            return Ok(fresh.clone());
        }
        match self.provider().await.provide_credentials().await {
            Ok(new) => {
                *current = Some(new.clone());
                Ok(new)
            }
            Err(error) => match current.as_ref().filter(|it| lasts(it, now, Duration::ZERO)) {
                Some(old) => Ok(old.clone()),
                None => Err(error),
            },
        }
    }
}

/// Whether credentials are good for this long. Without a clock they are not.
fn lasts(credentials: &Credentials, now: Option<SystemTime>, long: Duration) -> bool {
    now.zip(credentials.expiry())
        .is_some_and(|(now, expiry)| expiry > now + long)
}

/// What the clients of a role's account take their credentials from.
#[derive(Clone, Debug)]
pub(super) struct OfSession(pub(super) std::sync::Arc<Session>);

impl ProvideCredentials for OfSession {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.0.credentials())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_partition_has_a_region_to_ask() {
        let region = |arn: &str| {
            let role = Role {
                arn: arn.to_owned(),
                external_id: None,
                session_name: None,
                rate_share: None,
            };
            role.first_region()
        };
        assert_eq!(region("arn:aws:iam::123456789012:role/a"), "us-east-1");
        assert_eq!(region("arn:aws-cn:iam::123456789012:role/a"), "cn-north-1");
        assert_eq!(region("arn:aws-us-gov:iam::123456789012:role/a"), "us-gov-west-1");
    }

    #[test]
    fn credentials_are_exchanged_before_they_expire() {
        let now = SystemTime::UNIX_EPOCH;
        let until = |expiry| Credentials::new("a", "b", None, expiry, "test");
        let soon = until(Some(now + Duration::from_mins(4)));
        assert!(lasts(&soon, Some(now), Duration::ZERO) && !lasts(&soon, Some(now), EARLY));
        assert!(lasts(&until(Some(now + Duration::from_mins(6))), Some(now), EARLY));
        assert!(!lasts(&until(None), Some(now), EARLY) && !lasts(&soon, None, EARLY));
    }
}
