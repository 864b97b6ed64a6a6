//! Pure: what is told where something of the network could not be looked for.

use crate::api::message;
use crate::aws::Error;
use crate::elb::Class;
use crate::plan::{Problem, Track};

/// What a field names could not be looked for.
pub(super) fn unread(track: Track, field: &str, error: &Error) -> Problem {
    let message = if error.class == Class::Denied {
        message::network_not_permitted(error.reason(), field, error, error.operation)
    } else {
        message::network_not_looked_up(error.reason(), field, error)
    };
    Problem::missing(track, message)
}
