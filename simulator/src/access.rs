//! Who may call what: identity-based policies, and how IAM decides by them.
//!
//! A request becomes one or more questions ([`ask::Ask`]): may this caller take this action on this resource, in this context?
//! Every policy of the caller is asked, an explicit denial wins, and what nobody allows is denied.

pub(crate) mod ask;
mod condition;
mod context;
mod keys;
mod operator;
mod pattern;
mod policy;
mod refusal;
pub(crate) mod rules;
pub(crate) mod simulate;
mod statement;
pub(crate) mod subject;

pub use policy::{Policy, PolicyError};
pub use rules::AccessRules;
