//! Standard output and standard error.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::os::fd::AsFd;

use textwrap::{Options, WordSplitter, WrapAlgorithm};
use tokio::io::Interest;
use tokio::net::unix::pipe;

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

/// How many columns a terminal has. None where there is none, and lines may be as long as they are.
fn columns(of: impl AsFd + io::IsTerminal) -> Option<usize> {
    let size = of.is_terminal().then(|| terminal_size::terminal_size_of(of))?;
    size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
}

/// How wide text for people may be on standard output.
pub(super) fn width() -> Option<usize> {
    columns(io::stdout())
}

/// Words stay whole, or what a person copies from a terminal would be cut.
fn options<'a>(width: usize) -> Options<'a> {
    Options::new(width)
        .break_words(false)
        .word_splitter(WordSplitter::NoHyphenation)
        .wrap_algorithm(WrapAlgorithm::FirstFit)
}

/// A text in lines of at most this width, where its words permit it.
pub(super) fn lines(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    textwrap::wrap(text, options(width))
}

/// Lines that are too long go on in the next one, further in than they began.
fn broken(text: &str, width: Option<usize>) -> Cow<'_, str> {
    let too_long = |width: &usize| text.lines().any(|line| textwrap::core::display_width(line) > *width);
    let Some(width) = width.filter(too_long) else {
        return Cow::Borrowed(text);
    };
    let mut all = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let indent = " ".repeat((indent + 4).min(width / 2));
        let parts = textwrap::wrap(line, options(width).subsequent_indent(&indent));
        for part in parts {
            all.push_str(part.trim_end());
            all.push('\n');
        }
    }
    Cow::Owned(all)
}

/// Writes text for people, which is broken between its words on a terminal.
pub(super) fn show(text: &str) -> Result<(), Failure> {
    show_on(text).map(drop)
}

/// The same, and whether anybody reads on.
pub(super) fn show_on(text: &str) -> Result<bool, Failure> {
    print_on(&broken(text, width()))
}

/// Writes data as it is. A reader that has seen enough, such as `head`, is no failure.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    print_on(text).map(drop)
}

/// The same, and whether anybody reads on.
pub(super) fn print_on(text: &str) -> Result<bool, Failure> {
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(format!("writing to standard output: {error}"))),
    }
}

/// Comes when whoever read standard output is gone, which a program that has nothing to say would not learn. Never where
/// that cannot be told, such as of a file.
pub(super) async fn deserted() {
    // Nothing is written by it, so standard output stays as it was given.
    let output = io::stdout().as_fd().try_clone_to_owned();
    if let Ok(output) = output.and_then(pipe::Sender::from_owned_fd_unchecked)
        && output.ready(Interest::ERROR).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

/// Says why something failed.
pub(super) fn complain(failure: &Failure) {
    note(&failure.to_string());
}

/// Says something that is not data.
pub(super) fn note(text: &str) {
    let text = format!("kubectl-clb: {text}\n");
    // There is nobody left to tell.
    let _ = io::stderr().write_all(broken(&text, columns(io::stderr())).as_bytes());
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

    #[test]
    fn no_word_is_cut_at_the_edge_of_a_terminal() {
        let text = "  Ready   True\n      the subnets of subnet-0123456789abcdef0 are not in us-east-1\nend\n";
        assert_eq!(broken(text, None), text);
        assert_eq!(broken(text, Some(80)), text);
        assert_eq!(
            broken(text, Some(30)),
            "  Ready   True\n      the subnets of\n          subnet-0123456789abcdef0\n          are not in us-east-1\nend\n"
        );
        // One that is longer than the terminal stays whole too.
        let words: Vec<&str> = text.split_whitespace().collect();
        for width in 1..60 {
            assert_eq!(
                broken(text, Some(width)).split_whitespace().collect::<Vec<_>>(),
                words,
                "{width}"
            );
        }
    }
}
