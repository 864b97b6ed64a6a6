//! Pure: arguments in the order in which they are parsed. People put flags also before the command, as kubectl takes them.

use std::ffi::OsString;

use clap::{Arg, Command};

/// The same arguments with the command before the flags that stood before it.
pub(super) fn in_order(command: &Command, arguments: Vec<OsString>) -> Vec<OsString> {
    let mut at = 1;
    while let Some(argument) = arguments.get(at) {
        let Some(text) = argument.to_str().filter(|text| *text != "--") else {
            break;
        };
        // These are questions about the program as a whole.
        if matches!(text, "-h" | "--help" | "-V" | "--version") {
            break;
        }
        if !text.starts_with('-') {
            if command.find_subcommand(text).is_some() {
                let mut ordered = arguments;
                // The name of the program stays where it is.
                ordered[1..=at].rotate_right(1);
                return ordered;
            }
            break;
        }
        at += if takes_the_next(command, text) { 2 } else { 1 };
    }
    arguments
}

/// Whether the value of a flag, or of the last of several short ones, is the argument after it.
pub(super) fn takes_the_next(command: &Command, flag: &str) -> bool {
    if let Some(long) = flag.strip_prefix("--") {
        return wants_a_value(command, |argument| argument.get_long() == Some(long));
    }
    let mut shorts = flag.chars().skip(1);
    let takes = |short| wants_a_value(command, |argument| argument.get_short() == Some(short));
    // What follows the first one that takes a value is its value.
    shorts.by_ref().any(takes) && shorts.next().is_none()
}

fn wants_a_value(command: &Command, is_meant: impl Fn(&Arg) -> bool) -> bool {
    let mut flags = command.get_subcommands().flat_map(Command::get_arguments);
    flags.any(|flag| is_meant(flag) && flag.get_action().takes_values() && !flag.is_require_equals_set())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn flags_may_stand_before_the_command() {
        for (given, expected) in [
            ("-n shop status web", "status -n shop web"),
            ("-nshop -o json status web", "status -nshop -o json web"),
            ("--context=a -A plan", "plan --context=a -A"),
            ("--context list plan -f x", "plan --context list -f x"),
            ("-Ao json status", "status -Ao json"),
            ("--read-only plan web", "plan --read-only web"),
            ("status -n shop", "status -n shop"),
            ("--help status", "--help status"),
            ("--version", "--version"),
            ("-n shop", "-n shop"),
            ("-n shop nothing", "-n shop nothing"),
            ("-- status", "-- status"),
            ("", ""),
        ] {
            let words = |text: &str| {
                let all = std::iter::once("kubectl-clb").chain(text.split_whitespace());
                all.map(OsString::from).collect::<Vec<_>>()
            };
            assert_eq!(in_order(&Cli::command(), words(given)), words(expected), "{given}");
        }
    }
}
