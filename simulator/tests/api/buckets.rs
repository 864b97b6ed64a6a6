//! S3: buckets, what is asked of them, and the objects that nobody keeps here.

use crate::client::{Aws, Xml};

/// Status and body of a request for a path.
fn ask(aws: &Aws, method: &str, uri: &str) -> (u16, String) {
    let request = aws.request("s3").method(method).uri(uri).body("x".into()).unwrap();
    aws.call(request).unwrap()
}

fn code(body: &str) -> String {
    Xml::parse(body.to_owned()).one("Error/Code")
}

fn an_object_is_not_its_bucket() {
    let aws = Aws::new();
    aws.seed("buckets: [{name: logs, account: '123456789012', region: us-east-1, policy: '{}'}]");
    // No bucket comes of an object, and none goes with it.
    let (status, body) = ask(&aws, "PUT", "/never-made/AWSLogs/x");
    assert_eq!((status, code(&body).as_str()), (404, "NoSuchBucket"));
    assert_eq!(ask(&aws, "HEAD", "/never-made").0, 404);
    for uri in [
        "/logs/probe",
        "/logs/probe?x-id=DeleteObject",
        "/logs/AWSLogs/a%2Fb",
        "/logs//",
    ] {
        assert_eq!(ask(&aws, "DELETE", uri).0, 204, "{uri}");
        assert_eq!(ask(&aws, "HEAD", uri).0, 404, "{uri}");
        let (status, body) = ask(&aws, "GET", uri);
        assert_eq!((status, code(&body).as_str()), (404, "NoSuchKey"), "{uri}");
    }
    assert_eq!(ask(&aws, "GET", "/logs?policy").1, "{}");
    // What is not kept is not taken.
    let (status, body) = ask(&aws, "PUT", "/logs/probe");
    assert_eq!((status, code(&body).as_str()), (501, "NotImplemented"));
    assert!(body.contains("PutObject is not simulated"), "{body}");
    // The log calls them what they are.
    let last = aws.simulator.requests(0).pop().unwrap();
    assert_eq!((last.operation.as_str(), last.status), ("PutObject", 501));
    // With and without a slash at the end it is the bucket that goes.
    assert_eq!(ask(&aws, "DELETE", "/logs/").0, 204);
    assert_eq!(ask(&aws, "HEAD", "/logs").0, 404);
}

fn a_bucket_says_what_a_new_one_has() {
    let aws = Aws::new();
    aws.seed("buckets: [{name: logs, account: '123456789012', region: us-east-1}]");
    for (what, path, text) in [
        ("acl", "AccessControlList/Grant/Permission", "FULL_CONTROL"),
        (
            "encryption",
            "ApplyServerSideEncryptionByDefault/SSEAlgorithm",
            "AES256",
        ),
        (
            "publicAccessBlock",
            "PublicAccessBlockConfiguration/BlockPublicAcls",
            "true",
        ),
        ("ownershipControls", "Rule/ObjectOwnership", "BucketOwnerEnforced"),
        ("requestPayment", "RequestPaymentConfiguration/Payer", "BucketOwner"),
        ("versioning", "VersioningConfiguration", ""),
        ("logging", "BucketLoggingStatus", ""),
        ("notification", "NotificationConfiguration", ""),
        ("accelerate", "AccelerateConfiguration", ""),
        ("list-type=2&prefix=a", "ListBucketResult/KeyCount", "0"),
    ] {
        let (status, body) = ask(&aws, "GET", &format!("/logs?{what}"));
        assert_eq!(status, 200, "{what}: {body}");
        assert_eq!(Xml::parse(body).one(path), text, "{what}");
    }
    for (what, missing) in [
        ("tagging", "NoSuchTagSet"),
        ("lifecycle", "NoSuchLifecycleConfiguration"),
        ("cors", "NoSuchCORSConfiguration"),
        ("website", "NoSuchWebsiteConfiguration"),
        ("replication", "ReplicationConfigurationNotFoundError"),
        ("object-lock", "ObjectLockConfigurationNotFoundError"),
    ] {
        let (status, body) = ask(&aws, "GET", &format!("/logs?{what}"));
        assert_eq!((status, code(&body).as_str()), (404, missing), "{what}");
    }
    for (method, what, operation) in [
        ("PUT", "acl", "PutBucketAcl"),
        ("PUT", "tagging", "PutBucketTagging"),
        ("DELETE", "encryption", "DeleteBucketEncryption"),
        ("GET", "inventory&id=a", "GetBucketInventoryConfiguration"),
        ("POST", "delete", "DeleteObjects"),
    ] {
        let (status, body) = ask(&aws, method, &format!("/logs?{what}"));
        assert_eq!((status, code(&body).as_str()), (501, "NotImplemented"), "{what}");
        assert!(body.contains(&format!("{operation} is not simulated")), "{body}");
    }
    // Nobody asks a bucket that is not there, or somebody else's.
    assert_eq!(code(&ask(&aws, "GET", "/none?acl").1), "NoSuchBucket");
    let other = aws.as_key("AKIDOTHER");
    assert_eq!(code(&ask(&other, "GET", "/logs?acl").1), "AccessDenied");
    assert_eq!(ask(&aws, "HEAD", "/logs").0, 200);
}

everywhere! {
    an_object_is_not_its_bucket,
    a_bucket_says_what_a_new_one_has,
}
