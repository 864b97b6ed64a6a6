//! The operations of S3.

use super::call::{S3Call, S3Reply, XML, xml};
use super::defaults;
use super::state::Bucket;
use crate::region;
use crate::wire::params::short;
use crate::wire::{ApiError, Service, Table, Xml};

type Handler = fn(&mut S3Call<'_>) -> Result<S3Reply, ApiError>;

static OPERATIONS: Table<Handler> = Table::new(
    Service::S3,
    &[
        ("CreateBucket", create),
        ("DeleteBucket", delete),
        ("DeleteBucketPolicy", delete_policy),
        ("DeleteObject", delete_object),
        ("GetBucketAccelerateConfiguration", defaults::acceleration),
        ("GetBucketAcl", defaults::acl),
        ("GetBucketCors", defaults::no_cors),
        ("GetBucketEncryption", defaults::encryption),
        ("GetBucketLifecycleConfiguration", defaults::no_lifecycle),
        ("GetBucketLocation", location),
        ("GetBucketLogging", defaults::logging),
        ("GetBucketNotificationConfiguration", defaults::notification),
        ("GetBucketOwnershipControls", defaults::ownership),
        ("GetBucketPolicy", get_policy),
        ("GetBucketReplication", defaults::no_replication),
        ("GetBucketRequestPayment", defaults::payer),
        ("GetBucketTagging", defaults::no_tags),
        ("GetBucketVersioning", defaults::versioning),
        ("GetBucketWebsite", defaults::no_website),
        ("GetObject", no_object),
        ("GetObjectAcl", no_object),
        ("GetObjectAttributes", no_object),
        ("GetObjectLockConfiguration", defaults::no_object_lock),
        ("GetObjectTagging", no_object),
        ("GetPublicAccessBlock", defaults::public_access),
        ("HeadBucket", head),
        ("HeadObject", no_object),
        ("ListBuckets", list),
        ("ListObjects", list_objects),
        ("ListObjectsV2", list_objects),
        ("PutBucketPolicy", put_policy),
    ],
);

/// Answers a request.
pub(crate) fn answer(call: &mut S3Call<'_>, operation: &str) -> Result<S3Reply, ApiError> {
    // What is no bucket has nothing, whatever is asked of it.
    if !matches!(operation, "ListBuckets" | "CreateBucket") && !call.name().is_empty() {
        call.bucket()?;
    }
    OPERATIONS.find(operation)?(call)
}

fn done() -> S3Reply {
    (204, XML, String::new())
}

fn head(_: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    Ok(xml(String::new()))
}

fn delete(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    call.buckets.remove(call.name());
    Ok(done())
}

/// No object is kept, so that none is there.
fn no_object(_: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    Err(ApiError::new(404, "NoSuchKey", "The specified key does not exist."))
}

/// Deleting what is not there is no error in S3.
fn delete_object(_: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    Ok(done())
}

fn create(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    let name = call.name();
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
    Ok(xml(String::new()))
}

fn put_policy(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    let malformed = || {
        ApiError::new(
            400,
            "MalformedPolicy",
            "Policies must be valid JSON and the first byte must be '{'",
        )
    };
    let policy = std::str::from_utf8(call.body).map_err(|_| malformed())?;
    serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(policy).map_err(|_| malformed())?;
    call.bucket()?.policy = Some(policy.to_owned());
    Ok(done())
}

fn get_policy(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    match &call.bucket()?.policy {
        Some(policy) => Ok((200, "application/json", policy.clone())),
        None => Err(ApiError::new(
            404,
            "NoSuchBucketPolicy",
            "The bucket policy does not exist",
        )),
    }
}

fn delete_policy(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    call.bucket()?.policy = None;
    Ok(done())
}

fn list(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
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
    Ok(self::xml(xml.finish()))
}

/// The oldest region has no name here.
fn location(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    let region = call.bucket()?.region.as_str();
    let region = if region == "us-east-1" { "" } else { region };
    let namespace = Service::S3.namespace();
    Ok(xml(format!(
        "<LocationConstraint xmlns=\"{namespace}\">{region}</LocationConstraint>"
    )))
}

fn list_objects(call: &mut S3Call<'_>) -> Result<S3Reply, ApiError> {
    let mut xml = Xml::new();
    xml.open(&format!("ListBucketResult xmlns=\"{}\"", Service::S3.namespace()))
        .text("Name", call.name())
        .text("Prefix", "");
    xml.show("KeyCount", 0)
        .show("MaxKeys", 1000)
        .show("IsTruncated", false)
        .close("ListBucketResult");
    Ok(self::xml(xml.finish()))
}
