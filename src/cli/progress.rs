//! How far long work has come, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// Work that ends before this shows nothing.
const LONG: Duration = Duration::from_millis(700);

/// One line that is written over again, and only where a person looks on. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    interactive: bool,
    started: Instant,
    shown: bool,
}

impl Progress {
    pub(super) fn start() -> Self {
        Self {
            interactive: io::stderr().is_terminal(),
            started: Instant::now(),
            shown: false,
        }
    }

    /// Tells where the work is.
    pub(super) fn tell(&mut self, text: &str) {
        if self.interactive && self.started.elapsed() >= LONG {
            self.shown = true;
            let _ = write!(io::stderr(), "\r\u{1b}[K{text}");
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
            let _ = io::stderr().flush();
        }
    }
}
