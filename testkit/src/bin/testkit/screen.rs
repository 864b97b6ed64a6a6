//! What the demo prints: coloured on a terminal, plain elsewhere.

use std::io::{IsTerminal as _, Write as _};

use testkit::Calls;

use crate::recording::Recording;

/// Longer requests are cut when they are shown.
const WIDTH: usize = 160;

pub(crate) struct Screen {
    colour: bool,
    steps: u32,
    checks: u32,
    recording: Option<Recording>,
}

impl Screen {
    /// With whatever also takes down what is printed.
    pub(crate) fn new(recording: Option<Recording>) -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            colour,
            steps: 0,
            checks: 0,
            recording,
        }
    }

    /// A step begins.
    pub(crate) fn step(&mut self, title: &str, story: &str) {
        self.steps += 1;
        self.line("", "");
        self.line("1;36", &format!("{}. {title}", self.steps));
        self.line("", story);
    }

    /// A command that a person would type, and what it printed.
    pub(crate) fn command(&mut self, command: &str, output: &str) {
        self.line("1", &format!("   $ {command}"));
        for line in output.lines() {
            self.line("", &format!("     {line}"));
        }
    }

    /// Something seen in AWS.
    pub(crate) fn found(&mut self, what: &str, lines: &[String]) {
        self.line("35", &format!("   {what}"));
        for line in lines {
            self.line("", &format!("     {line}"));
        }
    }

    /// What AWS was asked.
    pub(crate) fn asked(&mut self, calls: &Calls) {
        self.line("33", "   AWS was asked:");
        if calls.is_empty() {
            self.line("", "     nothing");
        }
        for call in calls {
            let text = call.to_string();
            let cut: String = text.chars().take(WIDTH).collect();
            self.line(
                "",
                &format!("     {cut}{}", if cut.len() < text.len() { "…" } else { "" }),
            );
        }
    }

    /// Something was seen to be so.
    pub(crate) fn seen(&mut self, what: &str) {
        self.checks += 1;
        self.line("32", &format!("   ✓ {what}"));
    }

    /// A line that belongs to no step.
    pub(crate) fn tell(&mut self, line: &str) {
        self.line("", line);
    }

    /// All was seen.
    pub(crate) fn end(mut self, seconds: f64) -> anyhow::Result<()> {
        self.line("", "");
        let (steps, checks) = (self.steps, self.checks);
        self.line(
            "1;32",
            &format!("Done: {steps} steps played, {checks} checks seen to hold, in {seconds:.0} s."),
        );
        self.recording.take().map_or(Ok(()), Recording::end)
    }

    fn line(&mut self, code: &str, text: &str) {
        let coloured = format!("\x1b[{code}m{text}\x1b[0m");
        let coloured = if code.is_empty() { text } else { &coloured };
        say(if self.colour { coloured } else { text });
        if let Some(recording) = &mut self.recording {
            recording.line(coloured);
        }
    }
}

/// Prints a line. Output that nobody reads any more is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
