//! Standard output and standard error.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use super::failure::Failure;

/// Colours of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colour {
    Red,
    Green,
    Yellow,
    Bold,
}

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint(bool);

impl Paint {
    /// For standard output: on a terminal that wants it. `NO_COLOR` with any content says no.
    pub(super) fn for_output() -> Self {
        let says = |name: &str| std::env::var_os(name).unwrap_or_default();
        Self::wanted(
            io::stdout().is_terminal(),
            !says("NO_COLOR").is_empty(),
            says("TERM") == "dumb",
        )
    }

    fn wanted(terminal: bool, no_color: bool, dumb: bool) -> Self {
        Self(terminal && !no_color && !dumb)
    }

    /// The text in a colour.
    pub(super) fn paint(self, colour: Colour, text: &str) -> String {
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Bold => 1,
        };
        if self.0 {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Writes data. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("writing to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says why something failed.
pub(super) fn complain(failure: &Failure) {
    note(&failure.to_string());
}

/// Says something that is not data.
pub(super) fn note(text: &str) {
    // There is nobody left to tell.
    let _ = writeln!(io::stderr(), "kubectl-clb: {text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let painted = |terminal, no_color, dumb| Paint::wanted(terminal, no_color, dumb).paint(Colour::Red, "x");
        assert_eq!(painted(true, false, false), "\u{1b}[31mx\u{1b}[0m");
        assert_eq!(painted(false, false, false), "x");
        assert_eq!(painted(true, true, false), "x");
        assert_eq!(painted(true, false, true), "x");
    }
}
