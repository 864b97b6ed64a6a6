//! What is configured in a bucket that nobody has configured: nothing else can be said of one, since configurations are
//! not simulated. The codes and the defaults of new buckets are those of the S3 API reference and user guide.

use super::call::{S3Call, S3Reply, xml};
use crate::wire::{ApiError, Service, Xml};

type Answer = Result<S3Reply, ApiError>;

fn document(tag: &str, inner: impl FnOnce(&mut Xml)) -> Answer {
    let mut written = Xml::new();
    written.open(&format!("{tag} xmlns=\"{}\"", Service::S3.namespace()));
    inner(&mut written);
    written.close(tag);
    Ok(xml(written.finish()))
}

fn nothing(code: &'static str, message: &str) -> Answer {
    Err(ApiError::new(404, code, message))
}

pub(super) fn acl(call: &mut S3Call<'_>) -> Answer {
    let owner = call.account;
    document("AccessControlPolicy", |xml| {
        xml.element("Owner", |xml| {
            xml.text("ID", owner);
        });
        xml.open("AccessControlList").open("Grant");
        xml.open("Grantee xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"CanonicalUser\"")
            .text("ID", owner)
            .close("Grantee");
        xml.text("Permission", "FULL_CONTROL")
            .close("Grant")
            .close("AccessControlList");
    })
}

pub(super) fn encryption(_: &mut S3Call<'_>) -> Answer {
    document("ServerSideEncryptionConfiguration", |xml| {
        xml.element("Rule", |xml| {
            xml.element("ApplyServerSideEncryptionByDefault", |xml| {
                xml.text("SSEAlgorithm", "AES256");
            });
            xml.show("BucketKeyEnabled", false);
        });
    })
}

pub(super) fn public_access(_: &mut S3Call<'_>) -> Answer {
    document("PublicAccessBlockConfiguration", |xml| {
        for what in [
            "BlockPublicAcls",
            "IgnorePublicAcls",
            "BlockPublicPolicy",
            "RestrictPublicBuckets",
        ] {
            xml.show(what, true);
        }
    })
}

pub(super) fn ownership(_: &mut S3Call<'_>) -> Answer {
    document("OwnershipControls", |xml| {
        xml.element("Rule", |xml| {
            xml.text("ObjectOwnership", "BucketOwnerEnforced");
        });
    })
}

pub(super) fn payer(_: &mut S3Call<'_>) -> Answer {
    document("RequestPaymentConfiguration", |xml| {
        xml.text("Payer", "BucketOwner");
    })
}

pub(super) fn versioning(_: &mut S3Call<'_>) -> Answer {
    document("VersioningConfiguration", |_| {})
}

pub(super) fn logging(_: &mut S3Call<'_>) -> Answer {
    document("BucketLoggingStatus", |_| {})
}

pub(super) fn notification(_: &mut S3Call<'_>) -> Answer {
    document("NotificationConfiguration", |_| {})
}

pub(super) fn acceleration(_: &mut S3Call<'_>) -> Answer {
    document("AccelerateConfiguration", |_| {})
}

pub(super) fn no_tags(_: &mut S3Call<'_>) -> Answer {
    nothing("NoSuchTagSet", "The TagSet does not exist")
}

pub(super) fn no_lifecycle(_: &mut S3Call<'_>) -> Answer {
    nothing(
        "NoSuchLifecycleConfiguration",
        "The lifecycle configuration does not exist",
    )
}

pub(super) fn no_cors(_: &mut S3Call<'_>) -> Answer {
    nothing("NoSuchCORSConfiguration", "The CORS configuration does not exist")
}

pub(super) fn no_website(_: &mut S3Call<'_>) -> Answer {
    nothing(
        "NoSuchWebsiteConfiguration",
        "The specified bucket does not have a website configuration",
    )
}

pub(super) fn no_replication(_: &mut S3Call<'_>) -> Answer {
    nothing(
        "ReplicationConfigurationNotFoundError",
        "The replication configuration was not found",
    )
}

pub(super) fn no_object_lock(_: &mut S3Call<'_>) -> Answer {
    nothing(
        "ObjectLockConfigurationNotFoundError",
        "Object Lock configuration does not exist for this bucket",
    )
}
