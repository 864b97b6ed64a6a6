//! Classic Elastic Load Balancing, API version 2012-06-01.

mod attributes;
mod create;
mod describe;
pub(crate) mod health;
pub(crate) mod instances;
mod limits;
mod listeners;
pub(crate) mod operations;
mod paging;
mod placement;
mod policies;
mod policy_types;
mod predefined;
mod request;
pub(crate) mod state;
pub(crate) mod tags;
