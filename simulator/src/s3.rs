//! S3 as far as access logs need it: buckets, where they are and who may write to them.

pub(crate) mod call;
mod defaults;
pub(crate) mod logs;
pub(crate) mod names;
pub(crate) mod operations;
mod policy;
pub(crate) mod state;
