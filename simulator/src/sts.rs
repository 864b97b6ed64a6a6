//! Security Token Service: who one is, and how one becomes somebody in another account.

pub(crate) mod operations;
pub(crate) mod state;
