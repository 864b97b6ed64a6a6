//! The operations of STS.

use std::collections::BTreeMap;
use std::time::Duration;

use super::state::{Caller, Session};
use crate::clock::Timestamp;
use crate::ids::Ids;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Table, Value, Xml};

/// A request to STS, which knows neither accounts nor regions.
pub(crate) struct StsCall<'a> {
    pub(crate) ids: &'a mut Ids,
    pub(crate) sessions: &'a mut BTreeMap<String, Session>,
    pub(crate) caller: &'a Caller,
    pub(crate) external_ids: &'a BTreeMap<String, String>,
    pub(crate) now: Timestamp,
    pub(crate) params: &'a Value,
}

type Handler = fn(&mut StsCall<'_>, &mut Xml) -> Result<(), ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::Sts,
    &[
        ("AssumeRole", assume),
        ("AssumeRoleWithWebIdentity", assume_by_token),
        ("GetCallerIdentity", caller_identity),
    ],
);

/// Answers a request with what stands inside the result element.
pub(crate) fn answer(call: &mut StsCall<'_>, operation: &str) -> Result<String, ApiError> {
    let handler = OPERATIONS.find(operation)?;
    let mut xml = Xml::new();
    handler(call, &mut xml)?;
    Ok(xml.finish())
}

fn caller_identity(call: &mut StsCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    xml.text("Arn", &call.caller.arn)
        .text("UserId", &call.caller.user_id)
        .text("Account", &call.caller.account);
    Ok(())
}

fn assume_by_token(call: &mut StsCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    call.params.required("WebIdentityToken")?;
    assume(call, xml)?;
    xml.text("SubjectFromWebIdentityToken", "system:serviceaccount:default:simulator");
    xml.text("Audience", "sts.amazonaws.com").text("Provider", "simulator");
    Ok(())
}

fn assume(call: &mut StsCall<'_>, xml: &mut Xml) -> Result<(), ApiError> {
    let (params, now) = (call.params, call.now);
    let role = params.required("RoleArn")?;
    let session_name = params.required("RoleSessionName")?;
    let asked = call.external_ids.get(role).map(String::as_str);
    if asked.is_some_and(|asked| params.str("ExternalId") != Some(asked)) {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
            call.caller.arn
        );
        return Err(ApiError::new(403, "AccessDenied", message));
    }
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
    let key_id = format!("ASIA{}", call.ids.letters(16));
    let role_id = format!("AROA{}", call.ids.letters(17));
    let session = Session {
        secret: call.ids.letters(40),
        token: call.ids.letters(120),
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
    call.sessions.retain(|_, session| session.expires > forgotten);
    call.sessions.insert(key_id, session);
    Ok(())
}
