//! Which operation a request to S3 is: no request says so by name, but by method, path and query together.

use http::Method;

/// Configurations of a bucket, by the parameter that asks for one, and the noun in the names of their operations.
const OF_BUCKETS: [(&str, &str); 22] = [
    ("accelerate", "BucketAccelerateConfiguration"),
    ("acl", "BucketAcl"),
    ("analytics", "BucketAnalyticsConfiguration"),
    ("cors", "BucketCors"),
    ("encryption", "BucketEncryption"),
    ("intelligent-tiering", "BucketIntelligentTieringConfiguration"),
    ("inventory", "BucketInventoryConfiguration"),
    ("lifecycle", "BucketLifecycleConfiguration"),
    ("location", "BucketLocation"),
    ("logging", "BucketLogging"),
    ("metrics", "BucketMetricsConfiguration"),
    ("notification", "BucketNotificationConfiguration"),
    ("object-lock", "ObjectLockConfiguration"),
    ("ownershipControls", "BucketOwnershipControls"),
    ("policy", "BucketPolicy"),
    ("policyStatus", "BucketPolicyStatus"),
    ("publicAccessBlock", "PublicAccessBlock"),
    ("replication", "BucketReplication"),
    ("requestPayment", "BucketRequestPayment"),
    ("tagging", "BucketTagging"),
    ("versioning", "BucketVersioning"),
    ("website", "BucketWebsite"),
];

const OF_OBJECTS: [(&str, &str); 6] = [
    ("acl", "ObjectAcl"),
    ("attributes", "ObjectAttributes"),
    ("legal-hold", "ObjectLegalHold"),
    ("retention", "ObjectRetention"),
    ("tagging", "ObjectTagging"),
    ("torrent", "ObjectTorrent"),
];

/// Operations with names that follow no rule: method, parameter, whether an object is meant.
const OTHERS: [(&str, &str, bool, &str); 10] = [
    ("GET", "uploads", false, "ListMultipartUploads"),
    ("GET", "versions", false, "ListObjectVersions"),
    ("POST", "delete", false, "DeleteObjects"),
    ("GET", "uploadId", true, "ListParts"),
    ("PUT", "uploadId", true, "UploadPart"),
    ("DELETE", "uploadId", true, "AbortMultipartUpload"),
    ("POST", "uploads", true, "CreateMultipartUpload"),
    ("POST", "uploadId", true, "CompleteMultipartUpload"),
    ("POST", "restore", true, "RestoreObject"),
    ("POST", "select", true, "SelectObjectContent"),
];

/// What narrows a listing down and makes no other operation of it.
const OF_LISTINGS: [&str; 9] = [
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "list-type",
    "marker",
    "max-keys",
    "prefix",
    "start-after",
];

/// Bucket and key of a path; either is empty when the path has none.
pub(super) fn split(path: &str) -> (&str, &str) {
    let path = path.strip_prefix('/').unwrap_or(path);
    path.split_once('/').unwrap_or((path, ""))
}

/// The name of an operation.
pub(crate) fn operation(method: &Method, path: &str, query: &str) -> String {
    let (bucket, key) = split(path);
    let method = method.as_str();
    if bucket.is_empty() {
        return if method == "GET" {
            "ListBuckets".to_owned()
        } else {
            format!("{method} /")
        };
    }
    let object = !key.is_empty();
    let names = query.split('&').filter_map(|part| part.split('=').next());
    // What every request can have: the name that newer SDKs add, and a signature in the query.
    let asked: Vec<&str> = names
        .filter(|name| !name.is_empty() && *name != "x-id" && !name.starts_with("X-Amz-"))
        .collect();
    let other = |(verb, name, of_object, _): &&(&str, &str, bool, &str)| {
        *verb == method && *of_object == object && asked.contains(name)
    };
    if let Some((.., operation)) = OTHERS.iter().find(other) {
        return (*operation).to_owned();
    }
    let nouns: &[(&str, &str)] = if object { &OF_OBJECTS } else { &OF_BUCKETS };
    if let Some((_, noun)) = nouns.iter().find(|(name, _)| asked.contains(name)) {
        return format!("{}{noun}", verb(method));
    }
    match (method, object) {
        ("GET", true) => "GetObject".to_owned(),
        ("HEAD", true) => "HeadObject".to_owned(),
        ("PUT", true) => "PutObject".to_owned(),
        ("DELETE", true) => "DeleteObject".to_owned(),
        ("HEAD", false) => "HeadBucket".to_owned(),
        ("GET", false) if asked.contains(&"list-type") => "ListObjectsV2".to_owned(),
        ("GET", false) if asked.iter().all(|name| OF_LISTINGS.contains(name)) => "ListObjects".to_owned(),
        ("PUT", false) if asked.is_empty() => "CreateBucket".to_owned(),
        ("DELETE", false) if asked.is_empty() => "DeleteBucket".to_owned(),
        _ => format!("{method} ?{}", asked.join("&")),
    }
}

fn verb(method: &str) -> &str {
    match method {
        "GET" | "HEAD" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_named_as_in_the_api_reference() {
        for (method, uri, name) in [
            ("GET", "/", "ListBuckets"),
            ("PUT", "/b", "CreateBucket"),
            ("PUT", "/b/", "CreateBucket"),
            ("PUT", "/b?x-id=CreateBucket", "CreateBucket"),
            ("GET", "/b?list-type=2&prefix=x", "ListObjectsV2"),
            ("GET", "/b?prefix=x&X-Amz-Signature=0", "ListObjects"),
            ("GET", "/b?versions&prefix=x", "ListObjectVersions"),
            ("GET", "/b?acl", "GetBucketAcl"),
            ("PUT", "/b?acl=", "PutBucketAcl"),
            ("GET", "/b/k?acl", "GetObjectAcl"),
            ("DELETE", "/b?unheard-of", "DELETE ?unheard-of"),
            ("DELETE", "/b/k?versionId=1", "DeleteObject"),
            ("GET", "/b/policy", "GetObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=x", "UploadPart"),
        ] {
            let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(operation(&method, path, query), name, "{method} {uri}");
        }
    }
}
