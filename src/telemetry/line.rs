//! A log line as one flat JSON object.
//!
//! The format of `tracing-subscriber` nests the fields of spans, and repeats those of the innermost one; but a query of
//! logs asks for `namespace` and `name`, by the names and at the place where other controllers have them.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Writes an event with the fields of all its spans beside its own. Spans must write their fields as JSON.
pub(super) struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut own = Members::default();
        event.record(&mut own);
        // The fields of the event win over those of its spans, and an inner span over an outer one.
        let mut members = Map::new();
        for span in context.event_scope().into_iter().flat_map(Scope::from_root) {
            let extensions = span.extensions();
            if let Some(fields) = extensions.get::<FormattedFields<N>>()
                && let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields)
            {
                members.extend(fields);
            }
        }
        members.extend(own.0);
        let message = members.remove("message");

        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        let first = [
            ("timestamp", Some(Value::from(time))),
            ("level", Some(Value::from(metadata.level().as_str()))),
            ("message", message),
        ];
        for (at, (name, value)) in first.into_iter().enumerate() {
            let before = if at == 0 { '{' } else { ',' };
            if let Some(value) = value {
                write!(writer, "{before}\"{name}\":{value}")?;
            }
        }
        for (name, value) in members {
            write!(writer, ",{}:{value}", Value::from(name))?;
        }
        writeln!(writer, ",\"target\":{}}}", Value::from(metadata.target()))
    }
}

/// The fields of an event.
#[derive(Default)]
struct Members(Map<String, Value>);

impl Members {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        // Names that are words of Rust are written r#type.
        let name = field.name().trim_start_matches("r#");
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Members {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
