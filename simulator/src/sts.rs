//! Security Token Service: who one is, and how one becomes somebody in another account.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::wire::params::short;
use crate::wire::{ApiError, Value, Xml};
use crate::world::World;

/// The namespace of replies.
pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

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

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(
    world: &mut World,
    caller: &Caller,
    now: Timestamp,
    operation: &str,
    params: &Value,
) -> Result<String, ApiError> {
    let mut xml = Xml::new();
    match operation {
        "GetCallerIdentity" => {
            xml.text("Arn", &caller.arn)
                .text("UserId", &caller.user_id)
                .text("Account", &caller.account);
        }
        "AssumeRole" => assume(world, now, params, &mut xml)?,
        "AssumeRoleWithWebIdentity" => {
            params.required("WebIdentityToken")?;
            assume(world, now, params, &mut xml)?;
            xml.text("SubjectFromWebIdentityToken", "system:serviceaccount:default:simulator");
            xml.text("Audience", "sts.amazonaws.com").text("Provider", "simulator");
        }
        _ => {
            let shown = short(operation);
            return Err(ApiError::sender(
                "InvalidAction",
                format!("Could not find operation {shown} for version 2011-06-15"),
            ));
        }
    }
    Ok(xml.finish())
}

fn assume(world: &mut World, now: Timestamp, params: &Value, xml: &mut Xml) -> Result<(), ApiError> {
    let role = params.required("RoleArn")?;
    let session_name = params.required("RoleSessionName")?;
    let legal = |char: char| char.is_ascii_alphanumeric() || "_+=,.@-".contains(char);
    // One character is too few for AWS too, but short names are common in test fixtures.
    if !(1..=64).contains(&session_name.len()) || !session_name.chars().all(legal) {
        return Err(ApiError::constraint(
            session_name,
            "roleSessionName",
            "Member must have length less than or equal to 64 and satisfy regular expression pattern: [\\w+=,.@-]*",
        ));
    }
    let mut parts = role.split(':').skip(4);
    let (account, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let name = name
        .strip_prefix("role/")
        .and_then(|path| path.rsplit('/').next())
        .filter(|name| !name.is_empty());
    let valid = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let (Some(name), true) = (name, valid) else {
        return Err(ApiError::validation(format!("{} is invalid", short(role))));
    };
    let seconds = params.int("DurationSeconds")?.unwrap_or(3600);
    let seconds = u64::try_from(seconds)
        .ok()
        .filter(|seconds| (900..=43_200).contains(seconds))
        .ok_or_else(|| {
            ApiError::constraint(
                &seconds.to_string(),
                "durationSeconds",
                "Member must have value between 900 and 43200",
            )
        })?;
    let key_id = format!("ASIA{}", world.ids.letters(16));
    let role_id = format!("AROA{}", world.ids.letters(17));
    let session = Session {
        secret: world.ids.letters(40),
        token: world.ids.letters(120),
        account: account.to_owned(),
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}"),
        user_id: format!("{role_id}:{session_name}"),
        expires: now.plus(Duration::from_secs(seconds)),
    };
    xml.element("Credentials", |xml| {
        xml.text("AccessKeyId", &key_id)
            .text("SecretAccessKey", &session.secret);
        xml.text("SessionToken", &session.token)
            .show("Expiration", session.expires);
    });
    xml.element("AssumedRoleUser", |xml| {
        xml.text("AssumedRoleId", &session.user_id).text("Arn", &session.arn);
    });
    xml.show("PackedPolicySize", 0);
    // Who comes with an expired token is told so; a day later nobody is known by it any more.
    let forgotten = now.minus(Duration::from_hours(24));
    world.sessions.retain(|_, session| session.expires > forgotten);
    world.sessions.insert(key_id, session);
    Ok(())
}
