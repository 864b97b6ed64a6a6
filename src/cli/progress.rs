//! How far long work has come, on standard error.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

/// Work that ends before this shows nothing.
const LONG: Duration = Duration::from_millis(700);

/// One line that is written over again, and only where a person looks on. It is gone when this is dropped.
#[derive(Debug)]
pub(super) struct Progress {
    line: Arc<Mutex<Line>>,
    /// Shows the first line, also while nothing is told.
    first: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    interactive: bool,
    started: Instant,
    text: String,
    shown: bool,
    ended: bool,
}

impl Progress {
    /// Whether anybody looks on.
    pub(super) fn is_seen() -> bool {
        io::stderr().is_terminal()
    }

    /// Work that begins with this.
    #[allow(clippy::disallowed_methods)] // a person waits, and the task ends with this
    pub(super) fn start(text: &str) -> Self {
        let interactive = io::stderr().is_terminal();
        let line = Arc::new(Mutex::new(Line {
            interactive,
            started: Instant::now(),
            text: text.to_owned(),
            shown: false,
            ended: false,
        }));
        let later = Arc::clone(&line);
        let show = async move {
            tokio::time::sleep(LONG).await;
            later.lock().unwrap_or_else(PoisonError::into_inner).show();
        };
        Self {
            line,
            first: interactive.then(|| tokio::spawn(show)),
        }
    }

    /// Tells where the work is.
    pub(super) fn tell(&mut self, text: &str) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone_into(&mut line.text);
        if line.started.elapsed() >= LONG {
            line.show();
        }
    }
}

impl Line {
    fn show(&mut self) {
        if self.interactive && !self.ended {
            self.shown = true;
            let _ = write!(io::stderr(), "\r\u{1b}[K{}", self.text);
            let _ = io::stderr().flush();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(first) = &self.first {
            first.abort();
        }
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        line.ended = true;
        if line.shown {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
            let _ = io::stderr().flush();
        }
    }
}
