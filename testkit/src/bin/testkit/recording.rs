//! What was printed and when, in the format of asciinema (asciicast v2): `asciinema play FILE`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

/// The size of the terminal that it is played in.
const COLUMNS: usize = 120;
const ROWS: usize = 34;
/// A pause that is longer tells a spectator nothing.
const PAUSE: Duration = Duration::from_millis(1500);
/// How long the last line is looked at.
const LAST: Duration = Duration::from_secs(3);

pub(crate) struct Recording {
    file: PathBuf,
    events: String,
    /// How far it is, pauses cut.
    at: Duration,
    before: Instant,
}

impl Recording {
    /// Begins one, which is written to this file when it has ended.
    pub(crate) fn to(file: PathBuf) -> Self {
        Self {
            file,
            events: String::new(),
            at: Duration::ZERO,
            before: Instant::now(),
        }
    }

    /// A line was printed.
    pub(crate) fn line(&mut self, line: &str) {
        self.at += self.before.elapsed().min(PAUSE);
        self.before = Instant::now();
        self.event(&format!("{line}\r\n"));
    }

    fn event(&mut self, text: &str) {
        let at = self.at.as_millis();
        let _ = writeln!(
            self.events,
            "[{}.{:03},\"o\",{}]",
            at / 1000,
            at % 1000,
            serde_json::Value::from(text)
        );
    }

    /// Writes the file.
    pub(crate) fn end(mut self) -> anyhow::Result<()> {
        self.at += LAST;
        self.event("");
        let header = json!({"version": 2, "width": COLUMNS, "height": ROWS, "title": "classic-lb-operator: make demo"});
        std::fs::write(&self.file, format!("{header}\n{}", self.events))
            .with_context(|| format!("writing {}", self.file.display()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn each_line_is_an_event_that_a_player_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("demo.cast");
        let mut recording = Recording::to(file.clone());
        recording.line("\u{1b}[32m\u{2713} \"made\"\u{1b}[0m");
        recording.line("");
        recording.end().expect("written");
        let text = std::fs::read_to_string(file).expect("a text");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        assert_eq!((&lines[0]["version"], &lines[0]["width"]), (&2.into(), &COLUMNS.into()));
        assert_eq!(lines[1][2], "\u{1b}[32m\u{2713} \"made\"\u{1b}[0m\r\n");
        assert_eq!(lines[2][2], "\r\n");
        let times: Vec<f64> = lines[1..]
            .iter()
            .map(|event| event[0].as_f64().expect("a time"))
            .collect();
        assert!(times.is_sorted(), "{times:?}");
        assert!(lines[1..].iter().all(|event| event[1] == "o"));
    }
}
