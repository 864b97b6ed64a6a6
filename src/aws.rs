//! AWS: the only place that names types of its SDK.
//!
//! [`Accounts`] gives an [`AccountRegion`] for each region of each account. A call takes and returns the model's types,
//! and fails with an [`Error`] whose class, not its text, decides what follows.

mod account_region;
mod accounts;
mod budget;
mod cause;
mod client;
mod config;
mod convert;
mod error;
mod gate;
mod identity;
mod patience;
mod rates;
mod reads;
mod retry;
mod session;
mod signing_key;
mod trace;
mod view;

pub use crate::elb::Class;
pub use account_region::{AccountRegion, Paid};
pub use accounts::{Accounts, Standing};
pub use budget::{Limits, time_for_health};
pub use client::{Answer, Change, Client, DESCRIBE_INSTANCE_HEALTH, Denial, EnabledRegion, Filters, Question};
pub use error::Error;
pub use gate::WhenOverBudget;
pub use patience::patiently;
pub use rates::Rates;
pub use reads::Reads;
pub use session::Role;
pub use view::{CertificateOf, View};
