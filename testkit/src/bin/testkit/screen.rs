//! What the demo prints: coloured on a terminal, plain elsewhere.

use std::io::{IsTerminal as _, Write as _};

use testkit::Calls;

/// Longer requests are cut when they are shown.
const WIDTH: usize = 160;

pub(crate) struct Screen {
    colour: bool,
    steps: u32,
    checks: u32,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self {
            colour,
            steps: 0,
            checks: 0,
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
    pub(crate) fn command(&self, command: &str, output: &str) {
        self.line("1", &format!("   $ {command}"));
        for line in output.lines() {
            self.line("", &format!("     {line}"));
        }
    }

    /// Something seen in AWS.
    pub(crate) fn found(&self, what: &str, lines: &[String]) {
        self.line("35", &format!("   {what}"));
        for line in lines {
            self.line("", &format!("     {line}"));
        }
    }

    /// What AWS was asked.
    pub(crate) fn asked(&self, calls: &Calls) {
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

    /// All was seen.
    pub(crate) fn end(&self, seconds: f64) {
        self.line("", "");
        let (steps, checks) = (self.steps, self.checks);
        self.line(
            "1;32",
            &format!("Done: {steps} steps played, {checks} checks seen to hold, in {seconds:.0} s."),
        );
    }

    fn line(&self, code: &str, text: &str) {
        if self.colour && !code.is_empty() {
            say(&format!("\x1b[{code}m{text}\x1b[0m"));
        } else {
            say(text);
        }
    }
}

/// Prints a line. Output that nobody reads any more is no reason to fail.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
