//! What IAM remembers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// A certificate that ELB can present.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerCertificate {
    pub(crate) arn: String,
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) body: String,
    pub(crate) chain: Option<String>,
    pub(crate) uploaded: Timestamp,
    pub(crate) expires: Timestamp,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
}
