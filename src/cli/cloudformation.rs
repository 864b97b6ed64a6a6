//! Pure: what a CloudFormation template holds of Classic load balancers.
//!
//! A template is a hint of ownership only, as a Terraform state is: much of it stands elsewhere (`!Ref`, `!ImportValue`),
//! so values come from AWS, and where the template says another one in plain words that is drift.

mod node;
mod overlay;
mod template;

pub(super) use node::parse;
pub(super) use overlay::overlay;
pub(super) use template::{Described, described, release};
