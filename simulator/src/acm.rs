//! AWS Certificate Manager.

pub(crate) mod operations;
pub(crate) mod state;
