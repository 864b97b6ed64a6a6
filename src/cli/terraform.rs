//! Pure: what a Terraform state holds of Classic load balancers.
//!
//! A state is a hint of ownership only: values come from AWS, and where the state knows others that is drift.

mod attached;
mod flat;
mod known;
mod release;
mod resource;
mod whose;

pub(super) use attached::{Attached, attached};
pub(super) use known::{Known, boolean, known, name_predefined, number, port, texts};
pub(super) use release::{release, release_of};
pub(super) use resource::{State, parse};

#[cfg(test)]
mod tests;
