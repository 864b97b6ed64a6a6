//! The page `docs/reference/conditions.md`: every message that a user can meet, from the tables and from the definition
//! of the resource.

use std::fmt::Write as _;

use serde_json::Value;

use super::message;
use super::reason::{self, AWS_CODE, AWS_CODES, Entry, Progress};

const INTRODUCTION: &str = "\
# Conditions, Events and refusals

Written by `make generate` from the code: every reason and message that an object can show, with what to do. In messages
`<…>` stands for what is filled in. The way from a symptom to a remedy is in [troubleshooting](../troubleshooting.md).

Conditions are `Ready`, `Accepted`, `Programmed`, `TargetsHealthy`, and while they hold `Reconciling` (it goes on by itself)
and `Stalled` (it goes on when somebody changes the spec or the account). Where `Accepted` is False, `Programmed` is so with
the reason `NotAccepted`. Each change of `Ready` is published as an Event with the reason and the message of `Ready`, of type
Warning where it is False and the object is not being deleted.
";

/// The page.
///
/// # Errors
/// The definition of the resource cannot be made.
pub fn page() -> Result<String, serde_json::Error> {
    let mut page = INTRODUCTION.to_owned();
    entries(&mut page, "Conditions", reason::CONDITIONS);
    entries(&mut page, "TargetsHealthy", reason::TARGETS);
    entries(&mut page, "Events", reason::EVENTS);
    codes(&mut page);
    refusals(&mut page, &super::crd::definition()?);
    Ok(page)
}

/// Adds text; writing to a `String` cannot fail.
macro_rules! add {
    ($page:expr, $($text:tt)*) => { let _ = writeln!($page, $($text)*); };
}

fn entries(page: &mut String, title: &str, entries: &[Entry]) {
    add!(page, "\n## {title}");
    for entry in entries {
        let progress = match entry.progress {
            Progress::Reconciling => "; `Reconciling`",
            Progress::Stalled => "; `Stalled`",
            Progress::Either => "; `Stalled`, or `Reconciling` where the message says that it is tried again",
            Progress::Neither => "",
        };
        add!(page, "\n### {}\n\n{}{progress}.\n", entry.reason, entry.stands);
        add!(page, "{}\n\nWhat to do: {}", entry.meaning, entry.remedy);
        messages(page, entry.reason);
    }
}

fn messages(page: &mut String, reason: &str) {
    let mut messages = message::ALL
        .iter()
        .filter(|message| message.reason == reason)
        .peekable();
    if messages.peek().is_some() {
        add!(page, "");
    }
    for message in messages {
        add!(page, "- `{}`", message.template);
    }
}

fn codes(page: &mut String) {
    add!(
        page,
        "\n## Codes of AWS\n\nThe reason is the code of AWS, as letters and digits alone, or the reason after the arrow. A \
         code that is not listed is tried again. `status.errors` holds the operation, the code and the message for each \
         part of the balancer."
    );
    messages(page, AWS_CODE);
    for group in AWS_CODES {
        let code = |(code, reason): &(&str, Option<&str>)| match reason {
            Some(reason) => format!("`{code}` → `{reason}`"),
            None => format!("`{code}`"),
        };
        let codes: Vec<String> = group.codes.iter().map(code).collect();
        add!(
            page,
            "\n### {}\n\n{}.\n\n{}.",
            group.kind,
            codes.join(", "),
            group.stands
        );
        add!(page, "\nWhat to do: {}", group.remedy);
    }
}

/// What the API server refuses.
fn refusals(page: &mut String, definition: &Value) {
    let schema = definition.pointer("/spec/versions/0/schema/openAPIV3Schema/properties/spec");
    let (mut rules, mut limits) = (Vec::new(), Vec::new());
    if let Some(schema) = schema {
        walk("spec", schema, &mut rules, &mut limits);
    }
    add!(
        page,
        "\n## Refused at admission\n\nThe API server refuses the object, and nothing is stored. An object that was stored \
         under an older definition is told the same by the reason `Invalid`, as `<field>: <message>`.\n\n\
         | field | message |\n|---|---|"
    );
    for (field, message) in rules {
        add!(page, "| `{field}` | {} |", cell(&message));
    }
    add!(
        page,
        "| `spec.deletionProtection` | on deletion, where the chart's ValidatingAdmissionPolicy is installed: \
         `<namespace>/<name> is protected: set spec.deletionProtection to false before deleting it` |"
    );
    add!(
        page,
        "\n### Limits\n\nThe API server names the field and the limit.\n\n| field | limits |\n|---|---|"
    );
    for (field, limit) in limits {
        add!(page, "| `{field}` | {limit} |");
    }
}

/// A text in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// Collects the rules and the limits of a schema and of everything below it.
fn walk(path: &str, schema: &Value, rules: &mut Vec<(String, String)>, limits: &mut Vec<(String, String)>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let text = rule["message"].as_str().or(rule["messageExpression"].as_str());
        let text = text.or(rule["rule"].as_str()).unwrap_or_default();
        rules.push((path.to_owned(), text.to_owned()));
    }
    let found = limits_of(schema);
    if !found.is_empty() {
        limits.push((path.to_owned(), found.join(", ")));
    }
    for (name, below) in schema["properties"].as_object().into_iter().flatten() {
        walk(&format!("{path}.{name}"), below, rules, limits);
    }
    for (word, mark) in [("items", "[]"), ("additionalProperties", "{}")] {
        if let Some(below) = schema.get(word).filter(|below| below.is_object()) {
            walk(&format!("{path}{mark}"), below, rules, limits);
        }
    }
}

fn limits_of(schema: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (least, most, what) in [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " entries"),
    ] {
        match (schema[least].as_i64(), schema[most].as_i64()) {
            (Some(least), Some(most)) => found.push(format!("{least} to {most}{what}")),
            (None, Some(most)) => found.push(format!("at most {most}{what}")),
            (Some(least), None) => found.push(format!("at least {least}{what}")),
            (None, None) => {}
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> = words
            .iter()
            .map(|word| format!("`{}`", word.as_str().unwrap_or_default()))
            .collect();
        found.push(format!("one of {}", words.join(", ")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        // One holds a backtick itself.
        let mark = if pattern.contains('`') { "``" } else { "`" };
        found.push(format!("pattern {mark}{}{mark}", cell(pattern)));
    }
    if schema["x-kubernetes-list-type"] == "set" {
        found.push("each once".to_owned());
    }
    let keys = schema["x-kubernetes-list-map-keys"].as_array().into_iter().flatten();
    found.extend(keys.filter_map(Value::as_str).map(|key| format!("each `{key}` once")));
    let required: Vec<String> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|field| field.as_str().map(|field| format!("`{field}`")))
        .collect();
    if !required.is_empty() {
        found.push(format!("requires {}", required.join(", ")));
    }
    found
}
