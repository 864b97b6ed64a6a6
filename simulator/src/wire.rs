//! How requests and replies look on the wire, whatever the service.

pub(crate) mod error;
pub(crate) mod params;
pub(crate) mod route;
pub(crate) mod service;
pub(crate) mod signature;
pub(crate) mod table;
pub(crate) mod xml;

pub(crate) use error::ApiError;
pub(crate) use params::Value;
pub(crate) use service::Service;
pub(crate) use table::Table;
pub(crate) use xml::Xml;
