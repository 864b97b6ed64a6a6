//! IAM server certificates.

pub(crate) mod operations;
mod simulate;
pub(crate) mod state;
