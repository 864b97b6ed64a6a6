//! The operations of S3.

use std::collections::BTreeMap;

use super::state::Bucket;
use crate::region;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Xml};

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
        "NotImplemented" => Err(Service::S3.unknown_operation(operation)),
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
    xml.open(&format!("ListAllMyBucketsResult xmlns=\"{}\"", Service::S3.namespace()));
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
    let namespace = Service::S3.namespace();
    format!("<LocationConstraint xmlns=\"{namespace}\">{region}</LocationConstraint>")
}

fn empty_listing(name: &str) -> String {
    let mut xml = Xml::new();
    xml.open(&format!("ListBucketResult xmlns=\"{}\"", Service::S3.namespace()))
        .text("Name", name)
        .text("Prefix", "");
    xml.show("KeyCount", 0)
        .show("MaxKeys", 1000)
        .show("IsTruncated", false)
        .close("ListBucketResult");
    xml.finish()
}
