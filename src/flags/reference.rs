//! The page `docs/reference/command-line.md`: every command and flag, read from what reads them.

use std::fmt::Write as _;

use clap::{Arg, Command};

const INTRODUCTION: &str = "\
# Command line

Written by `make generate` from what reads the arguments; `--help` says the same. A variable stands in for a flag that is not given.
In a cluster the chart sets the flags of `clb-operator run`: each is one of its [values](values.md).
";

/// The page for these programs.
///
/// # Errors
/// None but those of writing to a string.
pub fn page(programs: Vec<Command>) -> Result<String, std::fmt::Error> {
    let mut page = INTRODUCTION.to_owned();
    for mut program in programs {
        program.build();
        let name = program.get_bin_name().unwrap_or_else(|| program.get_name()).to_owned();
        writeln!(page, "\n## {name}\n\n{}", about(&program))?;
        for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
            if command.get_name() != "help" {
                one(&mut page, &name, command)?;
            }
        }
    }
    Ok(page)
}

/// One command with its arguments.
fn one(page: &mut String, program: &str, command: &Command) -> std::fmt::Result {
    writeln!(page, "\n### {program} {}\n\n{}\n", command.get_name(), about(command))?;
    let told: Vec<&Arg> = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !["help", "version"].contains(&argument.get_id().as_str()))
        .collect();
    if told.is_empty() {
        return Ok(());
    }
    page.push('\n');
    writeln!(
        page,
        "| argument | variable | default | what it does |\n|---|---|---|---|"
    )?;
    for argument in told {
        let variable = argument.get_env().and_then(|name| name.to_str());
        let code = |text: Option<&str>| text.map_or_else(String::new, |text| format!("`{text}`"));
        let defaults: Vec<&str> = argument
            .get_default_values()
            .iter()
            .filter_map(|value| value.to_str())
            .collect();
        let default = Some(defaults.join(",")).filter(|text| !text.is_empty() && takes_a_value(argument));
        writeln!(
            page,
            "| `{}` | {} | {} | {} |",
            name(argument),
            code(variable),
            code(default.as_deref()),
            help(argument)
        )?;
    }
    Ok(())
}

fn takes_a_value(argument: &Arg) -> bool {
    argument.get_action().takes_values()
}

/// A flag with the name of its value, or the name of an argument without a flag.
fn name(argument: &Arg) -> String {
    let values = argument.get_value_names().unwrap_or_default();
    let value = values.first().map_or_else(
        || argument.get_id().as_str().to_uppercase().replace('-', "_"),
        ToString::to_string,
    );
    let short = argument.get_short().map(|short| format!("-{short}, "));
    match argument.get_long() {
        Some(long) if takes_a_value(argument) => format!("{}--{long} {value}", short.unwrap_or_default()),
        Some(long) => format!("{}--{long}", short.unwrap_or_default()),
        None => match short {
            Some(short) => format!("{}{value}", short.replace(", ", " ")),
            None => value,
        },
    }
}

/// The long help with the choices, as the text of a cell.
fn help(argument: &Arg) -> String {
    let text = argument.get_long_help().or_else(|| argument.get_help());
    let mut text = text.map_or_else(String::new, |text| in_one_line(&text.to_string()));
    let choices: Vec<String> = argument
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if takes_a_value(argument) && !choices.is_empty() && argument.get_long() != Some("read-only") {
        let end = if text.ends_with('.') { "" } else { "." };
        let _ = write!(text, "{end} One of {}.", choices.join(", "));
    }
    text
}

/// What a command says of itself; its examples stay in the terminal.
fn about(command: &Command) -> String {
    let text = command.get_long_about().or_else(|| command.get_about());
    let text = text.map(ToString::to_string).unwrap_or_default();
    text.trim().replace('<', "&lt;")
}

fn in_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|").replace('<', "&lt;")
}
