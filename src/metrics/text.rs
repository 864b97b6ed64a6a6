//! Pure: the formats in which metrics are told, and which of them a client asks for.

use std::fmt::Write as _;

/// A format of `/metrics`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `OpenMetrics`, for those who ask for it.
    OpenMetrics,
    /// The text format of Prometheus, for everybody else.
    Text,
}

impl Format {
    /// What it is called in `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    /// What a client gets that sent these values of `Accept`. `OpenMetrics` only where it is named and nothing else is liked better: a
    /// client that takes anything may know nothing but the older format.
    pub fn accepted<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let (mut open, mut plain) = (0.0_f32, 0.0_f32);
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let weight = parts.find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("q").then(|| value.trim().parse().ok())
            });
            // One that cannot be read is none.
            let weight = weight.map_or(1.0, Option::unwrap_or_default);
            match name.as_str() {
                "application/openmetrics-text" => open = open.max(weight),
                "text/plain" => plain = plain.max(weight),
                _ => {}
            }
        }
        if open > 0.0 && open >= plain {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }
}

/// A text in the `OpenMetrics` format in that of Prometheus. Samples are the same in both; there a metric is called what its samples
/// are called, and there are fewer types.
pub(super) fn plain(open: &str) -> String {
    let mut plain = String::with_capacity(open.len());
    // What is said of a metric before its type is known.
    let mut help = None;
    for line in open.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').map(|(_, help)| help);
        } else if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            let (ending, kind) = match kind {
                "counter" => ("_total", kind),
                "info" => ("_info", "gauge"),
                "unknown" => ("", "untyped"),
                "stateset" => ("", "gauge"),
                _ => ("", kind),
            };
            if let Some(help) = help.take() {
                let _ = writeln!(plain, "# HELP {name}{ending} {help}");
            }
            let _ = writeln!(plain, "# TYPE {name}{ending} {kind}");
        } else if !line.starts_with('#') {
            plain.push_str(line);
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_those_who_ask_for_it() {
        let open = "application/openmetrics-text";
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,\
                          text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        for (accept, format) in [
            (vec![], Format::Text),
            (vec!["*/*"], Format::Text),
            (vec!["text/plain"], Format::Text),
            (vec!["application/openmetrics-text; q=0, text/plain"], Format::Text),
            (
                vec!["application/openmetrics-text;q=0.2, text/plain;q=0.3"],
                Format::Text,
            ),
            (vec!["application/openmetrics-text;q=much"], Format::Text),
            (vec![open], Format::OpenMetrics),
            (vec!["text/plain;q=0.5", open], Format::OpenMetrics),
            (
                vec!["Application/OpenMetrics-Text; Version=1.0.0; Q=0.5, */*"],
                Format::OpenMetrics,
            ),
            (vec![prometheus], Format::OpenMetrics),
        ] {
            assert_eq!(Format::accepted(accept.iter().copied()), format, "{accept:?}");
        }
    }

    #[test]
    fn the_older_format_calls_metrics_what_their_samples_are_called() {
        let open = "# HELP a_steps Steps.\n# TYPE a_steps counter\n# UNIT a_steps steps\na_steps_total{b=\"c\"} 1\n\
                    # HELP a_build Version.\n# TYPE a_build info\na_build_info{version=\"1\"} 1\n\
                    # HELP a_depth Depth.\n# TYPE a_depth gauge\na_depth 2\n\
                    # HELP a_thing Thing.\n# TYPE a_thing unknown\na_thing 3\n# EOF\n";
        let expected = "# HELP a_steps_total Steps.\n# TYPE a_steps_total counter\na_steps_total{b=\"c\"} 1\n\
                        # HELP a_build_info Version.\n# TYPE a_build_info gauge\na_build_info{version=\"1\"} 1\n\
                        # HELP a_depth Depth.\n# TYPE a_depth gauge\na_depth 2\n\
                        # HELP a_thing Thing.\n# TYPE a_thing untyped\na_thing 3\n";
        assert_eq!(plain(open), expected);
    }
}
