//! Which operation a request to S3 is: there is no name of it in the request.

use http::Method;

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
