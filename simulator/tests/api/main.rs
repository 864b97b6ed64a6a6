//! The simulator as its clients see it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where it fails"
)]

#[macro_use]
mod place;

mod access;
mod balancers;
mod buckets;
mod client;
mod ec2;
mod faults;
mod fuzz;
mod fuzz_neighbours;
mod lifecycle;
mod names;
mod neighbours;
mod network;

mod policies;
mod questions;
mod refusals;
mod registration;
mod rush;
mod sdk;
mod seeds;
mod settings;
mod socket;
mod state;
mod throttles;
mod time;
mod trail;
mod validation;
