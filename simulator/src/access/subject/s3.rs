//! S3, whose actions are not all called as its operations.

use super::super::ask::Ask;
use super::Subject;

pub(super) fn asks(subject: &Subject<'_>) -> Vec<Ask> {
    let action = action(subject.operation);
    if action == "ListAllMyBuckets" {
        return vec![subject.ask(action, None)];
    }
    let path = subject.path.trim_start_matches('/').trim_end_matches('/');
    let arn = format!("arn:{}:s3:::{path}", subject.facts.partition());
    vec![subject.ask(action, Some(arn))]
}

fn action(operation: &str) -> &str {
    match operation {
        "ListBuckets" => "ListAllMyBuckets",
        "HeadBucket" | "ListObjects" | "ListObjectsV2" => "ListBucket",
        "ListObjectVersions" => "ListBucketVersions",
        "HeadObject" => "GetObject",
        "DeleteObjects" => "DeleteObject",
        "GetBucketEncryption" => "GetEncryptionConfiguration",
        "GetBucketLifecycleConfiguration" => "GetLifecycleConfiguration",
        "GetBucketReplication" => "GetReplicationConfiguration",
        "GetPublicAccessBlock" => "GetBucketPublicAccessBlock",
        "GetObjectLockConfiguration" => "GetBucketObjectLockConfiguration",
        other => other,
    }
}
