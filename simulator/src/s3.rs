//! S3 as far as access logs need it: buckets, where they are and who may write to them.

use std::collections::BTreeMap;

use http::Method;
use serde::{Deserialize, Serialize};

use crate::region::{self, RegionFacts};
use crate::wire::params::short;
use crate::wire::{ApiError, Xml};

mod policy;

/// A bucket. Their names are global.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) policy: Option<String>,
}

/// A request to S3: REST, not query.
pub(crate) struct S3Call<'a> {
    pub(crate) buckets: &'a mut BTreeMap<String, Bucket>,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) path: &'a str,
    pub(crate) body: &'a [u8],
}

/// Status, content type and body.
pub(crate) type S3Reply = (u16, &'static str, String);

/// The name of an operation for the log, from method and path.
pub(crate) fn operation(method: &Method, path: &str, query: &str) -> &'static str {
    let bucket = !path.trim_matches('/').is_empty();
    let has = |name: &str| query.split('&').any(|part| part.split('=').next() == Some(name));
    match (method.as_str(), bucket) {
        ("GET", false) => "ListBuckets",
        ("PUT", true) if has("policy") => "PutBucketPolicy",
        ("GET", true) if has("policy") => "GetBucketPolicy",
        ("DELETE", true) if has("policy") => "DeleteBucketPolicy",
        ("GET", true) if has("location") => "GetBucketLocation",
        ("PUT", true) if query.is_empty() => "CreateBucket",
        ("HEAD", true) => "HeadBucket",
        ("DELETE", true) if query.is_empty() => "DeleteBucket",
        ("GET", true) => "ListObjectsV2",
        _ => "NotImplemented",
    }
}

/// Answers a request.
pub(crate) fn answer(call: &mut S3Call<'_>, operation: &str) -> Result<S3Reply, ApiError> {
    let name = call
        .path
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    match operation {
        "ListBuckets" => Ok((200, "application/xml", list(call))),
        "CreateBucket" => create(call, &name),
        "NotImplemented" => Err(ApiError::new(
            501,
            "NotImplemented",
            "A header or query you provided requested functionality that is not implemented.",
        )),
        _ => {
            let bucket = call
                .buckets
                .get_mut(&name)
                .ok_or_else(|| ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
            if bucket.account != call.account {
                return Err(ApiError::new(403, "AccessDenied", "Access Denied"));
            }
            match operation {
                "PutBucketPolicy" => put_policy(bucket, call.body),
                "GetBucketPolicy" => match &bucket.policy {
                    Some(policy) => Ok((200, "application/json", policy.clone())),
                    None => Err(ApiError::new(
                        404,
                        "NoSuchBucketPolicy",
                        "The bucket policy does not exist",
                    )),
                },
                "DeleteBucketPolicy" => {
                    bucket.policy = None;
                    Ok((204, "application/xml", String::new()))
                }
                "GetBucketLocation" => Ok((200, "application/xml", location(&bucket.region))),
                "DeleteBucket" => {
                    call.buckets.remove(&name);
                    Ok((204, "application/xml", String::new()))
                }
                "ListObjectsV2" => Ok((200, "application/xml", empty_listing(&name))),
                _ => Ok((200, "application/xml", String::new())),
            }
        }
    }
}

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

fn create(call: &mut S3Call<'_>, name: &str) -> Result<S3Reply, ApiError> {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if !(3..=63).contains(&name.len()) || !name.bytes().all(legal) {
        return Err(ApiError::new(
            400,
            "InvalidBucketName",
            format!("The specified bucket is not valid: {}", short(name)),
        ));
    }
    // The body names the region, unless it is the one the request is for.
    let body = String::from_utf8_lossy(call.body);
    let constraint = body
        .split("<LocationConstraint>")
        .nth(1)
        .and_then(|rest| rest.split('<').next());
    // The oldest name of a region that is still taken.
    let region = match constraint {
        Some("EU") => "eu-west-1",
        Some(named) => named,
        None => call.region,
    };
    if region::find(region).is_none() {
        let message = "The specified location-constraint is not valid";
        return Err(ApiError::new(400, "InvalidLocationConstraint", message));
    }
    let region = region.to_owned();
    match call.buckets.get(name) {
        Some(bucket) if bucket.account == call.account && bucket.region == "us-east-1" => {}
        Some(bucket) if bucket.account == call.account => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(ApiError::new(409, "BucketAlreadyOwnedByYou", message));
        }
        Some(_) => {
            let message = "The requested bucket name is not available.";
            return Err(ApiError::new(409, "BucketAlreadyExists", message));
        }
        None => {
            call.buckets.insert(
                name.to_owned(),
                Bucket {
                    account: call.account.to_owned(),
                    region,
                    policy: None,
                },
            );
        }
    }
    Ok((200, "application/xml", String::new()))
}

fn put_policy(bucket: &mut Bucket, body: &[u8]) -> Result<S3Reply, ApiError> {
    let malformed = || {
        ApiError::new(
            400,
            "MalformedPolicy",
            "Policies must be valid JSON and the first byte must be '{'",
        )
    };
    let policy = std::str::from_utf8(body).map_err(|_| malformed())?;
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(policy).map_err(|_| malformed())?;
    bucket.policy = Some(policy.to_owned());
    Ok((204, "application/xml", String::new()))
}

fn list(call: &S3Call<'_>) -> String {
    let mut xml = Xml::new();
    xml.open(&format!("ListAllMyBucketsResult xmlns=\"{NAMESPACE}\""));
    xml.element("Owner", |xml| {
        xml.text("ID", call.account).text("DisplayName", "simulator");
    });
    let own = call.buckets.iter().filter(|(_, bucket)| bucket.account == call.account);
    xml.items("Buckets", "Bucket", own, |xml, (name, _)| {
        xml.text("Name", name).text("CreationDate", "2024-01-01T00:00:00.000Z");
    });
    xml.close("ListAllMyBucketsResult");
    xml.finish()
}

/// The oldest region has no name here.
fn location(region: &str) -> String {
    let region = if region == "us-east-1" { "" } else { region };
    format!("<LocationConstraint xmlns=\"{NAMESPACE}\">{region}</LocationConstraint>")
}

fn empty_listing(name: &str) -> String {
    let mut xml = Xml::new();
    xml.open(&format!("ListBucketResult xmlns=\"{NAMESPACE}\""))
        .text("Name", name)
        .text("Prefix", "");
    xml.show("KeyCount", 0)
        .show("MaxKeys", 1000)
        .show("IsTruncated", false)
        .close("ListBucketResult");
    xml.finish()
}

/// Whether ELB of a region can write access logs to a bucket; the error is AWS's text.
pub(crate) fn check_log_bucket(
    buckets: &BTreeMap<String, Bucket>,
    name: &str,
    facts: &RegionFacts,
) -> Result<(), String> {
    let bucket = buckets
        .get(name)
        .ok_or_else(|| format!("S3Bucket: {} could not be found", short(name)))?;
    if bucket.region != facts.name {
        return Err(format!(
            "S3Bucket: {name} is not located in the same region as the load balancer: {}",
            facts.name
        ));
    }
    // A bucket without any policy stands for one whose owner has opened it by other means.
    if bucket
        .policy
        .as_ref()
        .is_none_or(|policy| policy::lets_logs_in(policy, facts))
    {
        return Ok(());
    }
    Err(format!(
        "Access Denied for bucket: {name}. Please check S3bucket permission"
    ))
}
