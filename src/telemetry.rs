//! Logs.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Each request that fails is logged by whoever made it, with what follows from it; this would say it again.
const QUIET: &str = "kube_client::client::builder=off";

/// Why logging cannot start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// A word of the filter is no level.
    NotALevel(String),
    /// The filter cannot be read, for a reason.
    NotAFilter(String, String),
    /// It was started before.
    Started(String),
}

/// Starts logging to standard error. `filter` is a level or a list of `target=level`.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn start(format: LogFormat, filter: &str) -> Result<(), Obstacle> {
    if let Some(word) = filter.split(',').find(|directive| !is_understood(directive)) {
        return Err(Obstacle::NotALevel(word.to_owned()));
    }
    let filter = EnvFilter::try_new(format!("{QUIET},{filter}"))
        .map_err(|error| Obstacle::NotAFilter(filter.to_owned(), error.to_string()))?;
    let builder = fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
        LogFormat::Text => builder
            .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()))
            .finish()
            .try_init(),
    };
    started.map_err(|error| Obstacle::Started(error.to_string()))
}

/// The filter takes any bare word for the name of a target, so that a mistyped level would turn every log off.
fn is_understood(directive: &str) -> bool {
    directive.contains('=') || !directive.is_empty() && directive.parse::<LevelFilter>().is_ok()
}
