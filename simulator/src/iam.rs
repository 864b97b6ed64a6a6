//! IAM server certificates.

pub(crate) mod operations;
pub(crate) mod state;
