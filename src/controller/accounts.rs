//! The accounts that objects may refer to, and what each grants to whom.
//!
//! What the watches have not told is told as not ready: then nothing is read from or written to AWS for objects that refer
//! to an account, and the others go on.

mod known;
pub(super) mod status;
mod terms;
mod view;

pub(super) use terms::{Terms, role_of};
pub(super) use view::AccountView;
