//! Logs and traces.

mod line;
mod traces;

use tracing::Dispatch;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, registry};

use line::Line;
pub use traces::Traces;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// The target of the spans of calls to AWS. They are for traces alone: a log line has what it needs in its own members.
pub const CALLS: &str = "classic_lb_operator::calls";

/// Each request that fails is logged by whoever made it, with what follows from it; this would say it again. And around
/// the span of a reconcile the runtime has one of its own, which would name the object a second time.
const QUIET: &str = "kube_client::client::builder=off,kube_runtime::controller=off,classic_lb_operator::calls=off";

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

/// Starts logging to standard error, and tracing where traces are wanted. `filter` is a level or a list of `target=level`, of
/// the log alone.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn start(format: LogFormat, filter: &str, traces: Option<&Traces>) -> Result<(), Obstacle> {
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let subscriber = subscriber(format, filter, traces, colours, std::io::stderr)?;
    tracing::dispatcher::set_global_default(subscriber).map_err(|error| Obstacle::Started(error.to_string()))
}

fn subscriber<W>(
    format: LogFormat,
    filter: &str,
    traces: Option<&Traces>,
    colours: bool,
    writer: W,
) -> Result<Dispatch, Obstacle>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let wanted = self::filter(filter)?;
    let lines = fmt::layer().with_writer(writer);
    let lines = match format {
        LogFormat::Json => lines.fmt_fields(JsonFields::new()).event_format(Line).boxed(),
        LogFormat::Text => lines.with_ansi(colours).boxed(),
    };
    let traces = traces.map(Traces::layer);
    Ok(registry().with(traces).with(lines.with_filter(wanted)).into())
}

/// What is logged: a level or a list of `target=level`.
///
/// # Errors
/// When it cannot be read.
pub fn filter(text: &str) -> Result<EnvFilter, Obstacle> {
    if let Some(word) = text.split(',').find(|directive| !is_understood(directive)) {
        return Err(Obstacle::NotALevel(word.to_owned()));
    }
    EnvFilter::try_new(format!("{QUIET},{text}"))
        .map_err(|error| Obstacle::NotAFilter(text.to_owned(), error.to_string()))
}

/// The filter takes any bare word for the name of a target, so that a mistyped level would turn every log off.
fn is_understood(directive: &str) -> bool {
    directive.contains('=') || !directive.is_empty() && directive.parse::<LevelFilter>().is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::{info, info_span, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("a lock").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// What a reconcile writes, under the runtime's own span as in a controller.
    fn written(format: LogFormat) -> String {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = subscriber(format, "info", None, false, move || writer.clone()).expect("a filter");
        tracing::dispatcher::with_default(&subscriber, || {
            info!("starting");
            let outer = info_span!(target: "kube_runtime::controller", "reconciling object", object.ref = "web.shop");
            let _outer = outer.enter();
            let span = info_span!(
                "reconcile",
                namespace = "shop",
                name = "web",
                because = tracing::field::Empty
            );
            let _span = span.enter();
            span.record("because", "spec");
            let address = std::net::Ipv4Addr::LOCALHOST;
            warn!(code = 400, %address, retry = true, "AWS \"refused\"");
        });
        let bytes = written.0.lock().expect("a lock").clone();
        String::from_utf8(bytes).expect("text")
    }

    #[test]
    fn a_json_line_has_what_people_search_for_at_its_top_and_once() {
        let text = written(LogFormat::Json);
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!(lines[0]["message"], "starting");
        let mut line = lines[1].clone();
        assert!(line["timestamp"].as_str().is_some_and(|at| at.ends_with('Z')), "{line}");
        for member in ["timestamp", "target"] {
            line.as_object_mut().expect("an object").remove(member);
        }
        assert_eq!(
            line,
            json!({
                "level": "WARN", "message": "AWS \"refused\"", "namespace": "shop", "name": "web", "because": "spec",
                "code": 400, "address": "127.0.0.1", "retry": true,
            })
        );
        assert!(text.starts_with("{\"timestamp\":"), "{text}");
    }

    #[test]
    fn a_line_of_text_names_the_object_once() {
        let text = written(LogFormat::Text);
        let line = text.lines().last().expect("a line");
        assert!(
            line.contains("reconcile{namespace=\"shop\" name=\"web\" because=\"spec\"}"),
            "{line}"
        );
        assert_eq!(line.matches("shop").count(), 1, "{line}");
    }
}
