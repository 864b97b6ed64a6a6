//! Auto Scaling as far as it drives Classic load balancers.

mod absent;
mod activities;
mod attach;
mod configurations;
mod describe;
mod filter;
mod groups;
pub(crate) mod members;
mod membership;
pub(crate) mod operations;
mod request;
pub(crate) mod settle;
pub(crate) mod state;
