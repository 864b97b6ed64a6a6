use std::fmt::{self, Write as _};
use std::io;
use std::path::Path;
use std::time::Duration;

/// What can go wrong while the parts of the stack start, answer or are waited for.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or a process could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
    /// The API server refused a request or did not answer it.
    #[error("{doing}: {source}")]
    Kubernetes {
        /// What was being done.
        doing: String,
        /// What the API server answered.
        source: Box<kube::Error>,
    },
    /// An HTTP request to the operator or to the simulator failed.
    #[error("{doing}: {message}")]
    Http {
        /// What was being done.
        doing: String,
        /// What came back instead.
        message: String,
    },
    /// A part of the stack ended, or never became ready.
    #[error("{name} {problem}\n--- the end of its log ---\n{log}")]
    Part {
        /// Which part.
        name: String,
        /// What happened to it.
        problem: String,
        /// The last lines that it wrote.
        log: String,
    },
    /// A condition did not come true in time.
    #[error("waited {} s for {what}, which did not happen; last seen:\n{last}", waited.as_secs())]
    Timeout {
        /// The condition, in words.
        what: String,
        /// How long it was waited for.
        waited: Duration,
        /// The last state that was seen.
        last: String,
    },
    /// A file or a setting that the kit needs is missing or wrong.
    #[error("{0}")]
    Setup(String),
}

/// The kit's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl fmt::Debug for Error {
    /// As for people: this is what a test that unwraps a result prints.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Error {
    /// The message of the API server's `Status` and its HTTP code, when the API server refused the request.
    pub fn refusal(&self) -> Option<(u16, &str)> {
        match self {
            Self::Kubernetes { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some((status.code, status.message.as_str())),
                _ => None,
            },
            _ => None,
        }
    }

    pub(crate) fn part(name: &str, problem: impl Into<String>, log: &Path) -> Self {
        Self::Part {
            name: name.into(),
            problem: problem.into(),
            log: tail(log),
        }
    }

    pub(crate) fn timeout(what: &str, waited: Duration, last: impl Into<String>) -> Self {
        Self::Timeout {
            what: what.into(),
            waited,
            last: last.into(),
        }
    }
}

/// Says what was being done when a result is an error.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl Into<String>) -> Result<T>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Io {
            doing: what.into(),
            source,
        })
    }
}

impl<T> Doing<T> for kube::Result<T> {
    fn doing(self, what: impl Into<String>) -> Result<T> {
        self.map_err(|source| Error::Kubernetes {
            doing: what.into(),
            source: Box::new(source),
        })
    }
}

/// The last lines of a log file: enough to see why a process ended.
fn tail(log: &Path) -> String {
    const LINES: usize = 30;
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let mut end = String::new();
    for line in lines.iter().skip(lines.len().saturating_sub(LINES)) {
        let _ = writeln!(end, "{line}");
    }
    if end.is_empty() {
        format!("({} is empty)", log.display())
    } else {
        end
    }
}
