//! Auto Scaling as far as it drives Classic load balancers.

mod attach;
mod configurations;
mod describe;
mod groups;
pub(crate) mod members;
mod membership;
pub(crate) mod operations;
mod request;
pub(crate) mod settle;
pub(crate) mod state;
