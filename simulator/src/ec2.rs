//! EC2 as far as users of Classic load balancers need it.

mod addresses;
pub(crate) mod answers;
mod catalog;
mod filter;
mod gateways;
mod groups;
mod images;
mod instance_filters;
pub(crate) mod instances;
mod interfaces;
mod listing;
mod network;
pub(crate) mod operations;
mod paging;
pub(crate) mod plant;
mod request;
mod routes;
mod rules;
pub(crate) mod state;
pub(crate) mod tags;
