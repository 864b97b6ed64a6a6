//! What is written to standard output, by `-o`.

use clap::ValueEnum;
use serde::Serialize;

use super::failure::Failure;
use super::screen;

/// Formats of lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListFormat {
    /// A table.
    #[default]
    Table,
    /// A table with more columns.
    Wide,
    /// JSON with all there is to know.
    Json,
    /// The same as YAML.
    Yaml,
}

/// Formats of single things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    #[default]
    Text,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Formats of objects of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatusFormat {
    /// In full, for people.
    Text,
    /// A line for each.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

/// Writes a value as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(format!("writing JSON: {error}")))?;
    screen::print(&(text + "\n"))
}

/// Writes a value as YAML.
pub(super) fn yaml(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_saphyr::to_string(value).map_err(|error| Failure::new(format!("writing YAML: {error}")))?;
    screen::print(&text)
}
