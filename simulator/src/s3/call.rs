//! A request to S3, and what it is answered with.

use std::collections::BTreeMap;

use super::names::split;
use super::state::Bucket;
use crate::wire::ApiError;

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

/// A document of S3.
pub(super) fn xml(body: String) -> S3Reply {
    (200, XML, body)
}

pub(super) const XML: &str = "application/xml";

impl<'a> S3Call<'a> {
    /// The name of the bucket in the path.
    pub(super) fn name(&self) -> &'a str {
        split(self.path).0
    }

    /// The caller's bucket of that name.
    pub(super) fn bucket(&mut self) -> Result<&mut Bucket, ApiError> {
        let bucket = self
            .buckets
            .get_mut(split(self.path).0)
            .ok_or_else(|| ApiError::new(404, "NoSuchBucket", "The specified bucket does not exist"))?;
        if bucket.account == self.account {
            Ok(bucket)
        } else {
            Err(ApiError::new(403, "AccessDenied", "Access Denied"))
        }
    }
}
