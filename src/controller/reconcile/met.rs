//! Pure: what was in the way of reading what a plan needs.

use crate::aws::Error;
use crate::plan::{Problem, Track};

/// What was in the way of reading.
#[derive(Debug, Default)]
pub(super) struct Met {
    /// What could not be read, by track.
    pub(super) unread: Vec<(Track, Error)>,
    /// What the spec refers to and was found missing on the way.
    pub(super) problems: Vec<Problem>,
}

impl Met {
    /// Something that planning needs could not be read.
    pub(super) fn unread(&mut self, track: Track, error: &Error) {
        self.unread.push((track, error.clone()));
    }
}
