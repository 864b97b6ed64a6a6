//! What S3 remembers.

use serde::{Deserialize, Serialize};

/// A bucket. Their names are global.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) policy: Option<String>,
}
